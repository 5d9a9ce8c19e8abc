"""Colour spaces and histograms of whole batches of RGB images, for the feature families."""

import cv2
import numpy as np


def gray(images: np.ndarray) -> np.ndarray:
    """Grey levels .299 R + .587 G + .114 B (`cv2.COLOR_RGB2GRAY`) of uint8 RGB (N, H, W, 3): uint8 (N, H, W)."""
    return _converted(images, cv2.COLOR_RGB2GRAY)


def hsv(images: np.ndarray) -> np.ndarray:
    """Hue 0 to 179, saturation and value 0 to 255 (`cv2.COLOR_RGB2HSV`): uint8 (N, H, W, 3)."""
    return _converted(images, cv2.COLOR_RGB2HSV)


def lab(images: np.ndarray) -> np.ndarray:
    """CIE L*a*b* scaled to bytes (`cv2.COLOR_RGB2Lab`): L * 255 / 100, a + 128, b + 128; uint8 (N, H, W, 3)."""
    return _converted(images, cv2.COLOR_RGB2Lab)


def bin_shares(values: np.ndarray, bins: int, levels: int) -> np.ndarray:
    """Shares of uint8 values (N, P) below `levels` in equal bins; each row sums to 1: float64 (N, bins)."""
    count, pixels = values.shape
    bin_of_level = np.arange(256) * bins // levels
    cells = bin_of_level[values] + (np.arange(count) * bins)[:, None]
    return np.bincount(cells.ravel(), minlength=count * bins).reshape(count, bins) / pixels


def _converted(images: np.ndarray, code: int) -> np.ndarray:
    # colours change pixel by pixel, so a whole batch is one tall picture to OpenCV
    count, height, width, _ = images.shape
    converted = cv2.cvtColor(images.reshape(count * height, width, 3), code)
    return converted.reshape(count, height, width, *converted.shape[2:])
