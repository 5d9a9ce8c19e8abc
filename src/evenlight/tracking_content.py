"""What one pipeline result says to MLflow: plain values read from the result files, without importing mlflow.

One result becomes one parent run and one child run per model. Both are described here by `RunContent`;
sending them is `tracking_store`'s job.
"""

import csv
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenlight.job_costs import read_cost
from evenlight.outline import explained, is_network, spaces
from evenlight.storage import file_sha256, read_json, read_table

TABLE_ROWS = 500  # of the predictions table: more rows make the UI's comparison slow
ERROR_ROWS = 300  # at most so many of them are errors; the rest is the same sample for every model
SHORT_NAMES = {
    "accuracy": "acc",
    "balanced_accuracy": "acc_bal",
    "macro_f1": "f1_macro",
    "log_loss": "log_loss",
}
# a name that passes unchanged: letters, digits, `_`, `-`, inner spaces and dots, not ending like a hashed one
_UNSAFE = re.compile(r"[^\w-]")
_PLAIN = re.compile(r"(?!.*-[0-9a-f]{8}$)[\w-](?:[\w. -]{0,58}[\w-])?")


@dataclass(frozen=True)
class Metric:
    """One number; `step` is the epoch for learning curves and 0 otherwise."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class RunContent:
    """Everything one MLflow run holds.

    `sha` identifies the content, `slot` the place it takes (a dataset, or a model of a dataset): a newer
    run of the same slot supersedes an older one. `tables` are columns, `pictures` and `files` are keyed by
    their name in MLflow.
    """

    name: str
    slot: str
    sha: str
    params: dict[str, str]
    metrics: list[Metric]
    tags: dict[str, str]
    tables: dict[str, dict[str, list]]
    pictures: dict[str, Path]
    files: dict[str, Path]
    model: Path | None = None


def safe_name(text: str) -> str:
    """`text` as one component of an MLflow metric, param or file name.

    MLflow allows letters, digits, `_-. :/`, and a slash starts a new section of its charts. Whatever else
    occurs becomes `_`, and a changed name ends in `-` and 8 hexadecimal digits of the text's sha256, so
    that no two texts share a name. A text that already ends so is hashed too.
    """
    if _PLAIN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_UNSAFE.sub('_', text)[:40]}-{digest}"


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted keys and strings: `{"a": {"b": [1, 2]}}` gives `{"a.b": "1, 2"}`."""
    if isinstance(value, Mapping) and value:
        flat: dict[str, str] = {}
        for key in value:
            name = safe_name(str(key))
            flat |= flatten(value[key], f"{prefix}.{name}" if prefix else name)
        return flat
    if isinstance(value, list | tuple) and not any(
        isinstance(item, Mapping | list | tuple) for item in value
    ):
        return {prefix: ", ".join(str(item) for item in value)}
    return {prefix: value if isinstance(value, str) else json.dumps(value, sort_keys=True)}


def model_metrics(result: Mapping[str, Any], minimum_group: int) -> tuple[list[Metric], str | None]:
    """Numbers of one model's `metrics.json`, and which judged group is worst (`"camera = north"`), if any.

    Test numbers carry short names, per class `recall/<class>` and the like, per group `by_<group>/<value>`
    (accuracy). `acc_worst` and `acc_gap` (largest difference between two values of one group) look at
    groups of at least `minimum_group` images only.
    """
    test = result["splits"].get("test", {})
    numbers: dict[str, float | None] = {"baseline": result.get("baseline"), "n_test": test.get("n")}
    for long, short in SHORT_NAMES.items():
        numbers[short] = _value(test.get(long))
    accuracy = test.get("accuracy") or {}
    numbers |= {"acc_low": accuracy.get("low"), "acc_high": accuracy.get("high")}
    for split in ("validation", "train"):
        numbers[f"acc_{split}"] = _value(result["splits"].get(split, {}).get("accuracy"))
    for label, scores in test.get("per_class", {}).items():
        for score in ("recall", "precision", "f1"):
            numbers[f"{score}/{safe_name(label)}"] = _value(scores.get(score))
    judged: dict[str, dict[str, float]] = {}
    for group, values in test.get("per_group", {}).items():
        for value, scores in values.items():
            found = _value(scores.get("accuracy"))
            numbers[f"by_{safe_name(group)}/{safe_name(value)}"] = found
            if found is not None and scores["n"] >= minimum_group:
                judged.setdefault(group, {})[value] = found
    gaps = [max(found.values()) - min(found.values()) for found in judged.values() if len(found) > 1]
    lowest = min(
        ((acc, group, value) for group, found in judged.items() for value, acc in found.items()), default=None
    )
    numbers |= {"acc_gap": max(gaps, default=None), "acc_worst": lowest[0] if lowest else None}
    return _metrics(numbers), f"{lowest[1]} = {lowest[2]}" if lowest else None


