"""Outliers: the images that lie alone are shown, without a verdict."""

import numpy as np
from audit_world import world

from evenlight.audit.checks.outliers import Options, check


def test_planted_outliers_come_first():
    values = np.random.default_rng(0).normal(size=(500, 8))
    planted = [7, 99, 200, 311, 450]
    for place, axis in zip(planted, range(5), strict=True):
        values[place, axis] += 10  # cosine distances without standardising miss such points
    values[:, 3] *= 1000  # a unit must not matter
    data = world(["x", "y"] * 250, features={"shape": values})
    result = check(data, Options(features=["shape"]))
    (found,) = result.findings
    (gallery,) = result.evidence
    assert found.severity == "info"
    assert found.evidence == gallery.title
    assert {path for path, _ in gallery.items} == set(data.rows["path"].iloc[planted])


def test_a_pair_of_copies_does_not_hide():
    values = np.random.default_rng(0).normal(size=(300, 4))
    values[[10, 20]] = 30.0
    data = world(["x", "y"] * 150, features={"shape": values})
    (gallery,) = check(data, Options(features=["shape"])).evidence
    assert {path for path, _ in gallery.items[:2]} == set(data.rows["path"].iloc[[10, 20]])


def test_the_number_shown_is_the_share_and_bounded():
    data = world(["x", "y"] * 500, features={"shape": np.random.default_rng(0).normal(size=(1000, 3))})
    assert len(check(data, Options(features=["shape"])).evidence[0].items) == 10
    assert len(check(data, Options(features=["shape"], shown=4)).evidence[0].items) == 4


def test_many_images_are_compared_in_a_seeded_sample():
    data = world(["x", "y"] * 500, features={"shape": np.random.default_rng(0).normal(size=(1000, 3))})
    first, second = (check(data, Options(features=["shape"], maximum=200)) for _ in range(2))
    assert first == second
    assert "Only 200 of 1,000 images were compared" in first.findings[0].sentence


def test_same_features_everywhere():
    data = world(["x", "y"] * 50, features={"shape": np.ones((100, 3))})
    (found,) = check(data, Options(features=["shape"])).findings
    assert found.severity == "ok"


def test_few_images():
    data = world(["x", "y"], features={"shape": np.ones((2, 3))})
    (found,) = check(data, Options(features=["shape"])).findings
    assert found.severity == "not_enough_data"
