"""Simple rules: file data that give the label away, and the most similar training image."""

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.baselines import Options, check

N = 400
SPLITS = np.where(np.arange(N) % 4 == 0, "test", "train")
LABELS = ["x" if place // 4 % 2 else "y" for place in range(N)]
IS_X = np.array(LABELS) == "x"


def named(result):
    return {one.subject: one for one in result.findings}


def data_with(seed=0, **columns):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (N, 16, 16, 3), dtype=np.uint8)
    columns = {"bytes": rng.integers(3000, 9000, N)} | columns
    return world(LABELS, splits=SPLITS, columns=columns, images=images)


def test_file_data_without_information():
    found = [named(check(data_with(seed), Options(trees=20)))["file data"] for seed in range(10)]
    assert sum(one.severity != "ok" for one in found) <= 1
    assert {(one.numbers["n"], one.numbers["majority"]) for one in found} == {(100, 0.5)}


@pytest.mark.parametrize(("share", "severity"), [(0.75, "warn"), (1.0, "serious")])
def test_file_sizes_that_give_the_label_away(share, severity):
    told = np.random.default_rng(1).random(N) < (share - 0.5) * 2
    known = np.where(told, IS_X, np.random.default_rng(2).random(N) < 0.5)
    found = named(check(data_with(bytes=np.where(known, 9000, 3000)), Options(trees=50)))["file data"]
    assert found.severity == severity
    assert found.numbers["right"] / 100 == pytest.approx(share, abs=0.1)
    assert "without a look at the image" in found.sentence


def test_more_of_the_larger_class_in_the_test_split_is_no_gain():
    labels = np.where(np.arange(N) % 4 == 0, np.where(np.arange(N) % 20 == 0, "y", "x"), np.array(LABELS))
    data = world(labels.tolist(), splits=SPLITS, columns={"bytes": np.arange(N) * 7 % 5000})
    found = named(check(data, Options(trees=50)))["file data"]
    assert found.numbers["majority"] == 0.8
    assert found.severity == "ok"


def test_copies_of_training_images_are_recognised():
    data = data_with()
    images = data.images().copy()
    for place in range(0, N, 4):
        images[place] = images[place + 1]  # a training image of the same class
    copied = world(LABELS, splits=SPLITS, images=images)
    found = named(check(copied, Options(trees=10)))["most similar image"]
    assert found.numbers == {"right": 100, "n": 100}
    assert "100 % (100 of 100" in found.sentence
    apart = named(check(data, Options(trees=10)))["most similar image"]
    assert 30 < apart.numbers["right"] < 70


def test_training_images_are_bounded_by_a_seeded_sample():
    results = [check(data_with(), Options(trees=10, maximum=100)) for _ in range(2)]
    assert results[0] == results[1]
    assert results[0] != check(data_with(), Options(trees=10))


@pytest.mark.parametrize(
    ("labels", "splits"),
    [
        (["x"] * 40, None),
        (["x", "y"] * 3, ["train"] * 6),
        (["x"], ["test"]),
        (["x", "y"] * 20, ["test"] * 40),
    ],
)
def test_nothing_to_learn_or_to_score(labels, splits):
    (found,) = check(world(labels, splits=splits), Options()).findings
    assert found.severity == "not_enough_data"
