"""What stops a run, and what an area of interest adds to one: each in a project of its own."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from small_project import make_project, planned, settings, snakemake

from evenlight.example_data import render

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "small"
    render(folder, images=100, seed=3)
    return folder


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
    del params["models"]["cnn_fair"]  # whose group is gone
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
    params["models"]["cnn_fair"]["fair"]["group"] = "{g}"
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        Image.new("RGB", (40, 40), (9, 200, 90)).save(folder / label / "1.png")
    (folder / "metadata.csv").write_text("path,{g}\na/1.png,x\n", encoding="utf-8")
    assert "Gathering the manifest of small" in planned(project)
