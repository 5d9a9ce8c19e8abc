"""What the page shows of the models beside each other: readings against the chosen one, ranks, sweeps, their cost.

`comparison_view` is for the page, which is equal for equal results; `times_page` is a page of its own, because times
differ from run to run.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evenlight.job_costs import Cost
from evenlight.report.axis import Axis
from evenlight.report.charts import visible_text
from evenlight.report.models_view import Model, baseline
from evenlight.report.rendering import environment, points
from evenlight.report.verdicts import Rules, are, listed

_MATRIX = 20  # models up to which the p-values of all pairs are shown
_NAMED = 6  # models that a sentence names
_FEW = 10  # units
_SMALLEST = 0.0001  # p-values below are not told apart
_FLOORS = {
    "majority": "not shown to beat saying the most frequent class",
    "metadata": "not shown to beat file data",
}
_NOTHING = 1e-9  # as a standard deviation: one image of a billion
_DASH, _SPACE = "\N{EN DASH}", "\N{NO-BREAK SPACE}"

COST_COLUMNS = (
    *("rank_low", "rank_high", "model", "kind", "test_accuracy"),
    *("difference", "difference_low", "difference_high", "mcnemar_p", "mcnemar_p_alone", "reading"),
    *("train_seconds", "train_cpu_seconds", "train_peak_mb"),
    *("predict_seconds", "predict_cpu_seconds", "predict_peak_mb"),
)


def comparison_view(
    comparison: Mapping[str, Any], models: Sequence[Model], rules: Rules, rows: int
) -> dict[str, Any]:
    """What compare.html needs.

    Args:
        comparison: comparison.json.
        models: in the order of the page, whose sections are `model-1`, `model-2`, ...
        rules: for the confidence of intervals.
        rows: of the table and of each sweep, at most.
    """
    places = {model.name: place for place, model in enumerate(models, 1)}
    numbers = {entry["model"]: number for number, entry in enumerate(comparison["models"], 1)}
    shown = [entry for entry in comparison["models"] if entry["model"] in places]
    line = baseline(models)
    return {
        "n": comparison["n"],
        "sentences": _sentences(comparison),
        "rows": [
            _row(entry, comparison, models[places[entry["model"]] - 1], places) for entry in shown[:rows]
        ],
        "total": len(shown),
        "axis": Axis.around([model.test.get("accuracy") for model in models] + [line]),
        "baseline": line,
        "leaks": any(model.test.get("without_leaks") for model in models),
        "matrix": _matrix(comparison),
        "sweeps": [
            _sweep(name, sweep, places, numbers, rows, rules)
            for name, sweep in sorted(comparison["sweeps"].items())
        ],
        "units": _units(comparison),
        "alpha": f"{comparison['alpha']:g}",
        "chosen": comparison["chosen"],
        "others": len(comparison["models"]) - 1,
        "one_sided": any(entry["no_better_than"] for entry in comparison["models"]),
    }


def times_page(dataset: str, comparison: Mapping[str, Any], costs: Mapping[str, tuple[Cost, Cost]]) -> str:
    """A complete HTML document: the ranks again, with what each model cost.

    Args:
        dataset: its name.
        comparison: comparison.json.
        costs: model -> cost of training and of predicting every image.
    """
    rows = []
    for entry in comparison["models"]:
        train, predict = costs[entry["model"]]
        rows.append(
            {
                **_standing(entry, comparison),
                "accuracy": entry["accuracy"],
                "train": duration(train.seconds),
                "train_cpu": duration(train.cpu_seconds),
                "predict": duration(predict.seconds),
                "predict_cpu": duration(predict.cpu_seconds),
                "memory": memory(train.peak_mb),
                "predict_memory": memory(predict.peak_mb),
            }
        )
    template = environment().get_template("times.html")
    return template.render(dataset=dataset, rows=rows, n=comparison["n"])


def cost_rows(
    comparison: Mapping[str, Any], costs: Mapping[str, tuple[Cost, Cost]]
) -> list[list[str | int | float | None]]:
    """The same table as rows of a CSV, in the order of COST_COLUMNS; None where nothing is known."""
    rows: list[list[str | int | float | None]] = []
    for entry in comparison["models"]:
        difference = entry["difference"]
        rows.append(
            [
                *(entry["rank"] or (None, None)),
                *(entry["model"], entry["kind"], entry["accuracy"]),
                *(difference["value"], difference["low"], difference["high"]),
                *(entry["p"], entry["p_alone"], _reading(entry, comparison)),
                *(
                    value
                    for cost in costs[entry["model"]]
                    for value in (cost.seconds, cost.cpu_seconds, cost.peak_mb)
                ),
            ]
        )
    return rows


def duration(seconds: float | None) -> str:
    """`0.8 s`, `42 s`, `2 min 5 s`, `1 h 3 min`; `not recorded` for None."""
    if seconds is None:
        return "not recorded"
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min {whole % 60}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h {whole % 3600 // 60}{_SPACE}min"


def memory(megabytes: float | None) -> str:
    """`512 MB`; `not recorded` for None."""
    return "not recorded" if megabytes is None else f"{megabytes:,.0f}{_SPACE}MB"


def p_text(p: float | None) -> str:
    """A p-value for people; empty for None."""
    if p is None:
        return ""
    return f"< {_SMALLEST:g}" if p < _SMALLEST else f"{round(p, 4):.3g}"


def _standing(entry: Mapping[str, Any], comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Name, rank and reading of one model, as both pages show them."""
    difference, rank = entry["difference"], entry["rank"]
    ends = (difference["low"], difference["high"])
    return {
        "name": entry["model"],
        "kind": entry["kind"],
        "is_baseline": entry["baseline"],
        "chosen": entry["model"] == comparison["chosen"],
        "rank": "" if rank is None else _DASH.join(map(str, sorted(set(rank)))),
        "difference": "" if difference["value"] is None else points(difference["value"]),
        "interval": "" if None in ends else f"{points(ends[0])} to {points(ends[1])}",
        "p": p_text(entry["p"]),
        "p_alone": p_text(entry["p_alone"]) if str(entry["reading"]).startswith("perhaps") else "",
        "reading": _reading(entry, comparison),
    }


