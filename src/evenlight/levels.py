"""Counts, moments and percentiles of the whole levels of images, for the feature families."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

LEVELS = 256


def level_counts(images: np.ndarray, rows: int = 1, columns: int = 1) -> np.ndarray:
    """How many pixels have each level, in every cell of a grid.

    Cell i of n begins at pixel floor(i * side / n).

    Args:
        images: uint8 (N, H, W) of at most 2**24 pixels each, with H >= rows and W >= columns.
        rows, columns: cells of the grid, at most 256 in all.

    Returns:
        float32 (N * rows * columns, 256), image by image and its cells row by row; whole numbers.
    """
    count, cells = len(images), rows * columns
    counts = np.empty((count * cells, LEVELS), dtype=np.float32)
    # one joint histogram of cell number and level counts many images in one call
    step = LEVELS // cells
    for start in range(0, count, step):
        some = np.ascontiguousarray(images[start : start + step])
        numbers = _cell_numbers(some.shape, rows, columns)
        first, size = start * cells, len(some) * cells
        counts[first : first + size] = cv2.calcHist(
            [numbers, some.reshape(len(some), -1)], [0, 1], None, [size, LEVELS], [0, size, 0, LEVELS]
        )
    return counts


def joint_counts(
    channels: Sequence[np.ndarray],
    levels: int,
    bins: Sequence[int],
    rows: int = 1,
    columns: int = 1,
) -> np.ndarray:
    """How many pixels fall into each joint bin of three channels, in every cell of a grid (`level_counts`).

    Args:
        channels: three uint8 (N, H, W) of at most 2**24 pixels each, with H >= rows and W >= columns.
        levels: of the first channel, at most 256; the others have 256. Bin i of n begins at level i * levels / n,
            rounded up.
        bins: of each channel; rows * columns times the first at most 256.
        rows, columns: cells of the grid.

    Returns:
        float32 (N * rows * columns, *bins), image by image and its cells row by row; whole numbers.
    """
    count, cells = len(channels[0]), rows * columns
    counts = np.empty((count * cells, *bins), dtype=np.float32)
    bin_of = (np.arange(LEVELS) * bins[0] // levels).astype(np.uint8)
    # cell number and first bin are one axis of a histogram of many images, for there are at most three fast axes
    step = LEVELS // (cells * bins[0])
    for start in range(0, count, step):
        first, *others = (np.ascontiguousarray(channel[start : start + step]) for channel in channels)
        size = len(first) * cells
        codes = cv2.LUT(first.reshape(len(first), -1), bin_of)
        codes += _cell_numbers(first.shape, rows, columns, bins[0])
        counts[start * cells : start * cells + size] = cv2.calcHist(
            [codes, *(other.reshape(codes.shape) for other in others)],
            [0, 1, 2],
            None,
            [size * bins[0], *bins[1:]],
            [0, size * bins[0], 0, LEVELS, 0, LEVELS],
        ).reshape(size, *bins)
    return counts


@lru_cache(maxsize=8)
def _cell_numbers(shape: tuple[int, int, int], rows: int, columns: int, step: int = 1) -> np.ndarray:
    """Number of the image and cell of every pixel, times `step`: uint8 (N, H * W)."""
    count, height, width = shape
    row_of = (np.arange(height) * rows + rows - 1) // height
    column_of = (np.arange(width) * columns + columns - 1) // width
    cell_of = np.add.outer(row_of * columns, column_of).reshape(-1)
    numbers = np.add.outer(np.arange(count) * rows * columns, cell_of)
    return (numbers * step).astype(np.uint8)


def wide_level_counts(values: np.ndarray, levels: int) -> np.ndarray:
    """How many values have each level, where a byte does not hold them.

    Args:
        values: uint16 (N, P) below `levels`, P at most 2**24.
        levels: at most 2**16.

    Returns:
        float32 (N, M), M the next multiple of 256 from `levels` on; whole numbers.
    """
    count, pixels = values.shape
    # a joint histogram of the high and the low byte; as in `joint_counts`, the image's number is part of the first
    highs = -(-levels // LEVELS)
    counts = np.empty((count, highs * LEVELS), dtype=np.float32)
    step = LEVELS // highs
    for start in range(0, count, step):
        some = values[start : start + step]
        high = (some >> 8).astype(np.uint8)
        high += _cell_numbers((len(some), 1, pixels), 1, 1, highs)
        size = len(some) * highs
        found = cv2.calcHist(
            [high, some.astype(np.uint8)], [0, 1], None, [size, LEVELS], [0, size, 0, LEVELS]
        )
        counts[start : start + step] = found.reshape(len(some), -1)
    return counts


def bin_counts(counts: np.ndarray, bins: int, levels: int = LEVELS) -> np.ndarray:
    """Level counts (N, 256) below `levels`, summed up in equal bins (`joint_counts`): float32 (N, bins)."""
    return counts @ _members(bins, levels)


@lru_cache(maxsize=8)
def _members(bins: int, levels: int) -> np.ndarray:
    """1 where a level lies in a bin: float32 (256, bins)."""
    members = np.zeros((LEVELS, bins), dtype=np.float32)
    level = np.arange(levels)
    members[level, level * bins // levels] = 1
    return members


def mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of every channel (`cv2.meanStdDev`).

    Args:
        images: uint8 (N, H, W) or (N, H, W, C) with C up to 4.

    Returns:
        Two float64 (N, C); the spread of an image of one level is exactly 0.
    """
    pixels = images.shape[1] * images.shape[2]
    rough = np.array([cv2.meanStdDev(image) for image in images])[..., 0]
    mean, std = rough[:, 0], rough[:, 1]
    # OpenCV multiplies with a rounded 1 / pixels; the whole numbers it has summed up are near
    sums = np.rint(mean * pixels)
    squares = np.rint((std**2 + mean**2) * pixels)
    mean = sums / pixels
    return mean, np.sqrt(np.maximum(squares / pixels - mean**2, 0))


def percentiles(counts: np.ndarray, percents: list[int]) -> np.ndarray:
    """Percentiles of level counts (N, levels), interpolated linearly as `numpy.percentile` does.

    There is at least one image, and all have the same number of pixels. float64 (N, percentiles).
    """
    # one rising line of counts for all images, so that one search finds all
    up_to = np.cumsum(counts.astype(np.int64))
    pixels = int(up_to[-1]) // len(counts)
    first = np.arange(len(counts), dtype=np.int64)[:, None]

    def level_at(ranks: np.ndarray) -> np.ndarray:
        places = np.searchsorted(up_to, first * pixels + ranks, side="right")
        return (places - first * counts.shape[1]).astype(np.float64)

    rank = np.array(percents) / 100 * (pixels - 1)
    below = np.floor(rank).astype(np.int64)
    low, high = level_at(below), level_at(np.minimum(below + 1, pixels - 1))
    weight = rank - below
    # the nearer end is the start, as in numpy, so that equal bits come out
    return np.where(weight < 0.5, low + (high - low) * weight, high - (high - low) * (1 - weight))
