"""What a trained network sees: its features before the last layer, for other models to use (transfer).

The network knows the labels of its training images, so these features tell them apart too well: what is measured among
training images, as in the ablation and in searches, flatters them. Validation and test images are seen fairly.
"""

from pathlib import Path

import numpy as np
from pydantic import Field

from evenlight.columns import Column
from evenlight.network_features import TrainedNetwork, in_equal_batches, trained_network
from evenlight.settings import Settings

COLUMNS = (Column("cnn_*", "activation", -np.inf, np.inf, "feature that a trained network found by itself"),)


class Options(Settings):
    """Which network."""

    model: str = Field("cnn_small", min_length=1, description="an entry of `models:` of kind cnn")


def load(folder: Path) -> TrainedNetwork:
    """The network in a model's folder."""
    return trained_network(folder)


def column_names(
    options: Options, image_shape: tuple[int, int, int], trained: TrainedNetwork | None = None
) -> list[str]:
    """`cnn_0000`, ...: as many as the network's last layer sees; none where there is no network yet."""
    if trained is None:
        return []
    row = extract(np.zeros((1, *trained.input_shape), dtype=np.uint8), options, trained)
    return [f"cnn_{number:04d}" for number in range(row.shape[1])]


def extract(images: np.ndarray, options: Options, trained: TrainedNetwork) -> np.ndarray:
    """Last-layer features of standardized images uint8 (N, H, W, C), in the network's colours: float32 (N, F).

    Raises:
        UserError: the network was trained on images of another shape.
    """
    from evenlight.models.inference import run_network

    return in_equal_batches(images, trained, lambda network, batch: run_network(network, batch)[1])
