"""Colours between two limits: what colour masks and colour ranges share."""

from typing import Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from evenlight.preparations import Color
from evenlight.settings import Settings

_HUES = 180


class ColorLimits(Settings):
    """A lowest and a highest colour."""

    space: Literal["rgb", "hsv"] = Field(
        "hsv",
        description="colour space of the limits; hsv (OpenCV's: hue 0 to 180) bears uneven light better",
    )
    low: Color = Field(description="lowest value of each channel that is still inside")
    high: Color = Field(description="highest; a hue below that of `low` goes round through red")

    @model_validator(mode="after")
    def _limits(self) -> "ColorLimits":
        if self.space == "hsv" and max(self.low[0], self.high[0]) > _HUES:
            raise ValueError(f"hue goes from 0 to {_HUES} (half the degrees of the colour circle)")
        first = 1 if self.space == "hsv" else 0
        if any(self.low[channel] > self.high[channel] for channel in range(first, 3)):
            raise ValueError("`low` must not be above `high` (only the hue of hsv may go round)")
        return self


def inside(colors: np.ndarray, limits: ColorLimits) -> np.ndarray:
    """Where colours lie inside the limits (`cv2.inRange`, both limits included).

    Args:
        colors: uint8 (H, W, 3) in the space of the limits; hsv as of `cv2.COLOR_RGB2HSV`.
        limits: lowest and highest colour.

    Returns:
        bool (H, W).
    """
    low, high = np.array(limits.low, np.uint8), np.array(limits.high, np.uint8)
    if low[0] <= high[0]:
        return cv2.inRange(colors, low, high) != 0
    up_to_red = cv2.inRange(colors, low, np.array([_HUES, *high[1:]], np.uint8)) != 0
    from_red = cv2.inRange(colors, np.array([0, *low[1:]], np.uint8), high) != 0
    return up_to_red | from_red
