"""Fair against plain training: known answers, what is too few to compare, paired changes, the probe and the stage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.evaluation.fair_training import (
    AskedImages,
    compare_fairness,
    difference_of,
    group_baselines,
    group_probe,
    one_class_groups,
    ratio_of,
)
from evenlight.evaluation.intervals import proportion, wilson
from evenlight.evaluation.resampling import Bootstrap
from evenlight.models.artifacts import describe
from evenlight.models.cnn import build_network
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.network_artifacts import save_network
from evenlight.stages.compare_fair import compare_fair
from evenlight.storage import read_json, read_table, write_table
from model_world import SETTINGS, World

BOOTSTRAP = Bootstrap(0.95, 200)
SPREADS = ("worst_group", "gap", "selection_ratio", "opportunity_gap")


def _digits(text: str) -> np.ndarray:
    return np.array([int(digit) for digit in text])


# Trusted-AI/AIF360, aif360-r/inst/extdata: privileged is 1
ACTUAL, SAID, GROUP = map(_digits, ("00001000000001001001", "00110000101000011010", "01000011011111101010"))


def _compared(actual, groups, units=None, count=2, **predicted) -> dict:
    images = AskedImages(actual, groups, np.arange(len(actual)) if units is None else units)
    names = ["unprivileged", "privileged", "third"][:count]
    return compare_fairness(images, ["bad", "good"], names, predicted, BOOTSTRAP, 0)


def test_aif360s_rows_are_computed_and_too_few_to_compare() -> None:
    after = _compared(ACTUAL, GROUP, after=SAID)["models"]["after"]
    assert after["accuracy"]["value"] == pytest.approx(0.55)
    assert after["per_group"]["privileged"]["value"] == pytest.approx(0.7273, abs=1e-4)
    assert after["per_group"]["unprivileged"]["value"] == pytest.approx(0.3333, abs=1e-4)
    assert after["selected"]["privileged"]["good"] == pytest.approx(0.2727, abs=1e-4)
    assert after["selected"]["unprivileged"]["good"] == pytest.approx(0.4444, abs=1e-4)
    assert after["recall"]["privileged"] == pytest.approx({"good": 0.5, "bad": 7 / 9})
    assert after["recall"]["unprivileged"] == pytest.approx({"good": 0.0, "bad": 3 / 7})
    assert [after[measure]["value"] for measure in SPREADS] == [None] * 4  # a group of 9


def test_aif360s_rows_five_times_over() -> None:
    actual, said, groups = (np.tile(values, 5) for values in (ACTUAL, SAID, GROUP))
    result = _compared(actual, groups, np.tile(np.arange(20), 5), after=said)
    after = result["models"]["after"]
    assert (result["n"], result["units"], result["difference"]) == (100, 20, None)
    assert after["worst_group"]["value"] == pytest.approx(3 / 9)
    assert after["worst_group"]["groups"] == ["unprivileged"]
    assert after["gap"]["value"] == pytest.approx(8 / 11 - 3 / 9)
    assert after["gap"]["groups"] == ["unprivileged", "privileged"]
    # disparate impact, and the equal opportunity difference of -.5
    assert after["selection_ratio"]["value"] == pytest.approx(1 / 1.6296, abs=1e-4)
    assert (after["selection_ratio"]["groups"], after["selection_ratio"]["class"]) == (
        ["privileged", "unprivileged"],
        "good",
    )
    assert after["opportunity_gap"]["value"] == pytest.approx(0.5)
    assert after["opportunity_gap"]["class"] == "good"
    for measure in SPREADS:
        estimate = after[measure]
        assert estimate["low"] < estimate["value"] < estimate["high"]


def test_images_of_one_unit_make_intervals_wider() -> None:
    actual, said, groups = (np.tile(values, 5) for values in (ACTUAL, SAID, GROUP))
    alone = _compared(actual, groups, after=said)["models"]["after"]["accuracy"]
    together = _compared(actual, groups, np.tile(np.arange(20), 5), after=said)["models"]["after"]["accuracy"]
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_images_of_one_unit_make_changes_less_certain() -> None:
    actual, said, groups = (np.tile(values, 5) for values in (ACTUAL, SAID, GROUP))
    widths = []
    for units in (None, np.tile(np.arange(20), 5)):
        change = _compared(actual, groups, units, before=said, after=actual)["difference"]["gap"]
        widths.append(change["high"] - change["low"])
    assert widths[1] > 1.5 * widths[0]


def test_intervals_are_never_narrower_than_wilsons() -> None:
    actual, groups = np.arange(60) % 2, np.repeat([0, 1], 30)
    said = np.where(np.isin(np.arange(60), [3, 40]), 1 - actual, actual)
    for accuracy in _compared(actual, groups, after=said)["models"]["after"]["per_group"].values():
        assert (accuracy["low"], accuracy["value"]) == (wilson(29, 30, 0.95)[0], 29 / 30)


def _changed(n: int = 400) -> dict:
    """Before, group 0 is right on half of its images and group 1 on all; after, both on three quarters."""
    groups, place = np.arange(n) % 2, np.arange(n) // 2
    actual = place // 4 % 2
    before = np.where((groups == 0) & (place % 2 == 0), 1 - actual, actual)
    after = np.where(place % 4 == 0, 1 - actual, actual)
    return _compared(actual, groups, before=before, after=after)


def test_a_change_is_paired_and_signed_as_after_minus_before() -> None:
    result = _changed()
    difference = result["difference"]
    assert result["models"]["before"]["gap"]["value"] == pytest.approx(0.5)
    assert result["models"]["after"]["gap"]["value"] == pytest.approx(0)
    assert difference["gap"]["value"] == pytest.approx(-0.5)
    assert difference["gap"]["high"] < -0.3
    assert difference["worst_group"]["value"] == pytest.approx(0.25)
    assert difference["worst_group"]["low"] > 0.1
    assert difference["accuracy"]["value"] == pytest.approx(0)
    assert result["p"] == pytest.approx(1, abs=0.1)


def test_two_equal_networks_differ_in_nothing_for_certain() -> None:
    actual, said, groups = (np.tile(values, 5) for values in (ACTUAL, SAID, GROUP))
    difference = _compared(actual, groups, before=said, after=said)["difference"]
    for measure in SPREADS:
        assert [difference[measure][key] for key in ("value", "low", "high")] == [0, 0, 0]
    assert difference["accuracy"]["low"] < 0 < difference["accuracy"]["high"]


def test_groups_without_errors_and_classes_never_said() -> None:
    actual, groups = np.arange(200) % 2, np.arange(200) // 2 % 2
    whole = _compared(actual, groups, after=actual)["models"]["after"]
    # perfect on 100 images each proves no gap of exactly 0
    assert whole["gap"]["value"] == 0
    assert whole["gap"]["low"] < -0.01
    assert whole["gap"]["high"] > 0.01
    never = _compared(actual, groups, after=np.zeros(200, dtype=int))["models"]["after"]
    assert never["selection_ratio"]["class"] == "bad"
    assert never["selection_ratio"]["value"] == 1
    one_group = _compared(actual, np.zeros(200, dtype=int), after=actual)["models"]["after"]
    assert [one_group[measure]["value"] for measure in SPREADS] == [None] * 4
    assert one_group["selected"]["privileged"] == {"bad": None, "good": None}


def test_a_group_of_few_images_is_not_compared() -> None:
    actual, groups = np.arange(109) % 2, np.repeat([0, 1, 2], [50, 50, 9])
    said = np.where(groups == 2, 1 - actual, actual)
    after = _compared(actual, groups, count=3, after=said)["models"]["after"]
    assert after["per_group"]["third"]["value"] == 0
    assert after["worst_group"]["value"] == 1
    assert "third" not in after["gap"]["groups"]


def test_without_test_images_nothing_is_defined() -> None:
    none = np.zeros(0, dtype=np.int64)
    result = _compared(none, none, before=none, after=none)
    assert result["models"]["after"]["accuracy"]["value"] is None
    assert {result["difference"][measure]["value"] for measure in SPREADS} == {None}
    assert result["p"] is None


def test_equal_inputs_give_equal_reports() -> None:
    assert _changed() == _changed()


def test_difference_of_is_newcombes_for_wilsons_intervals() -> None:
    # Gender Shades, IBM: errors of darker females against the rest
    found = difference_of(proportion(94, 271, 0.95), proportion(60, 999, 0.95))
    assert [round(100 * found[key], 1) for key in ("value", "low", "high")] == [28.7, 23.0, 34.7]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(30, 60), st.integers(1, 40), st.integers(40, 90))
def test_a_ratio_turned_around_has_the_interval_turned_around(k: int, n: int, j: int, m: int) -> None:
    first, second = proportion(k, n, 0.95), proportion(j, m, 0.95)
    there, back = ratio_of(first, second), ratio_of(second, first)
    assert there["low"] <= there["value"] <= there["high"]
    assert there["value"] * back["value"] == pytest.approx(1)
    assert there["low"] * back["high"] == pytest.approx(1, rel=1e-6)


def test_a_ratio_to_nothing() -> None:
    nothing, some = proportion(0, 20, 0.95), proportion(10, 20, 0.95)
    assert ratio_of(some, nothing)["value"] is None
    assert ratio_of(nothing, some)["value"] == 0
    assert ratio_of(nothing, some)["low"] == 0
    assert ratio_of(nothing, some)["high"] > 0.1


def test_the_probe_reads_a_group_that_is_there_and_none_that_is_not() -> None:
    draws = np.random.Generator(np.random.PCG64(0))
    groups = np.arange(600) % 2
    hidden = np.column_stack([draws.normal(size=(600, 3)), np.ones(600)])
    plain = hidden.copy()
    plain[:, 1] += 6 * groups
    train, test, units = slice(0, 300), slice(300, 600), np.arange(300)

    def probe(values: np.ndarray) -> dict:
        pairs = [(values[part], groups[part]) for part in (train, test)]
        return group_probe(*pairs, units, BOOTSTRAP, 0)

    assert probe(plain)["value"] > 0.98
    assert probe(hidden)["value"] == pytest.approx(0.5, abs=0.08)
    one = group_probe((plain[train], groups[train] * 0), (plain[test], groups[test]), units, BOOTSTRAP, 0)
    assert one["value"] is None


def test_baselines_of_the_probe() -> None:
    codes = np.repeat([0, 1], 50)
    groups = np.concatenate([np.repeat([0, 1], [40, 10]), np.repeat([0, 1], [20, 30])])
    found = group_baselines((codes, groups), (codes, groups))
    assert found == {"majority": 0.6, "by_class": 0.7}
    none = np.zeros(0, dtype=np.int64)
    assert group_baselines((codes, groups), (none, none)) == {"majority": None, "by_class": None}


def test_groups_of_one_class_are_named() -> None:
    codes, groups = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 0, 1])
    assert one_class_groups(codes, groups, ["fog", "rain", "snow"]) == {"rain": 2}


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> dict:
    """Arguments of the stage: two small networks that were never trained, one of which says it was for the group."""
    world = World(
        tmp_path_factory.mktemp("fair"), ["day", "night"], {"train": 40, "validation": 10, "test": 30}
    )
    rows = read_table(world.manifest)
    usable = rows[rows["verdict"] == "ok"]
    fair = {"method": "reweighing", "group": "weather", "cap": 10.0}
    for seed, (name, entry) in enumerate({"plain": None, "fair": fair}.items()):
        options = CnnOptions(kind="cnn", fair=entry)
        folder = world.folder / "models" / name
        facts = {"region": {}, "standardize": {}, "columns": None, "families": [], "fit": {}, "data_hash": ""}
        card = describe(
            name, options.model_dump(), classes=world.classes, input_shape=[16, 16, 3], seed=seed, **facts
        )
        save_network(folder, build_network(options, (16, 16, 3), 2), card)
        label = usable["label"].to_numpy(dtype=object)
        wrong = np.arange(len(label)) % (10 if name == "plain" else 5) == 0
        said = np.where(wrong, np.where(label == "day", "night", "day"), label)
        table = {"path": usable["path"], "true_label": label, "predicted_label": said}
        write_table(folder / "predictions.parquet", usable[["path"]].assign(**table))
    return {
        "model": world.folder / "models" / "fair",
        "before": world.folder / "models" / "plain",
        "manifest": world.manifest,
        "images": world.folder / "images",
        "settings": SETTINGS,
        "seed": 0,
        "target": world.folder / "fair.json",
    }


def test_the_stage_writes_what_it_found_and_the_same_again(stage) -> None:
    compare_fair(**stage)
    report = read_json(stage["target"])
    assert (report["model"], report["before"], report["n"]) == ("fair", "plain", 60)
    assert report["group_names"] == ["=fog", "unknown"]
    assert report["fair"]["method"] == "reweighing"
    assert sum(map(sum, (row.values() for row in report["training_images"].values()))) == 80
    assert report["models"]["before"]["accuracy"]["value"] > report["models"]["after"]["accuracy"]["value"]
    assert 0 < report["probe"]["after"]["value"] <= 1
    assert report["probe"]["majority"] > 0.7
    assert report["weights"]["images"] == 80
    assert 70 < report["weights"]["effective"] <= 80
    first = stage["target"].read_bytes()
    compare_fair(**stage)
    assert stage["target"].read_bytes() == first


def test_the_stage_without_a_network_to_compare_with(stage) -> None:
    compare_fair(**stage | {"before": None})
    report = read_json(stage["target"])
    assert report["before"] is None
    assert report["difference"] is None
    assert set(report["models"]) == {"after"}


def test_the_stage_refuses_what_it_cannot_compare(stage, tmp_path) -> None:
    with pytest.raises(UserError, match="trained without `fair`"):
        compare_fair(**stage | {"model": stage["before"]})
    rows = read_table(stage["manifest"])
    other = tmp_path / "manifest.parquet"
    write_table(other, rows.drop(columns="group_weather"))
    with pytest.raises(UserError, match="there is no group 'weather'"):
        compare_fair(**stage | {"manifest": other})
    write_table(other, rows.iloc[5:])
    with pytest.raises(UserError, match="predictions of other images"):
        compare_fair(**stage | {"manifest": other})
