"""Gradients, Canny edges and local binary patterns: known answers and independent oracles."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from family_checks import (
    SHAPES,
    as_rgb,
    check_images_count_for_themselves,
    named,
    noise,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.features import canny, lbp, sobel
from evenlight.pixels import gray


def directions(values: dict[str, float]) -> list[float]:
    return [values[f"sobel_dir_{number}"] for number in range(8)]


class TestSobel:
    def test_gradients_equal_a_float_filter(self):
        """K3: nothing negative is lost, nothing is clipped."""
        grays = noise(3, 17, 22)
        kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=np.float32)
        along_x, along_y = sobel.gradients(grays)
        for picture, x, y in zip(grays, along_x, along_y, strict=True):
            assert np.array_equal(x, cv2.Sobel(picture, cv2.CV_32F, 1, 0))
            assert np.array_equal(x, cv2.filter2D(picture, cv2.CV_32F, kernel))
            assert np.array_equal(y, cv2.filter2D(picture, cv2.CV_32F, kernel.T))
        assert along_x.min() < -255
        assert along_x.max() > 255

    @given(
        height=st.integers(8, 30),
        width=st.integers(8, 30),
        seed=st.integers(0, 99),
        levels=st.sampled_from([2, 256]),
    )
    @settings(max_examples=20)
    def test_statistics_equal_the_plain_definition(self, height, width, seed, levels):
        image = noise(height, width, 3, seed=seed, levels=levels)
        picture = gray(image[None])[0]
        x = cv2.Sobel(picture, cv2.CV_64F, 1, 0)
        y = cv2.Sobel(picture, cv2.CV_64F, 0, 1)
        length = np.hypot(x, y)
        sector = np.floor(np.rad2deg(np.arctan2(y, x)) / 22.5 + 0.5).astype(int) % 8
        shares = np.bincount(sector.ravel(), length.ravel(), 8) / length.sum()
        moments = [np.abs(x).mean(), np.abs(y).mean(), length.mean(), length.std()]
        expected = [*moments, *np.percentile(np.rint(length), [50, 90, 99]), *shares]
        assert list(named(sobel, image).values()) == pytest.approx(expected, rel=1e-5, abs=1e-6)

    def test_percentiles_are_at_most_half_a_level_off(self):
        pictures = noise(40, 23, 31, 3)
        pictures[::2] //= 30  # weak edges as well
        columns = [f"sobel_mag_p{percent}" for percent in (50, 90, 99)]
        for image, picture in zip(pictures, gray(pictures), strict=True):
            length = np.hypot(cv2.Sobel(picture, cv2.CV_64F, 1, 0), cv2.Sobel(picture, cv2.CV_64F, 0, 1))
            values = named(sobel, image)
            exact = np.percentile(length, [50, 90, 99])
            np.testing.assert_allclose([values[name] for name in columns], exact, rtol=1e-6, atol=0.5)

    def test_the_longest_gradient_is_counted_for_its_own_image(self):
        grays = np.zeros((2, 8, 8), np.uint8)
        grays[0, 3, 4:] = grays[0, 4:] = 255
        lengths = np.hypot(*sobel.gradients(grays))
        assert lengths.max() == pytest.approx(np.hypot(510, 1020))
        first, second = sobel.extract(as_rgb(grays), sobel.Options())
        assert first[6] == pytest.approx(np.percentile(np.rint(lengths[0]), 99))
        assert not second.any()

    def test_no_pixels_have_a_longer_gradient_than_documented(self):
        """A length is convex in the pixels: the longest is one of black and white pixels."""
        around = (np.arange(512)[:, None] >> np.arange(9) & 1).astype(np.uint8).reshape(-1, 3, 3) * 255
        longest = max(np.hypot(x[1, 1], y[1, 1]) for x, y in zip(*sobel.gradients(around), strict=True))
        documented = next(column.high for column in sobel.COLUMNS if column.pattern == "sobel_mag_mean")
        assert documented - 1 < longest <= documented

    def test_a_step_has_one_direction(self):
        image = np.zeros((16, 16, 3), np.uint8)
        image[:, 8:] = 200
        values = named(sobel, image)
        assert values["sobel_abs_x"] == 2 * 4 * 200 / 16
        assert values["sobel_abs_y"] == 0
        assert directions(values) == np.eye(8)[0].tolist()
        assert directions(named(sobel, image.transpose(1, 0, 2).copy())) == np.eye(8)[4].tolist()

    @pytest.mark.parametrize("turn", range(8))
    def test_a_ramp_turns_through_all_directions(self, turn):
        angle = np.deg2rad(22.5 * turn)
        rows, columns = np.mgrid[0:64, 0:64] - 31.5
        ramp = 128 + 2 * (np.cos(angle) * columns + np.sin(angle) * rows)
        found = directions(named(sobel, as_rgb(np.rint(ramp).astype(np.uint8))))
        assert found[turn] > 0.9

    def test_a_mirror_swaps_directions(self):
        image = noise(20, 20, 3)
        found = directions(named(sobel, image))
        mirrored = directions(named(sobel, image[:, ::-1].copy()))
        assert mirrored == pytest.approx([found[-number % 8] for number in range(8)], abs=1e-6)

    def test_a_flat_image_has_no_direction(self):
        assert set(named(sobel, np.full((9, 12, 3), 77, np.uint8)).values()) == {0}


class TestCanny:
    def test_shares_of_the_whole_and_its_quarters(self):
        image = noise(25, 31, 3, levels=2)
        found = named(canny, image, thresholds=[[50, 100], [1000, 2000]])
        for low, high in ((50, 100), (1000, 2000)):
            edges = cv2.Canny(gray(image[None])[0], low, high) > 0
            parts = {"all": edges, "tl": edges[:12, :15], "tr": edges[:12, 15:]}
            parts |= {"bl": edges[12:, :15], "br": edges[12:, 15:]}
            for name, part in parts.items():
                assert found[f"canny_{low}_{high}_{name}"] == pytest.approx(part.mean(), abs=1e-7)

    def test_a_square_in_one_quarter(self):
        image = np.zeros((40, 40, 3), np.uint8)
        image[4:14, 24:34] = 255
        found = named(canny, image)
        assert found["canny_100_200_tr"] == pytest.approx(36 / 400, abs=0.02)
        assert found["canny_100_200_tl"] == found["canny_100_200_bl"] == found["canny_100_200_br"] == 0

    @pytest.mark.parametrize(
        ("thresholds", "message"),
        [
            ([[100, 50]], "must not be above"),
            ([[1, 2], [1, 2]], "twice"),
            ([], "at least 1"),
            ([[0, 2041]], "2040"),
        ],
    )
    def test_refuses_senseless_thresholds(self, thresholds, message):
        with pytest.raises(ValueError, match=message):
            canny.Options(thresholds=thresholds)

    def test_edges_of_photos(self, shared_data: Callable[[str], Path]):
        """K19; higher thresholds find a subset."""

        def edges(name: str, *thresholds: tuple[int, int]) -> list[float]:
            photo = cv2.imread(str(shared_data(f"course_images/{name}")))[:, :, ::-1]
            values = named(canny, np.ascontiguousarray(photo), thresholds=thresholds)
            return [values[f"canny_{low}_{high}_all"] * photo[..., 0].size for low, high in thresholds]

        assert edges("brain_MR.jpg", (30, 100), (200, 240)) == pytest.approx([18_086, 7_278], rel=0.01)
        assert edges("sunflower.jpg", (0, 50), (100, 200)) == pytest.approx([114_544, 49_750], rel=0.01)


class TestLocalBinaryPatterns:
    def test_codes_equal_scikit_image(self):
        from skimage.feature import local_binary_pattern as reference

        for grays in (noise(2, 31, 40), noise(1, 8, 9, seed=1), np.full((1, 12, 10), 77, np.uint8)):
            for picture, found in zip(grays, lbp.codes(grays), strict=True):
                assert np.array_equal(found, reference(picture, 8, 1, "uniform"))

    @given(seed=st.integers(0, 999), levels=st.integers(2, 6))
    @settings(max_examples=15)
    def test_differs_from_scikit_image_at_ties_only(self, seed, levels):
        """Of few levels, points as bright as the pixel are common; there floats round, whole numbers do not."""
        from skimage.feature import local_binary_pattern as reference

        picture = noise(20, 24, seed=seed, levels=levels)
        differing = np.argwhere(lbp.codes(picture[None])[0] != reference(picture, 8, 1, "uniform"))
        around = np.pad(picture, 1).astype(int)
        for row, column in differing:
            assert any(
                around[row + 1 + down, column + 1 + right] == picture[row, column]
                and around[row + 1 + down, column + 1] + around[row + 1, column + 1 + right]
                == 2 * around[row + 1, column + 1]
                for down in (-1, 1)
                for right in (-1, 1)
            )

    def test_known_patterns(self):
        picture = np.zeros((9, 9), np.uint8)
        picture[4, 4] = 200
        codes = lbp.codes(picture[None])[0]
        assert codes[4, 4] == 0  # a spot: everything around is darker
        assert codes[0, 0] == codes[8, 4] == 8  # flat, up to the border
        values = named(lbp, as_rgb(picture))
        assert sum(values.values()) == pytest.approx(1)
        assert values["lbp_00"] == pytest.approx(1 / 81)

    def test_turned_by_a_right_angle_the_histogram_stays(self):
        image = noise(24, 24, 3)
        turned = np.rot90(image).copy()
        assert named(lbp, turned) == pytest.approx(named(lbp, image), abs=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("module", [sobel, canny, lbp])
def test_an_image_counts_for_itself(module, shape):
    check_images_count_for_themselves(module, shape, count=20)  # more than are computed at once
