"""Stage `train` for classical models: feature tables -> model file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import check_training_classes, kept_together, model_values, usable_rows
from evenlight.errors import UserError
from evenlight.models import classical
from evenlight.models.artifacts import describe
from evenlight.models.calibration import fit_temperature
from evenlight.models.classical_artifacts import save_classical
from evenlight.models.search import Search, hyper_parameters, out_of_fold_scores, search
from evenlight.progress import say
from evenlight.runtime import seed_for
from evenlight.storage import file_sha256, read_json

if TYPE_CHECKING:
    import pandas as pd


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
    search_settings: Mapping[str, Any],
) -> None:
    """Fit one model on the training images; decision values are made probabilities on images that it did not see.

    Hyper-parameters given as lists are chosen by cross-validation among the training images.

    Args:
        name: of the model.
        options: its entry in params.yaml.
        families: names of the feature families that the model sees.
        region, standardize: settings that the model was made with, for its description.
        seed: of everything random.
        manifest: manifest.parquet.
        classes: classes.json.
        features: folder of the feature tables.
        folder: where the model goes.
        search_settings: `search:` of params.yaml; what is missing has its default.

    Raises:
        UserError: the training images are of one class, or a column is missing or holds values that are no finite
            numbers.
    """
    options, search_settings = classical.with_defaults(options), Search().model_dump() | dict(search_settings)
    rows, names = usable_rows(manifest), read_json(classes)
    used = classical.families_of(options, families)
    training, codes = _of_split(rows, "train")
    check_training_classes(codes, names)
    values, columns = model_values(training, options, features, used, classical.columns_of(options))
    _check_finite(values, columns)
    say(f"fitting {name} on {len(codes):,} images and {len(columns):,} columns")
    keys, own_seed = kept_together(training), seed_for(seed, name)
    chosen, candidates = search(options, values, codes, keys, search_settings, own_seed)
    estimator = classical.fit(chosen, values, codes, own_seed)
    facts = {"training_images": len(codes), "chosen": hyper_parameters(chosen), "search": candidates}
    if hasattr(estimator, "threshold_"):
        facts["threshold"] = estimator.threshold_
    if not hasattr(estimator, "predict_proba"):
        unseen, unseen_codes = _of_split(rows, "validation")
        if len(unseen):
            unseen_values, _ = model_values(unseen, options, features, used, columns)
            _check_finite(unseen_values, columns)
            scores, by = classical.raw_scores(estimator, unseen_values, len(names)), "validation images"
        else:
            asked, scores = out_of_fold_scores(
                chosen, values, codes, keys, search_settings["folds"], len(names), own_seed
            )
            unseen_codes, by = codes[asked], "training images, out of fold"
        temperature = fit_temperature(scores, unseen_codes)
        if temperature is None:
            say("  no image to make scores probabilities by: their temperature stays 1")
            facts |= {"temperature": 1.0, "calibrated_on": None}
        else:
            say(f"  scores become probabilities by {len(unseen_codes):,} {by}")
            facts |= {"temperature": temperature, "calibrated_on": by}
    description = describe(
        name,
        options,
        classes=names,
        region=dict(region),
        standardize=dict(standardize),
        columns=columns,
        families=used,
        input_shape=[*standardize["size"], 1 if standardize["color"] == "gray" else 3],
        seed=seed,
        fit=facts,
        data_hash=file_sha256(manifest),
    )
    save_classical(folder, estimator, description)


def _check_finite(values: np.ndarray, columns: list[str]) -> None:
    """Raise UserError for features that some models can't take; only families that users add can have them."""
    unfit = ~np.isfinite(values)
    if unfit.any():
        place = int(unfit.any(axis=0).argmax())
        raise UserError(
            f"feature column {columns[place]!r} holds values that are no finite numbers, for"
            f" {unfit[:, place].sum():,} of {len(values):,} images; let its family give a number for every image,"
            " or leave the column out of the model"
        )


def _of_split(rows: "pd.DataFrame", split: str) -> tuple["pd.DataFrame", np.ndarray]:
    """The manifest's rows of a split, and their class codes."""
    here = rows[rows["split"] == split]
    return here, here["label_index"].to_numpy(dtype=np.int64)
