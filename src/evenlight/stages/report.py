"""Stage `report`: everything of one data set on one page."""

from pathlib import Path
from typing import Any

from evenlight.models.classical import with_boundary, with_importance
from evenlight.outline import explained, fair, spaces
from evenlight.report.page import Shown, write_page
from evenlight.storage import to_json


def report(
    dataset: str,
    params: dict[str, Any],
    version: dict[str, Any],
    manifest_folder: Path,
    images: Path,
    models: Path,
    results: Path,
    page: Path,
) -> None:
    """Write index.html from the files of `results`.

    Args:
        dataset: name.
        params: the resolved settings that made the results.
        version: package name -> version, for the method section.
        manifest_folder: with manifest.parquet and summary.json.
        images: folder of the standardized arrays, for thumbnails.
        models: folder of the models, for how they were trained.
        results: results/<dataset>, with audit/ and, where there is an area of interest, region.png.
        page: file to write.
    """
    write_page(
        dataset=dataset,
        standardized=images,
        manifest=manifest_folder / "manifest.parquet",
        summary=manifest_folder / "summary.json",
        audit=results / "audit",
        region=results / "region.png" if params["region"]["method"] != "none" else None,
        params_json=to_json(params),
        model_folders=[results / name for name in params["models"]],
        trained=models,
        leaderboard=results / "leaderboard.csv",
        best=results / "best.json",
        comparison=results / "comparison.json",
        features=results / "features",
        shown=Shown(
            gallery=params["evaluate"]["gallery"],
            boundaries=set(with_boundary(params["models"])),
            importances=set(with_importance(params)),
            explained=set(explained(params)),
            fair=set(fair(params["models"])),
        ),
        embeddings=[results / "embeddings" / f"{space}.json" for space in spaces(params)],
        code_version=version,
        page=page,
    )
