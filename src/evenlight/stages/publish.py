"""Stage `publish`: the small summaries -> reports/<dataset>/, which people commit and DVC compares.

reports/ is a side effect on purpose: a file that git tracks must never be a declared output (docs/decisions.md).
"""

import contextlib
from pathlib import Path
from typing import Any

from evenlight.outline import explained, spaces
from evenlight.reasons import REASONS
from evenlight.storage import read_json, read_table, write_bytes, write_csv, write_json


def publish(results: Path, manifest: Path, params: dict[str, Any], folder: Path) -> None:
    """Copy page, metrics, tables, pictures and settings; remove what an earlier run published and this one lacks."""
    best = read_json(results / "best.json")
    copies = {
        "index.html": results / "index.html",
        "metrics.json": results / "metrics.json",
        "findings.json": results / "audit" / "findings.json",
        "provenance/comparison.html": results / "provenance" / "comparison.html",
        "provenance/comparison.csv": results / "provenance" / "comparison.csv",
        "tables/leaderboard.csv": results / "leaderboard.csv",
        "tables/confusion.csv": results / "confusion.csv",
        "tables/history.csv": results / "history.csv",
        "pictures/confusion.png": results / best["model"] / "confusion.png",
    }
    for name, source in copies.items():
        write_bytes(folder / name, source.read_bytes())
    if "features" in spaces(params):
        write_bytes(folder / "pictures/tsne.png", (results / "embeddings/features_tsne.png").read_bytes())
    else:
        (folder / "pictures/tsne.png").unlink(missing_ok=True)
    _publish_explanations(results, explained(params), folder)
    # written by a run that stopped because of max_quarantine; this one did not
    (folder / "quarantine.html").unlink(missing_ok=True)
    rows = read_table(manifest, ["path", "verdict", "reason", "detail"])
    bad = rows[rows["verdict"] == "quarantined"]
    write_csv(
        folder / "tables" / "quarantine.csv",
        ["path", "reason", "meaning", "detail"],
        [
            [row.path, row.reason, REASONS[str(row.reason)], row.detail]
            for row in bad[["path", "reason", "detail"]].itertuples(index=False)
        ],
    )
    write_json(folder / "params.json", params)


def _publish_explanations(results: Path, names: list[str], folder: Path) -> None:
    """The pages about networks, where the report's links expect them; those of networks that are gone are removed."""
    for page in folder.glob("*/explanations.html"):
        if page.parent.name not in names:
            page.unlink()
            with contextlib.suppress(OSError):  # something else lies there
                page.parent.rmdir()
    for name in names:
        page = Path(name) / "explanations.html"
        write_bytes(folder / page, (results / page).read_bytes())
