"""What every method of finding the area of interest gives back, and how boxes and masks become one."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from evenlight.preparations import Box, Color
from evenlight.settings import Settings


@dataclass(frozen=True)
class Cut:
    """The area of interest of one picture.

    Attributes:
        pixels: RGB uint8 (h, w, 3), contiguous; outside a mask the fill colour.
        box: where `pixels` lie in the whole picture.
        found: False where the method found nothing, and `pixels` are the whole picture unchanged.
        mask_fraction: share of the whole picture that is kept, 0 to 1.
        mask: bool (H, W) of the whole picture, True where kept; None where the box says all.
    """

    pixels: np.ndarray
    box: Box
    found: bool
    mask_fraction: float
    mask: np.ndarray | None = None


class MaskSettings(Settings):
    """What to do with a mask before it is used."""

    opening: int = Field(0, ge=0, le=99, description="side of the square that removes specks; 0 for none")
    closing: int = Field(0, ge=0, le=99, description="side of the square that fills holes; 0 for none")
    grow: int = Field(0, ge=-50, le=50, description="pixels to widen the mask by; negative to shrink it")
    fill: Color = Field([0, 0, 0], description="RGB colour of what is not kept")


class MaskRegion(MaskSettings):
    """A mask that selects part of a picture."""

    keep: Literal["inside", "outside"] = Field("inside", description="keep what is selected, or all but it")
    crop: bool = Field(False, description="cut to the smallest box around what is kept")
    margin: float = Field(
        0.05,
        ge=0,
        le=2,
        description="wider box, as a share of its sides: `fit: pad` then repeats the fill colour",
    )


def whole(pixels: np.ndarray, found: bool = True) -> Cut:
    """The whole picture."""
    height, width = pixels.shape[:2]
    return Cut(np.ascontiguousarray(pixels), (0, 0, height, width), found, 1.0)


def boxed(pixels: np.ndarray, box: Box) -> Cut:
    """The part of a picture inside a box, which must hold at least one pixel."""
    height, width = pixels.shape[:2]
    top, left, bottom, right = box
    share = (bottom - top) * (right - left) / (height * width)
    return Cut(np.ascontiguousarray(pixels[top:bottom, left:right]), box, True, share)


def masked(pixels: np.ndarray, mask: np.ndarray, options: MaskRegion) -> Cut:
    """The part of a picture inside (or outside) a mask, bool (H, W); the whole picture where nothing is kept."""
    kept = clean_up(mask, options)
    if options.keep == "outside":
        kept = ~kept
    if not kept.any():
        return whole(pixels, found=False)
    share = np.count_nonzero(kept) / kept.size
    cut = boxed(fill(pixels, kept, options.fill), _box_around(kept, options))
    return Cut(cut.pixels, cut.box, True, share, kept)


def clean_up(mask: np.ndarray, options: MaskSettings) -> np.ndarray:
    """Open, close and grow a mask, bool (H, W), with squares; what lies outside the picture counts as unknown."""
    values: np.ndarray = mask.view(np.uint8)
    if options.opening:
        values = cv2.morphologyEx(values, cv2.MORPH_OPEN, _square(options.opening))
    if options.closing:
        values = cv2.morphologyEx(values, cv2.MORPH_CLOSE, _square(options.closing))
    if options.grow:
        change = cv2.dilate if options.grow > 0 else cv2.erode
        values = change(values, _square(2 * abs(options.grow) + 1))
    return values.view(np.bool_)


def fill(pixels: np.ndarray, kept: np.ndarray, color: list[int]) -> np.ndarray:
    """A copy of RGB uint8 (H, W, 3) with one colour wherever `kept`, bool (H, W), is False."""
    result = np.empty_like(pixels)
    result[:] = np.array(color, dtype=np.uint8)
    return cv2.copyTo(pixels, kept.view(np.uint8), result)


def widen(box: Box, margin: float, shape: tuple[int, ...]) -> Box:
    """A box with `margin` times its height and width added on every side, as far as the picture reaches."""
    top, left, bottom, right = box
    rows, columns = round(margin * (bottom - top)), round(margin * (right - left))
    return (
        max(0, top - rows),
        max(0, left - columns),
        min(shape[0], bottom + rows),
        min(shape[1], right + columns),
    )


def _square(side: int) -> np.ndarray:
    return np.ones((side, side), dtype=np.uint8)


def _box_around(kept: np.ndarray, options: MaskRegion) -> Box:
    height, width = kept.shape
    if not options.crop:
        return 0, 0, height, width
    left, top, columns, rows = cv2.boundingRect(kept.view(np.uint8))
    return widen((top, left, top + rows, left + columns), options.margin, kept.shape)
