"""Augmentation: known answers for every change, and what is drawn for which image."""

import numpy as np
import pytest

from evenlight.models import augmentation
from evenlight.models.augmentation import augment, brighten, cut_out, mirror, move
from evenlight.models.cnn_options import CnnOptions

FILL = np.array([9, 8, 7], np.uint8)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)


def changed(images: np.ndarray, seed: int = 0, color: str = "rgb", **options) -> np.ndarray:
    chosen = CnnOptions(**{"kind": "cnn", "flip": False, **options})
    return augment(images, chosen, color, FILL, np.random.Generator(np.random.PCG64(seed)))


def test_only_the_chosen_images_are_mirrored():
    images = noise(3, 8, 9, 3)
    found = mirror(images, np.array([True, False, True]))
    assert np.array_equal(found[1], images[1])
    assert np.array_equal(found[::2], images[::2, :, ::-1])


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-7, 5), (9, -20)])
def test_moved_images_are_cut_from_reflected_ones(shift):
    images = noise(2, 8, 11, 3)
    down, right = shift
    wide = np.pad(images, ((0, 0), (30, 30), (30, 30), (0, 0)), mode="reflect")
    expected = wide[1, 30 - down : 38 - down, 30 - right : 41 - right]
    found = move(images, np.array([(1, 1), shift]))
    assert np.array_equal(found[1], expected)
    assert np.array_equal(found[0, 1:, 1:], images[0, :-1, :-1])


def test_brightness_multiplies_rounds_and_stops_at_white():
    images = np.full((3, 8, 8, 1), 100, np.uint8)
    assert brighten(images, np.array([1.006, 0.5, 3.0]), slice(0, 1))[:, 0, 0, 0].tolist() == [101, 50, 255]


@pytest.mark.parametrize("color, kept", [("rgb", []), ("gray", []), ("hsv", [0, 1]), ("lab", [1, 2])])  # noqa: PT006
def test_brightness_leaves_hue_and_colour_alone(color, kept):
    images = noise(20, 8, 8, 1 if color == "gray" else 3)
    found = changed(images, color=color, brightness=0.5)
    others = [channel for channel in range(images.shape[3]) if channel not in kept]
    assert np.array_equal(found[..., kept], images[..., kept])
    assert all((found[..., channel] != images[..., channel]).any() for channel in others)


def test_a_square_is_cut_out_also_over_the_border():
    images = noise(3, 9, 8, 3)
    found = cut_out(images, np.array([(4, 4), (0, 7), (8, 0)]), 4, FILL)
    expected = images.copy()
    expected[0, 2:6, 2:6] = expected[1, :2, 5:] = expected[2, 6:, :2] = FILL
    assert np.array_equal(found, expected)


def test_without_options_nothing_changes():
    images = noise(5, 8, 8, 3)
    assert np.array_equal(changed(images), images)


@pytest.mark.parametrize("options", [{"flip": True}, {"crop": 3}, {"brightness": 0.3}, {"cutout": 4}])
def test_every_option_changes_images_each_in_its_way_and_leaves_its_input_alone(options):
    given = np.repeat(noise(1, 12, 10, 3), 40, axis=0)
    images = given.copy()
    found = changed(images, **options)
    assert np.array_equal(images, given)
    assert (found.shape, found.dtype) == (given.shape, np.uint8)
    assert len(np.unique(found, axis=0)) > 1
    assert np.array_equal(found, changed(images, **options))
    assert not np.array_equal(found, changed(images, seed=1, **options))


def test_ranges_are_used_in_full(monkeypatch):
    """Moves of up to crop pixels, factors of up to 1 +- brightness, squares anywhere, half of all mirrored."""
    seen = {}
    for name in ("mirror", "move", "brighten", "cut_out"):
        monkeypatch.setattr(
            augmentation, name, lambda images, drawn, *_, name=name: seen.update({name: drawn}) or images
        )
    changed(noise(4000, 8, 12, 3), flip=True, crop=2, brightness=0.4, cutout=3)
    assert seen["mirror"].mean() == pytest.approx(0.5, abs=0.03)
    assert {tuple(row) for row in seen["move"]} == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}
    assert [seen["brighten"].min(), seen["brighten"].max()] == pytest.approx([0.6, 1.4], abs=0.01)
    assert {tuple(row) for row in seen["cut_out"]} == {(y, x) for y in range(8) for x in range(12)}
