"""Pictures of any size -> one fixed shape and colour space."""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field, field_validator

from evenlight.formats.orientation import Window
from evenlight.preparations import AnyStep, Box, Step, Trim, prepare, trim_box
from evenlight.settings import Settings

Size = tuple[int, int]

_TO = {"hsv": cv2.COLOR_RGB2HSV, "lab": cv2.COLOR_RGB2LAB, "gray": cv2.COLOR_RGB2GRAY}
_FROM = {"hsv": cv2.COLOR_HSV2RGB, "lab": cv2.COLOR_LAB2RGB, "gray": cv2.COLOR_GRAY2RGB}
_FINE = 256  # parts of a pixel in which the edges of a window are rounded


class Standardize(Settings):
    """The one shape and colour space that features and networks see."""

    size: Annotated[list[Annotated[int, Field(ge=8, le=2048)]], Field(min_length=2, max_length=2)] = Field(
        [64, 64], description="height and width in pixels"
    )
    fit: Literal["stretch", "pad", "crop"] = Field("stretch", description="what happens to other proportions")
    color: Literal["rgb", "hsv", "lab", "gray"] = Field(
        "rgb", description="colour space of the stored arrays"
    )
    prepare: list[AnyStep] = Field(
        [],
        max_length=20,
        description="steps in order; those before `resize` see the area of interest in its own pixels, those after"
        " it the resized frame; where `resize` is not named it comes last",
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a standardized image."""
        return (self.size[0], self.size[1], 1 if self.color == "gray" else 3)

    @field_validator("prepare")
    @classmethod
    def _one_frame(cls, steps: list[Step]) -> list[Step]:
        names = [step.step for step in steps]
        if names.count("resize") > 1:
            raise ValueError("`resize` may be named once")
        framed = steps[names.index("resize") :] if "resize" in names else []
        for step in framed:
            if not step.keeps_shape:
                raise ValueError(f"`{step.step}` changes the size of a picture; put it before `resize`")
        return steps


@dataclass(frozen=True)
class Part:
    """The part of a picture that is resized, in its pixels, and the (height, width) that it is resized to."""

    box: Box
    inner: Size


def standardize(pixels: np.ndarray, options: Standardize) -> np.ndarray:
    """Bring one picture, or its area of interest, to the fixed shape.

    Args:
        pixels: RGB uint8 (h, w, 3).
        options: preparations; size (height, width); fit: `stretch` (sides change independently), `pad` (the whole
            picture, its border rows and columns repeated to fill the frame, so that brightness statistics stay
            those of the picture) or `crop` (the largest centred part of the right shape); colour space (hsv is
            OpenCV's 8 bits: hue 0 to 179).

    Returns:
        uint8 (height, width, C), C = 1 for gray, else 3.
    """
    before, after = _around_resize(options)
    pixels = prepare(pixels, before)
    part = _fit(pixels.shape[0], pixels.shape[1], options)
    top, left, bottom, right = part.box
    framed = _pad(resize(pixels[top:bottom, left:right], *part.inner), options)
    return from_rgb(prepare(framed, after), options.color)


def standardize_reduced(pixels: np.ndarray, window: Window, part: Part, options: Standardize) -> np.ndarray:
    """What `standardize` makes of a picture, from a version of it that its decoder reduced.

    Args:
        pixels: RGB uint8 (h, w, 3), reduced.
        window: where the part lies in them; at least as large as `part.inner`.
        part: what `part_used` says about the picture at full size.
        options: those given to `part_used`.

    Returns:
        uint8 (height, width, C).
    """
    before, after = _around_resize(options)
    framed = _pad(resize_window(pixels, window, *part.inner), options)
    pointwise = [step for step in before if step.keeps_shape]
    return from_rgb(prepare(framed, pointwise + after), options.color)


def part_used(height: int, width: int, options: Standardize) -> Part | None:
    """What becomes of a picture of this size; None where a preparation must see it in its own pixels."""
    before, _ = _around_resize(options)
    if not all(step.any_size() for step in before):
        return None
    box: Box = (0, 0, height, width)
    for step in before:
        if isinstance(step, Trim):
            box = inside(box, trim_box(box[2] - box[0], box[3] - box[1], step))
    part = _fit(box[2] - box[0], box[3] - box[1], options)
    return Part(inside(box, part.box), part.inner)


def from_rgb(pixels: np.ndarray, color: str) -> np.ndarray:
    """One RGB uint8 picture (H, W, 3) in a colour space: uint8 (H, W, C)."""
    if color == "rgb":
        return pixels
    return cv2.cvtColor(pixels, _TO[color]).reshape(*pixels.shape[:2], -1)


def to_rgb(images: np.ndarray, color: str) -> np.ndarray:
    """Standardized images (N, H, W, C) of a colour space back to RGB uint8 (N, H, W, 3), for features and display."""
    if color == "rgb" or len(images) == 0:
        return images if color == "rgb" else np.zeros((*images.shape[:3], 3), np.uint8)
    return np.stack([cv2.cvtColor(np.ascontiguousarray(image), _FROM[color]) for image in images])


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize with area averaging where a side shrinks and linear interpolation where it grows.

    `cv2.INTER_AREA` alone turns linear, and so aliases, as soon as one of the two sides grows.
    """
    old_height, old_width = pixels.shape[:2]
    shrunk = (min(width, old_width), min(height, old_height))
    if shrunk != (old_width, old_height):
        pixels = cv2.resize(pixels, shrunk, interpolation=cv2.INTER_AREA)
    if shrunk != (width, height):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def resize_window(pixels: np.ndarray, window: Window, height: int, width: int) -> np.ndarray:
    """Average the areas of a window that may begin and end inside pixels.

    `cv2.resize` knows whole pixels only. A JPEG reduced to a quarter has 223 rows for 889, of which 222.25 are
    picture: half a pixel of the result would be wrong at its end. The integral over a window with fractional
    edges is the summed-area table, interpolated; float64 holds all sums exactly, so equal bytes come out everywhere.

    Args:
        pixels: uint8 (h, w, 3).
        window: inside the picture, at least `height` by `width`.
        height, width: of the result.
    """
    top, left, bottom, right = (round(edge * _FINE) for edge in window)
    first, start = top // _FINE, left // _FINE
    pixels = pixels[first : -(-bottom // _FINE), start : -(-right // _FINE)]
    if not any(edge % _FINE for edge in (top, left, bottom, right)):
        return resize(pixels, height, width)
    rows = _edges(top - first * _FINE, bottom - first * _FINE, height)
    columns = _edges(left - start * _FINE, right - start * _FINE, width)
    table = cv2.integral(pixels, sdepth=cv2.CV_64F)
    bands = np.diff(_interpolated(table, rows, axis=0), axis=0)
    totals = np.diff(_interpolated(bands, columns, axis=1), axis=1)
    areas = (np.diff(rows)[:, None] * np.diff(columns))[:, :, None].astype(np.float64)
    return np.floor(totals / areas + 0.5).astype(np.uint8)


def _edges(low: int, high: int, count: int) -> np.ndarray:
    return low + (high - low) * np.arange(count + 1, dtype=np.int64) // count


def _interpolated(table: np.ndarray, edges: np.ndarray, axis: int) -> np.ndarray:
    """Lines of a summed-area table (h, w, 3) at edges in 1/256 pixels, times 256; whole numbers as float64."""
    whole, part = np.divmod(edges, _FINE)
    share = part.astype(np.float64).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    low = table.take(whole, axis)
    rise = table.take(np.minimum(whole + 1, table.shape[axis] - 1), axis) - low
    return low * _FINE + rise * share


def _around_resize(options: Standardize) -> tuple[list[Step], list[Step]]:
    """Preparations before and after the fit."""
    names = [step.step for step in options.prepare]
    place = names.index("resize") if "resize" in names else len(names)
    return options.prepare[:place], options.prepare[place:]


def inside(box: Box, inner: Box) -> Box:
    """A box given in another one's pixels."""
    return box[0] + inner[0], box[1] + inner[1], box[0] + inner[2], box[1] + inner[3]


def _fit(old_height: int, old_width: int, options: Standardize) -> Part:
    height, width = options.size
    if options.fit == "stretch":
        return Part((0, 0, old_height, old_width), (height, width))
    if options.fit == "pad":
        scale = min(height / old_height, width / old_width)
        inner = min(height, max(1, round(old_height * scale))), min(width, max(1, round(old_width * scale)))
        return Part((0, 0, old_height, old_width), inner)
    new_height = min(old_height, max(1, round(old_width * height / width)))
    new_width = min(old_width, max(1, round(old_height * width / height)))
    top, left = (old_height - new_height) // 2, (old_width - new_width) // 2
    return Part((top, left, top + new_height, left + new_width), (height, width))


def _pad(inner: np.ndarray, options: Standardize) -> np.ndarray:
    """A picture in the middle of the frame, its border rows and columns repeated."""
    rows, columns = options.size[0] - inner.shape[0], options.size[1] - inner.shape[1]
    if not rows and not columns:
        return inner
    top, left = rows // 2, columns // 2
    return cv2.copyMakeBorder(inner, top, rows - top, left, columns - left, cv2.BORDER_REPLICATE)
