"""What a check hands back: findings in one sentence each, and the evidence behind them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np

# most severe first
SEVERITIES = ("serious", "warn", "not_enough_data", "info", "ok")
_RAISED = ("info", "warn", "serious")

Cell = str | int | float | None


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing about the data.

    Attributes:
        check: name of the check that found it.
        severity: one of SEVERITIES.
        subject: the class, group value, property or split that it is about, in a few words.
        sentence: who, number, count, interval, chance, share; plain words without HTML, names as they are.
        numbers: everything that the sentence says, for machines; an undefined number is None.
        evidence: title of the check's evidence that shows it, or "".
    """

    check: str
    severity: str
    subject: str
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)
    evidence: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"{self.severity!r} is no severity; use one of {', '.join(SEVERITIES)}")

    def as_dict(self) -> dict[str, Any]:
        """Fields by name, ready for JSON."""
        return _plain(asdict(self))


class _Evidence:
    """Something to show beside a sentence; `kind` tells the page how."""

    kind: ClassVar[str]

    def as_dict(self) -> dict[str, Any]:
        """`kind` and the fields by name, ready for JSON."""
        return _plain({"kind": self.kind, **asdict(self)})  # type: ignore[call-overload]


@dataclass(frozen=True)
class Table(_Evidence):
    """Rows of cells."""

    kind = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Gallery(_Evidence):
    """Images by path, each with a caption."""

    kind = "gallery"
    title: str
    items: Sequence[tuple[str, str]]
    note: str = ""


@dataclass(frozen=True)
class Pairs(_Evidence):
    """Images side by side: (path, path, caption)."""

    kind = "pairs"
    title: str
    items: Sequence[tuple[str, str, str]]
    note: str = ""


@dataclass(frozen=True)
class Heatmap(_Evidence):
    """A table of counts with what independence would give.

    `counts`, `expected` and `residuals` (adjusted, in standard deviations) are lists of rows.
    """

    kind = "heatmap"
    title: str
    row_name: str
    column_name: str
    rows: Sequence[str]
    columns: Sequence[str]
    counts: Sequence[Sequence[int]]
    expected: Sequence[Sequence[float]]
    residuals: Sequence[Sequence[float]]
    note: str = ""


@dataclass(frozen=True)
class Bars(_Evidence):
    """Labelled values, (label, value, low, high); low and high are None where there is no interval."""

    kind = "bars"
    title: str
    rows: Sequence[tuple[str, float, float | None, float | None]]
    unit: str
    note: str = ""


Evidence = Table | Gallery | Pairs | Heatmap | Bars


@dataclass(frozen=True)
class Result:
    """All that one check found, in the order in which it should be read."""

    findings: list[Finding]
    evidence: list[Evidence] = field(default_factory=list)


def severity_at(value: float, levels: Sequence[float]) -> str:
    """The severity of an effect: the last of the levels that it reaches, "ok" below the first.

    Args:
        value: size of the effect; NaN reaches nothing.
        levels: rising, [info, warn, serious], [warn, serious] or [serious].
    """
    reached = sum(value >= level for level in levels)
    return _RAISED[len(_RAISED) - len(levels) + reached - 1] if reached else "ok"


def most_severe(severities: Sequence[str]) -> str:
    """The gravest of some severities; "ok" for none."""
    return min(severities, key=SEVERITIES.index, default="ok")


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """Most severe first; equal ones keep their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _plain(value: Any) -> Any:
    """The same for JSON: lists, Python numbers, six significant digits, and None for what is undefined."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
