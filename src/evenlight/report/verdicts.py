"""Findings in words: one plain sentence per thing worth knowing, with numbers, counts and intervals.

Three outcomes, never two: worth a look, fine, not enough data. This version tests no gap for significance, so
the sentences describe and do not accuse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evenlight.report.charts import visible_text

if TYPE_CHECKING:
    from evenlight.report.page import Model

LOOK, FINE, FEW, NOTE = "look", "fine", "few", "note"


@dataclass(frozen=True)
class Rules:
    """From how many images a group is judged, which gap in accuracy is small, and how sure intervals are."""

    minimum_group: int = 30
    gap: float = 0.05
    confidence: float = 0.95


@dataclass(frozen=True)
class Finding:
    """One sentence, its outcome (`few` means not enough data) and the id of the section it is about."""

    state: str
    sentence: str
    section: str


def findings(
    summary: Mapping[str, Any],
    models: "Sequence[Model]",
    best: "Model | None",
    rules: Rules,
) -> list[Finding]:
    """Everything worth knowing, most urgent first."""
    found = [*_files(summary), *(Finding(NOTE, visible_text(note), "files") for note in summary["notes"])]
    found += _baseline(models, rules)
    if best and best.test:
        found += [
            *_undefined_classes(best),
            *_groups(best, rules),
            *_others(models, best),
            *_ties(models, best),
        ]
    return sorted(found, key=lambda finding: (LOOK, NOTE, FEW, FINE).index(finding.state))


def group_state(cell: Mapping[str, Any], overall: Mapping[str, Any] | None, rules: Rules) -> str:
    """Outcome of one group against all test images.

    Args:
        cell: `{"n", "accuracy": {"value", "low", "high"}}` of the group.
        overall: accuracy of all test images.

    Returns:
        `few` when n is too small or the interval still holds a gap that is not small, `look` when
        the whole interval lies below the overall accuracy, else `fine`.
    """
    accuracy = cell["accuracy"] or {}
    low, high, middle = accuracy.get("low"), accuracy.get("high"), (overall or {}).get("value")
    if cell["n"] < rules.minimum_group or low is None or high is None or middle is None:
        return FEW
    if high < middle:
        return LOOK
    return FINE if middle - low <= rules.gap else FEW


def set_apart(model: "Model", best: "Model") -> bool | None:
    """Whether the two test accuracies' intervals do not overlap; None when one is undefined."""
    one, other = model.test.get("accuracy") or {}, best.test.get("accuracy") or {}
    ends = [
        end for measure in (one, other) for key in ("low", "high") if (end := measure.get(key)) is not None
    ]
    if len(ends) < 4:
        return None
    return ends[1] < ends[2] or ends[3] < ends[0]


def _files(summary: Mapping[str, Any]) -> list[Finding]:
    bad, found = summary["quarantined"], summary["found"]
    if not bad:
        return [Finding(FINE, f"All {found:,} files found could be used.", "files")]
    reasons = sorted(summary["reasons"].items(), key=lambda item: (-item[1], item[0]))
    listed = _listed([f"{n:,} {reason.replace('_', ' ')}" for reason, n in reasons], 5)
    sentence = f"{bad:,} of {found:,} files ({_percent(bad / found)}) could not be used: {listed}."
    return [Finding(LOOK, sentence, "files")]


def _baseline(models: "Sequence[Model]", rules: Rules) -> list[Finding]:
    """Models that the test images do not show to be better than saying one class for everything."""
    found = []
    for model in models:
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
            found.append(Finding(LOOK, sentence, "models"))
        else:
            sentence = f"{name} is not shown to be better than {says}: {_rate(accuracy, rules)} includes it."
            found.append(Finding(FEW, sentence, "models"))
    return found


def _undefined_classes(best: "Model") -> list[Finding]:
    empty = [visible_text(name) for name, cell in best.test["per_class"].items() if not cell["n"]]
    if not empty:
        return []
    sentence = f"No test image of {_listed(empty, 5)}: nothing can be said about how well this is recognised."
    return [Finding(FEW, sentence, "details")]


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
        return Finding(NOTE, f"{name} has one value only in the test split: nothing to compare.", "details")
    if not judged:
        needed = f"the {rules.minimum_group} test images needed to judge it"
        return Finding(FEW, f"{name}: none of {len(cells)} values has {needed}.", "details")
    urgency = (LOOK, FEW, FINE)
    state, _, value = min(judged, key=lambda item: (urgency.index(item[0]), *item[1:]))
    accuracy = cells[value]["accuracy"]
    sentence = (
        f"{name} “{visible_text(value)}”: {visible_text(best.name)} is right on {_rate(accuracy, rules)} "
        f"of {cells[value]['n']:,} test images, against {_percent(overall['value'])} overall. "
    )
    if state == LOOK:
        alike = sum(item[0] == LOOK for item in judged) - 1
        sentence += "The whole interval lies below the overall accuracy" + (
            f", as for {alike} more of the {len(judged)} values judged. " if alike else ". "
        )
        sentence += "Not tested for chance: the more values are compared, the likelier one is low by luck."
    elif state == FEW:
        points = 100 * (overall["value"] - accuracy["low"])
        sentence += f"These images can't rule out that it is {points:.0f} points worse."
    else:
        sentence += f"No value judged leaves room for a gap of more than {100 * rules.gap:.0f} points."
    skipped = len(cells) - len(judged)
    if skipped:
        few = f"under {rules.minimum_group} test images"
        sentence += f" {skipped} of {len(cells)} values can't be judged ({few})."
    return Finding(FEW if skipped and state == FINE else state, sentence, "details")


def _others(models: "Sequence[Model]", best: "Model") -> list[Finding]:
    alike = [visible_text(m.name) for m in models if m is not best and set_apart(m, best) is False]
    if not alike:
        return []
    n = best.test["n"]
    verb = "is" if len(alike) == 1 else "are"
    sentence = (
        f"{_listed(alike, 6)} {verb} not distinguishable from {visible_text(best.name)} on these {n:,} test "
        "images: the intervals overlap (a rough guide, not a test)."
    )
    return [Finding(FEW, sentence, "models")]


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
    sentence = f"{_listed(first, 6)} share the best validation accuracy; the choice among them says little."
    return [Finding(NOTE, sentence, "models")]


def _percent(share: float, form: str = ".1f") -> str:
    return f"{100 * share:{form}}\N{NO-BREAK SPACE}%"


def _listed(names: Sequence[str], limit: int) -> str:
    shown = list(names[:limit])
    if len(names) > limit:
        return f"{', '.join(shown)} and {len(names) - limit} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
