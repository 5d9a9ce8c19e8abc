"""Decision regions on grids, where the answer is a formula."""

import numpy as np
import pytest

from evenlight.explain.boundary import regions

POINTS = np.array([[0.0, 0.0], [10.0, 4.0]], dtype=np.float32)


def linear(rows: np.ndarray) -> np.ndarray:
    second = 1 / (1 + np.exp(-(rows[:, 0] - 2 * rows[:, 1] - 1).astype(float)))
    return np.column_stack([1 - second, second])


def test_a_linear_model_on_the_grid_is_its_sign():
    found = regions(POINTS, linear, 41)
    x, y = found.axes
    assert (x[0], x[-1], y[0], y[-1]) == pytest.approx((-0.6, 10.6, -0.24, 4.24))
    expected = x[None, :] - 2 * y[:, None] - 1 > 0  # rows are the second column
    assert (found.winners == expected).all()
    assert ((found.leads[..., 1] > 0) == expected).all()
    assert np.allclose(found.leads[..., 0], -found.leads[..., 1])


def test_a_curved_boundary_among_three_classes():
    def rings(rows: np.ndarray) -> np.ndarray:
        radius = np.hypot(rows[:, 0] - 5, rows[:, 1] - 2)
        scores = np.column_stack([-radius, np.full(len(rows), -1.5), radius - 5]).astype(float)
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)

    found = regions(POINTS, rings, 60)
    radius = np.hypot(found.axes[0][None, :] - 5, found.axes[1][:, None] - 2)
    assert ((found.winners == 0) == (radius < 1.5)).mean() > 0.999
    assert set(np.unique(found.winners)) == {0, 1, 2}
    lead = found.leads.max(axis=-1)
    assert (lead >= 0).all()
    assert (found.leads.argmax(axis=-1) == found.winners).all()


def test_a_threshold_on_one_column():
    def rule(rows: np.ndarray) -> np.ndarray:
        above = (rows[:, :1] > 3.25).astype(float)
        return np.concatenate([1 - above, above], axis=1)

    found = regions(POINTS[:, :1], rule, 1001)
    assert found.probabilities.shape == (1001, 2)
    assert found.cuts == pytest.approx([3.25], abs=0.012)


def test_one_point_has_a_plane_around_it():
    x, y = regions(np.zeros((1, 2), np.float32), linear, 5).axes
    assert x[0] < 0 < x[-1]
    assert y[0] < 0 < y[-1]
