"""Properties of images with known answers."""

import cv2
import numpy as np
import pytest

from evenlight.properties import NAMES, measure


def _one(image: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, measure([image])[0].tolist(), strict=True))


def _plain(red: int, green: int, blue: int, height: int = 40, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), (red, green, blue), dtype=np.uint8)


def _noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_plain_gray() -> None:
    assert _one(_plain(90, 90, 90)) == {
        "brightness": 90,
        "brightness_p99": 90,
        "contrast": 0,
        "sharpness": 0,
        "saturation": 0,
        "lab_a": 0,
        "lab_b": 0,
        "entropy": 0,
    }


def test_half_black_half_white() -> None:
    image = _plain(0, 0, 0)
    image[:, 30:] = 255
    found = _one(image)
    assert found["brightness"] == 127.5
    assert found["contrast"] == 127.5
    assert found["entropy"] == 1
    assert found["brightness_p99"] == 255
    # two of 60 columns have a Laplacian, +255 and -255: its variance is 255**2 / 30
    assert found["sharpness"] == pytest.approx(np.log1p(255**2 / 30), abs=1e-4)


def test_the_99th_percentile_leaves_one_pixel_in_a_hundred_out() -> None:
    image = _plain(10, 10, 10, 10, 10)
    image[0, 0] = 200
    assert _one(image)["brightness_p99"] == 10
    image[0, 1] = 200
    assert _one(image)["brightness_p99"] == 200


@pytest.mark.parametrize(
    ("color", "name", "sign"),
    [
        ((220, 40, 40), "lab_a", 1),
        ((40, 220, 40), "lab_a", -1),
        ((40, 40, 220), "lab_b", -1),
        ((220, 220, 40), "lab_b", 1),
    ],
)
def test_lab_axes_point_the_right_way(color: tuple[int, int, int], name: str, sign: int) -> None:
    found = _one(_plain(*color))
    assert found[name] * sign > 30
    assert found["saturation"] == pytest.approx(255 * (1 - min(color) / max(color)), abs=1)


def test_blur_lowers_sharpness_and_darkening_lowers_brightness() -> None:
    image = cv2.GaussianBlur(_noise(300, 400), (0, 0), 1)
    blurred = _one(cv2.GaussianBlur(image, (0, 0), 3))
    dark = _one((image * 0.55).astype(np.uint8))
    clear = _one(image)
    assert blurred["sharpness"] < clear["sharpness"] - 1
    assert blurred["brightness"] == pytest.approx(clear["brightness"], abs=1)
    assert dark["brightness"] == pytest.approx(0.55 * clear["brightness"], abs=1)


def test_sharpness_does_not_depend_on_the_number_of_pixels() -> None:
    small = cv2.GaussianBlur(_noise(192, 256), (0, 0), 2)
    large = cv2.resize(small, (1024, 768), interpolation=cv2.INTER_LINEAR)
    assert _one(large)["sharpness"] == pytest.approx(_one(small)["sharpness"], abs=0.3)


def test_a_picture_of_32_pixels_is_not_enlarged() -> None:
    image = _noise(32, 32)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert _one(image)["sharpness"] == pytest.approx(
        np.log1p(cv2.Laplacian(gray, cv2.CV_64F).var()), abs=1e-4
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (3, 700), (257, 256), (65, 64)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    values = measure([_noise(*shape)])
    assert values.shape == (1, len(NAMES))
    assert np.isfinite(values).all()


def test_a_picture_is_measured_alike_alone_and_among_others() -> None:
    images = [_noise(50, 70, 1), _noise(32, 32, 2), _noise(300, 500, 3)]
    together = measure(images)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([measure([image]) for image in images]))


def test_no_pictures() -> None:
    assert measure([]).shape == (0, len(NAMES))
