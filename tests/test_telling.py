"""Strengths of columns, counts of missing values, and correlations, against SciPy and hand-made answers."""

import numpy as np
import pytest
from scipy import stats

from evenlight.evaluation.telling import (
    Health,
    choose,
    quantiles_by_class,
    rank_correlation,
    strengths,
)


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
