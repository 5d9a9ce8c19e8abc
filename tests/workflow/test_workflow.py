"""The real workflow, end to end, on a small data set with hostile names; then what reruns, and what does not."""

import hashlib
import json
import os
import re
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

from evenlight.example_data import render

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.workflow

EVIL_CLASS = "<script>alert(1)<"
EVIL_NAMES = [
    b"with space.png",
    b"quote ' and \" double.png",
    b"{brace}.png",
    b"new\nline.png",
    b"$(touch PWNED).png",
    b"`touch PWNED`; *.png",
    b"-rf.png",
    b"=cmd.png",
    b"latin-\xe9\xff.png",
    b"back\\slash.png",
    b"<img src=x onerror=alert(1)>.png",
    "naïve-\U0001f319.png".encode(),
    b"percent %s %n.png",
    b"tab\there.png",
    b"007.png",
    b"x" * 200 + b".png",
]


def settings() -> dict:
    """The repository's own params.yaml, made small."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["dataset"] = "small"
    params["datasets"] = {"small": {"source": "camera", "groups": ["weather"]}}
    params["standardize"]["size"] = [32, 32]
    # `orb` learns first, `symmetry` is added by `make_project`
    params["features"] = {"brightness": {}, "rgb_stats": {}, "hog": {}, "orb": {"words": 8}, "symmetry": {}}
    wanted = ("brightness_threshold", "logistic_regression", "cnn_small")
    params["models"] = {name: params["models"][name] for name in wanted}
    params["models"]["brightness_threshold"]["sweep"] = {
        "feature": ["brightness_v_mean", "symmetry_left_right"]
    }
    params["models"]["cnn_small"]["epochs"] = 2
    params["models"]["logistic_regression"] |= {
        "features": ["rgb_stats", "hog", "symmetry"],
        "C": [0.01, 0.1],
    }
    for check in ("labels", "outliers"):
        del params["audit"]["checks"][check]["features"]  # the usual ones among those that are computed
    params["embed"] |= {"maximum": 60, "features": ["brightness", "rgb_stats"]}
    return params


MODELS = [
    "brightness_threshold-feature-brightness_v_mean",
    "brightness_threshold-feature-symmetry_left_right",
    "cnn_small",
    "logistic_regression",
]


def make_project(folder: Path) -> Path:
    """A copy of the repository's workflow and package, as a clone would have them, with a small data set."""
    folder.mkdir(parents=True)
    for name in ("Snakefile", "workflow", "profiles", "src", "requirements.lock"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(settings(), sort_keys=False), encoding="utf-8")
    # the recipe "add a feature family", followed to the letter
    recipe = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    module = re.search(r"saved as `symmetry\.py`.*?```python\n(.*?)```", recipe, flags=re.DOTALL)
    assert module
    (folder / "src" / "evenlight" / "features" / "symmetry.py").write_text(module[1], encoding="utf-8")
    return folder


def add_hostile_images(raw: Path) -> None:
    """A third class whose name and file names would break a careless program."""
    target = os.fsencode(raw / EVIL_CLASS)
    os.mkdir(target)
    draws = np.random.Generator(np.random.PCG64(1))
    for name in EVIL_NAMES:
        pixels = draws.integers(0, 60, (40, 50, 3), dtype=np.uint8)
        pixels[:, :, 1] += 180
        with open(os.path.join(target, name), "wb") as stream:
            Image.fromarray(pixels).save(stream, "PNG")


def environment(project: Path, **changes: str) -> dict[str, str]:
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SNAKEMAKE_"))
    }
    return variables | {"PYTHONPATH": str(project / "src"), "HOME": str(project / "home")} | changes


