"""Class and group

chi2, or permutations where counts are small, and the bias-corrected V: a rule on the raw V fires on most independent
tables (audit.md 3.3). Where images come from sources, they count for as much as they tell (Rao and Scott 1981).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from evenlight.audit.data import UNKNOWN, AuditData
from evenlight.audit.findings import Bars, Evidence, Finding, Heatmap, Result, Table, severity_at
from evenlight.audit.statistics import Association, association, crosstab, design_effect, effect_words
from evenlight.audit.wording import chance, counted, listed, many, number, percent
from evenlight.evaluation.intervals import newcombe, wilson
from evenlight.settings import Settings, ThreeLevels

_NAME = "association"
_SURE_GAP = 0.05  # between base rates: demographic parity and equal odds then exclude each other


class Options(Settings):
    """When class and group are linked."""

    v: ThreeLevels = Field(
        [0.05, 0.1, 0.3],
        description="bias-corrected Cramer's V: [info, warn, serious]",
    )
    ratio: float = Field(
        2.0, ge=1, description="a cell is named when it, or all else, is this many times as often or as rare"
    )
    least_expected: float = Field(5.0, ge=1, description="smallest expected count of a cell that is named")
    named: int = Field(3, ge=1, description="most cells in a sentence")
    shown: int = Field(30, ge=2, description="most values, and most classes, in a picture")


@dataclass(frozen=True)
class _Link:
    """One attribute's table against the classes."""

    attribute: str
    values: list[str]
    table: np.ndarray  # (values, classes)
    result: Association
    effect: float  # how many images count as one

    @property
    def sizes(self) -> np.ndarray:
        return self.table.sum(axis=1)

    @property
    def n(self) -> int:
        return int(self.table.sum())


def check(data: AuditData, options: Options) -> Result:
    """Every group column against the class; the source is described where it has too few images to be tested."""
    if not data.attributes:
        sentence = (
            "No group column is named in params.yaml: whether a group gives the class away was not looked at."
        )
        return Result([Finding(_NAME, "info", "groups", sentence)])
    if len(data.classes) < 2:
        sentence = "There are fewer than two classes: nothing can be linked with them."
        return Result([Finding(_NAME, "not_enough_data", "classes", sentence)])
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    for attribute in data.attributes:
        values, codes = data.coded(attribute)
        is_source = attribute == data.source
        if is_source and _least_expected(data, codes) < options.least_expected:
            findings.append(_described(data, values, codes))
            continue
        link = _link(data, attribute, values, codes, data.source_codes if not is_source else None)
        findings.append(_finding(data, options, link))
        if UNKNOWN in values and len(values) > 2:
            findings.append(_missing(data, options, attribute, codes == values.index(UNKNOWN)))
        evidence += _evidence(data, options, link)
    return Result(findings, evidence)


def _link(
    data: AuditData, attribute: str, values: list[str], codes: np.ndarray, sources: np.ndarray | None
) -> _Link:
    table = crosstab(codes, data.labels, (len(values), len(data.classes)))
    effect = 1.0 if sources is None else design_effect(codes, data.labels, sources)
    result = association(table, data.common.permutations, data.common.seed, effect)
    return _Link(attribute, values, table, result, effect)


def _least_expected(data: AuditData, codes: np.ndarray) -> float:
    by_class = np.bincount(data.labels)
    return float(np.bincount(codes).min() * by_class[by_class > 0].min() / len(codes)) if len(codes) else 0.0


def _described(data: AuditData, values: list[str], codes: np.ndarray) -> Finding:
    """Sources with too few images of a class to be tested: that each has its class is natural."""
    table = crosstab(codes, data.labels, (len(values), len(data.classes)))
    pure = (table > 0).sum(axis=1) == 1
    n, images = len(codes), int(table[pure].sum())
    numbers = {"sources": len(values), "of_one_class": int(pure.sum()), "images": images, "n": n}
    if n == 0 or not pure.any():
        sentence = f"{data.source}: all of {len(values):,} hold images of two or more classes."
        return Finding(_NAME, "ok" if n else "not_enough_data", f"{data.source}", sentence, numbers)
    sentence = (
        f"{data.source}: {pure.sum():,} of {len(values):,} hold images of one class only,"
        f" {percent(images / n)} of the images ({images:,} of {n:,}). A model may learn to know"
        " them instead of the class; only a split that tears none of them shows it."
    )
    return Finding(_NAME, "info", f"{data.source}", sentence, numbers)


