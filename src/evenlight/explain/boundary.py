"""Decision regions of a model on two columns (or one), for the picture of its boundary."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_MARGIN = 0.06  # beyond the outermost points, as a share of their span

# class probabilities (P, K) of rows (P, columns)
Probabilities = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Regions:
    """What a model says on a grid.

    `axes` holds the rising values of each column, float64 (M,) each. `probabilities` is float64, (M, M, K) with rows
    for the second column on two columns, (M, K) on one.
    """

    axes: tuple[np.ndarray, ...]
    probabilities: np.ndarray

    @property
    def winners(self) -> np.ndarray:
        """Most probable class at each point: int (M, M) or (M,)."""
        return self.probabilities.argmax(axis=-1)

    @property
    def leads(self) -> np.ndarray:
        """Of each class its probability minus the best of the others: 0 on its boundary; like `probabilities`."""
        ordered = np.sort(self.probabilities, axis=-1)
        best, second = ordered[..., -1:], ordered[..., -2:-1]
        return self.probabilities - np.where(self.probabilities == best, second, best)

    @property
    def cuts(self) -> list[float]:
        """On one column: where the most probable class changes, midway between two grid points."""
        axis = self.axes[0]
        changes = np.flatnonzero(np.diff(self.winners))
        return [float(cut) for cut in (axis[changes] + axis[changes + 1]) / 2]


def regions(values: np.ndarray, probabilities: Probabilities, points: int) -> Regions:
    """Ask a model on a grid that holds all points and a margin.

    Args:
        values: the points of the picture, float32 (N, 2) or (N, 1), N >= 1.
        probabilities: of the model.
        points: of the grid, along each axis.
    """
    axes = tuple(_axis(column, points) for column in values.T)
    grid = np.stack([plane.ravel() for plane in np.meshgrid(*axes)], axis=1).astype(np.float32)
    shape = (points,) * len(axes)
    return Regions(axes, np.asarray(probabilities(grid), dtype=np.float64).reshape(*shape, -1))


def _axis(column: np.ndarray, points: int) -> np.ndarray:
    low, high = float(column.min()), float(column.max())
    margin = _MARGIN * (high - low) or max(1.0, abs(low)) * _MARGIN
    return np.linspace(low - margin, high + margin, points)