def _row(
    entry: Mapping[str, Any], comparison: Mapping[str, Any], model: Model, places: Mapping[str, int]
) -> dict[str, Any]:
    kinds = {other["model"]: other["kind"] for other in comparison["models"]}
    floors = {kinds[name] for name in entry["no_better_than"]}
    return {
        **_standing(entry, comparison),
        "place": places[entry["model"]],
        "validation": (model.metrics["splits"].get("validation", {}).get("accuracy") or {}).get("value"),
        "test": model.test,
        "without_leaks": model.test.get("without_leaks"),
        "floors": [_FLOORS[kind] for kind in sorted(floors)],
    }


def _reading(entry: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    if not comparison["n"] or len(comparison["models"]) < 2:
        return ""
    return entry["reading"] or "not enough data"


def _sentences(comparison: Mapping[str, Any]) -> list[str]:
    """What the table says, in words: who is better or worse than the model chosen on validation images."""
    n, entries = comparison["n"], comparison["models"]
    if not n:
        return ["There is no test image, so nothing sets these models apart."]
    if len(entries) < 2:
        return []
    if comparison["units"] < 2:
        return [f"All {n:,} test images belong together, so nothing says which differences are luck."]
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry["reading"], []).append(visible_text(entry["model"]))
    chosen = f"{visible_text(comparison['chosen'])}, the model chosen on validation images"
    more = f"more than luck by itself, but not among {len(entries) - 1} comparisons"
    forms = {
        "better": f"better than {chosen}, on the {n:,} test images, by more than luck",
        "perhaps better": f"perhaps better: {more}",
        "tied": "tied with it: differences as large as theirs come about by luck",
        "perhaps worse": f"perhaps worse: {more}",
        "worse": "worse, by more than luck",
    }
    said = [
        f"{listed(names[reading], _NAMED)} {are(names[reading])} {form}."
        for reading, form in forms.items()
        if reading in names
    ]
    if "better" not in names:
        said.insert(0, f"On the {n:,} test images no model is shown to be better than {chosen}.")
    return said


