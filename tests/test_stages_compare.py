"""The stage that compares models: units from the manifest, costs from Snakemake's records, times in provenance only."""

import numpy as np
import pandas as pd
import pytest

from evenlight.errors import UserError
from evenlight.job_costs import Cost, read_cost
from evenlight.stages.compare import compare
from evenlight.storage import read_json, write_json, write_table


def test_costs_that_are_missing_or_not_measured(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("s\th:m:s\tmax_rss\tmean_load\tcpu_time\n9.5\t0:00:09\t244.7\t32.6\t3.1\n8\t0\t1\t1\t1\n")
    assert read_cost(file) == Cost(9.5, 3.1, 244.7)
    file.write_text("s\tmax_rss\tcpu_time\n0.2\t-\tNA\n")
    assert read_cost(file) == Cost(0.2, None, None)
    file.write_bytes(b"\xff\xfe\x00")
    assert read_cost(file) == read_cost(tmp_path / "none.tsv") == Cost()


@pytest.fixture
def run(tmp_path):
    """Arguments of the stage: 40 images of four cameras (two images have none), two models, one recorded cost."""
    labels = ["day", "night"] * 20
    rows = pd.DataFrame(
        {
            "path": [f"{i:02d}.jpg" for i in range(40)],
            "label": labels,
            "split": ["test"] * 30 + ["validation"] * 6 + ["train"] * 4,
            "verdict": "ok",
            "source": ["", "", *[f"camera {i % 4}" for i in range(2, 40)]],
            "component": np.arange(40) // 2,
            "content_hash": [str(i) for i in range(40)],
            "pixel_hash": "",
        }
    )
    write_table(tmp_path / "manifest.parquet", rows)
    for name, wrong in (("forest", 2), ("threshold", 15)):
        folder = tmp_path / "models" / name
        said = ["fog" if i < wrong else label for i, label in enumerate(labels)]
        table = pd.DataFrame({"path": rows["path"], "true_label": labels, "predicted_label": said})
        write_table(folder / "predictions.parquet", table)
        facts = ("options", "classes", "standardize", "columns", "families", "input_shape", "seed", "fit")
        card = dict.fromkeys((*facts, "data_hash"), 0)
        write_json(folder / "model.json", card | {"name": name, "kind": name})
    write_json(tmp_path / "best.json", {"model": "forest"})
    tsv = tmp_path / "benchmarks" / "train_classical" / "scenes" / "forest.tsv"
    tsv.parent.mkdir(parents=True)
    tsv.write_text("s\tmax_rss\tcpu_time\n75.2\t300\t60\n")
    return {
        "dataset": "scenes",
        "models": {name: tmp_path / "models" / name for name in ("forest", "threshold")},
        "manifest": tmp_path / "manifest.parquet",
        "source": "camera",
        "best": tmp_path / "best.json",
        "sweeps": {"trees": {"forest": {"seed": 0}, "threshold": {"seed": 1}}},
        "confidence": 0.95,
        "benchmarks": tmp_path / "benchmarks",
        "results": tmp_path / "results",
    }


def test_the_stage_compares_on_test_images_by_source(run):
    compare(**run)
    result = read_json(run["results"] / "comparison.json")
    # four cameras, and the two images without one are near-duplicates
    assert (result["n"], result["units"], result["source"], result["chosen"]) == (30, 5, "camera", "forest")
    assert [entry["accuracy"] for entry in result["models"]] == pytest.approx([28 / 30, 15 / 30])
    assert result["sweeps"]["trees"]["test"]["rows"][0]["high"] == pytest.approx(28 / 30)
    assert result["sweeps"]["trees"]["validation"]["rows"][0]["low"] == 1.0
    write_table(run["manifest"], pd.read_parquet(run["manifest"]).assign(source=""))
    compare(**run | {"source": None})
    result = read_json(run["results"] / "comparison.json")
    assert (result["units"], result["source"]) == (15, None)


def test_times_stand_in_provenance_only_and_may_be_missing(run):
    compare(**run)
    before = (run["results"] / "comparison.json").read_bytes()
    table = pd.read_csv(run["results"] / "provenance" / "comparison.csv").set_index("model")
    assert table.loc["forest", ["train_seconds", "train_cpu_seconds", "train_peak_mb"]].tolist() == [
        75.2,
        60,
        300,
    ]
    assert table.loc["threshold", ["train_seconds", "predict_seconds"]].isna().all()
    page = (run["results"] / "provenance" / "comparison.html").read_text()
    assert "1\N{NO-BREAK SPACE}min 15\N{NO-BREAK SPACE}s" in page
    assert "not recorded" in page
    next(run["benchmarks"].rglob("*.tsv")).unlink()
    compare(**run)
    assert (run["results"] / "comparison.json").read_bytes() == before
    assert "1\N{NO-BREAK SPACE}min" not in (run["results"] / "provenance" / "comparison.html").read_text()


def test_predictions_of_other_images_are_refused(run):
    file = run["models"]["forest"] / "predictions.parquet"
    write_table(file, pd.read_parquet(file).iloc[1:])
    with pytest.raises(UserError, match="predictions of other images"):
        compare(**run)
