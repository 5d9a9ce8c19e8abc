"""Drift between training and test: properties, classes, groups, with and without sources."""

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.drift import Options, check, dealt_p

N = 2000


def split_of(n=N, share=0.4, seed=0):
    return np.where(np.random.default_rng(seed).random(n) < share, "test", "train")


def raised(result):
    return [one for one in result.findings if one.severity in ("warn", "serious")]


def test_equal_sides_are_fine():
    result = check(
        world(["x", "y"] * 1000, splits=split_of(), groups={"site": ["A", "B", "C", "D"] * 500}), Options()
    )
    (found,) = result.findings
    assert found.severity == "ok"


def test_brighter_test_images():
    splits = split_of()
    values = np.random.default_rng(1).normal(100, 30, N) * np.where(splits == "test", 1.25, 1)
    (found,) = raised(
        check(world(["x", "y"] * 1000, splits=splits, properties={"brightness": values}), Options())
    )
    assert found.subject == "brightness"
    assert found.severity == "warn"
    assert "Test images are brighter than training images" in found.sentence
    assert found.numbers["auc"] > 0.6


def test_few_images_are_not_judged_by_properties():
    splits = split_of(400)
    values = 100 + 200 * (splits == "test")
    result = check(world(["x", "y"] * 200, splits=splits, properties={"brightness": values}), Options())
    assert not raised(result)
    (found,) = result.findings
    assert found.severity == "not_enough_data"
    assert "300 on each side" in found.sentence


def test_a_group_that_training_lacks():
    splits = split_of()
    rng = np.random.default_rng(1)
    site = np.where(rng.random(N) < 0.2, "B", "A")
    site[(splits == "train") & (site == "B")] = "A"
    result = check(world(["x", "y"] * 1000, splits=splits, groups={"site": site}), Options())
    missing, shares = raised(result)
    assert missing.subject == "site B"
    assert f"{((splits == 'test') & (site == 'B')).sum()} of {(splits == 'test').sum()}" in missing.sentence
    assert shares.numbers["v"] > 0.3


@pytest.mark.parametrize("left", [0.01, 0.04])
def test_a_group_that_is_rare_in_training(left):
    splits = split_of()
    draws = np.random.default_rng(1).random(N)
    site = np.where(draws < np.where(splits == "test", 0.2, left), "B", "A")
    (found,) = raised(check(world(["x", "y"] * 1000, splits=splits, groups={"site": site}), Options()))
    assert found.subject == "site"
    assert "B is" in found.sentence or "A is" in found.sentence


def test_other_class_shares():
    splits = split_of()
    labels = np.where(np.random.default_rng(1).random(N) < np.where(splits == "test", 0.7, 0.4), "x", "y")
    (found,) = raised(check(world(labels.tolist(), splits=splits), Options()))
    assert found.subject == "class"


def test_random_splits_by_source_are_no_drift():
    false_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        camera = np.arange(N) % 40
        splits = np.where(rng.permutation(40)[camera] < 16, "test", "train")
        site = np.where(rng.random(40)[camera] < 0.4, "B", "A")  # a camera stands on one site
        labels = np.where(rng.random(N) < rng.random(40)[camera], "x", "y")  # and sees its own mix of classes
        light = 100 + rng.normal(0, 30, 40)[camera] + rng.normal(0, 10, N)
        data = world(
            labels.tolist(),
            splits=splits,
            groups={"site": site},
            source=[f"cam{place:02d}" for place in camera],
            properties={"brightness": light},
            permutations=999,
        )
        false_alarms += bool(raised(check(data, Options())))
    assert false_alarms <= 3


def test_few_sources_are_not_judged():
    camera = np.arange(N) % 10
    splits = np.where(camera < 3, "test", "train")
    values = 100 + 50 * (splits == "test")
    data = world(
        ["x", "y"] * 1000,
        splits=splits,
        source=[f"cam{place}" for place in camera],
        properties={"brightness": values},
    )
    result = check(data, Options())
    assert not raised(result)
    assert "7" in result.findings[0].sentence
    assert result.findings[0].severity == "not_enough_data"


def test_p_by_whole_sources_is_that_of_all_deals():
    # four sources of ten images, one in test: it alone has category 1, the chance of that is 1 in 4
    sources = np.repeat(np.arange(4), 10)
    codes = (sources == 0).astype(np.int64)
    assert dealt_p(codes, sources == 0, sources, 4000, 0) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("splits", [["train"] * 40, ["test"] * 40, ["validation"] * 40])
def test_one_side_only(splits):
    (found,) = check(world(["x", "y"] * 20, splits=splits), Options()).findings
    assert found.severity == "not_enough_data"


def test_a_handful_of_images():
    data = world(["x", "x"], splits=["train", "test"], groups={"site": ["A", "B"]}, source=["c", "c"])
    assert check(data, Options()).findings
