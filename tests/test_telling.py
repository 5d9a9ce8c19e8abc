"""Strengths of columns, counts of missing values, and correlations, against SciPy and hand-made answers."""

import numpy as np
import pytest
from scipy import stats

from evenlight.dataset import load_features, usable_rows
from evenlight.evaluation.telling import (
    Health,
    choose,
    quantiles_by_class,
    rank_correlation,
    strengths,
)
from evenlight.feature_table import documented
from evenlight.stages.summarize_features import read_sample, summarize_features
from evenlight.storage import read_json, read_table, write_table
from model_world import ODD_CLASSES, World


def test_a_column_that_knows_the_class_and_one_that_knows_nothing():
    codes = np.repeat([0, 1], 50)
    values = np.column_stack(
        [codes * 2.0 + np.arange(100) / 1000, np.tile(np.arange(50.0), 2), np.full(100, 7)]
    )
    strength, auc = strengths(values, codes, 2)
    assert strength.tolist() == pytest.approx([1, 0, 0])
    assert auc[:, 0].tolist() == [0, 1]
    assert auc[:, 1:].ravel().tolist() == [0.5] * 4
    tied, _ = strengths(codes[:, None].astype(float), codes, 2)
    assert tied.tolist() == [1]


def test_strength_and_auc_are_those_of_kruskal_wallis_and_mann_whitney_with_ties_and_outliers():
    draws = np.random.default_rng(0)
    codes = draws.integers(0, 4, 300)
    values = np.round(draws.normal(size=(300, 70)) + 0.3 * codes[:, None], 1)  # more than one block
    values[0] = 1e30
    strength, auc = strengths(values.astype(np.float32), codes, 5)
    order = np.argsort(codes, kind="stable")  # every class apart from the others
    most = stats.kruskal(*np.split(np.arange(300.0), np.cumsum(np.bincount(codes))[:-1])).statistic / 299
    assert strengths(np.argsort(order, kind="stable")[:, None], codes, 4)[0].tolist() == pytest.approx([1])
    for column in (0, 63, 64, 69):
        groups = [values[codes == code, column] for code in range(4)]
        assert strength[column] * most == pytest.approx(stats.kruskal(*groups).statistic / 299)
        rest = values[codes != 2, column]
        u = stats.mannwhitneyu(groups[2], rest).statistic
        assert auc[2, column] == pytest.approx(u / len(groups[2]) / len(rest))
    assert np.isnan(auc[4]).all()  # a class without an image


def test_missing_values_are_left_out():
    codes = np.repeat([0, 1], 50)
    values = codes[:, None].astype(float)
    holes = np.vstack([values, [[np.nan], [np.inf], [-np.inf]]])
    strength, auc = strengths(holes, np.append(codes, [0, 0, 1]), 2)
    assert strength.tolist() == [1]
    assert auc[1].tolist() == [1]
    nothing, auc = strengths(np.full((4, 1), np.nan), np.array([0, 0, 1, 1]), 2)
    assert nothing.tolist() == [0]
    assert np.isnan(auc).all()


def test_missing_and_constant_columns_are_counted_over_shards():
    health = Health.of(4)
    health.add(np.array([[1, 2, np.nan, 0], [1, 3, np.nan, 0]], dtype=np.float32))
    health.add(np.array([[1, 2, np.nan, 5], [1, 2, np.inf, 5]], dtype=np.float32))
    # the third column has no number at all: that is one value at most
    assert health.report() == {"columns": 4, "images": 4, "missing": 4, "constant": 2}


def test_the_strongest_columns_but_few_of_one_family():
    strength = np.array([0.9, 0.8, 0.7, 0.6, 0.8, 0.1])
    families = np.array(["hog", "hog", "hog", "hog", "color", "brightness"])
    assert choose(strength, families, 4, 2) == [0, 1, 4, 5]
    assert choose(strength, families, 2, 3) == [0, 1]
    assert choose(np.empty(0), np.empty(0), 4, 2) == []


