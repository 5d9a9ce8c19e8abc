"""Power spectrum: Parseval, waves of known frequency and direction, and an independent oracle."""

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

from evenlight.features import fourier


def wave(side: int, across: float, down: float) -> np.ndarray:
    """Gray uint8 (side, side) of a wave with so many cycles along x and y."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    return np.rint(128 + 100 * np.cos(2 * np.pi * (across * columns + down * rows))).astype(np.uint8)


def angular(values: dict[str, float]) -> list[float]:
    return [values[f"fourier_angular_{number}"] for number in range(8)]


def radial(values: dict[str, float]) -> list[float]:
    return [values[f"fourier_radial_{number:02d}"] for number in range(13)]


def full_spectrum(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power of the windowed picture, and each frequency's radius and angle, from the whole complex transform."""
    height, width = picture.shape
    faded = (picture - picture.mean()) / 255 * np.outer(np.hanning(height), np.hanning(width))
    down, across = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    power = np.abs(np.fft.fft2(faded)) ** 2 / picture.size
    return power, np.hypot(down, across), np.rad2deg(np.arctan2(down, across))


@given(height=st.integers(8, 40), width=st.integers(8, 40), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_rings_equal_the_plain_definition(height, width, seed):
    picture = noise(height, width, seed=seed)
    power, radius, _ = full_spectrum(picture)
    ring = np.minimum((radius / np.sqrt(0.5) * 13).astype(int), 12)
    means = [power[ring == number].mean() if (ring == number).any() else 0 for number in range(13)]
    found = radial(named(fourier, as_rgb(picture)))
    assert found == pytest.approx(np.log(np.array(means) + 1e-6).tolist(), abs=2e-3)


@pytest.mark.parametrize(("height", "width"), [(33, 33), (33, 20), (21, 35)])
def test_sectors_equal_the_plain_definition(height, width):
    """An odd number of rows: no wave runs up and down at once."""
    picture = noise(height, width, seed=3)
    power, radius, angle = full_spectrum(picture)
    sector = np.floor(angle / 22.5 + 0.5).astype(int) % 8
    sums = np.bincount(sector.ravel(), np.where(radius > 0, power, 0).ravel(), 8)
    assert angular(named(fourier, as_rgb(picture))) == pytest.approx((sums / sums.sum()).tolist(), abs=1e-5)


@given(height=st.integers(8, 33), width=st.integers(8, 33))
@settings(max_examples=20)
def test_power_is_kept(height, width):
    """Parseval: what all rings hold is the sum of the squared, faded pixels; sectors hold it but for the mean."""
    picture = noise(height, width, seed=height)
    power, radius, _ = full_spectrum(picture)
    ring = np.minimum((radius / np.sqrt(0.5) * 13).astype(int), 12)
    faded = (picture - picture.mean()) / 255 * np.outer(np.hanning(height), np.hanning(width))
    sums = fourier.spectrum_sums(picture[None])[0].astype(float)
    assert sums[:13] @ np.bincount(ring.ravel(), minlength=13) == pytest.approx((faded**2).sum(), rel=1e-4)
    assert sums[13:].sum() == pytest.approx((faded**2).sum() - power[0, 0], rel=1e-4)


@pytest.mark.parametrize("cycles", [4, 12, 20, 28])
@pytest.mark.parametrize("side", [64, 65])
def test_a_wave_has_its_ring_and_direction(cycles, side):
    values = named(fourier, as_rgb(wave(side, cycles, 0)))
    assert np.argmax(radial(values)) == int(cycles / side / np.sqrt(0.5) * 13)
    # the window spreads a wave over its neighbours, which of few cycles run in other directions
    least = 0.99 if cycles > 4 else 0.6
    assert angular(values)[0] > least
    assert angular(named(fourier, as_rgb(wave(side, 0, cycles))))[4] > least


def test_waves_of_two_frequencies_are_told_apart():
    """K4: 4 and 32 cycles on 128 x 128."""
    coarse, fine = (radial(named(fourier, as_rgb(wave(128, cycles, 0)))) for cycles in (4, 32))
    assert (np.argmax(coarse), np.argmax(fine)) == (0, 4)
    assert coarse[0] - coarse[4] > 5
    assert fine[4] - fine[0] > 5


@pytest.mark.parametrize("turn", range(8))
def test_waves_turn_through_all_sectors(turn):
    angle = np.deg2rad(22.5 * turn)
    found = angular(named(fourier, as_rgb(wave(96, 15 * np.cos(angle), 15 * np.sin(angle)))))
    assert found[turn] > 0.95


@pytest.mark.parametrize("side", [16, 17])
def test_a_mirror_swaps_sectors(side):
    picture = noise(side, side, seed=5)
    found = angular(named(fourier, as_rgb(picture)))
    mirrored = angular(named(fourier, as_rgb(picture[:, ::-1])))
    assert mirrored == pytest.approx([found[-number % 8] for number in range(8)], abs=1e-5)
    assert sum(found) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_image_has_no_wave(level):
    values = named(fourier, np.full((20, 31, 3), level, np.uint8))
    assert angular(values) == [0] * 8
    assert radial(values) == pytest.approx([np.log(1e-6)] * 13)


def test_photos_of_stripes(shared_data: Callable[[str], Path]) -> None:
    stripes = cv2.imread(str(shared_data("course_images/stripes.jpg")))[:, :, ::-1]
    assert angular(named(fourier, np.ascontiguousarray(stripes)))[0] > 0.99


@pytest.mark.parametrize("shape", SHAPES)
def test_an_image_counts_for_itself(shape):
    check_images_count_for_themselves(fourier, shape, count=20)  # more than are computed at once
