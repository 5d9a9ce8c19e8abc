"""Stage `audit`: everything that is known of the data -> findings and their evidence, before training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.audit.data import AuditData, Common, Features
from evenlight.audit.findings import by_severity
from evenlight.audit.run import run
from evenlight.dataset import load_features, load_images
from evenlight.manifest import attribute_columns
from evenlight.standardize import to_rgb
from evenlight.storage import read_json, read_table, write_json


def audit(
    dataset: str, manifest_folder: Path, images: Path, features: Path, settings: dict[str, Any], folder: Path
) -> None:
    """Run the checks and write findings.json and evidence.json.

    Args:
        dataset: its name.
        manifest_folder: with manifest.parquet, pairs.parquet, classes.json and summary.json.
        images: folder of the standardized arrays.
        features: folder of the feature tables.
        settings: `color` of the arrays, `common` thresholds and `checks` (name -> options) of params.yaml.
        folder: results/<dataset>/audit.
    """
    manifest = read_table(manifest_folder / "manifest.parquet")
    summary = read_json(manifest_folder / "summary.json")

    def read_images() -> np.ndarray:
        return to_rgb(load_images(data.rows, images), settings["color"])

    def read_features(families: Sequence[str]) -> Features:
        return load_features(data.rows, features, families)

    data = AuditData(
        dataset=dataset,
        manifest=manifest,
        summary=summary,
        classes=read_json(manifest_folder / "classes.json"),
        attributes=attribute_columns(manifest, summary["source"]),
        source=summary["source"],
        pairs=read_table(manifest_folder / "pairs.parquet"),
        common=Common.model_validate(settings["common"]),
        read_images=read_images,
        read_features=read_features,
    )
    results = run(data, settings["checks"])
    findings = by_severity([finding for _, _, result in results for finding in result.findings])
    write_json(folder / "findings.json", [finding.as_dict() for finding in findings])
    write_json(
        folder / "evidence.json",
        [
            {"check": name, "title": title, "evidence": [item.as_dict() for item in result.evidence]}
            for name, title, result in results
        ],
    )
