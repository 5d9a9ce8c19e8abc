"""Blind spots: combinations that should be there and are not."""

from itertools import product

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.intersections import Options, check
from evenlight.audit.findings import by_severity


def crossed(per_cell, hole=None, thin=None, left=0):
    """3 weathers x 2 districts x 2 classes, the same number of images in each but for one cell."""
    labels, weathers, districts = [], [], []
    for cell in product(["fog", "rain", "sun"], ["hill", "port"], ["day", "night"]):
        n = (
            left
            if cell == hole
            else thin
            if thin is not None and cell == ("sun", "hill", "day")
            else per_cell
        )
        labels += [cell[2]] * n
        weathers += [cell[0]] * n
        districts += [cell[1]] * n
    return world(labels, groups={"weather": weathers, "district": districts})


def found(data, **options):
    return by_severity(check(data, Options(**options)).findings)


HOLE = ("fog", "port", "night")


@pytest.mark.parametrize("per_cell", [10, 60])
def test_an_empty_combination_is_found_though_every_column_is_well_covered(per_cell):
    """P4: the hole has 10 or 60 images expected."""
    result = check(crossed(per_cell, HOLE), Options())
    finding = by_severity(result.findings)[0]
    assert finding.severity == "warn"
    assert finding.subject == "class = night and weather = fog and district = port"
    assert finding.numbers["cell"] == {"class": "night", "weather": "fog", "district": "port"}
    assert finding.numbers["expected"] == pytest.approx(per_cell)
    assert sum(one.severity == "warn" for one in result.findings) == 1
    table = next(item for item in result.evidence if item.title == finding.evidence)
    assert table.rows == [(finding.subject, 0, per_cell)]


