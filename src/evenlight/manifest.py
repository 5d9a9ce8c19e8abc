"""Scanned files -> manifest: labels, splits and groups for one row per file, and counts that add up."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from evenlight.errors import UserError
from evenlight.metadata import Metadata
from evenlight.splits import SPLITS, complete_split, make_split

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_UNKNOWN = "unknown"


def gather(
    scanned: pd.DataFrame,
    metadata: Metadata | None,
    dataset: Mapping[str, Any],
    split: Mapping[str, Any],
    ignored: int,
) -> tuple[pd.DataFrame, list[str], dict[str, Any]]:
    """Join scanned shards and metadata into the manifest.

    Args:
        scanned: rows of all shards, with `shard`.
        metadata: the data set's metadata.csv, or None.
        dataset: `name`, `source`, `groups` and `layout` as in params.yaml.
        split: fractions and seed as in params.yaml.
        ignored: number of junk files passed over.

    Returns:
        The manifest, the class names in label order, the summary (docs/output.md).

    Raises:
        UserError: fewer than two classes, a split without image, or a setting that names a missing column.
    """
    # object arrays keep labels such as NA or 007 exactly as they are
    table = scanned.iloc[np.argsort(scanned["path"].to_numpy(dtype=object), kind="stable")].reset_index(
        drop=True
    )
    paths = table["path"].tolist()
    notes: list[str] = []
    if metadata is not None:
        notes += metadata.check(paths)
    readable = (table["verdict"] != "quarantined").to_numpy(dtype=bool)
    folders = [path.split("/")[:-1] for path in paths]
    layout = dataset["layout"]
    if layout == "auto":
        layout, layout_notes = _guess_layout([folders[i] for i in np.flatnonzero(readable)])
        notes += layout_notes
    labels, given = _labels_and_splits(paths, folders, metadata, layout)
    unlabelled = readable & (labels == "")
    table.loc[unlabelled, ["verdict", "reason", "row"]] = ["quarantined", "no_label", -1]
    usable = (table["verdict"] != "quarantined").to_numpy(dtype=bool)
    classes = sorted(set(labels[usable]))
    _check_classes(dataset["name"], classes, labels, table)
    notes += _class_notes(classes, labels, usable)
    codes = {name: code for code, name in enumerate(classes)}
    table["label"] = pd.Series(labels, dtype="str")
    table["label_index"] = np.array([codes.get(label, -1) for label in labels], dtype=np.int32)
    source = _source(table, metadata, dataset["source"])
    table["source"] = pd.Series(source, dtype="str")
    for name in dataset["groups"]:
        table[f"group_{name}"] = pd.Series(_column(metadata, paths, name, _UNKNOWN, "groups"), dtype="str")
    splits, origin, split_notes = _split(table, given, usable, split)
    table["split"] = pd.Series(splits, dtype="str")
    notes += split_notes
    return table, classes, _summary(table, classes, dataset, origin, ignored, notes)


def _check_classes(name: str, classes: list[str], labels: np.ndarray, table: pd.DataFrame) -> None:
    usable = (table["verdict"] != "quarantined").to_numpy(dtype=bool)
    if not usable.any():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in _count(table["reason"]).items())
        raise UserError(
            f"{name}: none of its {len(table):,} files is a usable labelled image ({reasons}); every image needs a"
            " class folder or a label in metadata.csv"
        )
    if len(classes) < 2:
        raise UserError(
            f"{name}: all {int(usable.sum()):,} usable images are of one class, {classes[0]!r};"
            f" classifying needs at least two class folders with images"
        )


def _class_notes(classes: list[str], labels: np.ndarray, usable: np.ndarray) -> list[str]:
    notes = []
    for name in classes:
        count = int((usable & (labels == name)).sum())
        if count < 3:
            images = "image" if count == 1 else "images"
            notes.append(
                f"Class {name!r} has {count} {images}: too few to be in training, validation and test."
            )
    for name in sorted(set(labels) - set(classes) - {""}):
        notes.append(f"Class {name!r} has no usable image and was left out.")
    return notes


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
        where = "there is no metadata.csv" if metadata is None else f"{metadata.file} has no such column"
        raise UserError(f"params.yaml: {setting} names the column {name!r}, but {where}")
    return np.where(values == "", default, values)


def _source(table: pd.DataFrame, metadata: Metadata | None, column: str | None) -> np.ndarray:
    if column is None:
        return np.full(len(table), "", dtype=object)
    return _column(metadata, table["path"].tolist(), column, "", "source")


def _split(
    table: pd.DataFrame, given: np.ndarray, usable: np.ndarray, settings: Mapping[str, Any]
) -> tuple[np.ndarray, str, list[str]]:
    """The split of every row, whether it was given or made, and what is worth knowing about it."""
    rows = table[usable]
    source, pixels = rows["source"].to_numpy(dtype=object), rows["pixel_hash"].to_numpy(dtype=object)
    keys = _join_keys(source, pixels)
    labels = rows["label_index"].to_numpy()
    fractions = {name: settings[name] for name in SPLITS}
    notes = []
    given_here = given[usable]
    if (given_here != "").any():
        homeless = int((given_here == "").sum())
        if homeless:
            notes.append(
                f"{homeless:,} images have no split in a data set that gives splits; they went to training."
            )
        given_here = np.where(given_here == "", "train", given_here)
        chosen, origin = complete_split(given_here, labels, keys, fractions, settings["seed"]), "given"
        for name in (name for name in SPLITS[1:] if name not in set(given_here)):
            notes.append(
                f"The given split has no {name} images: {(chosen == name).sum():,} were taken from training."
            )
    else:
        chosen, origin = make_split(labels, keys, fractions, settings["seed"]), "made"
    # without validation images no model could be chosen fairly
    for name in SPLITS:
        if not (chosen == name).any():
            raise UserError(f"the {origin} split leaves no {name} image; add images, or change the split")
    notes += _leak_notes(chosen, pixels, source)
    splits = np.full(len(table), "", dtype=object)
    splits[usable] = chosen
    return splits, origin, notes


def _join_keys(source: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """One key per set of images that must stay together: same source or same pixels, transitively."""
    import scipy.sparse

    own = np.where(source == "", pixels, source)
    if (own == pixels).all():
        return own
    _, a = np.unique(own, return_inverse=True)
    _, b = np.unique(pixels, return_inverse=True)
    nodes = int(a.max()) + int(b.max()) + 2
    edges = scipy.sparse.coo_matrix((np.ones(len(a)), (a, b + int(a.max()) + 1)), shape=(nodes, nodes))
    _, component = scipy.sparse.csgraph.connected_components(edges, directed=False)
    # a component is named after its first source in sorted order, so that names do not depend on numbering
    names: dict[int, str] = {}
    for number, name in sorted(zip(component[a], own, strict=True), key=lambda pair: pair[1]):
        names.setdefault(int(number), name)
    return np.array([names[int(value)] for value in component[a]], dtype=object)


def _leak_notes(splits: np.ndarray, pixels: np.ndarray, source: np.ndarray) -> list[str]:
    notes = []
    test, rest = splits == "test", splits != "test"
    copies = int(np.isin(pixels[test].astype(str), pixels[rest].astype(str)).sum())
    if copies:
        images = (
            "test image is a pixel-identical copy"
            if copies == 1
            else "test images are pixel-identical copies"
        )
        notes.append(
            f"{copies:,} {images} of a training or validation image: the test score is a little too good."
        )
    shared = sorted(set(source[test]) & set(source[rest]) - {""})
    if shared:
        count = int(np.isin(source[test].astype(str), shared).sum())
        notes.append(
            f"{count:,} of {int(test.sum()):,} test images come from a source that is also in training"
            f" ({len(shared)} sources): the test score says little about new sources."
        )
    return notes


def _count(values: Iterable[Any], splits: Iterable[str] | None = None) -> dict[str, Any]:
    """Counts by value, or by value and split."""
    if splits is None:
        names, counts = np.unique(np.array(list(values), dtype=str), return_counts=True)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    table: dict[str, dict[str, int]] = {}
    for value, split in zip(values, splits, strict=True):
        row = table.setdefault(value, dict.fromkeys(SPLITS, 0))
        row[split] += 1
    return table


def _summary(
    table: pd.DataFrame,
    classes: list[str],
    dataset: Mapping[str, Any],
    origin: str,
    ignored: int,
    notes: list[str],
) -> dict[str, Any]:
    used = table[table["verdict"] != "quarantined"]
    bad = table[table["verdict"] == "quarantined"]
    attributes = {name: f"group_{name}" for name in dataset["groups"]}
    if dataset["source"] is not None:
        attributes[dataset["source"]] = "source"
    unknown = [f"Group {name!r}: {n:,} images have no value, shown as 'unknown'."
               for name in dataset["groups"] if (n := int((used[f"group_{name}"] == _UNKNOWN).sum()))]  # fmt: skip
    return {
        "dataset": dataset["name"],
        "found": len(table),
        "used": len(used),
        "quarantined": len(bad),
        "ignored": ignored,
        "reasons": _count(bad["reason"]),
        "warnings": _count(word for words in used["warnings"] for word in words.split()),
        "classes": {name: _count(rows["label"], rows["split"])[name] for name, rows in used.groupby("label")},
        "splits": _count(used["split"]),
        "split_origin": origin,
        "source": dataset["source"],
        "groups": {name: _count(used[column], used["split"]) for name, column in attributes.items()},
        "notes": notes + unknown,
    }


def attribute_columns(manifest: pd.DataFrame, source: str | None) -> dict[str, str]:
    """Attributes to break results down by: name -> manifest column. The source column counts as one."""
    columns = {name.removeprefix("group_"): name for name in manifest.columns if name.startswith("group_")}
    if source is not None:
        columns[source] = "source"
    return columns
