"""The strongest within minutes on one CPU thread: whitened patches, then three pairs of convolutions.

After Jordan's airbench94 ("94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498), with as many channels
as a CPU can afford and ReLUs, which can be explained. Despite its name it has no shortcuts around its convolutions:
they brought nothing in a training of one minute (docs/benchmarks.md).

It is made for one recipe, which it learns by from the first step:

    optimizer: muon, learning_rate: 0.24, momentum: 0.6, weight_decay: 0, warm_up: 0.1, batch_size: 512,
    label_smoothing: 0.2, dropout: 0, crop: 2, small_first: 0.5, mirrored: true

For 50,000 images of 32 x 32 one CPU thread in bfloat16 takes about a minute for `epochs: 2, width: 0.5`, five for
`epochs: 5, width: 0.75` and a quarter of an hour for `epochs: 9`. Of few images take smaller batches, so that there
are some hundred steps in all.
"""

from itertools import pairwise

import torch
from torch import nn

from evenlight.models.cnn import Network
from evenlight.models.cnn_options import CnnOptions

SMALLEST_SIDE = 9
WIDENS = True
NORMALIZES = True

_PATCH = 2  # pixels
_NOISE = 5e-4  # variance below which a component is not blown up to 1
_WIDTHS = (64, 128, 256)


def build(options: CnnOptions, input_shape: tuple[int, ...], class_count: int) -> Network:
    """256 features and 1.2 million weights at a width of 1."""
    channels = input_shape[2]
    patches = _Whitening(channels)
    widths = [patches.out_channels, *(max(1, round(options.width * width)) for width in _WIDTHS)]
    blocks = [_Block(before, after) for before, after in pairwise(widths)]
    head = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())
    classifier = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(widths[-1], class_count))
    return _Whitened(channels, nn.Sequential(patches, nn.ReLU(), *blocks), head, classifier)


class _Whitened(Network):
    """Its first layer learns from images, not from gradients."""

    def learn(self, images: torch.Tensor) -> None:
        for module in self.trunk.modules():
            if isinstance(module, _Whitening):
                module.learn((images - self.mean) / self.deviation)


class _Whitening(nn.Conv2d):
    """Patches as principal components, each of variance 1, and again with the other sign: the ReLU loses nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 2 * channels * _PATCH**2, kernel_size=_PATCH, bias=False)
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def learn(self, images: torch.Tensor) -> None:
        """Components of the patches of normalized images (N, C, H, W), the one of most variance first."""
        patches = nn.functional.unfold(images, _PATCH).transpose(1, 2).flatten(0, 1)
        variances, directions = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
        components = (directions / (variances + _NOISE).sqrt()).T.flip(0).float()
        self.weight.copy_(torch.cat([components, -components]).view_as(self.weight))


class _Block(nn.Sequential):
    """Halves the side, then a second convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(
            _convolution(before, after), nn.MaxPool2d(2), _normalization(after), nn.ReLU(),
            _convolution(after, after), _normalization(after), nn.ReLU(),
        )  # fmt: skip


def _convolution(before: int, after: int) -> nn.Conv2d:
    """Passes its inputs on at the start (a Dirac kernel), as far as there are outputs for them."""
    convolution = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:before])
    return convolution


def _normalization(channels: int) -> nn.BatchNorm2d:
    """Only its biases are learned; statistics follow the last few batches, as there are few in all."""
    normalization = nn.BatchNorm2d(channels, momentum=0.4)
    normalization.weight.requires_grad_(False)
    return normalization
