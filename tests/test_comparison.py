"""Models compared on the same images: published examples, luck that stays luck, sources, ranks, sweeps, the stage."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.evaluation.comparison import (
    compare_models,
    compare_pair,
    mcnemar_midp,
    rank_ranges,
    sweep_summary,
)
from evenlight.job_costs import Cost, read_cost
from evenlight.stages.compare import compare
from evenlight.storage import read_json, write_json, write_table

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


def test_mcnemar_midp_against_published_values():
    assert mcnemar_midp(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_midp(6, 16) == pytest.approx(0.0347, abs=5e-5)
    assert mcnemar_midp(10, 1) == pytest.approx(2 * (1 + 11 / 2) / 2**11)  # ten to one
    assert mcnemar_midp(0, 0) == 1.0


@given(st.integers(0, 200), st.integers(0, 200))
@settings(max_examples=40)
def test_mcnemar_midp_against_statsmodels(b, c):
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar

    exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0
    expected = exact - binom.pmf(b, b + c, 0.5) if b != c else 1.0
    assert mcnemar_midp(b, c) == pytest.approx(expected, abs=1e-9)
    assert mcnemar_midp(b, c) == mcnemar_midp(c, b)


@pytest.mark.parametrize(
    ("counts", "value", "low", "high"),
    [(BENTUR, -0.2857, -0.5084, -0.0134), (CAVO, -0.0621, -0.1195, -0.0032)],
)
def test_interval_of_a_difference_against_published_values(counts, value, low, high):
    found = compare_pair(*hits(*counts), apart(sum(counts)), 0.95).difference
    assert [found["value"], found["low"], found["high"]] == pytest.approx([value, low, high], abs=5e-5)
    assert found["n"] == sum(counts)


def test_models_that_never_disagree_are_not_equal_for_certain():
    one, other = hits(0, 0, 50)
    pair = compare_pair(one, other, apart(50), 0.95)
    assert (pair.p, pair.difference["value"]) == (1.0, 0.0)
    assert -0.1 < pair.difference["low"] < 0 < pair.difference["high"] < 0.1
    cameras = compare_pair(one, other, apart(50) // 10, 0.95)
    assert cameras.p == 1.0
    assert cameras.difference["low"] < 2 * pair.difference["low"]


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
        assert there.difference["low"] == pytest.approx(-back.difference["high"])
        assert -1 <= there.difference["low"] <= there.difference["value"] <= there.difference["high"] <= 1


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
        naive += mcnemar_midp(int((one & ~other).sum()), int((other & ~one).sum())) < 0.05
    assert false <= 18  # 200 times 0.05, and three standard errors
    assert naive > 60


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


def test_ranks_are_shared_by_what_nothing_sets_apart():
    p = np.array([[np.nan, 0.9, 0.001], [0.9, np.nan, 0.2], [0.001, 0.2, np.nan]])
    assert rank_ranges([0.9, 0.88, 0.8], p, 0.05) == [(1, 2), (1, 3), (2, 3)]
    assert rank_ranges([0.9, 0.88, 0.8], np.full((3, 3), np.nan), 0.05) == [(1, 3)] * 3
    assert rank_ranges([0.9, 0.8], np.array([[0, 0.01], [0.01, 0]]), 0.05) == [(1, 1), (2, 2)]


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


def test_models_come_best_first_with_ties_marked():
    right, kinds = world()
    result = compare_models(right, kinds, apart(400), 0.95)
    table = {entry["model"]: entry for entry in result["models"]}
    assert list(table) == ["net", "svm", "file", "bright", "guess"]
    assert [entry["rank"] for entry in table.values()] == [[1, 2], [1, 2], [3, 3], [4, 5], [4, 5]]
    assert [entry["tied"] for entry in table.values()] == [False, True, False, False, False]
    assert table["svm"]["difference"]["value"] == pytest.approx(-0.01)
    assert (table["svm"]["only_best"], table["svm"]["only_this"]) == (4, 0)
    assert (table["net"]["p"], table["net"]["difference"]["value"]) == (None, None)
    assert [entry["baseline"] for entry in table.values()] == [False, False, True, True, True]
    assert all(entry["no_better_than"] == [] for entry in table.values())
    assert (result["n"], result["units"], result["alpha"]) == (400, 400, 0.05)
    json.dumps(result, allow_nan=False)


def test_p_values_are_adjusted_over_all_pairs():
    right, kinds = world()
    result = compare_models(right, kinds, apart(400), 0.95)
    pairs = np.array(result["pairs"], dtype=float)
    assert np.array_equal(pairs, pairs.T, equal_nan=True)
    assert np.isnan(np.diag(pairs)).all()
    # of ten pairs `bright` and `guess` (100 : 100) have the largest p, these two (4 : 0) the second largest
    assert pairs[0, 1] == pytest.approx(2 * mcnemar_midp(4, 0))
    # and `file` and `bright` (120 : 80) the third largest
    assert pairs[2, 3] == pytest.approx(3 * mcnemar_midp(120, 80))
    assert result["models"][1]["p"] == pairs[0, 1]


def test_equal_models_seldom_get_different_ranks_however_many_there_are():
    draws = np.random.Generator(np.random.PCG64(2))
    false = 0
    for _ in range(60):
        right = {str(k): draws.random(300) < 0.8 for k in range(8)}
        result = compare_models(right, dict.fromkeys(right, "cnn"), apart(300), 0.95)
        false += any(entry["rank"] != [1, 8] for entry in result["models"])
    assert false <= 6  # against the best only, without the other pairs: about one run in eight


def test_a_model_that_does_not_beat_its_baselines_says_so():
    right, kinds = world()
    right["weak"], kinds["weak"] = right["file"].copy(), "rbf_svm"
    right["weak"][:3] = False
    table = {e["model"]: e for e in compare_models(right, kinds, apart(400), 0.95)["models"]}
    assert table["weak"]["no_better_than"] == ["file"]
    assert table["file"]["no_better_than"] == []  # a baseline is not held against baselines


def test_without_test_images_nothing_is_claimed():
    none = {"a": np.zeros(0, bool), "b": np.zeros(0, bool)}
    result = compare_models(none, {"a": "cnn", "b": "majority"}, np.zeros(0, np.int64), 0.95)
    for entry in result["models"]:
        assert [entry[key] for key in ("accuracy", "rank", "tied", "p")] == [None] * 4
        assert (entry["difference"]["value"], entry["no_better_than"]) == (None, [])
    alone = compare_models({"a": np.ones(5, bool)}, {"a": "cnn"}, apart(5), 0.95)
    assert (alone["models"][0]["rank"], alone["models"][0]["tied"]) == ([1, 1], False)


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


# costs and the stage


def test_costs_that_are_missing_or_not_measured(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("s\th:m:s\tmax_rss\tmean_load\tcpu_time\n9.5\t0:00:09\t244.7\t32.6\t3.1\n8\t0\t1\t1\t1\n")
    assert read_cost(file) == Cost(9.5, 3.1, 244.7)
    file.write_text("s\tmax_rss\tcpu_time\n0.2\t-\tNA\n")
    assert read_cost(file) == Cost(0.2, None, None)
    file.write_bytes(b"\xff\xfe\x00")
    assert read_cost(file) == read_cost(tmp_path / "none.tsv") == Cost()


@pytest.fixture
def run(tmp_path):
    """Arguments of the stage: 40 images of four cameras (two images have none), two models, one recorded cost."""
    labels = ["day", "night"] * 20
    rows = pd.DataFrame(
        {
            "path": [f"{i:02d}.jpg" for i in range(40)],
            "label": labels,
            "split": ["test"] * 30 + ["validation"] * 6 + ["train"] * 4,
            "verdict": "ok",
            "source": ["", "", *[f"camera {i % 4}" for i in range(2, 40)]],
            "component": np.arange(40) // 2,
        }
    )
    write_table(tmp_path / "manifest.parquet", rows)
    for name, wrong in (("forest", 2), ("threshold", 15)):
        folder = tmp_path / "models" / name
        said = ["fog" if i < wrong else label for i, label in enumerate(labels)]
        table = pd.DataFrame({"path": rows["path"], "true_label": labels, "predicted_label": said})
        write_table(folder / "predictions.parquet", table)
        facts = ("options", "classes", "standardize", "columns", "families", "input_shape", "seed", "fit")
        card = dict.fromkeys((*facts, "data_hash"), 0)
        write_json(folder / "model.json", card | {"name": name, "kind": name})
    write_json(tmp_path / "best.json", {"model": "forest"})
    tsv = tmp_path / "benchmarks" / "train_classical" / "scenes" / "forest.tsv"
    tsv.parent.mkdir(parents=True)
    tsv.write_text("s\tmax_rss\tcpu_time\n75.2\t300\t60\n")
    return {
        "dataset": "scenes",
        "models": {name: tmp_path / "models" / name for name in ("forest", "threshold")},
        "manifest": tmp_path / "manifest.parquet",
        "source": "camera",
        "best": tmp_path / "best.json",
        "sweeps": {"trees": {"forest": {"seed": 0}, "threshold": {"seed": 1}}},
        "confidence": 0.95,
        "benchmarks": tmp_path / "benchmarks",
        "results": tmp_path / "results",
    }


def test_the_stage_compares_on_test_images_by_source(run):
    compare(**run)
    result = read_json(run["results"] / "comparison.json")
    assert (result["n"], result["units"], result["source"], result["chosen"]) == (30, 6, "camera", "forest")
    assert [entry["accuracy"] for entry in result["models"]] == pytest.approx([28 / 30, 15 / 30])
    assert result["sweeps"]["trees"]["test"]["rows"][0]["high"] == pytest.approx(28 / 30)
    assert result["sweeps"]["trees"]["validation"]["rows"][0]["low"] == 1.0
    compare(**run | {"source": None})
    assert read_json(run["results"] / "comparison.json")["units"] == 15


def test_times_stand_in_provenance_only_and_may_be_missing(run):
    compare(**run)
    before = (run["results"] / "comparison.json").read_bytes()
    table = pd.read_csv(run["results"] / "provenance" / "comparison.csv").set_index("model")
    assert table.loc["forest", ["train_seconds", "train_cpu_seconds", "train_peak_mb"]].tolist() == [
        75.2,
        60,
        300,
    ]
    assert table.loc["threshold", ["train_seconds", "predict_seconds"]].isna().all()
    page = (run["results"] / "provenance" / "comparison.html").read_text()
    assert "1\N{NO-BREAK SPACE}min 15\N{NO-BREAK SPACE}s" in page
    assert "not recorded" in page
    next(run["benchmarks"].rglob("*.tsv")).unlink()
    compare(**run)
    assert (run["results"] / "comparison.json").read_bytes() == before
    assert "1\N{NO-BREAK SPACE}min" not in (run["results"] / "provenance" / "comparison.html").read_text()


def test_predictions_of_other_images_are_refused(run):
    file = run["models"]["forest"] / "predictions.parquet"
    write_table(file, pd.read_parquet(file).iloc[1:])
    with pytest.raises(UserError, match="predictions of other images"):
        compare(**run)
