"""Area of interest: every method's known answers on drawn pictures, and promises for pictures of any size."""

import io
import itertools
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from evenlight.decode import decode
from evenlight.regions import METHODS, Region, apply, foreground, frame, needed_size, needs_full_size
from evenlight.regions.contour import contours
from evenlight.regions.cut import MaskSettings, clean_up
from evenlight.regions.kmeans import clusters
from evenlight.standardize import Standardize, standardize

ALL: list[dict[str, Any]] = [
    {"method": "none"},
    {"method": "crop", "box": [0.2, 0, 0.9, 0.5]},
    {"method": "face", "minimum": 0},
    {"method": "contour", "threshold": 100, "inverted": True, "margin": 0.5},
    {
        "method": "color_mask",
        "low": [170, 0, 0],
        "high": [30, 255, 255],
        "crop": True,
        "opening": 2,
        "grow": 1,
    },
    {"method": "color_mask", "space": "rgb", "low": [0, 0, 0], "high": [99, 255, 255], "keep": "outside"},
    {"method": "kmeans", "k": 4, "cluster": "central", "crop": True, "closing": 3},
    {"method": "background", "by": "camera"},
]


def region(**options: Any) -> Any:
    return TypeAdapter(Region).validate_python(options)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def octagon() -> np.ndarray:
    """A red stop sign on gray; techniques.md K2."""
    pixels = np.full((100, 100, 3), 200, np.uint8)
    angles = np.pi / 8 + np.arange(8) * np.pi / 4
    corners = np.rint(50 + 40 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.int32)
    cv2.fillPoly(pixels, [corners], (200, 20, 30))
    return pixels


# all methods


@pytest.mark.parametrize("options", ALL, ids=lambda options: options["method"])
@given(height=st.integers(1, 50), width=st.integers(1, 50), seed=st.integers(0, 50))
@settings(max_examples=20)
def test_any_picture_has_an_area_of_interest(options: dict, height: int, width: int, seed: int) -> None:
    pixels = noise(height, width, seed)
    before = pixels.copy()
    cut = apply(pixels, region(**options))
    top, left, bottom, right = cut.box
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    assert cut.pixels.shape == (bottom - top, right - left, 3)
    assert cut.pixels.dtype == np.uint8
    assert cut.pixels.flags["C_CONTIGUOUS"]
    assert 0 < cut.mask_fraction <= 1
    if not cut.found:
        np.testing.assert_array_equal(cut.pixels, before)
        assert (cut.box, cut.mask_fraction, cut.mask) == ((0, 0, height, width), 1.0, None)
    elif cut.mask is not None:
        assert cut.mask_fraction == cut.mask.mean()
        kept = cut.mask[top:bottom, left:right]
        assert kept.sum() == cut.mask.sum(), "the box holds all that is kept"
        np.testing.assert_array_equal(cut.pixels[kept], before[top:bottom, left:right][kept])
        assert (cut.pixels[~kept] == 0).all()
    else:
        np.testing.assert_array_equal(cut.pixels, before[top:bottom, left:right])
    np.testing.assert_array_equal(pixels, before, err_msg="the picture given is not changed")
    again = apply(pixels, region(**options))
    np.testing.assert_array_equal(again.pixels, cut.pixels)


