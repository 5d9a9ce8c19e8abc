"""What an honest split costs: near copies inflate the random score, independent images do not."""

import cv2
import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.split_check import Options, check
from evenlight.features import hog

OPTIONS = Options(features=["shape"])


def bursts(count=60, size=8, seed=0):
    """Bursts of near copies: what they show has nothing to do with their class, but all of a burst share it."""
    rng = np.random.default_rng(seed)
    burst = np.repeat(np.arange(count), size)
    labels = [("x", "y")[code] for code in rng.permutation(count) % 2]
    values = rng.normal(size=(count, 100))[burst] + 0.05 * rng.normal(size=(count * size, 100))
    return [labels[place] for place in burst], values, burst


def test_near_copies_inflate_the_random_score():
    labels, values, burst = bursts()
    data = world(labels, features={"shape": values}, columns={"component": burst.astype(np.int32)})
    result = check(data, OPTIONS)
    (found,) = result.findings
    assert found.severity == "warn"
    assert found.numbers["random"] == 480
    assert 0.3 < found.numbers["honest"] / 480 < 0.7
    assert "100 % (480 of 480" in found.sentence
    assert "60 near-duplicate components" in found.sentence
    assert [row[0] for row in result.evidence[0].rows] == ["at random", "by near-duplicate component"]


def test_the_source_comes_before_components():
    labels, values, burst = bursts()
    data = world(labels, features={"shape": values}, source=[f"s{place:02d}" for place in burst])
    (found,) = check(data, OPTIONS).findings
    assert found.severity == "warn"
    assert found.numbers["kept_together"] == "camera"
    assert found.numbers["groups"] == 60


def test_independent_images_score_alike():
    rng = np.random.default_rng(0)
    labels = ["x", "y"] * 200
    values = rng.normal(size=(400, 5)) + 2 * (np.array(labels) == "x")[:, None]
    (found,) = check(world(labels, features={"shape": values}), OPTIONS).findings
    assert found.severity == "ok"
    assert abs(found.numbers["random"] - found.numbers["honest"]) <= 4


def test_many_images_are_a_seeded_sample():
    labels, values, burst = bursts()
    data = world(labels, features={"shape": values}, columns={"component": burst.astype(np.int32)})
    first, second = (check(data, Options(features=["shape"], maximum=200)) for _ in range(2))
    assert first == second
    assert first.findings[0].numbers["n"] == 200


@pytest.mark.parametrize(
    ("labels", "source"),
    [(["x"], None), (["x"] * 50, None), (["x", "y"], None), (["x", "y"] * 50, ["one"] * 100)],
)
def test_nothing_to_compare(labels, source):
    data = world(labels, features={"shape": np.ones((len(labels), 2))}, source=source)
    (found,) = check(data, OPTIONS).findings
    assert found.severity == "not_enough_data"


def test_day_and_night_by_camera(shared_data):
    """Known answer: HOG and logistic regression score .98 by random folds and about .74 by camera."""
    paths = sorted(shared_data("day_night").glob("*/*/*.jpg"))
    images, cameras = [], []
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        height, width = image.shape[:2]
        minute = int(path.stem[11:13]) % 30
        second = {(469, 640): minute < 15, (471, 640): minute < 20}.get((height, width), False)
        cameras.append(f"{height}x{width}{second}")
        images.append(
            cv2.cvtColor(cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        )
    values = hog.extract(np.stack(images), hog.Options(cell=8))
    data = world([path.parent.name for path in paths], features={"hog": values}, source=cameras)
    (found,) = check(data, Options()).findings
    assert found.severity == "warn"
    assert found.numbers["groups"] == 17
    assert found.numbers["random"] / 400 == pytest.approx(0.9825, abs=0.01)
    assert found.numbers["honest"] / 400 == pytest.approx(0.74, abs=0.04)
