"""Scanned files -> manifest: labels, copies, splits and groups for one row per file, and counts that add up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evenlight.audit.duplicates import components, exact_keys, have_near, near_pairs
from evenlight.errors import UserError
from evenlight.labelling import AUTO, UNKNOWN, Labelling, read_labels, source_column
from evenlight.metadata import Metadata
from evenlight.perceptual import phash_text
from evenlight.split_record import SplitRecord
from evenlight.splits import SPLITS, complete_split, kept_together, make_split

# A copy of a photo in another format decodes to the same pixels, but was reduced in another way: brightness and Lab a
# and b of 218 such pairs differed by .9 at most
_COPY_TOLERANCE = 1.0
_LOOKS = ["property_brightness", "property_lab_a", "property_lab_b"]

PixelHashes = Callable[[list[tuple[str, str]]], Sequence[str | None]]


@dataclass(frozen=True)
class Gathered:
    """What `gather` makes: the contents of manifest.parquet, classes.json, summary.json, pairs.parquet
    (docs/output.md) and the splits to record."""

    manifest: pd.DataFrame
    classes: list[str]
    summary: dict[str, Any]
    pairs: pd.DataFrame
    record: SplitRecord


def gather(
    scanned: pd.DataFrame,
    metadata: Metadata | None,
    dataset: Mapping[str, Any],
    split: Mapping[str, Any],
    near_duplicates: Mapping[str, Any],
    junk: int,
    record: SplitRecord,
    pixel_hashes: PixelHashes,
) -> Gathered:
    """Join scanned shards and metadata into the manifest.

    Args:
        scanned: rows of all shards, with `shard`.
        metadata: the data set's metadata.csv, or None.
        dataset: `name`, `source`, `groups` and `layout` as in params.yaml.
        split: fractions and seed as in params.yaml.
        near_duplicates: `radius` and `minimum_entropy` as in params.yaml.
        junk: number of files passed over by their names.
        record: splits drawn earlier.
        pixel_hashes: full pixel hashes of (path, content hash), None for a file that has changed since.

    Raises:
        UserError: no usable image, one class, a split without image, or a setting that names a missing column.
    """
    order = np.argsort(scanned["path"].to_numpy(dtype=object), kind="stable")
    table = scanned.iloc[order].reset_index(drop=True)
    said = read_labels(table["path"].tolist(), _usable(table), metadata, dataset)
    _quarantine(table, _usable(table) & (said.labels == ""), "no_label")
    hashes = _hashes(table)
    table = table.drop(columns="phashes")
    eligible = (table["property_entropy"] >= near_duplicates["minimum_entropy"]).to_numpy()
    pairs = _pairs(table, hashes, near_duplicates["radius"], eligible)
    _complete_pixel_hashes(table, pixel_hashes)
    keys = exact_keys(table["content_hash"].to_numpy(object), table["pixel_hash"].to_numpy(object))
    _quarantine(table, _in_conflict(keys, said.labels, _usable(table)), "label_conflict")
    classes = sorted(set(said.labels[_usable(table)]))
    _check_classes(dataset["name"], classes, table)
    _add_labels(table, said, classes)
    pairs = _with_copies(pairs[_usable(table)[pairs["a"]] & _usable(table)[pairs["b"]]], table, keys)
    _add_components(table, pairs)
    together = _together(table, keys, dataset)
    origin, split_notes = _add_splits(table, said.given, together, split, record)
    _add_leaks(table, pairs, keys, hashes, near_duplicates["radius"], origin)
    notes = [*said.notes, *_class_notes(table, said.labels, classes), *split_notes]
    summary = _summary(table, classes, dataset, origin, junk, notes)
    summary["not_compared"] = int((_usable(table) & ~eligible).sum())
    used = table[_usable(table)]
    record = record.extended(used["path"], used["content_hash"], used["split"])
    paths = table["path"].to_numpy(object)
    pairs = pairs.assign(
        a=pd.Series(paths[pairs["a"]], dtype="str"), b=pd.Series(paths[pairs["b"]], dtype="str")
    )
    return Gathered(table, classes, summary, pairs, record)


def _usable(table: pd.DataFrame) -> np.ndarray:
    return (table["verdict"] != "quarantined").to_numpy(dtype=bool)


def _quarantine(table: pd.DataFrame, rows: np.ndarray, reason: str) -> None:
    table.loc[rows, ["verdict", "reason"]] = ["quarantined", reason]


def _hashes(table: pd.DataFrame) -> np.ndarray:
    """Hash variants of every row, uint8 (N, 8, 32), zeros where there are none; adds the column `phash`."""
    hashes = np.zeros((len(table), 8, 32), dtype=np.uint8)
    decoded = np.flatnonzero(table["phashes"].map(len).to_numpy() > 0)
    hashes[decoded] = np.frombuffer(b"".join(table["phashes"].iloc[decoded]), np.uint8).reshape(-1, 8, 32)
    texts = np.full(len(table), "", dtype=object)
    texts[decoded] = [phash_text(variants[0]) for variants in hashes[decoded]]
    table["phash"] = pd.Series(texts, dtype="str")
    return hashes


def _pairs(table: pd.DataFrame, hashes: np.ndarray, radius: int, eligible: np.ndarray) -> pd.DataFrame:
    """Near-duplicates among usable images: rows of the table `a` < `b`, `distance`, `variant`."""
    usable = np.flatnonzero(_usable(table))
    found = near_pairs(hashes[usable], radius, eligible[usable])
    return pd.DataFrame(
        {"a": usable[found.a], "b": usable[found.b], "distance": found.distance, "variant": found.variant}
    )


def _complete_pixel_hashes(table: pd.DataFrame, pixel_hashes: PixelHashes) -> None:
    """Decode in full what the scan decoded at a reduced size, where it may be a copy of another image.

    A file that has changed since it was scanned is quarantined.
    """
    contents = table["content_hash"].to_numpy(object)
    unknown = np.flatnonzero(_may_be_copies(table) & (table["pixel_hash"] == "").to_numpy())
    found = pixel_hashes([(str(table.at[row, "path"]), str(contents[row])) for row in unknown])
    for row, pixels in zip(unknown, found, strict=True):
        if pixels is None:
            table.loc[row, ["verdict", "reason"]] = ["quarantined", "changed_since_manifest"]
        else:
            table.at[row, "pixel_hash"] = pixels


def _may_be_copies(table: pd.DataFrame) -> np.ndarray:
    """Usable images with other bytes than an image of the same upright size that looks the same: bool (N,).

    Of two reduced images the hashes must be equal, for equal pixels were reduced alike. Of a reduced one and one in
    full brightness and colour must agree: their hashes may differ, of flat pictures in many bits.
    """
    used = table[_usable(table)]
    turned = (used["exif_orientation"] >= 5).to_numpy()
    height, width = used["height"].to_numpy(np.int64), used["width"].to_numpy(np.int64)
    used = used.assign(size=np.where(turned, width, height) * 2**32 + np.where(turned, height, width))
    alike = np.zeros(len(table), dtype=bool)
    reduced = used[used["pixel_hash"] == ""]
    contents = reduced.groupby(["size", "phash"])["content_hash"].transform("nunique")
    alike[reduced.index[contents > 1]] = True
    full = used[used["pixel_hash"] != ""]
    others = {size: rows[_LOOKS].to_numpy(float) for size, rows in full.groupby("size")}
    for size, rows in reduced.groupby("size"):
        if size in others:
            candidates = others[size][np.argsort(others[size][:, 0], kind="stable")]
            looks = rows[_LOOKS].to_numpy(float)
            starts, ends = (
                np.searchsorted(candidates[:, 0], looks[:, 0] + change)
                for change in (-_COPY_TOLERANCE, _COPY_TOLERANCE)
            )
            for row, look, start, end in zip(rows.index, looks, starts, ends, strict=True):
                near = np.abs(candidates[start:end] - look) <= _COPY_TOLERANCE
                alike[row] |= bool(near.all(axis=1).any())
    return alike


def _in_conflict(keys: np.ndarray, labels: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Usable images of which there is a copy under another label: bool (N,)."""
    frame = pd.DataFrame({"key": keys, "label": labels})[usable]
    counts = frame.groupby("key")["label"].transform("nunique")
    conflict = np.zeros(len(keys), dtype=bool)
    conflict[counts.index[counts > 1]] = True
    return conflict


