"""Histograms of hue, saturation and value."""

import math
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import LEVELS, bin_counts, joint_counts, level_counts
from evenlight.settings import Settings

COLUMNS = (
    Column("hsv_hist_h_*", "share of pixels", 0, 1, "hue, from red through green and blue back to red"),
    Column("hsv_hist_s_*", "share of pixels", 0, 1, "saturation, from gray to pure colour"),
    Column("hsv_hist_v_*", "share of pixels", 0, 1, "value (the largest of R, G, B), from dark to light"),
)


class Options(Settings):
    """Numbers of histogram bins."""

    hue_bins: int = Field(
        12, ge=2, le=180, description="bins of the hue histogram; more separate finer shades"
    )
    saturation_bins: int = Field(8, ge=2, le=256, description="bins of the saturation histogram")
    value_bins: int = Field(8, ge=2, le=256, description="bins of the value (lightness) histogram")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`hsv_hist_h_00`, ...: shares of pixels in 0 to 1."""
    return [f"hsv_hist_{name}" for name in bin_names(options)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Histograms (`cv2.COLOR_RGB2HSV`) of RGB uint8 images (N, H, W, 3) as float32 (N, D); each sums to 1."""
    return histograms(images, options)


def bin_names(options: Options) -> list[str]:
    """`h_00`, ..., `s_00`, ..., `v_00`, ...: the bins of `histograms`."""
    bins = (("h", options.hue_bins), ("s", options.saturation_bins), ("v", options.value_bins))
    return [f"{channel}_{number:02d}" for channel, count in bins for number in range(count)]


def histograms(images: np.ndarray, options: Options, rows: int = 1, columns: int = 1) -> np.ndarray:
    """Shares of pixels per bin in every cell of a grid (`level_counts`).

    Args:
        images: RGB uint8 (N, H, W, 3), H >= rows, W >= columns.
        options: numbers of bins.
        rows, columns: cells of the grid.

    Returns:
        float32 (N, cells * bins), cells row by row.
    """
    return by_block(images, lambda block: _block_histograms(block, options, rows, columns))


def _block_histograms(images: np.ndarray, options: Options, rows: int, columns: int) -> np.ndarray:
    count, height, width, _ = images.shape
    bins = [options.hue_bins, options.saturation_bins, options.value_bins]
    planes = pixels.hsv_planes(images)
    # one pass over the pixels instead of three, unless there are more joint bins than pixels to count
    together = rows * columns * math.prod(bins) <= height * width and rows * columns * bins[0] <= LEVELS
    counted = _joint_histograms if together else _single_histograms
    counts = counted(planes, bins, rows, columns)
    shares = [channel / channel.sum(axis=1, keepdims=True) for channel in counts]
    return np.column_stack(shares).reshape(count, -1)


def _joint_histograms(
    planes: Sequence[np.ndarray], bins: Sequence[int], rows: int, columns: int
) -> list[np.ndarray]:
    """Counts per hue, saturation and value bin: three float32 (N * cells, bins)."""
    joint = joint_counts(planes, pixels.HUES, bins, rows, columns)
    of_any_hue = joint.sum(axis=1)
    return [joint.sum(axis=(2, 3)), of_any_hue.sum(axis=2), of_any_hue.sum(axis=1)]


def _single_histograms(
    planes: Sequence[np.ndarray], bins: Sequence[int], rows: int, columns: int
) -> list[np.ndarray]:
    """The same, channel by channel."""
    channels = zip(planes, bins, (pixels.HUES, LEVELS, LEVELS), strict=True)
    return [bin_counts(level_counts(plane, rows, columns), *layout) for plane, *layout in channels]
