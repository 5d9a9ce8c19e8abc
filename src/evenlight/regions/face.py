"""The largest frontal face, found by OpenCV's Haar cascade (Viola and Jones 2001); else the whole picture.

The only place that knows the cascade: OpenCV 5 has none. Equal boxes are promised on one CPU class only, because the
stages of the cascade add floats; without AVX-512, AVX2, FMA and IPP, 24 photos gave the same boxes.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import cv2.data
import numpy as np
from pydantic import Field

from evenlight.preparations import Box
from evenlight.regions.cut import Cut, boxed, whole, widen
from evenlight.settings import Settings

_CASCADE = "haarcascade_frontalface_default.xml"


class Options(Settings):
    """The largest or the most central frontal face."""

    method: Literal["face"]
    scale: float = Field(
        1.1, ge=1.01, le=10, description="ratio of two search sizes; nearer to 1 finds more, slower"
    )
    neighbours: int = Field(
        5, ge=0, le=100, description="overlapping hits that make a face; fewer find more, also false ones"
    )
    minimum: float = Field(
        0.05, ge=0, le=1, description="smallest side of a face, as a share of the shorter side"
    )
    which: Literal["largest", "central"] = Field("largest", description="where there are several faces")
    margin: float = Field(0.2, ge=0, le=2, description="wider box, as a share of the face's sides")


def cut(pixels: np.ndarray, options: Options) -> Cut:
    """The chosen face with its margin; the whole picture, `found` False, where there is none."""
    boxes = faces(pixels, options)
    if not boxes:
        return whole(pixels, found=False)
    if options.which == "largest":
        chosen = min(boxes, key=lambda box: ((box[0] - box[2]) * (box[3] - box[1]), box))
    else:
        height, width = pixels.shape[:2]
        # twice the distances, so that they are whole numbers
        chosen = min(
            boxes, key=lambda box: ((box[0] + box[2] - height) ** 2 + (box[1] + box[3] - width) ** 2, box)
        )
    return boxed(pixels, widen(chosen, options.margin, pixels.shape))


def faces(pixels: np.ndarray, options: Options) -> list[Box]:
    """Boxes (without margin) of all faces in RGB uint8 (H, W, 3), sorted."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    side = round(options.minimum * min(gray.shape))
    found = _cascade().detectMultiScale(
        gray, scaleFactor=options.scale, minNeighbors=options.neighbours, minSize=(side, side)
    )
    boxes = np.asarray(found, dtype=int).reshape(-1, 4)
    return sorted((top, left, top + height, left + width) for left, top, width, height in boxes.tolist())


@cache
def _cascade() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / _CASCADE))
