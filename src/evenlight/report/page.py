"""The page people open: `results/<dataset>/index.html`, one file without network and without scripts.

`build_page` is pure: facts in, HTML out. `write_page` reads the files described in docs/output.md. Every text
from a file name, a label or metadata passes `visible_text` and Jinja's escaping. The wording of findings
lives in `verdicts.py`, that of reasons and definitions in the templates.
"""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenlight import storage
from evenlight.errors import UserError
from evenlight.outline import is_network
from evenlight.report.charts import visible_text
from evenlight.report.inline import Room, Thumbnails, Wrong, chart_uri
from evenlight.report.verdicts import Rules, findings, group_state, set_apart

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")
# What keeps the page under 5 MB however large the data set is
_ROWS = 200  # rows of any table of files, classes or groups
_CELLS = 200  # classes up to which the confusion matrix is drawn in full
_THUMBNAIL_ROOM, _PICTURE_ROOM = 2_000_000, 1_400_000  # characters of all data URIs


@dataclass(frozen=True)
class Model:
    """What the page shows of one model.

    `metrics` is its metrics.json, `wrong` the misclassified test images to show, out of `wrong_total`, most
    confident first, and `history` a data URI of its learning curves, empty for models without.
    """

    metrics: dict[str, Any]
    wrong: Sequence[Wrong] = ()
    wrong_total: int = 0
    history: str = ""

    @property
    def name(self) -> str:
        return str(self.metrics["model"])

    @property
    def test(self) -> dict[str, Any]:
        """Metrics of the test split, empty when there is no test image."""
        return self.metrics["splits"].get("test", {})


@dataclass(frozen=True)
class Embedding:
    """`info` is embeddings/<space>.json; the pictures are data URIs, empty when there was no room."""

    info: dict[str, Any]
    pca: str = ""
    tsne: str = ""


@dataclass(frozen=True)
class PageInputs:
    """Everything the page is made of; the shapes are those of docs/output.md.

    `models` come best validation accuracy first; `quarantined` holds (path, reason, detail) of every such
    file; `examples` holds up to three paths per warning id; `versions` maps names to versions or hashes.
    """

    dataset: str
    summary: dict[str, Any]
    models: Sequence[Model]
    best: str
    params: dict[str, Any]
    versions: dict[str, Any]
    quarantined: Sequence[tuple[str, str, str]] = ()
    examples: dict[str, list[str]] = field(default_factory=dict)
    embeddings: Sequence[Embedding] = ()


@dataclass(frozen=True)
class Axis:
    """A horizontal axis of shares from `low` to `high`, with a tick every `step`."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, measures: Sequence[Any]) -> "Axis":
        """The narrowest axis in whole steps that holds all `measures` (intervals, numbers or None)."""
        numbers = [value for measure in measures for value in _ends(measure)] or [0.0, 1.0]
        span = max(max(numbers) - min(numbers), 0.05)
        step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25) if span / step <= 5)
        low = max(0, math.floor(min(numbers) / step + 1e-9))
        high = max(low + 1, math.ceil(max(numbers) / step - 1e-9))
        return cls(low * step, min(high * step, max(1.0, max(numbers))), step)

    def at(self, value: float) -> str:
        """Where `value` lies, as a CSS percentage; beyond the ends it is put on the end."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0), 1):.2f}%"

    @property
    def ticks(self) -> list[float]:
        return [self.low + k * self.step for k in range(round((self.high - self.low) / self.step) + 1)]


def build_page(inputs: PageInputs) -> str:
    """The report of one dataset as a complete HTML document; equal inputs give an equal text."""
    import jinja2

    from evenlight.decode import REASONS

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evenlight.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "visible": visible_text,
        "count": lambda number: f"{number:,}",
        "percent": _percent,
        "decimal": _decimal,
        "interval": _interval,
    }
    best = next((model for model in inputs.models if model.name == inputs.best), None)
    evaluate = inputs.params["evaluate"]
    rules = Rules(minimum_group=evaluate["minimum_group"], confidence=evaluate["confidence"])
    return environment.get_template("page.html").render(
        dataset=inputs.dataset,
        summary=inputs.summary,
        splits=SPLITS,
        best=best,
        findings=findings(inputs.summary, inputs.models, best, rules),
        models=[_model_view(model, best, rules) for model in inputs.models],
        axis=Axis.around([m.test.get("accuracy") for m in inputs.models] + [_baseline(inputs.models)]),
        baseline=_baseline(inputs.models),
        rules=rules,
        confidence=f"{100 * rules.confidence:g}\N{NO-BREAK SPACE}%",
        reasons=REASONS,
        quarantined=inputs.quarantined[:_ROWS],
        quarantined_total=len(inputs.quarantined),
        examples=inputs.examples,
        embeddings=inputs.embeddings,
        params_lines=_pretty(inputs.params),
        versions=sorted(_flat(inputs.versions)),
        data_hash=next((model.metrics["data_hash"] for model in inputs.models), None),
        rows=_ROWS,
    )


def _model_view(model: Model, best: Model | None, rules: Rules) -> dict[str, Any]:
    """What the template needs of one model, worked out."""
    test, classes = model.test, model.metrics["classes"]
    overall = test.get("accuracy")
    confusion = test.get("confusion", [])
    return {
        "name": model.name,
        "kind": model.metrics["kind"],
        "is_best": model is best,
        "set_apart": set_apart(model, best) if best and model is not best else None,
        "test": test,
        "validation": model.metrics["splits"].get("validation", {}),
        "train": model.metrics["splits"].get("train", {}),
        "classes": classes,
        "right": sum(row[i] for i, row in enumerate(confusion)),
        "confusion": _confusion_rows(classes, confusion) if len(classes) <= _CELLS else [],
        "pairs": _confused_pairs(classes, confusion)[:12],
        "per_class": _worst_first(test.get("per_class", {}), "recall", keep_order=len(classes) <= _ROWS),
        "groups": [
            {
                "name": name,
                "axis": Axis.around([overall] + [cell["accuracy"] for cell in values.values()]),
                "values": [
                    (value, cell, group_state(cell, overall, rules))
                    for value, cell in _worst_first(values, "accuracy")
                ],
                "total": len(values),
            }
            for name, values in sorted(test.get("per_group", {}).items())
        ],
        "wrong": model.wrong,
        "wrong_total": model.wrong_total,
        "history": model.history,
    }


