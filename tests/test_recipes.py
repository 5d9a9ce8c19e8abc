"""The recipes of CONTRIBUTING.md, followed to the letter; that of a feature family is followed in tests/workflow."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import evenlight.models.kinds
import evenlight.models.networks
from evenlight.models import artifacts, classical, classical_artifacts, search

RECIPES = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"


def follow(recipe: str, package: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the module that a recipe shows to a package, in a folder of its own."""
    code = re.search(
        rf"saved as `{recipe}\.py`.*?```python\n(.*?)```",
        RECIPES.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert code
    (folder / f"{recipe}.py").write_text(code[1], encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"{package.__name__}.{recipe}", raising=False)


@pytest.fixture
def naive_bayes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind of model that the recipe adds."""
    follow("naive_bayes", evenlight.models.kinds, tmp_path, monkeypatch)


def test_a_network_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evenlight.explain.attribution import METHODS, attribute
    from evenlight.explain.settings import Explain
    from evenlight.models.cnn_options import CnnOptions
    from evenlight.models.inference import network_logits, to_tensor
    from evenlight.models.network_artifacts import load_network, save_network
    from evenlight.models.training import Examples, train_network

    follow("tiny", evenlight.models.networks, tmp_path, monkeypatch)
    options = CnnOptions(kind="cnn", network="tiny", epochs=6, batch_size=8, learning_rate=0.5, flip=False)
    draws = np.random.default_rng(0)
    codes = np.arange(64) % 2
    images = (
        draws.integers(0, 120, (64, 12, 10, 3), dtype=np.uint8)
        + (codes * 120).astype(np.uint8)[:, None, None, None]
    )
    network = train_network(
        options, Examples(images[:48], codes[:48]), Examples(images[48:], codes[48:]), 2, 0
    ).network
    assert (network_logits(network, images).argmax(axis=1) == codes).mean() > 0.95
    facts = {
        "classes": ["a", "b"],
        "input_shape": [12, 10, 3],
        "standardize": {},
        "columns": None,
        "families": [],
    }
    facts |= {"seed": 0, "fit": {}, "data_hash": ""}
    save_network(tmp_path / "model", network, artifacts.describe("tiny", options.model_dump(), **facts))
    loaded = load_network(tmp_path / "model")
    assert np.array_equal(network_logits(loaded, images), network_logits(network, images))
    for method in METHODS:
        maps = attribute(loaded, to_tensor(images[:2]), codes[:2], method, Explain())
        assert maps.shape == (2, 12, 10)


def test_a_kind_of_model_is_one_file(naive_bayes: None, tmp_path: Path):
    draws = np.random.default_rng(0)
    codes = np.arange(200) % 2
    values = (draws.normal(size=(200, 3)) + 3 * codes[:, None]).astype(np.float32)
    asked = {"kind": "naive_bayes", "features": ["hog"], "smoothing": [1e-9, 1e-3]}
    settings = {"folds": 4, "factor": 3, "minimum": 50}
    chosen, tried = search.search(classical.with_defaults(asked), values, codes, np.arange(200), settings, 0)
    assert len(tried) == 2
    estimator = classical.fit(chosen, values, codes, 0)
    assert (estimator.predict(values) == codes).mean() > 0.95
    description = artifacts.describe("bayes", {"kind": "naive_bayes"})
    classical_artifacts.save_classical(tmp_path / "model", estimator, description)
    loaded = classical_artifacts.load_classical(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(values), estimator.predict_proba(values))
