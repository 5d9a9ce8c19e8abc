"""Duplicates

Copies, near-duplicates, and the same picture under two labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.duplicates import components, likeness
from evenlight.audit.findings import Evidence, Finding, Gallery, Pairs, Result, Table, severity_at
from evenlight.audit.wording import counted, limited, listed, many
from evenlight.evaluation.intervals import proportion
from evenlight.settings import Settings, ThreeLevels, TwoLevels

if TYPE_CHECKING:
    import pandas as pd

_NAME = "duplicates"
_SIDE_BY_SIDE = "Duplicates side by side"
_BY_DISTANCE = "Duplicates by distance"
_CONFLICTS = "Near-duplicates under several labels"
_LEFT_OUT = "Same pixels under several labels (left out)"
_STEPS = 16  # rows of the table by distance, besides that of distance 0


class Options(Settings):
    """From which share of the images duplicates count."""

    share: ThreeLevels = Field(
        [0.0, 0.01, 0.05],
        description="share of images with a copy or near-duplicate: [info, warn, serious]",
    )
    conflicts: TwoLevels = Field(
        [0.0, 0.05],
        description="share of images whose near-duplicates carry another label: [warn, serious]",
    )
    shown: int = Field(24, ge=0, description="most pairs, and most images, to show")


@dataclass(frozen=True)
class _Duplicates:
    """Pairs of usable images as places in `rows`: int64 (P,), and what links them."""

    a: np.ndarray
    b: np.ndarray
    kind: np.ndarray
    distance: np.ndarray
    variant: np.ndarray


def check(data: AuditData, options: Options) -> Result:
    """Copies and near-duplicates among the usable images, wherever they are."""
    if data.rows.empty:
        return Result([Finding(_NAME, "not_enough_data", "images", "There are no images to compare.")])
    pairs = _located(data)
    conflicting = _conflicting(data)
    findings = [*_copies(data, pairs), *_near(data, pairs, options)]
    findings += [*_conflicts(data, conflicting, options), *_left_out(data, options), *_not_compared(data)]
    return Result(findings, _evidence(data, pairs, conflicting, options))


def _located(data: AuditData) -> _Duplicates:
    import pandas as pd

    places = pd.Index(data.rows["path"])
    a, b = (places.get_indexer(data.pairs[side]) for side in ("a", "b"))
    known = (a >= 0) & (b >= 0)
    columns = (data.pairs[name].to_numpy()[known] for name in ("kind", "distance", "variant"))
    return _Duplicates(a[known], b[known], *columns)


def _copies(data: AuditData, pairs: _Duplicates) -> Iterator[Finding]:
    exact = pairs.kind != "near"
    if not exact.any():
        return
    n = len(data.rows)
    images = np.union1d(pairs.a[exact], pairs.b[exact])
    sets = len(np.unique(components(n, pairs.a[exact], pairs.b[exact])[images]))
    files = int((pairs.kind == "bytes").sum())
    numbers = {
        **proportion(len(images), n, data.common.confidence),
        "images": len(images),
        "sets": sets,
        "pairs_same_bytes": files,
        "pairs_same_pixels": int(exact.sum()) - files,
    }
    sentence = (
        f"{counted(len(images), n, data.common.confidence)} of the images have an exact copy:"
        f" {many(sets, 'picture')}, stored {len(images):,} times ({many(files, 'pair')} with the same bytes,"
        f" {int(exact.sum()) - files:,} with the same pixels in other files)."
    )
    yield Finding(_NAME, "info", "copies", sentence, numbers, _SIDE_BY_SIDE)


def _near(data: AuditData, pairs: _Duplicates, options: Options) -> Iterator[Finding]:
    """Where sources are known, their images are meant to be alike and stay together: only other pairs count."""
    n = len(data.rows)
    if not len(pairs.a):
        sentence = f"No image of {n:,} has a copy or a near-duplicate."
        yield Finding(_NAME, "ok", "near-duplicates", sentence, {"images": 0, "pairs": 0, "n": n})
        return
    within = np.zeros(len(pairs.a), dtype=bool)
    if data.source_codes is not None:
        within = data.source_codes[pairs.a] == data.source_codes[pairs.b]
    if not within.all():
        where = f" of another {data.source}" if data.source is not None else ""
        words, numbers = _counted_pairs(data, pairs, ~within)
        share = numbers["images"] / n
        sentence = words.format(where=where) + ". They count like fewer images, and must stay in one split."
        severity = severity_at(share, options.share)
        numbers["levels"] = options.share
        yield Finding(_NAME, severity, "near-duplicates", sentence, numbers, _BY_DISTANCE)
    if within.any():
        words, numbers = _counted_pairs(data, pairs, within)
        sentence = (
            words.format(where=f" of the same {data.source}")
            + f". That is what {data.source} is named for as the source: such images stay in one split, and count like"
            " fewer."
        )
        yield Finding(_NAME, "info", "near-duplicates of one source", sentence, numbers, _BY_DISTANCE)


def _counted_pairs(
    data: AuditData, pairs: _Duplicates, counted_ones: np.ndarray
) -> tuple[str, dict[str, Any]]:
    """How many images some of the pairs join, with a place for words after "copy"."""
    n = len(data.rows)
    a, b = pairs.a[counted_ones], pairs.b[counted_ones]
    images = np.union1d(a, b)
    sizes = np.bincount(components(n, a, b))
    groups, turned = int((sizes > 1).sum()), int((pairs.variant[counted_ones] > 0).sum())
    numbers = {
        **proportion(len(images), n, data.common.confidence),
        "images": len(images),
        "pairs": len(a),
        "groups": groups,
        "largest": int(sizes.max()),
        "turned_pairs": turned,
    }
    words = (
        f"{counted(len(images), n, data.common.confidence)} of the images have a near-duplicate or a copy{{where}}:"
        f" {many(len(a), 'pair')} in {many(groups, 'group')}, the largest of {many(int(sizes.max()), 'image')}"
        + (f"; {many(turned, 'pair')} mirrored or turned" if turned else "")
    )
    return words, numbers


def _conflicting(data: AuditData) -> "pd.DataFrame":
    """Images of the components that hold several labels, component by component."""
    rows = data.rows
    labels = rows.groupby("component")["label"].transform("nunique")
    return rows[(labels > 1) & (rows["component"] >= 0)].sort_values(
        ["component", "label", "path"], kind="stable"
    )


def _conflicts(data: AuditData, conflicting: "pd.DataFrame", options: Options) -> Iterator[Finding]:
    if conflicting.empty:
        return
    n, images, groups = len(data.rows), len(conflicting), conflicting["component"].nunique()
    numbers = {
        **proportion(images, n, data.common.confidence),
        "images": images,
        "groups": groups,
        "levels": options.conflicts,
    }
    sentence = (
        f"{many(groups, 'group')} of near-duplicates {'holds' if groups == 1 else 'hold'} several labels:"
        f" {counted(images, n, data.common.confidence)} of the images, such as {_named(conflicting)}. Either a label"
        " is wrong or these classes can't be told apart."
    )
    severity = severity_at(images / n, options.conflicts)
    yield Finding(_NAME, severity, "label conflicts", sentence, numbers, _CONFLICTS)


def _left_out(data: AuditData, options: Options) -> Iterator[Finding]:
    files = _conflict_files(data)
    if files.empty:
        return
    n = len(data.manifest)
    sentence = (
        f"{counted(len(files), n)} of the files hold the same pixels under several labels and were left out:"
        f" {_named(files)}. Keep the one with the right label."
    )
    numbers = {"files": len(files), "n": n, "levels": options.conflicts}
    severity = severity_at(len(files) / n, options.conflicts)
    yield Finding(_NAME, severity, "same pixels, several labels", sentence, numbers, _LEFT_OUT)


def _not_compared(data: AuditData) -> Iterator[Finding]:
    count = int(data.summary.get("not_compared", 0))
    if count:
        sentence = (
            f"{counted(count, len(data.rows))} of the images are too flat to be compared (few gray levels): of these"
            " only exact copies are found."
        )
        yield Finding(_NAME, "info", "flat images", sentence, {"images": count})


def _conflict_files(data: AuditData) -> "pd.DataFrame":
    files = data.manifest[data.manifest["reason"] == "label_conflict"]
    return files.sort_values(["pixel_hash", "path"], kind="stable")


def _named(images: "pd.DataFrame") -> str:
    return listed(
        [f"{path} ({label})" for path, label in zip(images["path"], images["label"], strict=True)], 4
    )


def _evidence(
    data: AuditData, pairs: _Duplicates, conflicting: "pd.DataFrame", options: Options
) -> list[Evidence]:
    evidence: list[Evidence] = []
    if len(pairs.a):
        evidence += [_side_by_side(data, pairs, options.shown), _by_distance(len(data.rows), pairs)]
    if len(conflicting):
        captions = [
            f"group {component}: {label} ({split})"
            for component, label, split in zip(
                conflicting["component"], conflicting["label"], conflicting["split"], strict=True
            )
        ]
        evidence.append(_gallery(_CONFLICTS, conflicting["path"], captions, options.shown))
    files = _conflict_files(data)
    if len(files):
        evidence.append(_gallery(_LEFT_OUT, files["path"], files["label"].tolist(), options.shown))
    return evidence


def _gallery(title: str, paths: "pd.Series", captions: list[str], shown: int) -> Gallery:
    items = list(zip(paths, captions, strict=True))
    return Gallery(title, items[:shown], limited(len(items), shown))


def _side_by_side(data: AuditData, pairs: _Duplicates, shown: int) -> Pairs:
    """The most telling first: under two labels, in two splits, then the nearest."""
    paths, labels = (data.rows[name].to_numpy(dtype=object) for name in ("path", "label"))
    splits = data.splits
    same_label = labels[pairs.a] == labels[pairs.b]
    same_split = splits[pairs.a] == splits[pairs.b]
    order = np.lexsort((pairs.b, pairs.a, pairs.kind == "near", pairs.distance, same_split, same_label))
    items = []
    for i in order[:shown]:
        a, b = pairs.a[i], pairs.b[i]
        caption = likeness(pairs.kind[i], int(pairs.distance[i]), int(pairs.variant[i]))
        caption += f"; {labels[a]}" if same_label[i] else f"; {labels[a]} | {labels[b]}"
        caption += f"; {splits[a]}" if same_split[i] else f"; {splits[a]} | {splits[b]}"
        items.append((paths[a], paths[b], caption))
    note = "First those under two labels, then those in two splits, then the nearest."
    return Pairs(_SIDE_BY_SIDE, items, " ".join([note, limited(len(order), shown)]).strip())


def _by_distance(n: int, pairs: _Duplicates) -> Table:
    """What a smaller radius would find."""
    farthest = int(pairs.distance.max())
    step = max(1, -(-farthest // _STEPS))
    rows = []
    for distance in sorted({*range(0, farthest, step), farthest}):
        a, b = (side[pairs.distance <= distance] for side in (pairs.a, pairs.b))
        sizes = np.bincount(components(n, a, b))
        rows.append((distance, len(a), len(np.union1d(a, b)), len(sizes), int(sizes.max())))
    return Table(
        _BY_DISTANCE,
        ["bits that differ, at most", "pairs", "images in them", "components", "images in the largest"],
        rows,
        "Components are images linked by pairs; an image without a duplicate is one of its own. If their number falls"
        " fast or one grows very large, the radius is too wide for these pictures.",
    )
