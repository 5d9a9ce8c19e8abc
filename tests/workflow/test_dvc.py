"""DVC beside Snakemake: one DAG, honest experiments, raw data that can be pushed (docs/data-versions.md)."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DVC_FILES = (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitattributes", ".gitignore", "dvc.yaml")

Run = Callable[..., str]


def git_files(*options: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *options], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def overlaps(one: str, other: str) -> bool:
    """Whether the paths are the same or one lies below the other."""
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a == b or a in b.parents or b in a.parents


def overlapping(some: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    others = list(others)
    return [(one, other) for one in some for other in others if overlaps(one, other)]


# --- the rules that keep DVC honest


def test_dvc_yaml_is_a_launcher_and_no_second_dag():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == ["pipeline"]
    assert stages["pipeline"]["always_changed"] is True
    assert set(stages["pipeline"]) == {"desc", "cmd", "always_changed"}, "no deps, no outs"


@pytest.fixture(scope="module")
def declared_outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The outputs of every job that the repository's workflow plans for a small data set of its own."""
    copy = tmp_path_factory.mktemp("workflow") / "copy"
    for name in git_files("--cached", "--others", "--exclude-standard"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    for label in ("cat", "dog"):
        folder = copy / "data" / "raw" / "tiny" / label
        folder.mkdir(parents=True)
        for number in range(8):
            (folder / f"{number}.png").write_bytes(b"listed, not read")
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--summary", "--config", "dataset=tiny"]
    done = subprocess.run(snakemake, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split("\t")[0] == "output_file"
    return [row.split("\t")[0] for row in rows]


def test_the_plan_reaches_from_the_manifest_to_the_report(declared_outputs):
    assert "results/tiny/published.ok" in declared_outputs
    assert "data/manifest/tiny/manifest.parquet" in declared_outputs
    assert any(name.startswith("models/tiny/") for name in declared_outputs)


def test_no_declared_output_is_tracked_by_git(declared_outputs):
    assert overlapping(declared_outputs, git_files()) == []
    names = "\0".join(declared_outputs)
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=ROOT,
        input=names,
        capture_output=True,
        text=True,
    )
    assert sorted(set(declared_outputs) - set(ignored.stdout.split("\0"))) == []


def test_no_declared_output_is_held_by_dvc(declared_outputs):
    outs = []
    for pointer in git_files("*.dvc"):
        content = yaml.safe_load((ROOT / pointer).read_text())
        outs += [str(PurePosixPath(pointer).parent / out["path"]) for out in content["outs"]]
    assert overlapping(declared_outputs, outs) == []


def shell_strings(path: Path) -> list[str]:
    """The text of every `shell:` block of a Snakefile, without comments."""
    found: list[str] = []
    inside = False
    with tokenize.open(path) as stream:
        tokens = [
            token for token in tokenize.generate_tokens(stream.readline) if token.type != tokenize.COMMENT
        ]
    for token, following in itertools.pairwise(tokens):
        if token.string == "shell" and following.string == ":":
            inside = True
            found.append("")
        elif token.type == tokenize.DEDENT:
            inside = False
        elif inside:
            found[-1] += token.string
    return found


def test_no_rule_calls_dvc():
    rules = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
    commands = [command for path in rules for command in shell_strings(path)]
    assert len(commands) > 5
    assert [command for command in commands if "dvc" in command] == []


# --- DVC's commands on the real dvc.yaml, with a stand-in for snakemake

STAND_IN = '''#!{python}
"""Writes what `publish` writes, computed from params.yaml."""
import sys
from pathlib import Path

import yaml

assert sys.argv[1:] == ["--cores", "all"], sys.argv
params = yaml.safe_load(Path("params.yaml").read_text())
threshold = params["train"]["threshold"]
report = Path("reports", params["dataset"])
(report / "tables").mkdir(parents=True, exist_ok=True)
(report / "pictures").mkdir(exist_ok=True)
images = len(list(Path("data/raw", params["dataset"]).rglob("*.jpg")))
(report / "metrics.json").write_text('{{"svm": {{"accuracy": %s, "n": %s}}}}' % (threshold / 200, images))
(report / "tables/confusion.csv").write_text("actual,predicted\\nday,day\\nnight,day\\n")
(report / "tables/history.csv").write_text("epoch,train_loss,validation_loss\\n1,1.0,%s\\n" % threshold)
(report / "pictures/tsne.png").write_bytes(b"\\x89PNG" + bytes([threshold]))
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a program in a folder, in an environment that is not activated and without the user's settings."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        "HOME": str(home),
        "PATH": os.pathsep.join([os.path.dirname(shutil.which("git") or ""), os.defpath]),
        "DVC_SITE_CACHE_DIR": str(home / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
    }
    (home / ".gitconfig").write_text(
        "[user]\n\tname = t\n\temail = t@example.org\n[init]\n\tdefaultBranch = main\n"
    )

    def call(folder: Path, program: str, *arguments: str, fails: bool = False) -> str:
        command = [sys.executable, "-m", "dvc"] if program == "dvc" else [program]
        done = subprocess.run(
            [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert (done.returncode != 0) == fails, f"{program} {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stderr if fails else done.stdout

    return call


def set_remote(repository: Path) -> None:
    """What `dvc remote add --local -d store ../store` writes."""
    config = """[core]
    remote = store
['remote "store"']
    url = ../../store
"""
    (repository / ".dvc/config.local").write_text(config)


@pytest.fixture(scope="module")
def project(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with our DVC files, a tracked raw folder, committed results, a remote for each tool."""
    base = tmp_path_factory.mktemp("dvc")
    root = base / "project"
    for name in DVC_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "params.yaml").write_text("dataset: tiny\ntrain:\n  threshold: 100\n")
    program = root / ".venv" / "bin" / "snakemake"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    for name in ("day/1.jpg", "a night/2.jpg"):
        (root / "data/raw/tiny" / name).parent.mkdir(parents=True)
        (root / "data/raw/tiny" / name).write_text(name)
    run(base, "git", "init", "-q", "--bare", "origin.git")
    run(root, "git", "init", "-q")
    run(root, "git", "remote", "add", "origin", "../origin.git")
    set_remote(root)
    run(root, "dvc", "add", "-q", "data/raw/tiny")
    run(root, "dvc", "repro", "-q")
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "first results")
    return root


@pytest.fixture
def restored(project: Path, run: Run) -> Iterator[None]:
    """The project is as committed again after the test."""
    yield
    run(project, "git", "checkout", "-q", ".")


def accuracy(show: str) -> float:
    """The accuracy in the output of `dvc metrics show --json`."""
    return json.loads(show)[""]["data"]["reports/tiny/metrics.json"]["data"]["svm"]["accuracy"]


def test_only_small_files_are_committed(project, run):
    tracked = run(project, "git", "ls-files").splitlines()
    assert "data/raw/tiny.dvc" in tracked
    assert "reports/tiny/metrics.json" in tracked
    assert not [name for name in tracked if name.startswith(("data/raw/tiny/", ".venv"))]


def test_repro_again_changes_no_file(project, run):
    run(project, "dvc", "repro", "-q")
    assert run(project, "git", "status", "--short") == ""


@pytest.mark.usefixtures("restored")
def test_experiment_in_the_workspace_and_its_differences(project, run):
    run(project, "dvc", "exp", "run", "-q", "-n", "lower", "-S", "train.threshold=60")
    assert accuracy(run(project, "dvc", "metrics", "show", "--json")) == 0.3

    metrics = json.loads(run(project, "dvc", "metrics", "diff", "HEAD", "lower", "--json"))
    changed = metrics["reports/tiny/metrics.json"]
    assert changed == {"svm.accuracy": {"old": 0.5, "new": 0.3, "diff": -0.2}}
    params = json.loads(run(project, "dvc", "params", "diff", "HEAD", "lower", "--json"))
    assert params["params.yaml"]["train.threshold"]["new"] == 60
    plots = json.loads(run(project, "dvc", "plots", "diff", "HEAD", "lower", "--json"))["data"]
    assert set(plots) == {"Confusion", "Learning curve", "reports/tiny/pictures/tsne.png"}
    points = plots["Learning curve"][0]["content"]["data"]["values"]
    assert {row["rev"] for row in points} == {"HEAD", "lower"}


def test_experiment_in_a_temporary_folder_computes_its_own_results(project, run):
    run(project, "dvc", "exp", "run", "-q", "--temp", "-n", "apart", "-S", "train.threshold=70")
    assert run(project, "git", "status", "--short") == ""
    metrics = json.loads(run(project, "dvc", "metrics", "diff", "HEAD", "apart", "--json"))
    changed = metrics["reports/tiny/metrics.json"]
    assert changed["svm.accuracy"]["new"] == 0.35
    assert list(changed) == ["svm.accuracy"], "n is unchanged: the temporary folder has the raw images too"


def test_the_workflows_own_folders_are_refused(project, run):
    (project / "models/tiny/svm").mkdir(parents=True)
    (project / "models/tiny/svm/model.json").write_text("{}")
    said = run(project, "dvc", "add", "models/tiny", fails=True)
    assert "ignored" in said


def test_raw_data_and_kept_copies_reach_another_clone(project, run):
    (project / "kept/tiny/svm").mkdir(parents=True)
    (project / "kept/tiny/svm/model.json").write_text('{"kept": true}')
    run(project, "dvc", "add", "-q", "kept/tiny/svm")
    run(project, "git", "add", "kept")
    assert sorted(run(project, "git", "diff", "--cached", "--name-only").splitlines()) == [
        "kept/tiny/.gitignore",
        "kept/tiny/svm.dvc",
    ]
    run(project, "git", "commit", "-qm", "keep a model")
    run(project, "git", "push", "-q", "origin", "main")
    run(project, "dvc", "push", "-q")

    clone = project.parent / "clone"
    run(project.parent, "git", "clone", "-q", "-b", "main", "origin.git", "clone")
    set_remote(clone)
    run(clone, "dvc", "pull", "-q")
    assert (clone / "data/raw/tiny").is_dir(), (
        "DVC overlooks all pointers in data/raw/ where .gitignore says `/data/raw/*/`: say `/data/raw/?*/`"
    )
    assert (clone / "data/raw/tiny/a night/2.jpg").read_text() == "a night/2.jpg"
    assert (clone / "kept/tiny/svm/model.json").read_text() == '{"kept": true}'
    assert run(clone, "git", "status", "--short") == ""
