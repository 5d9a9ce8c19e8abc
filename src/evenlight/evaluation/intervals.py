"""Intervals for numbers that estimate something."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

Estimate = dict[str, Any]


def wilson(right: int, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval for a proportion (Wilson 1927): close to nominal coverage down to ten trials.

    Args:
        right: successes, 0 to n.
        n: trials, at least 1.
        confidence: such as 0.95.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / n
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # at the ends the formula gives 0 and 1 only up to rounding
    low = 0.0 if right == 0 else max(0.0, center - half)
    high = 1.0 if right == n else min(1.0, center + half)
    return float(low), float(high)


def newcombe(right_1: int, n_1: int, right_2: int, n_2: int, confidence: float) -> tuple[float, float, float]:
    """The difference of two independent proportions, first - second, and its interval (Newcombe 1998, method 10).

    Args:
        right_1, right_2: successes.
        n_1, n_2: trials, at least 1.
        confidence: such as 0.95.

    Returns:
        Difference, low, high; -1 to 1.
    """
    first, second = right_1 / n_1, right_2 / n_2
    low_1, high_1 = wilson(right_1, n_1, confidence)
    low_2, high_2 = wilson(right_2, n_2, confidence)
    difference = first - second
    below = float(np.hypot(first - low_1, high_2 - second))
    above = float(np.hypot(high_1 - first, second - low_2))
    return difference, max(-1.0, difference - below), min(1.0, difference + above)


def proportion(right: int, n: int, confidence: float) -> Estimate:
    """`{"value", "low", "high", "n"}` of a proportion; undefined (None) without trials."""
    if n == 0:
        return {"value": None, "low": None, "high": None, "n": 0}
    low, high = wilson(right, n, confidence)
    return {"value": right / n, "low": low, "high": high, "n": n}


def mean_of_proportions(shares: Sequence[Estimate], n: int) -> Estimate:
    """The mean of independent proportions, each with its interval (MOVER: Zou and Donner 2008).

    Unlike the bootstrap it knows that a few images without an error do not prove that there never is one.

    Args:
        shares: what `proportion` gives; undefined ones are left out.
        n: images behind all of them.
    """
    defined = [share for share in shares if share["value"] is not None]
    if not defined:
        return {"value": None, "low": None, "high": None, "n": n}
    value, low, high = (np.array([share[key] for share in defined]) for key in ("value", "low", "high"))
    mean = float(value.mean())
    return {
        "value": mean,
        "low": max(0.0, mean - float(np.sqrt(((value - low) ** 2).sum())) / len(defined)),
        "high": min(1.0, mean + float(np.sqrt(((high - value) ** 2).sum())) / len(defined)),
        "n": n,
    }


def f1_estimate(hits: int, misses: int, n: int, confidence: float) -> Estimate:
    """F1 = 2 s / (1 + s), where s = hits / (hits + misses) is a proportion with Wilson's interval.

    Args:
        hits: images of the class that were recognised.
        misses: images of the class that were not, and images of others taken for it.
        n: images of the class.
        confidence: such as 0.95.
    """
    share = proportion(hits, hits + misses, confidence)
    ends = {
        key: None if share[key] is None else 2 * share[key] / (1 + share[key])
        for key in ("value", "low", "high")
    }
    return {**ends, "n": n}


def bootstrapped(value: float, resampled: np.ndarray, n: int, confidence: float) -> Estimate:
    """Percentile interval from resampled values (NaN where a resample leaves the number undefined)."""
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or len(defined) == 0:
        return {"value": None, "low": None, "high": None, "n": n}
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return {"value": float(value), "low": float(min(low, value)), "high": float(max(high, value)), "n": n}
