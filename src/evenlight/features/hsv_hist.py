"""Histograms of hue, saturation and value."""

import cv2
import numpy as np
from pydantic import Field

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import LEVELS, bin_shares, level_counts
from evenlight.settings import Settings

_HUES = 180  # levels of OpenCV's 8-bit hue

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
    hue, saturation, value = (
        level_counts(channel.reshape(count, height, width), rows, columns)
        for channel in cv2.split(pixels.hsv(images).reshape(count, height * width, 3))
    )
    shares = [
        bin_shares(hue, options.hue_bins, _HUES),
        bin_shares(saturation, options.saturation_bins, LEVELS),
        bin_shares(value, options.value_bins, LEVELS),
    ]
    return np.column_stack(shares).reshape(count, -1)
