"""Quality by group and by source: planted differences are named, chance and content are not made serious."""

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.quality import Options, check


def groups_of(n, shares, seed=0):
    """Group names A, B, ... dealt out in the given shares, independent of everything else."""
    rng = np.random.default_rng(seed)
    return rng.choice(list("ABCDEFGHIJKL")[: len(shares)], size=n, p=np.array(shares) / sum(shares))


def raised(result):
    return [one for one in result.findings if one.severity in ("warn", "serious")]


def brightness(n, seed=1):
    return np.random.default_rng(seed).normal(120, 30, size=n)


def test_a_darkened_group_is_named_with_its_numbers():
    n = 1000
    groups = groups_of(n, [0.5, 0.4, 0.1])
    values = brightness(n)
    dark = (groups == "C") & (np.random.default_rng(2).random(n) < 0.6)
    values[dark] *= 0.55
    result = check(
        world(["x", "y"] * 500, groups={"site": groups}, properties={"brightness": values}), Options()
    )
    (found,) = raised(result)
    assert found.subject == "site C: brightness"
    assert found.severity == "serious"
    assert "Images of site C are darker" in found.sentence
    assert f"{(groups == 'C').sum()} images" in found.sentence
    assert found.numbers["auc"] < 0.25
    gallery = next(one for one in result.evidence if one.title == found.evidence)
    assert len(gallery.items) == 8
    rows = {path: place for place, path in enumerate(world(["x", "y"] * 500).rows["path"])}
    shown = [values[rows[path]] for path, _ in gallery.items]
    assert shown == sorted(values[groups == "C"])[:8]


def test_random_groups_are_no_finding():
    false_alarms = 0
    for seed in range(12):
        groups = groups_of(1200, [10, 8, 6, 4, 3, 2, 1, 1, 0.5, 0.5, 0.3, 0.3], seed)
        data = world(["x", "y"] * 600, groups={"site": groups}, seed=seed)
        false_alarms += bool(raised(check(data, Options())))
    assert false_alarms <= 2


def test_all_groups_equally_dark_is_no_difference():
    n = 600
    dark = np.abs(np.random.default_rng(0).normal(8, 3, size=n))
    properties = {"brightness": dark, "brightness_p99": dark * 2}
    data = world(["x", "y"] * 300, groups={"site": groups_of(n, [1, 1])}, properties=properties)
    assert not raised(check(data, Options()))


def test_two_groups_make_one_sentence():
    n = 800
    groups = groups_of(n, [1, 1])
    values = brightness(n) - 40 * (groups == "A")
    result = check(
        world(["x", "y"] * 400, groups={"site": groups}, properties={"brightness": values}), Options()
    )
    (found,) = raised(result)
    assert "site A are darker" in found.sentence
    assert "for B" in found.sentence


def test_the_group_that_differs_most_heads_the_sentence():
    n = 1500
    groups = groups_of(n, [1, 1, 1])
    values = brightness(n) - 60 * (groups == "B") - 15 * (groups == "A")
    result = check(
        world(["x", "y"] * 750, groups={"site": groups}, properties={"brightness": values}), Options()
    )
    (found,) = raised(result)
    assert found.subject == "site B: brightness"
    assert "It differs in C" in found.sentence


def test_what_the_same_sources_took_otherwise_is_a_warning_at_most():
    n = 1200
    groups = groups_of(n, [0.8, 0.2])
    values = brightness(n) - 80 * (groups == "B")
    source = [f"cam{place % 24:02d}" for place in range(n)]
    crossed = world(
        ["x", "y"] * 600, groups={"weather": groups}, source=source, properties={"brightness": values}
    )
    (found,) = raised(check(crossed, Options()))
    assert found.severity == "warn"
    assert "what the group looks like" in found.sentence
    alone = world(["x", "y"] * 600, groups={"weather": groups}, properties={"brightness": values})
    assert raised(check(alone, Options()))[0].severity == "serious"


def test_sources_count_once_however_many_images_they_have():
    # groups nest in cameras, cameras differ: by images a sure difference, by cameras none
    false_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        camera = np.repeat(np.arange(40), 30)
        values = 120 + rng.normal(0, 20, size=40)[camera] + rng.normal(0, 5, size=1200)
        groups = np.where(camera % 2 == 0, "A", "B")
        data = world(
            ["x", "y"] * 600,
            groups={"site": groups},
            source=[f"cam{place:02d}" for place in camera],
            properties={"brightness": values},
        )
        result = check(data, Options(outlier=1000))
        false_alarms += any(one.numbers.get("property") == "brightness" for one in raised(result))
    assert false_alarms <= 2


