"""What the page shows of fair training: the same network before and after, what it gained and what it cost."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evenlight.audit.wording import listed, many
from evenlight.evaluation.resampling import FEWEST_KEYS
from evenlight.report.rendering import percent, points

_CLASSES, _GROUPS = 6, 60  # shown in the table by group
BETTER, WORSE, CHANCE, UNKNOWN = "better", "worse", "within chance", "not enough data"


class _Measure(NamedTuple):
    """One row of the table, and the words for it; `sign` is 1 where more is better."""

    key: str
    title: str
    meaning: str
    noun: str
    sign: int


_FAIRNESS = (
    _Measure("worst_group", "accuracy of the worst group", "", "the accuracy of the worst group", 1),
    _Measure(
        "gap",
        "gap between groups",
        "accuracy of the best group minus the worst",
        "the gap between groups",
        -1,
    ),
    _Measure(
        "selection_ratio",
        "selection ratio (p%-rule)",
        "how often a class is said: least in one group, over most in another; 100 % is equal",
        "the selection ratio",
        1,
    ),
    _Measure(
        "opportunity_gap",
        "recall gap (equal opportunity)",
        "recall of a class: most in one group, minus least in another",
        "the recall gap",
        -1,
    ),
)
_ACCURACY = _Measure("accuracy", "accuracy", "all test images", "accuracy", 1)
_METHODS = {
    "group_weights": "Small groups counted more in the loss, so that every group weighed the same.",
    "reweighing": (
        "Images were drawn so that group and class were independent (Kamiran and Calders 2012): what the class says"
        " about the group was no help any more."
    ),
    "balanced": "Every class of every group was drawn equally often.",
    "adversarial": (
        "The last layer was trained not to give the group away, against a second network that reads it (Ganin and"
        " Lempitsky 2015)."
    ),
}


def fair_view(report: Mapping[str, Any]) -> dict[str, Any]:
    """What fair.html needs.

    Args:
        report: fair.json.
    """
    models, difference = report["models"], report["difference"] or {}
    classes, groups = _classes_shown(report), report["group_names"][:_GROUPS]
    return {
        "group": report["fair"]["group"],
        "model": report["model"],
        "before": report["before"],
        "method": report["fair"]["method"].replace("_", " "),
        "explained": _METHODS[report["fair"]["method"]],
        "confidence": f"{100 * report['confidence']:g}\N{NO-BREAK SPACE}%",
        "verdict": _verdict(report),
        "rows": [_row(measure, models, difference) for measure in (_ACCURACY, *_FAIRNESS)],
        "probe": _probe(report),
        "notes": _notes(report),
        "classes": classes,
        "groups": [_group(name, report, classes) for name in groups],
        "left_out": len(classes) < len(report["classes"]) or len(groups) < len(report["group_names"]),
        "n": report["n"],
        "fewest": report["fewest"],
    }


def reading(change: Mapping[str, Any] | None, sign: int) -> str:
    """What the interval of a change says, of a measure of which more is better (sign 1) or worse (-1)."""
    if change is None or change["low"] is None:
        return UNKNOWN
    if change["low"] > 0:
        return BETTER if sign > 0 else WORSE
    if change["high"] < 0:
        return WORSE if sign > 0 else BETTER
    return CHANCE


def _verdict(report: Mapping[str, Any]) -> str:
    """One sentence: what became fairer, and what it cost."""
    change = report["difference"]
    if not report["n"]:
        return "There are no test images, so nothing can be said."
    if change is None:
        return (
            "There is nothing to compare with: name the same network without `fair` as `before` to see what the"
            " training changed."
        )
    found = {measure.key: reading(change[measure.key], measure.sign) for measure in _FAIRNESS}
    told = []
    for state, verb in ((BETTER, "improved"), (WORSE, "got worse")):
        names = [_changed(measure, change) for measure in _FAIRNESS if found[measure.key] == state]
        if names:
            told.append(f"{listed(names)} {verb}")
    if told:
        fairness = " and ".join(told)
    elif set(found.values()) == {UNKNOWN}:
        fairness = "no two groups have enough test images to be compared"
    else:
        fairness = "no measure of fairness changed beyond chance"
    return f"For {report['fair']['group']}, {fairness}; {_cost(change['accuracy'])}."


def _changed(measure: _Measure, change: Mapping[str, Any]) -> str:
    return f"{measure.noun} ({points(change[measure.key]['value'])} points)"


def _cost(change: Mapping[str, Any]) -> str:
    """What it did to the accuracy of all test images."""
    if change["low"] is None:
        return f"what it cost in accuracy can't be told ({points(change['value'])} points)"
    ends = f"{points(change['value'])} points, {points(change['low'])} to {points(change['high'])}"
    state = reading(change, 1)
    if state == CHANCE:
        return f"accuracy may have risen or fallen ({ends}: within chance)"
    return f"accuracy {'rose' if state == BETTER else 'fell'} ({ends})"


def _row(measure: _Measure, models: Mapping[str, Any], difference: Mapping[str, Any]) -> dict[str, Any]:
    change = difference.get(measure.key)
    return {
        "title": measure.title,
        "meaning": measure.meaning,
        "before": _cell(models.get("before", {}).get(measure.key)),
        "after": _cell(models["after"][measure.key]),
        "difference": points(change["value"]) if change and change["value"] is not None else "",
        "interval": f"{points(change['low'])} to {points(change['high'])}"
        if change and change["low"] is not None
        else "",
        "reading": reading(change, measure.sign) if difference else "",
    }


def _cell(estimate: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A value, its interval, and what it is about."""
    if estimate is None:
        return None
    about = [str(name) for name in estimate.get("groups", [])]
    if estimate.get("class") is not None:
        about.insert(0, str(estimate["class"]))
    return {"measure": estimate, "about": about}


