"""The recipes of CONTRIBUTING.md, followed to the letter; that of a feature family is followed in tests/workflow."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import evenlight.models.kinds
from evenlight.models import artifacts, classical, classical_artifacts, search

RECIPES = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def naive_bayes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind of model that the recipe adds, in a folder of its own."""
    code = re.search(
        r"saved as `naive_bayes\.py`.*?```python\n(.*?)```",
        RECIPES.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert code
    (tmp_path / "naive_bayes.py").write_text(code[1], encoding="utf-8")
    monkeypatch.setattr(evenlight.models.kinds, "__path__", [*evenlight.models.kinds.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "evenlight.models.kinds.naive_bayes", raising=False)


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
