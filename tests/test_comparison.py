"""Models compared on the same images: published examples, luck that stays luck, sources, readings, sweeps."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.evaluation.comparison import compare_models, compare_pair, effective_units, sweep_summary

BENTUR = (1, 7, 13)  # Fagerland, Lydersen and Laake 2014: only before, only after, alike
CAVO = (6, 16, 139)


def hits(only_first: int, only_second: int, alike: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models with so many images that only one has right; of the others both have every second one."""
    both = np.arange(alike) % 2 == 0
    first = np.concatenate([np.ones(only_first, bool), np.zeros(only_second, bool), both])
    return first, np.concatenate([np.zeros(only_first, bool), np.ones(only_second, bool), both])


def apart(n: int) -> np.ndarray:
    return np.arange(n)


# two models


@pytest.mark.parametrize(
    ("counts", "value", "low", "high"),
    [(BENTUR, -0.2857, -0.5084, -0.0134), (CAVO, -0.0621, -0.1195, -0.0032)],
)
def test_interval_of_a_difference_against_published_values(counts, value, low, high):
    found = compare_pair(*hits(*counts), apart(sum(counts)), 0.95).difference
    assert [found["value"], found["low"], found["high"]] == pytest.approx([value, low, high], abs=5e-5)
    assert found["n"] == sum(counts)


@pytest.mark.parametrize(("b", "c"), [(10, 1), (30, 12), (3, 2), (0, 0), (150, 150)])
def test_p_is_near_mcnemar_s_exact_mid_p(b, c):
    """Another form of the same test: binomial, the tie counted half (Fagerland, Lydersen and Laake 2013)."""
    from scipy.stats import binom

    exact = min(1, 2 * (binom.cdf(c, b + c, 0.5) - binom.pmf(c, b + c, 0.5) / 2))
    assert compare_pair(*hits(b, c, 1000 - b - c), apart(1000), 0.95).p == pytest.approx(exact, abs=0.06)


def test_a_handful_of_images_does_not_tell_models_apart():
    assert compare_pair(*hits(5, 0, 195), apart(200), 0.95).p > 0.05  # McNemar's own statistic: 0.025
    assert compare_pair(*hits(6, 0, 194), apart(200), 0.95).p < 0.05


@pytest.mark.parametrize(("sources", "widest"), [(195, 0.03), (4, 0.05)])
def test_models_that_never_disagree_are_not_equal_for_certain(sources, widest):
    one, other = (np.arange(195) < 194 for _ in range(2))
    pair = compare_pair(one, other, apart(195) * sources // 195, 0.95)
    assert (pair.p, pair.difference["value"]) == (1.0, 0.0)
    width = pair.difference["high"] - pair.difference["low"]
    assert 0.01 < width < widest


@given(st.data())
@settings(max_examples=40)
def test_swapping_the_models_swaps_the_result(data):
    n = data.draw(st.integers(1, 40))
    one, other = (
        np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool) for _ in range(2)
    )
    units = np.array(data.draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)))
    there, back = compare_pair(one, other, units, 0.95), compare_pair(other, one, units, 0.95)
    assert (there.only_first, there.only_second) == (back.only_second, back.only_first)
    assert there.p == pytest.approx(back.p, nan_ok=True)
    assert math.isnan(there.p) == (len(np.unique(units)) == 1)
    assert math.isnan(there.p) or 0 <= there.p <= 1
    if there.difference["low"] is not None:
        low, high = there.difference["low"], there.difference["high"]
        assert low == pytest.approx(-back.difference["high"])
        assert -1 <= low <= there.difference["value"] <= high <= 1
        # p and interval say the same
        assert (there.p < 0.05) == (low > 0 or high < 0)


# sources


def test_ten_images_of_one_camera_count_about_as_one():
    one, other = hits(4, 16, 40)
    single = compare_pair(one, other, apart(60), 0.95)
    tenfold = compare_pair(np.repeat(one, 10), np.repeat(other, 10), np.repeat(apart(60), 10), 0.95)
    naive = compare_pair(np.repeat(one, 10), np.repeat(other, 10), apart(600), 0.95)
    assert tenfold.p == pytest.approx(single.p, abs=0.003)
    assert naive.p < 1e-12
    assert tenfold.difference["low"] == pytest.approx(single.difference["low"], abs=0.01)


