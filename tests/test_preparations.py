"""Preparations: each step's known answers, and promises that hold for pictures of any size."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evenlight.preparations import STEPS, AnyStep, band, prepare

ALL: list[dict[str, Any]] = [
    {"step": "trim"},
    {"step": "trim", "sides": [0.4, 0, 0.55, 0.9]},
    {"step": "resize"},
    {"step": "sharpen", "amount": 2.5, "sigma": 3},
    {"step": "extend", "share": 0.25},
    {"step": "extend", "share": 0.01, "border": "constant", "color": [1, 2, 3]},
    {"step": "negate"},
    {"step": "grayscale"},
    {"step": "denoise", "size": 9},
    {"step": "denoise", "filter": "median", "size": 7},
    {"step": "denoise", "filter": "nonlocal"},
    {"step": "bandpass", "low": 0.1, "high": 0.5},
    {"step": "clahe"},
]
pictures = st.builds(
    lambda height, width, seed: (
        np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    ),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 100),
)


def run(pixels: np.ndarray, **step: Any) -> np.ndarray:
    return prepare(pixels, TypeAdapter(list[AnyStep]).validate_python([step]))


def laplacian_variance(pixels: np.ndarray) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


@pytest.mark.parametrize("step", ALL, ids=lambda step: "-".join(map(str, step.values())))
@given(pixels=pictures)
@settings(max_examples=15)
def test_any_picture_stays_one(step: dict, pixels: np.ndarray) -> None:
    before = pixels.copy()
    result = run(pixels, **step)
    assert result.dtype == np.uint8
    assert result.ndim == 3
    assert result.shape[2] == 3
    assert result.size > 0
    np.testing.assert_array_equal(pixels, before, err_msg="the picture given is not changed")
    np.testing.assert_array_equal(run(pixels, **step), result)
    if step["step"] not in ("trim", "extend"):
        assert result.shape == pixels.shape


def test_every_step_is_among_those_tested() -> None:
    assert {step["step"] for step in ALL} == set(STEPS)


@given(pictures)
def test_negate_twice_changes_nothing(pixels: np.ndarray) -> None:
    once = run(pixels, step="negate")
    assert (once.astype(int) + pixels == 255).all()
    np.testing.assert_array_equal(run(once, step="negate"), pixels)


@given(pictures, st.sampled_from([0.1, 0.25, 1.0]))
def test_trimming_undoes_extending(pixels: np.ndarray, share: float) -> None:
    extended = run(pixels, step="extend", share=share)
    rows, columns = (max(1, round(share * side)) for side in pixels.shape[:2])
    assert extended.shape == (pixels.shape[0] + 2 * rows, pixels.shape[1] + 2 * columns, 3)
    np.testing.assert_array_equal(extended[rows:-rows, columns:-columns], pixels)
    assert (extended[:rows, columns:-columns] == pixels[0]).all()
    assert (extended[rows:-rows, -columns:] == pixels[:, -1:]).all()


def test_extend_with_a_colour(photo: np.ndarray) -> None:
    extended = run(photo, step="extend", share=0.5, border="constant", color=[10, 20, 30])
    assert extended.shape == (48, 80, 3)
    assert (extended[:12] == [10, 20, 30]).all()
    assert (extended[:, -20:] == [10, 20, 30]).all()


def test_trim_by_shares(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(run(photo, step="trim", sides=[0.25, 0.1, 0.5, 0.2]), photo[6:12, 4:32])


def test_trim_finds_noisy_borders_of_different_colours(photo: np.ndarray) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    framed = np.full((29, 45, 3), (200, 30, 90), np.uint8)  # the right side
    framed[:, :9] = 20  # the left side, all the way up
    framed[:5, 9:39] = 0
    framed[25:, 9:39] = 255
    framed[5:25, 9:39] = picture
    framed[0, 12] = framed[3, 20] = 10  # noise
    np.testing.assert_array_equal(run(framed, step="trim"), picture)
    assert run(framed, step="trim", tolerance=5).shape[0] > 20, "with less tolerance the noise is picture"
    np.testing.assert_array_equal(run(photo, step="trim", tolerance=0), photo)


def test_trim_leaves_a_picture_of_one_colour() -> None:
    gray = np.full((20, 30, 3), 77, np.uint8)
    np.testing.assert_array_equal(run(gray, step="trim"), gray)
    gray[:10] = 200  # two of them: half is border, the other half is what is left
    assert run(gray, step="trim").shape == gray.shape


def test_grayscale(photo: np.ndarray) -> None:
    gray = run(photo, step="grayscale")
    assert (gray == cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None]).all()


def test_sharpen_adds_what_a_blur_takes_away() -> None:
    edge = np.full((32, 32, 3), 50, np.uint8)
    edge[:, 16:] = 150
    blurred = cv2.GaussianBlur(edge, (0, 0), 2).astype(int)
    for amount in (0.5, 1.0, 1.7):
        expected = np.clip(edge + amount * (edge - blurred), 0, 255)
        assert np.abs(run(edge, step="sharpen", amount=amount, sigma=2) - expected).max() <= 0.6
    flat = np.full((32, 32, 3), 50, np.uint8)
    np.testing.assert_array_equal(run(flat, step="sharpen", amount=5), flat)


def test_sharpen_clips_instead_of_turning_over() -> None:
    edge = np.zeros((16, 16, 3), np.uint8)
    edge[:, 8:] = 255
    np.testing.assert_array_equal(run(edge, step="sharpen", amount=10), edge)


def test_median_removes_specks_and_keeps_edges() -> None:
    edge = np.zeros((32, 32, 3), np.uint8)
    edge[:, 16:] = 200
    specked = edge.copy()
    specked[5, 5] = specked[20, 25] = 255
    np.testing.assert_array_equal(run(specked, step="denoise", filter="median", size=3), edge)


def test_nonlocal_smooths_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 6, (48, 48, 3))
    clean = np.full((48, 48, 3), 60.0)
    clean[:, 24:] = 180
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    result = run(noisy, step="denoise", filter="nonlocal", strength=12)
    assert np.abs(result - clean).mean() < 0.6 * np.abs(noisy - clean).mean()


def test_clahe_raises_low_contrast() -> None:
    dim = np.random.default_rng(0).integers(100, 110, (64, 64, 3)).astype(np.uint8)
    assert run(dim, step="clahe").std() > 1.5 * dim.std()


# band-pass: techniques.md K4


def test_band_separates_two_waves() -> None:
    """4 and 32 cycles on 128 x 128: radii 16 and 48 of 64 are a quarter and three quarters of the finest pattern."""
    position = np.arange(128) * 2 * np.pi / 128
    coarse, fine = (
        np.broadcast_to(np.sin(4 * position), (128, 128)),
        np.sin(32 * position)[:, None] * np.ones(128),
    )
    mixed = coarse + fine + 3
    assert np.abs(band(mixed, 0, 0.25) - coarse - 3).max() < 1e-13
    assert np.abs(band(mixed, 0.25, 0.75) - fine).max() < 1e-13
    assert np.abs(band(mixed, 0.75, 1.5)).max() < 1e-13
    for turned in (mixed, mixed.T):
        assert np.abs(band(turned, 0.45, 0.55)).max() > 0.99, "32 of 64, in either direction"
        assert np.abs(band(turned, 0.05, 0.07)).max() > 0.99, "4 of 64"


@given(pictures)
@settings(max_examples=25)
def test_bands_add_up(pixels: np.ndarray) -> None:
    values = pixels[..., 0].astype(float)
    parts = sum(band(values, low, high) for low, high in ((0, 0.3), (0.3, 0.9), (0.9, 1.5)))
    assert np.abs(parts - values).max() < 1e-9
    np.testing.assert_array_equal(run(pixels, step="bandpass", low=0, high=1.5), pixels)


def test_band_without_the_mean_is_around_mid_gray() -> None:
    wave = np.rint(60 + 40 * np.sin(np.arange(64) * 2 * np.pi * 8 / 64))[None, :, None]
    pixels = np.broadcast_to(wave, (64, 64, 3)).astype(np.uint8)
    result = run(pixels, step="bandpass", low=0.1)
    assert abs(result.mean() - 128) < 0.5
    assert np.abs(result.astype(int) - 128 - (pixels.astype(int) - 60)).max() <= 1


# real pictures


def test_gaussian_on_a_brain_scan(shared_data: Any) -> None:
    file = shared_data("course_images/brain_MR.jpg")
    scan = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    smooth = run(scan, step="denoise", size=9)
    assert cv2.cvtColor(scan, cv2.COLOR_RGB2GRAY).std() == pytest.approx(37.73, abs=0.02)
    assert cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY).std() == pytest.approx(35.81, abs=0.02)
    assert laplacian_variance(scan) == pytest.approx(72.63, abs=0.1)
    assert laplacian_variance(smooth) == pytest.approx(7.77, abs=0.05)


# settings


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"step": "denoise", "size": 4}, "must be odd"),
        ({"step": "bandpass", "low": 0.5, "high": 0.5}, "`low` must be less than `high`"),
        ({"step": "trim", "sides": [0.5, 0, 0.5, 0]}, "leave something between"),
        ({"step": "trim", "sides": [0.5, 0]}, "at least 4 items"),
        ({"step": "sharpen", "amount": 0}, "greater than 0"),
        ({"step": "sharpen", "amount": float("nan")}, "finite"),
    ],
)
def test_mistakes(step: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        run(np.zeros((4, 4, 3), np.uint8), **step)
