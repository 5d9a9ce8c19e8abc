"""A trained network at work for the feature families that look through one.

torch's last digits depend on how many images it computes at once, but not on which, nor on their order. So all batches
are of one size, and the last one is filled up with black images: a row is the same whatever else is in the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenlight.errors import UserError

if TYPE_CHECKING:
    from evenlight.models.cnn import Network

_BATCH_PIXELS = 2**16  # what stays in the processor's cache is computed up to three times as fast
_SMALLEST_BATCH = 4


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, the name of its model, and the shape (H, W, C) of the images that it was trained on."""

    network: "Network"
    name: str
    input_shape: tuple[int, ...]


def trained_network(folder: Path) -> TrainedNetwork:
    """The network in a model's folder.

    Raises:
        UserError: missing, damaged, or a model of another kind.
    """
    from evenlight.models.artifacts import load_description
    from evenlight.models.inference import prepare_torch
    from evenlight.models.network_artifacts import load_network
    from evenlight.outline import is_network

    description = load_description(folder)
    if not is_network(description["kind"]):
        raise UserError(f"{folder}: features can be had from a network, and this model is none")
    prepare_torch(description["seed"])
    return TrainedNetwork(load_network(folder), description["name"], tuple(description["input_shape"]))


def in_equal_batches(
    images: np.ndarray, trained: TrainedNetwork, compute: Callable[["Network", np.ndarray], np.ndarray]
) -> np.ndarray:
    """Rows (N, D) of standardized images uint8 (N, H, W, C) as float32, the same batch size always.

    Args:
        images: at least one, as the network was trained on: in its size and colours.
        trained: the network.
        compute: rows (M, D) of images (M, H, W, C).

    Raises:
        UserError: the network was trained on images of another shape.
    """
    if images.shape[1:] != trained.input_shape:
        wanted, given = (" x ".join(map(str, shape)) for shape in (trained.input_shape, images.shape[1:]))
        raise UserError(
            f"{trained.name} was trained on images of {wanted} and can't see {given}; run `snakemake --cores 8`"
        )
    size = max(_SMALLEST_BATCH, _BATCH_PIXELS // (images.shape[1] * images.shape[2]))
    batch = np.zeros((size, *images.shape[1:]), dtype=np.uint8)
    rows = []
    for start in range(0, len(images), size):
        some = images[start : start + size]
        batch[: len(some)], batch[len(some) :] = some, 0
        rows.append(compute(trained.network, batch)[: len(some)].astype(np.float32))
    return np.concatenate(rows)
