"""The box around the largest thing that is brighter (or darker) than a threshold; else the whole picture."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from evenlight.preparations import Box
from evenlight.regions.cut import Cut, boxed, whole, widen
from evenlight.settings import Settings


class Options(Settings):
    """The box around the largest bright (or dark) thing."""

    method: Literal["contour"]
    threshold: Annotated[int, Field(ge=0, le=254)] | Literal["otsu"] = Field(
        "otsu", description="gray level, 0 to 254; otsu: the one that separates two kinds of pixels best"
    )
    inverted: bool = Field(False, description="true: things are darker than their background")
    minimum: float = Field(
        0.001, ge=0, le=1, description="smaller things are none, as a share of the picture's area"
    )
    margin: float = Field(0.05, ge=0, le=2, description="wider box, as a share of its sides")


def cut(pixels: np.ndarray, options: Options) -> Cut:
    """The largest thing with its margin; the whole picture, `found` False, where there is none."""
    found = contours(pixels, options)
    if not found:
        return whole(pixels, found=False)
    return boxed(pixels, widen(_box(found[0]), options.margin, pixels.shape))


def contours(pixels: np.ndarray, options: Options) -> list[np.ndarray]:
    """Outlines of all things in RGB uint8 (H, W, 3), largest area first: int32 (P, 2) as x, y."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    kind = cv2.THRESH_BINARY_INV if options.inverted else cv2.THRESH_BINARY
    if options.threshold == "otsu":
        _, mask = cv2.threshold(gray, 0, 255, kind | cv2.THRESH_OTSU)
    else:
        _, mask = cv2.threshold(gray, options.threshold, 255, kind)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    least = options.minimum * gray.size
    areas = [(cv2.contourArea(outline), outline.reshape(-1, 2)) for outline in found]
    # `sorted` is stable: equal areas stay in the order in which OpenCV meets them
    return [outline for area, outline in sorted(areas, key=lambda item: -item[0]) if area >= least]


def _box(outline: np.ndarray) -> Box:
    left, top, width, height = cv2.boundingRect(outline)
    return top, left, top + height, left + width
