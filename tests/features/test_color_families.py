"""Brightness, colour statistics, histograms, colour ranges and thumbnails: known answers, numpy as the oracle."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from family_checks import SHAPES, check_images_count_for_themselves, named, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenlight import pixels
from evenlight.features import (
    brightness,
    color_range,
    hsv_grid,
    hsv_hist,
    hsv_hist3d,
    lab_stats,
    rgb_stats,
    thumb,
)
from evenlight.levels import level_counts, percentiles, wide_level_counts

RED, GREEN, BLUE, ORANGE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 165, 0)
FAMILIES = [brightness, color_range, hsv_grid, hsv_hist, hsv_hist3d, lab_stats, rgb_stats, thumb]


def one_color(color: tuple[int, ...], height: int = 10, width: int = 7) -> np.ndarray:
    return np.full((height, width, 3), color, dtype=np.uint8)


def hsv_of(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int64)


@pytest.mark.parametrize("module", FAMILIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_images_count_for_themselves(module: ModuleType, shape: tuple[int, int]) -> None:
    check_images_count_for_themselves(module, shape)


@pytest.mark.parametrize("module", FAMILIES)
def test_many_small_images_are_as_good_as_few(module: ModuleType) -> None:
    """More images than a block, and than one call, holds."""
    images = noise(2100, 8, 9, 3)
    together = module.extract(images, module.Options())
    for start in (0, 255, 256, 2099):
        assert np.array_equal(together[start], module.extract(images[start : start + 1], module.Options())[0])


@pytest.mark.parametrize(
    ("convert", "code"),
    [(pixels.gray, cv2.COLOR_RGB2GRAY), (pixels.hsv, cv2.COLOR_RGB2HSV), (pixels.lab, cv2.COLOR_RGB2Lab)],
)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=10)
def test_many_images_are_converted_as_one(convert: Any, code: int, height: int, width: int) -> None:
    images = noise(3, height, width, 3)
    expected = [cv2.cvtColor(image, code) for image in images]
    assert np.array_equal(convert(images), expected)


@pytest.mark.parametrize("module", FAMILIES)
def test_images_are_not_changed_and_options_are_known(module: ModuleType) -> None:
    images = noise(2, 24, 24, 3)
    images.flags.writeable = False
    module.extract(images, module.Options())
    with pytest.raises(ValidationError, match="cel"):
        module.Options(cel=4)


class TestBrightness:
    @pytest.mark.parametrize(("rgb", "gray"), [(RED, 76), (GREEN, 150), (BLUE, 29), (ORANGE, 173)])
    def test_pure_colors_are_rgb_not_bgr(self, rgb, gray):
        """K1."""
        values = named(brightness, one_color(rgb))
        assert values["brightness_gray_mean"] == gray
        assert values["brightness_v_mean"] == 255

    @pytest.mark.parametrize("level", [0, 1, 128, 255])
    @pytest.mark.parametrize("side", [7, 49, 64])
    def test_constant_image(self, level, side):
        values = named(brightness, one_color((level,) * 3, side, side))
        spread = {"brightness_v_std", "brightness_gray_std"}
        assert {name: value for name, value in values.items() if name in spread} == dict.fromkeys(spread, 0)
        assert {value for name, value in values.items() if name not in spread} == {level}

    @given(
        seed=st.integers(0, 99),
        height=st.integers(8, 30),
        width=st.integers(8, 30),
        levels=st.sampled_from([2, 5, 256]),
        percents=st.sets(st.integers(0, 100)),
        bright=st.integers(0, 254),
        dark=st.integers(1, 255),
    )
    @settings(max_examples=50)
    def test_numpy_gives_the_same(self, seed, height, width, levels, percents, bright, dark):
        image = noise(height, width, 3, seed=seed, levels=levels)
        options = {"percentiles": sorted(percents), "bright": bright, "dark": dark}
        values = named(brightness, image, **options)
        value = image.max(axis=2)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        moments = [value.mean(), value.std(), gray.mean(), gray.std()]
        np.testing.assert_allclose(list(values.values())[:4], moments, rtol=1e-6)
        for percent in percents:
            # the same bits, not only nearly
            assert values[f"brightness_v_p{percent:02d}"] == np.float32(np.percentile(value, percent))
        assert values["brightness_bright_share"] == np.float32((value > bright).mean())
        assert values["brightness_dark_share"] == np.float32((value < dark).mean())

    @given(seed=st.integers(0, 99), height=st.integers(8, 30), width=st.integers(8, 30))
    @settings(max_examples=10)
    def test_percentiles_are_numpys_to_the_last_bit(self, seed, height, width):
        grays = noise(3, height, width, seed=seed)
        percents = list(range(101))
        found = percentiles(level_counts(grays), percents)
        assert np.array_equal(found, np.percentile(grays.reshape(3, -1), percents, axis=1).T)

    @given(seed=st.integers(0, 99), levels=st.integers(1, 2000), size=st.integers(1, 300))
    @settings(max_examples=10)
    def test_percentiles_of_any_number_of_levels(self, seed, levels, size):
        values = np.random.default_rng(seed).integers(0, levels, (3, size))
        counts = np.stack([np.bincount(row, minlength=levels) for row in values])
        percents = [0, 1, 50, 99, 100]
        assert np.array_equal(percentiles(counts, percents), np.percentile(values, percents, axis=1).T)

    @given(seed=st.integers(0, 99), levels=st.integers(1, 2000), count=st.integers(1, 300))
    @settings(max_examples=10)
    def test_more_levels_than_a_byte_holds(self, seed, levels, count):
        values = np.random.default_rng(seed).integers(0, levels, (count, 50)).astype(np.uint16)
        found = wide_level_counts(values, levels)
        assert found.shape == (count, -(-levels // 256) * 256)
        assert np.array_equal(found, [np.bincount(row, minlength=found.shape[1]) for row in values])

    def test_half_black_half_white(self):
        image = np.zeros((4, 4, 3), dtype=np.uint8)
        image[2:] = 255
        values = named(brightness, image)
        assert (values["brightness_v_mean"], values["brightness_v_std"]) == (127.5, 127.5)
        assert (values["brightness_v_p25"], values["brightness_v_p75"]) == (0, 255)

    def test_nine_columns_unless_asked_for_others(self):
        shape = (16, 16, 3)
        assert len(brightness.column_names(brightness.Options(), shape)) == 9
        asked = brightness.Options(percentiles=[5, 50, 95], bright=230, dark=40)
        assert brightness.column_names(asked, shape)[4:] == [
            *("brightness_v_p05", "brightness_v_p50", "brightness_v_p95"),
            *("brightness_bright_share", "brightness_dark_share"),
        ]

    @pytest.mark.parametrize("percents", [[50, 5], [5, 5], [101], [-1]])
    def test_percentiles_rise_within_a_hundred(self, percents):
        with pytest.raises(ValidationError, match="percentiles"):
            brightness.Options(percentiles=percents)


class TestStatistics:
    @pytest.mark.parametrize(("module", "code"), [(rgb_stats, None), (lab_stats, cv2.COLOR_RGB2Lab)])
    @given(seed=st.integers(0, 99), height=st.integers(8, 60), width=st.integers(8, 60))
    @settings(max_examples=15)
    def test_numpy_gives_the_same(self, module, code, seed, height, width):
        image = noise(height, width, 3, seed=seed)
        colors = (image if code is None else cv2.cvtColor(image, code)).reshape(-1, 3).astype(float)
        expected = [*colors.mean(axis=0), *colors.std(axis=0)]
        np.testing.assert_allclose(list(named(module, image).values()), expected, rtol=1e-6)

    def test_channels_keep_apart(self):
        image = np.zeros((2, 2, 3), dtype=np.uint8)
        image[0, :, 1] = 100
        values = named(rgb_stats, image)
        assert [values[f"rgb_stats_mean_{channel}"] for channel in "rgb"] == [0, 50, 0]
        assert [values[f"rgb_stats_std_{channel}"] for channel in "rgb"] == [0, 50, 0]

    @pytest.mark.parametrize("module", [rgb_stats, lab_stats])
    def test_one_color_has_no_spread(self, module):
        for side in (7, 49, 51, 107):  # sides whose 1 / pixels is no binary fraction
            assert not any(list(named(module, one_color((3, 200, 77), side, side)).values())[3:])

    @pytest.mark.parametrize(
        ("rgb", "lab"),
        [((0, 0, 0), (0, 128, 128)), ((255, 255, 255), (255, 128, 128)), (RED, (136, 208, 195))],
    )
    def test_lab_of_known_colors(self, rgb, lab):
        """White, black and red of sRGB: L* 53.24, a* 80.09, b* 67.20."""
        assert list(named(lab_stats, one_color(rgb)).values()) == [*lab, 0, 0, 0]


class TestHistograms:
    @pytest.mark.parametrize(("rgb", "hue"), [(RED, 0), (GREEN, 60), (BLUE, 120), (ORANGE, 19)])
    def test_pure_colors_fall_into_their_hue(self, rgb, hue):
        """K1."""
        values = named(hsv_hist, one_color(rgb), hue_bins=180)
        assert [values[f"hsv_hist_h_{number:02d}"] for number in range(180)] == np.eye(180)[hue].tolist()
        assert values["hsv_hist_s_07"] == values["hsv_hist_v_07"] == 1

    def test_black_and_white_have_no_saturation(self):
        assert named(hsv_hist, one_color((0, 0, 0)))["hsv_hist_v_00"] == 1
        white = named(hsv_hist, one_color((255, 255, 255)))
        assert white["hsv_hist_s_00"] == white["hsv_hist_v_07"] == 1

    def test_two_bins_split_values_in_the_middle(self):
        image = np.array([[[0] * 3, [127] * 3, [128] * 3, [255] * 3]], dtype=np.uint8)
        values = named(hsv_hist, image, value_bins=2)
        assert (values["hsv_hist_v_00"], values["hsv_hist_v_01"]) == (0.5, 0.5)

    @given(
        hue=st.integers(2, 180),
        saturation=st.integers(2, 256),
        value=st.integers(2, 256),
        rows=st.integers(1, 8),
        columns=st.integers(1, 8),
        shape=st.tuples(st.integers(8, 30), st.integers(8, 30)),
    )
    @settings(max_examples=30)
    def test_cells_sum_to_one_and_are_cut_as_documented(self, hue, saturation, value, rows, columns, shape):
        bins = {"hue_bins": hue, "saturation_bins": saturation, "value_bins": value}
        image = noise(*shape, 3, seed=hue)
        found = named(hsv_grid, image, rows=rows, columns=columns, **bins)
        cells = np.array(list(found.values())).reshape(rows * columns, -1)
        for channel in np.split(cells, [hue, hue + saturation], axis=1):
            np.testing.assert_allclose(channel.sum(axis=1), 1, rtol=1e-5)
        row, column = rows - 1, columns // 2
        top, left = row * shape[0] // rows, column * shape[1] // columns
        right = (column + 1) * shape[1] // columns
        part = named(hsv_hist, np.ascontiguousarray(image[top:, left:right]), **bins)
        assert cells[row * columns + column].tolist() == list(part.values())

    @given(hue=st.integers(2, 180), saturation=st.integers(2, 256), seed=st.integers(0, 9))
    @settings(max_examples=20)
    def test_bins_are_equal_parts_of_the_levels(self, hue, saturation, seed):
        image = noise(16, 16, 3, seed=seed)
        found = named(hsv_hist, image, hue_bins=hue, saturation_bins=saturation)
        levels = hsv_of(image)
        hues = np.bincount(levels[:, 0] * hue // 180, minlength=hue) / 256
        saturations = np.bincount(levels[:, 1] * saturation // 256, minlength=saturation) / 256
        assert list(found.values())[: hue + saturation] == [*hues, *saturations]

    @given(hue=st.integers(2, 36), saturation=st.integers(2, 16), value=st.integers(2, 16))
    @settings(max_examples=20)
    def test_joint_bins(self, hue, saturation, value):
        image = noise(16, 32, 3, seed=hue)
        bins = {"hue_bins": hue, "saturation_bins": saturation, "value_bins": value}
        found = named(hsv_hist3d, image, **bins)
        cells = np.zeros((hue, saturation, value))
        h, s, v = hsv_of(image).T
        np.add.at(cells, (h * hue // 180, s * saturation // 256, v * value // 256), 1 / 512)
        np.testing.assert_allclose(list(found.values()), np.sqrt(cells).ravel(), rtol=1e-6)
        assert sum(share**2 for share in found.values()) == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("bins", range(2, 37))
    def test_no_hue_is_rounded_into_the_next_bin(self, bins):
        every_hue = np.full((6, 180, 3), 255, dtype=np.uint8)
        every_hue[..., 0] = np.arange(180)
        image = cv2.cvtColor(every_hue, cv2.COLOR_HSV2RGB)
        found = np.array(list(named(hsv_hist3d, image, hue_bins=bins).values())).reshape(bins, -1)
        expected = np.bincount(hsv_of(image)[:, 0] * bins // 180, minlength=bins) / (6 * 180)
        np.testing.assert_allclose((found**2).sum(axis=1), expected, rtol=1e-5)

    @pytest.mark.parametrize("bins", [(12, 8, 8), (7, 3, 5), (100, 30, 30), (180, 2, 2)])
    @pytest.mark.parametrize("grid", [(1, 1), (2, 3), (8, 8)])
    def test_many_images_and_cells_are_counted_by_themselves(self, bins, grid):
        """Few joint bins are counted together, many channel by channel; the numbers are those of plain counts."""
        rows, columns = grid
        images = noise(40, 48, 56, 3)
        names = ("hue_bins", "saturation_bins", "value_bins")
        options = hsv_grid.Options(rows=rows, columns=columns, **dict(zip(names, bins, strict=True)))
        found = hsv_grid.extract(images, options).reshape(40, rows * columns, -1)
        for number in (0, 5, 39):
            hsv = hsv_of(images[number]).reshape(48, 56, 3)
            part = hsv[(rows - 1) * 48 // rows :, (columns - 1) * 56 // columns :].reshape(-1, 3)
            levels = zip(part.T, bins, (180, 256, 256), strict=True)
            counts = [np.bincount(level * size // most, minlength=size) for level, size, most in levels]
            assert np.array_equal(
                found[number, -1], np.float32(np.concatenate(counts)) / np.float32(len(part))
            )

    def test_joint_bins_are_named_by_hue_saturation_and_value(self):
        found = named(hsv_hist3d, one_color(BLUE))
        assert [name for name, share in found.items() if share] == ["hsv_hist3d_05_03_03"]
        assert found["hsv_hist3d_05_03_03"] == 1

    def test_cells_are_named_row_by_row(self):
        image = one_color((0, 0, 0), 8, 8)
        image[:4, 4:] = BLUE
        values = named(hsv_grid, image)
        assert len(values) == 112
        assert [values[f"hsv_grid_{cell:02d}_h_08"] for cell in range(4)] == [0, 1, 0, 0]


def octagon() -> np.ndarray:
    """A red stop sign on gray; techniques.md K2."""
    angles = np.pi / 8 + np.arange(8) * np.pi / 4
    corners = np.rint(50 + 40 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.int32)
    image = np.full((100, 100, 3), 200, dtype=np.uint8)
    return cv2.fillPoly(image, [corners], (200, 20, 30))


class TestColorRange:
    def test_stop_sign(self):
        """K2, with the default red."""
        values = named(color_range, octagon(), shape=True)
        assert values["color_range_red_share"] == pytest.approx(0.4613, abs=1e-7)
        assert values["color_range_red_vertices"] == 8
        assert values["color_range_blue_share"] == values["color_range_blue_vertices"] == 0

    def test_the_largest_patch_has_the_corners(self):
        image = octagon()
        image[2:10, 2:30] = (255, 0, 0)  # a smaller red rectangle
        assert named(color_range, image, shape=True)["color_range_red_vertices"] == 8

    def test_channel_mix_up_sees_no_red(self):
        values = named(color_range, octagon()[..., ::-1].copy(), shape=True)
        assert values["color_range_red_share"] == values["color_range_red_vertices"] == 0
        assert values["color_range_blue_share"] > 0.4

    @pytest.mark.parametrize(
        ("hue", "inside"), [(0, True), (10, True), (11, False), (169, False), (170, True), (179, True)]
    )
    def test_red_goes_round(self, hue, inside):
        image = cv2.cvtColor(one_color((hue, 255, 255)), cv2.COLOR_HSV2RGB)
        assert hsv_of(image)[0, 0] == hue
        assert named(color_range, image)["color_range_red_share"] == inside

    def test_own_ranges_in_both_spaces(self):
        image = one_color((10, 20, 30), 10, 10)
        image[:3] = (200, 20, 30)
        ranges = {
            "dark": {"space": "rgb", "low": [0, 0, 0], "high": [10, 20, 30]},
            "reddish": {"low": [170, 0, 0], "high": [10, 255, 255]},
        }
        values = named(color_range, image, ranges=ranges)
        assert list(values) == ["color_range_dark_share", "color_range_reddish_share"]
        np.testing.assert_allclose(list(values.values()), [0.7, 0.3], rtol=1e-6)

    @pytest.mark.parametrize(
        ("ranges", "sentence"),
        [
            ({}, "at least 1"),
            ({"Bad name": {"low": [0, 0, 0], "high": [9, 9, 9]}}, "pattern"),
            ({"x": {"low": [190, 0, 0], "high": [10, 9, 9]}}, "hue goes from 0 to 180"),
            ({"x": {"low": [0, 10, 0], "high": [10, 9, 9]}}, "must not be above"),
        ],
    )
    def test_refuses_ranges_that_are_none(self, ranges, sentence):
        with pytest.raises(ValidationError, match=sentence):
            color_range.Options(ranges=ranges)

    @pytest.mark.parametrize(
        ("name", "limits", "share"),
        [
            ("pizza_bluescreen.jpg", ("rgb", [0, 0, 200], [250, 250, 255]), 337_616 / (514 * 816)),
            ("water_balloons.jpg", ("rgb", [180, 0, 100], [255, 255, 230]), 157_303 / (638 * 960)),
            ("water_balloons.jpg", ("hsv", [160, 0, 0], [180, 255, 255]), 179_130 / (638 * 960)),
            ("car_green_screen2.jpg", ("rgb", [0, 180, 0], [100, 255, 100]), 0.394),
            ("car_green_screen2.jpg", ("hsv", [45, 50, 50], [75, 255, 255]), 0.864),
        ],
    )
    def test_screens_and_balloons(
        self, shared_data: Callable[[str], Path], name: str, limits: Any, share: float
    ):
        """K18."""
        photo = cv2.imread(str(shared_data(f"course_images/{name}")))[..., ::-1].copy()
        space, low, high = limits
        values = named(color_range, photo, ranges={"it": {"space": space, "low": low, "high": high}})
        assert values["color_range_it_share"] == pytest.approx(share, abs=5e-4)


class TestThumb:
    def test_areas_are_averaged(self):
        image = noise(32, 48, 3)
        blocks = image.reshape(8, 4, 8, 6, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(list(named(thumb, image).values()), blocks.ravel(), atol=0.5 + 1e-6)

    def test_columns_are_row_column_channel(self):
        image = np.zeros((64, 64, 3), dtype=np.uint8)
        image[8:16, 24:32, 2] = 80
        values = named(thumb, image)
        assert len(values) == 192
        assert {name: level for name, level in values.items() if level} == {"thumb_01_03_b": 80}

    def test_a_small_image_is_enlarged(self):
        values = named(thumb, one_color((9, 8, 7), 8, 10), side=16)
        assert len(values) == 16 * 16 * 3
        assert set(values.values()) == {9, 8, 7}
