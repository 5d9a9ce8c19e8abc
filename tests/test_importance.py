"""Permutation importance of models whose use of a family is known."""

import numpy as np
import pytest

from evenlight.evaluation.importance import Importance, family_importance

OPTIONS = Importance(repeats=20, resamples=300)
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
    report = family_importance(predict, values, codes, np.arange(400), FAMILIES, OPTIONS)
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
    family_importance(watch, values, codes, np.arange(50), FAMILIES, Importance(repeats=2, resamples=100))
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
        family_importance(predict, values, codes, by, FAMILIES, OPTIONS)["families"][0]["loss"]
        for by in (np.arange(400), keys)
    )
    assert together["value"] == alone["value"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_equal_inputs_equal_reports_whatever_other_families_there_are():
    values, codes = world()
    both = family_importance(predict, values, codes, np.arange(400), FAMILIES, OPTIONS)
    assert both == family_importance(predict, values, codes, np.arange(400), FAMILIES, OPTIONS)
    one = family_importance(predict, values, codes, np.arange(400), {"used": FAMILIES["used"]}, OPTIONS)
    assert one["families"][0] == both["families"][0]
