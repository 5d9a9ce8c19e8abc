"""Stages `features` and `learn-feature`: standardized images -> the columns of one entry of `features:`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evenlight import feature_table
from evenlight.dataset import load_images, usable_rows
from evenlight.errors import UserError
from evenlight.runtime import seed_for
from evenlight.sampling import sample
from evenlight.standardize import to_rgb
from evenlight.storage import read_array, read_table, write_array, write_table

_LEARNED_FROM = 2000  # training images at most


def extract(
    name: str,
    images: Path,
    shard: Path,
    color: str,
    options: Mapping[str, Any],
    table: Path,
    learned: Path | None = None,
    model: Path | None = None,
) -> None:
    """Compute one entry's columns; rows are the usable images of the shard.

    An entry that looks through the trained network in the folder `model` sees the images as the network does.
    """
    rows = read_table(shard, ["path", "verdict"])
    paths = rows.loc[rows["verdict"] != "quarantined", "path"].tolist()
    stored = read_array(images)
    pixels = to_rgb(stored, color) if model is None else stored
    known = None if learned is None else np.array(read_array(learned))
    write_table(table, feature_table.feature_table(name, pixels, paths, options, known, model))


def learn(
    name: str, manifest: Path, images: Path, color: str, options: Mapping[str, Any], seed: int, target: Path
) -> None:
    """Learn what an entry needs, such as a vocabulary, from a sample of the training images.

    Raises:
        UserError: there is no training image.
    """
    rows = usable_rows(manifest)
    rows = rows[rows["split"] == "train"]
    if rows.empty:
        raise UserError(f"{name}: there is no training image to learn from; change `split:`")
    seed = seed_for(seed, "features", name)
    pixels = to_rgb(load_images(rows.iloc[sample(len(rows), _LEARNED_FROM, seed)], images), color)
    write_array(target, feature_table.learn(name, pixels, options, seed))
