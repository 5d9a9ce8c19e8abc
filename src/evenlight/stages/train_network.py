"""Stage `train` for networks: standardized images -> weights and history."""

from collections.abc import Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.dataset import check_training_classes, load_images, usable_rows
from evenlight.models.artifacts import describe
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.network_artifacts import save_network
from evenlight.models.training import Epoch, train_network
from evenlight.progress import say
from evenlight.runtime import seed_for
from evenlight.storage import file_sha256, read_json, write_csv


def train(
    name: str,
    options: Mapping[str, Any],
    region: Mapping[str, Any],
    standardize: Mapping[str, Any],
    seed: int,
    manifest: Path,
    classes: Path,
    images: Path,
    folder: Path,
) -> None:
    """Train one network; the best validation epoch's weights are kept.

    Raises:
        UserError: the training images are of one class, or too small for the network.
    """
    rows = usable_rows(manifest)
    names = read_json(classes)
    train_rows, validation_rows = rows[rows["split"] == "train"], rows[rows["split"] == "validation"]
    codes = train_rows["label_index"].to_numpy()
    check_training_classes(codes, names)
    pixels = load_images(train_rows, images)
    validation = load_images(validation_rows, images), validation_rows["label_index"].to_numpy()
    settings = CnnOptions(**options)
    say(f"training {name} on {len(codes):,} images, {settings.epochs} epochs")
    network, history, best_epoch = train_network(
        settings, pixels, codes, validation, len(names), seed_for(seed, name)
    )
    description = describe(
        name,
        settings.model_dump(),
        classes=names,
        region=dict(region),
        standardize=dict(standardize),
        columns=None,
        families=[],
        input_shape=list(pixels.shape[1:]),
        seed=seed,
        fit={"training_images": len(codes), "best_epoch": best_epoch},
        data_hash=file_sha256(manifest),
    )
    save_network(folder, network, description)
    columns = [field.name for field in fields(Epoch)]
    write_csv(
        folder / "history.csv", columns, [[_plain(value) for value in astuple(epoch)] for epoch in history]
    )


def _plain(value: float) -> str:
    """Six digits; an undefined number is an empty cell."""
    return f"{value:.6g}" if np.isfinite(value) else ""
