"""The area of interest: which part of a picture the features and networks see.

To add a method: a module with `Options` (pydantic; a field `method` with its name) and `cut(pixels, options)`, and
an entry in METHODS.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

import numpy as np
from pydantic import Field

from evenlight.formats.orientation import Window
from evenlight.formats.picture import MARGIN
from evenlight.regions import background, color_mask, contour, crop, face, kmeans
from evenlight.regions.background import foreground
from evenlight.regions.cut import Cut, whole
from evenlight.settings import Settings
from evenlight.standardize import (
    Part,
    Standardize,
    inside,
    part_used,
    standardize,
    standardize_reduced,
)

__all__ = ["METHODS", "Cut", "Region", "apply", "foreground", "frame", "needed_size", "needs_full_size"]


class Nothing(Settings):
    """The whole picture."""

    method: Literal["none"] = "none"


@dataclass(frozen=True)
class Method:
    """A method: its options, its function, and whether it must see the picture in its own pixels."""

    options: type[Settings]
    cut: Callable[[np.ndarray, Any], Cut]
    full_size: bool


METHODS = {
    "none": Method(Nothing, lambda pixels, options: whole(pixels), full_size=False),
    "crop": Method(crop.Options, crop.cut, full_size=False),
    "face": Method(face.Options, face.cut, full_size=True),
    "contour": Method(contour.Options, contour.cut, full_size=True),
    "color_mask": Method(color_mask.Options, color_mask.cut, full_size=True),
    "kmeans": Method(kmeans.Options, kmeans.cut, full_size=True),
    # a camera's background is known only when all its images are: see background.py
    "background": Method(background.Options, lambda pixels, options: whole(pixels), full_size=False),
}

Region: Any = Annotated[
    Union[tuple(method.options for method in METHODS.values())],  # noqa: UP007 (a tuple of types)
    Field(discriminator="method"),
]


def apply(pixels: np.ndarray, region: Any) -> Cut:
    """The area of interest of one picture.

    Args:
        pixels: RGB uint8 (H, W, 3), at least 1 x 1; the full size where `needs_full_size` says so.
        region: a `Region`.
    """
    return METHODS[region.method].cut(pixels, region)


def needs_full_size(region: Any) -> bool:
    """Whether the method must see a picture in its own pixels; the others give the same part at any size."""
    return METHODS[region.method].full_size


def frame(
    pixels: np.ndarray, window: Window, full_size: tuple[int, int], region: Any, options: Standardize
) -> np.ndarray:
    """Area of interest and standardizing of one decoded picture, which its decoder may have reduced.

    Args:
        pixels: upright RGB uint8 (h, w, 3), at least of `needed_size`.
        window: which part of them is picture; a JPEG decoder that reduces may fill up the last row and column.
        full_size: upright (height, width) of the whole picture.

    Returns:
        uint8 (H, W, C) as `options` says; for pictures that were reduced, the same to within rounding and the
        difference between a JPEG decoder's way of reducing and area averaging.
    """
    part = _part_used(*full_size, region, options)
    if part is None or pixels.shape[:2] == tuple(full_size):
        return standardize(apply(pixels, region).pixels, options)
    top, left, bottom, right = window
    rows, columns = (bottom - top) / full_size[0], (right - left) / full_size[1]
    box = part.box
    inner = (top + box[0] * rows, left + box[1] * columns, top + box[2] * rows, left + box[3] * columns)
    return standardize_reduced(pixels, inner, part, options)


def needed_size(height: int, width: int, region: Any, options: Standardize) -> tuple[int, int]:
    """The smallest (height, width) to which a decoder may reduce an upright picture of this full size.

    Standardized pixels keep MARGIN decoded ones along each side; where the method or a preparation must see the
    picture in its own pixels, it is the full size.
    """
    part = _part_used(height, width, region, options)
    if part is None:
        return height, width
    top, left, bottom, right = part.box
    return (
        min(height, math.ceil(MARGIN * part.inner[0] * height / (bottom - top))),
        min(width, math.ceil(MARGIN * part.inner[1] * width / (right - left))),
    )


def _part_used(height: int, width: int, region: Any, options: Standardize) -> Part | None:
    """What becomes of a picture of this size; None where it must be seen in its own pixels."""
    if needs_full_size(region):
        return None
    box = crop.box_in((height, width), region) if region.method == "crop" else (0, 0, height, width)
    part = part_used(box[2] - box[0], box[3] - box[1], options)
    return None if part is None else Part(inside(box, part.box), part.inner)
