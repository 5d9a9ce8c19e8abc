"""Permutation importance of models whose use of a family is known."""

import numpy as np
import pytest

from evenlight.evaluation.importance import Importance, family_importance
from evenlight.evaluation.resampling import Bootstrap
from evenlight.models import classical
from evenlight.models.artifacts import load_description
from evenlight.stages.importance import importance as importance_stage
from evenlight.storage import read_json
from model_world import World

OPTIONS, BOOTSTRAP = Importance(repeats=20), Bootstrap(0.95, 300)
EVALUATE = {"confidence": 0.95, "bootstrap": 100}
FAMILIES = {"used": np.array([0, 1]), "unused": np.array([2])}


def world(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    codes = np.arange(n) % 2
    sign = draws.choice([-1.0, 1.0], n)
    # two columns that say the class only together: their signs agree for class 1
    values = np.column_stack([sign, np.where(codes == 1, sign, -sign), draws.normal(size=n)])
    return values.astype(np.float32), codes


def predict(values: np.ndarray) -> np.ndarray:
    return (values[:, 0] * values[:, 1] > 0).astype(int)


def test_a_family_that_decides_costs_half_and_an_unused_one_exactly_nothing():
    values, codes = world()
    before = values.copy()
    report = family_importance(predict, values, codes, np.arange(400), FAMILIES, OPTIONS, BOOTSTRAP)
    assert (values == before).all()
    assert report["accuracy"]["value"] == 1
    used, unused = report["families"]
    assert (used["name"], used["columns"]) == ("used", 2)
    # shuffled together the columns still agree with each other, but with another image's class
    assert used["loss"]["value"] == pytest.approx(0.5, abs=0.03)
    assert used["loss"]["low"] < 0.5 < used["loss"]["high"]
    assert unused["loss"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 400}


def test_columns_of_a_family_move_together():
    seen = []

    def watch(values: np.ndarray) -> np.ndarray:
        seen.append(values.copy())
        return predict(values)

    values, codes = world(50)
    family_importance(watch, values, codes, np.arange(50), FAMILIES, Importance(repeats=2), BOOTSTRAP)
    original, first, again, *other = seen
    assert {tuple(row) for row in first[:, :2]} <= {tuple(row) for row in original[:, :2]}
    assert (first[:, 0] * first[:, 1]).sum() == (original[:, 0] * original[:, 1]).sum()
    assert (first[:, 2] == original[:, 2]).all()
    assert (first != again).any()
    assert all((values[:, :2] == original[:, :2]).all() for values in other)


def test_intervals_know_that_images_of_one_source_are_alike():
    values, codes = world()
    # sources that are right or wrong as a whole
    keys = np.arange(400) // 40
    codes = np.where(keys % 3 == 0, 1 - codes, codes)
    alone, together = (
        family_importance(predict, values, codes, by, FAMILIES, OPTIONS, BOOTSTRAP)["families"][0]["loss"]
        for by in (np.arange(400), keys)
    )
    assert together["value"] == alone["value"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_equal_inputs_equal_reports_whatever_other_families_there_are():
    values, codes = world()
    both = family_importance(predict, values, codes, np.arange(400), FAMILIES, OPTIONS, BOOTSTRAP)
    assert both == family_importance(predict, values, codes, np.arange(400), FAMILIES, OPTIONS, BOOTSTRAP)
    one = family_importance(
        predict, values, codes, np.arange(400), {"used": FAMILIES["used"]}, OPTIONS, BOOTSTRAP
    )
    assert one["families"][0] == both["families"][0]


def test_the_stage_asks_the_trained_model_about_test_images(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 20, "validation": 5, "test": 30})
    folder = world.train("linear")
    settings, target = {"repeats": 5, "maximum": 50}, tmp_path / "importance.json"
    importance_stage(folder, world.manifest, tmp_path / "features", settings, EVALUATE, target)
    report = read_json(target)
    assert (report["model"], report["n"], report["test_images"], report["repeats"]) == ("linear", 50, 60, 5)
    assert report["keys"] == 3
    assert report["accuracy"]["value"] == 1
    assert report["accuracy"]["low"] < 0.5  # of three cameras little is known
    assert sum(family["columns"] for family in report["families"]) == len(load_description(folder)["columns"])
    losses = [family["loss"]["value"] for family in report["families"]]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 0


def test_without_test_images_nothing_is_asked(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 20, "validation": 5})
    target = tmp_path / "importance.json"
    importance_stage(world.train("linear"), world.manifest, tmp_path / "features", {}, EVALUATE, target)
    report = read_json(target)
    assert (report["n"], report["families"], report["accuracy"]) == (0, [], None)


def test_a_column_belongs_to_the_longest_name_that_it_begins_with():
    assert classical.family_of("hog_fine_0001", ["hog", "hog_fine", "ho"]) == "hog_fine"
    assert classical.family_of("hog_0001", ["hog", "hog_fine"]) == "hog"