def _units(comparison: Mapping[str, Any]) -> str:
    """Why images are not counted one by one; empty where they are."""
    n, units, source = comparison["n"], comparison["units"], comparison["source"]
    if units == n:
        return ""
    of = (
        f"different values of {visible_text(source)}"
        if source
        else "sets of near-duplicates and single images"
    )
    few = ""
    if comparison["effective_units"] < _FEW:
        these = (
            "These are few"
            if units < _FEW
            else "The largest hold so many images that all of them count as few"
        )
        few = f" {these}: only large and steady differences can be told from luck."
    return (
        f"The {n:,} test images come from {units:,} {of}. Images of one tend to be right and wrong together, so they"
        f" count for less.{few}"
    )


def _matrix(comparison: Mapping[str, Any]) -> dict[str, Any] | None:
    """p-values of all pairs, with bold ones below the level; None where there is one pair or too many."""
    names = [entry["model"] for entry in comparison["models"]]
    if not comparison["n"] or not 2 < len(names) <= _MATRIX:
        return None
    cells = [
        [(p_text(p), p is not None and p < comparison["alpha"]) for p in line] for line in comparison["pairs"]
    ]
    pairs = len(names) * (len(names) - 1) // 2
    return {"names": names, "pairs": pairs, "rows": list(zip(names, cells, strict=True))}


def _sweep(
    name: str,
    sweep: Mapping[str, Any],
    places: Mapping[str, int],
    numbers: Mapping[str, int],
    limit: int,
    rules: Rules,
) -> dict[str, Any]:
    test, validation = sweep["test"], sweep["validation"]
    rows = [
        {
            "values": [_value_text(value) for value in row["values"]],
            "members": [
                (member, places[member], numbers[member]) for member in row["models"] if member in places
            ],
            "mean": row["mean"],
            "sd": None if row["sd"] is None else f"{100 * row['sd']:.1f}",
            "range": "" if row["sd"] is None else f"{100 * row['low']:.1f} to {100 * row['high']:.1f}",
            "validation": other["mean"],
        }
        for row, other in zip(test["rows"], validation["rows"], strict=True)
    ]
    return {
        "name": name,
        "keys": test["keys"],
        "rows": rows[:limit],
        "total": len(rows),
        "sentence": _luck(test, rules),
    }


def _luck(test: Mapping[str, Any], rules: Rules) -> str:
    """What seeds alone do to the accuracy."""
    if test["luck"] is None:
        return (
            "Each setting was trained with one seed, so nothing says how much of a difference is luck: add"
            " `seed: [0, 1, 2]` to the sweep."
        )
    if test["seed_sd"] < _NOTHING:
        return "The seed changes nothing here: models that differ in it alone have the same test accuracy."
    sure = f"{100 * rules.confidence:g}{_SPACE}%"
    return (
        f"Another seed alone moves the test accuracy by {_size(test['seed_sd'])} points (standard deviation"
        f" between seeds). Two single models that differ in nothing else are up to {_size(test['luck'])} points apart"
        f" in {sure} of cases: a smaller difference between two models may be luck. The table shows means over seeds,"
        " which luck moves less."
    )


def _size(share: float) -> str:
    """A share above 0 in percentage points: `1.2`, `0.04`."""
    return f"{100 * share:.1f}" if share >= 0.001 else f"{100 * share:.1g}"


def _value_text(value: Any) -> str:
    """A swept value for people: `hog + color` for a list of names."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " + ".join(value) or "none"
    return value if isinstance(value, str) else json.dumps(value)
