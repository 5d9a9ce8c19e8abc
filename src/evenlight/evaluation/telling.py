"""Which feature columns tell the classes apart, one by one, and how alike the best of them are.

Ranks stand for values everywhere, so that neither outliers nor units matter.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from evenlight.settings import Settings

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BLOCK = 64  # columns ranked at one time


class FeatureSummary(Settings):
    """What the summary of the feature tables shows."""

    maximum: int = Field(20_000, ge=50, description="training images behind strengths and pictures, a sample")
    shown: int = Field(12, ge=1, le=30, description="most telling columns shown")
    per_family: int = Field(3, ge=1, le=30, description="of these at most so many of one family")
    seed: int = Field(0, ge=0, description="of the sample")


@dataclass
class Health:
    """Counts over a family's columns, added up shard by shard."""

    least: np.ndarray  # float32 (D,), of the numbers seen so far
    most: np.ndarray
    missing: int = 0
    images: int = 0

    @classmethod
    def of(cls, columns: int) -> "Health":
        """Nothing seen yet."""
        return cls(np.full(columns, np.inf, np.float32), np.full(columns, -np.inf, np.float32))

    def add(self, values: np.ndarray) -> None:
        """Look at more images: float32 (N, D)."""
        finite = np.isfinite(values)
        self.missing += int(finite.size - np.count_nonzero(finite))
        self.images += len(values)
        np.minimum(self.least, np.where(finite, values, np.inf).min(axis=0, initial=np.inf), out=self.least)
        np.maximum(self.most, np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf), out=self.most)

    def report(self) -> dict[str, int]:
        """`columns`, `images`, `missing` (values that are no finite number), `constant` (columns of one value)."""
        return {
            "columns": len(self.least),
            "images": self.images,
            "missing": self.missing,
            "constant": int(np.count_nonzero(self.least >= self.most)),
        }


def strengths(values: np.ndarray, codes: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """How well each column tells the classes apart.

    Args:
        values: float (N, D); what is no finite number is left out.
        codes: class codes from 0 (N,).
        classes: number of classes K.

    Returns:
        strength (D,): the share of the variance of ranks that lies between classes (Kruskal and Wallis 1952: their H
        divided by N - 1), as a share of what it is where no value of one class lies among those of another: 0 to 1.
        Chance alone gives about (K - 1) / (N - 1).
        auc (K, D): the chance that an image of a class has a larger value than one of the others, ties counting
        half (Mann and Whitney 1947); NaN for a class without an image or with all of them.
    """
    members = np.zeros((classes, len(codes)))
    members[codes, np.arange(len(codes))] = 1
    found = [
        _block(values[:, start : start + _BLOCK], members) for start in range(0, values.shape[1], _BLOCK)
    ]
    if not found:
        return np.empty(0), np.empty((classes, 0))
    return np.concatenate([strength for strength, _ in found]), np.concatenate(
        [auc for _, auc in found], axis=1
    )


def _block(values: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import rankdata

    known = np.isfinite(values)
    # missing values get no rank
    ranks = rankdata(np.where(known, values, np.nan), axis=0, nan_policy="omit")
    ranks[~known] = 0
    counts, sums = members @ known, members @ ranks
    n = counts.sum(axis=0)
    center = (n + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(counts > 0, sums**2 / counts, 0).sum(axis=0) - n * center**2
        whole = (ranks**2).sum(axis=0) - n * center**2
        most = 1 - (counts**3 - counts).sum(axis=0) / (n**3 - n)  # of it without ties
        auc = (sums / counts - (counts + 1) / 2) / (n - counts)
    # where all values are the same, rounding leaves something near 0
    varies = (whole > 1e-6) & (most > 0)
    strength = np.divide(between, whole * most, out=np.zeros_like(whole), where=varies)
    return np.clip(strength, 0, 1), np.where((counts > 0) & (counts < n), auc, np.nan)


def choose(strength: np.ndarray, families: np.ndarray, most: int, per_family: int) -> list[int]:
    """Places of the most telling columns, strongest first, at most `per_family` of one family; none of strength 0.

    Args:
        strength: (D,).
        families: name of each column's family (D,).
        most: columns wanted.
        per_family: one strong family must not hide the others.
    """
    chosen: list[int] = []
    taken: dict[str, int] = {}
    for place in np.argsort(-strength, kind="stable"):
        family = str(families[place])
        if strength[place] > 0 and len(chosen) < most and taken.get(family, 0) < per_family:
            chosen.append(int(place))
            taken[family] = taken.get(family, 0) + 1
    return chosen


def quantiles_by_class(values: np.ndarray, codes: np.ndarray, classes: int) -> list[dict[str, Any]]:
    """Of each class the count and the quantiles of one column's finite values (N,); None for a class without any."""
    known = np.isfinite(values)
    result = []
    for code in range(classes):
        mine = values[known & (codes == code)].astype(np.float64)
        levels = [round(float(level), 6) for level in np.quantile(mine, QUANTILES)] if len(mine) else None
        result.append({"n": len(mine), "quantiles": levels})
    return result


def rank_correlation(values: np.ndarray) -> np.ndarray:
    """Spearman's correlation of columns (N, M) over the rows without a missing value: float64 (M, M).

    NaN for a column that does not vary there; the diagonal is 1.
    """
    from scipy.stats import rankdata

    whole = values[np.isfinite(values).all(axis=1)]
    ranks = rankdata(whole, axis=0) - (len(whole) + 1) / 2
    lengths = np.sqrt((ranks**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = (ranks.T @ ranks) / np.outer(lengths, lengths)
    correlation[:, lengths == 0] = correlation[lengths == 0] = np.nan
    np.fill_diagonal(correlation, 1.0)
    return np.clip(correlation, -1, 1)
