"""Shortcuts from image properties to the label

A property that tells the classes apart without looking at what an image shows can be learned in place of it. Each
property is asked how well it tells one class from the rest: AUC, folded so that 0.5 is chance and 1 is always, with
the chance of Mann-Whitney's test (the permutation distribution in closed form), Holm-adjusted over properties and
classes. Nothing is fitted but a direction, so no folds are needed. A logistic regression on all properties together
is asked in folds.

How grave a link is depends on whether it can be the subject:

- **File properties** (size, shape, bytes per pixel, format, channels, orientation) are never what an image shows.
  They tell where it comes from, and can be serious.
- **Pixel properties** (light, contrast, sharpness, colour) may be the subject itself: day is brighter than night,
  a ship lies on blue. No number can tell a cue from a cheat there, so they are a warning at most, which asks the
  question.
- **Marks** at the border (a logo, a date, a frame on one side) are looked for by comparing border cells with their
  mirror images; also a warning at most, because some subjects, such as shoes, all point one way.
"""

from typing import NamedTuple

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Cell, Evidence, Finding, Gallery, Result, Table, severity_at
from evenlight.audit.marks import border_differences
from evenlight.audit.measures import FILE, WORDS, categorical, numeric
from evenlight.audit.probes import probabilities, standardised
from evenlight.audit.statistics import holm, mann_whitney_each
from evenlight.audit.wording import chance, counted, listed, many, percent
from evenlight.evaluation.intervals import wilson
from evenlight.properties import NAMES
from evenlight.runtime import seed_for
from evenlight.settings import Settings, ThreeLevels
from evenlight.splits import make_folds

CHECK = "shortcuts"
_TABLE = "How well single properties tell a class from the rest"
_SHOWN = 40
_EXAMPLES = 8


class Options(Settings):
    """When a property tells too much."""

    auc: ThreeLevels = Field(
        [0.65, 0.75, 0.90],
        description="info, warn and serious: AUC of one property",
    )
    mark: float = Field(0.80, gt=0.5, le=1, description="warn: AUC of a border cell against its mirror image")
    folds: int = Field(5, ge=2, le=20, description="of the regression on all properties")


class _Link(NamedTuple):
    """How well a property tells one class from the rest."""

    key: str  # property, a category such as "format PNG", or the place of a mark
    code: int
    auc: float  # above 0.5: the class has the higher values
    p: float

    @property
    def folded(self) -> float:
        return max(self.auc, 1 - self.auc)


def check(data: AuditData, options: Options) -> Result:
    """Look for properties, marks and a simple rule that give the class away."""
    sizes = np.bincount(data.labels, minlength=len(data.classes))
    judged = np.flatnonzero(np.minimum(sizes, sizes.sum() - sizes) >= data.common.minimum_group)
    if len(judged) == 0:
        sentence = (
            f"No class has {data.common.minimum_group} images with as many of other classes beside them:"
            " too few to see whether properties give the class away."
        )
        return Result([Finding(CHECK, "not_enough_data", "classes", sentence)])
    values = numeric(data.rows) | _indicators(data)
    marks = border_differences(data.images())
    links = [link for key, column in values.items() for link in _links(key, column, data.labels, judged)]
    places = [
        link
        for key, columns in marks.items()
        for column in columns.T
        for link in _links(key, column, data.labels, judged)
    ]
    adjusted = holm(np.array([link.p for link in links + places])).tolist()
    tests = len(adjusted)
    sure = {id(link): p for link, p in zip(links + places, adjusted, strict=True) if p < data.common.alpha}
    findings = _property_findings(data, options, [link for link in links if id(link) in sure], sure, tests)
    evidence: list[Evidence] = [_table(data, links)]
    found = [link for link in places if id(link) in sure and link.folded >= options.mark]
    if found:
        finding, gallery = _mark_finding(data, max(found, key=lambda link: link.folded), marks, tests)
        findings.append(finding)
        evidence.append(gallery)
    findings.append(_together(data, options, values))
    return Result(findings, evidence)


def _indicators(data: AuditData) -> dict[str, np.ndarray]:
    """1.0 where an image has a category, for each but the rarest way to say the same."""
    columns = {}
    for name, values in categorical(data.rows).items():
        kinds, counts = np.unique(values.astype(str), return_counts=True)
        order = np.argsort(counts, kind="stable")
        for kind in kinds[order[: len(kinds) - 1 if len(kinds) == 2 else len(kinds)]].tolist():
            if len(kinds) > 1:
                columns[f"{name} {kind}"] = (values == kind).astype(np.float64)
    return columns


