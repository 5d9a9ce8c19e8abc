"""Columns of mean 0 and deviation 1."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from evenlight.columns import FLAT


class Standardizer(StandardScaler):
    """`sklearn.preprocessing.StandardScaler` that does not blow up columns that hardly vary.

    scikit-learn leaves exactly constant columns alone; one that varies by 1e-30 would turn an unseen 1 into 1e30, whose
    square is infinite in float32.
    """

    scale_: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "Standardizer":  # noqa: N803
        """Learn means and deviations of the columns of X (N, D)."""
        super().fit(X)
        self.scale_ = np.where(np.sqrt(self.var_) > FLAT, self.scale_, 1.0)
        return self
