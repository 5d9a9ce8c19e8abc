"""Stage `summarize_features`: feature tables -> what they hold, which columns tell the classes apart, two pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import load_features, shard_places, usable_rows
from evenlight.evaluation.telling import (
    FeatureSummary,
    Health,
    choose,
    quantiles_by_class,
    rank_correlation,
    strengths,
)
from evenlight.feature_table import documented
from evenlight.report import feature_charts
from evenlight.sampling import stratified_sample
from evenlight.storage import read_json, write_bytes, write_json

if TYPE_CHECKING:
    import pandas as pd


def summarize_features(
    manifest: Path,
    classes: Path,
    features: Path,
    entries: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    folder: Path,
) -> None:
    """Write summary.json, telling.png and correlation.png.

    Counts are over all usable images, strengths over training images. One family's sample is in memory at a time.

    Args:
        manifest: manifest.parquet.
        classes: classes.json.
        features: folder of the feature tables.
        entries: `features` of params.yaml.
        settings: of `FeatureSummary`.
        folder: results/<dataset>/features.
    """
    options = FeatureSummary.model_validate(settings)
    rows, names = usable_rows(manifest), read_json(classes)
    training = np.flatnonzero(rows["split"] == "train")
    codes = rows["label_index"].to_numpy(dtype=np.int64)
    drawn = training[stratified_sample(codes[training], options.maximum, options.seed)]
    families, candidates, values = [], [], []
    for name in sorted(entries):
        health, sample, columns = read_sample(rows, features, name, drawn)
        strength, auc = strengths(sample, codes[drawn], len(names))
        best = choose(strength, np.full(len(columns), name), options.per_family, options.per_family)
        values.append(sample[:, best])
        kind = entries[name].get("kind", name)
        found = [
            {"family": name, **_told(columns[k], name, entries[name], float(strength[k]), auc[:, k], names)}
            for k in best
        ]
        candidates += found
        strongest = {key: found[0][key] for key in ("column", "strength")} if found else None
        size = sum((features / name / f"{shard}.parquet").stat().st_size for shard in set(rows["shard"]))
        families.append(
            {"name": name, "kind": kind, **health.report(), "bytes": size, "strongest": strongest}
        )
    table = np.concatenate(values, axis=1) if values else np.empty((len(drawn), 0), np.float32)
    chosen = choose(
        np.array([told["strength"] for told in candidates]),
        np.array([told["family"] for told in candidates]),
        options.shown,
        options.per_family,
    )
    telling = [
        {**candidates[k], "by_class": quantiles_by_class(table[:, k], codes[drawn], len(names))}
        for k in chosen
    ]
    correlation = rank_correlation(table[:, chosen])
    summary = {
        "images": len(rows),
        "training_images": len(training),
        "sampled": len(drawn),
        "classes": names,
        "families": families,
        "telling": telling,
        "correlation": [[_rounded(value) for value in line] for line in correlation.tolist()],
    }
    write_json(folder / "summary.json", summary)
    write_bytes(folder / "telling.png", feature_charts.telling_picture(telling, names))
    labels = [told["column"] for told in telling]
    write_bytes(folder / "correlation.png", feature_charts.correlation_picture(correlation, labels))


def read_sample(
    rows: "pd.DataFrame", features: Path, name: str, drawn: np.ndarray
) -> tuple[Health, np.ndarray, list[str]]:
    """One family read shard by shard: counts over all rows, and the values of some.

    Args:
        rows: of the manifest.
        features: folder of the feature tables.
        name: of the family.
        drawn: places of the rows wanted (M,), rising.

    Returns:
        The counts, float32 (M, D), and the names of the columns.
    """
    health, sample = Health.of(0), np.empty((len(drawn), 0), np.float32)
    columns: list[str] = []
    for here in shard_places(rows):
        values, columns = load_features(rows.iloc[here], features, [name])
        if not health.images:
            health = Health.of(len(columns))
            sample = np.empty((len(drawn), len(columns)), np.float32)
        health.add(values)
        inside = np.flatnonzero(np.isin(drawn, here))
        sample[inside] = values[np.searchsorted(here, drawn[inside])]
    return health, sample, columns


def _told(
    column: str,
    entry: str,
    options: Mapping[str, Any],
    strength: float,
    auc: np.ndarray,
    classes: list[str],
) -> dict[str, Any]:
    note = documented(column, entry, options)
    told = {
        "column": column,
        "unit": note.unit if note else "",
        "meaning": note.meaning if note else "",
        "strength": round(strength, 4),
        "class": None,
        "auc": None,
    }
    known = [code for code in range(len(classes)) if np.isfinite(auc[code])]
    if known:
        # of two classes that are told apart alike, the one with the larger values
        best = max(known, key=lambda code: (round(abs(float(auc[code]) - 0.5), 9), float(auc[code])))
        told |= {"class": classes[best], "auc": round(float(auc[best]), 4)}
    return told


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
