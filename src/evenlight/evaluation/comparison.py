"""Which models differ on the same test images, and which differ by luck only.

All models are asked about the same images, so two of them are compared by the images that one has right and the
other wrong (McNemar 1947; Dietterich 1998). Images of one camera or one burst are right and wrong together, so
they are counted by units: all of a camera is one unit, or every image is one of its own. Pure functions.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenlight.audit.statistics import holm
from evenlight.evaluation.intervals import Estimate

SEED = "seed"  # the key of a sweep that stands for luck and not for a choice
_BASELINES = ("knn", "majority", "metadata", "threshold")
_FLOORS = ("majority", "metadata")  # a model that is no better has learned nothing from the pixels
_UNDEFINED: Estimate = {"value": None, "low": None, "high": None, "n": 0}


@dataclass(frozen=True)
class Pair:
    """Two models on the same images.

    Attributes:
        only_first, only_second: images that only this one has right.
        p: of equal accuracy, not adjusted for the number of pairs; NaN where it can't be told.
        difference: accuracy of the first - that of the second, with its interval; `n` is the number of images.
    """

    only_first: int
    only_second: int
    p: float
    difference: Estimate


def mcnemar_midp(only_first: int, only_second: int) -> float:
    """Mid-p of McNemar's test, twice the smaller one-sided one; images must be independent.

    It kept its level in all 9,595 settings of Fagerland, Lydersen and Laake (2013), where the exact test was far
    too careful and the one with a continuity correction no better.

    Args:
        only_first, only_second: images that only this model has right.

    Returns:
        0 to 1; 1 where the models never disagree.
    """
    from scipy.stats import binom

    disagreements, fewer = only_first + only_second, min(only_first, only_second)
    if disagreements == 0:
        return 1.0
    below = binom.cdf(fewer, disagreements, 0.5) - binom.pmf(fewer, disagreements, 0.5) / 2
    return min(1.0, 2 * float(below))


def compare_pair(first: np.ndarray, second: np.ndarray, units: np.ndarray, confidence: float) -> Pair:
    """Compare two models on the same images.

    The interval is Wald's with one imaginary image for each model to have right alone (Bonett and Price 2012;
    Fagerland, Lydersen and Laake 2014), so that models that never disagree are not called equal for certain. Where
    every image is a unit of its own, p is McNemar's mid-p.

    Images of one unit count for less: all counts are divided by the design effect, the variance between units by
    what it were if every image stood for itself (Eliasziw and Donner 1991, for McNemar's test), and Student's t with
    one degree of freedom less than there are units pays for estimating it from few. Interval and p then say the same.

    Args:
        first, second: whether each image is right, bool (N,).
        units: code from 0 of each image's unit (N,); images of different units are independent.
        confidence: of the interval, such as 0.95.

    Returns:
        p and ends are undefined (NaN, None) without images, and where all of them are one unit.
    """
    from scipy.stats import norm, t

    signs = first.astype(np.int64) - second.astype(np.int64)
    only_first, only_second = int((signs > 0).sum()), int((signs < 0).sum())
    n, k = len(signs), len(np.unique(units))
    value = float(signs.mean()) if n else None
    if value is None or k < 2:
        return Pair(only_first, only_second, math.nan, {"value": value, "low": None, "high": None, "n": n})
    effect = _design_effect(signs, units)
    share_1, share_2 = ((only / effect + 1) / (n / effect + 2) for only in (only_first, only_second))
    middle = share_1 - share_2
    error = math.sqrt((share_1 + share_2 - middle**2) / (n / effect + 2))
    law = norm() if k == n else t(k - 1)
    half = float(law.ppf((1 + confidence) / 2)) * error
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Pair(
        only_first,
        only_second,
        mcnemar_midp(only_first, only_second) if k == n else 2 * float(law.sf(abs(middle) / error)),
        {"value": value, "low": min(low, value), "high": max(high, value), "n": n},
    )


def _design_effect(signs: np.ndarray, units: np.ndarray) -> float:
    """How many images count as one, at least 1: the variance of their sum between units, by that of single images."""
    sizes = np.bincount(units)
    sizes, sums = sizes[sizes > 0], np.bincount(units, weights=signs)[sizes > 0]
    n, k, mean = len(signs), len(sizes), signs.mean()
    between = float(((sums - sizes * mean) ** 2).sum()) * k / (k - 1)
    within = float(((signs - mean) ** 2).sum()) * n / (n - 1)
    # without any difference the data do not say how alike images of one unit are, so they count as one
    return max(1.0, between / within) if within > 0 else n / k


def rank_ranges(accuracies: Sequence[float], p: np.ndarray, alpha: float) -> list[tuple[int, int]]:
    """The ranks that each model may have, best first: models that nothing sets apart share them.

    A model can't come before those that are shown to be better, nor after those that are shown to be worse
    (Mogstad, Romano, Shaikh and Wilhelm 2024): with p adjusted over all pairs, all ranges hold at once with
    chance 1 - alpha.

    Args:
        accuracies: of the M models.
        p: adjusted p-values of all pairs, symmetric (M, M); the diagonal does not count.
        alpha: such as 0.05.
    """
    values = np.asarray(accuracies, dtype=np.float64)
    apart = p < alpha
    np.fill_diagonal(apart, False)
    better = (apart & (values[None, :] > values[:, None])).sum(axis=1)
    worse = (apart & (values[None, :] < values[:, None])).sum(axis=1)
    return [(1 + int(up), len(values) - int(down)) for up, down in zip(better, worse, strict=True)]


def compare_models(
    right: Mapping[str, np.ndarray], kinds: Mapping[str, str], units: np.ndarray, confidence: float
) -> dict[str, Any]:
    """All models against each other on the same test images.

    p-values are Holm-adjusted over all pairs, not only those with the best: the best is found on these very images,
    and whichever it is, the chance of calling an equal model worse stays 1 - confidence.

    Args:
        right: model -> whether each test image is right, bool (N,), the same images for all.
        kinds: model -> its kind.
        units: code from 0 of each image's unit (N,).
        confidence: of the intervals; 1 - confidence is the level of the tests.

    Returns:
        `n`, `units`, `alpha`, `models` (most test images right first, then by name; each against the first) and
        `pairs` (adjusted p-values in that order). Without test images every number about them is None.
    """
    n, alpha = len(units), round(1 - confidence, 12)
    names = sorted(right, key=lambda name: (-int(right[name].sum()), name))
    pairs = {
        (i, j): compare_pair(right[names[j]], right[names[i]], units, confidence)
        for i in range(len(names))
        for j in range(i + 1, len(names))
    }
    adjusted = np.full((len(names), len(names)), np.nan)
    if pairs and n:
        upper = tuple(np.array(list(pairs)).T)
        adjusted[upper] = adjusted[upper[::-1]] = holm(np.array([pair.p for pair in pairs.values()]))
    accuracies = [float(right[name].mean()) if n else 0.0 for name in names]
    ranks = rank_ranges(accuracies, adjusted, alpha)
    models = []
    for place, name in enumerate(names):
        pair = pairs.get((0, place))
        models.append(
            {
                "model": name,
                "kind": kinds[name],
                "baseline": kinds[name] in _BASELINES,
                "accuracy": accuracies[place] if n else None,
                "rank": list(ranks[place]) if n else None,
                "tied": bool(place and not adjusted[0, place] < alpha) if n else None,
                "difference": pair.difference if pair else dict(_UNDEFINED),
                "p": _number(adjusted[0, place]),
                "only_best": pair.only_second if pair else 0,
                "only_this": pair.only_first if pair else 0,
                "no_better_than": [
                    floor
                    for other, floor in enumerate(names)
                    if n
                    and kinds[floor] in _FLOORS
                    and kinds[name] not in _BASELINES
                    and not (adjusted[place, other] < alpha and place < other)
                ],
            }
        )
    return {
        "n": n,
        "units": len(np.unique(units)),
        "alpha": alpha,
        "models": models,
        "pairs": [[_number(value) for value in row] for row in adjusted],
    }


def sweep_summary(
    members: Mapping[str, Mapping[str, Any]], accuracies: Mapping[str, float | None], confidence: float
) -> dict[str, Any]:
    """Accuracy per setting of a sweep, and how far apart seeds alone put it.

    Args:
        members: model -> the values that the sweep gives it, `{key: value}`; the key `seed` stands for luck.
        accuracies: model -> test accuracy, None where undefined.
        confidence: of `luck`.

    Returns:
        `keys` (all but the seed); `rows`, one per setting: `values` (one per key), `models`, and of their
        accuracies `mean`, `sd` (None for one seed), `low`, `high`; and over all settings `seed_sd`, the pooled
        standard deviation between seeds, `seeds_df`, its degrees of freedom, and `luck`: how far apart two models
        that differ in the seed alone may be (ISO 5725's repeatability limit, with Student's quantile).
    """
    from scipy.stats import t

    keys = sorted({key for values in members.values() for key in values} - {SEED})
    settings: dict[str, list[str]] = {}
    for name in sorted(members):
        chosen = [members[name].get(key) for key in keys]
        settings.setdefault(json.dumps(chosen, sort_keys=True), []).append(name)
    rows, squares, degrees = [], 0.0, 0
    for text, names in settings.items():
        found = np.array([value for name in names if (value := accuracies[name]) is not None])
        several = len(found) > 1
        if several:
            squares += float(((found - found.mean()) ** 2).sum())
            degrees += len(found) - 1
        rows.append(
            {
                "values": json.loads(text),
                "models": names,
                "mean": float(found.mean()) if len(found) else None,
                "sd": float(found.std(ddof=1)) if several else None,
                "low": float(found.min()) if len(found) else None,
                "high": float(found.max()) if len(found) else None,
            }
        )
    rows.sort(key=lambda row: [_order(value) for value in row["values"]])
    sd = math.sqrt(squares / degrees) if degrees else None
    luck = None if sd is None else float(t.ppf((1 + confidence) / 2, degrees)) * math.sqrt(2) * sd
    return {"keys": keys, "rows": rows, "seed_sd": sd, "seeds_df": degrees, "luck": luck}


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then lists by length, then everything by its text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    size = float(value) if is_number else float(len(value)) if isinstance(value, list) else 0.0
    return not is_number, size, json.dumps(value, sort_keys=True)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
