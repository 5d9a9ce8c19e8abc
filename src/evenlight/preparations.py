"""Preparations of a picture, in the order in which `standardize.prepare` lists them.

To add a step: an options class (a field `step` with its name) and a function from RGB uint8 (h, w, 3) to the same,
and an entry in STEPS. Bytes are equal on every CPU, except that `bandpass` and the nonlocal filter of `denoise` go
through floats before they round (no byte of 24 photos changed without AVX-512, AVX2, FMA and IPP).
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Union

import cv2
import numpy as np
from pydantic import Field, field_validator, model_validator

from evenlight.settings import Settings

Level = Annotated[int, Field(ge=0, le=255)]
Color = Annotated[list[Level], Field(min_length=3, max_length=3)]
Share = Annotated[float, Field(ge=0, lt=1)]
Box = tuple[int, int, int, int]  # top, left, bottom, right in pixels; bottom and right are the first outside

_FINE = 256  # parts of 1 in which a float setting enters whole-number arithmetic


class Step(Settings):
    """What all steps say about themselves."""

    keeps_shape: ClassVar[bool] = True
    step: str

    def any_size(self) -> bool:
        """Whether a picture that was reduced first gives the same result, reduced."""
        return False


class Trim(Step):
    """Cut the margins off."""

    keeps_shape = False
    step: Literal["trim"]
    sides: Literal["border"] | Annotated[list[Share], Field(min_length=4, max_length=4)] = Field(
        "border",
        description="border: lines of one colour at the sides; or top, left, bottom, right as shares",
    )
    tolerance: int = Field(12, ge=0, le=255, description="difference from a border's colour that is noise")

    @field_validator("sides")
    @classmethod
    def _something_left(cls, sides: Any) -> Any:
        if sides != "border" and max(sides[0] + sides[2], sides[1] + sides[3]) >= 1:
            raise ValueError("opposite sides must leave something between them")
        return sides

    def any_size(self) -> bool:
        return self.sides != "border"


class Resize(Step):
    """Where the fit of `standardize` comes: steps before it see the picture, those after it the frame."""

    step: Literal["resize"]

    def any_size(self) -> bool:
        return True


class Sharpen(Step):
    """Unsharp mask: what a blur takes away is added."""

    step: Literal["sharpen"]
    amount: float = Field(1.0, gt=0, le=10, description="how much of it")
    sigma: float = Field(1.0, ge=0.3, le=50, description="of the blur, in pixels")


class Extend(Step):
    """Add a margin."""

    keeps_shape = False
    step: Literal["extend"]
    share: float = Field(0.1, gt=0, le=2, description="of height and width, added on every side")
    border: Literal["replicate", "constant"] = Field(
        "replicate", description="repeat the outermost pixels, or one colour"
    )
    color: Color = Field([0, 0, 0], description="RGB of a constant border")


class Negate(Step):
    """Dark becomes bright."""

    step: Literal["negate"]

    def any_size(self) -> bool:
        return True


class Grayscale(Step):
    """No colour."""

    step: Literal["grayscale"]

    def any_size(self) -> bool:
        return True


class Denoise(Step):
    """Smooth."""

    step: Literal["denoise"]
    filter: Literal["gaussian", "median", "nonlocal"] = Field(
        "gaussian", description="median: removes specks; nonlocal: keeps texture, slow on large pictures"
    )
    size: int = Field(5, ge=3, le=99, description="side of the window in pixels, odd; not used by nonlocal")
    sigma: float = Field(0.0, ge=0, le=50, description="of gaussian, in pixels; 0: derived from the size")
    strength: float = Field(5.0, gt=0, le=100, description="of nonlocal: noise in gray levels")

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("must be odd, so that the window has a middle")
        return size


class Bandpass(Step):
    """Keep a ring of the spectrum: structures of certain sizes."""

    step: Literal["bandpass"]
    low: float = Field(
        0.0, ge=0, le=1.5, description="smallest frequency kept; 1 is the finest pattern, of 2 pixels"
    )
    high: float = Field(1.5, gt=0, le=1.5, description="first frequency dropped; 1.5: none")

    @model_validator(mode="after")
    def _ring(self) -> "Bandpass":
        if self.low >= self.high:
            raise ValueError("`low` must be less than `high`")
        return self


class Clahe(Step):
    """Equalize the contrast of lightness tile by tile, within limits (CLAHE, Zuiderveld 1994)."""

    step: Literal["clahe"]
    clip: float = Field(2.0, gt=0, le=40, description="limit of amplification")
    tiles: int = Field(8, ge=1, le=64, description="tiles per side")


def prepare(pixels: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
    """Apply steps in order; `resize` marks a place and changes nothing here.

    Args:
        pixels: RGB uint8 (h, w, 3).
        steps: of STEPS.

    Returns:
        RGB uint8 (h', w', 3); trim and extend change the size.
    """
    for step in steps:
        pixels = STEPS[step.step][1](pixels, step)
    return pixels


def band(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The part of float64 (h, w) with frequencies from `low` to below `high`; 1 is half a cycle per pixel.

    The picture counts as repeated on all sides.
    """
    height, width = values.shape
    rows, columns = 2 * np.fft.fftfreq(height), 2 * np.fft.rfftfreq(width)
    squares = rows[:, None] ** 2 + columns[None, :] ** 2
    ring = (squares >= low**2) & (squares < high**2)
    return np.fft.irfft2(np.fft.rfft2(values) * ring, s=values.shape)