def test_a_hole_in_random_data_is_found():
    for seed in range(30):
        draws = np.random.default_rng(seed)
        cells = draws.choice(12, size=720)
        cells = cells[cells != 5]
        data = world(
            [("day", "night")[c % 2] for c in cells],
            groups={
                "weather": [("fog", "rain", "sun")[c // 4] for c in cells],
                "district": [("hill", "port")[c // 2 % 2] for c in cells],
            },
        )
        finding = found(data)[0]
        assert (finding.severity, finding.numbers["cell"]) == (
            "warn",
            {"class": "night", "weather": "rain", "district": "hill"},
        )


def test_fewer_expected_is_no_finding():
    assert all(one.severity != "warn" for one in found(crossed(9, HOLE)))
    assert found(crossed(9, HOLE), expected=8)[0].severity == "warn"


def test_independent_columns_have_no_blind_spot():
    warned = 0
    for seed in range(40):
        draws = np.random.default_rng(seed)
        n = 600
        data = world(
            draws.choice(["day", "night"], size=n).tolist(),
            groups={
                name: draws.choice(list("abcde"), size=n, p=[0.4, 0.3, 0.15, 0.1, 0.05]).tolist()
                for name in ("x", "y", "z")
            },
        )
        warned += any(one.severity == "warn" for one in found(data))
    assert warned <= 1


def test_well_covered_is_fine():
    (finding,) = found(crossed(40))
    assert finding.severity == "ok"
    assert finding.numbers["judged"] == 12 + 6 + 6 + 4


def test_thin_combinations_can_not_be_judged():
    result = check(crossed(60, thin=12), Options())
    (finding,) = result.findings
    assert finding.severity == "not_enough_data"
    assert "1 combination has 1 to 29 images" in finding.sentence
    assert "class = day and weather = sun and district = hill (12)" in finding.sentence
    assert result.evidence[0].rows[0][1] == 12


def test_what_follows_from_a_part_is_said_once():
    """No night in fog at all: not once more for each district."""
    data = crossed(60)
    keep = ~((data.values("weather") == "fog") & (data.rows["label"] == "night").to_numpy())
    data = world(
        data.rows["label"][keep].tolist(),
        groups={name: data.values(name)[keep].tolist() for name in ("weather", "district")},
    )
    findings = found(data)
    assert [one.subject for one in findings if one.severity == "warn"] == ["class = night and weather = fog"]


def test_thin_because_a_part_is_thin_is_said_once():
    data = crossed(60)
    inside = (data.values("weather") == "fog") & (data.rows["label"] == "day").to_numpy()
    keep = ~inside | (np.cumsum(inside) % 12 == 0)
    data = world(
        data.rows["label"][keep].tolist(),
        groups={name: data.values(name)[keep].tolist() for name in ("weather", "district")},
    )
    (finding,) = found(data)
    assert finding.numbers["few"] == 1
    assert "class = day and weather = fog (10)" in finding.sentence


def test_a_link_of_two_columns_does_not_empty_the_third():
    """Night in fog is rare; that a single district has none of it is no surprise."""
    draws = np.random.default_rng(0)
    weather = draws.choice(["fog", "sun"], size=1000, p=[0.15, 0.85])
    label = np.where(
        (weather == "fog") & (draws.random(1000) < 0.97), "day", draws.choice(["day", "night"], 1000)
    )
    district = draws.choice(list("abcdef"), size=1000)
    findings = found(
        world(label.tolist(), groups={"weather": weather.tolist(), "district": district.tolist()})
    )
    assert all(one.severity != "warn" for one in findings)


def test_a_column_that_follows_from_another_is_no_hole():
    cities = {"rome": "italy", "oslo": "norway", "bari": "italy"}
    names = list(cities) * 100
    data = world(["day", "night"] * 150, groups={"city": names, "country": [cities[name] for name in names]})
    assert [one.severity for one in found(data)] == ["ok"]


def test_columns_with_many_values_are_left_out_and_said():
    draws = np.random.default_rng(0)
    data = world(
        draws.choice(["day", "night"], size=400).tolist(),
        groups={
            "site": [f"s{i % 50}" for i in range(400)],
            "weather": draws.choice(["fog", "sun"], 400).tolist(),
        },
    )
    findings = found(data)
    assert [(one.severity, one.subject) for one in findings] == [("info", "site"), ("ok", "combinations")]


def test_many_holes_are_listed_up_to_a_limit():
    draws = np.random.default_rng(0)
    code = draws.integers(20, size=4000)
    other = (code + draws.integers(2, size=4000)) % 20
    data = world(
        draws.choice(["day", "night"], size=4000).tolist(),
        groups={"x": [f"x{i:02d}" for i in code], "y": [f"y{i:02d}" for i in other]},
    )
    result = check(data, Options(expected=5))
    warned = [one for one in result.findings if one.severity == "warn"]
    assert len(warned) == 11
    assert warned[-1].numbers["empty"] == 20 * 18 - 10
    assert len(result.evidence[0].rows) == 50


@pytest.mark.parametrize(
    ("data", "severity"),
    [
        (world(["day", "night"] * 50), "info"),
        (world(["day", "night"] * 50, source=["a", "b"] * 50), "info"),
        (world(["day"] * 50, groups={"weather": ["fog"] * 50}), "not_enough_data"),
        (world([], classes=["a", "b"], groups={"weather": []}), "not_enough_data"),
    ],
    ids=["no groups", "source only", "one value each", "no images"],
)
def test_odd_data_is_no_crash(data, severity):
    assert {one.severity for one in found(data)} == {severity}


def test_no_more_images_are_missing_than_a_value_has():
    """Five images without a region are all of winter: that no sixteen summer ones lack it too is no finding."""
    seasons = ["winter"] * 100 + ["summer"] * 300
    regions = ["unknown"] * 5 + [("north", "south")[place % 2] for place in range(395)]
    data = world(["day", "day", "night", "night"] * 100, groups={"season": seasons, "region": regions})
    assert not [one for one in check(data, Options()).findings if one.severity == "warn"]
