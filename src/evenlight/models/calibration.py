"""Scores of any model -> probabilities."""

import numpy as np


def fit_temperature(scores: np.ndarray, codes: np.ndarray) -> float | None:
    """The temperature that makes softmax(scores / temperature) fit best (Guo et al. 2017).

    Targets are smoothed by one imaginary image per class (as in Platt 1999), so that a few images that are all
    right do not make the model certain of everything.

    Args:
        scores: float64 (N, K) of images that training did not see.
        codes: their class codes (N,).

    Returns:
        The temperature, or None where no image or fewer than two classes have scores: any would fit as well.
    """
    from scipy.optimize import minimize_scalar

    seen = np.isfinite(scores).all(axis=0)
    known = seen[codes]
    if not known.any() or seen.sum() < 2:
        return None
    targets = np.eye(len(seen))[codes[known]][:, seen]
    targets = (targets * len(targets) + 1) / (len(targets) + targets.shape[1])

    def loss(log_temperature: float) -> float:
        shares = softmax(scores[known][:, seen] / np.exp(log_temperature))
        return -float((targets * np.log(np.maximum(shares, 1e-12))).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded")
    return round(float(np.exp(found.x)), 4)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows that sum to 1; -inf becomes 0."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
