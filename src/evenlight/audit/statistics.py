"""Tests and effect sizes of the audit (design: audit.md 2, 3.3, 3.5, 4.2).

Pure functions on arrays. An undefined number is NaN, never 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_SMALL_EXPECTED = 5  # below this chi2's own distribution does not hold (Cochran 1954)
_TAIL = 0.025  # of the upper end of V's interval
_CHUNK = 2**21  # cells of permuted tables in memory at one time


@dataclass(frozen=True)
class Association:
    """How two categorical variables hang together; arrays have the table's shape (R, C).

    Attributes:
        p: of independence; NaN where the table has less than two filled rows or columns.
        v: bias-corrected Cramer's V (Bergsma 2013), 0 to 1; NaN as for p.
        high: upper end of its interval, 97.5 % sure (noncentral chi2).
        raw_v: Cramer's V, which is well above 0 by luck alone in small tables.
        expected: counts under independence.
        residuals: adjusted residuals, (O - E) / sqrt(E (1 - row share) (1 - column share)): standard normal
            under independence; 0 where undefined.
        cell_p: two-sided p of each residual, Holm-adjusted over all filled rows x columns; 1 elsewhere.
        permuted: whether p comes from permutations, because an expected count is below 5.
    """

    p: float
    v: float
    high: float
    raw_v: float
    expected: np.ndarray
    residuals: np.ndarray
    cell_p: np.ndarray
    permuted: bool


def association(table: np.ndarray, permutations: int, seed: int, design_effect: float = 1.0) -> Association:
    """Test independence of the rows and columns of a table of counts.

    Args:
        table: non-negative integers (R, C); empty rows and columns do not count.
        permutations: tables with the same margins drawn where chi2's formula would not hold.
        seed: of those.
        design_effect: how many images count as one, from `design_effect`, when they come from sources.
    """
    from scipy.stats import chi2, norm

    counts = np.asarray(table, dtype=np.int64)
    filled = np.ix_(counts.sum(axis=1) > 0, counts.sum(axis=0) > 0)
    inner = counts[filled]
    expected, residuals, cell_p = np.zeros(counts.shape), np.zeros(counts.shape), np.ones(counts.shape)
    n, (rows, columns) = int(inner.sum()), inner.shape
    if n:
        expected[filled] = np.outer(inner.sum(axis=1), inner.sum(axis=0)) / n
    if min(rows, columns) < 2:
        return Association(np.nan, np.nan, np.nan, np.nan, expected, residuals, cell_p, permuted=False)
    inner_expected = expected[filled]
    deviance = inner - inner_expected
    statistic = float((deviance**2 / inner_expected).sum()) / design_effect
    shares = (1 - inner.sum(axis=1) / n)[:, None] * (1 - inner.sum(axis=0) / n)
    residuals[filled] = deviance / np.sqrt(inner_expected * shares * design_effect)
    cell_p[filled] = holm(2 * norm.sf(np.abs(residuals[filled])).ravel()).reshape(inner.shape)
    permuted = bool(inner_expected.min() < _SMALL_EXPECTED)
    degrees = (rows - 1) * (columns - 1)
    p = _permuted_p(inner, statistic, permutations, seed) if permuted else float(chi2.sf(statistic, degrees))
    effective = n / design_effect
    v, high = _corrected_v(statistic, effective, rows, columns)
    raw_v = float(np.sqrt(min(1.0, statistic / effective / min(rows - 1, columns - 1))))
    return Association(p, v, high, raw_v, expected, residuals, cell_p, permuted)


def design_effect(rows: np.ndarray, columns: np.ndarray, sources: np.ndarray) -> float:
    """How many images count as one because images of a source are alike (Rao and Scott 1981, first order).

    The mean, over the cells of rows x columns, of a count's variance between sources by its variance if every image
    stood for itself. 1 where sources do not matter; the size of the sources where row and column are the same in all
    their images.

    Args:
        rows, columns: codes from 0 of each image, (N,).
        sources: code from 0 of its source, (N,).

    Returns:
        At least 1.
    """
    n, n_sources = len(rows), len(np.unique(sources))
    degrees = (len(np.unique(rows)) - 1) * (len(np.unique(columns)) - 1)
    if degrees < 1 or n_sources < 2:
        return 1.0
    filled, by_row = np.unique(rows, return_inverse=True)
    by_source = np.unique(sources, return_inverse=True)[1]
    row_share = np.bincount(by_row) / n
    sizes = np.bincount(by_source)[:, None]
    row_counts = crosstab(by_source, by_row, (n_sources, len(filled)))
    total = 0.0
    for column in np.unique(columns):
        inside = columns == column
        share = inside.mean()
        in_column = np.bincount(by_source[inside], minlength=n_sources)[:, None]
        counts = crosstab(by_source[inside], by_row[inside], (n_sources, len(filled)))
        # what each source adds to observed - expected, beyond what all sources add in proportion to their size
        added = counts - share * row_counts - row_share * in_column + sizes * row_share * share
        added -= sizes * (added.sum(axis=0) / n)
        total += float(((added**2).sum(axis=0) / (n * row_share * share)).sum())
    return max(1.0, total / degrees * n_sources / (n_sources - 1))


def _corrected_v(statistic: float, n: float, rows: int, columns: int) -> tuple[float, float]:
    """Bergsma's bias-corrected V and the upper end of its interval; NaN where every image has a row of its own."""
    from scipy.optimize import brentq
    from scipy.stats import ncx2

    degrees = (rows - 1) * (columns - 1)
    phi = max(0.0, statistic / n - degrees / max(n - 1, 1))
    least = min(rows - (rows - 1) ** 2 / max(n - 1, 1), columns - (columns - 1) ** 2 / max(n - 1, 1)) - 1
    if least <= 1e-12:
        return float("nan"), float("nan")
    # the largest noncentrality under which chi2 would still be this small (Steiger and Fouladi 1997); a chi2 that is
    # smaller than it is on average is luck and makes nothing surer
    seen = max(statistic, degrees)
    bound = brentq(lambda away: ncx2.cdf(seen, degrees, away) - _TAIL, 1e-9, 4 * seen + 40)
    v = min(1.0, float(np.sqrt(phi / least)))
    return v, max(v, min(1.0, float(np.sqrt(bound / n / least))))


