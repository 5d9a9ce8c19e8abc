"""Stage `importance`: a trained classical model -> what it does with each feature family."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.dataset import kept_together, model_values, usable_rows
from evenlight.evaluation.importance import Importance, family_importance
from evenlight.evaluation.resampling import Bootstrap
from evenlight.models import classical
from evenlight.models.artifacts import load_description
from evenlight.models.classical_artifacts import load_classical
from evenlight.progress import say
from evenlight.sampling import stratified_sample
from evenlight.storage import write_json


def importance(
    model: Path,
    manifest: Path,
    features: Path,
    settings: Mapping[str, Any],
    evaluate: Mapping[str, Any],
    target: Path,
) -> None:
    """Write importance.json: accuracy lost on test images when a family's columns are shuffled.

    Without test images, `n` is 0 and no family is listed.

    Args:
        model: folder of a classical model.
        manifest: manifest.parquet.
        features: folder of the feature tables.
        settings, evaluate: `importance` and `evaluate` of params.yaml.
        target: results/<dataset>/<model>/importance.json.
    """
    options, bootstrap = Importance.model_validate(settings), Bootstrap.of(evaluate)
    description, rows = load_description(model), usable_rows(manifest)
    test = rows[rows["split"] == "test"].reset_index(drop=True)
    codes = test["label_index"].to_numpy(dtype=np.int64)
    drawn = stratified_sample(codes, options.maximum, options.seed)
    report: dict[str, Any] = {"n": 0, "keys": 0, "accuracy": None, "families": []}
    if len(drawn):
        test, codes = test.iloc[drawn].reset_index(drop=True), codes[drawn]
        values, columns = model_values(
            test, description["options"], features, description["families"], description["columns"]
        )
        estimator, count = load_classical(model), len(description["classes"])

        def predict(seen: np.ndarray) -> np.ndarray:
            return classical.raw_scores(estimator, seen, count).argmax(axis=1)

        say(f"shuffling {len(description['families'])} families of {len(codes):,} test images")
        places = _places_of_families(columns, description["families"])
        report = family_importance(predict, values, codes, kept_together(test), places, options, bootstrap)
    report |= {
        "model": description["name"],
        "repeats": options.repeats,
        "confidence": bootstrap.confidence,
        "test_images": int((rows["split"] == "test").sum()),
    }
    write_json(target, report)


def _places_of_families(columns: list[str], families: list[str]) -> dict[str, np.ndarray]:
    places: dict[str, list[int]] = {name: [] for name in families}
    for place, column in enumerate(columns if families else ()):  # a model on file data has no families
        places[str(classical.family_of(column, families))].append(place)
    return {name: np.array(found, dtype=np.int64) for name, found in places.items()}
