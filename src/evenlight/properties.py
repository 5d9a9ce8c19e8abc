"""Properties that every image has: light, contrast, sharpness and colour, small enough to measure at each scan.

Gray values are measured after reducing the long side to 256 pixels, so that sharpness compares pictures and not
camera models. Colour is measured after reducing it to about 64, because the saturation of single pixels is mostly
noise in dark pictures. Pictures are never enlarged.

Everything is counted in whole numbers (8-bit conversions, area averages, histograms) and only then turned into
float64, so the results are the same on every machine.
"""

from collections.abc import Sequence

import cv2
import numpy as np

NAMES = (
    "brightness",  # mean gray, 0 to 255
    "brightness_p99",  # gray level that 99 % of the pixels do not exceed, 0 to 255
    "contrast",  # standard deviation of gray (RMS contrast), 0 to 127.5
    "sharpness",  # log(1 + variance of the Laplacian of gray), 0 to about 14
    "saturation",  # mean HSV saturation, 0 to 255
    "lab_a",  # mean green (-128) to red (127)
    "lab_b",  # mean blue (-128) to yellow (127)
    "entropy",  # of the gray levels, 0 to 8 bits
)

_GRAY_SIDE = 256
_COLOR_SIDE = 64
_LEVELS = 256
_DECIMALS = 4  # the last digits of a logarithm may differ between machines


def measure(images: Sequence[np.ndarray]) -> np.ndarray:
    """Properties of RGB uint8 images (H, W, 3) of any sizes: float32 (N, len(NAMES)), columns as in NAMES."""
    histograms = np.empty((len(images), _LEVELS))
    laplacians = np.empty(len(images))
    colors = np.empty((len(images), 3))
    for place, image in enumerate(images):
        gray = _reduced_gray(image)
        histograms[place] = cv2.calcHist([gray], [0], None, [_LEVELS], [0, _LEVELS])[:, 0]
        laplacians[place] = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1][0, 0]
        colors[place] = _mean_color(image)
    columns = _gray_properties(histograms, laplacians)
    columns |= zip(("saturation", "lab_a", "lab_b"), colors.T, strict=True)
    return np.column_stack([columns[name] for name in NAMES]).round(_DECIMALS).astype(np.float32)


def _reduced_gray(image: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    longest = max(height, width)
    if longest <= _GRAY_SIDE:
        return gray
    size = [max(1, round(side * _GRAY_SIDE / longest)) for side in (width, height)]
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def _mean_color(image: np.ndarray) -> tuple[float, float, float]:
    """Mean saturation, Lab a and Lab b."""
    height, width = image.shape[:2]
    # whole blocks, without the last few rows and columns: exact, and six times as fast as fractions of pixels
    block = min(-(-max(height, width) // _COLOR_SIDE), height, width)
    if block > 1:
        size = (width // block, height // block)
        whole = image[: size[1] * block, : size[0] * block]
        image = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    saturation = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))[1]
    lab = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
    return saturation, lab[1] - 128, lab[2] - 128


def _gray_properties(histograms: np.ndarray, laplacians: np.ndarray) -> dict[str, np.ndarray]:
    """The properties that histograms of gray and Laplacians tell: name -> float64 (N,).

    Args:
        histograms: counts of gray levels (N, 256).
        laplacians: standard deviations of the Laplacian (N,).
    """
    levels = np.arange(_LEVELS)
    shares = histograms / histograms.sum(axis=1, keepdims=True)
    mean = (shares * levels).sum(axis=1)
    variance = (shares * levels**2).sum(axis=1) - mean**2
    reached = np.cumsum(histograms, axis=1) * 100 >= 99 * histograms.sum(axis=1, keepdims=True)
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return {
        "brightness": mean,
        "brightness_p99": reached.argmax(axis=1),
        "contrast": np.sqrt(np.maximum(variance, 0)),
        "sharpness": np.log1p(laplacians**2),
        "entropy": -(shares * logarithms).sum(axis=1) + 0.0,  # + 0.0: no negative zero
    }
