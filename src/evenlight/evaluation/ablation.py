"""Which feature families pay: what is lost without one, what one can do alone, what one adds to others.

Everything happens on training images, out of fold: families are chosen here, never by a look at the test images.
The same images are asked with and without a family, so differences are paired.

The classifier is a regularized linear discriminant (Friedman 1989), the same recipe for every set of families. One
covariance per fold serves all sets, because that of a set is a part of it: a fit is one Cholesky factor, where a
logistic regression takes hundreds of passes over the images and is no more accurate.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from evenlight.columns import FLAT
from evenlight.evaluation.intervals import Estimate
from evenlight.evaluation.resampling import FEWEST_KEYS, Bootstrap, mean_estimates, not_certain
from evenlight.runtime import seed_for
from evenlight.settings import Settings
from evenlight.splits import make_folds

PAYS, COSTS, OPEN = "pays", "costs", "not established"
# how far the covariance is drawn towards a multiple of the identity: little for ten columns, far for thousands
_SHRINKAGES = (0.01, 0.1, 0.4, 0.8)


class Ablation(Settings):
    """How the feature families are compared."""

    features: list[str] = Field([], description="families to compare; none: all of `features:`")
    base: list[str] = Field(
        [],
        description="families that others are added to; none: hog, where it is compared, else the best alone",
    )
    folds: int = Field(5, ge=2, le=20, description="of the grouped cross-validation among training images")
    maximum: int = Field(5000, ge=50, description="training images used, a stratified sample of them")
    seed: int = Field(0, ge=0, description="of the sample, the folds and the resamples")


def ablate(
    families: Mapping[str, np.ndarray],
    codes: np.ndarray,
    keys: np.ndarray,
    options: Ablation,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Accuracy of all families, and what each of them is worth.

    Args:
        families: name -> its columns for the same images, float (N, D_f).
        codes: class codes from 0 (N,).
        keys: images that share one stay in one fold and are resampled together (N,).
        options: `features` and `maximum` are the caller's business.
        bootstrap: how intervals are made.

    Returns:
        `n`, `keys`, `columns` and `chance` (the accuracy of the most frequent class of the other folds); `all`, the
        accuracy with every family; `base`, its families and accuracy; `families`: for each, in the given order,
        `alone` (accuracy), `left_out` (accuracy with all minus that without it) and `added` (accuracy of the base
        with it minus that of the base; None for families of the base), each `{"value", "low", "high", "n"}`, and
        `verdict_left_out`, `verdict_added`: does the family pay, cost, or is it not established?
        Without a family, and where all images share one key and none is left to ask about, nothing can be compared:
        every accuracy is undefined (None), and `families` and the base are empty.
    """
    names = list(families)
    key_count, column_count = len(np.unique(keys)), sum(values.shape[1] for values in families.values())
    if not names or key_count < 2:
        return _nothing_to_compare(len(codes), key_count, column_count)
    asked = _OutOfFold(families, codes, make_folds(codes, keys, options.folds, options.seed))
    base = _base(names, options.base, asked)
    everything, chance = asked.right(names), asked.right([])
    left_out = {name: everything - asked.right([other for other in names if other != name]) for name in names}
    added = {name: asked.right([*base, name]) - asked.right(base) for name in names if name not in base}
    # one resampling for all numbers: they are about the same images
    columns = [everything, asked.right(base), chance, *(asked.right([name]) for name in names)]
    columns += [*left_out.values(), *added.values()]
    seed = seed_for(options.seed, "ablation")
    estimates = iter(mean_estimates(np.column_stack(columns), keys, bootstrap, seed))

    def accuracy() -> Estimate:
        return not_certain(next(estimates), key_count, bootstrap.confidence)

    report: dict[str, Any] = {
        "n": len(codes),
        "keys": key_count,
        "columns": column_count,
        "all": accuracy(),
        "base": {"features": base, "accuracy": accuracy()},
        "chance": accuracy(),
    }
    alone = {name: accuracy() for name in names}
    worth = {"left_out": {name: next(estimates) for name in left_out}}
    worth["added"] = {name: next(estimates) for name in added}
    report["families"] = [
        {
            "name": name,
            "columns": families[name].shape[1],
            "alone": alone[name],
            **{part: found.get(name) for part, found in worth.items()},
            **{f"verdict_{part}": verdict(found.get(name), key_count) for part, found in worth.items()},
        }
        for name in names
    ]
    return report


def _nothing_to_compare(n: int, keys: int, columns: int) -> dict[str, Any]:
    unknown: Estimate = {"value": None, "low": None, "high": None, "n": 0}
    return {
        "n": n,
        "keys": keys,
        "columns": columns,
        "all": unknown,
        "base": {"features": [], "accuracy": unknown},
        "chance": unknown,
        "families": [],
    }


def verdict(difference: Estimate | None, keys: int) -> str | None:
    """Does the interval of a gain lie above 0, below it, or is neither established?

    Of fewer than ten sources nothing is established. None stays None.
    """
    if difference is None:
        return None
    low, high = difference["low"], difference["high"]
    if low is None or keys < FEWEST_KEYS:
        return OPEN
    return PAYS if low > 0 else COSTS if high < 0 else OPEN


