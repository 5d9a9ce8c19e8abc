"""Mean and spread of lightness and the two colour axes of CIE L*a*b*, where distances are as people see them."""

import numpy as np

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import mean_and_std
from evenlight.settings import Settings

COLUMNS = (
    Column("lab_stats_mean_l", "level (L* x 2.55)", 0, 255, "mean lightness"),
    Column("lab_stats_mean_a", "level (a* + 128)", 0, 255, "mean place from green (low) to red (high)"),
    Column("lab_stats_mean_b", "level (b* + 128)", 0, 255, "mean place from blue (low) to yellow (high)"),
    Column("lab_stats_std_?", "level", 0, 127.5, "standard deviation of lightness, a* or b*"),
)


class Options(Settings):
    """Lab statistics have no options."""


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """Names of the six columns, in levels of OpenCV's 8-bit Lab, 0 to 255."""
    return [f"lab_stats_{what}_{channel}" for what in ("mean", "std") for channel in "lab"]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Means and population standard deviations (`cv2.COLOR_RGB2Lab`) of RGB uint8 (N, H, W, 3) as float32 (N, 6)."""
    return by_block(images, lambda block: np.column_stack(mean_and_std(pixels.lab(block)))).astype(np.float32)
