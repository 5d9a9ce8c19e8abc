"""Stage `check-training`: a trained network and its history -> what can be told of its training.

Apart from training, so that an edit to a check or to its wording trains no network again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenlight.dataset import MappedImages, kept_together, usable_rows
from evenlight.models.artifacts import load_description
from evenlight.standardize import from_rgb, to_rgb
from evenlight.storage import write_json

if TYPE_CHECKING:
    from evenlight.models.cnn import Network
    from evenlight.models.training import Epoch

_BLOCK = 1024  # images in memory at a time


def check_training(model: Path, manifest: Path, images: Path, target: Path) -> None:
    """Write checks.json; no test image is looked at.

    Args:
        model: folder of the network, with history.csv.
        manifest: manifest.parquet that it was trained on.
        images: folder of the standardized shards.
        target: file to write.

    Raises:
        UserError: a file of the network is missing or damaged.
    """
    from evenlight.models.inference import prepare_torch
    from evenlight.models.network_artifacts import load_network
    from evenlight.models.training_checks import Trained, last_weights, training_checks

    description = load_description(model)
    classes, fit = description["classes"], description["fit"]
    rows = usable_rows(manifest)
    training, validation = (rows[rows["split"] == split] for split in ("train", "validation"))
    prepare_torch(description["seed"])
    network, color = load_network(model), description["standardize"]["color"]
    unseen = MappedImages(validation, images)
    trained = Trained(
        classes=classes,
        history=_read_history(model / "history.csv"),
        best_epoch=fit["best_epoch"],
        diverged=fit["diverged"],
        last_weights=last_weights(network),
        train_codes=training["label_index"].to_numpy(),
        train_predicted=_logits(network, MappedImages(training, images), len(classes)).argmax(axis=1),
        codes=validation["label_index"].to_numpy(),
        logits=_logits(network, unseen, len(classes)),
        inverted_logits=_logits(network, unseen, len(classes), lambda pixels: _inverted(pixels, color)),
        units=np.unique(kept_together(validation), return_inverse=True)[1],
        temperature=fit["temperature"] if fit["calibrated_on"] else None,
    )
    write_json(target, training_checks(trained))


def _logits(
    network: "Network",
    images: MappedImages,
    class_count: int,
    change: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
) -> np.ndarray:
    """Logits, float64 (N, K), of images that memory need not hold; blocks of them (B, H, W, C) are changed before."""
    from evenlight.models.inference import network_logits

    blocks = (images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK))
    logits = [network_logits(network, change(block)) for block in blocks]
    return np.concatenate(logits) if logits else np.empty((0, class_count))


def _inverted(images: np.ndarray, color: str) -> np.ndarray:
    """Images (N, H, W, C) of a colour space, N at least 1, with every level v of red, green and blue made 255 - v.

    Not of the colour space itself: inverted so, a hue would be none at all (OpenCV's end at 179).
    """
    return np.stack([from_rgb(255 - pixels, color) for pixels in to_rgb(images, color)])


def _read_history(file: Path) -> "list[Epoch]":
    """Rows of history.csv, whose columns are the fields of `Epoch`; an empty cell is NaN."""
    import pandas as pd

    from evenlight.models.training import Epoch

    return [Epoch(*row) for row in pd.read_csv(file).itertuples(index=False, name=None)]
