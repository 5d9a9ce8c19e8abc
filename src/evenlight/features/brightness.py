"""Brightness: how light a picture is, over all and in its dark and light parts."""

from itertools import pairwise
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field, field_validator

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import level_counts, mean_and_std, percentiles
from evenlight.settings import Settings

COLUMNS = (
    Column("brightness_v_mean", "level", 0, 255, "mean HSV value, the largest of R, G, B"),
    Column("brightness_v_std", "level", 0, 127.5, "standard deviation of the HSV value"),
    Column("brightness_gray_mean", "level", 0, 255, "mean gray, .299 R + .587 G + .114 B"),
    Column("brightness_gray_std", "level", 0, 127.5, "standard deviation of the gray"),
    Column("brightness_v_p*", "level", 0, 255, "percentile of the HSV value"),
    Column("brightness_bright_share", "share of pixels", 0, 1, "HSV value above `bright`"),
    Column("brightness_dark_share", "share of pixels", 0, 1, "HSV value below `dark`"),
)


class Options(Settings):
    """Which parts of a picture's brightness to look at."""

    percentiles: list[Annotated[int, Field(ge=0, le=100)]] = Field(
        [5, 25, 50, 75, 95], description="percentiles of the HSV value (the largest of R, G, B), rising"
    )
    bright: Annotated[int, Field(ge=0, le=254)] | None = Field(
        None, description="share of pixels whose HSV value is above this; null for no such column"
    )
    dark: Annotated[int, Field(ge=1, le=255)] | None = Field(
        None, description="share of pixels whose HSV value is below this; null for no such column"
    )

    @field_validator("percentiles")
    @classmethod
    def _rising(cls, percents: list[int]) -> list[int]:
        if any(low >= high for low, high in pairwise(percents)):
            raise ValueError(f"percentiles must rise (got {percents})")
        return percents


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """Means, standard deviations and percentiles in levels, 0 to 255; shares in 0 to 1."""
    names = ["brightness_v_mean", "brightness_v_std", "brightness_gray_mean", "brightness_gray_std"]
    names += [f"brightness_v_p{percent:02d}" for percent in options.percentiles]
    if options.bright is not None:
        names.append("brightness_bright_share")
    if options.dark is not None:
        names.append("brightness_dark_share")
    return names


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Brightness of RGB uint8 images (N, H, W, 3) as float32 (N, D).

    Percentiles interpolate linearly (`numpy.percentile`); standard deviations are those of the population.
    """
    return by_block(images, lambda block: _block_brightness(block, options)).astype(np.float32)


def _block_brightness(images: np.ndarray, options: Options) -> np.ndarray:
    value = _value(images)
    counts = level_counts(value)
    columns = [*mean_and_std(value), *mean_and_std(pixels.gray(images))]
    columns.append(percentiles(counts, options.percentiles))
    size = value.shape[1] * value.shape[2]
    if options.bright is not None:
        columns.append(counts[:, options.bright + 1 :].sum(axis=1) / size)
    if options.dark is not None:
        columns.append(counts[:, : options.dark].sum(axis=1) / size)
    return np.column_stack(columns)


def _value(images: np.ndarray) -> np.ndarray:
    """HSV value, the largest channel, of uint8 (N, H, W, 3): uint8 (N, H, W)."""
    count, height, width, channels = images.shape
    red, green, blue = cv2.split(images.reshape(count, height * width, channels))
    return cv2.max(cv2.max(red, green), blue).reshape(count, height, width)
