"""What all networks share. Each takes float images (N, C, H, W) in 0 to 1 and returns raw logits (N, K).

House rules: normalization travels inside the network; `nn.ReLU` modules, one per use and not in place, so that
guided backprop and DeepLift work; no activation on the logits (it kills classes); sizes follow from the input.
A network is a module of `evenlight.models.networks`; to add one is to add a file.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

import evenlight.models.networks
from evenlight.errors import UserError
from evenlight.plugins import load_module

if TYPE_CHECKING:
    from evenlight.models.cnn_options import CnnOptions


class Network(nn.Module):
    """Images -> `trunk` -> maps (N, D, h, w) -> `head` -> features (N, F) -> `classifier` -> logits (N, K).

    The explanations look at these three parts: Grad-CAM at the maps, neighbours and pictures of the feature space at
    the features. A `mirrored` one is asked about mirror images too (inference.py).
    """

    mirrored = False

    def __init__(self, channels: int, trunk: nn.Module, head: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, channels, 1, 1))
        self.fixed_normalization = False
        self.trunk, self.head, self.classifier = trunk, head, classifier

    def set_normalization(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Mean and standard deviation per channel of the training images, in 0 to 1.

        Without effect where the weights were trained under another normalization.
        """
        if not self.fixed_normalization:
            self._normalize_by(mean, deviation)

    def fix_normalization(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """The normalization that the weights were trained under: it stays, whatever the training images are like."""
        self._normalize_by(mean, deviation)
        self.fixed_normalization = True

    def _normalize_by(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        self.mean.copy_(torch.from_numpy(mean).float().view(1, -1, 1, 1))
        self.deviation.copy_(torch.from_numpy(deviation).float().view(1, -1, 1, 1))

    def learn(self, images: torch.Tensor) -> None:
        """Take from training images (N, C, H, W) in 0 to 1 what no gradient teaches; most networks take nothing.

        The normalization is set before.
        """

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """The last feature maps (N, D, h, w)."""
        return self.trunk((images - self.mean) / self.deviation)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the classifier sees: (N, F)."""
        return self.head(self.maps(images))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, K)."""
        return self.classifier(self.features(images))


def global_average() -> nn.Sequential:
    """A head that averages every map: with it Grad-CAM is exact."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def build_network(options: "CnnOptions", input_shape: tuple[int, ...], class_count: int) -> Network:
    """The network that the options name, for images of shape (H, W, C).

    Raises:
        UserError: there is no network of that name, the images are too small for it, or it can't be had with the
            weights asked for.
    """
    module = load_module(evenlight.models.networks, options.network, "network")
    if options.weights == "default" and not getattr(module, "PRETRAINED", False):
        raise UserError(
            f"params.yaml: there are no published weights of network {options.network!r}; choose weights: none, or"
            " one of torchvision's networks"
        )
    if min(input_shape[:2]) < module.SMALLEST_SIDE:
        raise UserError(
            f"params.yaml: network {options.network!r} needs images of at least {module.SMALLEST_SIDE} pixels a"
            f" side, standardize.size gives {input_shape[0]} x {input_shape[1]}"
        )
    network = module.build(options, input_shape, class_count)
    assert isinstance(network, Network)
    network.mirrored = options.mirrored
    return network
