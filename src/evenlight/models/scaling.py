"""Columns of mean 0 and deviation 1."""

import numpy as np
from sklearn.preprocessing import StandardScaler

_FLAT = 1e-6  # a column that varies less in training holds no information


class Standardizer(StandardScaler):
    """`sklearn.preprocessing.StandardScaler` that does not blow up columns that hardly vary.

    scikit-learn leaves exactly constant columns alone; one that varies by 1e-30 would turn an unseen 1 into 1e30, whose
    square is infinite in float32.
    """

    scale_: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "Standardizer":  # noqa: N803
        """Learn means and deviations of the columns of X (N, D)."""
        super().fit(X)
        self.scale_ = np.where(np.sqrt(self.var_) > _FLAT, self.scale_, 1.0)
        return self
