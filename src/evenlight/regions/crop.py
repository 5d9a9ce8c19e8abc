"""A fixed part of every picture, such as the top third."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from evenlight.preparations import Box
from evenlight.regions.cut import Cut, boxed
from evenlight.settings import Settings

Share = Annotated[float, Field(ge=0, le=1)]


class Options(Settings):
    """A fixed part of every picture."""

    method: Literal["crop"]
    box: Annotated[list[Share], Field(min_length=4, max_length=4)] = Field(
        description="top, left, bottom, right as shares of height and width: [0, 0, 0.3333, 1] is the top third"
    )

    @field_validator("box")
    @classmethod
    def _not_empty(cls, box: list[float]) -> list[float]:
        top, left, bottom, right = box
        if top >= bottom or left >= right:
            raise ValueError("top must be less than bottom, and left less than right")
        return box


def cut(pixels: np.ndarray, options: Options) -> Cut:
    """The box, rounded to whole pixels, at least one."""
    return boxed(pixels, box_in(pixels.shape, options))


def box_in(shape: tuple[int, ...], options: Options) -> Box:
    """The box in pixels of a picture of this (height, width, ...)."""
    (top, bottom), (left, right) = (
        _range(side, options.box[number], options.box[number + 2]) for number, side in enumerate(shape[:2])
    )
    return top, left, bottom, right


def _range(side: int, low: float, high: float) -> tuple[int, int]:
    start = min(round(low * side), side - 1)
    return start, max(round(high * side), start + 1)
