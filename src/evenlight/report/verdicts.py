"""Findings in words: one plain sentence per thing worth knowing, with numbers, counts and intervals.

Those of the data audit and those about models stand in one list, in the words of `evenlight.audit.findings`.
This version tests no gap between groups of a model for significance, so these sentences describe and do not
accuse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evenlight.audit.findings import SEVERITIES
from evenlight.evaluation.comparison import FLOORS
from evenlight.report.audit_view import FLAGGED, anchor_of
from evenlight.report.charts import visible_text
from evenlight.report.rendering import headline

if TYPE_CHECKING:
    from evenlight.report.models_view import Model

_, WARN, NOT_ENOUGH, INFO, OK = SEVERITIES
_TITLES = {"files": "Files", "models": "Models compared", "details": "Each model"}
_OPEN, _ALIKE = 12, 3  # findings that are shown without a click: of all checks, and of one


@dataclass(frozen=True)
class Rules:
    """From how many images a group is judged, which gap in accuracy is small, and how sure intervals are."""

    minimum_group: int = 30
    gap: float = 0.05
    confidence: float = 0.95


@dataclass(frozen=True)
class Finding:
    """One sentence, its severity, and the id and title of the section it is about."""

    severity: str
    sentence: str
    section: str
    title: str = ""

    @property
    def where(self) -> str:
        return self.title or _TITLES[self.section]


@dataclass(frozen=True)
class Strip:
    """The verdict strip: how many findings of each severity, and the findings in four parts.

    What is serious or worth a warning comes first; `more` of it, what could not be judged and the rest are folded.
    """

    counts: Mapping[str, int]
    flagged: Sequence[Finding]
    more: Sequence[Finding]
    unjudged: Sequence[Finding]
    rest: Sequence[Finding]


def strip(found: Sequence[Finding]) -> Strip:
    """Findings in the order of their severity; equal ones keep theirs."""
    ordered = sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
    flagged: list[Finding] = []
    more: list[Finding] = []
    for finding in ordered:
        if finding.severity in FLAGGED:
            alike = sum(other.section == finding.section for other in flagged)
            (flagged if len(flagged) < _OPEN and alike < _ALIKE else more).append(finding)
    return Strip(
        counts={severity: sum(f.severity == severity for f in ordered) for severity in SEVERITIES},
        flagged=flagged,
        more=more,
        unjudged=[finding for finding in ordered if finding.severity == NOT_ENOUGH],
        rest=[finding for finding in ordered if finding.severity in (INFO, OK)],
    )


def from_audit(audit: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[Finding]:
    """First sentences of findings.json, with the titles of their checks' sections, where the rest stands."""
    return [
        Finding(
            f["severity"], headline(f["sentence"]), anchor_of(f["check"]), titles.get(f["check"], f["check"])
        )
        for f in audit
    ]


def findings(
    summary: Mapping[str, Any],
    models: "Sequence[Model]",
    best: "Model | None",
    comparison: Mapping[str, Any],
    rules: Rules,
    audited: bool,
) -> list[Finding]:
    """What is worth knowing about files and models; of files only the notes if the audit has looked at them."""
    found = [] if audited else _files(summary)
    found += [Finding(INFO, note, "files") for note in summary["notes"]]
    has_floor = any(entry["kind"] in FLOORS for entry in comparison["models"])
    found += _floors(comparison) if has_floor else _baseline(models, rules)
    found += [finding for model in models for finding in _training(model)]
    if best and best.test:
        found += [
            *_leaks(best),
            *_undefined_classes(best),
            *_groups(best, rules),
            *_others(comparison),
            *_ties(models, best),
        ]
    return found


def group_state(cell: Mapping[str, Any], overall: Mapping[str, Any] | None, rules: Rules) -> str:
    """Severity of one group against all test images.

    Args:
        cell: `{"n", "accuracy": {"value", "low", "high"}}` of the group.
        overall: accuracy of all test images.

    Returns:
        "not_enough_data" when n is too small or the interval still holds a gap that is not small, "warn" when
        the whole interval lies below the overall accuracy, else "ok".
    """
    accuracy = cell["accuracy"] or {}
    low, high, middle = accuracy.get("low"), accuracy.get("high"), (overall or {}).get("value")
    if cell["n"] < rules.minimum_group or low is None or high is None or middle is None:
        return NOT_ENOUGH
    if high < middle:
        return WARN
    return OK if middle - low <= rules.gap else NOT_ENOUGH


