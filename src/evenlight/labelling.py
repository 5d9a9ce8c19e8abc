"""What folders and metadata.csv say about every file: label, given split, source, groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenlight.errors import UserError, did_you_mean
from evenlight.metadata import Metadata

UNKNOWN = "unknown"
AUTO = "auto"

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Labelling:
    """One entry per path; str object arrays (N,), "" where nothing is said (`groups`: "unknown").

    `groups` maps a metadata column to its values, `notes` are sentences worth knowing.
    """

    labels: np.ndarray
    given: np.ndarray
    source: np.ndarray
    groups: dict[str, np.ndarray]
    notes: list[str]


def read_labels(
    paths: Sequence[str], readable: np.ndarray, metadata: Metadata | None, dataset: Mapping[str, Any]
) -> Labelling:
    """Labels, given splits, sources and groups of all files.

    Args:
        paths: of every file found, as in the manifest.
        readable: bool (N,), images that can be decoded; only their folders tell the layout.
        metadata: the data set's metadata.csv, or None; it wins over folders.
        dataset: `source`, `groups` and `layout` as in params.yaml.

    Raises:
        UserError: a setting names a missing column, or the split column holds an unknown name.
    """
    paths = list(paths)
    notes = [] if metadata is None else metadata.check(paths)
    folders = [path.split("/")[:-1] for path in paths]
    layout = dataset["layout"]
    if layout == "auto":
        layout, layout_notes = _guess_layout([folders[i] for i in np.flatnonzero(readable)])
        notes += layout_notes
    labels, given = _labels_and_splits(paths, folders, metadata, layout)
    column = source_column(dataset)
    source = (
        np.full(len(paths), "", dtype=object)
        if column is None
        else _column(metadata, paths, column, "", "source")
    )
    groups = {name: _column(metadata, paths, name, UNKNOWN, "groups") for name in dataset["groups"]}
    return Labelling(labels, given, source, groups, notes)


def source_column(dataset: Mapping[str, Any]) -> str | None:
    """The metadata column that `source` names; None for `auto` (near-duplicates) and null."""
    return None if dataset["source"] in (None, AUTO) else dataset["source"]


def _guess_layout(folders: list[list[str]]) -> tuple[str, list[str]]:
    """What the folders of the readable images mean, and a note where that is not plain."""
    tops = sorted({parts[0] for parts in folders if parts})
    if not tops or any(top.lower() not in _SPLIT_FOLDERS for top in tops):
        return "class", []
    if all(len(parts) >= 2 for parts in folders if parts):
        return "split/class", []
    return "class", [
        f"The folders {', '.join(map(repr, tops))} are taken as classes, because images lie directly in them; if they"
        " are splits, set `layout: split/class` for this data set in params.yaml."
    ]


def _labels_and_splits(
    paths: list[str], folders: list[list[str]], metadata: Metadata | None, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """Label and given split of every path ("" where there is none): metadata.csv first, then the folders."""
    class_depth = 1 if layout == "split/class" else 0
    labels = np.array(
        [parts[class_depth] if len(parts) > class_depth else "" for parts in folders], dtype=object
    )
    given = np.full(len(paths), "", dtype=object)
    if class_depth:
        given = np.array(
            [_SPLIT_FOLDERS.get(parts[0].lower(), "") if parts else "" for parts in folders], object
        )
    if metadata is not None:
        labels = _override(labels, metadata.column(paths, "label"))
        names = metadata.column(paths, "split")
        if names is not None:
            unknown = sorted({name for name in names if name and name.lower() not in _SPLIT_FOLDERS})
            if unknown:
                raise UserError(
                    f"{metadata.file}: column 'split' holds {unknown[0]!r}; use train, validation or test"
                )
            given = _override(
                given, np.array([_SPLIT_FOLDERS.get(name.lower(), "") for name in names], object)
            )
    return labels, given


def _override(values: np.ndarray, other: np.ndarray | None) -> np.ndarray:
    return values if other is None else np.where(other != "", other, values)


def _column(metadata: Metadata | None, paths: list[str], name: str, default: str, setting: str) -> np.ndarray:
    values = None if metadata is None else metadata.column(paths, name)
    if values is None:
        where = "there is no metadata.csv"
        if metadata is not None:
            columns = [column for column in metadata.columns if column != "path"]
            where = f"{metadata.file} has no such column{did_you_mean(name, columns)}"
        raise UserError(f"params.yaml: {setting} names the column {name!r}, but {where}")
    return np.where(values == "", default, values)
