"""Sources whose images differ from those of all other sources."""

from dataclasses import dataclass

import numpy as np

from evenlight.audit.data import UNKNOWN, AuditData
from evenlight.audit.findings import Cell, Evidence, Finding, Result, Table
from evenlight.audit.measures import WORDS, amount, extreme_images
from evenlight.audit.wording import many, percent
from evenlight.properties import NAMES

_ROBUST = 1.4826  # median absolute deviation to standard deviation, of normal values
_FEW = 6  # how fast the limit rises where few sources make a poor estimate of the spread
_MEDIAN_ERROR = 1.2533  # standard error of a median over that of a mean, of normal values


@dataclass(frozen=True)
class Outlying:
    """A source that stands out.

    Attributes:
        source: its place.
        median: of its images.
        deviations: distance from the middle of all medians, in robust standard deviations, with sign.
        low: smallest median of the sources that do not stand out.
        high: largest.
    """

    source: int
    median: float
    deviations: float
    low: float
    high: float


def outlying_sources(
    values: np.ndarray, codes: np.ndarray, judged: np.ndarray, limit: float
) -> list[Outlying]:
    """Sources whose median is far from the others' medians, the farthest first.

    Far means two things: more than `limit` x (1 + 6 / sources) robust standard deviations of the medians from their
    middle (the error of the source's own median included), and outside the range of all medians that are not that
    far, by at least half the width of that range. Measured false alarms per property, for 8 to 48 sources with
    normal medians and a limit of 5: at most 0.2 %.

    Args:
        values: a property of each image (N,); NaN are left out.
        codes: source of each image (N,).
        judged: the sources to look at.
        limit: robust standard deviations, for many sources.
    """
    if len(judged) == 0:
        return []
    medians, errors = np.array([_median(values[codes == source]) for source in judged]).reshape(-1, 2).T
    middle = np.median(medians)
    spread = _ROBUST * np.median(np.abs(medians - middle))
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = np.nan_to_num(
            (medians - middle) / np.hypot(spread, errors), posinf=np.inf, neginf=-np.inf
        )
    limit *= 1 + _FEW / len(judged)
    inner = medians[np.abs(deviations) <= limit]
    low, high = inner.min(), inner.max()
    clear = np.maximum(low - medians, medians - high) >= (high - low) / 2
    far = np.flatnonzero((np.abs(deviations) > limit) & clear)
    far = far[np.argsort(-np.abs(deviations[far]), kind="stable")]
    return [
        Outlying(int(judged[place]), float(medians[place]), float(deviations[place]), float(low), float(high))
        for place in far
    ]


def _median(values: np.ndarray) -> tuple[float, float]:
    """Median and its standard error."""
    values = values[np.isfinite(values)]
    middle = float(np.median(values))
    spread = _ROBUST * float(np.median(np.abs(values - middle)))
    return middle, _MEDIAN_ERROR * spread / np.sqrt(len(values))


def source_findings(
    check: str, data: AuditData, numbers: dict[str, np.ndarray], minimum: int, limit: float
) -> Result:
    """Name the sources that stand out from all others in a pixel property.

    Args:
        check: name of the check that asks.
        data: with a source column.
        numbers: property -> value of each image.
        minimum: sources with enough images, for any to be named.
        limit: robust standard deviations, see `outlying_sources`.
    """
    source = str(data.source)
    names, codes = data.coded(source)
    sizes = np.bincount(codes, minlength=len(names))
    known = np.array([name != UNKNOWN for name in names])
    judged = np.flatnonzero((sizes >= data.common.minimum_group) & known)
    if len(judged) < minimum:
        sentence = (
            f"{source}: {many(len(judged), 'value')} with {data.common.minimum_group} images or more;"
            f" {minimum} are needed to say that one stands out from the others."
        )
        return Result([Finding(check, "not_enough_data", source, sentence, {"judged": len(judged)})])
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    for name in NAMES:
        for found in outlying_sources(numbers[name], codes, judged, limit):
            who, words = names[found.source], WORDS[name]
            n, lower = int(sizes[found.source]), found.deviations < 0
            title = f"{source} {who}: images with the {'lowest' if lower else 'highest'} {words.noun}"
            places = np.flatnonzero((codes == found.source) & np.isfinite(numbers[name]))
            evidence.append(
                extreme_images(data, title, places, numbers[name], 1 if lower else -1, words.noun)
            )
            sentence = (
                f"Images of {source} {who} {words.low if lower else words.high} than those of any other: median"
                f" {words.noun} {amount(found.median)} ({many(n, 'image')}) against {amount(found.low)} to"
                f" {amount(found.high)} for the medians of the other {len(judged) - 1:,},"
                f" {abs(found.deviations):.1f} robust standard deviations from their middle. {who} took"
                f" {percent(n / len(codes))} of the images; look at them before you trust results about them."
            )
            measured = {
                "source": who,
                "property": name,
                "median": found.median,
                "deviations": found.deviations,
                "others": [found.low, found.high],
                "n": n,
            }
            findings.append(
                Finding(check, "warn", f"{source} {who}: {words.noun}", sentence, measured, title)
            )
    if not findings:
        sentence = (
            f"{source}: of {many(len(judged), 'value')} with {data.common.minimum_group} images or more none stands"
            f" out from the others in {len(NAMES)} measured properties."
        )
        findings.append(Finding(check, "ok", source, sentence, {"judged": len(judged)}))
    evidence.append(_source_table(source, names, codes, judged, numbers))
    return Result(findings, evidence)


def _source_table(
    source: str, names: list[str], codes: np.ndarray, judged: np.ndarray, numbers: dict[str, np.ndarray]
) -> Table:
    rows: list[list[Cell]] = []
    for place in judged.tolist():
        inside = codes == place
        medians = [amount(float(np.nanmedian(numbers[name][inside]))) for name in NAMES]
        rows.append([names[place], int(inside.sum()), *medians])
    columns = [source, "images", *(WORDS[name].noun for name in NAMES)]
    return Table(f"Medians by {source}", columns, rows)
