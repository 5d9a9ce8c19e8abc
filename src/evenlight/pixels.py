"""Colour spaces of whole batches of RGB images, for the feature families."""

import cv2
import numpy as np

HUES = 180  # levels of 8-bit hue


def gray(images: np.ndarray) -> np.ndarray:
    """Grey levels .299 R + .587 G + .114 B (`cv2.COLOR_RGB2GRAY`) of uint8 RGB (N, H, W, 3): uint8 (N, H, W)."""
    return _converted(images, cv2.COLOR_RGB2GRAY)


def hsv(images: np.ndarray) -> np.ndarray:
    """Hue 0 to 179, saturation and value 0 to 255 (`cv2.COLOR_RGB2HSV`): uint8 (N, H, W, 3)."""
    return _converted(images, cv2.COLOR_RGB2HSV)


def hsv_planes(images: np.ndarray) -> list[np.ndarray]:
    """The same as three planes: uint8 (N, H, W) each."""
    count, height, width, _ = images.shape
    planes = cv2.split(hsv(images).reshape(count, height * width, 3))
    return [plane.reshape(count, height, width) for plane in planes]


def lab(images: np.ndarray) -> np.ndarray:
    """CIE L*a*b* scaled to bytes (`cv2.COLOR_RGB2Lab`): L * 255 / 100, a + 128, b + 128; uint8 (N, H, W, 3)."""
    return _converted(images, cv2.COLOR_RGB2Lab)


def _converted(images: np.ndarray, code: int) -> np.ndarray:
    # colours change pixel by pixel; to OpenCV an image is one long row, since short rows cost it time
    count, height, width, _ = images.shape
    converted = cv2.cvtColor(images.reshape(count, height * width, 3), code)
    return converted.reshape(count, height, width, *converted.shape[2:])