def trim_box(height: int, width: int, step: Trim) -> Box:
    """What trimming by shares leaves of a picture of this size, at least one pixel."""
    assert not isinstance(step.sides, str)
    top, left, bottom, right = step.sides
    first, start = min(round(top * height), height - 1), min(round(left * width), width - 1)
    last, end = height - round(bottom * height), width - round(right * width)
    return first, start, max(last, first + 1), max(end, start + 1)


def _trim(pixels: np.ndarray, step: Trim) -> np.ndarray:
    if step.sides == "border":
        return _trim_border(pixels, step.tolerance)
    top, left, bottom, right = trim_box(pixels.shape[0], pixels.shape[1], step)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def _trim_border(pixels: np.ndarray, tolerance: int) -> np.ndarray:
    for _ in range(2):  # a border at the top begins where one at the left ends
        turned = pixels.swapaxes(0, 1)
        views = pixels, turned, pixels[::-1], turned[::-1]
        top, left, bottom, right = (_border_lines(view, tolerance) for view in views)
        if top + bottom >= pixels.shape[0] or left + right >= pixels.shape[1]:
            break  # nothing between them would be left
        pixels = pixels[top : pixels.shape[0] - bottom, left : pixels.shape[1] - right]
    return np.ascontiguousarray(pixels)


def _border_lines(lines: np.ndarray, tolerance: int) -> int:
    """How many lines, from the first on, have the colour of the first one's middle."""
    color = lines[0, lines.shape[1] // 2].astype(np.int16)
    for number, line in enumerate(lines):
        if np.abs(line - color).max() > tolerance:
            return number
    return len(lines)


def _sharpen(pixels: np.ndarray, step: Sharpen) -> np.ndarray:
    blurred = _gaussian(pixels, 0, step.sigma)
    # the whole-number difference, through a table: exact, and a third of the time of float arithmetic
    difference = np.arange(-255, 256)
    table = np.floor(difference * round(step.amount * _FINE) / _FINE + 0.5).astype(np.int16)
    added = table[cv2.subtract(pixels, blurred, dtype=cv2.CV_16S) + 255]
    return cv2.add(pixels, added, dtype=cv2.CV_8U)


def _extend(pixels: np.ndarray, step: Extend) -> np.ndarray:
    rows, columns = (max(1, round(step.share * side)) for side in pixels.shape[:2])
    kind = cv2.BORDER_REPLICATE if step.border == "replicate" else cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(pixels, rows, rows, columns, columns, kind, value=step.color)


def _negate(pixels: np.ndarray, step: Negate) -> np.ndarray:
    return ~pixels


def _grayscale(pixels: np.ndarray, step: Grayscale) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _denoise(pixels: np.ndarray, step: Denoise) -> np.ndarray:
    if step.filter == "gaussian":
        return _gaussian(pixels, step.size, step.sigma)
    if step.filter == "median":
        return cv2.medianBlur(pixels, step.size)
    return cv2.fastNlMeansDenoisingColored(pixels, None, step.strength, step.strength, 7, 21)


def _gaussian(pixels: np.ndarray, size: int, sigma: float) -> np.ndarray:
    """OpenCV's blur of 8 bits in fixed-point numbers; one of `size` and `sigma` may be 0, derived from the other."""
    return cv2.GaussianBlur(pixels, (size, size), sigma, hint=cv2.ALGO_HINT_ACCURATE)


def _bandpass(pixels: np.ndarray, step: Bandpass) -> np.ndarray:
    # without its mean, a picture has as much below as above zero: zero is shown as mid-gray
    offset = 128 if step.low > 0 else 0
    channels = [band(pixels[..., channel].astype(np.float64), step.low, step.high) for channel in range(3)]
    return np.clip(np.rint(np.stack(channels, axis=2)) + offset, 0, 255).astype(np.uint8)


def _clahe(pixels: np.ndarray, step: Clahe) -> np.ndarray:
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    equalizer = cv2.createCLAHE(step.clip, (step.tiles, step.tiles))
    lab[..., 0] = equalizer.apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


STEPS: dict[str, tuple[type[Step], Callable[[np.ndarray, Any], np.ndarray]]] = {
    "trim": (Trim, _trim),
    "resize": (Resize, lambda pixels, step: pixels),
    "sharpen": (Sharpen, _sharpen),
    "extend": (Extend, _extend),
    "negate": (Negate, _negate),
    "grayscale": (Grayscale, _grayscale),
    "denoise": (Denoise, _denoise),
    "bandpass": (Bandpass, _bandpass),
    "clahe": (Clahe, _clahe),
}
AnyStep: Any = Annotated[
    Union[tuple(options for options, _ in STEPS.values())],  # noqa: UP007 (a tuple of types)
    Field(discriminator="step"),
]
