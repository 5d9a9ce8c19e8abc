"""Stage `plot_boundary`: the regions of a classical model on one or two columns, with the images it is about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.dataset import model_values, usable_rows
from evenlight.errors import UserError
from evenlight.explain.boundary import regions
from evenlight.feature_table import documented
from evenlight.models import classical
from evenlight.models.artifacts import load_description
from evenlight.models.calibration import softmax
from evenlight.models.classical_artifacts import load_classical
from evenlight.report import feature_charts
from evenlight.runtime import seed_for
from evenlight.sampling import stratified_sample
from evenlight.storage import write_bytes

_POINTS = {1: 2001, 2: 240}  # of the grid, along each axis
_SHOWN = 300  # images of a split in the picture, at most: more hide the regions and each other


def plot_boundary(
    model: Path, manifest: Path, features: Path, entries: Mapping[str, Mapping[str, Any]], picture: Path
) -> None:
    """Write a PNG of what a model says over the range of the images shown, and of these images.

    At most 300 training and 300 test images are shown, stratified samples where there are more; the picture says so.

    Args:
        model: folder of a classical model.
        manifest: manifest.parquet.
        features: folder of the feature tables.
        entries: `features` of params.yaml, for the columns' units.
        picture: results/<dataset>/<model>/boundary.png.

    Raises:
        UserError: the model sees another number of columns.
    """
    description, rows = load_description(model), usable_rows(manifest)
    columns, classes = description["columns"], description["classes"]
    if len(columns) not in _POINTS:
        raise UserError(
            f"{description['name']} sees {len(columns)} columns; a boundary can be drawn on one or two:"
            " name them under `columns:` of the model in params.yaml"
        )
    splits = rows["split"].to_numpy()
    shown = rows.iloc[_drawn(splits, rows["label_index"].to_numpy(), description)]
    values, _ = model_values(shown, description["options"], features, description["families"], columns)
    estimator, temperature = load_classical(model), description["fit"].get("temperature", 1.0)

    def probabilities(seen: np.ndarray) -> np.ndarray:
        return softmax(classical.raw_scores(estimator, seen, len(classes)) / temperature)

    codes = shown["label_index"].to_numpy(dtype=np.int64)
    points = feature_charts.Points(
        values,
        codes,
        wrong=probabilities(values).argmax(axis=1) != codes,
        test=(shown["split"] == "test").to_numpy(dtype=bool),
        totals=(int((splits == "train").sum()), int((splits == "test").sum())),
    )
    labels = [_label(column, description["families"], entries) for column in columns]
    found = regions(values, probabilities, _POINTS[len(columns)])
    write_bytes(picture, feature_charts.boundary_picture(found, points, classes, labels, description["name"]))


def _drawn(splits: np.ndarray, codes: np.ndarray, description: Mapping[str, Any]) -> np.ndarray:
    """Places of the training and test images in the picture."""
    chosen = []
    for split in ("train", "test"):
        places = np.flatnonzero(splits == split)
        seed = seed_for(description["seed"], "boundary", split)
        chosen.append(places[stratified_sample(codes[places], _SHOWN, seed)])
    return np.concatenate(chosen)


def _label(column: str, families: list[str], entries: Mapping[str, Mapping[str, Any]]) -> str:
    entry = classical.family_of(column, families)
    if entry is None:
        return column  # of the manifest
    note = documented(column, entry, entries[entry])
    return f"{column} ({note.unit})" if note and note.unit else column
