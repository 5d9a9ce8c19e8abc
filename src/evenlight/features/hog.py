"""Histograms of oriented gradients (Dalal and Triggs 2005), in the two usual definitions.

`votes: nearest` is `skimage.feature.hog`: a pixel votes for the nearest direction of its own cell. Differences of
8-bit pixels are whole numbers from -255 to 255, so magnitude and direction come from tables of all 511 x 511 pairs,
which is exact, and faster than a root and an angle for every pixel.

`votes: interpolated` is `cv2.HOGDescriptor`: a pixel's vote is shared between the two nearest directions and the
nearest cells of a block, and counts less the farther it lies from the block's centre (a Gaussian).
"""

from functools import lru_cache
from typing import Literal, Self

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, model_validator

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.errors import UserError
from evenlight.settings import Settings

_LEVELS = 511  # differences from -255 to 255
_PAIR_BITS = 18  # hold 511 * 511 pairs
_EPSILON = 1e-5
_CLIP = 0.2
_SHORTEST_BLOCK = 4
_VECTOR = 64  # pixels; more than OpenCV computes at once

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
    votes: Literal["nearest", "interpolated"] = Field(
        "nearest",
        description="a pixel votes for the nearest direction of its own cell (scikit-image's definition, the fastest),"
        " or its vote is shared between neighbouring directions and cells (OpenCV's): small shifts and turns"
        " change less, and accuracy is mostly higher; choose it where HOG matters more than time",
    )

    @model_validator(mode="after")
    def _block_is_large_enough(self) -> Self:
        # OpenCV 4.14 writes beyond the end of a block that is shorter than its vectors
        if self.votes == "interpolated" and self.block**2 * self.bins < _SHORTEST_BLOCK:
            raise ValueError(
                f"interpolated votes need `block` * `block` * `bins` of at least {_SHORTEST_BLOCK}"
                f" (got {self.block} * {self.block} * {self.bins})"
            )
        return self


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`hog_0000`, ...: block rows, block columns, cell rows, cell columns, directions; values in 0 to 1.

    Raises:
        UserError: the image is too small for one block.
    """
    rows, columns = _blocks(options, image_shape[0], image_shape[1])
    return [f"hog_{number:04d}" for number in range(rows * columns * options.block**2 * options.bins)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """HOG with L2-Hys normalization of RGB uint8 images (N, H, W, 3) as float32 (N, D).

    Central differences, zero on the border; every pixel votes with its magnitude. Where two colour channels change
    equally, the first one counts.

    Raises:
        UserError: the images are too small for one block, or this OpenCV has no `cv2.HOGDescriptor`.
    """
    _blocks(options, images.shape[1], images.shape[2])
    descriptors = _interpolated if options.votes == "interpolated" else _nearest
    return by_block(images, lambda some: descriptors(some, options))


def _interpolated(images: np.ndarray, options: Options) -> np.ndarray:
    """`cv2.HOGDescriptor` of every image, its cells ordered by rows: float32 (N, D)."""
    count, height, width, _ = images.shape
    rows, columns = _blocks(options, height, width)
    planes = pixels.gray(images)[..., None] if options.channel == "gray" else images
    places = [(number * (width + 2) + 1, 0) for number in range(count)]
    found = _opencv_descriptor(options, height, width).compute(_side_by_side(planes), locations=places)
    blocks = np.asarray(found).reshape(count, columns, rows, options.block, options.block, options.bins)
    return blocks.transpose(0, 2, 1, 4, 3, 5).reshape(count, -1)


def _opencv_descriptor(options: Options, height: int, width: int) -> "cv2.HOGDescriptor":
    """Of windows of all whole cells of an image."""
    if not hasattr(cv2, "HOGDescriptor"):
        raise UserError(
            "HOG: `votes: interpolated` needs OpenCV 4, and this OpenCV has no HOGDescriptor; install"
            " opencv-python-headless below 5, or set `votes: nearest`"
        )
    side = options.cell
    window = (width // side * side, height // side * side)
    return cv2.HOGDescriptor(window, (options.block * side,) * 2, (side, side), (side, side), options.bins)


def _side_by_side(images: np.ndarray) -> np.ndarray:
    """One picture (H, at least N * (W + 2), C) of images (N, H, W, C), columns reflected on both sides of each.

    OpenCV works row by row, and one long row takes it less time than many short ones. Beyond a picture it reflects
    pixels without repeating the outermost; so does this, and no image feels its neighbours. The last pixels of a row
    that fill no vector register would be rounded in another way; so the picture ends with some that no window sees.
    """
    count, height, width, channels = images.shape
    used = count * (width + 2)
    # an odd number: rows a power of two apart would share a few places of the cache
    vectors = -(-used // _VECTOR) | 1
    picture = np.zeros((height, vectors * _VECTOR, channels), dtype=np.uint8)
    wide = picture[:, :used].reshape(height, count, width + 2, channels)
    across = images.transpose(1, 0, 2, 3)
    wide[:, :, 1:-1] = across
    wide[:, :, 0] = across[:, :, 1]
    wide[:, :, -1] = across[:, :, -2]
    return picture


def _nearest(images: np.ndarray, options: Options) -> np.ndarray:
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