def _base(names: list[str], wanted: Sequence[str], asked: "_OutOfFold") -> list[str]:
    chosen = [name for name in names if name in wanted]
    if chosen:
        return chosen
    if "hog" in names:
        return ["hog"]
    return [max(names, key=lambda name: asked.right([name]).sum())]


class _Fold(NamedTuple):
    """What one fold's training images say about all columns, and the images to ask about."""

    asked: np.ndarray  # rows of the fold's own images
    values: np.ndarray  # of these, standardised, float32 (n, D)
    known: np.ndarray  # classes seen in training (K,)
    means: np.ndarray  # (K, D)
    log_shares: np.ndarray  # (K,)
    covariance: np.ndarray  # within classes, float32 (D, D): its factors cost half of float64's


class _OutOfFold:
    """Which images a discriminant on some families gets right, each asked by a model that did not see its fold."""

    def __init__(self, families: Mapping[str, np.ndarray], codes: np.ndarray, folds: np.ndarray) -> None:
        widths = [values.shape[1] for values in families.values()]
        ends = np.cumsum(widths)
        self._places = {
            name: np.arange(end - width, end) for name, width, end in zip(families, widths, ends, strict=True)
        }
        self._codes, self._folds = codes, folds
        table = np.concatenate(list(families.values()), axis=1).astype(np.float64)
        self._prepared = {fold: _prepare(table, codes, folds == fold) for fold in np.unique(folds)}
        self._found: dict[tuple[str, ...], np.ndarray] = {}

    def right(self, names: Sequence[str]) -> np.ndarray:
        """1 for images that these families tell right, else 0: int8 (N,). Without a family the most frequent class.

        The shrinkage for a fold is the one with which most images of the other folds were told right.
        """
        chosen = tuple(name for name in self._places if name in names)
        if chosen not in self._found:
            tried = np.empty((len(_SHRINKAGES), len(self._codes)), dtype=np.int8)
            for fold in self._prepared.values():
                tried[:, fold.asked] = self._answers(fold, chosen) == self._codes[fold.asked]
            result = np.empty(len(self._codes), dtype=np.int8)
            for number, fold in self._prepared.items():
                best = tried[:, self._folds != number].sum(axis=1, dtype=np.int64).argmax()
                result[fold.asked] = tried[best, fold.asked]
            self._found[chosen] = result
        return self._found[chosen]

    def _answers(self, fold: _Fold, chosen: tuple[str, ...]) -> np.ndarray:
        """Class said of each image of a fold for every shrinkage: int (S, n)."""
        if not chosen:
            return np.full((len(_SHRINKAGES), len(fold.asked)), fold.known[fold.log_shares.argmax()])
        at = np.concatenate([self._places[name] for name in chosen])
        values, covariance, means = fold.values[:, at], fold.covariance[np.ix_(at, at)], fold.means[:, at]
        answers = []
        for amount in _SHRINKAGES:
            weights, offsets = discriminant(covariance, means, amount)
            answers.append(fold.known[(values @ weights + offsets + fold.log_shares).argmax(axis=1)])
        return np.stack(answers)


def _prepare(table: np.ndarray, codes: np.ndarray, inside: np.ndarray) -> _Fold:
    """Moments of the images outside of a fold, by which its own are standardised, too."""
    mean, deviation = table[~inside].mean(axis=0), table[~inside].std(axis=0)
    deviation[deviation <= FLAT] = np.inf  # a column that says nothing becomes 0
    scaled = (table - mean) / deviation
    train = scaled[~inside]
    known, places, counts = np.unique(codes[~inside], return_inverse=True, return_counts=True)
    means = np.stack([train[places == k].mean(axis=0) for k in range(len(known))])
    train -= means[places]
    return _Fold(
        asked=np.flatnonzero(inside),
        values=scaled[inside].astype(np.float32),
        known=known,
        means=means.astype(np.float32),
        log_shares=np.log(counts / counts.sum()),
        covariance=(train.T @ train / len(train)).astype(np.float32),
    )


def discriminant(covariance: np.ndarray, means: np.ndarray, amount: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and offsets of a linear discriminant whose covariance is shrunk (Friedman 1989, `gamma`).

    Args:
        covariance: within classes (D, D).
        means: of the classes (K, D).
        amount: share of the identity (times the mean variance of what varies) in what replaces the covariance, 0 to 1.

    Returns:
        weights (D, K) and offsets (K,); a class's score is `values @ weights + offsets` + its log share.
    """
    from scipy.linalg import cho_factor, cho_solve

    shrunk = (1 - amount) * covariance
    variances = np.diagonal(covariance)
    level = variances.sum() / max(1, np.count_nonzero(variances))  # flat columns are to change nothing
    shrunk[np.diag_indices_from(shrunk)] += amount * (level or 1.0)
    weights = cho_solve(cho_factor(shrunk, lower=True, overwrite_a=True, check_finite=False), means.T)
    return weights, -0.5 * np.einsum("kd,dk->k", means, weights)
