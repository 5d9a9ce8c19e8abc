"""What the page shows of the models: measures, confusion, classes and groups, worked out for the templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evenlight.report.axis import Axis
from evenlight.report.explain_view import sorted_findings
from evenlight.report.inline import Wrong
from evenlight.report.verdicts import Rules, group_state, leak_sentence

_CELLS = 200  # classes up to which the confusion matrix is drawn in full


@dataclass(frozen=True)
class Model:
    """What the page shows of one model.

    `metrics` is its metrics.json, `wrong` the misclassified test images to show, out of `wrong_total`, most
    confident first. `history` and `boundary` are data URIs of its learning curves and its decision boundary, empty
    for models without; `importance` is what `features_view.importance_view` gives, `search` the candidates that were
    tried by cross-validation, `chosen` the hyper-parameters that won. Of networks `checks` is checks.json, `inside` a
    sentence about the page that looks inside, empty without one, and `fair` what `fair_view` gives where training made
    up for unequal groups.
    """

    metrics: dict[str, Any]
    wrong: Sequence[Wrong] = ()
    wrong_total: int = 0
    history: str = ""
    boundary: str = ""
    importance: Mapping[str, Any] | None = None
    search: Sequence[Mapping[str, Any]] = ()
    chosen: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    inside: str = ""
    fair: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return str(self.metrics["model"])

    @property
    def test(self) -> dict[str, Any]:
        """Metrics of the test split, empty when there is no test image."""
        return self.metrics["splits"].get("test", {})


def model_view(model: Model, best: Model | None, rules: Rules, rows: int) -> dict[str, Any]:
    """What the template needs of one model; tables of classes and groups have at most `rows` rows."""
    test, classes = model.test, model.metrics["classes"]
    overall = test.get("accuracy")
    confusion = test.get("confusion", [])
    return {
        "name": model.name,
        "kind": model.metrics["kind"],
        "is_best": model is best,
        "test": test,
        "validation": model.metrics["splits"].get("validation", {}),
        "train": model.metrics["splits"].get("train", {}),
        "classes": classes,
        "right": sum(row[i] for i, row in enumerate(confusion)),
        "without_leaks": test.get("without_leaks"),
        "leak_sentence": leak_sentence(model),
        "confusion": _confusion_rows(classes, confusion) if len(classes) <= min(_CELLS, rows) else [],
        "pairs": _confused_pairs(classes, confusion)[:12],
        "per_class": _worst_first(test.get("per_class", {}), "recall", rows, keep_order=len(classes) <= rows),
        "groups": [
            {
                "name": name,
                "axis": Axis.around([overall] + [cell["accuracy"] for cell in values.values()]),
                "values": [
                    (value, cell, group_state(cell, overall, rules))
                    for value, cell in _worst_first(values, "accuracy", rows)
                ],
                "total": len(values),
            }
            for name, values in sorted(test.get("per_group", {}).items())
        ],
        "wrong": model.wrong,
        "wrong_total": model.wrong_total,
        "history": model.history,
        "boundary": model.boundary,
        "importance": model.importance,
        "search": _candidates(model),
        "checks": sorted_findings(model.checks),
        "inside": model.inside,
        "fair": model.fair,
    }


def _candidates(model: Model) -> list[dict[str, Any]]:
    """What was tried by cross-validation, the winner first, then those that came furthest."""

    def rank(tried: Mapping[str, Any]) -> tuple[bool, int, float]:
        return (not _won(tried, model), -tried["rows"], -tried["right"] / tried["n"])

    return [
        {**tried, "share": tried["right"] / tried["n"], "won": _won(tried, model)}
        for tried in sorted(model.search, key=rank)
    ]


def _won(tried: Mapping[str, Any], model: Model) -> bool:
    return all(model.chosen[key] == value for key, value in tried["options"].items())


def baseline(models: Sequence[Model]) -> float | None:
    """Test accuracy of always saying the most frequent class; the same for all models."""
    return next((model.metrics["baseline"] for model in models), None)


def _worst_first(
    table: dict[str, Any], measure: str, rows: int, keep_order: bool = False
) -> list[tuple[str, Any]]:
    """The first rows of a table of classes or groups, lowest value first, undefined last."""
    if keep_order:
        return list(table.items())

    def rank(item: tuple[str, Any]) -> tuple[bool, float, str]:
        value = (item[1][measure] or {}).get("value")
        return (value is None, value or 0.0, item[0])

    return sorted(table.items(), key=rank)[:rows]


def _confusion_rows(classes: Sequence[str], confusion: list[list[int]]) -> list[tuple[str, int, list[Any]]]:
    """Per true class: name, images, and (count, CSS class) per cell; the shade is the share of the row."""
    rows = []
    for i, counts in enumerate(confusion):
        total = sum(counts)
        cells = []
        for j, count in enumerate(counts):
            shade = f"h{1 + min(8, 9 * count // total)}" if count else ""
            cells.append((count, f"{shade} d".strip() if i == j else shade))
        rows.append((classes[i], total, cells))
    return rows


def _confused_pairs(classes: Sequence[str], confusion: list[list[int]]) -> list[tuple[str, str, int, float]]:
    """(true, predicted, count, share of the true class) of every kind of error, most frequent first."""
    pairs = [
        (classes[i], classes[j], count, count / sum(row))
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if count and i != j
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
