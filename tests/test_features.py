"""Feature families: known answers, an independent oracle for HOG, and what holds for every family."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.feature_table import family, family_names
from evenlight.features import brightness, color, hog

FAMILIES = family_names()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def one_color(red: int, green: int, blue: int, height: int = 10, width: int = 7) -> np.ndarray:
    return np.full((1, height, width, 3), (red, green, blue), dtype=np.uint8)


def named(module, images: np.ndarray, **options) -> dict[str, float]:
    """Columns of the first image by name."""
    chosen = module.Options(**options)
    return dict(
        zip(
            module.column_names(chosen, images.shape[1:]),
            module.extract(images, chosen)[0].tolist(),
            strict=True,
        )
    )


class TestBrightness:
    @pytest.mark.parametrize(
        ("rgb", "gray"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29), ((255, 165, 0), 173)]
    )
    def test_pure_colors_are_rgb_not_bgr(self, rgb, gray):
        values = named(brightness, one_color(*rgb))
        assert values["brightness_gray_mean"] == gray
        assert values["brightness_v_mean"] == 255

    @pytest.mark.parametrize("level", [0, 1, 128, 255])
    def test_constant_image(self, level):
        values = named(brightness, one_color(level, level, level))
        spread = {"brightness_v_std", "brightness_gray_std"}
        assert {name: value for name, value in values.items() if name in spread} == dict.fromkeys(spread, 0)
        assert {value for name, value in values.items() if name not in spread} == {level}

    def test_percentiles_and_moments_against_numpy(self):
        images = noise(2, 5, 9, 3)
        value = images[0].max(axis=2).astype(float).ravel()
        values = named(brightness, images)
        assert values["brightness_v_mean"] == pytest.approx(value.mean(), abs=1e-4)
        assert values["brightness_v_std"] == pytest.approx(value.std(), abs=1e-4)
        for percent in (5, 25, 50, 75, 95):
            expected = np.percentile(value, percent)
            assert values[f"brightness_v_p{percent:02d}"] == pytest.approx(expected, abs=1e-4)

    def test_half_black_half_white(self):
        image = np.zeros((1, 4, 4, 3), dtype=np.uint8)
        image[:, 2:] = 255
        values = named(brightness, image)
        assert (values["brightness_v_mean"], values["brightness_v_std"]) == (127.5, 127.5)
        assert (values["brightness_v_p25"], values["brightness_v_p75"]) == (0, 255)


class TestColor:
    @pytest.mark.parametrize(
        ("rgb", "hue_bin"), [((255, 0, 0), 0), ((0, 255, 0), 4), ((0, 0, 255), 8), ((255, 165, 0), 1)]
    )
    def test_pure_colors_fall_into_their_hue(self, rgb, hue_bin):
        values = named(color, one_color(*rgb))
        assert [values[f"color_mean_{channel}"] for channel in "rgb"] == list(rgb)
        assert [values[f"color_h_{number:02d}"] for number in range(12)] == np.eye(12)[hue_bin].tolist()
        assert values["color_s_07"] == values["color_v_07"] == 1

    def test_black_and_white_have_no_saturation(self):
        assert named(color, one_color(0, 0, 0))["color_v_00"] == 1
        white = named(color, one_color(255, 255, 255))
        assert white["color_s_00"] == white["color_v_07"] == 1

    def test_standard_deviation_is_per_channel(self):
        image = np.zeros((1, 2, 2, 3), dtype=np.uint8)
        image[0, 0, :, 1] = 100
        values = named(color, image)
        assert [values[f"color_std_{channel}"] for channel in "rgb"] == [0, 50, 0]

    @given(
        hue=st.integers(2, 180),
        saturation=st.integers(2, 256),
        value=st.integers(2, 256),
        seed=st.integers(0, 9),
    )
    @settings(max_examples=25, deadline=None)
    def test_histograms_sum_to_one(self, hue, saturation, value, seed):
        options = {"hue_bins": hue, "saturation_bins": saturation, "value_bins": value}
        values = named(color, noise(1, 6, 5, 3, seed=seed), **options)
        for channel, bins in (("h", hue), ("s", saturation), ("v", value)):
            shares = [share for name, share in values.items() if name.startswith(f"color_{channel}_")]
            assert len(shares) == bins
            assert sum(shares) == pytest.approx(1, abs=1e-5)
            assert min(shares) >= 0

    def test_two_bins_split_values_in_the_middle(self):
        image = np.array([[[[0] * 3, [127] * 3, [128] * 3, [255] * 3]]], dtype=np.uint8)
        values = named(color, image, value_bins=2)
        assert (values["color_v_00"], values["color_v_01"]) == (0.5, 0.5)


class TestHog:
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
    def test_equals_scikit_image(self, shape, options, channel):
        import cv2
        from skimage.feature import hog as reference

        images = np.concatenate([noise(2, *shape, 3), noise(1, *shape, 3, seed=3) // 200 * 200])
        chosen = hog.Options(channel=channel, **options)
        found = hog.extract(images, chosen)
        layout = {
            "orientations": chosen.bins,
            "pixels_per_cell": (chosen.cell, chosen.cell),
            "cells_per_block": (chosen.block, chosen.block),
            "block_norm": "L2-Hys",
        }
        for image, row in zip(images, found, strict=True):
            if channel == "gray":
                expected = reference(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), **layout)
            else:
                expected = reference(image, channel_axis=2, **layout)
            np.testing.assert_allclose(row, expected, atol=1e-6)

    @pytest.mark.parametrize("bins", range(2, 37))
    def test_every_number_of_bins_draws_borders_as_scikit_image(self, bins):
        from skimage.feature import hog as reference

        levels = np.array([0, 60, 120], dtype=np.uint8)  # many gradients of exactly 0, 45, 90 and 135 degrees
        image = levels[np.random.default_rng(bins).integers(0, 3, size=(16, 16))]
        found = hog.extract(np.stack([image] * 3, axis=-1)[None], hog.Options(cell=8, bins=bins))[0]
        expected = reference(image, orientations=bins, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_steps_fall_into_one_direction(self):
        picture = np.zeros((1, 64, 64, 3), dtype=np.uint8)
        picture[:, :, 32:] = 200
        across = hog.extract(picture, hog.Options()).reshape(-1, 9)
        down = hog.extract(picture.transpose(0, 2, 1, 3).copy(), hog.Options()).reshape(-1, 9)
        assert np.flatnonzero(across.sum(axis=0)).tolist() == [0]
        assert np.flatnonzero(down.sum(axis=0)).tolist() == [4]

    def test_strongest_channel_sees_what_gray_can_not(self):
        image = np.zeros((1, 16, 16, 3), dtype=np.uint8)
        image[..., :8, :] = (255, 0, 0)
        image[..., 8:, :] = (0, 130, 0)  # the same gray, 76
        assert not hog.extract(image, hog.Options()).any()
        assert hog.extract(image, hog.Options(channel="strongest")).any()

    @pytest.mark.parametrize(("height", "width"), [(15, 64), (64, 15)])
    def test_an_image_without_one_block_is_a_sentence(self, height, width):
        with pytest.raises(UserError, match=rf"{height} x {width}.*make `cell` or `block` smaller"):
            hog.column_names(hog.Options(), (height, width, 3))
        with pytest.raises(UserError, match="no block"):
            hog.extract(noise(1, height, width, 3), hog.Options())


OPTIONS = {
    "brightness": st.just({}),
    "color": st.fixed_dictionaries(
        {
            "hue_bins": st.integers(2, 180),
            "saturation_bins": st.integers(2, 256),
            "value_bins": st.integers(2, 256),
        }
    ),
    "hog": st.fixed_dictionaries(
        {
            "cell": st.integers(2, 9),
            "block": st.integers(1, 3),
            "bins": st.integers(2, 36),
            "channel": st.sampled_from(["gray", "strongest"]),
        }
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
class TestEveryFamily:
    def test_has_a_strategy_here(self, name):
        assert name in OPTIONS

    @given(data=st.data(), height=st.integers(8, 40), width=st.integers(8, 40), count=st.integers(1, 3))
    @settings(max_examples=30, deadline=None)
    def test_names_fit_the_values(self, name, data, height, width, count):
        module = family(name)
        options = module.Options(**data.draw(OPTIONS[name]))
        try:
            names = module.column_names(options, (height, width, 3))
        except UserError:
            with pytest.raises(UserError):
                module.extract(noise(count, height, width, 3), options)
            return
        values = module.extract(noise(count, height, width, 3), options)
        assert values.shape == (count, len(names))
        assert values.dtype == np.float32
        assert len(set(names)) == len(names)
        assert all(column.startswith(f"{name}_") for column in names)
        assert np.isfinite(values).all()

    @pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (3, 200, 7)])
    def test_a_constant_image_gives_numbers(self, name, rgb):
        module = family(name)
        values = module.extract(one_color(*rgb, height=24, width=17), module.Options())
        assert np.isfinite(values).all()
        assert np.array_equal(values, module.extract(one_color(*rgb, height=24, width=17), module.Options()))

    def test_an_image_counts_for_itself(self, name):
        """Batch, position and neighbours change no bit."""
        module = family(name)
        images = noise(7, 24, 19, 3)
        images[5] = images[2]
        options = module.Options()
        together = module.extract(images, options)
        alone = np.concatenate([module.extract(images[i : i + 1].copy(), options) for i in range(7)])
        backwards = module.extract(images[::-1].copy(), options)[::-1]
        assert np.array_equal(together, alone)
        assert np.array_equal(together, backwards)
        assert np.array_equal(together[5], together[2])
        assert not np.array_equal(together[5], together[4])

    def test_refuses_an_unknown_option(self, name):
        with pytest.raises(ValueError, match="cel"):
            family(name).Options(cel=4)

    def test_images_are_not_changed(self, name):
        module, images = family(name), noise(2, 24, 24, 3)
        images.flags.writeable = False
        module.extract(images, module.Options())
