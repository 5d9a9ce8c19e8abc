"""The real workflow, end to end, on a small data set with hostile names; then what reruns, and what does not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from small_project import (
    EVIL_CLASS,
    EVIL_NAMES,
    MODELS,
    add_hostile_images,
    digests,
    environment,
    make_project,
    planned,
    settings,
    snakemake,
)

from evenlight.example_data import render
from evenlight.explain.settings import Explain
from evenlight.report.rendering import likelihood

pytestmark = pytest.mark.workflow

# features that hang on what was learned from all training images
LEARNED = {
    f"Computing {name} features of small, shard {shard}"
    for name in ("orb", "deep")
    for shard in ("0000", "0001")
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "small"
    render(folder, images=100, seed=3)
    add_hostile_images(folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, raw: Path) -> Path:
    """A project after its first run."""
    project = make_project(tmp_path_factory.mktemp("workflow") / "project")
    shutil.copytree(raw, project / "data" / "raw" / "small", symlinks=True)
    result = snakemake(project, "--cores", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Finished. Open reports/small/index.html" in result.stdout + result.stderr
    return project


def test_every_file_is_in_the_manifest_and_counts_add_up(project: Path) -> None:
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    summary = json.loads((project / "data/manifest/small/summary.json").read_text())
    files = [Path(top) / name for top, _, names in os.walk(project / "data/raw/small") for name in names]
    assert summary["found"] == len(files) == summary["used"] + summary["quarantined"] + summary["junk"]
    assert len(manifest) == len(files) - 2  # ABOUT.md and metadata.csv
    assert summary["quarantined"] == 12 == sum(summary["reasons"].values())
    hostile = manifest[manifest["label"] == EVIL_CLASS]
    assert len(hostile) == len(EVIL_NAMES)
    assert (hostile["verdict"] == "ok").all()
    assert manifest["path"].is_unique
    assert json.loads((project / "data/manifest/small/classes.json").read_text()) == sorted(
        ["day", "night", EVIL_CLASS]
    )


def test_no_source_is_torn(project: Path) -> None:
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    used = manifest[(manifest["verdict"] == "ok") & (manifest["source"] != "")]
    assert used.groupby("source")["split"].nunique().max() == 1
    assert set(used["split"]) == {"train", "validation", "test"}


def test_every_model_scores_every_image(project: Path) -> None:
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    used = manifest.loc[manifest["verdict"] == "ok", "path"].tolist()
    for model in MODELS:
        predictions = pd.read_parquet(project / f"models/small/{model}/predictions.parquet")
        assert predictions["path"].tolist() == used
        scores = predictions.filter(like="score_")
        assert scores.columns.tolist() == [f"score_{name}" for name in sorted(["day", "night", EVIL_CLASS])]
        assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
        metrics = json.loads((project / f"results/small/{model}/metrics.json").read_text())
        test = predictions[predictions["split"] == "test"]
        share = float((test["true_label"] == test["predicted_label"]).mean())
        assert metrics["splits"]["test"]["accuracy"]["value"] == pytest.approx(share)
        assert set(metrics["splits"]["test"]["per_group"]) == {"camera", "weather"}


def test_a_feature_family_is_one_file_and_one_entry(project: Path) -> None:
    table = pd.read_parquet(project / "data/features/small/symmetry/0000.parquet")
    assert table.columns.tolist() == ["path", "symmetry_left_right", "symmetry_top_bottom"]
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    used = manifest[(manifest["verdict"] == "ok") & (manifest["shard"] == "0000")]
    assert table["path"].tolist() == used["path"].tolist()
    images = np.load(project / "data/standardized/small/0000.npy")
    gray = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float) for image in images])
    assert np.allclose(
        table["symmetry_left_right"], np.abs(gray - gray[:, :, ::-1]).mean(axis=(1, 2)), atol=1e-4
    )
    description = json.loads((project / "models/small/logistic_regression/model.json").read_text())
    assert description["columns"][-2:] == ["symmetry_left_right", "symmetry_top_bottom"]


def test_words_are_learned_from_training_images_and_counted(project: Path) -> None:
    words = np.load(project / "data/features/small/orb/learned.npy", allow_pickle=False)
    table = pd.concat(
        pd.read_parquet(file) for file in (project / "data/features/small/orb").glob("*.parquet")
    )
    assert words.shape == (8, 256)
    assert table.columns[1:-1].tolist() == [f"orb_word_{number:03d}" for number in range(8)]
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    assert len(table) == (manifest["verdict"] == "ok").sum()


def test_what_the_features_are_worth_is_on_the_page(project: Path) -> None:
    results = project / "results/small"
    ablation = json.loads((results / "features/ablation.json").read_text())
    assert sorted(family["name"] for family in ablation["families"]) == sorted(settings()["features"])
    importance = json.loads((results / "logistic_regression/importance.json").read_text())
    assert {family["name"] for family in importance["families"]} == {
        "deep",
        "rgb_stats",
        "hog",
        "symmetry",
    }
    fit = json.loads((project / "models/small/logistic_regression/model.json").read_text())["fit"]
    assert fit["chosen"]["C"] in (0.01, 0.1)
    for name in MODELS[:2]:
        assert (results / name / "boundary.png").read_bytes()[:4] == b"\x89PNG"
    comparison = json.loads((results / "comparison.json").read_text())
    assert sorted(entry["model"] for entry in comparison["models"]) == MODELS
    assert list(comparison["sweeps"]) == ["brightness_threshold"]
    costs = pd.read_csv(results / "provenance/comparison.csv")
    assert (costs["train_seconds"] > 0).all()
    page = (project / "reports/small/index.html").read_text(encoding="utf-8")
    assert page.index('id="features"') < page.index('id="models"')


def test_names_and_labels_stay_data(project: Path) -> None:
    assert not list(project.rglob("PWNED"))
    for name in ("index.html", "cnn_small/explanations.html"):
        page = (project / "reports/small" / name).read_text(encoding="utf-8")
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)&lt;" in page


def test_a_network_is_looked_into_and_its_features_serve_others(project: Path) -> None:
    page = (project / "reports/small/index.html").read_text(encoding="utf-8")
    assert 'href="cnn_small/explanations.html"' in page
    assert "Fair training for" in page
    assert not (project / "reports/small/cnn_fair").exists()  # `explain.models` names one
    fair = json.loads((project / "results/small/cnn_fair/fair.json").read_text())
    assert (fair["model"], fair["before"]) == ("cnn_fair", "cnn_small")
    inside = json.loads((project / "results/small/cnn_small/explanations/attributions.json").read_text())
    assert [method["name"] for method in inside["methods"]] == Explain().methods
    checks = json.loads((project / "models/small/cnn_small/checks.json").read_text())
    assert {"dead_outputs", "divergence", "overfitting", "polarity", "calibration"} == {
        check["check"] for check in checks
    }
    deep = pd.read_parquet(project / "data/features/small/deep/0000.parquet")
    assert deep.columns.tolist() == ["path", *(f"deep_{number:04d}" for number in range(64))]
    assert not (project / "models/small/cnn_small/checkpoint.safetensors").exists()


@pytest.mark.parametrize("model", ["cnn_small", "logistic_regression"])
def test_one_picture_is_explained(project: Path, tmp_path: Path, model: str) -> None:
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    row = manifest[(manifest["verdict"] == "ok") & (manifest["label"] == "day")].iloc[0]
    copy, page = tmp_path / "<b>mine.png", tmp_path / "page.html"
    shutil.copy(project / "data/raw/small" / row["path"], copy)
    command = [sys.executable, "-c", "from evenlight.cli import main; main()", "explain", str(copy)]
    command += ["--model", model, "--page", str(page)]
    result = subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    predictions = pd.read_parquet(project / f"models/small/{model}/predictions.parquet").set_index("path")
    expected = predictions.loc[row["path"]]
    label = expected["predicted_label"]
    assert result.stdout.startswith(f"{model} says: {label} {likelihood(expected[f'score_{label}'])}")
    assert f"The picture is '{row['path']}' of the" in result.stdout
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;mine.png" in html
    assert html.count("<img") == (4 if model == "cnn_small" else 2)


def test_published_summaries(project: Path) -> None:
    reports = project / "reports" / "small"
    metrics = json.loads((reports / "metrics.json").read_text())
    assert sorted(metrics) == MODELS
    assert pd.read_csv(reports / "tables/confusion.csv").columns.tolist() == ["actual", "predicted"]
    assert len(pd.read_csv(reports / "tables/history.csv")) == 2
    assert len(pd.read_csv(reports / "tables/quarantine.csv")) == 12
    assert (reports / "pictures/tsne.png").read_bytes()[:4] == b"\x89PNG"


def test_no_pickle_and_no_absolute_path_in_artefacts(project: Path) -> None:
    for file in (project / "models").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not data.startswith((b"\x80\x03", b"\x80\x04", b"\x80\x05"))
            assert str(project).encode() not in data


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    result = snakemake(project, "--cores", "2")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


@pytest.fixture
def params_file(project: Path):
    """params.yaml to edit, put back afterwards."""
    file = project / "params.yaml"
    before = file.read_text(encoding="utf-8")
    yield file
    file.write_text(before, encoding="utf-8")


def test_reordering_keys_reruns_nothing(project: Path, params_file: Path) -> None:
    def reversed_keys(value):
        if isinstance(value, dict):
            return {key: reversed_keys(value[key]) for key in reversed(list(value))}
        return value

    params = yaml.safe_load(params_file.read_text(encoding="utf-8"))
    params_file.write_text(yaml.safe_dump(reversed_keys(params), sort_keys=False), encoding="utf-8")
    assert planned(project) == set()


def test_a_hog_option_reruns_hog_and_what_follows(project: Path, params_file: Path) -> None:
    params = yaml.safe_load(params_file.read_text(encoding="utf-8"))
    params["features"]["hog"]["bins"] = 8
    params_file.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    jobs = planned(project)
    expected = {
        "Computing hog features of small, shard 0000",
        "Computing hog features of small, shard 0001",
        "Auditing the data of small",
        "Fitting logistic_regression on small",
        "Predicting small with logistic_regression",
        "Evaluating logistic_regression on small",
        "Summing up the features of small",
        "Finding out which features of small pay",
        "Measuring which features logistic_regression leans on",
        "Ranking the models of small",
        "Comparing the models of small",
        "Writing the report of small",
        "Publishing to reports/small",
        "Tracking small in MLflow",
    }
    assert jobs == expected


def test_editing_a_module_reruns_the_stages_that_import_it(project: Path) -> None:
    modules = [project / "src/evenlight" / name for name in ("features/rgb_stats.py", "audit/wording.py")]
    before = [module.read_bytes() for module in modules]
    try:
        for module, content in zip(modules, before, strict=True):
            module.write_bytes(content + b"\n# edited\n")
        jobs = planned(project)
    finally:
        for module, content in zip(modules, before, strict=True):
            module.write_bytes(content)
    assert {
        "Computing rgb_stats features of small, shard 0000",
        "Fitting logistic_regression on small",
        "Checking what cnn_small learned of small",
    } <= jobs
    others = ("Scanning", "Gathering", "Computing hog", "Computing brightness", "Training", "Learning")
    assert not [job for job in jobs if job.startswith(others)]
    assert planned(project) == set()  # undone: compared by content


def test_a_new_raw_file_is_seen(project: Path) -> None:
    new = project / "data/raw/small/day/new.png"
    Image.new("RGB", (40, 40), (9, 200, 90)).save(new)
    try:
        jobs = planned(project)
        [scan] = [
            job for job in jobs if job.startswith("Scanning")
        ]  # of one shard, and only its features again
        shard = scan[-10:]
        again = {f"Computing {name} features of small, {shard}" for name in settings()["features"]}
        again |= LEARNED  # words and networks may be others now, for all shards
        assert again == {job for job in jobs if job.startswith("Computing")}
        assert "Gathering the manifest of small" in jobs
    finally:
        new.unlink()
    assert planned(project) == set()


def test_an_edit_of_the_metadata_reruns_the_gathering_and_not_the_scan(project: Path) -> None:
    metadata = project / "data/raw/small/metadata.csv"
    before = metadata.read_bytes()
    try:
        metadata.write_bytes(before.replace(b"clear", b"sunny"))
        jobs = planned(project)
    finally:
        metadata.write_bytes(before)
    assert "Gathering the manifest of small" in jobs
    # what learns from training images must look again who is in training
    again = LEARNED | {"Learning orb from training images of small"}
    assert again == {job for job in jobs if job.startswith(("Scanning", "Computing", "Learning"))}
    assert planned(project) == set()


def test_a_server_that_is_away_leaves_the_logging_pending(project: Path) -> None:
    """The run succeeds with a warning; the next one logs, without duplicates."""
    import sqlite3

    def runs() -> int:
        with sqlite3.connect(project / "mlflow.db") as database:
            return database.execute("select count(*) from runs where lifecycle_stage = 'active'").fetchone()[
                0
            ]

    record = project / "results/small/provenance/tracking.json"
    assert json.loads(record.read_text())["status"] == "logged"
    before = runs()
    assert before == 1 + len(MODELS)
    away = "http://127.0.0.1:9"
    result = snakemake(project, "--cores", "2", MLFLOW_TRACKING_URI=away)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "WARNING: not in MLflow yet" in result.stdout + result.stderr
    assert json.loads(record.read_text())["status"] == "pending"
    # another run tries again, although nothing else changed
    assert "Tracking small" in snakemake(project, "-n", "--cores", "2", MLFLOW_TRACKING_URI=away).stdout
    assert planned(project) == {"Tracking small in MLflow"}
    result = snakemake(project, "--cores", "2")
    assert result.returncode == 0
    assert json.loads(record.read_text())["status"] == "logged"
    assert runs() == before
    assert planned(project) == set()


def test_same_bytes_elsewhere_with_other_cores(project: Path, raw: Path, tmp_path: Path) -> None:
    other = make_project(tmp_path / "some" / "longer path" / "project")
    shutil.copytree(raw, other / "data" / "raw" / "small", symlinks=True)
    changes = {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "2", "LC_ALL": "C"}
    untracked = "tracking={'enabled': False}"
    result = snakemake(other, "--cores", "1", "--config", untracked, **changes)
    assert result.returncode == 0, result.stdout + result.stderr
    ours, theirs = digests(project), digests(other)
    # settings are part of the page and its copy, and tracking differs between the two
    settings_files = {"reports/small/params.json", "reports/small/index.html", "results/small/index.html"}
    different = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert different <= settings_files
    assert len(ours) > 40


def test_findings_of_the_data_are_published_and_on_the_page(project: Path) -> None:
    findings = json.loads((project / "reports/small/findings.json").read_text())
    assert {"files", "class_balance", "duplicates", "leakage", "split_check"} <= {
        one["check"] for one in findings
    }
    page = (project / "reports/small/index.html").read_text(encoding="utf-8")
    assert "Data audit" in page
    assert "Quarantined" in page
