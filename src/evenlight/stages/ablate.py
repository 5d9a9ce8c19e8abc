"""Stage `ablate`: feature tables of training images -> which families pay."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.dataset import check_training_classes, kept_together, usable_rows
from evenlight.errors import UserError
from evenlight.evaluation import ablation
from evenlight.evaluation.resampling import Bootstrap
from evenlight.progress import say
from evenlight.report import feature_charts
from evenlight.sampling import stratified_sample
from evenlight.stages.summarize_features import read_sample
from evenlight.storage import read_json, write_bytes, write_json


def ablate(
    manifest: Path,
    classes: Path,
    features: Path,
    families: Sequence[str],
    settings: Mapping[str, Any],
    evaluate: Mapping[str, Any],
    folder: Path,
) -> None:
    """Write ablation.json and ablation.png.

    Args:
        manifest: manifest.parquet.
        classes: classes.json.
        features: folder of the feature tables.
        families: all entries of `features` of params.yaml, for settings that name none.
        settings, evaluate: `ablation` and `evaluate` of params.yaml.
        folder: results/<dataset>/features.

    Raises:
        UserError: the training images are of one class, or a feature is no finite number.
    """
    options, bootstrap = ablation.Ablation.model_validate(settings), Bootstrap.of(evaluate)
    rows, names = usable_rows(manifest), read_json(classes)
    training = rows[rows["split"] == "train"].reset_index(drop=True)
    codes = training["label_index"].to_numpy(dtype=np.int64)
    check_training_classes(codes, names)
    drawn = stratified_sample(codes, options.maximum, options.seed)
    tables = {}
    for name in sorted(options.features or families):
        _, tables[name], columns = read_sample(training, features, name, drawn)
        finite = np.isfinite(tables[name]).all(axis=0)
        if not finite.all():
            raise UserError(
                f"{features / name}: column {columns[int(finite.argmin())]!r} holds values that are no finite number;"
                f" correct the family, or leave {name} out of `ablation.features`"
            )
    say(f"comparing {len(tables)} feature families on {len(drawn):,} training images")
    report = ablation.ablate(tables, codes[drawn], kept_together(training)[drawn], options, bootstrap)
    report |= {"training_images": len(training), "folds": options.folds, "confidence": bootstrap.confidence}
    write_json(folder / "ablation.json", report)
    write_bytes(folder / "ablation.png", feature_charts.ablation_picture(report))