def _with_copies(pairs: pd.DataFrame, table: pd.DataFrame, keys: np.ndarray) -> pd.DataFrame:
    """Pairs with their `kind`: "bytes", "pixels" or "near"; copies that were not found as near pairs are added.

    Of a set of copies, every one is paired with the first.
    """
    usable = np.flatnonzero(_usable(table))
    first = pd.Series(usable).groupby(keys[usable]).transform("first").to_numpy()
    added = pd.DataFrame({"a": first, "b": usable, "distance": 0, "variant": 0})[first != usable]
    pairs = pd.concat([pairs, added.astype(pairs.dtypes)]).drop_duplicates(["a", "b"])
    pairs = pairs.sort_values(["a", "b"], kind="stable").reset_index(drop=True)
    contents = table["content_hash"].to_numpy(object)
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    kinds = np.where(contents[a] == contents[b], "bytes", np.where(keys[a] == keys[b], "pixels", "near"))
    return pairs.assign(kind=pd.Series(kinds, dtype="str"))[["a", "b", "kind", "distance", "variant"]]


def _add_components(table: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Column `component`: near-duplicates, chained; numbered in path order, -1 for quarantined files."""
    usable = np.flatnonzero(_usable(table))
    places = np.full(len(table), -1)
    places[usable] = np.arange(len(usable))
    numbers = np.full(len(table), -1, dtype=np.int32)
    numbers[usable] = components(len(usable), places[pairs["a"]], places[pairs["b"]])
    table["component"] = numbers


def _add_labels(table: pd.DataFrame, said: Labelling, classes: Sequence[str]) -> None:
    codes = {name: code for code, name in enumerate(classes)}
    table["label"] = pd.Series(said.labels, dtype="str")
    table["label_index"] = np.array([codes.get(label, -1) for label in said.labels], dtype=np.int32)
    table["source"] = pd.Series(said.source, dtype="str")
    for name, values in said.groups.items():
        table[f"group_{name}"] = pd.Series(values, dtype="str")


def _check_classes(name: str, classes: list[str], table: pd.DataFrame) -> None:
    used = int(_usable(table).sum())
    if not used:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in count_values(table["reason"]).items())
        raise UserError(
            f"{name}: none of its {len(table):,} files is a usable labelled image ({reasons}); every image needs a"
            " class folder or a label in metadata.csv"
        )
    if len(classes) < 2:
        raise UserError(
            f"{name}: all {used:,} usable images are of one class, {classes[0]!r};"
            f" classifying needs at least two class folders with images"
        )


def _class_notes(table: pd.DataFrame, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    notes = []
    counts = table[_usable(table)].groupby("label").size()
    for name in classes:
        if counts[name] < 3:
            images = "image" if counts[name] == 1 else "images"
            notes.append(
                f"Class {name!r} has {counts[name]} {images}: too few to be in training, validation and test."
            )
    for name in sorted(set(labels) - set(classes) - {""}):
        notes.append(f"Class {name!r} has no usable image and was left out.")
    return notes


def kept_together_by(dataset: Mapping[str, Any]) -> str:
    """What no split tears apart: "source" (a metadata column), "component" (near-duplicates) or "copies"."""
    if source_column(dataset) is not None:
        return "source"
    return "component" if dataset["source"] == AUTO else "copies"


def _together(table: pd.DataFrame, keys: np.ndarray, dataset: Mapping[str, Any]) -> np.ndarray:
    """Of every usable image the key of what must stay in one split, str (M,); copies always stay together."""
    used = table[_usable(table)]
    contents = used["content_hash"].to_numpy(object)
    copies, by = keys[_usable(table)], kept_together_by(dataset)
    if by == "source":
        source = used["source"].to_numpy(object)
        return kept_together(np.where(source == "", contents, source), copies)
    alike = (copies, used["component"].to_numpy()) if by == "component" else (copies,)
    return kept_together(contents, *alike)


def _add_splits(
    table: pd.DataFrame,
    given: np.ndarray,
    together: np.ndarray,
    settings: Mapping[str, Any],
    record: SplitRecord,
) -> tuple[str, list[str]]:
    """Column `split`; returns whether it was given or made, and what is worth knowing about it."""
    usable = _usable(table)
    used = table[usable]
    labels = used["label_index"].to_numpy()
    fractions = {name: settings[name] for name in SPLITS}
    known = record.known(used["path"].tolist(), used["content_hash"].tolist())
    notes = []
    given = given[usable]
    if (given != "").any():
        homeless = int((given == "").sum())
        if homeless:
            notes.append(
                f"{homeless:,} images have no split in a data set that gives splits; they went to training."
            )
        given = np.where(given == "", "train", given)
        chosen, origin = complete_split(given, labels, together, fractions, settings["seed"], known), "given"
        for name in (name for name in SPLITS[1:] if name not in set(given)):
            notes.append(
                f"The given split has no {name} images: {(chosen == name).sum():,} were taken from training."
            )
    else:
        chosen, origin = make_split(labels, together, fractions, settings["seed"], known), "made"
    # without validation images no model could be chosen fairly
    for name in SPLITS:
        if not (chosen == name).any():
            _, sizes = np.unique(together.astype(str), return_counts=True)
            raise UserError(
                f"the {origin} split leaves no {name} image: {len(labels):,} images in {len(sizes):,} sets that are"
                f" kept together, the largest of {sizes.max():,}; add images, or set `source:` to another column, or"
                " to null, which keeps only exact copies together"
            )
    splits = np.full(len(table), "", dtype=object)
    splits[usable] = chosen
    table["split"] = pd.Series(splits, dtype="str")
    return origin, notes


def _add_leaks(
    table: pd.DataFrame, pairs: pd.DataFrame, keys: np.ndarray, hashes: np.ndarray, radius: int, origin: str
) -> None:
    """Column `leak`: why a test image is not new to the models, the gravest of copy, near and source."""
    splits = table["split"].to_numpy(object)
    test, rest = splits == "test", (splits == "train") | (splits == "validation")
    source = table["source"].to_numpy(object)
    copy = test & np.isin(keys, keys[rest])
    near = np.zeros(len(table), dtype=bool)
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    near[a[test[a] & rest[b]]] = True
    near[b[test[b] & rest[a]]] = True
    # of an image with hundreds of near-duplicates the search keeps some pairs only, perhaps none across the split
    component = table["component"].to_numpy()
    open_ones = test & ~copy & ~near & np.isin(component, component[rest])
    for number in np.unique(component[open_ones]):
        asked = np.flatnonzero(open_ones & (component == number))
        seen = np.flatnonzero(rest & (component == number))
        near[asked] = have_near(hashes[asked], hashes[seen], radius)
    shared = test & (source != "") & np.isin(source.astype(str), source[rest].astype(str))
    leak = np.select([copy, near, shared], ["copy", "near", "source"], "")
    table["leak"] = pd.Series(leak, dtype="str")
    if origin == "given":  # a split of our own can't have it: copies stay together
        table.loc[copy, "reason"] = "split_leak"


def count_values(values: Iterable[Any], splits: Iterable[str] | None = None) -> dict[str, Any]:
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
    junk: int,
    notes: list[str],
) -> dict[str, Any]:
    used, bad = table[_usable(table)], table[~_usable(table)]
    attributes = {name: f"group_{name}" for name in dataset["groups"]}
    source = source_column(dataset)
    if source is not None:
        attributes[source] = "source"
    unknown = [
        f"Group {name!r}: {n:,} images have no value, shown as 'unknown'."
        for name in dataset["groups"]
        if (n := int((used[f"group_{name}"] == UNKNOWN).sum()))
    ]
    return {
        "dataset": dataset["name"],
        "found": len(table) + junk,
        "used": len(used),
        "quarantined": len(bad),
        "junk": junk,
        "repaired": int((used["verdict"] == "repaired").sum()),
        "reasons": count_values(bad["reason"]),
        "warnings": count_values(word for words in used["warnings"] for word in words.split()),
        "classes": {
            name: count_values(rows["label"], rows["split"])[name] for name, rows in used.groupby("label")
        },
        "splits": count_values(used["split"]),
        "split_origin": origin,
        "kept_together": kept_together_by(dataset),
        "components": int(used["component"].nunique()),
        "leaks": count_values(leak for leak in used["leak"] if leak),
        "source": source,
        "groups": {
            name: count_values(used[column].replace("", UNKNOWN), used["split"])
            for name, column in attributes.items()
        },
        "notes": notes + unknown,
    }


def attribute_columns(manifest: pd.DataFrame, source: str | None) -> dict[str, str]:
    """Attributes to break results down by: name -> manifest column. The source column counts as one."""
    columns = {name.removeprefix("group_"): name for name in manifest.columns if name.startswith("group_")}
    if source is not None:
        columns[source] = "source"
    return columns
