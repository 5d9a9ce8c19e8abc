"""Class and group: planted links are found by name, independent tables stay silent."""

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.association import Options, check
from evenlight.audit.findings import by_severity

FLAGGED = ("warn", "serious")


def found(data, **options):
    return by_severity(check(data, Options(**options)).findings)


def scenes():
    """The example data: fog is 12 % of 1,200 images and 85 % night; both classes are half of the whole."""
    shares = {"clear": 0.38, "cloudy": 0.28, "rain": 0.18, "fog": 0.12, "snow": 0.04}
    labels, values = [], []
    for name, share in shares.items():
        n = round(1200 * share)
        nights = round(n * (0.85 if name == "fog" else (0.5 - 0.12 * 0.85) / 0.88))
        labels += ["night"] * nights + ["day"] * (n - nights)
        values += [name] * n
    return world(labels, groups={"weather": values})


def test_the_planted_confound_is_a_warning_by_name():
    result = check(scenes(), Options())
    (finding,) = result.findings
    assert (finding.severity, finding.subject) == ("warn", "fog, night")
    assert "weather and class are linked (p<.001; V=0.25, small)." in finding.sentence
    assert "fog: 122 of 144 images are night (85 %), 72 expected" in finding.sentence
    assert "clear" not in finding.sentence
    assert "demographic parity and equal odds exclude each other" in finding.sentence
    heatmap, cells, shares = result.evidence
    assert heatmap.title == finding.evidence
    assert heatmap.counts[heatmap.rows.index("fog")] == [22, 122]
    assert [row[:2] for row in cells.rows] == [("fog", "night")]
    share, low, high = next(row[1:] for row in shares.rows if row[0] == "fog (144)")
    assert share == pytest.approx(100 * 122 / 144)
    assert low < share < high


def test_every_value_that_stands_out_is_named_though_no_class_can_be_twice_as_frequent():
    labels, values = [], []
    for name, nights in {"fog": 85, "haze": 88, "sun": 36, "rain": 36, "snow": 36}.items():
        labels += ["night"] * nights + ["day"] * (100 - nights)
        values += [name] * 100
    finding = found(world(labels, groups={"weather": values}))[0]
    assert [(cell["value"], cell["class"]) for cell in finding.numbers["cells"]] == [
        ("haze", "night"),
        ("fog", "night"),
    ]


