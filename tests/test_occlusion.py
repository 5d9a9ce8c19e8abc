"""Occlusion of any model: known answers for models that look at known places."""

import numpy as np
import pytest

from evenlight.explain.occlusion import occlusion_maps


def corner(images: np.ndarray) -> np.ndarray:
    """Sure of the second class as far as the upper left 4 x 4 pixels are bright."""
    bright = images[:, :4, :4].mean(axis=(1, 2, 3)) / 255
    return np.column_stack([1 - bright, bright])


def test_only_what_the_model_looks_at_counts() -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    image[:4, :4] = 255  # the mean is 16: what a hidden corner becomes
    maps = occlusion_maps(corner, image, window=0.25)
    assert maps.shape == (2, 16, 16)
    np.testing.assert_allclose(maps[0], -maps[1], atol=1e-6)
    assert maps[1, 0, 0] == pytest.approx((255 - 16) / 255)  # the one window there hides all of it
    # three more windows hide a quarter or a half of it
    assert maps[1, 3, 3] == pytest.approx((255 - 16) / 255 * (1 + 0.5 + 0.5 + 0.25) / 4)
    assert not maps[:, 6:, 6:].any()


def test_every_pixel_is_hidden_by_some_window() -> None:
    for side, share in ((15, 0.2), (7, 1.0), (9, 0.05), (10, 0.35)):
        image = np.full((side, side + 3, 1), 7, dtype=np.uint8)
        maps = occlusion_maps(lambda images: np.ones((len(images), 3)) / 3, image, share)
        assert np.isfinite(maps).all()
        assert not maps.any()


def test_a_flat_image_hides_nothing() -> None:
    assert not occlusion_maps(corner, np.full((8, 8, 3), 90, dtype=np.uint8), 0.5).any()