def history_metrics(history: Path) -> list[Metric]:
    """Every column of `history.csv` at its epoch's step."""
    found = []
    with open(history, newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            step = int(row.pop("epoch"))
            numbers = {key: float(text) for key, text in row.items() if text}
            found += [
                Metric(safe_name(key), value, step) for key, value in numbers.items() if math.isfinite(value)
            ]
    return found


def benchmark_metrics(benchmarks: Path | None, dataset: str, model: str, network: bool) -> list[Metric]:
    """Seconds and peak memory of a model's training, from Snakemake's `<rule>/<dataset>/<model>.tsv`."""
    if benchmarks is None:
        return []
    rule = "train_network" if network else "train_classical"
    cost = read_cost(benchmarks / rule / dataset / f"{model}.tsv")
    return _metrics({"bench/train_seconds": cost.seconds, "bench/train_max_mb": cost.peak_mb})


def comparison_metrics(comparison: Path, model: str) -> list[Metric]:
    """Ranks that a model shares, and the adjusted p against the chosen one; nothing without comparison.json."""
    if not comparison.exists():
        return []
    entries = (entry for entry in read_json(comparison)["models"] if entry["model"] == model)
    entry = next(entries, {"rank": None, "p": None})
    low, high = entry["rank"] or (None, None)
    return _metrics({"rank_low": low, "rank_high": high, "mcnemar_p": entry["p"]})


def sweep_of(sweeps: Mapping[str, Mapping[str, Any]], model: str) -> str | None:
    """Name of the sweep that a model is a member of."""
    return next((base for base, members in sorted(sweeps.items()) if model in members), None)


def prediction_sample(predictions: Path) -> dict[str, list]:
    """Columns of at most `TABLE_ROWS` test images: the most confident errors, then a sample.

    The sample is chosen by a hash of the path, so that every model shows the same pictures and the UI's
    comparison can line them up.
    """
    table = read_table(predictions)
    table = table[table["split"] == "test"]
    rows = []
    for row in table.to_dict("records"):
        score = row[f"score_{row['predicted_label']}"]
        key = hashlib.sha256(row["path"].encode("utf-8", "surrogatepass")).hexdigest()
        rows.append((row["path"], row["predicted_label"], row["true_label"], round(float(score), 4), key))
    errors = sorted((row for row in rows if row[1] != row[2]), key=lambda row: (-row[3], row[0]))[:ERROR_ROWS]
    shown = {row[0] for row in errors}
    sample = sorted((row for row in rows if row[0] not in shown), key=lambda row: row[4])
    chosen = sorted(errors + sample[: TABLE_ROWS - len(errors)])
    return {
        "path": [row[0] for row in chosen],
        "predicted_label": [row[1] for row in chosen],
        "true_label": [row[2] for row in chosen],
        "correct": [row[1] == row[2] for row in chosen],
        "score": [row[3] for row in chosen],
    }


def group_table(result: Mapping[str, Any]) -> dict[str, list]:
    """Accuracy of every class and group of the test split with its interval and n, as columns."""
    test = result["splits"].get("test", {})
    rows = [("class", label, scores["recall"]) for label, scores in test.get("per_class", {}).items()]
    for group, values in test.get("per_group", {}).items():
        rows += [(group, value, scores["accuracy"]) for value, scores in values.items()]
    columns: dict[str, list] = {"group": [row[0] for row in rows], "value": [row[1] for row in rows]}
    for name, field in (("n", "n"), ("acc", "value"), ("low", "low"), ("high", "high")):
        columns[name] = [row[2].get(field) if row[2] else None for row in rows]
    return columns


def csv_columns(path: Path) -> dict[str, list]:
    """A small CSV as columns of strings."""
    with open(path, newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


def sha_of(*parts: Any) -> str:
    """sha256 of plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def model_content(
    dataset: str,
    model: str,
    params: Mapping[str, Any],
    minimum_group: int,
    model_folder: Path,
    result_folder: Path,
    benchmarks: Path | None,
) -> RunContent:
    """The child run of one model; its sha stands for its own settings and files only.

    `params` are those of `outline.result_settings`.

    Raises:
        UserError: a result file is missing or damaged.
    """
    result = read_json(result_folder / "metrics.json")
    card = read_json(model_folder / "model.json")
    network = is_network(card["kind"])
    histories = [model_folder / "history.csv"] if network else []
    metrics, worst = model_metrics(result, minimum_group)
    curves = [metric for history in histories for metric in history_metrics(history)]
    shared = _shared(params)
    entry = params.get("models", {}).get(model, {})
    evidence = [result_folder / "metrics.json", model_folder / "predictions.parquet", *histories]
    shown = [result_folder / "metrics.json", result_folder / "misclassified.csv"]
    # asked of the settings, because files may be left from earlier ones
    shown += [result_folder / "explanations.html"] if model in explained(params) else []
    shown += [result_folder / "fair.json"] if network and entry.get("fair") else []
    tags = {
        "family": "network" if network else "classical",
        "versions": ", ".join(
            f"{name} {version}" for name, version in sorted(card.get("versions", {}).items())
        ),
    }
    if worst:
        tags["worst_group"] = worst
    sweep = sweep_of(params.get("sweeps", {}), model)
    if sweep:
        tags["sweep"] = sweep
    chosen = flatten(card.get("fit", {}).get("chosen") or {}, "chosen")
    comparison = comparison_metrics(result_folder.parent / "comparison.json", model)
    return RunContent(
        name=model,
        slot=f"{dataset}/{model}",
        sha=sha_of(shared, entry, [file_sha256(path) for path in evidence if path.exists()]),
        params={"model": model, **flatten(entry, "model"), **chosen, **flatten(shared)},
        metrics=[*metrics, *comparison, *curves, *benchmark_metrics(benchmarks, dataset, model, network)],
        tags=tags,
        tables={
            "predictions": prediction_sample(model_folder / "predictions.parquet"),
            "groups": group_table(result),
        },
        pictures=_existing(
            result_folder, ["confusion.png", "misclassified.png", *(["history.png"] if network else [])]
        ),
        files={path.name: path for path in shown if path.exists()},
        model=model_folder,
    )


def result_content(
    dataset: str,
    params: Mapping[str, Any],
    lock_file: Path,
    manifest: Path,
    results: Path,
    summary: Path,
    children: Iterable[RunContent],
) -> RunContent:
    """The parent run: the whole result. Its sha stands for the lock file, the manifest, the comparison and every child.

    Raises:
        UserError: a result file is missing or damaged.
    """
    counts, best, leaderboard = (
        read_json(summary),
        read_json(results / "best.json"),
        read_json(results / "metrics.json"),
    )
    comparison = results / "comparison.json"
    evidence = [lock_file, manifest, *([comparison] if comparison.exists() else [])]
    sha = sha_of(
        [file_sha256(path) for path in evidence], sorted((child.slot, child.sha) for child in children)
    )
    winner = leaderboard.get(best["model"], {})
    numbers = {
        "best_acc": winner.get("accuracy"),
        "models": len(leaderboard),
        "images": counts["found"],
        "used": counts["used"],
        "quarantined": counts["quarantined"],
    }
    tables = {
        "leaderboard": results / "leaderboard.csv",
        "comparison": results / "provenance" / "comparison.csv",
    }
    drawn = [results / "embeddings" / space for space in spaces(params)]
    embeddings = [path.with_name(f"{path.name}_{kind}.png") for path in drawn for kind in ("pca", "tsne")]
    files = {
        path.name: path
        for path in (summary, lock_file, results / "metrics.json", results / "leaderboard.csv", comparison)
    }
    files |= {f"embeddings/{path.name}.json": path.with_name(f"{path.name}.json") for path in drawn}
    return RunContent(
        name=f"{dataset}-{sha[:8]}",
        slot=dataset,
        sha=sha,
        params=flatten(_shared(params)),
        metrics=_metrics(numbers),
        tags={
            "best_model": best["model"],
            "mlflow.note.content": f"{len(leaderboard)} models on {counts['used']} images of `{dataset}`; "
            f"best on validation: **{best['model']}**. The report is the artifact `index.html`.",
        },
        tables={name: csv_columns(path) for name, path in tables.items() if path.exists()},
        pictures={safe_name(path.stem): path for path in embeddings if path.exists()},
        files={name: path for name, path in files.items() if path.exists()},
    )


def _shared(params: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that are not of single models; sweeps have become models."""
    return {key: value for key, value in params.items() if key not in ("models", "sweeps")}


def _existing(folder: Path, names: list[str]) -> dict[str, Path]:
    return {safe_name(Path(name).stem): folder / name for name in names if (folder / name).exists()}


def _value(estimate: Mapping[str, Any] | None) -> float | None:
    return estimate.get("value") if estimate else None


def _metrics(numbers: Mapping[str, float | None]) -> list[Metric]:
    return [
        Metric(key, round(float(value), 4))
        for key, value in numbers.items()
        if value is not None and math.isfinite(value)
    ]
