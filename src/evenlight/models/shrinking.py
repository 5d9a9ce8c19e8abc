"""Smaller images for the first part of training: as much is learned from them at first, in about half the time."""

import torch

from evenlight.errors import UserError
from evenlight.models.cnn import Network
from evenlight.models.cnn_options import SMALL_SHARE


def shrink(images: torch.Tensor) -> torch.Tensor:
    """Images (N, C, H, W) at three quarters of their height and width, rounded down, smoothed as that needs."""
    height, width = (int(side * SMALL_SHARE) for side in images.shape[2:])
    return torch.nn.functional.interpolate(images, (height, width), mode="bilinear", antialias=True)


def check_shrinking(network: Network, name: str, input_shape: tuple[int, ...]) -> None:
    """Make sure that a network for images (H, W, C) also takes the smaller ones.

    Raises:
        UserError: its layers fit one size only, or the smaller images are too small for it.
    """
    height, width, channels = input_shape
    network.eval()
    try:
        with torch.inference_mode():
            network(shrink(torch.zeros(1, channels, height, width)))
    except RuntimeError:  # torch's, of shapes that don't fit
        raise UserError(
            f"params.yaml: network {name!r} can't be trained on smaller images than the {height} x {width} of"
            " standardize.size; leave out small_first"
        ) from None