def _permuted_p(counts: np.ndarray, statistic: float, permutations: int, seed: int) -> float:
    """Share of tables with these margins whose chi2 is at least as large; the table itself counts as one."""
    from scipy.stats import random_table

    by_row, by_column = counts.sum(axis=1), counts.sum(axis=0)
    tables = random_table(by_row, by_column)
    n, weights = counts.sum(), 1 / np.outer(by_row, by_column)
    bound = (statistic / n + 1) * (1 - 1e-9)  # chi2 = n (sum O^2 / (row column) - 1)
    rng = np.random.default_rng(seed)
    chunk, left, as_large = max(1, _CHUNK // counts.size), permutations, 0
    while left:
        drawn = tables.rvs(min(chunk, left), random_state=rng)
        as_large += int((np.einsum("brc,brc,rc->b", drawn, drawn, weights) >= bound).sum())
        left -= len(drawn)
    return (1 + as_large) / (1 + permutations)


def crosstab(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Counts of pairs of codes: int64 `shape`. Codes are integers from 0, (N,) each."""
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def mann_whitney(values: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Do the values inside differ from the rest? (Mann and Whitney 1947, corrected for ties.)

    Args:
        values: numbers (N,); NaN are left out.
        inside: bool (N,).

    Returns:
        AUC, the chance that a value inside is above one of the rest (0.5: no difference), and the two-sided p of
        the normal approximation (right from about 8 values a side); both NaN where a side is empty.
    """
    auc, p = mann_whitney_each(values, np.asarray(inside, dtype=bool).astype(np.int64), 2)
    return float(auc[1]), float(p[1])


def mann_whitney_each(values: np.ndarray, codes: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """`mann_whitney` of each of several groups against the rest, at the price of one sort.

    Args:
        values: numbers (N,); NaN are left out.
        codes: group of each value, integers from 0 (N,).
        groups: number of groups.

    Returns:
        AUC and p, float64 (groups,).
    """
    from scipy.stats import norm, rankdata

    values = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(values)
    values, codes = values[kept], np.asarray(codes)[kept]
    n = len(values)
    if n < 2:
        return np.full(groups, np.nan), np.full(groups, np.nan)
    ranks = rankdata(values)
    inside = np.bincount(codes, minlength=groups).astype(np.float64)
    u = np.bincount(codes, weights=ranks, minlength=groups) - inside * (inside + 1) / 2
    pairs = inside * (n - inside)
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    spread = np.sqrt(pairs / 12 * (n + 1 - (ties**3 - ties).sum() / (n * (n - 1))))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.maximum(0, np.abs(u - pairs / 2) - 0.5) / spread
        auc = u / pairs
        p = np.where(pairs == 0, np.nan, np.where(spread > 0, np.minimum(1, 2 * norm.sf(z)), 1.0))
    return auc, p


def holm(p: np.ndarray) -> np.ndarray:
    """Holm-adjusted p-values (N,): any below alpha is a false alarm in at most alpha of audits (Holm 1979).

    NaN stay NaN and do not count as a comparison.
    """
    return _stepwise(p, lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1)))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (N,): of those below q a share of at most q is false (Benjamini and Hochberg 1995).

    NaN stay NaN and do not count as a comparison.
    """

    def adjust(ordered: np.ndarray) -> np.ndarray:
        scaled = ordered * len(ordered) / np.arange(1, len(ordered) + 1)
        return np.minimum.accumulate(scaled[::-1])[::-1]

    return _stepwise(p, adjust)


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Half the summed difference of two distributions, given as counts or shares: the share that would have to move.

    NaN where one of them is empty.
    """
    first, second = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if first.sum() <= 0 or second.sum() <= 0:
        return float("nan")
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def fisher_midp(k: int, n: int, right: int, total: int) -> float:
    """Two-sided mid-p of Fisher's test: do k of n differ from the others?

    Args:
        k: successes in the group.
        n: size of the group.
        right: successes in all, the group's included.
        total: size of all.
    """
    from scipy.stats import hypergeom

    chances = hypergeom(total, right, n)
    below = float(chances.cdf(k - 1) + chances.pmf(k) / 2)
    return min(1.0, 2 * min(below, 1 - below))


def effect_words(v: float) -> str:
    """Cramer's V in words: negligible, small, medium or large (Cohen 1988)."""
    return "negligible" if v < 0.1 else "small" if v < 0.3 else "medium" if v < 0.5 else "large"


def balance(sizes: np.ndarray) -> tuple[float, float, float]:
    """How even some positive counts are.

    Returns:
        Largest / smallest; effective number exp(H); evenness H / ln K, which is 1 for a single count.
    """
    shares = np.asarray(sizes, dtype=np.float64) / np.sum(sizes)
    entropy = float(-(shares * np.log(shares)).sum())
    evenness = entropy / np.log(len(shares)) if len(shares) > 1 else 1.0
    return float(shares.max() / shares.min()), float(np.exp(entropy)), float(evenness)


def goodness_of_fit(observed: np.ndarray, shares: np.ndarray, permutations: int, seed: int) -> float:
    """p of counts (K,) coming from a population with these shares (K,), which add up to 1.

    chi2; from drawn samples where an expected count is below 5. 0 where something is seen that has a share of 0,
    1 where there is nothing to compare.
    """
    from scipy.stats import chi2

    observed, shares = np.asarray(observed, dtype=np.int64), np.asarray(shares, dtype=np.float64)
    possible = shares > 1e-9
    if observed[~possible].any():
        return 0.0
    observed, shares = observed[possible], shares[possible] / shares[possible].sum()
    n = int(observed.sum())
    if n == 0 or len(observed) < 2:
        return 1.0
    expected = n * shares
    statistic = float(((observed - expected) ** 2 / expected).sum())
    if expected.min() >= _SMALL_EXPECTED:
        return float(chi2.sf(statistic, len(observed) - 1))
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=permutations)
    as_large = (((drawn - expected) ** 2 / expected).sum(axis=1) >= statistic * (1 - 1e-9)).sum()
    return float((1 + as_large) / (1 + permutations))


def _stepwise(p: np.ndarray, adjust: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = np.asarray(p, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    places = np.flatnonzero(~np.isnan(values))
    order = places[np.argsort(values[places], kind="stable")]
    result[order] = np.minimum(1, adjust(values[order]))
    return result
