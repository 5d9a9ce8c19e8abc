"""Import closures: what a rule must rerun for, and nothing else."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import evenlight.sources
from evenlight.sources import sources

ROOT = Path(evenlight.sources.__file__).parent


def _names(files: list[str]) -> set[str]:
    return {Path(file).resolve().relative_to(ROOT).as_posix() for file in files}


@pytest.fixture
def closure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`sources` of a made-up package: write the given files, ask for the closure of modules."""

    def ask(files: dict[str, str], *modules: str) -> list[str]:
        package = tmp_path / "evenlight"
        for name, text in files.items():
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text(text)
        copy = package / "sources.py"
        copy.write_text(Path(evenlight.sources.__file__).read_text())
        spec = importlib.util.spec_from_file_location("copied_sources", copy)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.chdir(package)
        return module.sources(*modules)

    return ask


PACKAGE = {
    "__init__.py": "",
    "a.py": "",
    "b.py": "",
    "sub/__init__.py": "from . import quiet",
    "sub/quiet.py": "",
    "sub/c.py": "",
    "sub/deep/__init__.py": "",
    "sub/deep/d.py": "",
}
CASES = {
    "nothing": ("import os, numpy, evenlightx.a", []),
    "absolute": ("import evenlight.a", ["a.py"]),
    "renamed": ("import evenlight.a as other, os", ["a.py"]),
    "from": ("from evenlight.a import thing", ["a.py"]),
    "from, submodule": ("from evenlight import a, b as other", ["a.py", "b.py"]),
    "relative": ("from .a import thing", ["a.py"]),
    "relative, submodule": ("from . import a", ["a.py"]),
    "in a function": ("def f():\n    if x:\n        from . import a", ["a.py"]),
    "only for types": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import a", ["a.py"]),
    "a package runs its __init__": (
        "import evenlight.sub.c",
        ["sub/__init__.py", "sub/c.py", "sub/quiet.py"],
    ),
    "two levels": (
        "from .sub.deep import d",
        ["sub/__init__.py", "sub/deep/__init__.py", "sub/deep/d.py", "sub/quiet.py"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_imports_of_every_form(closure: Callable, case: str) -> None:
    text, expected = CASES[case]
    assert closure(PACKAGE | {"main.py": text}, "evenlight.main") == sorted(
        ["__init__.py", "main.py", *expected]
    )


def test_relative_imports_from_below(closure: Callable) -> None:
    files = PACKAGE | {
        "sub/deep/d.py": "from ... import a\nfrom ..c import x\nfrom . import e",
        "sub/deep/e.py": "",
    }
    expected = ["a.py", "sub/c.py", "sub/deep/__init__.py", "sub/deep/d.py", "sub/deep/e.py"]
    found = closure(files, "evenlight.sub.deep.d")
    assert found == sorted(["__init__.py", "sub/__init__.py", "sub/quiet.py", *expected])


def test_relative_imports_of_an_init_are_its_own(closure: Callable) -> None:
    found = closure(PACKAGE | {"quiet.py": ""}, "evenlight.sub")
    assert found == ["__init__.py", "sub/__init__.py", "sub/quiet.py"]


def test_circles_end(closure: Callable) -> None:
    found = closure(PACKAGE | {"a.py": "from . import b", "b.py": "import evenlight.a"}, "evenlight.b")
    assert found == ["__init__.py", "a.py", "b.py"]


def test_several_modules_are_joined(closure: Callable) -> None:
    assert closure(PACKAGE, "evenlight.b", "evenlight.a") == ["__init__.py", "a.py", "b.py"]


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"evenlight\.nothing"):
        sources("evenlight.nothing")


def test_paths_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(os.path.exists(file) and not os.path.isabs(file) for file in sources("evenlight.errors"))


@pytest.mark.parametrize("family", ["brightness", "canny", "hog"])
def test_a_feature_family_holds_no_other(family: str) -> None:
    names = _names(sources(f"evenlight.features.{family}"))
    assert {"__init__.py", "features/__init__.py", f"features/{family}.py"} <= names
    others = {f"features/{name}.py" for name in ("brightness", "canny", "hog") if name != family}
    assert not names & others


def test_stages_depend_on_what_they_use() -> None:
    scan, gather = _names(sources("evenlight.stages.scan")), _names(sources("evenlight.stages.gather"))
    assert {"decode.py", "listing.py", "scanning.py", "storage.py"} <= scan
    assert {"manifest.py", "splits.py", "metadata.py"} <= gather
    assert not scan & {"manifest.py", "splits.py", "params.py"}
    assert not gather & {"params.py", "models/classical.py", "models/cnn.py"}
    classical, network = (_names(sources(f"evenlight.stages.{name}")) for name in ("train", "train_network"))
    # who edits one sort of model trains none of the other again
    assert not network & {"models/classical.py", "models/search.py", "models/classical_artifacts.py"}
    assert not classical & {"models/cnn.py", "models/training.py", "models/network_artifacts.py"}


def test_who_edits_a_check_or_its_wording_trains_no_network_again() -> None:
    """Nor are checkpoints void, whose fingerprint covers the same files."""
    training, checking = (
        _names(sources(f"evenlight.stages.{name}")) for name in ("train_network", "check_training")
    )
    checks = {"models/training_checks.py", "evaluation/comparison.py", "audit/wording.py"}
    assert checks <= checking
    assert not [name for name in training if name in checks or name.startswith("audit/")]


def test_closures_hold_what_python_really_loads() -> None:
    """Every module of ours that importing the stage loads is in its closure."""
    code = (
        "import sys, evenlight.stages.predict\n"
        "print(*[m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'evenlight'], sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert _names(done.stdout.split()) <= _names(sources("evenlight.stages.predict"))
