"""Histograms of hue, saturation and value in every cell of a grid: which colours are where."""

import numpy as np
from pydantic import Field

from evenlight.columns import Column
from evenlight.features import hsv_hist

COLUMNS = (
    Column("hsv_grid_*_h_*", "share of the cell's pixels", 0, 1, "hue in one cell"),
    Column("hsv_grid_*_s_*", "share of the cell's pixels", 0, 1, "saturation in one cell"),
    Column(
        "hsv_grid_*_v_*", "share of the cell's pixels", 0, 1, "value (the largest of R, G, B) in one cell"
    ),
)


class Options(hsv_hist.Options):
    """The grid and the numbers of histogram bins."""

    rows: int = Field(2, ge=1, le=8, description="cells from top to bottom")
    columns: int = Field(2, ge=1, le=8, description="cells from left to right")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`hsv_grid_00_h_00`, ...: cells row by row, then their bins; shares of the cell's pixels in 0 to 1."""
    cells = range(options.rows * options.columns)
    return [f"hsv_grid_{cell:02d}_{name}" for cell in cells for name in hsv_hist.bin_names(options)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Histograms (`cv2.COLOR_RGB2HSV`) of RGB uint8 images (N, H, W, 3), H >= rows, W >= columns: float32 (N, D).

    Cell i of n begins at pixel floor(i * side / n).
    """
    return hsv_hist.histograms(images, options, options.rows, options.columns)
