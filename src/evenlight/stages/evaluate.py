"""Stages `evaluate` and `summarize`: predictions -> numbers, tables and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import load_images, read_predictions, usable_rows
from evenlight.evaluation.metrics import evaluate_split, majority_accuracy, without_leaks
from evenlight.labelling import UNKNOWN
from evenlight.models.artifacts import load_description
from evenlight.outline import is_network
from evenlight.report import charts
from evenlight.runtime import seed_for
from evenlight.splits import SPLITS
from evenlight.standardize import to_rgb
from evenlight.storage import file_sha256, read_json, write_bytes, write_csv, write_json

if TYPE_CHECKING:
    import pandas as pd


def evaluate(
    model: Path, manifest: Path, images: Path, source: str | None, settings: dict[str, Any], folder: Path
) -> None:
    """Write metrics.json, the confusion and misclassified tables and their pictures.

    Args:
        model: folder of the model, with predictions.parquet.
        manifest: manifest.parquet.
        images: folder of the standardized arrays, for the gallery.
        source: name of the source column, which counts as a group.
        settings: `evaluate` of params.yaml.
        folder: results/<dataset>/<model>.

    Raises:
        UserError: the predictions are not those of the manifest's images.
    """
    from evenlight.manifest import attribute_columns  # needs pandas, which `summarize` does without

    description = load_description(model)
    classes = description["classes"]
    rows = usable_rows(manifest)
    predictions = read_predictions(model, rows)
    columns = attribute_columns(rows, source)
    scores = predictions[[f"score_{name}" for name in classes]].to_numpy(dtype=np.float64)
    codes = rows["label_index"].to_numpy()
    splits = rows["split"].to_numpy(dtype=object)
    numbers = {}
    for split in SPLITS:
        here = splits == split
        if here.any():
            groups = {
                name: rows.loc[here, column].replace("", UNKNOWN).to_numpy(dtype=object)
                for name, column in columns.items()
            }
            seed = seed_for(settings["seed"], description["name"], split)
            numbers[split] = evaluate_split(codes[here], scores[here], classes, groups, settings, seed)
    if "test" in numbers:
        # of a source that is in training there may be nothing but leaks, so only pictures count here
        clean = ~rows["leak"].isin(["copy", "near"]).to_numpy()[splits == "test"]
        right = (scores.argmax(axis=1) == codes)[splits == "test"]
        numbers["test"]["without_leaks"] = without_leaks(right, clean, settings["confidence"])
    metrics = {
        "model": description["name"],
        "kind": description["kind"],
        "classes": classes,
        "data_hash": file_sha256(manifest),
        "splits": numbers,
        "baseline": majority_accuracy(codes[splits == "train"], codes[splits == "test"]),
    }
    write_json(folder / "metrics.json", metrics)
    test = predictions[splits == "test"]
    write_csv(
        folder / "confusion.csv",
        ["actual", "predicted"],
        test[["true_label", "predicted_label"]].itertuples(index=False),
    )
    # without test images the picture shows what comes nearest to them
    shown = [split for split in SPLITS if split in numbers][-1]
    title = f"{description['name']}: {shown} images"
    confusion = np.array(numbers[shown]["confusion"])
    write_bytes(folder / "confusion.png", charts.confusion_picture(confusion, classes, title))
    _write_misclassified(
        test, scores[splits == "test"], rows, images, description, settings["gallery"], folder
    )


def _write_misclassified(
    test: "pd.DataFrame",
    scores: np.ndarray,
    rows: "pd.DataFrame",
    images: Path,
    description: dict[str, Any],
    gallery: int,
    folder: Path,
) -> None:
    """Wrong test images, most confident first, as a table and as a contact sheet."""
    confidence = scores.max(axis=1)
    wrong = np.flatnonzero((test["true_label"] != test["predicted_label"]).to_numpy())
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    table = test.iloc[wrong]
    write_csv(
        folder / "misclassified.csv",
        ["path", "true_label", "predicted_label", "score"],
        zip(
            table["path"],
            table["true_label"],
            table["predicted_label"],
            (f"{value:.4f}" for value in confidence[wrong]),
            strict=True,
        ),
    )
    shown = table.iloc[:gallery]
    pictures = to_rgb(load_images(rows.loc[shown.index], images), description["standardize"]["color"])
    captions = [
        f"{true} as {guess}, {score:.2f}, {path.rsplit('/', 1)[-1]}"
        for path, true, guess, score in zip(
            shown["path"],
            shown["true_label"],
            shown["predicted_label"],
            confidence[wrong][:gallery],
            strict=True,
        )
    ]
    title = f"{description['name']}: {len(wrong):,} of {len(test):,} test images misclassified"
    write_bytes(folder / "misclassified.png", charts.misclassified_sheet(list(pictures), captions, title))


def summarize(folder: Path, models: dict[str, Path], results: Path) -> None:
    """Gather the models' numbers: metrics.json, leaderboard.csv, best.json, confusion.csv and history.csv.

    Args:
        folder: results/<dataset>, where `<model>/metrics.json` lie.
        models: name -> folder of the model.
        results: where the summaries go, usually `folder`.
    """
    metrics = {name: read_json(folder / name / "metrics.json") for name in models}
    rows = {name: _summary_row(numbers) for name, numbers in metrics.items()}
    order = sorted(rows, key=lambda name: (*_merit(metrics[name]), name))
    write_json(results / "metrics.json", rows)
    columns = list(next(iter(rows.values())))
    write_csv(
        results / "leaderboard.csv",
        ["model", "kind", *columns],
        [
            [name, metrics[name]["kind"], *("" if v is None else v for v in rows[name].values())]
            for name in order
        ],
    )
    networks = [name for name in order if is_network(metrics[name]["kind"])]
    best = {"model": order[0], "network": networks[0] if networks else None}
    write_json(results / "best.json", best)
    write_bytes(results / "confusion.csv", (folder / order[0] / "confusion.csv").read_bytes())
    history = b"epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate\n"
    if networks:
        history = (models[networks[0]] / "history.csv").read_bytes()
    write_bytes(results / "history.csv", history)


def _summary_row(metrics: dict[str, Any]) -> dict[str, Any]:
    """Test numbers with four digits; None where there is no test image."""
    test = metrics["splits"].get("test", {})
    validation = metrics["splits"].get("validation", {})
    row = {
        "accuracy": _rounded(test, "accuracy", "value"),
        "accuracy_low": _rounded(test, "accuracy", "low"),
        "accuracy_high": _rounded(test, "accuracy", "high"),
    }
    row |= {name: _rounded(test, name, "value") for name in ("balanced_accuracy", "macro_f1", "log_loss")}
    return row | {"validation_accuracy": _rounded(validation, "accuracy", "value"), "n": test.get("n", 0)}


def _rounded(split: dict[str, Any], name: str, part: str) -> float | None:
    value = split.get(name, {}).get(part)
    return None if value is None else round(value, 4)


def _merit(metrics: dict[str, Any]) -> tuple[float, float]:
    """Smaller is better: most validation images right, then the least validation log loss."""
    validation = metrics["splits"].get("validation")
    if validation is None:
        return 0.0, 0.0
    return -validation["accuracy"]["value"], validation["log_loss"]["value"]