def test_quantiles_by_class():
    values = np.concatenate([np.arange(101), [np.nan], [5.0]])
    codes = np.repeat([0, 1], [102, 1])
    found = quantiles_by_class(values, codes, 3)
    assert found[0] == {"n": 101, "quantiles": [5, 25, 50, 75, 95]}
    assert found[1] == {"n": 1, "quantiles": [5] * 5}
    assert found[2] == {"n": 0, "quantiles": None}


def test_rank_correlation_is_spearmans():
    draws = np.random.default_rng(0)
    values = draws.normal(size=(200, 3))
    values[:, 1] = np.exp(values[:, 0])  # the same order
    values = np.column_stack([values, -values[:, 0], np.full(200, 2)])
    found = rank_correlation(values)
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 3] == pytest.approx(-1)
    assert found[0, 2] == pytest.approx(stats.spearmanr(values[:, 0], values[:, 2]).statistic)
    assert np.isnan(found[4, :4]).all()
    assert np.diagonal(found).tolist() == pytest.approx([1] * 5)


def summarized(world: World, **settings) -> dict:
    folder = world.folder / "results"
    entries = {path.name: {} for path in (world.folder / "features").iterdir()}
    classes, features = world.folder / "classes.json", world.folder / "features"
    summarize_features(world.manifest, classes, features, entries, settings, folder)
    return read_json(folder / "summary.json")


def test_the_summary_of_images_as_bright_as_their_class(tmp_path):
    world = World(tmp_path, ODD_CLASSES, {"train": 20, "validation": 3, "test": 5})
    summary = summarized(world, shown=4, per_family=2)
    assert (summary["images"], summary["training_images"], summary["sampled"]) == (84, 60, 60)
    brightness = next(family for family in summary["families"] if family["name"] == "brightness")
    assert (brightness["columns"], brightness["missing"], brightness["constant"]) == (9, 0, 0)
    assert brightness["strongest"]["strength"] == 1  # no class overlaps another
    assert len(summary["telling"]) == 4
    assert [told["family"] for told in summary["telling"]].count("brightness") == 2
    told = next(told for told in summary["telling"] if told["family"] == "brightness")
    assert told["auc"] in (0, 1)
    assert told["class"] in (world.classes[0], world.classes[2])
    medians = [cell["quantiles"][2] for cell in told["by_class"]]
    assert medians == sorted(medians)
    assert [cell["n"] for cell in told["by_class"]] == [20, 20, 20]
    assert np.array(summary["correlation"]).shape == (4, 4)
    for name in ("telling.png", "correlation.png"):
        assert (tmp_path / "results" / name).read_bytes()[:4] == b"\x89PNG"


def test_missing_values_are_counted_and_test_images_change_no_strength(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 20, "test": 6})
    before = summarized(world)
    for path in (tmp_path / "features" / "brightness").glob("*.parquet"):
        table = read_table(path)
        of_test = table["path"].isin(world.table.loc[world.table["split"] == "test", "path"])
        table.loc[of_test, "brightness_v_mean"] = np.float32(np.nan)
        write_table(path, table)
    after = summarized(world)
    assert [family["missing"] for family in before["families"]] == [0] * len(before["families"])
    assert next(f["missing"] for f in after["families"] if f["name"] == "brightness") == 12
    assert after["telling"] == before["telling"]


def test_a_sample_is_read_in_its_order_from_all_shards(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 20, "test": 6})
    rows, features = usable_rows(world.manifest), tmp_path / "features"
    drawn = np.array([0, 1, 7, 8, 30, 51])
    health, sample, columns = read_sample(rows, features, "brightness", drawn)
    expected, names = load_features(rows.iloc[drawn], features, ["brightness"])
    assert (sample == expected).all()
    assert (columns, health.images) == (names, 52)


def test_a_data_set_without_training_images_tells_nothing(tmp_path):
    summary = summarized(World(tmp_path, ["a", "b"], {"test": 6}))
    assert (summary["sampled"], summary["telling"]) == (0, [])


def test_what_a_family_says_of_a_column_of_another_name():
    plain = documented("hog_0003", "hog", {})
    assert plain is not None
    assert plain == documented("hog_fine_0003", "hog_fine", {"kind": "hog"})
    assert documented("hog_fine_0003", "hog", {"kind": "brightness"}) is None
