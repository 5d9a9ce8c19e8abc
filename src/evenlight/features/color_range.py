"""How much of the picture has a named colour, and how many corners its largest patch has.

The stop-sign recipe: much red, and a red patch of eight corners.
"""

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field, StringConstraints

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.color_limits import ColorLimits, inside
from evenlight.columns import Column
from evenlight.settings import Settings

_PRECISION = 0.02  # of a polygon around a patch, as a share of the patch's perimeter

RangeName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]*$", max_length=40)]

COLUMNS = (
    Column("color_range_*_share", "share of pixels", 0, 1, "pixels whose colour lies in the range"),
    Column(
        "color_range_*_vertices",
        "corners",
        0,
        np.inf,
        "corners of the largest patch in the range, 0 for none",
    ),
)


_TRAFFIC_AND_SCREENS = {
    "red": ColorLimits(low=[170, 100, 60], high=[10, 255, 255]),
    "yellow": ColorLimits(low=[20, 100, 60], high=[35, 255, 255]),
    "blue": ColorLimits(low=[95, 100, 60], high=[130, 255, 255]),
    "green_screen": ColorLimits(low=[45, 50, 50], high=[75, 255, 255]),
}


class Options(Settings):
    """Named ranges of colours."""

    ranges: dict[RangeName, ColorLimits] = Field(
        _TRAFFIC_AND_SCREENS,
        min_length=1,
        description="name (small letters, digits, `_`): lowest and highest colour",
    )
    shape: bool = Field(False, description="count the corners of the largest patch of every range, too")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`color_range_<name>_share` in 0 to 1; with `shape`, each followed by `color_range_<name>_vertices`."""
    whats = ["share", "vertices"] if options.shape else ["share"]
    return [f"color_range_{name}_{what}" for name in options.ranges for what in whats]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Shares of colour ranges (and corners) of RGB uint8 images (N, H, W, 3) as float32 (N, D)."""
    return by_block(images, lambda block: _block_ranges(block, options)).astype(np.float32)


def _block_ranges(images: np.ndarray, options: Options) -> np.ndarray:
    count, height, width, _ = images.shape
    spaces = {"rgb": images}
    if any(limits.space == "hsv" for limits in options.ranges.values()):
        spaces["hsv"] = pixels.hsv(images)
    columns = []
    for limits in options.ranges.values():
        colors = spaces[limits.space].reshape(count, height * width, 3)
        masks = inside(colors, limits).reshape(count, height, width)
        columns.append(np.array([np.count_nonzero(mask) / mask.size for mask in masks]))
        if options.shape:
            columns.append(np.array([_vertices(mask) for mask in masks]))
    return np.column_stack(columns)


def _vertices(mask: np.ndarray) -> int:
    """Corners of the polygon around the largest patch of a bool (H, W) mask (`cv2.approxPolyDP`)."""
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return 0
    largest = max(outlines, key=cv2.contourArea)
    return len(cv2.approxPolyDP(largest, _PRECISION * cv2.arcLength(largest, True), True))
