"""Visual words: descriptors, the vocabulary that is learned, and its use."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from family_checks import SHAPES, check_images_count_for_themselves, named, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenlight.features import orb
from evenlight.pixels import gray


def found_in(image: np.ndarray, **options) -> np.ndarray:
    """Descriptors of one RGB image: uint8 (K, 32)."""
    chosen = orb.Options(**options)
    return orb.descriptors(gray(image[None])[0], orb._detector(chosen), chosen.side)


def different_bits(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Hamming distances of packed bits (A, 32) and (B, 32): int64 (A, B), one pair after the other."""
    return np.array([[int(np.unpackbits(a ^ b).sum()) for b in second] for a in first])


@pytest.fixture(scope="module")
def learned() -> np.ndarray:
    return orb.learn(noise(6, 40, 40, 3), orb.Options(), seed=0)


def test_a_vocabulary_has_bits_and_depends_on_images_and_seed(learned: np.ndarray):
    images = noise(6, 40, 40, 3)
    assert learned.shape == (128, 256)
    assert learned.dtype == np.uint8
    assert set(np.unique(learned)) == {0, 1}
    assert np.array_equal(orb.learn(images, orb.Options(), seed=0), learned)
    assert not np.array_equal(orb.learn(images, orb.Options(), seed=1), learned)
    assert not np.array_equal(orb.learn(images[:3], orb.Options(), seed=0), learned)


@given(seed=st.integers(0, 999))
@settings(max_examples=10)
def test_the_nearest_word_has_fewest_different_bits(seed: int):
    draws = np.random.default_rng(seed)
    found = draws.integers(0, 256, (20, 32), dtype=np.uint8)
    words = draws.integers(0, 256, (9, 32), dtype=np.uint8)
    words[5] = words[2]
    expected = different_bits(found, words).argmin(axis=1)
    assert np.array_equal(orb.nearest_words(found, np.unpackbits(words, axis=1)), expected)


def test_more_descriptors_than_are_compared_at_once(monkeypatch: pytest.MonkeyPatch, learned: np.ndarray):
    found = np.random.default_rng(0).integers(0, 256, (50, 32), dtype=np.uint8)
    whole = orb.nearest_words(found, learned)
    monkeypatch.setattr(orb, "_BLOCK", 7)
    assert np.array_equal(orb.nearest_words(found, learned), whole)


def test_words_move_to_the_majority(monkeypatch: pytest.MonkeyPatch):
    """Two groups of descriptors around two centres, each with a few bits changed: the centres come out."""
    draws = np.random.default_rng(0)
    centers = draws.integers(0, 2, (2, 256), dtype=np.uint8)
    bits = np.repeat(centers, 30, axis=0)
    for row in bits:
        row[draws.permutation(256)[:20]] ^= 1
    monkeypatch.setattr(orb, "descriptors", lambda *args: np.packbits(bits, axis=1))
    learned = orb.learn(noise(1, 40, 40, 3), orb.Options(words=2), seed=4)
    assert sorted(learned.tolist()) == sorted(centers.tolist())


def test_squares_of_words_sum_to_one(learned: np.ndarray):
    image = noise(50, 60, 3, seed=9)
    values = named(orb, image, learned)
    words = [value for name, value in values.items() if name.startswith("orb_word_")]
    assert len(words) == 128
    assert sum(value**2 for value in words) == pytest.approx(1, abs=1e-5)
    found = found_in(image)
    assert values["orb_n"] == len(found) > 30
    counts = np.bincount(orb.nearest_words(found, learned), minlength=128)
    assert words == pytest.approx(np.sqrt(counts / len(found)).tolist())


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_without_keypoints_gives_zeros(level: int, learned: np.ndarray):
    assert set(named(orb, np.full((32, 32, 3), level, np.uint8), learned).values()) == {0}


def test_fewer_descriptors_than_words():
    image = noise(40, 40, 3)
    options = orb.Options(words=500, keypoints=20)
    learned = orb.learn(image[None], options, seed=0)
    found = found_in(image, keypoints=20)
    assert len(learned) == len(np.unique(found, axis=0)) < 500
    values = orb.extract(image[None], options, learned)[0]
    assert values.shape == (501,)
    np.testing.assert_allclose(values[: len(learned)] ** 2, 1 / len(found), atol=1e-6)
    assert not values[len(learned) : -1].any()


def test_nothing_to_learn_from():
    flat = np.full((2, 32, 32, 3), 9, np.uint8)
    learned = orb.learn(flat, orb.Options(), seed=0)
    assert learned.shape == (0, 256)
    values = named(orb, noise(32, 32, 3), learned)
    assert values.pop("orb_n") > 0
    assert set(values.values()) == {0}


@pytest.mark.parametrize(("scale", "levels", "side"), [(2, 8, 127), (2, 7, 63), (4, 4, 63), (1.3, 16, 51)])
def test_the_smallest_size_has_a_pixel(scale: float, levels: int, side: int):
    with pytest.raises(ValidationError, match=f"`scale: {scale}` and `levels: {levels}`"):
        orb.Options(scale=scale, levels=levels, side=side)
    options = orb.Options(scale=scale, levels=levels, side=side + 1)
    assert orb.extract(noise(1, 32, 32, 3), options, np.zeros((0, 256), np.uint8))[0, -1] > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_an_image_counts_for_itself(shape: tuple[int, int], learned: np.ndarray):
    check_images_count_for_themselves(orb, shape, learned)


def test_a_face_finds_itself_scaled_turned_brighter_and_noisy(shared_data: Callable[[str], Path]):
    """K24: shares of mutual nearest descriptors that may not be fewer."""

    def face(name: str, scale: float = 2.0) -> np.ndarray:
        photo = cv2.imread(str(shared_data(f"course_images/{name}")))[:, :, ::-1]
        defaults = {"levels": 8, "edge": 31, "patch": 31, "contrast": 20, "side": 128}
        return found_in(np.ascontiguousarray(photo), keypoints=1000, scale=scale, **defaults)

    def share(first: np.ndarray, second: np.ndarray) -> float:
        forth = orb.nearest_words(first, np.unpackbits(second, axis=1))
        back = orb.nearest_words(second, np.unpackbits(first, axis=1))
        return float((back[forth] == np.arange(len(first))).mean())

    upright = face("face.jpeg")
    assert len(upright) == pytest.approx(819, rel=0.02)
    words = np.unpackbits(upright, axis=1)
    nearest = orb.nearest_words(upright, words)
    assert np.array_equal(upright[nearest], upright)  # at distance 0, itself or a twin
    least = {"faceQS.png": 0.05, "faceR.jpeg": 0.6, "faceRI.png": 0.35}
    assert all(share(upright, face(name)) >= limit for name, limit in least.items())
    assert share(face("face.jpeg", 1.3), face("faceRN5.png", 1.3)) >= 0.2
