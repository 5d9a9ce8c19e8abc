"""What the page shows of the data audit: one section per check, with its findings and its evidence.

Nothing here knows a check: evidence is drawn by its kind (`evenlight.audit.findings`), so a new check needs no
change of the page.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenlight.audit.findings import most_severe
from evenlight.report.inline import Thumbnails
from evenlight.report.rendering import headline, number_text

FLAGGED = ("serious", "warn")
_TILES, _PAIRS = 24, 12  # images and pairs of one piece of evidence
_OPEN = 3  # pieces of evidence of one check
_RESIDUALS = (2, 4, 8, 16)  # standard deviations from which a cell of a heat map gets its next shade
_COLUMNS = 40  # of a heat map


@dataclass(frozen=True)
class Line:
    """One finding in a check's section, its first sentence apart; `target` is the id of what shows it, or empty."""

    severity: str
    headline: str
    more: str
    target: str


@dataclass(frozen=True)
class Shown:
    """One piece of evidence: its `kind` names the macro that draws `content`; it is `open` if a warning is about it."""

    anchor: str
    title: str
    note: str
    kind: str
    open: bool
    content: dict[str, Any]


@dataclass(frozen=True)
class Check:
    """The section of one check; `severity` is the gravest of its findings."""

    name: str
    title: str
    anchor: str
    severity: str
    findings: Sequence[Line]
    evidence: Sequence[Shown]

    @property
    def short(self) -> str:
        """The title up to its colon, for links."""
        return self.title.partition(":")[0]

    @property
    def flagged(self) -> bool:
        return self.severity in FLAGGED


def audit_checks(
    findings: Sequence[Mapping[str, Any]],
    sections: Sequence[Mapping[str, Any]],
    thumbnails: Thumbnails,
    minimum_cell: int,
) -> list[Check]:
    """Sections in the order of `sections`; a check that has findings only comes last, under its name.

    Args:
        findings: findings.json, most severe first.
        sections: evidence.json.
        thumbnails: where pictures come from; what is flagged has the first claim on their room.
        minimum_cell: images from which a cell of a heat map is not hatched.
    """
    known = [section["check"] for section in sections]
    extra = dict.fromkeys(finding["check"] for finding in findings if finding["check"] not in known)
    sections = [*sections, *({"check": name, "title": name, "evidence": []} for name in extra)]

    flagged = {(f["check"], f["evidence"]) for f in findings if f["severity"] in FLAGGED}
    wanted = [
        (section["check"], k, item) for section in sections for k, item in enumerate(section["evidence"])
    ]
    contents = {}
    for check, k, item in sorted(wanted, key=lambda entry: (entry[0], entry[2]["title"]) not in flagged):
        contents[check, k] = _CONTENT[item["kind"]](item, thumbnails, minimum_cell)
    return [_check(section, findings, flagged, contents) for section in sections]


def anchor_of(check: str) -> str:
    """The id of a check's section."""
    return "audit-" + re.sub(r"[^\w-]", "-", check)


def _check(
    section: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    flagged: set[tuple[str, str]],
    contents: Mapping[tuple[str, int], dict[str, Any]],
) -> Check:
    name, anchor = section["check"], anchor_of(section["check"])
    to_open = [item["title"] for item in section["evidence"] if (name, item["title"]) in flagged][:_OPEN]
    shown = [
        Shown(
            f"{anchor}-{k + 1}",
            item["title"],
            item.get("note", ""),
            item["kind"],
            item["title"] in to_open,
            contents[name, k],
        )
        for k, item in enumerate(section["evidence"])
    ]
    targets = {item.title: item.anchor for item in reversed(shown)}
    lines = []
    for finding in findings:
        if finding["check"] == name:
            first = headline(finding["sentence"])
            more = finding["sentence"][len(first) :].strip()
            lines.append(Line(finding["severity"], first, more, targets.get(finding["evidence"], "")))
    severity = most_severe([line.severity for line in lines])
    return Check(name, section["title"].rstrip("."), anchor, severity, lines, shown)


# ------------------------------------------------------------------------------------------- evidence by kind