def _finding(data: AuditData, options: Options, link: _Link) -> Finding:
    severity = _severity(data, options, link)
    cells = list(_cells(data, options, link)) if severity in ("info", "warn", "serious") else []
    numbers = {**_numbers(data, options, link), "cells": cells}
    subject = f"{cells[0]['value']}, {cells[0]['class']}" if cells else link.attribute
    sentence = _sentence(data, severity, link, f"{link.attribute} and class")
    if cells:
        # what happens comes first: many readers get no further than the first sentence
        words = f"{link.attribute} " + "; ".join(map(_cell_words, cells[: options.named]))
        if len(cells) > options.named:
            words += f"; {many(len(cells) - options.named, 'more cell')} in the table"
        sentence = f"{words}. {sentence}"
    if severity in ("warn", "serious"):
        sentence += f" A model can guess the class from {link.attribute}.{_base_rates(data, link)}"
    return Finding(_NAME, severity, subject, sentence, numbers, _title(link))


def _missing(data: AuditData, options: Options, attribute: str, missing: np.ndarray) -> Finding:
    """Is the value missing more often in some classes?"""
    link = _link(data, attribute, ["known", UNKNOWN], missing.astype(np.int64), data.source_codes)
    severity = _severity(data, options, link)
    sentence = _sentence(data, severity, link, f"A missing {attribute} and class")
    if severity in ("info", "warn", "serious"):
        rates = link.table[1] / np.maximum(link.table.sum(axis=0), 1)
        worst = int(rates.argmax())
        sentence += (
            f" It is missing in {counted(int(link.table[1, worst]), int(link.table[:, worst].sum()))} of the images of"
            f" {data.classes[worst]} and in {counted(int(link.sizes[1]), link.n)} of all."
        )
    return Finding(_NAME, severity, f"{attribute} missing", sentence, _numbers(data, options, link))


def _severity(data: AuditData, options: Options, link: _Link) -> str:
    """A flag needs chance and size; all is well only where the interval leaves no room for a warning."""
    result = link.result
    if np.isnan(result.v) or np.sort(link.sizes)[-2:].min() < data.common.minimum_group:
        return "not_enough_data"
    if result.p < data.common.association_alpha and result.v >= options.v[0]:
        return severity_at(result.v, options.v)
    return "ok" if result.high < options.v[1] else "not_enough_data"


def _sentence(data: AuditData, severity: str, link: _Link, who: str) -> str:
    result = link.result
    are = "are" if " and " in who else "is"
    if np.isnan(result.v):
        return f"{who}: {many(int((link.sizes > 0).sum()), 'value')} only, nothing to compare."
    if severity == "not_enough_data" and np.sort(link.sizes)[-2:].min() < data.common.minimum_group:
        least = data.common.minimum_group
        return f"{who}: fewer than two values have the {least} images needed to judge a link."
    tested = f"{chance(result.p)}; V={result.v:.2f}, {effect_words(result.v)}"
    if link.effect > 1.5:
        tested += f"; images of one {data.source} count as one in {number(round(link.effect, 1))}"
    if severity in ("warn", "serious"):
        return f"{who} {are} linked ({tested})."
    if severity == "info":
        return f"{who} {are} linked, but weakly ({tested}); not a concern by itself."
    if severity == "ok":
        return f"{who} {are} not linked in {many(link.n, 'image')} ({tested})."
    return f"{who}: {many(link.n, 'image')} are too few to rule out a link as strong as V={result.high:.2f} ({tested})."


def _cells(data: AuditData, options: Options, link: _Link) -> Iterable[dict[str, Any]]:
    """Cells that stand out, most striking first; the most striking alone where none is twice or half as often.

    A cell stands out when it, or the rest of its row, is much more or much less frequent than expected: of two classes
    of equal size none can be twice as often, but its absence shows.
    """
    result = link.result
    expected, rest = result.expected, link.sizes[:, None] - result.expected
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.stack([link.table / expected, (link.sizes[:, None] - link.table) / rest])
    enough = np.stack([expected, rest]) >= options.least_expected
    striking = (enough & ((ratios >= options.ratio) | (ratios <= 1 / options.ratio))).any(axis=0)
    judged = (result.cell_p < data.common.alpha) & (expected > 0)
    if len(data.classes) == 2:
        judged &= result.residuals > 0  # the other class's cell says the same
    order = np.argsort(-np.abs(result.residuals), axis=None, kind="stable")
    named = [place for place in order if (striking & judged).flat[place]]
    named = named or [place for place in order if judged.flat[place]][:1]
    for place in named:
        row, column = np.unravel_index(place, link.table.shape)
        yield {
            "value": link.values[row],
            "class": data.classes[column],
            "observed": int(link.table[row, column]),
            "n": int(link.sizes[row]),
            "expected": float(expected[row, column]),
            "ratio": float(ratios[0, row, column]),
            "residual": float(result.residuals[row, column]),
            "adjusted_p": float(result.cell_p[row, column]),
        }


