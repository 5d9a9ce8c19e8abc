"""Shortcuts: file properties can be serious, pixel properties and marks ask a question."""

import cv2
import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.shortcuts import Options, check

N = 1200


def labels_of(classes=4, n=N):
    return [f"c{place % classes}" for place in range(n)]


def raised(result):
    return [one for one in result.findings if one.severity in ("warn", "serious")]


def shifted(by, labels, name="c1", seed=0):
    return np.random.default_rng(seed).normal(0, 1, len(labels)) + by * (np.array(labels) == name)


def photos(n, size=32, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR) for image in noise])


def test_nothing_to_find():
    result = check(world(labels_of(), images=photos(N)), Options())
    assert [one.severity for one in result.findings] == ["ok", "ok"]


@pytest.mark.parametrize(("by", "severity"), [(0.7, "info"), (1.4, "warn"), (5.0, "warn")])
def test_a_pixel_property_is_a_warning_at_most(by, severity):
    labels = labels_of()
    result = check(world(labels, properties={"lab_a": shifted(by, labels)}), Options())
    found = next(one for one in result.findings if "red-green" in one.sentence.lower())
    assert found.severity == severity
    assert "c1" in found.sentence
    if severity == "warn":
        assert "If that is not what defines the classes" in found.sentence
        assert found.subject == "c1: red-green balance"


@pytest.mark.parametrize(("by", "severity"), [(1.4, "warn"), (5.0, "serious")])
def test_a_file_property_can_be_serious(by, severity):
    labels = labels_of()
    sizes = (4000 + 400 * shifted(by, labels)).astype(int)
    (found,) = raised(check(world(labels, columns={"bytes": sizes}), Options()))
    assert found.severity == severity
    assert found.subject == "c1: bytes per pixel"
    assert "no part of what an image shows" in found.sentence


def test_a_format_per_class():
    labels = labels_of(2)
    formats = np.where(np.array(labels) == "c0", "PNG", "JPEG")
    (found,) = raised(check(world(labels, columns={"format": formats}), Options()))
    assert found.severity == "serious"
    assert "100 % (600 of 600)" in found.sentence
    assert "c0 from c1" in found.sentence


def test_pixel_properties_of_one_class_share_a_sentence():
    labels = labels_of(2)
    properties = {"brightness": shifted(3, labels), "saturation": shifted(-2, labels, seed=1)}
    (found,) = raised(check(world(labels, properties=properties), Options()))
    assert found.sentence.startswith("Brightness alone tells c0 from c1")
    assert "saturation (higher in" in found.sentence


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 20), (26, 20)])
def test_a_watermark_on_one_class(row, column):
    labels = labels_of(10, 2000)
    images = photos(2000)
    marked = (np.array(labels) == "c3") & (np.random.default_rng(1).random(2000) < 0.8)
    for place in np.flatnonzero(marked):
        images[place, row : row + 6, column : column + 12] = (
            images[place, row : row + 6, column : column + 12] // 3 + 160
        )
    (found,) = raised(check(world(labels, images=images), Options()))
    assert found.severity == "warn"
    assert found.subject == "c3: mark at the border"
    assert ("top corner" if row == 0 else "bottom corner") in found.sentence


def test_a_mark_on_all_classes_tells_nothing():
    images = photos(N)
    images[:, :6, :12] = 255
    assert not raised(check(world(labels_of(), images=images), Options()))


def test_all_properties_together_find_what_no_single_one_shows():
    labels = np.array(labels_of(2))
    rng = np.random.default_rng(0)
    hidden = rng.normal(0, 1, N)
    properties = {"lab_a": hidden + 0.1 * rng.normal(0, 1, N), "lab_b": hidden + 0.3 * (labels == "c0")}
    result = check(world(labels.tolist(), properties=properties), Options())
    found = next(one for one in result.findings if one.subject == "all properties together")
    assert found.severity == "info"
    assert found.numbers["right"] / found.numbers["n"] > 0.85
    assert found.numbers["majority"] == 0.5
    assert not raised(result)


def test_folds_keep_sources_together():
    # each source has one light and one class: inside a source the class is known, for a new source it is not
    rng = np.random.default_rng(0)
    source = np.arange(N) % 12
    kind = rng.permutation(12) % 2
    light = (rng.permutation(12) * 10.0)[source] + rng.normal(0, 0.1, N)
    labels = [f"c{kind[place]}" for place in source]
    properties = {"brightness": light, "lab_a": np.sin(light), "lab_b": np.cos(3 * light)}
    data = world(labels, source=[f"s{place:02d}" for place in source], properties=properties)
    found = next(one for one in check(data, Options()).findings if one.subject == "all properties together")
    assert found.numbers["right"] / N < 0.9


def test_too_small_classes():
    (found,) = check(world(["x", "y"] * 10), Options()).findings
    assert found.severity == "not_enough_data"


@pytest.mark.parametrize("labels", [["x"], ["x"] * 60, ["x"] * 40 + ["y"]])
def test_odd_data_do_not_break_it(labels):
    assert check(world(labels, properties={"lab_a": [float("nan")] * len(labels)}), Options()).findings