def leak_sentence(model: "Model") -> str:
    """What accuracy is without the test images that are also in training; empty when none are or none is left."""
    clean = model.test.get("without_leaks") or {}
    accuracy, all_images = clean.get("accuracy") or {}, model.test.get("accuracy") or {}
    if accuracy.get("value") is None or all_images.get("value") is None:
        return ""
    removed = clean["removed"]
    images = "leaked image" if removed == 1 else f"{removed:,} leaked images"
    now, before = _right(accuracy["value"], clean["n"]), _right(all_images["value"], model.test["n"])
    if _percent(accuracy["value"]) == _percent(all_images["value"]):
        return f"Without the {images} accuracy stays the same, {now}."
    return f"Without the {images} accuracy is {now}, not {before}."


def _right(share: float, n: int) -> str:
    return f"{_percent(share)} ({round(share * n):,} of {n:,})"


def _leaks(best: "Model") -> list[Finding]:
    sentence = leak_sentence(best)
    return [Finding(INFO, f"{visible_text(best.name)}: {sentence}", "models")] if sentence else []


def _files(summary: Mapping[str, Any]) -> list[Finding]:
    bad = summary["quarantined"]
    files = summary["used"] + bad
    if not bad:
        return [Finding(OK, f"All {files:,} files could be used.", "files")]
    reasons = sorted(summary["reasons"].items(), key=lambda item: (-item[1], item[0]))
    why = listed([f"{n:,} {reason.replace('_', ' ')}" for reason, n in reasons], 5)
    sentence = f"{bad:,} of {files:,} files ({_percent(bad / files)}) could not be used: {why}."
    return [Finding(WARN, sentence, "files")]


def _floors(comparison: Mapping[str, Any]) -> list[Finding]:
    """Models that nothing shows to beat the baselines among the models, as the table of models says too."""
    floors = sorted(entry["model"] for entry in comparison["models"] if entry["kind"] in FLOORS)
    found = []
    for floor in floors:
        names = [
            visible_text(entry["model"]) for entry in comparison["models"] if floor in entry["no_better_than"]
        ]
        if names:
            said = f"{listed(names, 6)} {are(names)} not shown to be better than the baseline"
            sentence = f"{said} {visible_text(floor)}."
            found.append(Finding(NOT_ENOUGH, sentence, "models"))
    return found


def _baseline(models: "Sequence[Model]", rules: Rules) -> list[Finding]:
    """Models that the test images do not show to be better than saying one class for everything."""
    found = []
    for model in models:
        if model.metrics["kind"] in FLOORS:  # which are not meant to be better
            continue
        accuracy, baseline = model.test.get("accuracy") or {}, model.metrics["baseline"]
        low, high = accuracy.get("low"), accuracy.get("high")
        if baseline is None or low is None or high is None or low > baseline:
            continue
        name, says = (
            visible_text(model.name),
            f"the majority baseline ({_percent(baseline)})",
        )
        if high < baseline:
            sentence = f"{name} is worse than {says}: {_rate(accuracy, rules)}."
            found.append(Finding(WARN, sentence, "models"))
        else:
            sentence = f"{name} is not shown to be better than {says}: {_rate(accuracy, rules)} includes it."
            found.append(Finding(NOT_ENOUGH, sentence, "models"))
    return found


def _training(model: "Model") -> list[Finding]:
    """What went wrong when a network was trained; one sentence where nothing did."""
    name = visible_text(model.name)
    told = [f for f in model.checks if f["severity"] != OK]
    if model.checks and not told:
        return [
            Finding(OK, f"{name}: the {len(model.checks)} checks after training found nothing.", "details")
        ]
    return [
        Finding(f["severity"], f"{name}: {visible_text(headline(f['sentence']))}", "details") for f in told
    ]


def _undefined_classes(best: "Model") -> list[Finding]:
    empty = [visible_text(name) for name, cell in best.test["per_class"].items() if not cell["n"]]
    if not empty:
        return []
    sentence = f"No test image of {listed(empty, 5)}: nothing can be said about how well this is recognised."
    return [Finding(NOT_ENOUGH, sentence, "details")]


def _groups(best: "Model", rules: Rules) -> list[Finding]:
    return [
        _attribute(best, attribute, cells, rules)
        for attribute, cells in sorted(best.test["per_group"].items())
        if cells
    ]


