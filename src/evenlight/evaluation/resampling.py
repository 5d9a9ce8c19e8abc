"""Intervals that respect which images belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenlight.evaluation.intervals import Estimate, bootstrapped, wilson

FEWEST_KEYS = 10  # of fewer sources a bootstrap says too little about other sources (Cameron et al. 2008)
_BLOCK = 250  # resamples in memory at one time


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: their confidence, such as 0.95, and the number of resamples."""

    confidence: float
    resamples: int

    @classmethod
    def of(cls, evaluate: Mapping[str, Any]) -> "Bootstrap":
        """From `evaluate` of params.yaml."""
        return cls(evaluate["confidence"], evaluate["bootstrap"])


def mean_estimates(values: np.ndarray, keys: np.ndarray, bootstrap: Bootstrap, seed: int) -> list[Estimate]:
    """Mean of each column with its interval, by resampling whole keys (cluster bootstrap: Field and Welsh 2007).

    Images of one source are alike, so each of them tells less than an image of its own; columns are resampled
    together. With a key per image this is the plain bootstrap.

    Args:
        values: one row per image: right or wrong, or a difference of both (N, M), N >= 1.
        keys: images with equal keys are drawn together (N,).
        bootstrap: how the intervals are made.
        seed: of the resamples.

    Returns:
        One estimate per column, of N images: percentile intervals.
    """
    places = np.unique(keys, return_inverse=True)[1]
    count = int(places.max()) + 1
    sizes = np.bincount(places).astype(np.float64)
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, places, values)
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = []
    for start in range(0, bootstrap.resamples, _BLOCK):
        rows = min(_BLOCK, bootstrap.resamples - start)
        times = generator.multinomial(count, np.full(count, 1 / count), size=rows).astype(np.float64)
        drawn.append((times @ sums) / (times @ sizes)[:, None])
    resampled = np.concatenate(drawn)
    means = values.mean(axis=0, dtype=np.float64)
    return [
        bootstrapped(means[k], resampled[:, k], len(values), bootstrap.confidence) for k in range(len(means))
    ]


def not_certain(accuracy: Estimate, keys: int, confidence: float) -> Estimate:
    """The same accuracy; of 0 or 1 with Wilson's interval of as many trials as there are keys.

    Where all images are right, so are all resamples, but a few sources without an error do not prove that there is
    never one.
    """
    if accuracy["value"] not in (0, 1):
        return accuracy
    low, high = wilson(int(accuracy["value"]) * keys, keys, confidence)
    return {**accuracy, "low": low, "high": high}
