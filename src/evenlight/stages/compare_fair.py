"""Stage `compare_fair`: a network trained for unequal groups against the same network trained plainly."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import MappedImages, kept_together, usable_rows
from evenlight.errors import UserError
from evenlight.evaluation.fair_training import (
    AskedImages,
    compare_fairness,
    group_baselines,
    group_probe,
    one_class_groups,
)
from evenlight.evaluation.resampling import Bootstrap
from evenlight.models.artifacts import load_description
from evenlight.models.fair import WEIGHTED, effective_size, group_codes, image_weights
from evenlight.models.inference import prepare_torch, run_network
from evenlight.models.network_artifacts import load_network
from evenlight.runtime import seed_for
from evenlight.storage import read_table, write_json

if TYPE_CHECKING:
    import pandas as pd


def compare_fair(
    model: Path,
    before: Path | None,
    manifest: Path,
    images: Path,
    settings: Mapping[str, Any],
    seed: int,
    target: Path,
) -> None:
    """Write fair.json.

    Args:
        model: folder of the network trained with `fair`, with model.json, its weights and predictions.parquet.
        before: folder of the network to compare with; None for none.
        manifest: manifest.parquet.
        images: folder of the standardized arrays.
        settings: `evaluate` of params.yaml.
        seed: of the resamples.
        target: results/<dataset>/<model>/fair.json.

    Raises:
        UserError: the network was trained without `fair`, there is no such group, or the predictions are not those
            of the manifest's images or of the same classes.
    """
    description, rows = load_description(model), usable_rows(manifest)
    fair, classes = description["options"].get("fair"), description["classes"]
    if not fair:
        raise UserError(f"{model}: trained without `fair`, so there is nothing to compare")
    column = f"group_{fair['group']}"
    if column not in rows:
        raise UserError(
            f"{manifest}: there is no group {fair['group']!r}; name it under `groups` of the data set in params.yaml"
        )
    codes = rows["label_index"].to_numpy(dtype=np.int64)
    groups, names = group_codes(rows[column].to_numpy(dtype=object))
    train, test = ((rows["split"] == split).to_numpy() for split in ("train", "test"))
    units = np.unique(kept_together(rows[test]), return_inverse=True)[1]
    folders = {"after": model} if before is None else {"before": before, "after": model}
    bootstrap, seed = Bootstrap.of(settings), seed_for(seed, description["name"], "fair")
    report = compare_fairness(
        AskedImages(codes[test], groups[test], units),
        classes,
        names,
        {key: _predicted(folder, rows, classes, manifest)[test] for key, folder in folders.items()},
        bootstrap,
        seed,
    )
    probes = {}
    for key, folder in folders.items():
        features = _features(folder, rows, images)
        probes[key] = group_probe(
            (features[train], groups[train]), (features[test], groups[test]), units, bootstrap, seed
        )
    weights = None
    if fair["method"] in WEIGHTED:
        counts = image_weights(fair["method"], codes[train], groups[train], fair["cap"])
        weights = {"images": len(counts), "effective": effective_size(counts), "largest": float(counts.max())}
    report |= {
        "model": description["name"],
        "before": None if before is None else load_description(before)["name"],
        "fair": dict(fair),
        "classes": classes,
        "group_names": names,
        "training_images": _table(codes[train], groups[train], classes, names),
        "test_images": _table(codes[test], groups[test], classes, names),
        "probe": probes | group_baselines((codes[train], groups[train]), (codes[test], groups[test])),
        "weights": weights,
        "one_class_groups": one_class_groups(codes[train], groups[train], names),
    }
    write_json(target, report)


def _predicted(folder: Path, rows: "pd.DataFrame", classes: list[str], manifest: Path) -> np.ndarray:
    """Predicted class codes of all usable images, int64 (N,)."""
    file = folder / "predictions.parquet"
    table = read_table(file, ["path", "predicted_label"])
    if table["path"].tolist() != rows["path"].tolist():
        raise UserError(
            f"{file}: predictions of other images than {manifest} lists; run `snakemake --cores 8` to predict again"
        )
    places = {name: code for code, name in enumerate(classes)}
    unknown = sorted(set(table["predicted_label"]) - set(places))
    if unknown:
        raise UserError(
            f"{file}: predicts {unknown[0]!r}, which is no class of the network it is compared with; train both on"
            " the same data"
        )
    return table["predicted_label"].map(places).to_numpy(dtype=np.int64)


def _features(folder: Path, rows: "pd.DataFrame", images: Path) -> np.ndarray:
    """Last-layer features of all usable images, float64 (N, F)."""
    prepare_torch(load_description(folder)["seed"])
    return run_network(load_network(folder), MappedImages(rows, images))[1]


def _table(
    codes: np.ndarray, groups: np.ndarray, classes: list[str], names: list[str]
) -> dict[str, dict[str, int]]:
    """Images of each group by class."""
    return {
        name: {label: int(((groups == g) & (codes == c)).sum()) for c, label in enumerate(classes)}
        for g, name in enumerate(names)
    }
