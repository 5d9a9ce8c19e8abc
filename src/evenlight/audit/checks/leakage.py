"""Leakage

Test images that training has already seen.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from evenlight.audit.data import UNKNOWN, AuditData
from evenlight.audit.duplicates import likeness
from evenlight.audit.findings import Evidence, Finding, Pairs, Result, Table, severity_at
from evenlight.audit.wording import counted, limited, listed, many
from evenlight.evaluation.intervals import proportion
from evenlight.perceptual import INVERSE
from evenlight.settings import Settings, TwoLevels

if TYPE_CHECKING:
    import pandas as pd

_NAME = "leakage"
_SIDE_BY_SIDE = "Test images and their duplicates in training or validation"
_SOURCES = "Sources in several splits"
_SEEN = ("train", "validation")


class Options(Settings):
    """From which share of the test images a leak counts."""

    leaked: TwoLevels = Field(
        [0.0, 0.01],
        description="share of test images with a duplicate or their source in training: [warn, serious]",
    )
    shown: int = Field(24, ge=0, description="most pairs, and most sources, to show")


def check(data: AuditData, options: Options) -> Result:
    """Copies, near-duplicates and sources on both sides of the split."""
    tested, seen = data.splits == "test", np.isin(data.splits, _SEEN)
    if not tested.any() or not seen.any():
        missing = "test" if not tested.any() else "training"
        sentence = f"There are no {missing} images, so nothing can leak from training into the test."
        return Result([Finding(_NAME, "not_enough_data", "split", sentence)])
    leak = data.rows["leak"].to_numpy(dtype=object)[tested]
    sources = _crossing_sources(data)
    findings = [
        *_copies(data, leak, options),
        *_near(data, leak, options),
        *_same_source(data, sources, options),
    ]
    if all(finding.severity == "info" for finding in findings):
        findings = [_clean(data, len(leak)), *findings]
    return Result([*findings, *_validation(data)], _evidence(data, sources, options))


def _copies(data: AuditData, leak: np.ndarray, options: Options) -> Iterator[Finding]:
    copies, n = int((leak == "copy").sum()), len(leak)
    if copies == 0:
        return
    sentence = (
        f"{counted(copies, n, data.common.confidence)} of the test images also appear in training or validation:"
        " same bytes or same pixels. A model that remembers them looks better than it is."
    )
    severity = (
        "serious" if data.summary["split_origin"] == "given" else severity_at(copies / n, options.leaked)
    )
    yield Finding(_NAME, severity, "copies", sentence, _numbers(data, copies, n, options), _SIDE_BY_SIDE)


def _near(data: AuditData, leak: np.ndarray, options: Options) -> Iterator[Finding]:
    near, n = int((leak == "near").sum()), len(leak)
    if near == 0:
        return
    another = "Another " if (leak == "copy").any() else ""
    sentence = (
        f"{another}{counted(near, n, data.common.confidence)} of the test images have a near-duplicate in training or"
        " validation."
    )
    if data.summary["split_origin"] == "made" and data.source is not None:
        sentence += (
            f" The split was made so that no {data.source} is on both sides; these pairs lie in different ones. If"
            f" they show the same things, {data.source} does not name what belongs together."
        )
    else:
        sentence += " What a model scores on them says little about new images."
    severity = severity_at(near / n, options.leaked)
    yield Finding(
        _NAME, severity, "near-duplicates", sentence, _numbers(data, near, n, options), _SIDE_BY_SIDE
    )


def _crossing_sources(data: AuditData) -> "pd.DataFrame":
    """Images per split of every known source that is in more than one; most test images first."""
    import pandas as pd

    if data.source is None:
        return pd.DataFrame(columns=[*_SEEN, "test"])
    values = data.values(data.source)
    known = values != UNKNOWN
    table = pd.crosstab(values[known], data.splits[known]).reindex(columns=[*_SEEN, "test"], fill_value=0)
    table = table[(table > 0).sum(axis=1) > 1]
    return table.sort_index(kind="stable").sort_values("test", ascending=False, kind="stable")


def _same_source(data: AuditData, sources: "pd.DataFrame", options: Options) -> Iterator[Finding]:
    if data.source is None or sources.empty:
        return
    values = data.values(data.source)
    known = len(np.unique(values[values != UNKNOWN].astype(str)))
    images, n = int(sources["test"].sum()), int((data.splits == "test").sum())
    crossing = sources[sources["test"] > 0]
    if images == 0:
        sentence = (
            f"{len(sources):,} of {known:,} sources ({data.source}) are in training and in validation, none of them"
            " in the test: models may be chosen for what they remember."
        )
        numbers = {"source": data.source, "sources": known, "crossing": 0, "in_validation": len(sources)}
        yield Finding(_NAME, "info", "source", sentence, numbers, _SOURCES)
        return
    sentence = (
        f"{len(crossing):,} of {known:,} sources ({data.source}) are in the test and also in training or validation:"
        f" {listed([str(name) for name in crossing.index])}. They hold"
        f" {counted(images, n, data.common.confidence)} of the test images."
    )
    numbers = {
        **_numbers(data, images, n, options),
        "source": data.source,
        "sources": known,
        "crossing": len(crossing),
    }
    yield Finding(_NAME, severity_at(images / n, options.leaked), "source", sentence, numbers, _SOURCES)


def _clean(data: AuditData, n: int) -> Finding:
    sentence = f"None of {many(n, 'test image')} has a copy or a near-duplicate in training or validation"
    if data.source is not None:
        sentence += f", and no {data.source} of theirs is there."
    else:
        sentence += (
            ". No source column is given, so images of one camera, person or place may be on both sides."
        )
    return Finding(_NAME, "ok", "test images", sentence, {"images": 0, "n": n})


def _validation(data: AuditData) -> Iterator[Finding]:
    """Leaks into validation spoil the choice among models, not the test."""
    images = len(set(_crossing_pairs(data, "validation", ("train",))["path"]))
    if images:
        n = int((data.splits == "validation").sum())
        sentence = (
            f"{counted(images, n, data.common.confidence)} of the validation images have a duplicate in training:"
            " models are chosen by a number that is too good."
        )
        numbers = {**proportion(images, n, data.common.confidence), "images": images}
        yield Finding(_NAME, "info", "validation", sentence, numbers)


def _numbers(data: AuditData, images: int, n: int, options: Options) -> dict[str, object]:
    return {**proportion(images, n, data.common.confidence), "images": images, "levels": options.leaked}


def _crossing_pairs(data: AuditData, tested: str, seen: tuple[str, ...]) -> "pd.DataFrame":
    """Pairs with one image in a split and the other in others: path, other, kind, distance, variant of the other."""
    import pandas as pd

    split = pd.Series(data.splits, index=data.rows["path"])
    pairs = data.pairs.rename(columns={"a": "path", "b": "other"})
    swapped = data.pairs.rename(columns={"a": "other", "b": "path"})
    swapped["variant"] = np.array(INVERSE)[swapped["variant"]]
    both = pd.concat([pairs, swapped], ignore_index=True)
    return both[(both["path"].map(split) == tested) & both["other"].map(split).isin(seen)]


def _evidence(data: AuditData, sources: "pd.DataFrame", options: Options) -> list[Evidence]:
    evidence: list[Evidence] = []
    pairs = _crossing_pairs(data, "test", _SEEN)
    if len(pairs):
        evidence.append(_side_by_side(data, pairs, options.shown))
    if len(sources):
        counts = sources.to_numpy(dtype=np.int64).tolist()
        rows = [[str(name), *count] for name, count in zip(sources.index, counts, strict=True)]
        columns = [str(data.source), "training", "validation", "test"]
        evidence.append(Table(_SOURCES, columns, rows[: options.shown], limited(len(rows), options.shown)))
    return evidence


def _side_by_side(data: AuditData, pairs: "pd.DataFrame", shown: int) -> Pairs:
    """Every leaked test image with its nearest duplicate: copies first."""
    pairs = pairs.assign(near=pairs["kind"] == "near")
    pairs = pairs.sort_values(["near", "distance", "path", "other"], kind="stable").drop_duplicates("path")
    about = data.rows.set_index("path")
    items = []
    for row in pairs.head(shown).itertuples():
        labels = [about.at[path, "label"] for path in (row.path, row.other)]
        named = labels[0] if labels[0] == labels[1] else f"{labels[0]} | {labels[1]}"
        caption = (
            f"{likeness(row.kind, row.distance, row.variant)}; {named}; test | {about.at[row.other, 'split']}"
        )
        items.append((row.path, row.other, caption))
    return Pairs(_SIDE_BY_SIDE, items, limited(len(pairs), shown))
