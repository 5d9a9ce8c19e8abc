"""Stage `compare`: all models against the chosen one on the same test images, and what each of them cost.

comparison.json and the page that shows it hold no time. Times and memory differ from run to run, so they stand beside
the same table in `provenance/`, which nothing else is made from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import kept_together, read_predictions, usable_rows
from evenlight.evaluation.comparison import compare_models, sweep_summary
from evenlight.job_costs import Cost, read_cost
from evenlight.models.artifacts import load_description
from evenlight.outline import is_network
from evenlight.report.comparison_view import COST_COLUMNS, cost_rows, times_page
from evenlight.storage import read_json, write_csv, write_json, write_text

if TYPE_CHECKING:
    import pandas as pd


def compare(
    dataset: str,
    models: Mapping[str, Path],
    manifest: Path,
    source: str | None,
    best: Path,
    sweeps: Mapping[str, Mapping[str, Mapping[str, Any]]],
    confidence: float,
    benchmarks: Path,
    results: Path,
) -> None:
    """Write comparison.json, provenance/comparison.csv and provenance/comparison.html.

    Args:
        dataset: its name.
        models: name -> folder of the model, with model.json and predictions.parquet.
        manifest: manifest.parquet.
        source: name of the source column, for people; None without one.
        best: best.json, with the model that was chosen on validation.
        sweeps: base name -> member -> the values that set it apart.
        confidence: of intervals; 1 - confidence is the level of the tests.
        benchmarks: folder of Snakemake's benchmark files, `<rule>/<dataset>/<model>.tsv`.
        results: results/<dataset>.

    Raises:
        UserError: the predictions are not those of the manifest's images.
    """
    rows = usable_rows(manifest)
    kinds = {name: str(load_description(folder)["kind"]) for name, folder in models.items()}
    right = {name: _right(folder, rows) for name, folder in models.items()}
    test, validation = (rows["split"].to_numpy(dtype=object) == split for split in ("test", "validation"))
    units = np.unique(kept_together(rows[test]), return_inverse=True)[1]
    chosen = read_json(best)["model"]
    comparison = compare_models(
        {name: hits[test] for name, hits in right.items()}, kinds, units, confidence, chosen
    )
    comparison |= {
        "source": source,
        "sweeps": {
            base: {
                split: sweep_summary(
                    members,
                    {name: float(right[name][here].mean()) if here.any() else None for name in members},
                    confidence,
                )
                for split, here in (("test", test), ("validation", validation))
            }
            for base, members in sweeps.items()
        },
    }
    write_json(results / "comparison.json", comparison)
    costs = {name: _costs(benchmarks, dataset, name, kind) for name, kind in kinds.items()}
    provenance = results / "provenance"
    write_csv(provenance / "comparison.csv", COST_COLUMNS, cost_rows(comparison, costs))
    write_text(provenance / "comparison.html", times_page(dataset, comparison, costs))


def _right(model: Path, rows: "pd.DataFrame") -> np.ndarray:
    """Whether each usable image got its label: bool (N,)."""
    table = read_predictions(model, rows, ["true_label", "predicted_label"])
    return (table["true_label"] == table["predicted_label"]).to_numpy(dtype=bool)


def _costs(benchmarks: Path, dataset: str, model: str, kind: str) -> tuple[Cost, Cost]:
    """Of training and of predicting all images."""
    train, predict = (
        read_cost(benchmarks / rule / dataset / f"{model}.tsv")
        for rule in ("train_network" if is_network(kind) else "train_classical", "predict")
    )
    return train, predict
