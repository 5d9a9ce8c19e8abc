"""The simplest model: one column, one cut."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class ThresholdRule(ClassifierMixin, BaseEstimator):
    """Above the cut one answer, below it another: each side says its most frequent training class.

    The cut is the midpoint between neighbouring training values that gets most training rows right; among equally
    good cuts it is the one nearest to their mean. With more than two classes the rule still has two answers.

    Attributes:
        threshold_: the cut, in the column's unit; a value equal to it lies below.
        classes_: class codes seen in training.
        below_, above_: share of each class among the training rows of that side (Laplace-smoothed), float64 (K,).
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ThresholdRule":  # noqa: N803
        """Choose the cut from one column X (N, 1) and class codes y (N,)."""
        values = np.asarray(X, dtype=np.float64)[:, 0]
        self.classes_, codes = np.unique(y, return_inverse=True)
        order = np.argsort(values, kind="stable")
        values, codes = values[order], codes[order]
        below = np.cumsum(np.eye(len(self.classes_), dtype=np.int64)[codes], axis=0)
        total = below[-1]
        right = below.max(axis=1) + (total - below).max(axis=1)
        # a cut lies between two different values; the last "cut" has every row below it
        possible = np.append(values[1:] > values[:-1], True)
        best = np.flatnonzero(possible & (right == right[possible].max()))
        cuts = np.append((values[1:] + values[:-1]) / 2, values[-1])[best]
        chosen = int(np.argmin(np.abs(cuts - cuts.mean())))
        self.threshold_ = float(cuts[chosen])
        self.below_ = _shares(below[best[chosen]])
        above = total - below[best[chosen]]
        # a rule without a training row above its cut has one answer
        self.above_ = _shares(above) if above.any() else self.below_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Class shares of the side that each row lies on: float64 (N, K)."""
        is_above = np.asarray(X, dtype=np.float64)[:, :1] > self.threshold_
        return np.where(is_above, self.above_, self.below_)

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Most frequent class of the side that each row lies on."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _shares(counts: np.ndarray) -> np.ndarray:
    return (counts + 1) / (counts.sum() + len(counts))
