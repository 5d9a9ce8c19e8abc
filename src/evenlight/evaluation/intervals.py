"""Intervals for numbers that estimate something."""

from typing import Any

import numpy as np
from scipy.stats import norm

Estimate = dict[str, Any]


def wilson(right: int, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval for a proportion (Wilson 1927): close to nominal coverage down to ten trials.

    Args:
        right: successes, 0 to n.
        n: trials, at least 1.
        confidence: such as 0.95.
    """
    z = float(norm.ppf((1 + confidence) / 2))
    share = right / n
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # at the ends the formula gives 0 and 1 only up to rounding
    low = 0.0 if right == 0 else max(0.0, center - half)
    high = 1.0 if right == n else min(1.0, center + half)
    return float(low), float(high)


def proportion(right: int, n: int, confidence: float) -> Estimate:
    """`{"value", "low", "high", "n"}` of a proportion; undefined (None) without trials."""
    if n == 0:
        return {"value": None, "low": None, "high": None, "n": 0}
    low, high = wilson(right, n, confidence)
    return {"value": right / n, "low": low, "high": high, "n": n}


def bootstrapped(value: float, resampled: np.ndarray, n: int, confidence: float) -> Estimate:
    """Percentile interval from resampled values (NaN where a resample leaves the number undefined)."""
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or len(defined) == 0:
        return {"value": None, "low": None, "high": None, "n": n}
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return {"value": float(value), "low": float(min(low, value)), "high": float(max(high, value)), "n": n}
