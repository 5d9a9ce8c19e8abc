"""Straight lines and circles, found by Hough's transform in a picture of fixed size.

Line segments by the progressive probabilistic transform (Matas et al. 2000), circles by the gradient method; both as
in OpenCV, which draws from a generator of its own with a fixed seed.
"""

import cv2
import numpy as np
from pydantic import Field, model_validator

from evenlight.columns import Column
from evenlight.pixels import gray
from evenlight.settings import Settings

_BINS = 6

COLUMNS = (
    Column("hough_lines_n", "count", 0, np.inf, "line segments"),
    Column("hough_len_max", "ratio", 0, 1.5, "length of the longest, to the longer side of the picture"),
    Column("hough_len_mean", "ratio", 0, 1.5, "mean length, to the longer side"),
    Column(
        "hough_angle_?",
        "share",
        0,
        1,
        "share of all lengths that lies around n * 30 degrees: 0 is level, 3 is upright, 1 falls to the right",
    ),
    Column("hough_circles_n", "count", 0, np.inf, "circles"),
)


class Options(Settings):
    """How large the picture is made, and what counts as a line or a circle in it."""

    side: int = Field(
        128, ge=32, le=1024, description="longer side, in pixels, that the picture is resized to"
    )
    canny_low: int = Field(50, ge=0, le=2040, description="gradient down to which edges go on")
    canny_high: int = Field(100, ge=0, le=2040, description="gradient at which edges begin")
    votes: int = Field(30, ge=1, le=10_000, description="edge pixels that a line needs")
    min_length: float = Field(25, ge=1, le=1024, description="shortest line segment, in pixels")
    max_gap: float = Field(5, ge=0, le=1024, description="longest gap inside a segment, in pixels")
    circle_distance: float = Field(20, ge=1, le=1024, description="least distance between centres, in pixels")
    circle_edge: float = Field(100, ge=1, le=2040, description="gradient at which edges of circles begin")
    circle_votes: float = Field(30, ge=1, le=10_000, description="edge pixels that a circle needs")
    min_radius: int = Field(8, ge=1, le=1024, description="of circles, in pixels")
    max_radius: int = Field(50, ge=1, le=1024, description="of circles, in pixels")

    @model_validator(mode="after")
    def _rising(self) -> "Options":
        for low, high in (("canny_low", "canny_high"), ("min_radius", "max_radius")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"`{low}` must not be above `{high}`")
        return self


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`hough_lines_n`, ...: see `COLUMNS`; angle shares sum to 1, or are 0 where there is no line."""
    angles = [f"hough_angle_{number}" for number in range(_BINS)]
    return ["hough_lines_n", "hough_len_max", "hough_len_mean", *angles, "hough_circles_n"]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Lines and circles in RGB uint8 images (N, H, W, 3), on their gray levels, as float32 (N, 10)."""
    values = np.zeros((len(images), 4 + _BINS), dtype=np.float32)
    for number, picture in enumerate(gray(images)):
        resized = _resize(picture, options.side)
        values[number, :-1] = _line_statistics(segments(resized, options), options.side)
        values[number, -1] = len(circles(resized, options))
    return values


def segments(picture: np.ndarray, options: Options) -> np.ndarray:
    """Line segments in gray uint8 (H, W): int32 (S, 4) as x, y of both ends."""
    edges = cv2.Canny(picture, options.canny_low, options.canny_high)
    found = cv2.HoughLinesP(
        edges, 1, np.pi / 180, options.votes, minLineLength=options.min_length, maxLineGap=options.max_gap
    )
    # (S, 1, 4) in OpenCV 4, (S, 4) in 5, None where there is none
    return np.empty((0, 4), dtype=np.int32) if found is None else found.reshape(-1, 4)


def circles(picture: np.ndarray, options: Options) -> np.ndarray:
    """Circles in gray uint8 (H, W), blurred a little: float32 (C, 3) as x, y of the centre and radius."""
    found = cv2.HoughCircles(
        cv2.GaussianBlur(picture, (3, 3), 0, hint=cv2.ALGO_HINT_ACCURATE),
        cv2.HOUGH_GRADIENT,
        1,
        options.circle_distance,
        param1=options.circle_edge,
        param2=options.circle_votes,
        minRadius=options.min_radius,
        maxRadius=options.max_radius,
    )
    return np.empty((0, 3), dtype=np.float32) if found is None else found.reshape(-1, 3)


def _resize(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture whose longer side has `side` pixels; enlarged by cubic interpolation, reduced by area averages."""
    height, width = picture.shape
    scale = side / max(height, width)
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.resize(picture, (round(width * scale) or 1, round(height * scale) or 1), interpolation=method)


def _line_statistics(lines: np.ndarray, side: int) -> list[float]:
    """Count, longest and mean length, and shares of length per angle, of segments int32 (S, 4)."""
    if not len(lines):
        return [0.0] * (3 + _BINS)
    across, down = (lines[:, 2:] - lines[:, :2]).T.astype(np.float64)
    lengths = np.hypot(across, down)
    angle = np.rint(np.arctan2(down, across) / np.pi * _BINS).astype(np.int64) % _BINS
    shares = np.bincount(angle, lengths, _BINS) / lengths.sum()
    return [len(lines), lengths.max() / side, lengths.mean() / side, *shares]
