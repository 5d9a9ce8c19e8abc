"""Standardizing: one shape, known pixels, and the same result from pictures that a decoder reduced."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenlight.standardize import Standardize, from_rgb, resize, resize_window, standardize, to_rgb

FITS = ["stretch", "pad", "crop"]


def run(pixels: np.ndarray, size: Any, fit: str = "stretch", color: str = "rgb", **more: Any) -> np.ndarray:
    return standardize(pixels, Standardize(size=list(size), fit=fit, color=color, **more))


@given(
    st.tuples(st.integers(8, 90), st.integers(8, 90)),
    st.tuples(st.integers(8, 70), st.integers(8, 70)),
    st.sampled_from(FITS),
    st.integers(0, 255),
)
@settings(max_examples=100)
def test_shape_and_constant_images(shape: tuple, size: tuple, fit: str, value: int) -> None:
    pixels = np.full((*shape, 3), value, dtype=np.uint8)
    pixels[..., 1] = 255 - value
    result = run(pixels, size, fit, "rgb")
    assert result.shape == (*size, 3)
    assert result.dtype == np.uint8
    assert (result == pixels[0, 0]).all()


@pytest.mark.parametrize("fit", FITS)
def test_an_image_of_the_right_size_is_unchanged(photo: np.ndarray, fit: str) -> None:
    np.testing.assert_array_equal(run(photo, photo.shape[:2], fit, "rgb"), photo)


def test_shrinking_averages_areas() -> None:
    pixels = np.zeros((24, 24, 3), dtype=np.uint8)
    pixels[1::3, 1::3] = 180  # the middle of every 3 x 3 block, where sampling would look
    assert (run(pixels, (8, 8), "stretch", "rgb") == 20).all()
    # one side shrinks, the other grows: still an average, no alias of every third column
    stripes = np.zeros((8, 48, 3), dtype=np.uint8)
    stripes[:, 1::3] = 210
    assert (run(stripes, (16, 16), "stretch", "rgb") == 70).all()


def test_growing_is_linear() -> None:
    ramp = np.repeat(np.repeat(np.arange(0, 80, 10, dtype=np.uint8)[None, :, None], 8, axis=0), 3, axis=2)
    grown = resize(ramp, 8, 16)[0, :, 0].astype(int)
    assert (np.diff(grown) >= 0).all()
    assert np.diff(grown).max() <= 5


def test_pad_repeats_the_border_and_crop_takes_the_centre() -> None:
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 100  # left, middle and right third
    wide[:, 20:] = 200
    wide[0], wide[-1] = 50, 150
    padded = run(wide, (30, 30), "pad", "rgb")
    np.testing.assert_array_equal(padded[10:20], wide)
    assert (padded[:10] == 50).all()
    assert (padded[20:] == 150).all()
    np.testing.assert_array_equal(run(wide, (10, 10), "crop", "rgb"), wide[:, 10:20])
    tall = wide.transpose(1, 0, 2)
    np.testing.assert_array_equal(run(tall, (30, 30), "pad", "rgb"), padded.transpose(1, 0, 2))
    np.testing.assert_array_equal(run(tall, (10, 10), "crop", "rgb"), tall[10:20])


@pytest.mark.parametrize("shape", [(8, 400), (400, 8)])
@pytest.mark.parametrize("fit", FITS)
def test_extreme_proportions(shape: tuple[int, int], fit: str) -> None:
    assert run(np.zeros((*shape, 3), np.uint8), (64, 64), fit, "rgb").shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("pure", "gray", "hsv"),
    [
        ([255, 0, 0], 76, [0, 255, 255]),
        ([0, 255, 0], 150, [60, 255, 255]),
        ([0, 0, 255], 29, [120, 255, 255]),
        ([255, 165, 0], 173, [19, 255, 255]),
    ],
)
def test_colours_of_pure_pictures(pure: list[int], gray: int, hsv: list[int]) -> None:
    """With the channels in the wrong order, red would be 29, and orange 126."""
    pixels = np.full((8, 8, 3), pure, dtype=np.uint8)
    for color, expected in (("gray", [gray]), ("hsv", hsv), ("rgb", pure)):
        result = run(pixels, (8, 8), "stretch", color)
        assert result.shape == (8, 8, len(expected))
        assert (result == expected).all()
        back = to_rgb(result[None], color)
        assert np.abs(back[0, 0, 0].astype(int) - ([gray] * 3 if color == "gray" else pure)).max() <= 3
    assert run(np.full((8, 8, 3), (255, 0, 0), np.uint8), (8, 8), "pad", "lab")[0, 0].tolist() == [
        136,
        208,
        195,
    ]


@pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("gray", 1), ("hsv", 3)])
def test_to_rgb_of_no_image(color: str, channels: int) -> None:
    assert to_rgb(np.zeros((0, 4, 5, channels), np.uint8), color).shape == (0, 4, 5, 3)


def test_opencv_agrees(photo: np.ndarray) -> None:
    expected = cv2.resize(photo, (20, 12), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(run(photo, (12, 20), "stretch", "rgb"), expected)


def test_from_rgb_is_the_way_back(photo: np.ndarray) -> None:
    for color in ("rgb", "lab", "hsv"):
        back = to_rgb(from_rgb(photo, color)[None], color)[0]
        assert np.abs(back.astype(int) - photo).mean() < 3
    assert from_rgb(photo, "gray").shape == (24, 40, 1)


# preparations around the fit


def test_steps_before_resize_see_the_picture_and_those_after_it_the_frame() -> None:
    specks = np.zeros((64, 64, 3), np.uint8)
    specks[4::8, 4::8] = 255
    median = {"step": "denoise", "filter": "median", "size": 3}
    assert run(specks, (8, 8), prepare=[median]).max() == 0, "single pixels are gone before they count"
    assert run(specks, (8, 8), prepare=[{"step": "resize"}, median]).min() == 4, (
        "255 / 64 is even in the frame"
    )
    turned = run(specks, (8, 8), prepare=[{"step": "negate"}, median])
    assert (turned == 255).all()


def test_preparation_comes_before_the_colour_space(photo: np.ndarray) -> None:
    negated = run(photo, (24, 40), color="gray", prepare=[{"step": "negate"}])
    np.testing.assert_array_equal(negated[..., 0], cv2.cvtColor(255 - photo, cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"step": "resize"}, {"step": "trim"}], "`trim` changes the size"),
        ([{"step": "resize"}, {"step": "negate"}, {"step": "extend"}], "`extend` changes the size"),
        ([{"step": "resize"}, {"step": "resize"}], "`resize` may be named once"),
        ([{"step": "blur"}], "'blur' found using 'step'"),
        ([{"step": "negate", "amount": 1}], "Extra inputs"),
    ],
)
def test_mistakes_in_prepare(steps: list, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Standardize(prepare=steps)


# windows with edges inside pixels


def average(
    pixels: np.ndarray, window: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
    """Area average, by drawing every pixel as 16 x 16 of them."""
    large = pixels.repeat(16, axis=0).repeat(16, axis=1).astype(float)
    top, left, bottom, right = (round(16 * edge) for edge in window)
    part = large[top:bottom, left:right]
    rows, columns = part.shape[0] // size[0], part.shape[1] // size[1]
    return part.reshape(size[0], rows, size[1], columns, 3).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("window", "size"),
    [((0, 0, 22.5, 40), (5, 4)), ((1.25, 3.5, 22.25, 36.75), (6, 7)), ((0.5, 0.25, 1.5, 2.25), (1, 2))],
)
def test_window_averages_areas(photo: np.ndarray, window: tuple, size: tuple[int, int]) -> None:
    result = resize_window(photo, window, *size)
    assert np.abs(result - average(photo, window, size)).max() <= 0.5 + 1e-9


def test_window_of_whole_pixels_is_resize(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(
        resize_window(photo, (2.0, 4, 22, 36), 8, 8), resize(photo[2:22, 4:36], 8, 8)
    )


def test_window_of_a_large_bright_picture() -> None:
    """The sum of its pixels does not fit 32 bits."""
    bright = np.full((2900, 2904, 3), 255, np.uint8)
    assert (resize_window(bright, (0, 0, 2899.5, 2904), 16, 16) == 255).all()


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(*[st.floats(0, 0.49)] * 4),
    st.integers(0, 255),
)
def test_window_of_a_constant_picture(shape: tuple, size: tuple, margins: tuple, value: int) -> None:
    pixels = np.full((*shape, 3), value, np.uint8)
    top, left, bottom, right = (margin * side for margin, side in zip(margins, shape * 2, strict=True))
    window = (top, left, shape[0] - bottom, shape[1] - right)
    # at least 1/256 pixel for each pixel of the result
    if (window[2] - window[0]) * 256 < 2 * size[0] or (window[3] - window[1]) * 256 < 2 * size[1]:
        return
    assert (resize_window(pixels, window, *size) == value).all()
