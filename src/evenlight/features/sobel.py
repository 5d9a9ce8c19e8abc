"""Gradients by the Sobel operator: how strong edges are, and which way brightness changes.

Gradients of 8-bit images are whole numbers from -1020 to 1020. They are computed as such, so negative ones are kept
and the numbers equal `cv2.Sobel(..., CV_32F)` exactly; computed in uint8, a third of them would be lost.
"""

import cv2
import numpy as np

from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import percentiles, wide_level_counts
from evenlight.pixels import gray
from evenlight.settings import Settings

_PERCENTILES = [50, 90, 99]
_BINS = 8
_TURNS = 4
# between sectors around 0, 22.5, 45, 67.5 and 90 degrees
_SLOPES = np.tan(np.deg2rad([11.25, 33.75, 56.25, 78.75])).astype(np.float32)
_MOST = 1020.0  # 4 * 255, along one axis
# rounded up; of pixels at a black and white corner, for no 3 x 3 pixels reach 1020 along both axes
_MOST_MAGNITUDE = 1141.0

COLUMNS = (
    Column("sobel_abs_?", "gray levels", 0, _MOST, "mean absolute gradient along x or y, times 8 per pixel"),
    Column("sobel_mag_mean", "gray levels", 0, _MOST_MAGNITUDE, "mean length of the gradient"),
    Column("sobel_mag_std", "gray levels", 0, _MOST_MAGNITUDE, "its standard deviation over the pixels"),
    Column(
        "sobel_mag_p*",
        "gray levels",
        0,
        _MOST_MAGNITUDE,
        "its percentiles, of lengths rounded to whole levels",
    ),
    Column(
        "sobel_dir_?",
        "share",
        0,
        1,
        "share of all gradient lengths whose axis lies around n * 22.5 degrees; 0 is a change along x,"
        " 2 along the diagonal to the lower right, 4 along y",
    ),
)


class Options(Settings):
    """Sobel gradients have no options."""


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`sobel_abs_x`, ...: see `COLUMNS`; the directions of an image sum to 1, or are 0 where it is flat."""
    percentiles = [f"sobel_mag_p{percent}" for percent in _PERCENTILES]
    directions = [f"sobel_dir_{number}" for number in range(_BINS)]
    return ["sobel_abs_x", "sobel_abs_y", "sobel_mag_mean", "sobel_mag_std", *percentiles, *directions]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Gradient statistics of RGB uint8 images (N, H, W, 3), on their gray levels, as float32 (N, 15).

    Percentiles (`numpy.percentile`) are those of lengths rounded to whole gray levels, as the pixels themselves are:
    counting is several times faster than sorting, and at most half a level away.
    """
    return by_block(images, lambda some: _statistics(*gradients(gray(some)))).astype(np.float32)


def gradients(grays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives along x and y of uint8 (N, H, W): two int16 (N, H, W), borders reflected (`cv2.Sobel`, 3 x 3)."""
    along_x = np.empty(grays.shape, dtype=np.int16)
    along_y = np.empty(grays.shape, dtype=np.int16)
    for number, picture in enumerate(grays):
        cv2.spatialGradient(picture, along_x[number], along_y[number])
    return along_x, along_y


def _statistics(along_x: np.ndarray, along_y: np.ndarray) -> np.ndarray:
    """The columns for int16 gradients (N, H, W): float64 (N, 15)."""
    x = np.abs(along_x).reshape(len(along_x), -1).astype(np.float32)
    y = np.abs(along_y).reshape(len(along_y), -1).astype(np.float32)
    magnitudes = x * x
    magnitudes += y * y
    np.sqrt(magnitudes, out=magnitudes)
    # |a| steeper than each border between two sectors: the number of the sector in a quarter of the circle
    sectors = np.zeros(x.shape, dtype=np.uint8)
    limit = np.empty_like(x)
    steeper = np.empty(x.shape, dtype=np.bool_)
    for slope in _SLOPES:
        np.multiply(x, slope, out=limit)
        np.greater(y, limit, out=steeper)
        sectors += steeper.view(np.uint8)
    # of different signs: the axis lies in the other quarter, in sector -n; ones' complement needs no branch
    falling = ((along_x ^ along_y) >> 15).astype(np.uint8).reshape(x.shape)
    directions = _shares(magnitudes, ((sectors ^ falling) - falling) & (_BINS - 1))
    mean = magnitudes.mean(axis=1, keepdims=True)
    moments = [x.mean(axis=1), y.mean(axis=1), mean, magnitudes.std(axis=1, mean=mean)]
    counts = wide_level_counts((magnitudes + np.float32(0.5)).astype(np.uint16), int(_MOST_MAGNITUDE) + 1)
    return np.column_stack([*moments, percentiles(counts, _PERCENTILES), directions])


def _shares(weights: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Share of the weights, float32 (N, P), in each bin, uint8 (N, P): float64 (N, 8), rows of zeros if all are 0."""
    # neighbours are often in one bin, and one sum waits for the other: four sums of a bin take turns. Lengths of at
    # least 1 are multiples of 2**-23, so sums below 2**30 are exact and their order does not matter
    pixels = bins.shape[1]
    turns = np.tile(np.arange(0, _TURNS * _BINS, _BINS, dtype=np.uint8), pixels // _TURNS + 1)[:pixels]
    pairs = zip(bins + turns, weights, strict=True)
    sums = np.stack([np.bincount(bin_, weight, _TURNS * _BINS) for bin_, weight in pairs])
    sums = sums.reshape(-1, _TURNS, _BINS).sum(axis=1)
    totals = sums.sum(axis=1, keepdims=True)
    return np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