def confounded(n, v, seed):
    """3 classes x 4 groups; one cell is filled up from its row until Cramer's V is v in the population."""
    table = np.outer([0.4, 0.3, 0.2, 0.1], [0.4, 0.35, 0.25])
    margins = table.copy()
    for moved in np.linspace(0, 1, 201):
        table = margins.copy()
        table[2] = (1 - moved) * table[2] + moved * np.array([0, 0, table[2].sum()])
        expected = np.outer(table.sum(axis=1), table.sum(axis=0))
        if np.sqrt(((table - expected) ** 2 / expected).sum() / 2) >= v:
            break
    place = np.random.default_rng(seed).choice(12, size=n, p=table.ravel())
    labels = [("cat", "dog", "owl")[code] for code in place % 3]
    return world(labels, groups={"camera": [f"cam{code}" for code in place // 3]})


def test_a_strong_confound_is_always_found_in_the_right_cell():
    """P3 at V = .4 and n = 1000."""
    for seed in range(40):
        finding = found(confounded(1000, 0.4, seed))[0]
        assert finding.severity in FLAGGED
        assert finding.subject == "cam2, owl"


def test_a_weak_confound_is_mostly_found():
    """P3 at V = .15; the corrected V of one sample spreads around that."""
    findings = [found(confounded(1000, 0.15, seed))[0] for seed in range(40)]
    assert sum(finding.severity in FLAGGED for finding in findings) >= 36
    assert sum(finding.subject == "cam2, owl" for finding in findings) >= 36


def test_independent_groups_are_seldom_flagged():
    """C5: 100 classes x 6 groups at n = 1000, and smaller tables."""
    flagged = 0
    for seed in range(40):
        draws = np.random.default_rng(seed)
        data = world(
            [f"c{i:03d}" for i in draws.integers(100, size=1000)],
            groups={"six": [f"g{i}" for i in draws.integers(6, size=1000)]},
            permutations=299,
        )
        flagged += found(data)[0].severity in FLAGGED
    for seed in range(160):
        draws = np.random.default_rng(seed)
        n = int(draws.choice([60, 100, 400]))
        data = world(
            [f"c{i}" for i in draws.integers(3, size=n)],
            groups={"five": [f"g{i}" for i in draws.integers(5, size=n)]},
            permutations=299,
        )
        flagged += found(data)[0].severity in FLAGGED
    assert flagged <= 0.03 * 200


def test_unlinked_is_fine_only_with_enough_images():
    labels, values = ["day", "night"] * 1000, ["fog", "fog", "rain", "rain"] * 500
    assert found(world(labels, groups={"weather": values}))[0].severity == "ok"
    few = found(world(labels[:80], groups={"weather": values[:80]}))[0]
    assert few.severity == "not_enough_data"
    assert "too few to rule out a link as strong as V=" in few.sentence
    fewer = found(world(labels[:40], groups={"weather": values[:40]}))[0]
    assert "fewer than two values have the 30 images" in fewer.sentence


def test_real_but_small_is_a_note():
    labels = ["day"] * 10_000 + ["night"] * 10_000
    values = ["fog"] * 5_350 + ["rain"] * 4_650 + ["fog"] * 4_650 + ["rain"] * 5_350
    finding = found(world(labels, groups={"weather": values}))[0]
    assert finding.severity == "info"
    assert "linked, but weakly" in finding.sentence


def test_a_group_that_gives_the_class_away_is_serious():
    labels = ["day", "night", "dusk"] * 100
    finding = found(world(labels, groups={"camera": [f"of {label}" for label in labels]}))[0]
    assert finding.severity == "serious"
    assert finding.numbers["v"] == pytest.approx(1)
    assert finding.numbers["share_to_move"] == pytest.approx(2 / 3)


def test_values_missing_in_one_class_are_found():
    """Unit plant: metadata missing for 30 % of one class."""
    draws = np.random.default_rng(0)
    labels = np.array(["cat", "dog", "owl"])[np.arange(900) % 3]
    values = np.where((labels == "owl") & (draws.random(900) < 0.3), "", draws.choice(["a", "b"], size=900))
    finding = next(one for one in found(world(labels.tolist(), groups={"site": values.tolist()}))
                   if one.subject == "site missing")  # fmt: skip
    assert finding.severity in FLAGGED
    assert "of the images of owl" in finding.sentence
    even = np.where(np.arange(900) % 5 == 0, "", draws.choice(["a", "b"], size=900))
    finding = next(one for one in found(world(labels.tolist(), groups={"site": even.tolist()}))
                   if one.subject == "site missing")  # fmt: skip
    assert finding.severity not in FLAGGED


def test_an_attribute_without_any_value_adds_no_flag():
    data = world(["day", "night"] * 100, groups={"site": [""] * 200})
    assert [one.severity for one in found(data)] == ["not_enough_data"]


def test_many_sources_of_one_class_each_are_described():
    labels = ["day", "night"] * 1000
    data = world(labels, source=[f"{label}{i // 8}" for i, label in enumerate(labels)])
    (finding,) = found(data)
    assert finding.severity == "info"
    assert (
        "500 of 500 hold images of one class only, 100 % of the images (2,000 of 2,000)" in finding.sentence
    )


def test_large_sources_are_tested():
    labels = ["day", "night"] * 600
    cameras = [f"cam{i // 50}" for i in range(1200)]
    assert found(world(labels, source=cameras))[0].severity not in FLAGGED
    linked = ["a" if label == "day" and i % 3 else "b" for i, label in enumerate(labels)]
    finding = found(world(labels, source=linked))[0]
    assert finding.severity == "serious"
    assert finding.subject == "a, day"


def test_sources_of_one_class_and_one_group_are_not_many_images():
    """30 patients x 20 images; class and hospital are the patient's own, and independent."""
    flagged = 0
    for seed in range(60):
        draws = np.random.default_rng(seed)
        patient = np.repeat(np.arange(30), 20)
        data = world(
            np.array(["ill", "well"])[draws.integers(2, size=30)][patient].tolist(),
            groups={"hospital": np.array(["a", "b", "c"])[draws.integers(3, size=30)][patient].tolist()},
            source=[f"p{i}" for i in patient],
            source_name="patient",
        )
        finding = next(one for one in check(data, Options()).findings if "hospital" in one.sentence)
        flagged += finding.severity in FLAGGED
        assert "images of one patient count as one in" in finding.sentence
        assert finding.numbers["design_effect"] == pytest.approx(20, rel=0.25)
    assert flagged <= 3


def test_rows_in_another_order_and_other_names_change_nothing():
    data = scenes()
    order = np.random.default_rng(0).permutation(len(data.rows))
    shuffled = world(
        data.rows["label"].to_numpy()[order].tolist(),
        groups={"weather": data.values("weather")[order].tolist()},
    )
    assert [one.as_dict() for one in found(shuffled)] == [one.as_dict() for one in found(data)]
    renamed = world(
        data.rows["label"].tolist(), groups={"weather": [f"w_{v}" for v in data.values("weather")]}
    )
    assert found(renamed)[0].numbers["p"] == found(data)[0].numbers["p"]


@pytest.mark.parametrize(
    ("data", "severity"),
    [
        (world(["day", "night"] * 50), "info"),
        (world(["day"] * 50, groups={"weather": ["fog", "rain"] * 25}), "not_enough_data"),
        (world([], classes=["a", "b"], groups={"weather": []}, source=[]), "not_enough_data"),
        (world(["day"], classes=["day", "night"], groups={"weather": ["fog"]}), "not_enough_data"),
        (world(["day", "night"] * 50, groups={"weather": ["fog"] * 100}), "not_enough_data"),
    ],
    ids=["no groups", "one class", "no images", "one image", "one value"],
)
def test_odd_data_is_no_crash(data, severity):
    assert {one.severity for one in found(data)} == {severity}


def test_a_picture_of_a_large_table_stays_small():
    draws = np.random.default_rng(0)
    data = world(
        [f"c{i:03d}" for i in draws.integers(60, size=3000)],
        groups={"site": [f"s{i:03d}" for i in draws.integers(80, size=3000)]},
        permutations=99,
    )
    heatmap = check(data, Options(shown=20)).evidence[0]
    assert len(heatmap.rows) == len(heatmap.columns) == len(heatmap.counts) == 20
    assert heatmap.rows == sorted(heatmap.rows)
    assert "The 20 values and classes" in heatmap.note
