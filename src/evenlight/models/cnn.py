"""Networks. Each takes float images (N, C, H, W) in 0 to 1 and returns raw logits (N, K).

House rules: normalization travels inside the network; `nn.ReLU` modules, one per use and not in place, so that
guided backprop and DeepLift work; no activation on the logits (it kills classes); sizes follow from the input.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from evenlight.errors import UserError


class SmallNetwork(nn.Module):
    """Three blocks of convolution, batch normalization, ReLU and pooling; global average pooling; a linear layer.

    `features` gives the last layer (N, 64), `classifier` turns it into logits.
    """

    def __init__(self, channels: int, class_count: int, dropout: float) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, channels, 1, 1))
        widths = (channels, 16, 32, 64)
        blocks = [_block(before, after) for before, after in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], class_count))

    def set_normalization(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Mean and standard deviation per channel of the training images, in 0 to 1."""
        self.mean.copy_(torch.from_numpy(mean).float().view(1, -1, 1, 1))
        self.deviation.copy_(torch.from_numpy(deviation).float().view(1, -1, 1, 1))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Activations before the last linear layer: (N, 64)."""
        return self.pool(self.blocks((images - self.mean) / self.deviation)).flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, K)."""
        return self.classifier(self.features(images))


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


_SMALLEST_SIDE = {"small": 8}


def build_network(name: str, input_shape: tuple[int, ...], class_count: int, dropout: float) -> SmallNetwork:
    """A network of a given name for images of shape (H, W, C).

    Raises:
        UserError: the images are too small for it.
    """
    height, width, channels = input_shape
    if min(height, width) < _SMALLEST_SIDE[name]:
        raise UserError(
            f"params.yaml: network {name!r} needs images of at least {_SMALLEST_SIDE[name]} pixels a side,"
            f" standardize.size gives {height} x {width}"
        )
    return SmallNetwork(channels, class_count, dropout)
