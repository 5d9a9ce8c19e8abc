"""Perceptual hashes: exact under flips and turns, stable under edits, different for different pictures."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight import perceptual
from evenlight.perceptual import BITS, INVERSE, VARIANTS, hash_variants, phash_text, turned


def picture(seed, height=120, width=160):
    """Smooth random colours, the spectrum of a photo."""
    rng = np.random.default_rng(seed)
    levels = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24):
        patch = rng.normal(size=(cells, cells, 3)) / cells**0.5
        levels += cv2.resize(patch, (width, height), interpolation=cv2.INTER_LINEAR)
    levels -= levels.min()
    return (levels / levels.max() * 200 + 20).astype(np.uint8)


def distance(one, other):
    return int(np.bitwise_count(one ^ other).sum())


def by_definition(image):
    """DCT-II of the gray picture in floats, its 16 x 16 corner against the median."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
    corner = [
        np.cos(np.pi * np.arange(16)[:, None] * (2 * np.arange(side) + 1) / (2 * side)) for side in gray.shape
    ]
    amplitudes = corner[0] @ gray @ corner[1].T
    return np.packbits((amplitudes > np.median(amplitudes)).ravel())


@pytest.mark.parametrize("shape", [(32, 32), (120, 160), (97, 255)])
def test_equals_the_definition(shape):
    images = [picture(seed, *shape) for seed in range(8)]
    hashes = hash_variants(images)
    assert hashes.shape == (8, 8, 32)
    assert hashes.dtype == np.uint8
    assert [distance(hashes[i, 0], by_definition(image)) for i, image in enumerate(images)] == [0] * 8


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(8, 90),
    width=st.integers(8, 90),
    seed=st.integers(0, 2**32 - 1),
    variant=st.integers(0, 7),
)
def test_variants_equal_the_hashes_of_turned_pixels(height, width, seed, variant):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    of_pixels = hash_variants([np.ascontiguousarray(turned(image, variant))])[0, 0]
    assert (hash_variants([image])[0, variant] == of_pixels).all()


@pytest.mark.parametrize("shape", [(256, 256), (511, 300), (777, 1025), (1024, 259)])
def test_variants_are_exact_for_halved_pictures_too(shape):
    image = np.random.default_rng(5).integers(0, 256, (*shape, 3), dtype=np.uint8)
    hashes = hash_variants([image])[0]
    for variant in range(8):
        of_pixels = hash_variants([np.ascontiguousarray(turned(image, variant))])[0, 0]
        assert (hashes[variant] == of_pixels).all()


def test_large_pictures_are_transformed_small_and_panoramas_as_they_are():
    large = np.zeros((3000, 2001, 3), np.uint8)
    assert perceptual._small_grey(large).shape == (187, 125)
    assert perceptual._small_grey(large[:100]).shape == (100, 2001)


def test_names_of_variants_say_what_turned_does():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    by_name = dict(zip(VARIANTS, (turned(image, variant) for variant in range(8)), strict=True))
    assert (by_name["upright"] == image).all()
    assert (by_name["mirrored"] == np.fliplr(image)).all()
    assert (by_name["upside down and mirrored"] == np.flipud(image)).all()
    assert (by_name["turned by 180 degrees"] == np.rot90(image, 2)).all()
    assert (by_name["turned by 90 degrees to the left"] == np.rot90(image)).all()
    assert (by_name["turned by 90 degrees to the right"] == np.rot90(image, -1)).all()
    left, right = np.rot90(np.fliplr(image)), np.rot90(np.fliplr(image), -1)
    assert (by_name["mirrored and turned by 90 degrees to the left"] == left).all()
    assert (by_name["mirrored and turned by 90 degrees to the right"] == right).all()


def test_inverse_undoes_each_variant():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for variant, inverse in enumerate(INVERSE):
        assert (turned(turned(image, variant), inverse) == image).all()


def test_sums_are_exact_in_whole_numbers():
    gray = np.random.default_rng(1).integers(0, 256, (1, 255, 640), dtype=np.uint8)
    for extreme in (gray, np.full_like(gray, 255)):
        exact = perceptual._amplitudes(extreme)
        scale = 1 << (45 - (255 * 640).bit_length()) // 2
        rows, columns = (perceptual._waves(side, scale).astype(np.int64) for side in (255, 640))
        assert (exact[0] == rows @ extreme[0].astype(np.int64) @ columns.T).all()
        assert np.abs(exact).max() <= 255 * 255 * 640 * scale**2 < 2**53


def jpeg(image, quality):
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


EDITS = {
    "half size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "stretched to a square": lambda image: cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA),
    "large": lambda image: cv2.resize(image, None, fx=7, fy=7, interpolation=cv2.INTER_LINEAR),
    "jpeg": lambda image: jpeg(image, 30),
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 2),
    "darker": lambda image: (image * 0.6).astype(np.uint8),
    "gray": lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_pictures_stay_within_the_radius(edit):
    images = [picture(seed) for seed in range(12)]
    before, after = hash_variants(images), hash_variants([EDITS[edit](image) for image in images])
    assert max(distance(before[i, 0], after[i, 0]) for i in range(12)) <= 32


def test_different_pictures_differ_in_about_half_of_the_bits():
    hashes = hash_variants([picture(seed) for seed in range(30)])[:, 0]
    apart = [distance(hashes[i], hashes[j]) for i in range(30) for j in range(i)]
    assert min(apart) > 64
    assert abs(np.mean(apart) - BITS / 2) < 10


def test_an_image_hashes_alike_alone_and_among_others():
    images = [
        picture(seed, *shape) for seed, shape in enumerate([(32, 32), (60, 80), (32, 32), (300, 280)] * 3)
    ]
    together = hash_variants(images)
    assert (together == np.concatenate([hash_variants([image]) for image in images])).all()


def test_no_images():
    assert hash_variants([]).shape == (0, 8, 32)


def test_text_is_hexadecimal_first_bit_highest():
    assert phash_text(np.array([0x80, 0x01] + [0] * 29 + [255], np.uint8)) == "8001" + "00" * 29 + "ff"