def _probe(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """How well the group is read from the features; None where it can't be told."""
    probe = report["probe"]
    if probe["after"]["value"] is None:
        return None
    return {key: probe.get(key) for key in ("before", "after", "majority", "by_class")}


def _notes(report: Mapping[str, Any]) -> list[str]:
    """What to keep in mind, gravest first."""
    notes: list[str] = []
    fair, alone = report["fair"], report["one_class_groups"]
    if alone:
        names = listed([f"{name} ({many(n, 'training image')})" for name, n in sorted(alone.items())])
        consequence = (
            "an adversary that hides such a group hides the class with it: adversarial training is harmful here"
            if fair["method"] == "adversarial"
            else "no weighting makes such a group independent of its class"
        )
        kind = "A group has" if len(alone) == 1 else f"{len(alone)} groups have"
        notes.append(f"{kind} training images of one class only, {names}: {consequence}.")
    weights = report["weights"]
    if weights:
        notes.append(
            f"Weighted, the {weights['images']:,} training images are worth {weights['effective']:,.0f} equal ones;"
            f" the heaviest counts {weights['largest']:.1f} times the average (cap {fair['cap']:g})."
        )
    if fair["method"] == "adversarial":
        notes.append(
            f"Strength of the reversed gradient: {fair['strength']:g}. It is no guarantee: see the probe."
        )
    if report["before"] is not None:
        notes.append(
            "Each network was trained once, from the same initial weights. Intervals tell of the luck of the test"
            " images, not of the luck of training: another seed can move a difference."
        )
    if 0 < report["units"] < FEWEST_KEYS:
        notes.append(
            f"All test images come from {many(report['units'], 'source')}: intervals are too narrow for new ones."
        )
    return notes


def _classes_shown(report: Mapping[str, Any]) -> list[str]:
    """All classes, or those that the measures name where they are many."""
    classes = list(report["classes"])
    if len(classes) <= _CLASSES:
        return classes
    named = {
        model[measure]["class"]
        for model in report["models"].values()
        for measure in ("selection_ratio", "opportunity_gap")
    }
    return [label for label in classes if label in named]


def _group(name: str, report: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """One row of the table by group."""
    train, test = report["training_images"][name], report["test_images"][name]
    models = report["models"]
    return {
        "name": name,
        "train": [train[label] for label in classes],
        "test": sum(test.values()),
        "few": sum(test.values()) < report["fewest"],
        **{
            key: {
                "accuracy": model["per_group"][name],
                "said": [percent(model["selected"][name][label]) for label in classes],
                "recall": [percent(model["recall"][name][label]) for label in classes],
            }
            for key, model in models.items()
        },
    }
