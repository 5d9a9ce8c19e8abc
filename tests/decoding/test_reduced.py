"""JPEGs read at a reduced size: large enough, strict all the same, and the same picture within the tolerance."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from corpus import picture
from PIL import Image

from evenlight.decode import MARGIN, DecodedImage, decode
from image_files import exif_block, jpeg_segment, save

LARGE = np.asarray(Image.fromarray(picture()).resize((603, 389), Image.Resampling.BICUBIC))


def _area(image: DecodedImage, height: int, width: int) -> np.ndarray:
    """The picture's window of a decoded image, averaged over areas."""
    top, left, bottom, right = image.window
    if image.full:
        return cv2.resize(image.pixels, (width, height), interpolation=cv2.INTER_AREA)
    assert top == left == 0
    factors = {"fx": width / right, "fy": height / bottom}
    return cv2.resize(image.pixels, None, **factors, interpolation=cv2.INTER_AREA)[:height, :width]


@pytest.mark.parametrize("orientation", range(9))
def test_size_and_window(orientation: int) -> None:
    jpeg = save(Image.fromarray(LARGE), "JPEG", quality=95, subsampling=0)
    data = jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + exif_block(orientation)) + jpeg[2:]
    full, asked = decode(data), []

    def reduced_to(height: int, width: int) -> tuple[int, int]:
        asked.append((height, width))
        return 40, 60

    image = decode(data, "", reduced_to)
    assert asked == [full.upright_size]
    assert full.full
    assert full.window == (0, 0, *full.upright_size)
    assert len(full.pixel_hash) == 64
    assert not image.full
    assert image.pixel_hash == ""
    assert image.upright_size == full.upright_size == full.pixels.shape[:2]
    assert (image.width, image.height, image.exif_orientation) == (603, 389, orientation)
    assert 40 <= image.pixels.shape[0] < 200
    assert 60 <= image.pixels.shape[1] < 200
    top, left, bottom, right = image.window
    # the same picture: what lies in the window, brought back to the full size, is near the full one
    rows, columns = full.upright_size
    moved = np.array([[(right - left) / columns, 0, left], [0, (bottom - top) / rows, top]])
    moved[:, 2] += moved[:, :2].sum(axis=1) / 2 - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    again = cv2.warpAffine(image.pixels, moved, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(again.astype(int) - full.pixels).mean() < 2


@pytest.mark.parametrize("size", [(389, 603), (1000, 2000), (196, 1)])
def test_nothing_is_reduced_in_vain(size: tuple[int, int]) -> None:
    data = save(Image.fromarray(LARGE), "JPEG")
    image = decode(data, "", lambda height, width: size)
    assert image.full
    np.testing.assert_array_equal(image.pixels, decode(data).pixels)


def test_only_jpegs_are_reduced() -> None:
    image = decode(save(Image.fromarray(LARGE), "PNG"), "", lambda height, width: (1, 1))
    assert image.full
    np.testing.assert_array_equal(image.pixels, LARGE)


def test_a_mark_that_vanishes_does_not_make_a_picture_constant() -> None:
    spot = np.full((400, 400, 3), 128, np.uint8)
    spot[200:208, 200:208] += np.where(np.indices((8, 8)).sum(axis=0) % 2, 6, -6).astype(np.uint8)[:, :, None]
    data = save(Image.fromarray(spot), "JPEG", quality=100, subsampling=0)
    image = decode(data, "", lambda height, width: (8, 8))
    assert image.warnings == decode(data).warnings == ()
    plain = save(Image.new("RGB", (400, 400), "red"), "JPEG")
    assert decode(plain, "", lambda height, width: (8, 8)).warnings == ("constant_image",)


@pytest.mark.parametrize("target", [64, 224])
def test_photos_stay_within_the_tolerance(shared_data: Callable, target: int) -> None:
    """performance.md: mean absolute difference 2, 99.9th percentile 16, against full decode and the same resize."""
    photos = sorted(shared_data("day_night").glob("*/*/*.jpg"))[::10]
    photos += sorted(shared_data("course_images").glob("*.jp*g"))
    needed, reduced = int(MARGIN * target), 0
    for path in photos:
        data = path.read_bytes()
        image = decode(data, "", lambda height, width: (needed, needed))
        if image.full:
            continue
        reduced += 1
        difference = np.abs(_area(image, target, target).astype(int) - _area(decode(data), target, target))
        assert difference.mean() <= 2, path
        assert np.percentile(difference, 99.9) <= 16, path
    assert reduced >= 5