def _worst_first(table: dict[str, Any], measure: str, keep_order: bool = False) -> list[tuple[str, Any]]:
    """The first rows of a table of classes or groups, lowest value first, undefined last."""
    if keep_order:
        return list(table.items())

    def rank(item: tuple[str, Any]) -> tuple[bool, float, str]:
        value = (item[1][measure] or {}).get("value")
        return (value is None, value or 0.0, item[0])

    return sorted(table.items(), key=rank)[:_ROWS]


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


def _baseline(models: Sequence[Model]) -> float | None:
    return next((model.metrics["baseline"] for model in models), None)


def _ends(measure: Any) -> list[float]:
    values = (
        [measure.get(key) for key in ("low", "value", "high")] if isinstance(measure, dict) else [measure]
    )
    return [value for value in values if value is not None]


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _decimal(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _interval(measure: dict[str, Any] | None) -> str:
    """`88.1 to 96.1`, or nothing when an end is undefined."""
    low, high = (measure or {}).get("low"), (measure or {}).get("high")
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def _pretty(value: Any) -> list[str]:
    import yaml

    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=None, width=100)
    return [visible_text(line) for line in text.splitlines()]


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, entry in value.items():
        name = f"{prefix}{key}"
        pairs += _flat(entry, f"{name} ") if isinstance(entry, dict) else [(name, str(entry))]
    return pairs


# ---------------------------------------------------------------------------------------------------- files


def write_page(
    *,
    dataset: str,
    standardized: Path,
    manifest: Path,
    summary: Path,
    params_json: str,
    model_folders: Sequence[Path],
    leaderboard: Path,
    best: Path,
    embeddings: Sequence[Path],
    code_version: dict[str, Any],
    page: Path,
) -> None:
    """Read the results of a dataset and write its page.

    Args:
        dataset: its name.
        standardized: folder of the arrays `<shard>.npy`, for thumbnails.
        manifest, summary: manifest.parquet and summary.json.
        params_json: the resolved params as JSON text; `standardize.color` and `evaluate` are read from it.
        model_folders: results/<dataset>/<model> of each model, with metrics.json, misclassified.csv and, for
            networks, history.png.
        leaderboard, best: leaderboard.csv and best.json.
        embeddings: embeddings/<space>.json files; the pictures lie beside them.
        code_version: names to versions, commits or hashes; shown as it is, so it must hold no time.
        page: where to write.

    Raises:
        UserError: a file is missing or damaged.
    """
    params = json.loads(params_json)
    table = storage.read_table(
        manifest, ["path", "row", "shard", "verdict", "reason", "detail", "warnings"]
    ).sort_values("path", kind="stable")
    chosen = storage.read_json(best)["model"]
    places = {row["model"]: place for place, row in enumerate(_read_csv(leaderboard))}
    all_metrics = [(storage.read_json(folder / "metrics.json"), folder) for folder in model_folders]
    all_metrics.sort(key=lambda pair: (places.get(pair[0]["model"], len(places)), pair[0]["model"]))

    color = params["standardize"]["color"]
    thumbnails = Thumbnails(table, standardized, color, Room(_THUMBNAIL_ROOM))
    pictures = Room(_PICTURE_ROOM)
    models = {}
    # the best model first: it has the first claim on room
    for metrics, folder in sorted(all_metrics, key=lambda pair: pair[0]["model"] != chosen):
        wrong = _read_csv(folder / "misclassified.csv")
        models[metrics["model"]] = Model(
            metrics,
            wrong=thumbnails.gallery(wrong[: params["evaluate"]["gallery"]], metrics["classes"]),
            wrong_total=len(wrong),
            history=pictures.take(chart_uri(folder / "history.png")) if is_network(metrics["kind"]) else "",
        )
    quarantined = table[table["verdict"] == "quarantined"]
    inputs = PageInputs(
        dataset=dataset,
        summary=storage.read_json(summary),
        models=[models[metrics["model"]] for metrics, _ in all_metrics],
        best=chosen,
        params=params,
        versions=code_version,
        quarantined=list(quarantined[["path", "reason", "detail"]].itertuples(index=False, name=None)),
        examples=_warning_examples(table),
        embeddings=[
            Embedding(
                storage.read_json(path),
                tsne=pictures.take(chart_uri(path.with_name(f"{path.stem}_tsne.png"))),
                pca=pictures.take(chart_uri(path.with_name(f"{path.stem}_pca.png"))),
            )
            for path in embeddings
        ],
    )
    storage.write_text(page, build_page(inputs))


def _warning_examples(table: "pd.DataFrame") -> dict[str, list[str]]:
    examples: dict[str, list[str]] = {}
    warned = table[table["warnings"] != ""]
    for path, warnings in zip(warned["path"], warned["warnings"], strict=True):
        for warning in warnings.split():
            paths = examples.setdefault(warning, [])
            if len(paths) < 3:
                paths.append(path)
    return examples


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as problem:
        raise UserError(f"{path}: can't be read ({problem}); run `snakemake --cores 8` to make it") from None
