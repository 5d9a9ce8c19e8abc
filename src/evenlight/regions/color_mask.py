"""Pixels whose colour lies between two limits, kept or filled: green screens, red signs."""

from typing import Literal

import cv2
import numpy as np

from evenlight.color_limits import ColorLimits, inside
from evenlight.regions.cut import Cut, MaskRegion, masked


class Options(MaskRegion, ColorLimits):
    """Pixels whose colour lies between two limits."""

    method: Literal["color_mask"]


def cut(pixels: np.ndarray, options: Options) -> Cut:
    """What lies inside (or outside) the limits; the whole picture, `found` False, where that is nothing."""
    colors = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV) if options.space == "hsv" else pixels
    return masked(pixels, inside(colors, options), options)
