"""Intersections of groups

Each group alone may be well covered while a combination is empty: single columns hide the worst cell (audit.md 3.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Evidence, Finding, Result, Table
from evenlight.audit.wording import listed, many
from evenlight.settings import Settings

_NAME = "intersections"
_EMPTY, _FEW = "Combinations without images", "Combinations with few images"


class Options(Settings):
    """Which combinations are looked at, and when an empty one is a blind spot."""

    order: int = Field(3, ge=2, le=4, description="most columns combined; the class is one of them")
    expected: float = Field(
        10.0, gt=0, description="images that an empty combination should have, to be a warning"
    )
    values: int = Field(30, ge=2, description="group columns with more values are left out")
    cells: int = Field(200_000, ge=100, description="larger tables of combinations are left out")
    named: int = Field(10, ge=1, description="most empty combinations that get a sentence of their own")
    shown: int = Field(50, ge=1, description="most combinations in a table")


@dataclass(frozen=True)
class _Axis:
    """One column: the class, or a group."""

    name: str
    values: list[str]
    codes: np.ndarray


@dataclass(frozen=True)
class _Cell:
    """A combination of values, as ((column, value), ...)."""

    parts: tuple[tuple[str, str], ...]
    n: int
    expected: float

    @property
    def words(self) -> str:
        return " and ".join(f"{name} = {value}" for name, value in self.parts)


def check(data: AuditData, options: Options) -> Result:
    """Empty and thin cells of all tables of up to `order` columns."""
    if not data.groups:
        sentence = "No group column is named in params.yaml: combinations of groups were not looked at."
        return Result([Finding(_NAME, "info", "groups", sentence)])
    axes, left_out = _axes(data, options)
    tables = list(_tables(axes, options))
    if not tables:
        sentence = f"Nothing to combine: {_no_table(len(left_out))}."
        return Result([Finding(_NAME, "not_enough_data", "groups", sentence), *_skipped(options, left_out)])
    empty, few, judged = _cells(tables, options, data.common.minimum_group)
    findings = [_empty_finding(cell) for cell in empty[: options.named]]
    if len(empty) > options.named:
        findings.append(_more(empty[options.named :], options))
    numbers = {
        "tables": len(tables),
        "judged": judged,
        "few": len(few),
        "empty": len(empty),
        "minimum_group": data.common.minimum_group,
        "expected": options.expected,
    }
    if few:
        findings.append(_few_finding(few, judged, data.common.minimum_group, numbers))
    if not findings:
        sentence = (
            f"Every combination of up to {max(map(len, tables))} of {listed([axis.name for axis in axes])} that should"
            f" be there has {data.common.minimum_group} images or more ({judged:,} combinations)."
        )
        findings.append(Finding(_NAME, "ok", "combinations", sentence, numbers))
    evidence: list[Evidence] = [
        _table(title, cells, options.shown) for title, cells in ((_EMPTY, empty), (_FEW, few)) if cells
    ]
    return Result(findings + _skipped(options, left_out), evidence)


def _axes(data: AuditData, options: Options) -> tuple[list[_Axis], list[str]]:
    """Class and groups that can be combined, and the groups with too many values."""
    axes, left_out = [_Axis("class", data.classes, data.labels)], []
    for attribute in data.groups:
        values, codes = data.coded(attribute)
        if len(values) > options.values:
            left_out.append(attribute)
        elif len(values) > 1:
            axes.append(_Axis(attribute, values, codes))
    return [axis for axis in axes if len(axis.values) > 1], left_out


def _tables(axes: Sequence[_Axis], options: Options) -> Iterator[tuple[_Axis, ...]]:
    """Sets of columns to combine, small ones first; none in which one column follows from another."""
    nested = {
        frozenset((one.name, other.name))
        for one, other in combinations(axes, 2)
        if "class" not in (one.name, other.name) and (_follows(one, other) or _follows(other, one))
    }
    for order in range(2, options.order + 1):
        for chosen in combinations(axes, order):
            names = [frozenset(pair) for pair in combinations([axis.name for axis in chosen], 2)]
            if np.prod([len(axis.values) for axis in chosen]) <= options.cells and not nested & set(names):
                yield chosen


def _follows(one: _Axis, other: _Axis) -> bool:
    """Whether each value of one column goes with a single value of the other, as a city with its country."""
    return len(np.unique(one.codes * len(other.values) + other.codes)) == len(np.unique(one.codes))


def _cells(
    tables: Sequence[tuple[_Axis, ...]], options: Options, minimum: int
) -> tuple[list[_Cell], list[_Cell], int]:
    """Empty cells that should not be, thin cells, and the number of cells that can be judged.

    A combination that is thin because a part of it is thin is not named again.
    """
    empty: list[_Cell] = []
    few: list[_Cell] = []
    known = {
        frozenset([(axis.name, value)])
        for axis in {axis.name: axis for axes in tables for axis in axes}.values()
        for value, n in zip(axis.values, np.bincount(axis.codes, minlength=len(axis.values)), strict=True)
        if n < minimum
    }
    judged = 0
    for axes in tables:
        shape = tuple(len(axis.values) for axis in axes)
        place = np.ravel_multi_index([axis.codes for axis in axes], shape)
        counts = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape)
        expected = _expected(counts)
        judged += int((counts >= minimum).sum())
        # where a part is empty already, nothing is expected of the whole
        for at in np.argwhere((counts < minimum) & ((counts > 0) | (expected >= options.expected - 1e-6))):
            parts = tuple((axis.name, axis.values[i]) for axis, i in zip(axes, at, strict=True))
            cell = _Cell(parts, int(counts[tuple(at)]), float(expected[tuple(at)]))
            if cell.n == 0:
                empty.append(cell)
            elif not any(
                frozenset(part) in known for k in range(1, len(parts)) for part in combinations(parts, k)
            ):
                known.add(frozenset(parts))
                few.append(cell)
    empty.sort(key=lambda cell: (-cell.expected, cell.parts))
    few.sort(key=lambda cell: (cell.n / max(cell.expected, 1e-9), cell.parts))
    return empty, few, judged


def _expected(counts: np.ndarray) -> np.ndarray:
    """How many images an empty cell should have, judged by all others; independence for the rest.

    One column is set against the combination of all others, in every way, and the least is taken: a cell is not
    missing when the combination of two of its three values is rare already. The missing cell itself must not speak
    against itself, so it is left out of the margins (quasi-independence): R C / (N - R - C).
    """
    n = counts.sum()
    result = np.full(counts.shape, np.inf)
    for axis in range(counts.ndim):
        others = tuple(i for i in range(counts.ndim) if i != axis)
        single = counts.sum(axis=others, keepdims=True)
        rest = counts.sum(axis=axis, keepdims=True)
        # of a cell that holds most of the data too little is left to tell; and of five images no sixteen are missing
        left = np.where(counts == 0, np.maximum(n - single - rest, n / 4), n)
        expected = np.minimum(single * rest / left, np.minimum(single, rest))
        result = np.minimum(result, expected)
    return result


def _empty_finding(cell: _Cell) -> Finding:
    sentence = (
        f"No image has {cell.words}; about {cell.expected:,.0f} would be expected from how often each is seen"
        f" without the others. A model learns nothing about this combination, and no test shows it."
    )
    numbers: dict[str, Any] = {"cell": dict(cell.parts), "n": 0, "expected": cell.expected}
    return Finding(_NAME, "warn", cell.words, sentence, numbers, _EMPTY)


def _more(cells: Sequence[_Cell], options: Options) -> Finding:
    sentence = (
        f"{many(len(cells), 'more combination')} without images, with {options.expected:g} or more expected:"
        f" {listed([cell.words for cell in cells], 3)}."
    )
    return Finding(
        _NAME, "warn", many(len(cells), "more combination"), sentence, {"empty": len(cells)}, _EMPTY
    )


def _few_finding(few: Sequence[_Cell], judged: int, minimum: int, numbers: dict[str, Any]) -> Finding:
    cells = listed([f"{cell.words} ({cell.n:,})" for cell in few], 3)
    sentence = (
        f"{many(len(few), 'combination')} {'has' if len(few) == 1 else 'have'} 1 to {minimum - 1} images, too few to"
        f" judge: {cells}. {judged:,} can be judged."
    )
    return Finding(_NAME, "not_enough_data", "combinations", sentence, numbers, _FEW)


def _no_table(left_out: int) -> str:
    return "all group columns have too many values" if left_out else "the columns have one value each"


def _skipped(options: Options, left_out: Sequence[str]) -> list[Finding]:
    if not left_out:
        return []
    sentence = f"{listed(left_out)}: more than {options.values} values, left out of the combinations."
    return [Finding(_NAME, "info", listed(left_out), sentence, {"left_out": list(left_out)})]


def _table(title: str, cells: Sequence[_Cell], shown: int) -> Table:
    note = f"{shown} of {len(cells):,}." if len(cells) > shown else ""
    rows = [(cell.words, cell.n, round(cell.expected, 1)) for cell in cells[:shown]]
    return Table(title, ["combination", "images", "expected"], rows, note)