def _table(item: Mapping[str, Any], thumbnails: Thumbnails, minimum_cell: int) -> dict[str, Any]:
    numeric = [
        any(row[k] is not None for row in item["rows"])
        and all(row[k] is None or _is_number(row[k]) for row in item["rows"])
        for k in range(len(item["columns"]))
    ]
    return {"columns": list(zip(item["columns"], numeric, strict=True)), "rows": item["rows"]}


def _gallery(item: Mapping[str, Any], thumbnails: Thumbnails, minimum_cell: int) -> dict[str, Any]:
    tiles = []
    for path, caption in item["items"][:_TILES]:
        tile = thumbnails.tile(path)
        if tile is None:
            break
        tiles.append((tile, caption))
    return {"tiles": tiles, "total": len(item["items"])}


def _pairs(item: Mapping[str, Any], thumbnails: Thumbnails, minimum_cell: int) -> dict[str, Any]:
    pairs = []
    for one, other, caption in item["items"][:_PAIRS]:
        tiles = thumbnails.tile(one), thumbnails.tile(other)
        if None in tiles:
            break
        pairs.append((tiles, caption))
    return {"pairs": pairs, "total": len(item["items"])}


def _heatmap(item: Mapping[str, Any], thumbnails: Thumbnails, minimum_cell: int) -> dict[str, Any]:
    """Cells with their shade and what the mouse tells, and the table twin, farthest from chance first."""
    rows, twin = [], []
    for i, row in enumerate(item["rows"]):
        cells = []
        for j, column in enumerate(item["columns"]):
            count, expected, residual = (item[key][i][j] for key in ("counts", "expected", "residuals"))
            ratio = count / expected if expected else None
            twin.append((row, column, count, expected, ratio, residual))
            cells.append(
                (count, _shade(count, residual, minimum_cell), _cell_title(expected, ratio, residual))
            )
        rows.append((row, cells[:_COLUMNS]))
    twin.sort(key=lambda cell: -abs(cell[5] or 0.0))
    return {
        "row_name": item["row_name"],
        "column_name": item["column_name"],
        "columns": item["columns"][:_COLUMNS],
        "hidden": max(0, len(item["columns"]) - _COLUMNS),
        "rows": rows,
        "twin": twin,
        "minimum": minimum_cell,
    }


def _shade(count: int, residual: float | None, minimum_cell: int) -> str:
    """CSS classes of a cell: how far from chance and to which side, and whether it holds few images or none."""
    step = sum(abs(residual or 0.0) >= level for level in _RESIDUALS)
    shade = f"{'more' if (residual or 0.0) > 0 else 'less'}{step}" if step else ""
    return f"{shade} {'none' if not count else 'thin' if count < minimum_cell else ''}".strip()


def _cell_title(expected: float | None, ratio: float | None, residual: float | None) -> str:
    if expected is None or ratio is None or residual is None:
        return "expected: undefined"
    return (
        f"{number_text(round(expected, 1))} expected, {number_text(ratio)} times that found; "
        f"adjusted residual {residual:+.1f}"
    )


def _bars(item: Mapping[str, Any], thumbnails: Thumbnails, minimum_cell: int) -> dict[str, Any]:
    """Bars from 0, and lines from low to high, as CSS percentages of an axis that holds all of them."""
    numbers = [value for row in item["rows"] for value in row[1:] if value is not None]
    least, most = min([0.0, *numbers]), max([0.0, *numbers])
    span = (most - least) or 1.0

    def at(value: float) -> float:
        return 100 * (value - least) / span

    rows = []
    for label, value, low, high in item["rows"]:
        bar = None if value is None else (min(at(0), at(value)), abs(at(value) - at(0)))
        line = None if low is None or high is None else (at(low), at(high))
        rows.append((label, value, low, high, bar, line))
    return {"rows": rows, "unit": item["unit"], "intervals": any(row[5] for row in rows)}


_CONTENT: dict[str, Callable[[Mapping[str, Any], Thumbnails, int], dict[str, Any]]] = {
    "table": _table,
    "gallery": _gallery,
    "pairs": _pairs,
    "heatmap": _heatmap,
    "bars": _bars,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