def snakemake(project: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(
        command, cwd=project, env=environment(project, **changes), capture_output=True, text=True, timeout=580
    )


def planned(project: Path, *arguments: str) -> set[str]:
    """Messages of the jobs that a run would execute."""
    result = snakemake(project, "-n", "--cores", "2", *arguments)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    jobs = set(re.findall(r"^Job \d+: (.*)$", output, flags=re.MULTILINE))
    assert bool(jobs) != ("Nothing to be done" in output), output
    return jobs


def digests(project: Path) -> dict[str, str]:
    """sha256 of every file that must not depend on where, when and with how many cores a run took place."""
    found = {}
    for top in (
        "data/manifest",
        "data/splits",
        "data/standardized",
        "data/features",
        "models",
        "results",
        "reports",
    ):
        for file in sorted((project / top).rglob("*")):
            if file.is_file() and "provenance" not in file.parts:
                found[str(file.relative_to(project))] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


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
    table = pd.read_parquet(project / "data/features/small/orb/0000.parquet")
    assert words.shape == (8, 256)
    assert table.columns[1:-1].tolist() == [f"orb_word_{number:03d}" for number in range(8)]
    manifest = pd.read_parquet(project / "data/manifest/small/manifest.parquet")
    assert len(table) == (manifest["verdict"] == "ok").sum()


def test_what_the_features_are_worth_is_on_the_page(project: Path) -> None:
    results = project / "results/small"
    ablation = json.loads((results / "features/ablation.json").read_text())
    assert sorted(family["name"] for family in ablation["families"]) == sorted(settings()["features"])
    importance = json.loads((results / "logistic_regression/importance.json").read_text())
    assert {family["name"] for family in importance["families"]} == {"rgb_stats", "hog", "symmetry"}
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
    page = (project / "reports/small/index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page


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
    module = project / "src/evenlight/features/rgb_stats.py"
    before = module.read_bytes()
    try:
        module.write_bytes(before + b"\n# edited\n")
        jobs = planned(project)
    finally:
        module.write_bytes(before)
    assert {
        "Computing rgb_stats features of small, shard 0000",
        "Fitting logistic_regression on small",
    } <= jobs
    others = ("Scanning", "Gathering", "Computing hog", "Computing brightness", "Training", "Learning")
    assert not [job for job in jobs if job.startswith(others)]
    assert planned(project) == set()  # undone: compared by content


def test_a_new_raw_file_is_seen(project: Path) -> None:
    new = project / "data/raw/small/day/new.png"
    Image.new("RGB", (40, 40), (9, 200, 90)).save(new)
    try:
        jobs = planned(project)
        scan = "Scanning and standardizing small, shard 0000"
        assert {scan, "Gathering the manifest of small"} <= jobs
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
    again = {"Learning orb from training images of small", "Computing orb features of small, shard 0000"}
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


def test_too_much_quarantine_stops_the_run_and_shows_the_files(raw: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    shutil.copytree(raw, project / "data" / "raw" / "small", symlinks=True)
    result = snakemake(
        project, "--cores", "2", "--until", "gather_manifest", "--config", "max_quarantine=0.01"
    )
    output = result.stdout + result.stderr
    assert result.returncode == 1
    assert re.search(r"small: 12 of \d+ files can't be used .*more than max_quarantine = 0\.01", output)
    assert "Traceback" not in output
    page = (project / "reports/small/quarantine.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") >= 3
    assert not (project / "data/manifest/small/manifest.parquet").exists()
    assert not (project / "data/splits").exists()


def test_a_region_is_cut_out_and_shown(raw: Path, tmp_path: Path) -> None:
    """Of a fixed camera's background, which takes the most steps."""
    project = make_project(tmp_path / "project")
    shutil.copytree(raw, project / "data" / "raw" / "small", symlinks=True)
    region = "region={'method': 'background', 'by': 'camera', 'minimum': 3}"
    target = "results/small/region.png"
    result = snakemake(project, "--cores", "2", target, "--config", region)
    assert result.returncode == 0, result.stdout + result.stderr
    with Image.open(project / target) as picture:
        assert picture.size[0] > 500
    framed = np.load(project / "data/framed/small/0000.npy")
    standardized = np.load(project / "data/standardized/small/0000.npy")
    assert framed.shape == standardized.shape
    assert (framed != standardized).any()


def test_user_mistakes_are_one_sentence(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    result = snakemake(project, "-n")
    assert result.returncode == 1
    assert "data/raw/small: no such folder" in result.stderr
    (project / "data/raw/small/only").mkdir(parents=True)
    result = snakemake(project, "-n")
    assert "data/raw/small: no images" in result.stderr
    Image.new("RGB", (40, 40), (9, 200, 90)).save(project / "data/raw/small/only/a.png")
    params = settings()
    params["datasets"] = {}
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    result = snakemake(project, "--cores", "2")
    assert result.returncode == 1
    assert "all 1 usable images are of one class, 'only'" in result.stdout + result.stderr
    assert not (project / "data/manifest/small/manifest.parquet").exists()
    params["standardise"] = params.pop("standardize")
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    wrong = snakemake(project, "-n")
    assert "standardise: unknown key; did you mean 'standardize'?" in wrong.stderr
    for output in (result, wrong):
        assert "Traceback" not in output.stdout + output.stderr


def test_braces_in_folders_and_columns_are_no_wildcards(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    params = settings()
    folder = project / "odd {br} folder"
    params["datasets"] = {"small": {"folder": folder.name, "groups": ["{g}"]}}
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        Image.new("RGB", (40, 40), (9, 200, 90)).save(folder / label / "1.png")
    (folder / "metadata.csv").write_text("path,{g}\na/1.png,x\n", encoding="utf-8")
    assert "Gathering the manifest of small" in planned(project)