def _links(key: str, column: np.ndarray, labels: np.ndarray, judged: np.ndarray) -> list[_Link]:
    """Each judged class against the rest; of two classes only the first, the other says the same."""
    count = int(labels.max()) + 1
    auc, p = mann_whitney_each(column, labels, count)
    # two classes with images
    codes = judged[:1] if len(np.unique(labels)) == 2 else judged
    return [
        _Link(key, code, float(auc[code]), float(p[code]))
        for code in codes.tolist()
        if np.isfinite(auc[code])
    ]


def _property_findings(
    data: AuditData, options: Options, links: list[_Link], sure: dict[int, float], tests: int
) -> list[Finding]:
    """One finding per class about pixels, one per file property, one for all weak links."""
    pixels: dict[int, list[_Link]] = {}
    files: dict[str, list[_Link]] = {}
    weak = []
    for link in sorted(links, key=lambda link: -link.folded):
        severity = severity_at(link.folded, options.auc)
        if severity == "info":
            weak.append(f"{_noun(link.key)} ({_versus(data, link.code)}, AUC {link.folded:.2f})")
        elif severity != "ok" and link.key in NAMES:
            pixels.setdefault(link.code, []).append(link)
        elif severity != "ok":
            files.setdefault(link.key, []).append(link)
    findings = [_file_finding(data, options, found, sure[id(found[0])], tests) for found in files.values()]
    findings += [_pixel_finding(data, found, sure[id(found[0])], tests) for found in pixels.values()]
    if weak:
        sentence = (
            f"Weak links between a property and a class, as natural photos have them: {listed(weak)}."
            " Not a concern by themselves."
        )
        findings.append(Finding(CHECK, "info", "weak links", sentence, {"count": len(weak)}, _TABLE))
    if not findings:
        sentence = (
            f"No property of the images or files tells a class from the rest ({many(tests, 'comparison')})."
        )
        findings.append(Finding(CHECK, "ok", "properties", sentence, {"comparisons": tests}, _TABLE))
    return findings


def _pixel_finding(data: AuditData, found: list[_Link], p: float, tests: int) -> Finding:
    """All pixel properties that tell one class; a warning at most, see above."""
    worst, name = found[0], data.classes[found[0].code]
    noun = _noun(worst.key)
    inside = data.labels == worst.code
    sentence = (
        f"{noun[0].upper()}{noun[1:]} alone tells {_versus(data, worst.code)}: in {percent(worst.folded)} of all pairs"
        f" the image of {name} has the {_side(worst)} value ({int(inside.sum()):,} against"
        f" {many(int((~inside).sum()), 'image')}; adjusted {chance(p)} after {many(tests, 'comparison')})."
    )
    if len(found) > 1:
        others = [f"{_noun(link.key)} ({_side(link)} in {percent(link.folded)})" for link in found[1:]]
        sentence += f" So {'do' if len(others) > 1 else 'does'} {listed(others)}."
    sentence += " If that is not what defines the classes, a model can learn it in place of what you mean."
    measured = {
        "class": name,
        "auc": {link.key: link.auc for link in found},
        "p_adjusted": p,
        "comparisons": tests,
    }
    return Finding(CHECK, "warn", f"{name}: {noun}", sentence, measured, _TABLE)


def _file_finding(data: AuditData, options: Options, found: list[_Link], p: float, tests: int) -> Finding:
    """A file property that tells one class or several."""
    worst = found[0]
    inside = data.labels == worst.code
    name, noun = data.classes[worst.code], _noun(worst.key)
    sentence = f"{noun[0].upper()}{noun[1:]} alone tells {_versus(data, worst.code)}: "
    if worst.key in WORDS:
        sentence += (
            f"in {percent(worst.folded)} of all pairs the image of {name} has the {_side(worst)} value"
        )
        sentence += f" ({int(inside.sum()):,} against {many(int((~inside).sum()), 'image')}"
    else:
        has = _indicators(data)[worst.key] > 0
        first, second = (counted(int(has[side].sum()), int(side.sum())) for side in (inside, ~inside))
        sentence += f"it is that of {first} of the images of {name} and {second} of the others"
        sentence += f" (AUC {worst.folded:.2f}"
    sentence += f"; adjusted {chance(p)} after {many(tests, 'comparison')})."
    if len(found) > 1:
        others = [f"{data.classes[link.code]} ({link.folded:.2f})" for link in found[1:]]
        sentence += f" It is linked to {listed(others)}, too."
    sentence += (
        " That is no part of what an image shows: it tells where the image comes from, and a model that picks it up"
        " fails on images from elsewhere."
    )
    measured = {"class": name, "property": worst.key, "auc": worst.auc, "p_adjusted": p, "comparisons": tests}
    severity = severity_at(worst.folded, options.auc)
    return Finding(CHECK, severity, f"{name}: {noun}", sentence, measured, _TABLE)