def _attribute(best: "Model", attribute: str, cells: Mapping[str, Any], rules: Rules) -> Finding:
    """The one finding about an attribute: its worst judged value, or why nothing can be said."""
    name, overall = visible_text(attribute), best.test["accuracy"]
    judged = [
        (group_state(cell, overall, rules), cell["accuracy"]["value"], value)
        for value, cell in cells.items()
        if cell["n"] >= rules.minimum_group and (cell["accuracy"] or {}).get("value") is not None
    ]
    if len(cells) == 1:
        return Finding(INFO, f"{name} has one value only in the test split: nothing to compare.", "details")
    if not judged:
        needed = f"the {rules.minimum_group} test images needed to judge it"
        return Finding(NOT_ENOUGH, f"{name}: none of {len(cells)} values has {needed}.", "details")
    urgency = (WARN, NOT_ENOUGH, OK)
    state, _, value = min(judged, key=lambda item: (urgency.index(item[0]), *item[1:]))
    accuracy = cells[value]["accuracy"]
    sentence = (
        f"{name} “{visible_text(value)}”: {visible_text(best.name)} is right on {_rate(accuracy, rules)} "
        f"of {cells[value]['n']:,} test images, against {_percent(overall['value'])} overall. "
    )
    if state == WARN:
        alike = sum(item[0] == WARN for item in judged) - 1
        sentence += "The whole interval lies below the overall accuracy" + (
            f", as for {alike} more of the {len(judged)} values judged. " if alike else ". "
        )
        sentence += "Not tested for chance: the more values are compared, the likelier one is low by luck."
    elif state == NOT_ENOUGH:
        points = 100 * (overall["value"] - accuracy["low"])
        sentence += f"These images can't rule out that it is {points:.0f} points worse."
    else:
        sentence += f"No value judged leaves room for a gap of more than {100 * rules.gap:.0f} points."
    skipped = len(cells) - len(judged)
    if skipped:
        few = f"under {rules.minimum_group} test images"
        sentence += f" {skipped} of {len(cells)} values can't be judged ({few})."
    return Finding(NOT_ENOUGH if skipped and state == OK else state, sentence, "details")


def _others(comparison: Mapping[str, Any]) -> list[Finding]:
    """Models that beat the chosen one on test images, and those that nothing sets apart from it."""
    against, found = f"{visible_text(comparison['chosen'])} on these {comparison['n']:,} test images", []
    said = {entry["model"]: entry["reading"] for entry in comparison["models"]}
    better = [visible_text(name) for name, reading in said.items() if reading == "better"]
    alike = [
        visible_text(name)
        for name, reading in said.items()
        if reading not in ("reference", "better", "worse", None)
    ]
    if better:
        sentence = f"{listed(better, 6)} {are(better)} better than {against}, by more than luck."
        found.append(Finding(WARN, sentence, "models"))
    if alike:
        sentence = f"{listed(alike, 6)} {are(alike)} not shown to be better or worse than {against}."
        found.append(Finding(NOT_ENOUGH, sentence, "models"))
    return found


def _rate(measure: Mapping[str, Any], rules: Rules) -> str:
    low, high = measure.get("low"), measure.get("high")
    middle = _percent(measure["value"])
    if low is None or high is None:
        return middle
    return f"{middle} ({_percent(rules.confidence, 'g')} interval {100 * low:.1f} to {100 * high:.1f})"


def _ties(models: "Sequence[Model]", best: "Model") -> list[Finding]:
    """Several models first on validation: which of them is called the best is then a convention."""

    def score(model: "Model") -> float | None:
        return (model.metrics["splits"].get("validation", {}).get("accuracy") or {}).get("value")

    first = [visible_text(model.name) for model in models if score(model) == score(best)]
    if score(best) is None or len(first) < 2:
        return []
    sentence = f"{listed(first, 6)} share the best validation accuracy; the choice among them says little."
    return [Finding(INFO, sentence, "models")]


def _percent(share: float, form: str = ".1f") -> str:
    return f"{100 * share:{form}}\N{NO-BREAK SPACE}%"


def are(names: Sequence[str]) -> str:
    """The verb that goes with so many."""
    return "is" if len(names) == 1 else "are"


def listed(names: Sequence[str], limit: int) -> str:
    """`a, b and c`; beyond `limit` names only how many more there are."""
    shown = list(names[:limit])
    if len(names) > limit:
        return f"{', '.join(shown)} and {len(names) - limit} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