def test_every_method_is_among_those_tested() -> None:
    assert {options["method"] for options in ALL} == set(METHODS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "crop", "box": [0.5, 0, 0.5, 1]}, "top must be less than bottom"),
        ({"method": "crop", "box": [0, 0.9, 1, 0.1]}, "left less than right"),
        ({"method": "crop", "box": [0, 0, 1.5, 1]}, "less than or equal to 1"),
        ({"method": "crop"}, "Field required"),
        ({"method": "color_mask", "low": [190, 0, 0], "high": [10, 255, 255]}, "hue goes from 0 to 180"),
        ({"method": "color_mask", "low": [10, 90, 0], "high": [20, 80, 255]}, "must not be above"),
        ({"method": "color_mask", "space": "rgb", "low": [9, 0, 0], "high": [8, 9, 9]}, "must not be above"),
        ({"method": "contour", "threshold": "auto"}, "otsu"),
        ({"method": "background"}, "Field required"),
        ({"method": "circle"}, "'circle' found using 'method'"),
        ({"method": "none", "box": [0, 0, 1, 1]}, "Extra inputs"),
    ],
)
def test_mistakes(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        region(**options)


# crop


def test_crop_takes_shares_of_the_sides() -> None:
    pixels = noise(30, 20)
    cut = apply(pixels, region(method="crop", box=[0, 0, 0.3333, 1]))
    assert cut.box == (0, 0, 10, 20)
    assert cut.mask_fraction == pytest.approx(1 / 3)
    np.testing.assert_array_equal(cut.pixels, pixels[:10])
    cut = apply(pixels, region(method="crop", box=[0.5, 0.25, 1, 0.75]))
    np.testing.assert_array_equal(cut.pixels, pixels[15:, 5:15])
    assert apply(pixels[:2], region(method="crop", box=[0.99, 0, 1, 1])).box == (1, 0, 2, 20), (
        "one row at least"
    )


# colour mask: K2


@pytest.mark.parametrize(
    ("low", "high"), [([170, 100, 60], [10, 255, 255]), ([0, 100, 60], [180, 255, 255])], ids=["round", "all"]
)
def test_octagon_in_hsv(low: list[int], high: list[int]) -> None:
    cut = apply(octagon(), region(method="color_mask", low=low, high=high, crop=True, margin=0))
    assert cut.mask_fraction == pytest.approx(0.4613, abs=1e-6)
    assert cut.box == (13, 13, 88, 88)
    assert (cut.pixels[0, 0] == 0).all()
    assert (cut.pixels[37, 37] == [200, 20, 30]).all()


def test_octagon_with_swapped_channels_is_not_found() -> None:
    cut = apply(
        octagon()[..., ::-1].copy(), region(method="color_mask", low=[170, 100, 60], high=[10, 255, 255])
    )
    assert not cut.found


def test_octagon_outside_and_fill() -> None:
    options = {"method": "color_mask", "space": "rgb", "low": [190, 0, 0], "high": [210, 40, 40]}
    inside = apply(octagon(), region(**options))
    outside = apply(octagon(), region(**options, keep="outside", fill=[1, 2, 3]))
    assert inside.mask_fraction + outside.mask_fraction == pytest.approx(1)
    assert inside.mask is not None
    assert (outside.mask == ~inside.mask).all()
    assert (outside.pixels[50, 50] == [1, 2, 3]).all()
    assert (outside.pixels[0, 0] == 200).all()


def test_hue_goes_round_through_red() -> None:
    """Hues 175, 4, 60: both reds, no green."""
    hues = np.array([[[175, 255, 255], [4, 255, 255], [60, 255, 255]]], np.uint8)
    pixels = cv2.cvtColor(hues, cv2.COLOR_HSV2RGB)
    mask = apply(pixels, region(method="color_mask", low=[170, 90, 90], high=[10, 255, 255])).mask
    assert mask is not None
    assert mask.tolist() == [[True, True, False]]


def test_limits_are_inclusive_and_in_their_own_space() -> None:
    """Hue 60 is green; in RGB, 60 would be a dark red channel."""
    green = np.full((4, 4, 3), (0, 200, 0), np.uint8)
    assert apply(green, region(method="color_mask", low=[60, 255, 200], high=[60, 255, 200])).found
    assert not apply(green, region(method="color_mask", low=[61, 255, 200], high=[75, 255, 200])).found
    rgb = {"method": "color_mask", "space": "rgb"}
    assert apply(green, region(**rgb, low=[0, 200, 0], high=[0, 200, 0])).found
    assert not apply(green, region(**rgb, low=[60, 255, 200], high=[60, 255, 200])).found


# morphology: K5


def square(row: int = 15, column: int = 15, side: int = 20) -> np.ndarray:
    mask = np.zeros((50, 50), bool)
    mask[row : row + side, column : column + side] = True
    return mask


def test_growing_a_square() -> None:
    """Two pixels are a 5 x 5 kernel."""
    assert clean_up(square(), MaskSettings(grow=2)).sum() == 576
    assert clean_up(square(), MaskSettings(grow=-2)).sum() == 256


def test_growing_and_shrinking_are_dual() -> None:
    mask = noise(40, 60)[..., 0] > 100
    for grow in (1, 2, 3):
        grown = clean_up(mask, MaskSettings(grow=grow))
        np.testing.assert_array_equal(grown, ~clean_up(~mask, MaskSettings(grow=-grow)))


def test_opening_removes_specks_and_closing_fills_holes() -> None:
    mask = square()
    flawed = mask.copy()
    flawed[2, 2] = flawed[40:42, 3:5] = True
    flawed[25, 25] = False
    opened = clean_up(flawed, MaskSettings(opening=3))
    assert not opened[:12].any()
    assert not opened[38:].any()
    np.testing.assert_array_equal(clean_up(opened, MaskSettings(opening=3)), opened)
    np.testing.assert_array_equal(clean_up(flawed & mask, MaskSettings(closing=3)), mask)


@pytest.mark.parametrize("options", [{"opening": 5}, {"closing": 5}, {"grow": 3}, {"grow": -3}])
def test_cleaning_of_all_and_nothing(options: dict) -> None:
    for value in (False, True):
        mask = np.full((20, 20), value)
        assert (clean_up(mask, MaskSettings(**options)) == value).all(), "the picture's edge changes nothing"


# contour: K7


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("threshold", ["otsu", 127])
def test_rectangle(inverted: bool, threshold: Any) -> None:
    pixels = np.full((200, 220, 3), 255 if inverted else 0, np.uint8)
    cv2.rectangle(pixels, (40, 50), (160, 150), (0,) * 3 if inverted else (255,) * 3, -1)
    pixels[5:9, 200:204] = pixels[60, 60]  # something smaller
    options = region(method="contour", inverted=inverted, threshold=threshold, margin=0, minimum=0)
    found = contours(pixels, options)
    assert len(found) == 2
    assert cv2.contourArea(found[0]) == 12000
    assert len(found[0]) == 4
    cut = apply(pixels, options)
    assert cut.box == (50, 40, 151, 161)
    assert (cut.pixels == pixels[60, 60]).all()
    wider = apply(pixels, options.model_copy(update={"margin": 0.5}))
    assert wider.box == (0, 0, 200, 220)


def test_no_thing_is_the_whole_picture() -> None:
    black = np.zeros((40, 40, 3), np.uint8)
    assert not apply(black, region(method="contour", threshold=100)).found
    black[20, 20:22] = 255
    assert not apply(black, region(method="contour", threshold=100)).found, "below the minimum"
    black[10:14, 10:14] = 255
    assert apply(black, region(method="contour", threshold=100, margin=0)).box == (10, 10, 14, 14)


# face


def test_no_face_is_the_whole_picture() -> None:
    cut = apply(noise(64, 64), region(method="face"))
    assert (cut.found, cut.box) == (False, (0, 0, 64, 64))


# k-means


def stripes(shares: tuple[int, ...], colors: list[tuple[int, int, int]]) -> np.ndarray:
    rows = [np.full((rows, 40, 3), color, np.uint8) for rows, color in zip(shares, colors, strict=True)]
    return np.concatenate(rows)


COLORS = [(30, 40, 200), (220, 30, 30), (240, 240, 230)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_clusters_are_ordered_by_size(order: tuple[int, ...]) -> None:
    sizes = np.array([30, 20, 10])[list(order)]
    pixels = stripes(tuple(sizes), COLORS)
    grain = np.random.default_rng(0).integers(-6, 7, pixels.shape)
    labels = clusters(np.clip(pixels + grain, 0, 255).astype(np.uint8), 3)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels[:, 0], np.repeat(order, sizes))
    assert (labels == labels[:, :1]).all()


@pytest.mark.parametrize(
    ("cluster", "color"), [("largest", 0), ("smallest", 2), ("central", 1), ("brightest", 2), ("darkest", 0)]
)
def test_choice_of_the_cluster(cluster: str, color: int) -> None:
    pixels = stripes((17, 15, 4), COLORS)
    pixels = np.concatenate([pixels, pixels[:2]])  # the red one is in the middle
    cut = apply(pixels, region(method="kmeans", cluster=cluster, crop=True, margin=0))
    assert (cut.pixels[2] == COLORS[color]).all()
    outside = apply(pixels, region(method="kmeans", cluster=cluster, keep="outside"))
    assert outside.mask is not None
    assert not (outside.pixels == COLORS[color]).all(axis=2).any()


def test_fewer_colours_than_clusters() -> None:
    assert (clusters(np.full((5, 5, 3), 9, np.uint8), 3) == 0).all()
    two = stripes((6, 2), COLORS[:2])
    np.testing.assert_array_equal(np.bincount(clusters(two, 8).ravel()), [240, 80])


# background: K9


def camera_frames(count: int) -> np.ndarray:
    values = 100 + np.random.default_rng(0).normal(0, 2, (count, 60, 60, 3))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def test_a_box_in_front_of_a_fixed_camera() -> None:
    frames = camera_frames(61)
    training, image = frames[:60], frames[60].copy()
    image[20:40, 10:30] = 200
    options = region(method="background", by="camera", history=50, var_threshold=16, fill=[0, 0, 255])
    (result, empty) = foreground(training, [image, frames[60]], options)
    assert (result[20:40, 10:30] == 200).all()
    assert (result == [0, 0, 255]).all(axis=2).sum() == 60 * 60 - 400
    assert (empty == [0, 0, 255]).all()


def test_images_teach_nothing_and_their_order_does_not_matter() -> None:
    training = camera_frames(30)
    images = camera_frames(45)[30:]
    images[:, 5:25, 5:25] = 220
    options = region(method="background", by="camera")
    result = foreground(training, images, options)
    assert result.shape == images.shape
    np.testing.assert_array_equal(foreground(training, images[::-1], options)[::-1], result)
    assert (result[-1, 5:25, 5:25] == 220).all(), "after fourteen images the box is still no background"


# pictures that a decoder reduced

FREE = [
    {"method": "none"},
    {"method": "crop", "box": [0, 0, 0.3333, 1]},
    {"method": "crop", "box": [0.123, 0.21, 0.777, 0.89]},
]
STANDARDS = [
    {},
    {"fit": "pad"},
    {"fit": "crop", "color": "lab"},
    {"size": [16, 48], "prepare": [{"step": "trim", "sides": [0.1, 0.05, 0.2, 0]}, {"step": "negate"}]},
    {"prepare": [{"step": "grayscale"}, {"step": "resize"}, {"step": "sharpen"}], "color": "gray"},
]


def test_needed_size() -> None:
    def needed(options: dict, **more: Any) -> tuple[int, int]:
        return needed_size(1200, 1600, region(**options), Standardize(size=[60, 80], **more))

    assert needed({"method": "none"}) == (150, 200)
    assert needed({"method": "background", "by": "camera"}) == (150, 200)
    assert needed({"method": "crop", "box": [0, 0, 0.25, 1]}) == (600, 200)
    assert needed({"method": "none"}, prepare=[{"step": "trim", "sides": [0.25, 0, 0.25, 0.2]}]) == (300, 250)
    wide = Standardize(size=[60, 60], fit="pad")
    assert needed_size(1200, 1600, region(method="none"), wide) == (113, 150)
    assert needed_size(1200, 1600, region(method="none"), Standardize(size=[60, 60], fit="crop")) == (
        150,
        200,
    )
    assert needed_size(100, 90, region(method="none"), Standardize()) == (100, 90), "never more than there is"
    for method in ("face", "contour", "kmeans"):
        assert needs_full_size(region(method=method))
        assert needed({"method": method}) == (1200, 1600)
    for step in ("sharpen", "denoise", "bandpass", "clahe", "extend", "trim"):
        assert needed({"method": "none"}, prepare=[{"step": step}]) == (1200, 1600)
    for step in ("sharpen", "denoise", "bandpass", "clahe"):
        assert needed({"method": "none"}, prepare=[{"step": "resize"}, {"step": step}]) == (150, 200)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("options", FREE)
def test_frame_of_a_full_picture_is_apply_and_standardize(options: dict, standard: dict) -> None:
    pixels, settings = noise(90, 123), Standardize(**standard)
    expected = standardize(apply(pixels, region(**options)).pixels, settings)
    np.testing.assert_array_equal(
        frame(pixels, (0, 0, 90, 123), (90, 123), region(**options), settings), expected
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("standard", STANDARDS)
def test_frame_of_a_reduced_picture(orientation: int, standard: dict) -> None:
    """Steep ramps: a shift by a quarter of a target pixel would show."""
    rows, columns = np.mgrid[0:889, 0:1277]
    ramps = np.stack([rows * 255 / 888, columns * 255 / 1276, (rows + columns) % 512 / 2.01], axis=2)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(np.rint(ramps).astype(np.uint8)).save(
        buffer, "JPEG", quality=98, subsampling=0, exif=exif
    )
    full = decode(buffer.getvalue())
    settings, seen = Standardize(**standard), 0
    for options in (region(**options) for options in FREE):
        reduced = decode(buffer.getvalue(), "", lambda h, w, o=options: needed_size(h, w, o, settings))
        seen += not reduced.full
        expected = standardize(apply(full.pixels, options).pixels, settings).astype(int)
        result = frame(reduced.pixels, reduced.window, reduced.upright_size, options, settings)
        assert result.shape == expected.shape
        difference = np.abs(result - expected)
        assert np.median(difference) <= 1
        assert difference.mean() < 1.0
    assert seen > 1
