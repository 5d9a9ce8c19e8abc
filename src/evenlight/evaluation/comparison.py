"""Which models differ on the same test images, and which differ by luck only.

All models are asked about the same images, so two of them are compared by the images that one has right and the
other wrong (McNemar 1947; Dietterich 1998). Images of one camera or one burst are right and wrong together, so
they are counted by units: all of a camera is one unit, or every image is one of its own. Every model is compared
with the one chosen on validation images: it is known before the test images are looked at, while whichever is first
among them owes part of that to luck. Pure functions.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenlight.audit.statistics import holm
from evenlight.evaluation.intervals import Estimate

SEED = "seed"  # the key of a sweep that stands for luck and not for a choice
_BASELINES = ("knn", "majority", "metadata", "threshold")
FLOORS = ("majority", "metadata")  # a model that is no better has learned nothing from the pixels
_FEWEST_DEGREES = 0.5  # where one unit holds nearly all images, there is less than one degree of freedom
_UNDEFINED: Estimate = {"value": None, "low": None, "high": None, "n": 0}


@dataclass(frozen=True)
class Pair:
    """Two models on the same images.

    Attributes:
        only_first, only_second: images that only this one has right.
        p: of equal accuracy, two-sided, not adjusted for the number of pairs; NaN where it can't be told. Below
            1 - confidence exactly where the interval leaves out 0.
        difference: accuracy of the first - that of the second, with its interval; `n` is the number of images.
    """

    only_first: int
    only_second: int
    p: float
    difference: Estimate


def compare_pair(first: np.ndarray, second: np.ndarray, units: np.ndarray, confidence: float) -> Pair:
    """Compare two models on the same images.

    McNemar's test in Wald's form, and the interval that belongs to it, with one imaginary image for each model to
    have right alone (Bonett and Price 2012; Fagerland, Lydersen and Laake 2014): models that never disagree are not
    called equal for certain, and a handful of images does not tell two models apart.

    Images of one unit count for less: all counts are divided by the design effect, the variance between units by
    what it were if every image stood for itself (Eliasziw and Donner 1991, for McNemar's test), and Student's t with
    one degree of freedom less than there are effective units pays for estimating it from few. A unit that is much
    larger than the others decides nearly alone, so counting it as one of many would be too sure (Carter, Schnepel
    and Steigerwald 2017).

    Args:
        first, second: whether each image is right, bool (N,).
        units: code from 0 of each image's unit (N,); images of different units are independent.
        confidence: of the interval, such as 0.95.

    Returns:
        p and ends are undefined (NaN, None) without images, and where all of them are one unit.
    """
    from scipy.special import stdtr, stdtrit

    signs = first.astype(np.int64) - second.astype(np.int64)
    only_first, only_second = int((signs > 0).sum()), int((signs < 0).sum())
    sizes = np.bincount(units)
    n, k = len(signs), int((sizes > 0).sum())
    value = float(signs.mean()) if n else None
    if value is None or k < 2:
        return Pair(only_first, only_second, math.nan, {"value": value, "low": None, "high": None, "n": n})
    effect = _design_effect(signs, sizes, np.bincount(units, weights=signs))
    share_1, share_2 = ((only / effect + 1) / (n / effect + 2) for only in (only_first, only_second))
    middle = share_1 - share_2
    error = math.sqrt((share_1 + share_2 - middle**2) / (n / effect + 2))
    # of Student's t; infinitely many make it the normal law
    degrees = math.inf if k == n else max(effective_units(units) - 1, _FEWEST_DEGREES)
    half = float(stdtrit(degrees, (1 + confidence) / 2)) * error
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Pair(
        only_first,
        only_second,
        2 * float(stdtr(degrees, -abs(middle) / error)),
        {"value": value, "low": min(low, value), "high": max(high, value), "n": n},
    )


def effective_units(units: np.ndarray) -> float:
    """How many units of equal size are worth as much as these: n^2 / sum of squared sizes (Kish 1965); 0 of none.

    Args:
        units: code from 0 of each image's unit (N,).
    """
    sizes = np.bincount(units).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(units) else 0.0


def _design_effect(signs: np.ndarray, sizes: np.ndarray, sums: np.ndarray) -> float:
    """How many images count as one: the variance of their sum between units, by that of single images.

    At least 1, as of images that have nothing in common, and at most what it is where all images of a unit are alike.
    1 where nothing differs, because then nothing says how alike they are.

    Args:
        signs: first right - second right of each image, (N,).
        sizes, sums: images and sum of signs of each unit, (K,); units without images do not count.
    """
    n, k, mean = len(signs), int((sizes > 0).sum()), signs.mean()
    between = float(((sums - sizes * mean) ** 2).sum()) * k / (k - 1)
    within = float(((signs - mean) ** 2).sum()) * n / (n - 1)
    most = float((sizes.astype(np.float64) ** 2).sum()) / n
    return min(max(1.0, between / within), most) if within > 0 else 1.0


def compare_models(
    right: Mapping[str, np.ndarray],
    kinds: Mapping[str, str],
    units: np.ndarray,
    confidence: float,
    chosen: str,
) -> dict[str, Any]:
    """All models on the same test images, each against the chosen one.

    `p` is Holm-adjusted over the comparisons with the chosen model: the chance of calling any equal model better or
    worse stays 1 - confidence. `p_alone` is not adjusted; where only that is small, the reading begins with "perhaps".
    Ranks are those of groups: what is better than the chosen model, what nothing sets apart from it, what is worse.

    A model is no better than a baseline where the one-sided p of the two, not adjusted, is not below 1 - confidence:
    this is asked of one model at a time, as a warning that should rather come too often.

    Args:
        right: model -> whether each test image is right, bool (N,), the same images for all.
        kinds: model -> its kind.
        units: code from 0 of each image's unit (N,).
        confidence: of the intervals; 1 - confidence is the level of the tests.
        chosen: the model that the others are compared with; it must not be chosen on these images.

    Returns:
        `n`, `units`, `effective_units`, `alpha`, `chosen`, `models` (most test images right first, then by
        name) and `pairs` (p-values Holm-adjusted over all pairs, in that order). Readings: "reference" (the chosen
        one), "better", "perhaps better", "tied", "perhaps worse", "worse". Without test images every number about
        them is None.
    """
    n, alpha = len(units), round(1 - confidence, 12)
    names = sorted(right, key=lambda name: (-int(right[name].sum()), name))
    against = {name: compare_pair(right[name], right[chosen], units, confidence) for name in names}
    alone = {name: np.nan if name == chosen else pair.p for name, pair in against.items()}
    adjusted = dict(zip(names, holm(np.array([alone[name] for name in names])), strict=True))
    readings = {
        name: "reference" if name == chosen else _reading(pair, adjusted[name], alpha)
        for name, pair in against.items()
    }
    p = _all_pairs(right, names, units, confidence)
    return {
        "n": n,
        "units": len(np.unique(units)),
        "effective_units": effective_units(units),
        "alpha": alpha,
        "chosen": chosen,
        "models": [
            {
                "model": name,
                "kind": kinds[name],
                "baseline": kinds[name] in _BASELINES,
                "accuracy": float(right[name].mean()) if n else None,
                "rank": _rank(name, readings) if n else None,
                "reading": readings[name] if n else None,
                "difference": dict(_UNDEFINED) if name == chosen else pair.difference,
                "p": _number(adjusted[name]),
                "p_alone": _number(alone[name]),
                "only_chosen": pair.only_second,
                "only_this": pair.only_first,
                "no_better_than": [
                    floor
                    for other, floor in enumerate(names)
                    if n
                    and kinds[floor] in FLOORS
                    and kinds[name] not in _BASELINES
                    and not (p[place, other] / 2 < alpha and place < other)
                ],
            }
            for place, (name, pair) in enumerate(against.items())
        ],
        "pairs": [[_number(value) for value in row] for row in _adjusted(p)],
    }


def _reading(pair: Pair, adjusted: float, alpha: float) -> str | None:
    """What a comparison with the chosen model says; None where it says nothing."""
    if math.isnan(pair.p):
        return None
    if pair.p >= alpha:
        return "tied"
    side = "better" if pair.only_first > pair.only_second else "worse"
    return side if adjusted < alpha else f"perhaps {side}"


def _rank(name: str, readings: Mapping[str, str | None]) -> list[int]:
    """First and last rank of the model's group."""
    said = list(readings.values())
    better, worse, count = said.count("better"), said.count("worse"), len(said)
    if readings[name] == "better":
        return [1, better]
    if readings[name] == "worse":
        return [count - worse + 1, count]
    return [better + 1, count - worse]


def _all_pairs(
    right: Mapping[str, np.ndarray], names: list[str], units: np.ndarray, confidence: float
) -> np.ndarray:
    """p-values of all pairs, not adjusted: symmetric (M, M), NaN on the diagonal."""
    p = np.full((len(names), len(names)), np.nan)
    for i, name in enumerate(names):
        for j in range(i):
            p[i, j] = p[j, i] = compare_pair(right[names[j]], right[name], units, confidence).p
    return p


def _adjusted(p: np.ndarray) -> np.ndarray:
    """Holm-adjusted over all pairs, symmetric (M, M) as `p`."""
    adjusted, upper = np.full(p.shape, np.nan), np.triu_indices(len(p), 1)
    adjusted[upper] = adjusted[upper[::-1]] = holm(p[upper])
    return adjusted


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
