"""Images of any size -> one fixed shape and colour space."""

from collections.abc import Sequence

import cv2
import numpy as np

Size = tuple[int, int]

_TO = {"hsv": cv2.COLOR_RGB2HSV, "lab": cv2.COLOR_RGB2LAB, "gray": cv2.COLOR_RGB2GRAY}
_FROM = {"hsv": cv2.COLOR_HSV2RGB, "lab": cv2.COLOR_LAB2RGB, "gray": cv2.COLOR_GRAY2RGB}


def standardize(pixels: np.ndarray, size: Sequence[int], fit: str, color: str) -> np.ndarray:
    """Bring one image to a fixed shape.

    Args:
        pixels: RGB uint8 (h, w, 3).
        size: (height, width) of the result.
        fit: `stretch` (sides change independently), `pad` (the whole picture, its border rows and columns repeated
            to fill the frame, so that brightness statistics stay those of the picture) or `crop` (the largest
            centred part of the right shape).
        color: `rgb`, `hsv` (OpenCV's 8 bits: hue 0 to 179), `lab` or `gray`.

    Returns:
        uint8 (height, width, C), C = 1 for gray, else 3.
    """
    height, width = size
    if fit == "crop":
        pixels = _center_crop(pixels, height, width)
    pixels = _pad(pixels, height, width) if fit == "pad" else resize(pixels, height, width)
    if color == "rgb":
        return pixels
    converted = cv2.cvtColor(pixels, _TO[color])
    return converted.reshape(height, width, -1)


def to_rgb(images: np.ndarray, color: str) -> np.ndarray:
    """Standardized images (N, H, W, C) of a colour space back to RGB uint8 (N, H, W, 3), for features and display."""
    if color == "rgb" or len(images) == 0:
        return images if color == "rgb" else np.zeros((*images.shape[:3], 3), np.uint8)
    return np.stack([cv2.cvtColor(np.ascontiguousarray(image), _FROM[color]) for image in images])


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize with area averaging where a side shrinks and linear interpolation where it grows.

    `cv2.INTER_AREA` alone turns linear, and so aliases, as soon as one of the two sides grows.
    """
    old_height, old_width = pixels.shape[:2]
    shrunk = (min(width, old_width), min(height, old_height))
    if shrunk != (old_width, old_height):
        pixels = cv2.resize(pixels, shrunk, interpolation=cv2.INTER_AREA)
    if shrunk != (width, height):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def _center_crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    old_height, old_width = pixels.shape[:2]
    new_height = min(old_height, max(1, round(old_width * height / width)))
    new_width = min(old_width, max(1, round(old_height * width / height)))
    top, left = (old_height - new_height) // 2, (old_width - new_width) // 2
    return pixels[top : top + new_height, left : left + new_width]


def _pad(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    old_height, old_width = pixels.shape[:2]
    scale = min(height / old_height, width / old_width)
    new_height = min(height, max(1, round(old_height * scale)))
    new_width = min(width, max(1, round(old_width * scale)))
    inner = resize(pixels, new_height, new_width)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    bottom, right = height - new_height - top, width - new_width - left
    return cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE)
