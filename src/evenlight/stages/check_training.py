"""Stage `check-training`: a trained network and its history -> what can be told of its training.

Apart from training, so that an edit to a check or to its wording trains no network again.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenlight.dataset import MappedImages, kept_together, usable_rows
from evenlight.models.artifacts import load_description
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
    network = load_network(model)
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
        inverted_logits=_logits(network, unseen, len(classes), invert=True),
        units=np.unique(kept_together(validation), return_inverse=True)[1],
        temperature=fit["temperature"] if fit["calibrated_on"] else None,
    )
    write_json(target, training_checks(trained))


def _logits(network: "Network", images: MappedImages, class_count: int, invert: bool = False) -> np.ndarray:
    """Logits, float64 (N, K), of images that memory need not hold, or of the same with every level v made 255 - v."""
    from evenlight.models.inference import network_logits

    blocks = (images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK))
    logits = [network_logits(network, 255 - block if invert else block) for block in blocks]
    return np.concatenate(logits) if logits else np.empty((0, class_count))


def _read_history(file: Path) -> "list[Epoch]":
    """Rows of history.csv, whose columns are the fields of `Epoch`; an empty cell is NaN."""
    import pandas as pd

    from evenlight.models.training import Epoch

    return [Epoch(*row) for row in pd.read_csv(file).itertuples(index=False, name=None)]
