"""A small project with hostile names, and how to run its workflow."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

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
    # `orb` learns first, `symmetry` is added by `make_project`, `deep` looks through a network
    params["features"] = {"brightness": {}, "rgb_stats": {}, "hog": {}, "orb": {"words": 8}, "symmetry": {}}
    params["features"]["deep"] = {"kind": "cnn", "model": "cnn_small"}
    wanted = ("brightness_threshold", "logistic_regression", "cnn_small")
    params["models"] = {name: params["models"][name] for name in wanted}
    params["models"]["brightness_threshold"]["sweep"] = {
        "feature": ["brightness_v_mean", "symmetry_left_right"]
    }
    params["models"]["cnn_small"]["epochs"] = 2
    fair = {"method": "balanced", "group": "weather", "before": "cnn_small"}
    params["models"]["cnn_fair"] = params["models"]["cnn_small"] | {"fair": fair}
    params["explain"] |= {"models": ["cnn_small"], "images": 3, "misclassified": 4, "checked": 8, "steps": 4}
    params["explain"] |= {"integration_steps": 4, "channels": 4, "dream": {"class_steps": 5, "steps": 2}}
    params["models"]["logistic_regression"] |= {
        "features": ["deep", "rgb_stats", "hog", "symmetry"],
        "C": [0.01, 0.1],
    }
    for check in ("labels", "outliers"):
        del params["audit"]["checks"][check]["features"]  # the usual ones among those that are computed
    params["embed"] |= {"maximum": 60, "features": ["brightness", "rgb_stats"]}
    return params


MODELS = [
    "brightness_threshold-feature-brightness_v_mean",
    "brightness_threshold-feature-symmetry_left_right",
    "cnn_fair",
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
    # two shards of so few images
    listing = folder / "src" / "evenlight" / "listing.py"
    listing.write_text(listing.read_text().replace("FILES_PER_SHARD = 2500", "FILES_PER_SHARD = 64"))
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
