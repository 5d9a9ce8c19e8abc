"""Pictures of any size -> one fixed shape and colour space."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field, field_validator

from evenlight.preparations import AnyStep, Step, prepare
from evenlight.settings import Settings

_TO = {"hsv": cv2.COLOR_RGB2HSV, "lab": cv2.COLOR_RGB2LAB, "gray": cv2.COLOR_RGB2GRAY}
_FROM = {"hsv": cv2.COLOR_HSV2RGB, "lab": cv2.COLOR_LAB2RGB, "gray": cv2.COLOR_GRAY2RGB}
_MARGIN = 2  # decoded pixels per target pixel and side, where a decoder reduces: enough for area averaging


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
    height, width = options.size
    pixels = prepare(pixels, before)
    if options.fit == "crop":
        pixels = _center_crop(pixels, height, width)
    pixels = _pad(pixels, height, width) if options.fit == "pad" else resize(pixels, height, width)
    return from_rgb(prepare(pixels, after), options.color)


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


def needed_scale(height: float, width: float, options: Standardize) -> tuple[float, float]:
    """How far a decoder may reduce an area of interest of this size, in full-size pixels.

    Returns:
        Factors of height and width, above 0 and at most 1, that leave every target pixel 2 x 2 decoded ones; 1 where
        a preparation works on the picture's own pixels.
    """
    before, _ = _around_resize(options)
    if any(step.own_pixels() for step in before):
        return 1.0, 1.0
    rows, columns = height, width
    for step in before:
        vertical, horizontal = step.growth()
        rows, columns = rows * vertical, columns * horizontal
    factors = options.size[0] / rows, options.size[1] / columns
    if options.fit != "stretch":
        factors = (max(factors) if options.fit == "crop" else min(factors),) * 2
    return min(1.0, _MARGIN * factors[0]), min(1.0, _MARGIN * factors[1])


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


def _around_resize(options: Standardize) -> tuple[list[Step], list[Step]]:
    """Preparations before and after the fit."""
    names = [step.step for step in options.prepare]
    place = names.index("resize") if "resize" in names else len(names)
    return options.prepare[:place], options.prepare[place:]


def _center_crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    old_height, old_width = pixels.shape[:2]
    new_height = min(old_height, max(1, round(old_width * height / width)))
    new_width = min(old_width, max(1, round(old_height * width / height)))
    top, left = (old_height - new_height) // 2, (old_width - new_width) // 2
    return pixels[top : top + new_height, left : left + new_width]


def _pad(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    old_height, old_width = pixels.shape[:2]
    scale = min(height / old_height, width / old_width)
    new_height = min(height, max(1, round(old_height * scale)))
    new_width = min(width, max(1, round(old_width * scale)))
    inner = resize(pixels, new_height, new_width)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    bottom, right = height - new_height - top, width - new_width - left
    return cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE)
