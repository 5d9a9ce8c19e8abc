"""HOG: scikit-image and OpenCV as independent oracles, known answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from family_checks import as_rgb, check_images_count_for_themselves, noise
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenlight.errors import UserError
from evenlight.features import hog

Pictures = Callable[[str], np.ndarray]


@pytest.fixture(scope="module")
def course(shared_data: Callable[[str], Path]) -> Pictures:
    """RGB pixels of a picture of the course, by name."""

    def read(name: str) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(shared_data(f"course_images/{name}"))), cv2.COLOR_BGR2RGB)

    return read


def reference(image: np.ndarray, options: hog.Options) -> np.ndarray:
    """`skimage.feature.hog` of RGB uint8 (H, W, 3)."""
    from skimage.feature import hog as scikit_image

    layout: dict[str, Any] = {
        "orientations": options.bins,
        "pixels_per_cell": (options.cell, options.cell),
        "cells_per_block": (options.block, options.block),
        "block_norm": "L2-Hys",
    }
    if options.channel == "strongest":
        return scikit_image(image, channel_axis=2, **layout)
    return scikit_image(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), **layout)


def check_equal(images: np.ndarray, **options: Any) -> None:
    chosen = hog.Options(**options)
    for image, row in zip(images, hog.extract(images, chosen), strict=True):
        np.testing.assert_allclose(row, reference(image, chosen), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((64, 64), {}),
        ((40, 72), {"cell": 8}),
        ((37, 51), {"cell": 8}),  # rows and columns that fill no cell
        ((33, 47), {"cell": 5, "block": 3, "bins": 6}),
        ((20, 31), {"cell": 4, "block": 1, "bins": 4}),
        ((32, 32), {"cell": 16, "block": 2, "bins": 18}),
        ((9, 30), {"cell": 3, "block": 2, "bins": 36}),
    ],
)
@pytest.mark.parametrize("channel", ["gray", "strongest"])
def test_equals_scikit_image(shape: tuple[int, int], options: dict[str, Any], channel: str) -> None:
    images = np.concatenate([noise(2, *shape, 3), noise(1, *shape, 3, seed=3) // 200 * 200])
    check_equal(images, channel=channel, **options)


@given(
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    cell=st.integers(2, 9),
    block=st.integers(1, 3),
    bins=st.integers(2, 36),
    channel=st.sampled_from(["gray", "strongest"]),
    levels=st.sampled_from([2, 4, 256]),  # few levels: many equal gradients and equally strong channels
)
@settings(max_examples=40)
def test_equals_scikit_image_for_all_options(height, width, cell, block, bins, channel, levels) -> None:
    images = noise(2, height, width, 3, levels=levels)
    options = {"cell": cell, "block": block, "bins": bins, "channel": channel}
    if min(height, width) < cell * block:
        with pytest.raises(UserError, match="hold no block"):
            hog.extract(images, hog.Options(**options))
    else:
        check_equal(images, **options)


@pytest.mark.parametrize("channel", ["gray", "strongest"])
def test_equals_scikit_image_on_photos(course: Pictures, channel: str) -> None:
    photos = [course(name) for name in ("waymo_car.jpg", "sunflower.jpg", "brain_MR.jpg")]
    small = [cv2.resize(photo, (128, 96), interpolation=cv2.INTER_AREA) for photo in photos]
    check_equal(np.stack(small), channel=channel)


@pytest.mark.parametrize("bins", range(2, 37))
def test_every_number_of_bins_draws_borders_as_scikit_image(bins: int) -> None:
    grays = noise(16, 16, seed=bins, levels=3)  # many gradients of exactly 0, 45, 90 and 135 degrees
    check_equal(as_rgb(grays)[None], bins=bins)


def step() -> np.ndarray:
    """Dark on the left, light on the right: (1, 64, 64, 3)."""
    picture = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    picture[:, :, 32:] = 200
    return picture


def test_length_and_steps() -> None:
    """K10, with bins of skimage's definition: a vote goes to one bin."""
    picture = step()
    across = hog.extract(picture, hog.Options())
    down = hog.extract(picture.transpose(0, 2, 1, 3).copy(), hog.Options())
    assert across.shape == (1, (64 // 8 - 1) ** 2 * 36)
    assert np.flatnonzero(across.reshape(-1, 9).sum(axis=0)).tolist() == [0]
    assert np.flatnonzero(down.reshape(-1, 9).sum(axis=0)).tolist() == [4]


def test_a_large_picture(course: Pictures) -> None:
    """K25: its 57,600 values; their sum is skimage's 5136.5 (6232.8 is that of interpolated votes)."""
    tile = course("triangle_tile.jpeg")[None]
    values = hog.extract(tile, hog.Options(cell=6))
    assert values.shape == (1, 40 * 40 * 36)
    assert len(hog.column_names(hog.Options(cell=6), tile.shape[1:])) == 57_600
    assert values.sum() == pytest.approx(5136.53, rel=0.01)  # JPEG decoders differ a little
    assert hog.extract(course("jeep2.jpeg")[None], hog.Options()).shape == (1, 147_888)


def test_strongest_channel_sees_what_gray_can_not() -> None:
    image = np.zeros((1, 16, 16, 3), dtype=np.uint8)
    image[..., :8, :] = (255, 0, 0)
    image[..., 8:, :] = (0, 130, 0)  # the same gray, 76
    assert not hog.extract(image, hog.Options()).any()
    assert hog.extract(image, hog.Options(channel="strongest")).any()


def test_of_equally_strong_channels_the_first_counts() -> None:
    image = np.zeros((1, 24, 24, 3), dtype=np.uint8)
    image[..., 0] = 5 * np.arange(24)  # red changes from left to right, green as much from top to bottom
    image[..., 1] = 5 * np.arange(24)[:, None]
    middle = hog.extract(image, hog.Options(channel="strongest", block=1)).reshape(3, 3, 9)[1, 1]
    assert np.flatnonzero(middle).tolist() == [0]


@pytest.mark.parametrize(("height", "width"), [(15, 64), (64, 15)])
def test_an_image_without_one_block_is_a_sentence(height: int, width: int) -> None:
    with pytest.raises(UserError, match=rf"{height} x {width}.*make `cell` or `block` smaller"):
        hog.column_names(hog.Options(), (height, width, 3))
    with pytest.raises(UserError, match="no block"):
        hog.extract(noise(1, height, width, 3), hog.Options())


@pytest.mark.parametrize("shape", [(16, 16), (37, 18), (64, 64), (200, 190)])
def test_images_count_for_themselves(shape: tuple[int, int]) -> None:
    check_images_count_for_themselves(hog, shape)


class TestInterpolated:
    """`votes: interpolated`."""

    @staticmethod
    def of_opencv(image: np.ndarray, options: hog.Options) -> np.ndarray:
        """`cv2.HOGDescriptor` of RGB uint8 (H, W, 3), a value at a time put into our order."""
        cell, block, bins = options.cell, options.block, options.bins
        height, width = image.shape[0] // cell, image.shape[1] // cell
        descriptor = cv2.HOGDescriptor(
            (width * cell, height * cell), (block * cell, block * cell), (cell, cell), (cell, cell), bins
        )
        picture = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if options.channel == "gray" else image
        values = descriptor.compute(picture, locations=[(0, 0)])
        rows, columns = height - block + 1, width - block + 1
        places = [
            ((((column * rows + row) * block + x) * block + y) * bins) + direction
            for row, column, y, x, direction in np.ndindex(rows, columns, block, block, bins)
        ]
        return np.asarray(values)[places]

    @given(
        height=st.integers(8, 30),
        width=st.integers(8, 30),
        cell=st.integers(2, 9),
        block=st.integers(1, 3),
        bins=st.integers(4, 36),
        levels=st.sampled_from([2, 4, 256]),
    )
    @settings(max_examples=25)
    def test_equals_opencv(self, height, width, cell, block, bins, levels) -> None:
        assume(min(height, width) >= cell * block)
        options = hog.Options(cell=cell, block=block, bins=bins, votes="interpolated")
        images = noise(3, height, width, 3, levels=levels)
        expected = [self.of_opencv(image, options) for image in images]
        np.testing.assert_allclose(hog.extract(images, options), expected, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("options", [{}, {"cell": 4, "block": 3, "bins": 6}, {"cell": 5, "block": 1}])
    @pytest.mark.parametrize("levels", [3, 256])
    def test_equals_opencv_in_color(self, options: dict[str, Any], levels: int) -> None:
        # of other widths, OpenCV takes the last of equally strong channels in the last columns, else the first
        images = noise(3, 40, 48, 3, levels=levels)
        chosen = hog.Options(channel="strongest", votes="interpolated", **options)
        expected = [self.of_opencv(image, chosen) for image in images]
        assert np.array_equal(hog.extract(images, chosen), expected)

    @given(
        height=st.integers(8, 30),
        width=st.integers(8, 30),
        cell=st.integers(2, 4),
        channel=st.sampled_from(["gray", "strongest"]),
        levels=st.sampled_from([2, 256]),
    )
    @settings(max_examples=25)
    def test_images_count_for_themselves(self, height, width, cell, channel, levels) -> None:
        options = hog.Options(cell=cell, channel=channel, votes="interpolated")
        images = noise(5, height, width, 3, levels=levels)
        images[3] = 128
        together = hog.extract(images, options)
        assert together.dtype == np.float32
        assert not together[3].any()
        alone = np.concatenate([hog.extract(image[None], options) for image in images])
        assert np.array_equal(together, alone)

    def test_more_images_than_a_block_holds(self) -> None:
        options = hog.Options(votes="interpolated")
        images = noise(200, 32, 32, 3)
        together = hog.extract(images, options)
        for place in (0, 127, 128, 199):
            assert np.array_equal(together[place], hog.extract(images[place : place + 1], options)[0])

    def test_length_and_steps(self) -> None:
        """K10."""
        across = hog.extract(step(), hog.Options(votes="interpolated")).reshape(-1, 9).sum(axis=0)
        down = hog.extract(step().transpose(0, 2, 1, 3).copy(), hog.Options(votes="interpolated"))
        np.testing.assert_allclose(across, [23.85, 0, 0, 0, 0, 0, 0, 0, 23.85], atol=0.005)
        np.testing.assert_allclose(
            down.reshape(-1, 9).sum(axis=0), [0, 0, 0, 0, 33.69, 0, 0, 0, 0], atol=0.02
        )

    def test_a_large_picture(self, course: Pictures) -> None:
        """K25."""
        values = hog.extract(course("triangle_tile.jpeg")[None], hog.Options(cell=6, votes="interpolated"))
        assert values.shape == (1, 57_600)
        assert values.sum() == pytest.approx(6232.8, abs=1)
        assert values.max() == pytest.approx(0.698, abs=1e-3)

    def test_of_equally_strong_channels_the_first_counts(self) -> None:
        image = np.zeros((1, 24, 24, 3), dtype=np.uint8)
        image[..., 1] = (
            5 * np.arange(24)[:, None]
        )  # green changes from top to bottom, blue as much to the right
        image[..., 2] = 5 * np.arange(24)
        options = hog.Options(channel="strongest", block=1, votes="interpolated")
        assert np.flatnonzero(hog.extract(image, options).reshape(3, 3, 9)[1, 1]).tolist() == [4]

    @pytest.mark.parametrize("bins", [2, 3])
    def test_blocks_that_opencv_can_not_hold_are_refused(self, bins: int) -> None:
        with pytest.raises(ValidationError, match="at least 4"):
            hog.Options(block=1, bins=bins, votes="interpolated")
        assert hog.Options(block=1, bins=4, votes="interpolated")

    def test_an_opencv_without_it_is_a_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(cv2, "HOGDescriptor")
        with pytest.raises(UserError, match=r"needs OpenCV 4.*votes: nearest"):
            hog.extract(noise(1, 16, 16, 3), hog.Options(votes="interpolated"))
