"""Power spectrum: how coarse or fine a picture is, and along which directions it changes.

The fast Fourier transform of the picture's gray levels, its mean taken away and its border faded out by a Hann window
(else the jump from one border to the opposite one would look like fine detail).
"""

from functools import lru_cache

import cv2
import numpy as np

from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.pixels import gray
from evenlight.settings import Settings

_RINGS = 13
_SECTORS = 8
_LARGEST = np.sqrt(0.5)  # cycles per pixel, in the corner of the spectrum
_EPSILON = 1e-6  # power: under that of one gray level at one pixel, so that flat pictures have a logarithm

COLUMNS = (
    Column(
        "fourier_radial_*",
        "log(power)",
        float(np.log(_EPSILON)),
        np.inf,
        "natural logarithm of the mean power at frequencies from n to n + 1 thirteenths of the highest,"
        " .707 cycles per pixel; of gray levels in 0 to 1; the lowest value where there are no such frequencies",
    ),
    Column(
        "fourier_angular_?",
        "share",
        0,
        1,
        "share of the power of waves that run at around n * 22.5 degrees; 0 runs along x, 2 to the lower right,"
        " 4 along y",
    ),
)


class Options(Settings):
    """The power spectrum has no options."""


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`fourier_radial_00`, ...: see `COLUMNS`; shares sum to 1, or are 0 where the image is flat."""
    return [f"fourier_radial_{number:02d}" for number in range(_RINGS)] + [
        f"fourier_angular_{number}" for number in range(_SECTORS)
    ]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Ring and sector sums of the spectra of RGB uint8 images (N, H, W, 3), as float32 (N, 21)."""
    sums = by_block(images, lambda some: spectrum_sums(gray(some)))
    rings, sectors = sums[:, :_RINGS], sums[:, _RINGS:]
    totals = sectors.sum(axis=1, keepdims=True)
    shares = np.divide(sectors, totals, out=np.zeros_like(sectors), where=totals > 0)
    return np.column_stack([np.log(rings + np.float32(_EPSILON)), shares])


def spectrum_sums(grays: np.ndarray) -> np.ndarray:
    """Mean power per ring and total power per sector of uint8 (N, H, W): float32 (N, 13 + 8).

    Pictures have at most 2**23 pixels, so that their sums are 32-bit integers.
    Power is |DFT|^2 / (H W), so it does not grow with the picture (Parseval: its sum is that of the squared pixels).
    """
    from scipy import fft

    count, height, width = grays.shape
    sums = cv2.reduce(grays.reshape(count, -1), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    means = sums.reshape(-1, 1, 1) * (1 / (height * width))
    faded = grays.astype(np.float32)
    faded -= means.astype(np.float32)
    faded *= _window(height, width)
    # `fft.rfft2` in its two steps, the second in place
    spectra = fft.fft(fft.rfft(faded, axis=2, workers=1), axis=1, overwrite_x=True, workers=1)
    parts = spectra.view(np.float32)
    parts *= parts
    power = parts[..., ::2] + parts[..., 1::2]
    # a product of the matrix and one vector per image: in a product of two matrices, the last digits of an image
    # would depend on how many there are
    return (_bins(height, width) @ power.reshape(count, -1, 1))[:, :, 0]


@lru_cache(maxsize=4)
def _window(height: int, width: int) -> np.ndarray:
    """The Hann window, divided by 255 for gray levels in 0 to 1: float32 (H, W)."""
    return (np.outer(np.hanning(height), np.hanning(width)) / 255).astype(np.float32)


@lru_cache(maxsize=4)
def _bins(height: int, width: int) -> np.ndarray:
    """What the power at each frequency adds to each ring and sector: float32 (13 + 8, H (W // 2 + 1))."""
    rows = np.repeat(np.fft.fftfreq(height), width // 2 + 1)
    columns = np.tile(np.fft.rfftfreq(width), height)
    # a real transform leaves out the mirrored half: all but the first and, of an even number, the last column
    times = np.where((columns == 0) | (columns == 0.5), 1.0, 2.0)
    ring = np.minimum((np.hypot(rows, columns) / _LARGEST * _RINGS).astype(np.int64), _RINGS - 1)
    bins = np.zeros((times.size, _RINGS + _SECTORS))
    every = np.arange(times.size)
    bins[every, ring] = times / np.bincount(ring, times, _RINGS)[ring]
    # half a cycle per pixel runs up as well as down: half of its power to each direction
    for down in (rows, np.abs(rows, out=rows.copy(), where=rows == -0.5)):
        sector = np.rint(np.arctan2(down, columns) / np.pi * _SECTORS).astype(np.int64) % _SECTORS
        bins[every, _RINGS + sector] += times / 2
    bins[0, _RINGS:] = 0  # the mean has no direction
    return np.ascontiguousarray(bins.T / (height * width), dtype=np.float32)
