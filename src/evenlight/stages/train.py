"""Stage `train` for classical models: feature tables -> model file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenlight.dataset import load_features, usable_rows
from evenlight.errors import UserError
from evenlight.models import classical
from evenlight.models.artifacts import describe, save_classical
from evenlight.progress import say
from evenlight.runtime import seed_for
from evenlight.storage import file_sha256, read_json


def train(
    name: str,
    options: Mapping[str, Any],
    families: list[str],
    region: Mapping[str, Any],
    standardize: Mapping[str, Any],
    seed: int,
    manifest: Path,
    classes: Path,
    features: Path,
    folder: Path,
) -> None:
    """Fit one model on the training images; scores are made probabilities on the validation images.

    Raises:
        UserError: the training images are of one class, or a column is missing.
    """
    options = classical.with_defaults(options)
    rows = usable_rows(manifest)
    names = read_json(classes)
    wanted = classical.families_of(options, families)
    codes = rows.loc[rows["split"] == "train", "label_index"].to_numpy()
    check_training_classes(codes, names)
    values, columns = _training_columns(rows[rows["split"] == "train"], options, features, wanted)
    say(f"fitting {name} on {len(codes):,} images and {len(columns):,} columns")
    estimator = classical.fit(options, values, codes, seed_for(seed, name))
    facts: dict[str, Any] = {"training_images": len(codes)}
    if hasattr(estimator, "threshold_"):
        facts["threshold"] = estimator.threshold_
    if not hasattr(estimator, "predict_proba"):
        unseen = rows[rows["split"] == "validation"]
        unseen = unseen if len(unseen) else rows[rows["split"] == "train"]
        values, _ = _training_columns(unseen, options, features, wanted)
        scores = classical.raw_scores(estimator, values, len(names))
        facts["temperature"] = classical.fit_temperature(scores, unseen["label_index"].to_numpy())
    description = describe(
        name,
        options,
        classes=names,
        region=dict(region),
        standardize=dict(standardize),
        columns=columns,
        families=wanted,
        input_shape=[*standardize["size"], 1 if standardize["color"] == "gray" else 3],
        seed=seed,
        fit=facts,
        data_hash=file_sha256(manifest),
    )
    save_classical(folder, estimator, description)


def _training_columns(
    rows: pd.DataFrame, options: Mapping[str, Any], features: Path, families: list[str]
) -> tuple[np.ndarray, list[str]]:
    """The columns that a model uses, of these rows."""
    values, columns = load_features(rows, features, families)
    chosen = classical.columns_of(options, columns)
    places = {column: place for place, column in enumerate(columns)}
    missing = [column for column in chosen if column not in places]
    if missing:
        raise UserError(
            f"params.yaml: there is no feature column {missing[0]!r}; `evenlight features --list` prints them all"
        )
    return values[:, [places[column] for column in chosen]], chosen


def check_training_classes(codes: np.ndarray, names: list[str]) -> None:
    """Raise UserError when there is nothing to tell apart."""
    if len(np.unique(codes)) < 2:
        seen = ", ".join(repr(names[code]) for code in np.unique(codes)) or "none"
        raise UserError(
            f"the training images are of one class only ({seen}); add images of another class, or change `split:`"
        )
