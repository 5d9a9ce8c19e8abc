"""The largest bright thing: how many things there are, and its size, place of its axis and shape.

Otsu's threshold parts bright from dark (`evenlight.regions.contour`); moments are those of the outline's polygon.
"""

import math
from collections.abc import Mapping

import cv2
import numpy as np
from pydantic import Field

from evenlight.columns import Column
from evenlight.pixels import gray
from evenlight.regions import contour as region
from evenlight.settings import Settings

_HU_SCALE = 1e12  # of Hu's moments, so that their logarithms pass through 0 without a jump
_ROUND = 1e-9  # axes that differ by less, as a part of their sum, differ by rounding only

COLUMNS = (
    Column("contour_n", "count", 0, np.inf, "outlines of bright things, those inside holes left out"),
    Column("contour_area", "share", 0, 1, "area of the largest thing, of the picture's"),
    Column("contour_perimeter", "ratio", 0, np.inf, "its perimeter, to the picture's"),
    Column("contour_aspect", "ratio", 0, np.inf, "width to height of the upright box around it"),
    Column("contour_width", "share", 0, 1, "width of that box, of the picture's"),
    Column("contour_height", "share", 0, 1, "height of that box, of the picture's"),
    Column("contour_solidity", "share", 0, 1, "its area, of its convex hull's"),
    Column(
        "contour_cos",
        "cosine",
        -1,
        1,
        "of twice the angle of its long axis, clockwise from x; 1 lies, -1 stands",
    ),
    Column("contour_sin", "sine", -1, 1, "of twice that angle; 1 falls to the right, -1 rises"),
    Column(
        "contour_hu_?",
        "signed log10",
        -math.inf,
        math.inf,
        "Hu's moments (1962), which moving, turning and scaling leave alone: sign(h) log10(1 + 1e12 |h|);"
        " a mirror changes the sign of the seventh",
    ),
)


class Options(Settings):
    """Which things to look for."""

    inverted: bool = Field(False, description="true: things are darker than their background")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`contour_n`, ...: see `COLUMNS`; all 0 where there is no thing."""
    names = ("n", "area", "perimeter", "aspect", "width", "height", "solidity", "cos", "sin")
    return [f"contour_{name}" for name in names] + [f"contour_hu_{number}" for number in range(1, 8)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Shape of the largest thing in RGB uint8 images (N, H, W, 3), as float32 (N, 16)."""
    things = region.Options(method="contour", threshold="otsu", inverted=options.inverted, minimum=0)
    values = np.zeros((len(images), 16), dtype=np.float32)
    # in a picture of one level, Otsu's threshold parts nothing
    levels = np.ptp(gray(images).reshape(len(images), -1), axis=1)
    for number in np.flatnonzero(levels):
        found = region.contours(images[number], things)
        values[number] = [len(found), *shape(found[0], images.shape[1:3])]
    return values


def shape(outline: np.ndarray, size: tuple[int, ...]) -> list[float]:
    """Size, axis and Hu moments of an outline, int32 (P, 2) as x, y, in a picture of (height, width): 15 numbers.

    An outline without area (a point, a line) has no solidity, axis or Hu moments: they are 0.
    """
    height, width = size
    _, _, columns, rows = cv2.boundingRect(outline)
    moments = cv2.moments(outline)
    hull = cv2.contourArea(cv2.convexHull(outline))
    return [
        moments["m00"] / (height * width),
        cv2.arcLength(outline, True) / (2 * (height + width)),
        columns / rows,
        columns / width,
        rows / height,
        moments["m00"] / hull if hull > 0 else 0.0,
        *_axis(moments),
        *(math.copysign(math.log10(1 + _HU_SCALE * abs(value)), value) for value in hu_moments(moments)),
    ]


def _axis(moments: Mapping[str, float]) -> tuple[float, float]:
    """Cosine and sine of twice the angle of the longest axis; zeros where no axis is the longest."""
    across, along = moments["mu20"] - moments["mu02"], 2 * moments["mu11"]
    length = math.hypot(across, along)
    if length <= _ROUND * (moments["mu20"] + moments["mu02"]):
        return 0.0, 0.0
    return across / length, along / length


def hu_moments(moments: Mapping[str, float]) -> list[float]:
    """Hu's seven invariants of `cv2.moments`; `cv2.HuMoments`, whose last digits differ between processors."""
    n20, n11, n02 = moments["nu20"], moments["nu11"], moments["nu02"]
    n30, n21, n12, n03 = (moments[f"nu{order}"] for order in ("30", "21", "12", "03"))
    wide, high = n30 + n12, n21 + n03
    uneven, skewed = n30 - 3 * n12, 3 * n21 - n03
    first = wide * (wide**2 - 3 * high**2)
    second = high * (3 * wide**2 - high**2)
    return [
        n20 + n02,
        (n20 - n02) ** 2 + 4 * n11**2,
        uneven**2 + skewed**2,
        wide**2 + high**2,
        uneven * first + skewed * second,
        (n20 - n02) * (wide**2 - high**2) + 4 * n11 * wide * high,
        skewed * first - uneven * second,
    ]
