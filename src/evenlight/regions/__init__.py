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

from evenlight.regions import background, color_mask, contour, crop, face, kmeans
from evenlight.regions.background import foreground
from evenlight.regions.cut import Cut, whole
from evenlight.settings import Settings
from evenlight.standardize import Standardize, needed_scale

__all__ = [
    "METHODS",
    "Cut",
    "Method",
    "Nothing",
    "Region",
    "apply",
    "foreground",
    "needed_size",
    "needs_full_size",
]


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


def needed_size(height: int, width: int, region: Any, standardize: Standardize) -> tuple[int, int]:
    """The smallest (height, width) to which a decoder may reduce an upright picture of this full size.

    Standardized pixels keep 2 x 2 decoded ones each; where the method or a preparation must see the picture in its
    own pixels, it is the full size.
    """
    if needs_full_size(region):
        return height, width
    top, left, bottom, right = region.box if region.method == "crop" else (0, 0, 1, 1)
    vertical, horizontal = needed_scale(height * (bottom - top), width * (right - left), standardize)
    return min(height, math.ceil(height * vertical)), min(width, math.ceil(width * horizontal))
