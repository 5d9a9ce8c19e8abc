"""Intervals: published tables, coverage, and undefined numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenlight.evaluation.intervals import (
    bootstrapped,
    f1_estimate,
    mean_of_proportions,
    proportion,
    wilson,
)

UNDEFINED = {"value": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (94, 271, 0.293, 0.405),  # Gender Shades, IBM: errors on darker females
        (1, 385, 0.0005, 0.0146),  # and on lighter males
        (15, 148, 0.0624, 0.1605),  # Newcombe 1998, table I
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_against_published_tables(right, n, low, high):
    assert wilson(right, n, 0.95) == pytest.approx((low, high), abs=0.00051 if n in (271,) else 0.0001)


def test_wilson_against_scipy():
    from scipy.stats import binomtest

    for right, n, confidence in [(0, 1, 0.95), (3, 7, 0.9), (50, 100, 0.99), (160, 160, 0.95)]:
        expected = binomtest(right, n).proportion_ci(confidence, method="wilson")
        assert wilson(right, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.6, 0.999))
def test_wilson_holds_the_share_and_stays_in_0_to_1(counts, confidence):
    right, n = counts
    low, high = wilson(right, n, confidence)
    assert 0 <= low <= right / n <= high <= 1
    assert low < high
    wide = wilson(right, n, 0.9995)
    assert wide[0] <= low
    assert high <= wide[1]


def covered(n: int, p: float) -> float:
    """Exact coverage of Wilson's 95 % interval."""
    from scipy.stats import binom

    inside = [k for k in range(n + 1) if wilson(k, n, 0.95)[0] <= p <= wilson(k, n, 0.95)[1]]
    return float(binom.pmf(inside, n, p).sum())


@pytest.mark.parametrize(
    ("n", "p", "percent"), [(10, 0.9, 93), (20, 0.97, 98), (30, 0.97, 94), (50, 0.99, 91), (100, 0.97, 97)]
)
def test_wilson_covers_what_the_design_says(n, p, percent):
    assert 100 * covered(n, p) == pytest.approx(percent, abs=0.6)


def test_no_trials_is_undefined_and_not_zero():
    assert proportion(0, 0, 0.95) == {**UNDEFINED, "n": 0}
    assert proportion(0, 3, 0.95)["value"] == 0
    assert f1_estimate(0, 0, 0, 0.95) == {**UNDEFINED, "n": 0}
    assert mean_of_proportions([proportion(0, 0, 0.95)], 5) == {**UNDEFINED, "n": 5}
    assert bootstrapped(float("nan"), np.array([1.0]), 2, 0.95) == {**UNDEFINED, "n": 2}
    assert bootstrapped(1.0, np.array([np.nan]), 2, 0.95) == {**UNDEFINED, "n": 2}


def test_f1_is_the_harmonic_mean():
    hits, missed, false = 30, 10, 20
    precision, recall = hits / (hits + false), hits / (hits + missed)
    found = f1_estimate(hits, missed + false, 40, 0.95)
    assert found["value"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert found["low"] < found["value"] < found["high"]
    assert found["n"] == 40


def test_a_few_images_without_error_prove_little():
    assert f1_estimate(5, 0, 5, 0.95)["low"] < 0.75
    assert f1_estimate(0, 5, 5, 0.95)["high"] > 0.5
    perfect = mean_of_proportions([proportion(5, 5, 0.95), proportion(155, 155, 0.95)], 160)
    assert perfect["value"] == perfect["high"] == 1
    assert perfect["low"] < 0.8


def test_mean_of_proportions_of_one_is_that_proportion():
    one = proportion(17, 20, 0.95)
    found = mean_of_proportions([one, proportion(0, 0, 0.95)], 20)
    assert found == pytest.approx(one)


@pytest.mark.parametrize(
    ("sizes", "shares"), [((80, 80), (0.9, 0.95)), ((100, 8), (0.95, 0.8)), ((15, 15), (0.95, 0.95))]
)
def test_mean_of_proportions_covers(sizes, shares):
    draws = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        found = mean_of_proportions(
            [proportion(int(draws.binomial(n, p)), n, 0.95) for n, p in zip(sizes, shares, strict=True)],
            sum(sizes),
        )
        inside += found["low"] <= np.mean(shares) <= found["high"]
    assert inside / 400 > 0.92


def test_percentiles_of_the_bootstrap_hold_the_value():
    resampled = np.append(np.arange(101) / 100, np.nan)
    assert bootstrapped(0.5, resampled, 7, 0.9) == {
        "value": 0.5,
        "low": pytest.approx(0.05),
        "high": pytest.approx(0.95),
        "n": 7,
    }
    assert bootstrapped(0.99, resampled, 7, 0.9)["high"] == 0.99
    assert bootstrapped(0.01, resampled, 7, 0.9)["low"] == 0.01
