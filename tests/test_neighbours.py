"""Nearest neighbours: exact, in stable order, and how many share the class."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from evenlight.evaluation.resampling import Bootstrap
from evenlight.explain import neighbours
from evenlight.explain.inside_pictures import Neighbours, neighbours_picture
from evenlight.explain.neighbours import directions, nearest, precision, precision_estimates

BOOTSTRAP = Bootstrap(0.95, 200)


def noise(count, *shape, most=256, seed=0):
    return np.random.Generator(np.random.PCG64(seed)).integers(0, most, (count, *shape), dtype=np.uint8)


class TestNearest:
    @given(st.integers(0, 99), st.integers(2, 256), st.integers(1, 30), st.integers(1, 7))
    @settings(max_examples=30)
    def test_against_every_distance_in_whole_numbers(self, seed, most, count, wanted):
        """Few grey levels give many ties: the first of equals comes first."""
        queries, references = noise(9, 2, 2, 1, most=most), noise(count, 2, 2, 1, most=most, seed=seed)
        flat = [images.reshape(len(images), -1).astype(int) for images in (queries, references)]
        distances = ((flat[0][:, None] - flat[1]) ** 2).sum(axis=2)
        expected = np.argsort(distances, axis=1, kind="stable")[:, :wanted]
        assert nearest(queries, references, wanted).tolist() == expected.tolist()

    @pytest.mark.parametrize(("queries", "references"), [(1, 3), (4, 7), (100, 1), (3, 100)])
    def test_blocks_change_nothing(self, monkeypatch, queries, references):
        images = noise(50, 3, 3, 3, most=3)
        whole = nearest(images, images, 6)
        monkeypatch.setattr(neighbours, "_QUERIES", queries)
        monkeypatch.setattr(neighbours, "_REFERENCES", references)
        assert (nearest(images, images, 6) == whole).all()

    def test_the_largest_pixels_are_exact(self):
        """One level of difference in 12,288 pixels of 255 is seen."""
        image = np.full((1, 64, 64, 3), 255, np.uint8)
        other = image.copy()
        other[0, 0, 0, 0] = 254
        assert nearest(image, np.concatenate([other, image]), 2).tolist() == [[1, 0]]

    def test_few_or_no_references_and_no_queries(self):
        images = noise(3, 2, 2, 1)
        assert nearest(images, images[:2], 5).shape == (3, 2)
        assert nearest(images, images[:0], 5).shape == (3, 0)
        assert nearest(images[:0], images, 5).shape == (0, 3)


class TestDirections:
    def test_order_is_that_of_the_cosine(self):
        draws = np.random.Generator(np.random.PCG64(0))
        queries, references = draws.normal(size=(20, 50)), draws.normal(size=(300, 50))
        cosines = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
            references / np.linalg.norm(references, axis=1, keepdims=True)
        ).T
        expected = np.argsort(-cosines, axis=1, kind="stable")[:, :5]
        assert nearest(directions(queries), directions(references), 5).tolist() == expected.tolist()

    def test_length_does_not_matter_and_zero_stays_zero(self):
        features = np.array([[3.0, 4.0], [300.0, 400.0], [0.0, 0.0]])
        found = directions(features)
        assert found[0].tolist() == found[1].tolist()
        assert found[2].tolist() == [0, 0]

    @pytest.mark.parametrize("columns", [1, 2, 64, 4096])
    def test_squares_fit_into_a_float(self, columns):
        far = directions(np.array([np.ones(columns), -np.ones(columns)])).astype(object)
        assert sum((far[0] - far[1]) ** 2) < 2**53
        assert directions(np.eye(1, columns)).max() >= 2**15


class TestPrecision:
    def test_by_hand(self):
        shares = precision(np.array([[0, 0, 1, 1, 2], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]), np.array([0, 1, 2]))
        assert shares.tolist() == pytest.approx([0.4, 1, 0])

    def test_of_clusters_is_one_and_of_noise_is_chance(self):
        draws = np.random.Generator(np.random.PCG64(0))
        codes, known = draws.integers(0, 4, 300), draws.integers(0, 4, 800)
        centres = np.eye(4) * 10
        clusters = [centres[c] + draws.normal(size=(len(c), 4)) for c in (codes, known)]
        right = precision(known[nearest(*(directions(values) for values in clusters), 5)], codes)
        chance = precision(known[nearest(noise(300, 4, 4, 1), noise(800, 4, 4, 1, seed=1), 5)], codes)
        found = precision_estimates(chance, right, np.arange(300), BOOTSTRAP, seed=0)
        assert found["features"]["value"] == 1
        assert found["features"]["low"] < 1  # a few hundred images prove no certainty
        assert found["pixels"]["low"] < 0.25 < found["pixels"]["high"]
        assert found["gain"]["value"] == pytest.approx(1 - found["pixels"]["value"])
        assert found["gain"]["n"] == 300

    def test_images_of_one_source_tell_less(self):
        shares = np.repeat(np.random.Generator(np.random.PCG64(0)).random(20), 10)
        by_image, by_source = (
            precision_estimates(shares, shares, keys, BOOTSTRAP, seed=0)["pixels"]
            for keys in (np.arange(200), np.repeat(np.arange(20), 10))
        )
        assert by_source["high"] - by_source["low"] > 2 * (by_image["high"] - by_image["low"])


def test_fashion_tiles_by_their_pixels(shared_data: Callable[[str], Path]) -> None:
    """techniques.md 5.6: 900 tiles, each against the 899 others, 5 nearest by Euclidean distance: .697."""
    sprite = cv2.imread(str(shared_data("fashion_mnist_sprite.png")), cv2.IMREAD_GRAYSCALE)
    tiles = sprite.reshape(30, 28, 30, 28).swapaxes(1, 2).reshape(900, 28, 28, 1)
    codes = np.arange(900) // 90
    found = nearest(tiles, tiles, 6)
    assert (found[:, 0] == np.arange(900)).all()
    assert precision(codes[found[:, 1:]], codes).mean() == pytest.approx(0.697, abs=5e-4)


def test_picture_marks_other_classes() -> None:
    image = noise(1, 8, 8, 3)[0]

    def orange(labels):
        row = Neighbours(
            image, "cat", "test/cat/1.jpg", [(image, label) for label in labels], [(image, "cat")]
        )
        page = np.asarray(
            Image.open(io.BytesIO(neighbours_picture([row], "Neighbours", "P@5"))).convert("RGB")
        )
        assert page.shape[1] <= 1400
        return ((page == (0xD5, 0x5E, 0)).all(axis=2)).sum()

    assert orange(["cat", "cat"]) == 0
    assert orange(["dog", "dog"]) == pytest.approx(2 * orange(["dog", "cat"]), rel=0.01)
    assert neighbours_picture([], "Neighbours", "")
