"""Edges found by Canny (1986) at several thresholds: their share of the picture and of its quarters."""

from typing import Annotated

import cv2
import numpy as np
from pydantic import AfterValidator, Field

from evenlight.columns import Column
from evenlight.pixels import gray
from evenlight.settings import Settings

_PARTS = ("all", "tl", "tr", "bl", "br")

COLUMNS = (
    Column(
        "canny_*",
        "share",
        0,
        1,
        "share of pixels on an edge at the two thresholds named: of the picture (all), or of its top left (tl),"
        " top right, bottom left or bottom right quarter",
    ),
)


def _low_then_high(pair: tuple[int, int]) -> tuple[int, int]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first threshold must not be above the second (got {list(pair)})")
    return pair


def _different(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if len(set(pairs)) < len(pairs):
        raise ValueError("the same pair of thresholds twice; remove one")
    return pairs


Threshold = Annotated[int, Field(ge=0, le=2040)]
Thresholds = Annotated[tuple[Threshold, Threshold], AfterValidator(_low_then_high)]


class Options(Settings):
    """Pairs of thresholds."""

    thresholds: Annotated[
        list[Thresholds], Field(min_length=1, max_length=16), AfterValidator(_different)
    ] = Field(
        [(50, 100), (100, 200), (200, 300)],
        description="pairs of gradients (|x| + |y|, Sobel): edges begin at the second and go on down to the first",
    )


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`canny_50_100_all`, ...: thresholds, then the part of the picture; values in 0 to 1."""
    return [f"canny_{low}_{high}_{part}" for low, high in options.thresholds for part in _PARTS]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Shares of edge pixels of RGB uint8 images (N, H, W, 3), on their gray levels, as float32 (N, D).

    The middle line of an odd number of lines counts to the lower or right quarter.
    """
    values = np.empty((len(images), len(options.thresholds), len(_PARTS)), dtype=np.float32)
    for number, picture in enumerate(gray(images)):
        # as inside `cv2.Canny`, once for all thresholds
        along_x, along_y = cv2.spatialGradient(picture, borderType=cv2.BORDER_REPLICATE)
        for place, (low, high) in enumerate(options.thresholds):
            values[number, place] = _shares(cv2.Canny(along_x, along_y, low, high))
    return values.reshape(len(images), -1)


def _shares(edges: np.ndarray) -> list[float]:
    """Shares of pixels that are not zero in (H, W), and in its quarters."""
    height, width = edges.shape
    middle, center = height // 2, width // 2
    quarters = (
        edges[:middle, :center],
        edges[:middle, center:],
        edges[middle:, :center],
        edges[middle:, center:],
    )
    counts = [cv2.countNonZero(quarter) for quarter in quarters]
    shares = [count / quarter.size for count, quarter in zip(counts, quarters, strict=True)]
    return [sum(counts) / edges.size, *shares]
