"""Histograms of oriented gradients (Dalal and Triggs 2005), defined as in `skimage.feature.hog`.

Gradients of 8-bit images are whole numbers from -255 to 255, so magnitude and direction bin come from a table of
all 511 x 511 pairs: exact and faster than computing roots and angles for every pixel.
"""

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from evenlight.errors import UserError
from evenlight.settings import Settings

_LEVELS = 511  # gradients from -255 to 255
_EPSILON = 1e-5
_CLIP = 0.2


class Options(Settings):
    """Layout of cells and blocks."""

    cell: int = Field(8, ge=2, le=256, description="side of a cell in pixels; smaller cells see finer shapes")
    block: int = Field(
        2, ge=1, le=8, description="side of a block in cells; contrast is normalized per block"
    )
    bins: int = Field(9, ge=2, le=36, description="directions between 0 and 180 degrees")
    channel: Literal["gray", "strongest"] = Field(
        "gray",
        description="gradients of the gray image, or of the colour channel that changes most at a pixel",
    )


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`hog_0000`, ...: block rows, block columns, cell rows, cell columns, directions; values in 0 to 1.

    Raises:
        UserError: the image is too small for one block.
    """
    rows, columns = _blocks(options, image_shape[0], image_shape[1])
    return [f"hog_{number:04d}" for number in range(rows * columns * options.block**2 * options.bins)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """HOG with L2-Hys normalization of RGB uint8 images (N, H, W, 3) as float32 (N, D).

    Central differences, zero on the border; every pixel votes with its magnitude for one direction bin.

    Raises:
        UserError: the images are too small for one block.
    """
    block_rows, block_columns = _blocks(options, images.shape[1], images.shape[2])
    cells = _cell_histograms(_gradient_pairs(images, options.channel), options)
    size = options.block
    windows = np.stack(
        [
            cells[:, row : row + block_rows, column : column + block_columns]
            for row in range(size)
            for column in range(size)
        ],
        axis=3,
    )
    blocks = windows.reshape(len(images), block_rows, block_columns, -1)
    return _normalize(blocks).reshape(len(images), -1).astype(np.float32)


def _blocks(options: Options, height: int, width: int) -> tuple[int, int]:
    rows = height // options.cell - options.block + 1
    columns = width // options.cell - options.block + 1
    if min(rows, columns) < 1:
        raise UserError(
            f"HOG: images of {height} x {width} pixels hold no block of {options.block} x"
            f" {options.block} cells of {options.cell} pixels; make `cell` or `block` smaller"
        )
    return rows, columns


def _gradient_pairs(images: np.ndarray, channel: str) -> np.ndarray:
    """Vertical and horizontal difference at every pixel as one index into the tables: int32 (N, H, W)."""
    count, height, width, _ = images.shape
    if channel == "gray":
        gray = cv2.cvtColor(images.reshape(count * height, width, 3), cv2.COLOR_RGB2GRAY)
        planes = gray.reshape(count, height, width, 1).astype(np.int16)
    else:
        planes = images.astype(np.int16)
    vertical = np.zeros_like(planes)
    vertical[:, 1:-1] = planes[:, 2:] - planes[:, :-2]
    horizontal = np.zeros_like(planes)
    horizontal[:, :, 1:-1] = planes[:, :, 2:] - planes[:, :, :-2]
    pairs = (vertical.astype(np.int32) + 255) * _LEVELS + (horizontal + 255)
    if pairs.shape[3] == 1:
        return pairs[..., 0]
    magnitude, _ = _tables(9)
    strongest = magnitude[pairs].argmax(axis=3)
    return np.take_along_axis(pairs, strongest[..., None], axis=3)[..., 0]


@lru_cache(maxsize=4)
def _tables(bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude (float64) and direction bin (int32) of every pair of differences."""
    differences = np.arange(-255, 256, dtype=np.float64)
    vertical, horizontal = np.meshgrid(differences, differences, indexing="ij")
    magnitude = np.hypot(vertical, horizontal).ravel()
    degrees = np.rad2deg(np.arctan2(vertical, horizontal)).ravel() % 180
    return magnitude, np.floor(degrees / (180 / bins)).astype(np.int32) % bins


def _cell_histograms(pairs: np.ndarray, options: Options) -> np.ndarray:
    """Mean magnitude per cell and direction: float64 (N, cell rows, cell columns, bins)."""
    magnitude, direction = _tables(options.bins)
    count, height, width = pairs.shape
    cell = options.cell
    rows, columns = height // cell, width // cell
    pairs = pairs[:, : rows * cell, : columns * cell]
    row_of = np.arange(rows * cell) // cell
    column_of = np.arange(columns * cell) // cell
    cell_of = (np.arange(count) * rows)[:, None, None] + row_of[None, :, None]
    cell_of = cell_of * columns + column_of[None, None, :]
    votes = np.bincount(
        (cell_of * options.bins + direction[pairs]).ravel(),
        weights=magnitude[pairs].ravel(),
        minlength=count * rows * columns * options.bins,
    )
    return votes.reshape(count, rows, columns, options.bins) / cell**2


def _normalize(blocks: np.ndarray) -> np.ndarray:
    """L2-Hys over the last axis: unit length, clipped at 0.2, unit length again."""
    clipped = np.minimum(blocks / _length(blocks), _CLIP)
    return clipped / _length(clipped)


def _length(blocks: np.ndarray) -> np.ndarray:
    return np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _EPSILON**2)
