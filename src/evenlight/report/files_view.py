"""What the page shows of the files: which could not be used and why, with pictures, and which have a warning.

`write_quarantine_page` makes a small page of that section alone, for a run that stops because of max_quarantine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenlight import storage
from evenlight.reasons import REASONS, WARNINGS
from evenlight.report.inline import Room, Thumbnails, Tile
from evenlight.report.rendering import environment

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "path", "row", "shard", "verdict", "reason", "detail", "warnings", "label", "split", "glimpse",
    "content_hash", "pixel_hash",
)  # fmt: skip
THUMBNAIL_ROOM = 300_000  # characters of all pictures of the section
_TILES = 36  # files with a tile
_CONFLICTS, _COPIES = 8, 6  # pictures with several labels, and copies of each
_ROWS = 200
_CONFLICT = "label_conflict"


@dataclass(frozen=True)
class Files:
    """The section on files.

    Attributes:
        reasons: (id, sentence, files) of every reason met, most frequent first.
        tiles: (reason, detail, tile) of examples of every reason; label conflicts stand in `conflicts`.
        conflicts: copies of one picture that have several labels, a list for each picture, of `conflicts_total`.
        listed: (path, reason, detail) of every file in quarantine.
        repaired: up to three paths of files that lost damaged metadata.
        warnings: (id, sentence, files, up to three paths).
    """

    reasons: Sequence[tuple[str, str, int]]
    tiles: Sequence[tuple[str, str, Tile]]
    conflicts: Sequence[Sequence[Tile]]
    conflicts_total: int
    listed: Sequence[tuple[str, str, str]]
    repaired: Sequence[str]
    warnings: Sequence[tuple[str, str, int, Sequence[str]]]


def files_view(summary: Mapping[str, Any], table: "pd.DataFrame", thumbnails: Thumbnails) -> Files:
    """The section on files.

    Args:
        summary: summary.json.
        table: the manifest in path order with COLUMNS.
        thumbnails: of this table, with room of their own.
    """
    bad = table[table["verdict"] == "quarantined"]
    counts = bad["reason"].value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    groups = _conflicts(bad[bad["reason"] == _CONFLICT])
    repaired = table.loc[table["verdict"] == "repaired", "path"]
    examples = _warning_examples(table)
    return Files(
        reasons=[(reason, REASONS.get(reason, ""), int(n)) for reason, n in ranked],
        tiles=_tiles(bad[bad["reason"] != _CONFLICT], thumbnails),
        conflicts=[_known(thumbnails, paths[:_COPIES]) for paths in groups[:_CONFLICTS]],
        conflicts_total=len(groups),
        listed=list(bad[["path", "reason", "detail"]].itertuples(index=False, name=None)),
        repaired=repaired[:3].tolist(),
        warnings=[
            (name, WARNINGS.get(name, ""), n, examples.get(name, []))
            for name, n in sorted(summary["warnings"].items())
        ],
    )


def write_quarantine_page(
    summary: dict[str, Any], manifest: "pd.DataFrame", page: Path, standardized: Path, color: str
) -> None:
    """Write the section on files as a page of its own, before a run stops because of max_quarantine.

    Args:
        summary: what summary.json will hold.
        manifest: what manifest.parquet will hold.
        page: file to write.
        standardized: folder of the arrays `<shard>.npy`; only rows of the manifest are read.
        color: colour space of the arrays.

    Raises:
        UserError: an array is missing, or the page can't be written.
    """
    thumbnails = Thumbnails(manifest, standardized, color, Room(THUMBNAIL_ROOM))
    html = (
        environment()
        .get_template("quarantine.html")
        .render(
            dataset=summary["dataset"],
            summary=summary,
            files=files_view(summary, manifest, thumbnails),
            rows=_ROWS,
        )
    )
    storage.write_text(page, html)


def _tiles(bad: "pd.DataFrame", thumbnails: Thumbnails) -> list[tuple[str, str, Tile]]:
    """Examples of every reason: as many of each as fit, those with something to see first."""
    import numpy as np

    blank = np.array(
        [row < 0 and not data for row, data in zip(bad["row"], bad["glimpse"], strict=True)], bool
    )
    ordered = bad.assign(blank=blank).sort_values(["reason", "blank"], kind="stable")
    turn = ordered.groupby("reason").cumcount().to_numpy()
    chosen = ordered.iloc[np.sort(np.argsort(turn, kind="stable")[:_TILES])]
    shown = []
    for path, reason, detail in zip(chosen["path"], chosen["reason"], chosen["detail"], strict=True):
        tile = thumbnails.tile(path)
        if tile is not None:
            shown.append((reason, detail, tile))
    return shown


def _known(thumbnails: Thumbnails, paths: Sequence[str]) -> list[Tile]:
    return [tile for path in paths if (tile := thumbnails.tile(path)) is not None]


def _conflicts(rows: "pd.DataFrame") -> list[list[str]]:
    """Paths of label conflicts, copies of one picture together, in path order."""
    groups: dict[str, list[str]] = {}
    for path, pixels, content in zip(rows["path"], rows["pixel_hash"], rows["content_hash"], strict=True):
        groups.setdefault(pixels or content, []).append(path)
    return list(groups.values())


def _warning_examples(table: "pd.DataFrame") -> dict[str, list[str]]:
    examples: dict[str, list[str]] = {}
    warned = table[table["warnings"] != ""]
    for path, warnings in zip(warned["path"], warned["warnings"], strict=True):
        for warning in warnings.split():
            paths = examples.setdefault(warning, [])
            if len(paths) < 3:
                paths.append(path)
    return examples
