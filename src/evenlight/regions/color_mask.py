"""Pixels whose colour lies between two limits, kept or filled: green screens, red signs."""

from typing import Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from evenlight.preparations import Color
from evenlight.regions.cut import Cut, MaskRegion, masked

_HUES = 180


class Options(MaskRegion):
    """Pixels whose colour lies between two limits."""

    method: Literal["color_mask"]
    space: Literal["rgb", "hsv"] = Field(
        "hsv",
        description="colour space of the limits; hsv (OpenCV's: hue 0 to 180) bears uneven light better",
    )
    low: Color = Field(description="lowest value of each channel that is still inside")
    high: Color = Field(description="highest; a hue below that of `low` goes round through red")

    @model_validator(mode="after")
    def _limits(self) -> "Options":
        if self.space == "hsv" and max(self.low[0], self.high[0]) > _HUES:
            raise ValueError(f"hue goes from 0 to {_HUES} (half the degrees of the colour circle)")
        first = 1 if self.space == "hsv" else 0
        if any(self.low[channel] > self.high[channel] for channel in range(first, 3)):
            raise ValueError("`low` must not be above `high` (only the hue of hsv may go round)")
        return self


def cut(pixels: np.ndarray, options: Options) -> Cut:
    """What lies inside (or outside) the limits; the whole picture, `found` False, where that is nothing."""
    return masked(pixels, inside(pixels, options), options)


def inside(pixels: np.ndarray, options: Options) -> np.ndarray:
    """Where RGB uint8 (H, W, 3) lies inside the limits, in the colour space of the limits: bool (H, W)."""
    values = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV) if options.space == "hsv" else pixels
    low, high = np.array(options.low, np.uint8), np.array(options.high, np.uint8)
    if low[0] <= high[0]:
        return cv2.inRange(values, low, high) != 0
    up_to_red = cv2.inRange(values, low, np.array([_HUES, *high[1:]], np.uint8)) != 0
    from_red = cv2.inRange(values, np.array([0, *low[1:]], np.uint8), high) != 0
    return up_to_red | from_red