def test_a_group_of_few_sources_is_not_judged():
    n = 1200
    camera = np.arange(n) % 12
    groups = np.where(camera < 2, "A", "B")
    values = brightness(n) - 80 * (groups == "A")
    data = world(
        ["x", "y"] * 600,
        groups={"site": groups},
        source=[f"cam{place:02d}" for place in camera],
        properties={"brightness": values},
    )
    found = next(one for one in check(data, Options()).findings if one.subject == "site")
    assert found.severity == "not_enough_data"
    assert "A (200 images of 2 cameras)" in found.sentence


def test_a_small_group_is_not_judged():
    groups = np.array(["A"] * 10 + ["B"] * 190)
    values = brightness(200) - 100 * (groups == "A")
    data = world(["x", "y"] * 100, groups={"site": groups}, properties={"brightness": values})
    result = check(data, Options())
    assert not raised(result)
    assert any(
        one.severity == "not_enough_data" and "A (10 images)" in one.sentence for one in result.findings
    )


def test_a_format_that_goes_with_a_group():
    groups = groups_of(600, [0.7, 0.3])
    data = world(
        ["x", "y"] * 300, groups={"site": groups}, columns={"format": np.where(groups == "B", "PNG", "JPEG")}
    )
    (found,) = raised(check(data, Options()))
    assert found.severity == "serious"
    assert "file format" in found.sentence
    assert found.numbers["v"] > 0.9


@pytest.mark.parametrize("name", ["sharpness", "lab_b"])
def test_the_source_that_stands_out_is_named(name):
    camera = np.arange(1200) % 24
    rng = np.random.default_rng(0)
    values = 6 + rng.normal(0, 0.4, size=24)[camera] + rng.normal(0, 0.5, size=1200)
    values[camera == 13] = 2.8 + rng.normal(0, 0.5, size=(camera == 13).sum())
    data = world(["x", "y"] * 600, source=[f"cam{place:02d}" for place in camera], properties={name: values})
    result = check(data, Options())
    (found,) = raised(result)
    assert found.severity == "warn"
    assert found.numbers["source"] == "cam13"
    assert found.numbers["property"] == name
    assert found.numbers["others"][0] > 4
    assert all(
        "img_" in path for path, _ in next(e for e in result.evidence if e.title == found.evidence).items
    )


def test_sources_that_differ_as_sources_do_are_not_named():
    false_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        camera = np.arange(960) % 24
        properties = {
            name: rng.normal(0, 1, size=24)[camera] + rng.normal(0, 1, size=960)
            for name in ("brightness", "contrast", "sharpness", "saturation", "lab_a", "lab_b", "entropy")
        }
        columns = {"width": 200 + 50 * camera, "height": 100 + 400 * (camera == 3)}
        data = world(
            ["x", "y"] * 480,
            source=[f"cam{place:02d}" for place in camera],
            properties=properties,
            columns=columns,
        )
        false_alarms += bool(raised(check(data, Options())))
    assert false_alarms <= 1


def test_few_sources_do_not_say_what_is_usual():
    data = world(["x", "y"] * 200, source=[f"cam{place % 4}" for place in range(400)])
    found = next(one for one in check(data, Options()).findings if one.subject == "camera")
    assert found.severity == "not_enough_data"


def test_absolute_limits_are_notes_and_muted_where_common():
    sharp = np.full(200, 6.0)
    sharp[:5] = 1.0
    plain = {"brightness_p99": np.full(200, 200.0), "entropy": np.full(200, 7.0)}
    few = check(world(["x", "y"] * 100, properties={"sharpness": sharp, **plain}), Options())
    found = next(one for one in few.findings if one.subject == "blurred")
    assert found.severity == "info"
    assert found.numbers == {"count": 5, "n": 200}
    sharp[:50] = 1.0
    many = check(world(["x", "y"] * 100, properties={"sharpness": sharp, **plain}), Options())
    assert not [one for one in many.findings if one.subject == "blurred"]


def test_without_groups_it_says_what_was_skipped():
    (found, *_) = check(world(["x", "y"] * 20), Options()).findings
    assert found.severity == "info"
    assert "No group column" in found.sentence


@pytest.mark.parametrize("n", [1, 2, 40])
def test_odd_data_do_not_break_it(n):
    data = world(
        ["x"] * n,
        groups={"site": ["A"] * n, "mixed": ["unknown"] + ["B"] * (n - 1)},
        source=[""] * n,
        properties={"lab_a": [float("nan")] * n},
    )
    assert check(data, Options()).findings
