"""The audit's statistics against independent oracles, and how they behave when nothing is wrong."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import Table as OracleTable
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from evenlight.audit.statistics import (
    association,
    balance,
    benjamini_hochberg,
    crosstab,
    design_effect,
    effect_words,
    fisher_midp,
    goodness_of_fit,
    holm,
    mann_whitney,
    mann_whitney_each,
    total_variation,
)
from evenlight.evaluation.intervals import newcombe, wilson

LARGE = np.array([[30, 12, 8], [20, 25, 15], [10, 18, 42]])


def test_association_agrees_with_scipy_and_statsmodels():
    found = association(LARGE, 99, 0)
    statistic, p, _, expected = stats.chi2_contingency(LARGE, correction=False)
    assert not found.permuted
    assert found.p == pytest.approx(p)
    assert found.raw_v == pytest.approx(stats.contingency.association(LARGE, method="cramer"))
    np.testing.assert_allclose(found.expected, expected)
    np.testing.assert_allclose(found.residuals, OracleTable(LARGE, shift_zeros=False).standardized_resids)
    cells = multipletests(2 * stats.norm.sf(np.abs(found.residuals)).ravel(), method="holm")[1]
    np.testing.assert_allclose(found.cell_p.ravel(), cells)
    # Bergsma (2013), written out
    n = LARGE.sum()
    phi = statistic / n - 2 * 2 / (n - 1)
    side = 3 - 2**2 / (n - 1)
    assert found.v == pytest.approx(np.sqrt(phi / (side - 1)))
    assert found.v < found.high < 1


def test_permutation_p_is_the_exact_chance():
    table = np.array([[6, 1], [2, 8]])
    tables = [np.array([[k, 7 - k], [8 - k, 2 + k]]) for k in range(8)]
    chances = stats.hypergeom(17, 8, 7).pmf(range(8))
    sizes = np.array([stats.chi2_contingency(each, correction=False)[0] for each in tables])
    exact = chances[sizes >= sizes[6] - 1e-9].sum()
    found = association(table, 9999, 0)
    assert found.permuted
    assert found.p == pytest.approx(exact, abs=0.003)
    assert association(table, 9999, 0).p == found.p


def test_smallest_permutation_p_is_not_zero():
    assert association(np.diag([4] * 8), 999, 0).p == pytest.approx(1 / 1000)


def test_empty_rows_and_columns_change_nothing():
    wide = np.zeros((5, 4), dtype=int)
    wide[np.ix_([0, 2, 4], [0, 1, 3])] = LARGE
    found, plain = association(wide, 99, 0), association(LARGE, 99, 0)
    assert (found.p, found.v, found.high) == (plain.p, plain.v, plain.high)
    assert found.expected[1].tolist() == found.residuals[1].tolist() == [0] * 4
    assert found.cell_p[1].tolist() == [1] * 4


@pytest.mark.parametrize("table", [[[3, 4]], [[3], [4]], [[0, 0], [0, 0]], [[0, 0], [5, 7]]])
def test_nothing_to_compare_is_undefined_not_zero(table):
    found = association(np.array(table), 99, 0)
    assert np.isnan([found.p, found.v, found.high, found.raw_v]).all()
    assert found.cell_p.min() == 1


def test_a_row_per_image_is_undefined():
    assert np.isnan(association(np.eye(6, dtype=int), 99, 0).v)


def independent(rows, columns, n, seeds, permutations=299):
    found = []
    for seed in range(seeds):
        draws = np.random.default_rng(seed)
        codes = draws.integers(rows, size=n), draws.integers(columns, size=n)
        found.append(association(crosstab(*codes, (rows, columns)), permutations, seed))
    return found


def test_v_is_near_zero_without_a_link_where_the_raw_one_is_not():
    found = independent(5, 3, 100, 1000, 99)
    assert np.mean([one.v for one in found]) == pytest.approx(0.055, abs=0.006)
    assert np.mean([one.raw_v for one in found]) == pytest.approx(0.20, abs=0.01)
    assert np.mean([one.p < 0.01 and one.v >= 0.1 for one in found]) <= 0.02


def test_no_false_alarm_with_a_hundred_classes():
    found = independent(100, 6, 1000, 300)
    assert np.mean([one.raw_v for one in found]) == pytest.approx(0.32, abs=0.01)
    assert np.mean([one.p < 0.01 and one.v >= 0.1 for one in found]) <= 0.05
    assert np.mean([one.p < 0.05 for one in found]) <= 0.08


def test_luck_makes_v_no_surer():
    even, uneven = np.array([[20, 20], [20, 20]]), np.array([[22, 18], [18, 22]])
    assert association(even, 99, 0).high == pytest.approx(association(uneven, 99, 0).high, rel=0.1)


def test_upper_end_of_v_holds_the_true_v():
    true = np.array([[0.2, 0.1, 0.05], [0.1, 0.2, 0.35]])
    margins = np.outer(true.sum(axis=1), true.sum(axis=0))
    v = np.sqrt(((true - margins) ** 2 / margins).sum())
    draws = np.random.default_rng(0).multinomial(300, true.ravel(), size=400).reshape(-1, 2, 3)
    below = np.mean([association(table, 99, 0).high < v for table in draws])
    assert below < 0.05


@pytest.mark.parametrize(("sources", "size"), [(30, 10), (100, 10)])
def test_images_of_a_source_do_not_count_as_many(sources, size):
    plain, corrected, effects = 0, 0, []
    for seed in range(150):
        draws = np.random.default_rng(seed)
        source = np.repeat(np.arange(sources), size)
        group, label = draws.integers(3, size=sources)[source], draws.integers(2, size=sources)[source]
        table, effect = crosstab(group, label, (3, 2)), design_effect(group, label, source)
        effects.append(effect)
        found = association(table, 199, 0, effect)
        corrected += found.p < 0.01 and found.v >= 0.1
        plain += association(table, 199, 0).p < 0.01
    assert np.mean(effects) == pytest.approx(size, rel=0.05)
    assert plain / 150 > 0.4
    assert corrected / 150 <= 0.05


def test_design_effect_is_one_without_likeness():
    draws = np.random.default_rng(1)
    rows, columns = draws.integers(4, size=2000), draws.integers(3, size=2000)
    assert design_effect(rows, columns, np.arange(2000)) == pytest.approx(1, abs=0.02)
    assert design_effect(rows, columns, draws.integers(100, size=2000)) == pytest.approx(1, abs=0.25)
    assert design_effect(rows, np.zeros(2000, dtype=int), np.arange(2000)) == 1
    # a link is no likeness
    linked = np.where(draws.random(2000) < 0.7, rows % 3, columns)
    assert design_effect(rows, linked, np.arange(2000) // 100) == pytest.approx(1, abs=0.5)
    # whatever numbers the sources have
    source = draws.integers(50, size=2000)
    assert design_effect(rows, columns, source) == design_effect(rows, columns, 7 * source + 3)


def test_deterministic_many_valued_table():
    source = np.random.default_rng(0).integers(480, size=2000)
    found = association(crosstab(source, source % 10, (480, 10)), 999, 0)
    assert found.raw_v == pytest.approx(1)
    assert found.p == pytest.approx(0.001)


@pytest.mark.parametrize("ties", [False, True])
def test_mann_whitney_agrees_with_scipy(ties):
    draws = np.random.default_rng(3)
    values = draws.integers(6, size=120).astype(float) if ties else draws.normal(size=120)
    codes = draws.integers(3, size=120)
    values[:10] = np.nan
    auc, p = mann_whitney_each(values, codes, 4)
    for code in range(3):
        inside = codes == code
        a, b = values[inside & ~np.isnan(values)], values[~inside & ~np.isnan(values)]
        oracle = stats.mannwhitneyu(a, b, method="asymptotic")
        assert auc[code] == pytest.approx(oracle.statistic / len(a) / len(b))
        assert p[code] == pytest.approx(oracle.pvalue)
        assert mann_whitney(values, inside) == pytest.approx((auc[code], p[code]))
    assert np.isnan([auc[3], p[3]]).all()


def test_mann_whitney_of_equal_values_and_of_nothing():
    assert mann_whitney(np.ones(20), np.arange(20) < 10) == (0.5, 1.0)
    assert np.isnan(mann_whitney(np.array([]), np.array([], dtype=bool))).all()
    assert np.isnan(mann_whitney(np.arange(5.0), np.ones(5, dtype=bool))).all()


@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_adjusted_p_agree_with_statsmodels(ours, theirs):
    p = np.random.default_rng(2).uniform(size=40) ** 3
    np.testing.assert_allclose(ours(p), multipletests(p, method=theirs)[1])
    gaps = np.insert(p, [0, 20], np.nan)
    adjusted = ours(gaps)
    assert np.isnan(adjusted[[0, 21]]).all()
    np.testing.assert_allclose(adjusted[~np.isnan(gaps)], ours(p))
    assert len(ours(np.array([]))) == 0


def test_total_variation():
    assert total_variation(np.array([1, 1]), np.array([3, 1])) == pytest.approx(0.25)
    assert total_variation(np.array([5, 0]), np.array([0, 2])) == 1
    assert np.isnan(total_variation(np.array([0, 0]), np.array([1, 2])))


def test_fisher_midp_is_the_sum_of_chances():
    def chances(k):
        return stats.hypergeom(40, 25, 12).pmf(k)

    below = sum(chances(k) for k in range(5)) + chances(5) / 2
    assert fisher_midp(5, 12, 25, 40) == pytest.approx(2 * min(below, 1 - below))
    # the other outcome says the same
    assert fisher_midp(7, 12, 15, 40) == pytest.approx(fisher_midp(5, 12, 25, 40))
    assert fisher_midp(10, 20, 50, 100) == pytest.approx(1)


def test_balance():
    assert balance(np.array([10, 10, 10])) == pytest.approx((1, 3, 1))
    ratio, effective, evenness = balance(np.array([90, 10]))
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert (ratio, effective, evenness) == pytest.approx((9, np.exp(entropy), entropy / np.log(2)))
    assert balance(np.array([7])) == (1, 1, 1)


def test_goodness_of_fit():
    shares = np.array([0.5, 0.3, 0.2])
    assert goodness_of_fit([60, 25, 15], shares, 99, 0) == pytest.approx(
        stats.chisquare([60, 25, 15], 100 * shares).pvalue
    )
    outcomes = [k for k in product(range(11), repeat=3) if sum(k) == 10]
    chances = np.array([stats.multinomial(10, shares).pmf(k) for k in outcomes])
    sizes = np.array([stats.chisquare(k, 10 * shares).statistic for k in outcomes])
    exact = chances[sizes >= stats.chisquare([2, 3, 5], 10 * shares).statistic - 1e-9].sum()
    assert goodness_of_fit([2, 3, 5], shares, 9999, 0) == pytest.approx(exact, abs=0.01)
    assert goodness_of_fit([5, 5, 1], np.array([0.5, 0.5, 0]), 99, 0) == 0
    assert goodness_of_fit([0, 0], np.array([0.5, 0.5]), 99, 0) == 1


def test_effect_words():
    assert [effect_words(v) for v in (0.05, 0.1, 0.3, 0.5)] == ["negligible", "small", "medium", "large"]


def test_newcombe_of_gender_shades():
    """IBM: errors of darker females, 94 of 271, against the rest, 60 of 999."""
    difference, low, high = newcombe(94, 271, 60, 999, 0.95)
    assert [round(100 * value, 1) for value in (difference, low, high)] == [28.7, 23.0, 34.7]
    assert [round(100 * value, 1) for value in wilson(94, 271, 0.95)] == [29.3, 40.5]
    assert [round(100 * value, 2) for value in wilson(1, 385, 0.95)] == [0.05, 1.46]


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (10, 10, 0, 20), (0, 10, 0, 20), (9, 10, 3, 10)])
def test_newcombe_agrees_with_statsmodels(counts):
    _, low, high = newcombe(*counts, 0.9)
    assert (low, high) == pytest.approx(confint_proportions_2indep(*counts, method="newcomb", alpha=0.1))
    swapped = newcombe(*counts[2:], *counts[:2], 0.9)
    assert (-swapped[2], -swapped[1]) == pytest.approx((low, high))


def test_newcombe_covers():
    draws = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        one, other = int(draws.binomial(30, 0.97)), int(draws.binomial(300, 0.97))
        _, low, high = newcombe(one, 30, other, 300, 0.95)
        inside += low <= 0 <= high
    assert inside / 1000 > 0.94
