"""Histograms of oriented gradients (Dalal and Triggs 2005), defined as in `skimage.feature.hog`.

Differences of 8-bit pixels are whole numbers from -255 to 255, so magnitude and direction come from tables of all
511 x 511 pairs, which is exact, and faster than a root and an angle for every pixel.

`cv2.HOGDescriptor` has the same length and other values: it shares each vote between neighbouring bins and cells,
weighs pixels by a Gaussian, takes roots of the colours first and orders the cells of a block by columns.
"""

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.errors import UserError
from evenlight.settings import Settings

_LEVELS = 511  # differences from -255 to 255
_PAIR_BITS = 18  # hold 511 * 511 pairs
_EPSILON = 1e-5
_CLIP = 0.2

COLUMNS = (
    Column("hog_*", "share of the block's length", 0, 1, "strength of edges in one direction in one cell"),
)


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

    Central differences, zero on the border; every pixel votes with its magnitude for one direction bin. Where two
    colour channels change equally, the first one counts.

    Raises:
        UserError: the images are too small for one block.
    """
    _blocks(options, images.shape[1], images.shape[2])
    return by_block(images, lambda some: _descriptors(some, options))


def _descriptors(images: np.ndarray, options: Options) -> np.ndarray:
    cells = _cell_histograms(_gradient_pairs(images, options.channel), options)
    windows = sliding_window_view(cells, (options.block, options.block), axis=(1, 2))
    # float64 sums, and float32 from here on
    blocks = windows.transpose(0, 1, 2, 4, 5, 3).astype(np.float32, order="C")
    _normalize(blocks.reshape(-1, options.block**2 * options.bins))
    return blocks.reshape(len(images), -1)


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
    """Vertical and horizontal difference at every pixel as one index into the tables: int64 (N, H, W)."""
    if channel == "gray":
        return _difference_pairs(pixels.gray(images))
    strongest = np.zeros(images.shape[:3], dtype=np.int64)
    strengths = _strengths()
    for number in range(3):
        strength = np.take(strengths, _difference_pairs(_plane(images, number)), mode="clip")
        strength += 2 - number << _PAIR_BITS  # of equally strong channels, the first
        np.maximum(strongest, strength, out=strongest)
    strongest &= 2**_PAIR_BITS - 1
    return strongest


def _plane(images: np.ndarray, number: int) -> np.ndarray:
    count, height, width, channels = images.shape
    plane = cv2.extractChannel(images.reshape(count * height, width, channels), number)
    return plane.reshape(count, height, width)


def _difference_pairs(plane: np.ndarray) -> np.ndarray:
    """The same of one channel, uint8 (N, H, W)."""
    levels = plane.astype(np.int16)
    vertical = np.zeros_like(levels)
    np.subtract(levels[:, 2:], levels[:, :-2], out=vertical[:, 1:-1])
    # along one flat line, which is faster than row by row; what crosses from row to row is border
    flat = levels.ravel()
    horizontal = np.empty_like(levels)
    np.subtract(flat[2:], flat[:-2], out=horizontal.reshape(-1)[1:-1])
    horizontal[:, :, 0] = horizontal[:, :, -1] = 0
    pairs = np.multiply(vertical, _LEVELS, dtype=np.int32)
    pairs += horizontal
    return np.add(pairs, _LEVELS**2 // 2, dtype=np.int64)


def _differences() -> tuple[np.ndarray, np.ndarray]:
    """Vertical and horizontal difference of every pair: int64 (511 * 511) each."""
    vertical, horizontal = np.divmod(np.arange(_LEVELS**2, dtype=np.int64), _LEVELS)
    return vertical - 255, horizontal - 255


@lru_cache(maxsize=1)
def _strengths() -> np.ndarray:
    """A number for every pair that is larger the stronger its gradient, with the pair in its lowest bits: int64.

    Two bits above the pair are free for the caller.
    """
    vertical, horizontal = _differences()
    squares = vertical**2 + horizontal**2
    return (squares << _PAIR_BITS + 2) + np.arange(_LEVELS**2, dtype=np.int64)


@lru_cache(maxsize=4)
def _tables(bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude (float64) and direction bin (uint8) of every pair of differences."""
    vertical, horizontal = _differences()
    degrees = np.rad2deg(np.arctan2(vertical, horizontal)) % 180
    direction = np.floor(degrees / (180 / bins)) % bins
    direction = np.floor(degrees / (180 / bins)).astype(np.int64) % bins
    return np.sqrt(vertical**2 + horizontal**2), direction.astype(np.uint8)


@lru_cache(maxsize=2)
def _first_bins(count: int, height: int, width: int, side: int, bins: int) -> np.ndarray:
    """Where the histogram of each pixel's cell starts in the votes: int64 (N, H, W).

    The histogram after those of an image's cells gets the pixels that lie in no whole cell.
    """
    rows, columns = height // side, width // side
    row, column = np.arange(height) // side, np.arange(width) // side
    cell = np.add.outer(row * columns, column)
    cell[row == rows] = rows * columns
    cell[:, column == columns] = rows * columns
    return np.add.outer(np.arange(count) * (rows * columns + 1), cell) * bins


def _cell_histograms(pairs: np.ndarray, options: Options) -> np.ndarray:
    """Mean magnitude per cell and direction: float64 (N, cell rows, cell columns, bins)."""
    count, height, width = pairs.shape
    rows, columns = height // options.cell, width // options.cell
    magnitude, direction = _tables(options.bins)
    # every index is in range; mode="clip" is the fast way of np.take
    places = _first_bins(count, height, width, options.cell, options.bins) + np.take(
        direction, pairs, mode="clip"
    )
    weights = np.take(magnitude, pairs, mode="clip")
    size = count * (rows * columns + 1) * options.bins
    votes = np.bincount(places.reshape(-1), weights=weights.reshape(-1), minlength=size)
    cells = votes.reshape(count, -1, options.bins)[:, :-1] / options.cell**2
    return cells.reshape(count, rows, columns, options.bins)


def _normalize(blocks: np.ndarray) -> None:
    """L2-Hys of float32 rows (M, D), in place: unit length, clipped at 0.2, unit length again."""
    _to_unit_length(blocks)
    np.minimum(blocks, _CLIP, out=blocks)
    _to_unit_length(blocks)


def _to_unit_length(blocks: np.ndarray) -> None:
    squares = np.einsum("ij,ij->i", blocks, blocks)
    blocks /= np.sqrt(squares + np.float32(_EPSILON**2))[:, None]
