"""Sweeps: one entry that stands for several models, in params.yaml and in its messages."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from evenlight import params
from evenlight.params import ParamsError
from evenlight.sweeps import expand

FOREST = {"kind": "random_forest", "trees": 5}


def test_every_combination_is_a_model_named_after_its_values():
    sweep = {"features": [["hog"], ["hog", "thumb"]], "seed": [0, 1]}
    models, sweeps, problems = expand({"forest": FOREST | {"sweep": sweep}, "other": {"kind": "x"}})
    assert problems == []
    assert list(models) == [
        "forest-features-hog-seed-0",
        "forest-features-hog-seed-1",
        "forest-features-hog-thumb-seed-0",
        "forest-features-hog-thumb-seed-1",
        "other",
    ]
    assert models["forest-features-hog-thumb-seed-1"] == FOREST | {"features": ["hog", "thumb"], "seed": 1}
    assert sweeps["forest"]["forest-features-hog-seed-1"] == {"features": ["hog"], "seed": 1}


def test_values_become_names_that_files_can_have():
    models, _, problems = expand({"m": {"sweep": {"C": [0.01, None, True, "a/b"]}}})
    assert problems == []
    assert list(models) == ["m-C-0_01", "m-C-none", "m-C-True", "m-C-a_b"]


def test_long_names_are_cut_and_stay_different():
    many = [[f"family_{i}" for i in range(20)], [f"family_{i}" for i in range(21)]]
    models, _, problems = expand({"m": {"sweep": {"features": many}}})
    assert problems == []
    assert len(models) == 2
    assert all(len(name) <= 80 for name in models)


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ([1, 2], "must hold lines"),
        ({}, "must hold lines"),
        ({"seed": 3}, "seed must be a list"),
        ({"seed": []}, "seed must be a list"),
        ({"kind": ["knn"]}, "kinds can't be swept"),
        ({"seed": list(range(300))}, "stands for 300 models"),
        ({"C": [0.1, "0_1"]}, "the same name"),
    ],
)
def test_what_is_no_sweep(sweep: object, words: str):
    models, sweeps, problems = expand({"m": FOREST | {"sweep": sweep}})
    assert models == {"m": FOREST}
    assert sweeps == {}
    [(path, sentence)] = problems
    assert path == ("models", "m", "sweep")
    assert words in sentence


def test_a_name_that_is_taken():
    _, _, problems = expand({"m-seed-0": {}, "m": {"sweep": {"seed": [0, 1]}}})
    assert "there is one of that name" in problems[0][1]


@examples(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_anything_at_all_has_an_answer(sweep: object):
    models, sweeps, problems = expand({"m": {"kind": "x", "sweep": sweep}})
    assert bool(problems) != bool(sweeps)
    assert all("sweep" not in options for options in models.values())


@pytest.fixture
def check(tmp_path: Path) -> Callable[[str], dict]:
    def run(models: str) -> dict:
        file = tmp_path / "params.yaml"
        file.write_text(f"dataset: pets\nfeatures:\n  brightness: {{}}\nmodels:\n{models}")
        return params.check(file)

    return run


def test_checked_settings_hold_the_members(check: Callable):
    text = "  net:\n    kind: cnn\n    epochs: 2\n    sweep:\n      seed: [4, 5]\n      flip: [true, false]\n"
    checked = check(text)
    assert sorted(checked["models"]) == [
        "net-seed-4-flip-False",
        "net-seed-4-flip-True",
        "net-seed-5-flip-False",
        "net-seed-5-flip-True",
    ]
    assert checked["models"]["net-seed-5-flip-False"]["epochs"] == 2
    assert checked["models"]["net-seed-5-flip-False"]["seed"] == 5
    assert list(checked["sweeps"]) == ["net"]
    yaml.safe_dump(checked)  # plain values


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (
            "  net:\n    kind: cnn\n    sweep: {seed: [-1]}\n",
            "line 7: models.net-seed-_1.seed: Input should be",
        ),
        ("  net:\n    kind: cnn\n    sweep:\n      sed: [1]\n", "line 8: models.net-sed-1.sed: unknown key"),
        (
            "  net:\n    epochs: 0\n    kind: cnn\n    sweep:\n      seed: [1]\n",
            "line 6: models.net-seed-1.epochs",
        ),
        ("  net:\n    kind: cnn\n    sweep: 3\n", "line 7: models.net.sweep: must hold lines"),
    ],
)
def test_mistakes_have_the_line_they_were_made_on(check: Callable, models: str, expected: str):
    with pytest.raises(ParamsError) as caught:
        check(models)
    assert expected in str(caught.value)


def test_a_wrong_sweep_is_said_once(check: Callable):
    with pytest.raises(ParamsError) as caught:
        check("  net:\n    kind: cnn\n    sweep: {epochs: [1, 1]}\n")
    assert "1 problem(s)" in str(caught.value)
    assert "the same name" in str(caught.value)
