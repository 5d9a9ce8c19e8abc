"""Colour: mean and spread of the channels, histograms of hue, saturation and value."""

import cv2
import numpy as np
from pydantic import Field

from evenlight.settings import Settings

_HUE_VALUES = 180  # OpenCV's 8-bit hue
_VALUES = 256


class Options(Settings):
    """Numbers of histogram bins."""

    hue_bins: int = Field(
        12, ge=2, le=180, description="bins of the hue histogram; more separate finer shades"
    )
    saturation_bins: int = Field(8, ge=2, le=256, description="bins of the saturation histogram")
    value_bins: int = Field(8, ge=2, le=256, description="bins of the value (lightness) histogram")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """Names of the columns: means and standard deviations in 0 to 255, histogram shares in 0 to 1."""
    moments = [f"color_{what}_{channel}" for what in ("mean", "std") for channel in "rgb"]
    bins = (("h", options.hue_bins), ("s", options.saturation_bins), ("v", options.value_bins))
    return moments + [f"color_{channel}_{number:02d}" for channel, count in bins for number in range(count)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Colour statistics of RGB uint8 images (N, H, W, 3) as float32 (N, D).

    Histograms are those of `cv2.COLOR_RGB2HSV`, divided by the number of pixels, so each sums to 1.
    """
    count, height, width, _ = images.shape
    pixels = images.reshape(count, height * width, 3)
    hsv = cv2.cvtColor(images.reshape(count * height, width, 3), cv2.COLOR_RGB2HSV).reshape(count, -1, 3)
    histograms = [
        _histogram(hsv[:, :, 0], options.hue_bins, _HUE_VALUES),
        _histogram(hsv[:, :, 1], options.saturation_bins, _VALUES),
        _histogram(hsv[:, :, 2], options.value_bins, _VALUES),
    ]
    return np.column_stack([pixels.mean(axis=1), pixels.std(axis=1), *histograms]).astype(np.float32)


def _histogram(values: np.ndarray, bins: int, levels: int) -> np.ndarray:
    """Shares of uint8 values (N, P) below `levels` in equal bins: float64 (N, bins)."""
    count, pixels = values.shape
    bin_of_level = np.arange(_VALUES) * bins // levels
    cells = bin_of_level[values] + (np.arange(count) * bins)[:, None]
    return np.bincount(cells.ravel(), minlength=count * bins).reshape(count, bins) / pixels