def _cell_words(cell: dict[str, Any]) -> str:
    return (
        f"{cell['value']}: {cell['observed']:,} of {many(cell['n'], 'image')} are {cell['class']}"
        f" ({percent(cell['observed'] / cell['n'])}), {cell['expected']:,.0f} expected"
    )


def _base_rates(data: AuditData, link: _Link) -> str:
    """For two classes: the value whose share of a class is surely another than the rest's, and what follows."""
    if len(data.classes) != 2:
        return ""
    gaps = [(name, gap) for name, gap in _gaps(data, link) if max(gap[1], -gap[2]) > _SURE_GAP]
    if not gaps:
        return ""
    name, (gap, low, high) = max(gaps, key=lambda item: abs(item[1][0]))
    ends = [100 * end for end in sorted((abs(low), abs(high)))]
    return (
        f" {data.classes[1]} is {abs(100 * gap):.0f} points {'more' if gap > 0 else 'less'} frequent in {name} than"
        f" in the rest ({100 * data.common.confidence:g} % {ends[0]:.0f}-{ends[1]:.0f}): with such base rates"
        " demographic parity and equal odds exclude each other."
    )


def _gaps(data: AuditData, link: _Link) -> list[tuple[str, tuple[float, float, float]]]:
    """Share of the second class in each judged value minus that in the rest, with its interval."""
    positive, sizes = link.table[:, 1], link.sizes
    total, n = int(positive.sum()), link.n
    least = data.common.minimum_group
    return [
        (
            link.values[i],
            newcombe(
                int(positive[i]),
                int(sizes[i]),
                total - int(positive[i]),
                n - int(sizes[i]),
                data.common.confidence,
            ),
        )
        for i in range(len(sizes))
        if least <= sizes[i] <= n - least
    ]


def _numbers(data: AuditData, options: Options, link: _Link) -> dict[str, Any]:
    result, n = link.result, max(link.n, 1)
    return {
        "attribute": link.attribute,
        "n": link.n,
        "p": result.p,
        "v": result.v,
        "v_high": result.high,
        "raw_v": result.raw_v,
        "permutations": data.common.permutations if result.permuted else 0,
        "design_effect": link.effect,
        "share_to_move": float(np.abs(link.table - result.expected).sum() / 2 / n),
        "comparisons": len(data.attributes),
        "levels": options.v,
    }


def _title(link: _Link) -> str:
    return f"Class by {link.attribute}"


def _evidence(data: AuditData, options: Options, link: _Link) -> list[Evidence]:
    """The table as a heat map, the cells that stand out, and for two classes the shares with intervals."""
    if link.n == 0:
        return []
    strength = np.abs(link.result.residuals)
    rows = _strongest(strength.max(axis=1), options.shown)
    columns = _strongest(strength.max(axis=0), options.shown)
    note = "Colour: adjusted residual, in standard deviations from what independence would give."
    if len(rows) < len(link.values) or len(columns) < len(data.classes):
        note += f" The {options.shown} values and classes that depart most."
    pick = np.ix_(rows, columns)
    heatmap = Heatmap(
        _title(link),
        link.attribute,
        "class",
        [link.values[i] for i in rows],
        [data.classes[i] for i in columns],
        link.table[pick].tolist(),
        link.result.expected[pick].tolist(),
        link.result.residuals[pick].tolist(),
        note,
    )
    evidence: list[Evidence] = [heatmap]
    cells = [tuple(cell.values()) for cell in list(_cells(data, options, link))[: options.shown]]
    if cells:
        head = [link.attribute, "class", "images", "of", "expected", "ratio", "residual", "adjusted p"]
        evidence.append(Table(f"Cells of class by {link.attribute} that stand out", head, cells))
    if len(data.classes) == 2:
        evidence.append(_shares(data, options, link))
    return evidence


def _shares(data: AuditData, options: Options, link: _Link) -> Bars:
    """Base rates: the second class's share in each value, with Wilson's interval; most frequent value first."""
    order = np.argsort(-link.sizes, kind="stable")[: options.shown]
    rows = []
    for i in order:
        right, n = int(link.table[i, 1]), int(link.sizes[i])
        low, high = wilson(right, n, data.common.confidence)
        rows.append((f"{link.values[i]} ({n:,})", 100 * right / n, 100 * low, 100 * high))
    few = [link.values[i] for i in order if link.sizes[i] < data.common.minimum_group]
    note = f"Fewer than {data.common.minimum_group} images: {listed(few)}." if few else ""
    return Bars(f"Share of {data.classes[1]} by {link.attribute}", rows, "%", note)


def _strongest(strength: np.ndarray, most: int) -> np.ndarray:
    """Places of the largest values, in their old order."""
    return np.sort(np.argsort(-strength, kind="stable")[:most])