def test_alike_images_within_a_source_that_carries_no_information_cost_little():
    draws = np.random.Generator(np.random.PCG64(3))
    one, other = draws.random((2, 2000)) < np.array([[0.9], [0.85]])
    single = compare_pair(one, other, apart(2000), 0.95).difference
    grouped = compare_pair(one, other, apart(2000) // 5, 0.95).difference
    assert grouped["high"] - grouped["low"] == pytest.approx(single["high"] - single["low"], rel=0.15)


def test_sources_count_for_one_image_each_at_least():
    """All images of a camera alike: as if each camera were one image, however far apart the cameras are."""
    one, other = hits(3, 3, 2)
    single = compare_pair(one, other, apart(8), 0.95).difference
    cameras = compare_pair(np.repeat(one, 50), np.repeat(other, 50), apart(400) // 50, 0.95).difference
    from scipy.stats import norm, t

    widths = [found["high"] - found["low"] for found in (single, cameras)]
    assert widths[1] == pytest.approx(widths[0] * t.ppf(0.975, 7) / norm.ppf(0.975), rel=0.01)


def test_p_of_sources_against_flipping_whole_sources():
    """An oracle that shares no formula: the models change places in half of the cameras, at random."""
    draws = np.random.Generator(np.random.PCG64(0))
    for shift in (0.0, 0.05, 0.1):
        ease = draws.beta(4, 1, (2, 40))
        ease[1] = np.clip(ease[1] - shift, 0, 1)
        one, other = (draws.random((40, 12)) < row[:, None] for row in ease)
        sums = one.sum(axis=1) - other.sum(axis=1)
        flips = draws.choice([-1, 1], (20_000, 40)) @ sums
        oracle = (np.abs(flips) >= abs(sums.sum())).mean()
        p = compare_pair(one.ravel(), other.ravel(), np.repeat(apart(40), 12), 0.95).p
        assert p == pytest.approx(oracle, abs=0.03)


def test_equal_models_on_few_cameras_are_seldom_called_different():
    draws = np.random.Generator(np.random.PCG64(1))
    units = np.repeat(apart(10), 30)
    false = naive = 0
    for _ in range(200):
        ease = draws.beta(3, 1, (2, 10))
        one, other = (np.ravel(draws.random((10, 30)) < row[:, None]) for row in ease)
        false += compare_pair(one, other, units, 0.95).p < 0.05
        naive += compare_pair(one, other, apart(300), 0.95).p < 0.05
    assert false <= 18  # 200 times 0.05, and three standard errors
    assert naive > 60


@pytest.mark.parametrize("sizes", [[150] + 9 * [10], [90, 90] + 8 * [15], [400] + 2 * [5], [60] * 4])
def test_equal_models_on_cameras_of_unequal_size_are_seldom_called_different(sizes):
    draws = np.random.Generator(np.random.PCG64(4))
    units = np.repeat(apart(len(sizes)), sizes)
    false = 0
    for _ in range(300):
        ease = draws.beta(3, 1, (2, len(sizes)))
        one, other = draws.random((2, len(units))) < ease[:, units]
        false += compare_pair(one, other, units, 0.95).p < 0.05
    assert false <= 26  # 300 times 0.05, and three standard errors


def test_units_of_unequal_size_are_worth_fewer():
    assert effective_units(apart(60) // 6) == pytest.approx(10)
    assert effective_units(np.repeat(apart(10), [150] + 9 * [10])) == pytest.approx(240**2 / (150**2 + 900))
    assert effective_units(np.zeros(0, np.int64)) == 0


def test_few_cameras_are_paid_for_with_students_t():
    """Four cameras that behave alike: no design effect, three degrees of freedom."""
    one, other = hits(8, 0, 32)
    pair = compare_pair(one, other, apart(40) % 4, 0.95)
    first, second = 9 / 42, 1 / 42
    error = math.sqrt((first + second - (first - second) ** 2) / 42)
    assert pair.difference["low"] == pytest.approx(first - second - 3.18245 * error, abs=1e-5)
    from scipy.stats import t

    assert pair.p == pytest.approx(2 * t.sf((first - second) / error, 3))


def test_one_camera_says_nothing():
    pair = compare_pair(*hits(9, 0, 11), np.zeros(20, dtype=np.int64), 0.95)
    assert math.isnan(pair.p)
    assert (pair.difference["value"], pair.difference["low"]) == (0.45, None)


# all models


def world() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Of 400 images `net` has 380 right, `svm` 376 and mostly the same, `bright` and `guess` 200, `file` 240."""
    images = np.arange(400)
    right = {
        "net": images < 380,
        "svm": (images >= 4) & (images < 380),
        "bright": images % 2 == 0,
        "guess": images < 200,
        "file": images < 240,
    }
    kinds = {"net": "cnn", "svm": "rbf_svm", "bright": "threshold", "guess": "majority", "file": "metadata"}
    return right, kinds


def compared(chosen: str = "net", extra: dict | None = None) -> dict:
    right, kinds = world()
    for name, hit in (extra or {}).items():
        right[name], kinds[name] = hit, "rbf_svm"
    return compare_models(right, kinds, apart(400), 0.95, chosen)


def table(result: dict, key: str) -> dict:
    return {entry["model"]: entry[key] for entry in result["models"]}


def test_models_come_best_first_with_ties_marked():
    result = compared()
    readings = {"net": "reference", "svm": "tied", "file": "worse", "bright": "worse", "guess": "worse"}
    assert list(table(result, "reading").items()) == list(readings.items())
    assert list(table(result, "rank").values()) == [[1, 2], [1, 2], [3, 5], [3, 5], [3, 5]]
    svm, net = result["models"][1], result["models"][0]
    assert svm["difference"]["value"] == pytest.approx(-0.01)
    assert (svm["only_chosen"], svm["only_this"]) == (4, 0)
    assert (net["p"], net["p_alone"], net["difference"]["value"]) == (None, None, None)
    assert list(table(result, "baseline").values()) == [False, False, True, True, True]
    assert all(entry["no_better_than"] == [] for entry in result["models"])
    assert (result["n"], result["units"], result["alpha"], result["chosen"]) == (400, 400, 0.05, "net")
    assert result["effective_units"] == 400
    json.dumps(result, allow_nan=False)


def test_the_chosen_model_need_not_be_the_first():
    result = compared("file")
    readings = ["better", "better", "reference", "worse", "worse"]
    # `file` and `bright` differ by 120 : 80, by itself and among four
    assert list(table(result, "reading").values()) == readings
    assert list(table(result, "rank").values()) == [[1, 2], [1, 2], [3, 3], [4, 5], [4, 5]]
    assert table(result, "difference")["net"]["low"] > 0


def test_perhaps_is_what_is_luck_among_so_many():
    """`odd` has 7 images less than `net` right, which is much by itself, and shares the ranks of what is tied."""
    images = np.arange(400)
    twins = {f"twin {k}": images < 380 for k in range(6)}
    result = compared(extra={"odd": images < 373, "more": images < 387} | twins)
    odd, more = (next(e for e in result["models"] if e["model"] == name) for name in ("odd", "more"))
    assert (odd["reading"], more["reading"]) == ("perhaps worse", "perhaps better")
    assert odd["p_alone"] < 0.05 < odd["p"]
    assert odd["difference"]["high"] < 0 < more["difference"]["low"]
    assert odd["rank"] == more["rank"] == [1, 10]
    few = compare_models(
        {"net": images < 380, "odd": images < 373}, {"net": "cnn", "odd": "cnn"}, apart(400), 0.95, "net"
    )
    assert table(few, "reading")["odd"] == "worse"
    assert table(few, "p")["odd"] == odd["p_alone"]


def test_p_values_are_adjusted_over_comparisons_with_the_chosen_and_over_all_pairs():
    result = compared()
    pairs = np.array(result["pairs"], dtype=float)
    assert np.array_equal(pairs, pairs.T, equal_nan=True)
    assert np.isnan(np.diag(pairs)).all()
    right, _ = world()

    def alone(one: str, other: str) -> float:
        return compare_pair(right[one], right[other], apart(400), 0.95).p

    # of four comparisons with `net`, that of `svm` (0 : 4) has the largest p
    assert table(result, "p")["svm"] == table(result, "p_alone")["svm"] == alone("svm", "net")
    # of ten pairs `bright` and `guess` (100 : 100) have the largest p, these two the second largest
    assert pairs[0, 1] == pytest.approx(2 * alone("net", "svm"))
    # and `file` and `bright` (120 : 80) the third largest
    assert pairs[2, 3] == pytest.approx(3 * alone("file", "bright"))


def test_equal_models_are_seldom_called_better_or_worse_however_many_there_are():
    draws = np.random.Generator(np.random.PCG64(2))
    false = perhaps = 0
    for _ in range(60):
        right = {str(k): draws.random(300) < 0.8 for k in range(8)}
        readings = table(
            compare_models(right, dict.fromkeys(right, "cnn"), apart(300), 0.95, "3"), "reading"
        ).values()
        false += bool({"better", "worse"} & set(readings))
        perhaps += any(reading.startswith("perhaps") for reading in readings)
    assert false <= 8  # 60 times 0.05, and three standard errors
    assert perhaps > 8  # not adjusted: one run in four


def test_a_model_that_does_not_beat_its_baselines_says_so():
    images = np.arange(400)
    weak = (images >= 3) & (images < 240)
    result = table(
        compared(extra={"weak": weak, "little": images < 243, "some": images < 244}), "no_better_than"
    )
    assert (result["weak"], result["little"], result["some"]) == (["file"], ["file"], ["file"])
    assert result["file"] == []  # a baseline is not held against baselines
    # one-sided and not adjusted, so that 5 images of none are enough
    assert table(compared(extra={"enough": images < 245}), "no_better_than")["enough"] == []


def test_much_better_than_guessing_is_said_although_there_are_few_cameras_and_many_models():
    draws = np.random.Generator(np.random.PCG64(5))
    codes = np.repeat(apart(4), 50)
    night = draws.random(200) < np.array([0.4, 0.5, 0.55, 0.45])[codes]
    right = {f"net {k}": draws.random(200) < 0.99 for k in range(12)} | {"guess": night}
    kinds = dict.fromkeys(right, "cnn") | {"guess": "majority"}
    result = compare_models(right, kinds, codes, 0.95, "net 0")
    assert table(result, "reading")["guess"] == "worse"
    assert not any(table(result, "no_better_than").values())


def test_without_test_images_nothing_is_claimed():
    none = {"a": np.zeros(0, bool), "b": np.zeros(0, bool)}
    result = compare_models(none, {"a": "cnn", "b": "majority"}, np.zeros(0, np.int64), 0.95, "b")
    for entry in result["models"]:
        assert [entry[key] for key in ("accuracy", "rank", "reading", "p", "p_alone")] == [None] * 5
        assert (entry["difference"]["value"], entry["no_better_than"]) == (None, [])
    alone = compare_models({"a": np.ones(5, bool)}, {"a": "cnn"}, apart(5), 0.95, "a")
    assert (alone["models"][0]["rank"], alone["models"][0]["reading"]) == ([1, 1], "reference")


def test_one_camera_sets_nothing_apart():
    right, kinds = world()
    result = compare_models(right, kinds, np.zeros(400, np.int64), 0.95, "net")
    assert list(table(result, "reading").values()) == ["reference", None, None, None, None]
    assert set(map(tuple, table(result, "rank").values())) == {(1, 5)}
    assert table(result, "no_better_than")["net"] == ["file", "guess"]


# sweeps


def test_seeds_are_luck_and_everything_else_a_setting():
    members = {
        f"{size}-{seed}": {"trees": size, "features": [["hog"], ["hog", "thumb"]][size == 9], "seed": seed}
        for size in (10, 9)
        for seed in (0, 1)
    }
    found = {"10-0": 0.80, "10-1": 0.82, "9-0": 0.70, "9-1": 0.74}
    summary = sweep_summary(members, found, 0.95)
    assert summary["keys"] == ["features", "trees"]
    assert [row["values"] for row in summary["rows"]] == [[["hog"], 10], [["hog", "thumb"], 9]]
    first = summary["rows"][0]
    assert first["models"] == ["10-0", "10-1"]
    assert [first[key] for key in ("mean", "low", "high")] == pytest.approx([0.81, 0.80, 0.82])
    assert first["sd"] == pytest.approx(0.02 / math.sqrt(2))
    pooled = math.sqrt((2 * 0.01**2 + 2 * 0.02**2) / 2)
    assert (summary["seed_sd"], summary["seeds_df"]) == (pytest.approx(pooled), 2)
    assert summary["luck"] == pytest.approx(
        4.3027 * math.sqrt(2) * pooled, rel=1e-4
    )  # Student's t, 2 degrees


def test_settings_come_in_order_of_their_numbers_and_one_seed_tells_no_luck():
    members = {f"c{value}": {"C": value} for value in (10, 0.1, 9, 1)}
    summary = sweep_summary(members, dict.fromkeys(members, 0.5), 0.95)
    assert [row["values"] for row in summary["rows"]] == [[0.1], [1], [9], [10]]
    assert (summary["luck"], summary["seed_sd"], summary["rows"][0]["sd"]) == (None, None, None)
    unknown = sweep_summary(members, dict.fromkeys(members, None), 0.95)
    assert unknown["rows"][0]["mean"] is None
