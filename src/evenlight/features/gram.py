"""Texture as a trained network sees it: how its feature maps go together, wherever in the image (Gatys et al. 2015).

Bilinear pooling (Lin, RoyChowdhury and Maji 2015): mean products of every two maps, their signed square roots, unit
length. All of D maps make D * (D + 1) / 2 columns; so they are mixed into fewer first, with random signs (Achlioptas
2003), which tells classes apart better than as many of the maps themselves. The signs are the same for all networks of
D maps. As with `cnn`, what is measured among training images flatters these features.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from evenlight.columns import Column
from evenlight.network_features import TrainedNetwork, in_equal_batches, trained_network
from evenlight.settings import Settings

if TYPE_CHECKING:
    from evenlight.models.cnn import Network

_SEED = 0  # of the signs: no setting, because no mixture is better than another

COLUMNS = (
    Column("gram_*", "share of the length", -1, 1, "how two mixtures of a network's maps go together"),
)


class Options(Settings):
    """Which network, and how many mixtures of its maps."""

    model: str = Field("cnn_small", min_length=1, description="an entry of `models:` of kind cnn")
    channels: int = Field(16, ge=2, le=64, description="mixtures that the last feature maps are reduced to")


def load(folder: Path) -> TrainedNetwork:
    """The network in a model's folder."""
    return trained_network(folder)


def column_names(
    options: Options, image_shape: tuple[int, int, int], trained: TrainedNetwork | None = None
) -> list[str]:
    """`gram_00_00`, `gram_00_01`, ...: every two mixtures, the first one not after the second."""
    pairs = zip(*np.triu_indices(options.channels), strict=True)
    return [f"gram_{first:02d}_{second:02d}" for first, second in pairs]


def extract(images: np.ndarray, options: Options, trained: TrainedNetwork) -> np.ndarray:
    """Gram matrices of standardized images uint8 (N, H, W, C), in the network's colours: float32 (N, D).

    Raises:
        UserError: the network was trained on images of another shape.
    """
    return in_equal_batches(images, trained, lambda network, batch: _rows(network, batch, options.channels))


def _rows(network: "Network", images: np.ndarray, channels: int) -> np.ndarray:
    import torch

    from evenlight.models.inference import to_tensor

    with torch.inference_mode():
        maps = network.maps(to_tensor(images)).flatten(2).double().numpy()
    mixed = _signs(channels, maps.shape[1]) @ maps
    first, second = np.triu_indices(channels)
    products = (mixed @ mixed.transpose(0, 2, 1))[:, first, second] / maps.shape[2]
    roots = np.sign(products) * np.sqrt(np.abs(products))
    length = np.linalg.norm(roots, axis=1, keepdims=True)
    return np.divide(roots, length, out=np.zeros_like(roots), where=length > 0)


def _signs(channels: int, maps: int) -> np.ndarray:
    """Random signs, float64 (channels, maps), scaled so that a mixture is about as strong as a map."""
    draws = np.random.Generator(np.random.PCG64(_SEED))
    return (2.0 * draws.integers(0, 2, (channels, maps)) - 1) / np.sqrt(maps)
