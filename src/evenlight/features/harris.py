"""Corners by Harris and Stephens (1988): how strong, how many, and where."""

import cv2
import numpy as np
from pydantic import Field

from evenlight.columns import Column
from evenlight.pixels import gray
from evenlight.settings import Settings

_BLOCK, _APERTURE, _K = 2, 3, 0.04

COLUMNS = (
    Column(
        "harris_max", "log1p(response)", 0, np.inf, "strongest corner response R of gray levels in 0 to 1"
    ),
    Column("harris_mean", "log1p(response)", 0, np.inf, "mean absolute response"),
    Column(
        "harris_share_*",
        "share",
        0,
        1,
        "share of pixels whose response exceeds a part of the largest, of the picture (all) or of its top, bottom,"
        " left or right half",
    ),
)


class Options(Settings):
    """What counts as a corner."""

    threshold: float = Field(
        0.1, gt=0, lt=1, description="responses above this part of the picture's largest are corners"
    )


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`harris_max`, `harris_mean`, then shares of corner pixels; all 0 where a picture has no corner."""
    parts = ("all", "top", "bottom", "left", "right")
    return ["harris_max", "harris_mean", *(f"harris_share_{part}" for part in parts)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Corner statistics of RGB uint8 images (N, H, W, 3), on their gray levels, as float32 (N, 7).

    The middle line of an odd number of lines counts to the bottom or right half.
    """
    values = np.empty((len(images), 7), dtype=np.float32)
    middle, center = images.shape[1] // 2, images.shape[2] // 2
    for number, picture in enumerate(gray(images)):
        response = responses(picture)
        found = corners(response, options.threshold)
        parts = (found, found[:middle], found[middle:], found[:, :center], found[:, center:])
        strength = np.log1p([max(float(response.max()), 0.0), float(np.abs(response).mean())])
        values[number] = [*strength, *(np.count_nonzero(part) / part.size for part in parts)]
    return values


def responses(picture: np.ndarray) -> np.ndarray:
    """R = det M - .04 trace(M)^2 of gray uint8 (H, W): float32 (H, W).

    M sums products of Sobel gradients (3 x 3, scaled to 0 to 1) over 2 x 2 pixels (`cv2.cornerHarris`).
    """
    return cv2.cornerHarris(picture, _BLOCK, _APERTURE, _K)


def corners(response: np.ndarray, threshold: float) -> np.ndarray:
    """Where responses (H, W) exceed `threshold` (0 to 1) times the largest; nowhere if all are below 0: bool (H, W)."""
    return response > threshold * response.max()
