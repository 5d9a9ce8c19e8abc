"""An approximate RBF kernel whose reach is that of the exact one."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.kernel_approximation import Nystroem


class RbfNystroem(TransformerMixin, BaseEstimator):
    """`sklearn.kernel_approximation.Nystroem` that knows `SVC`'s gamma "scale": 1 / (columns * their variance).

    On standardised columns that is one by the number of columns that vary, known only once the table is there.

    Args:
        gamma: "scale" or a number.
        components: rows that the kernel is made of.
        seed: of their draw.
    """

    def __init__(self, gamma: Any = "scale", components: int = 100, seed: int = 0) -> None:
        self.gamma = gamma
        self.components = components
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "RbfNystroem":  # noqa: N803
        """Draw the rows of X (N, D) that the kernel is made of; all of them where there are fewer."""
        gamma = self.gamma
        if gamma == "scale":
            variance = float(X.var(dtype=np.float64))
            gamma = 1 / (X.shape[1] * variance) if variance else 1.0
        parts = min(self.components, len(X))
        self.kernel_ = Nystroem(gamma=gamma, n_components=parts, random_state=self.seed).fit(X)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Columns whose products are about the kernel's values: (N, components)."""
        return self.kernel_.transform(X)
