"""Decision regions on grids, where the answer is a formula."""

import io

import numpy as np
import pytest
from PIL import Image

from evenlight.errors import UserError
from evenlight.explain.boundary import regions
from evenlight.models.artifacts import load_description
from evenlight.stages.plot_boundary import plot_boundary
from model_world import ODD_CLASSES, World

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


def drawn(world: World, name: str, options: dict) -> np.ndarray:
    folder, picture = world.train(name, options), world.folder / f"{name}.png"
    entries = {family: {} for family in load_description(folder)["families"]}
    plot_boundary(folder, world.manifest, world.folder / "features", entries, picture)
    return np.asarray(Image.open(io.BytesIO(picture.read_bytes())).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "logistic_regression", "C": 10.0},
        {"kind": "rbf_svm", "C": 10.0},
        {"kind": "random_forest", "trees": 5},
    ],
    ids=lambda options: options["kind"],
)
def test_regions_of_a_trained_model_are_in_the_colours_of_the_classes(tmp_path, options):
    world = World(tmp_path, ODD_CLASSES, {"train": 12, "validation": 3, "test": 5})
    columns = ["brightness_v_mean", "brightness_gray_mean"]
    picture = drawn(world, "two", {**options, "columns": columns})
    for dominant, weak in ((2, 0), (0, 2), (1, 0)):  # blue, orange, green
        assert ((picture[..., dominant] - picture[..., weak]) > 15).mean() > 0.05


def test_a_threshold_is_drawn_on_one_axis(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 12, "test": 5})
    assert drawn(world, "rule", {"kind": "threshold", "feature": "brightness_v_mean"}).shape[0] < 500


def test_a_sample_of_the_images_is_shown_and_the_picture_knows_of_how_many(tmp_path, monkeypatch):
    from evenlight.report import feature_charts
    from evenlight.stages import plot_boundary as stage

    seen = []
    monkeypatch.setattr(stage, "_SHOWN", 10)
    draw = feature_charts.boundary_picture
    monkeypatch.setattr(
        feature_charts,
        "boundary_picture",
        lambda found, points, *rest: seen.append(points) or draw(found, points, *rest),
    )
    world = World(tmp_path, ["a", "b"], {"train": 12, "validation": 3, "test": 4})
    drawn(world, "rule", {"kind": "threshold", "feature": "brightness_v_mean"})
    assert seen[0].totals == (24, 8)
    assert (int((~seen[0].test).sum()), int(seen[0].test.sum())) == (10, 8)


def test_more_than_two_columns_are_refused(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 12, "test": 5})
    with pytest.raises(UserError, match="sees 9 columns; a boundary can be drawn on one or two"):
        drawn(world, "many", {"kind": "random_forest", "features": ["brightness"], "trees": 2})