def _side(link: _Link) -> str:
    return "higher" if link.auc > 0.5 else "lower"


def _mark_finding(
    data: AuditData, link: _Link, marks: dict[str, np.ndarray], tests: int
) -> tuple[Finding, Gallery]:
    name = data.classes[link.code]
    inside = np.flatnonzero(data.labels == link.code)
    size = np.abs(marks[link.key]).max(axis=1)
    order = inside[np.argsort(-size[inside], kind="stable")][:_EXAMPLES]
    paths = data.rows["path"].to_numpy(dtype=object)
    gallery = Gallery(
        f"{name}: images with the largest difference at the {link.key}",
        [(paths[place], f"differs by {size[place]:.0f} gray levels") for place in order],
    )
    sentence = (
        f"The border of the images gives {name} away ({link.key}, or its mirror image): what is seen"
        f" there, against its mirror image, tells {_versus(data, link.code)} in {percent(link.folded)} of all pairs"
        f" ({many(tests, 'comparison')}). Look for a logo, a date or a frame; where the subject itself reaches the"
        " border, this is no fault."
    )
    measured = {"place": link.key, "class": name, "auc": link.auc, "comparisons": tests}
    return Finding(CHECK, "warn", f"{name}: mark at the border", sentence, measured, gallery.title), gallery


def _together(data: AuditData, options: Options, values: dict[str, np.ndarray]) -> Finding:
    """A logistic regression on all properties against the most frequent class."""
    table = standardised(np.nan_to_num(np.column_stack(list(values.values()))))
    keys = data.kept_together
    folds = make_folds(data.labels, keys, options.folds, seed_for(data.common.seed, CHECK))
    guesses = probabilities(table, data.labels, folds, 1.0).argmax(axis=1)
    right, n = int((guesses == data.labels).sum()), len(guesses)
    most = int(np.bincount(data.labels).max())
    clear = wilson(right, n, data.common.confidence)[0] > most / n
    sentence = (
        f"A logistic regression on {len(values)} properties alone, without looking at what the images show, is right"
        f" for {counted(right, n, data.common.confidence)} of them"
    )
    if clear:
        sentence += (
            f"; always naming the largest class is right for {percent(most / n)}. A model should beat both."
        )
    else:
        sentence += f", no better than always naming the largest class ({percent(most / n)})."
    measured = {"right": right, "n": n, "majority": most / n}
    return Finding(CHECK, "info" if clear else "ok", "all properties together", sentence, measured, _TABLE)


def _noun(key: str) -> str:
    if key in WORDS:
        return WORDS[key].noun
    name, kind = key.split(" ", 1)
    return f"{WORDS[name].noun} {kind}"


def _versus(data: AuditData, code: int) -> str:
    present = np.unique(data.labels)
    if len(present) == 2:
        other = int(present[0] if present[1] == code else present[1])
        return f"{data.classes[code]} from {data.classes[other]}"
    return f"{data.classes[code]} from the rest"


def _table(data: AuditData, links: list[_Link]) -> Table:
    rows: list[list[Cell]] = [
        [
            _noun(link.key),
            "file" if _of_file(link.key) else "pixels",
            data.classes[link.code],
            round(link.auc, 3),
        ]
        for link in sorted(links, key=lambda link: -link.folded)[:_SHOWN]
    ]
    note = "AUC: chance that an image of the class has a higher value than another one; 0.5 tells nothing."
    return Table(_TABLE, ["property", "of", "class", "AUC"], rows, note)


def _of_file(key: str) -> bool:
    return key in FILE or key not in WORDS
