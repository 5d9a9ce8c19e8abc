"""Mean and spread of red, green and blue."""

import numpy as np

from evenlight.columns import Column
from evenlight.levels import mean_and_std
from evenlight.settings import Settings

COLUMNS = (
    Column("rgb_stats_mean_?", "level", 0, 255, "mean of red (r), green (g) or blue (b)"),
    Column("rgb_stats_std_?", "level", 0, 127.5, "standard deviation of red, green or blue"),
)


class Options(Settings):
    """Colour statistics have no options."""


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """Names of the six columns, in levels of 0 to 255."""
    return [f"rgb_stats_{what}_{channel}" for what in ("mean", "std") for channel in "rgb"]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Means and population standard deviations of RGB uint8 images (N, H, W, 3) as float32 (N, 6)."""
    return np.column_stack(mean_and_std(images)).astype(np.float32)
