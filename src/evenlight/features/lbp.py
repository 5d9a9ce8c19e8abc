"""Local binary patterns (Ojala, Pietikäinen and Mäenpää 2002): a histogram of tiny textures, whichever way up.

Each pixel is compared with eight points on the circle of radius 1 around it. Patterns with at most two changes along
the circle are uniform (an edge, a corner, a spot, a flat part) and counted by how many of the points are as bright
as the pixel or brighter; all others are counted together. The codes are those of
`skimage.feature.local_binary_pattern(gray, 8, 1, "uniform")`, beyond the border black, as there.
"""

import numpy as np

from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import level_counts
from evenlight.pixels import gray
from evenlight.settings import Settings

_POINTS = 8
_CODES = _POINTS + 2
# cos(45 degrees) to five digits, as in scikit-image, in whole numbers: sums and comparisons are exact in float64
_FAR = 70711
_NEAR = 100_000 - _FAR
_UNIT = 100_000**2

COLUMNS = (
    Column(
        "lbp_*",
        "share",
        0,
        1,
        "share of pixels with n of 8 points around them as bright or brighter, in one run; 9: in several runs",
    ),
)


class Options(Settings):
    """Local binary patterns have no options."""


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`lbp_00` to `lbp_09`: shares that sum to 1."""
    return [f"lbp_{code:02d}" for code in range(_CODES)]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Histograms of the codes of RGB uint8 images (N, H, W, 3), on their gray levels, as float32 (N, 10)."""
    counts = by_block(images, lambda some: level_counts(codes(gray(some))))
    return counts[:, :_CODES] / np.float32(images.shape[1] * images.shape[2])


def codes(grays: np.ndarray) -> np.ndarray:
    """Code of every pixel of uint8 (N, H, W): uint8 (N, H, W), 0 to 9."""
    padded = np.pad(grays, ((0, 0), (1, 1), (1, 1))).astype(np.float64)
    center = padded[:, 1:-1, 1:-1]
    level = center * _UNIT
    left, right = padded[:, :, :-2], padded[:, :, 2:]
    # a point on a diagonal lies between four pixels: first between columns, then between rows
    towards_left = _FAR * left + _NEAR * padded[:, :, 1:-1]
    towards_right = _FAR * right + _NEAR * padded[:, :, 1:-1]
    around = (  # anticlockwise from the right
        right[:, 1:-1] >= center,
        _NEAR * towards_right[:, 1:-1] + _FAR * towards_right[:, :-2] >= level,
        padded[:, :-2, 1:-1] >= center,
        _NEAR * towards_left[:, 1:-1] + _FAR * towards_left[:, :-2] >= level,
        left[:, 1:-1] >= center,
        _NEAR * towards_left[:, 1:-1] + _FAR * towards_left[:, 2:] >= level,
        padded[:, 2:, 1:-1] >= center,
        _NEAR * towards_right[:, 1:-1] + _FAR * towards_right[:, 2:] >= level,
    )
    patterns = np.zeros(grays.shape, dtype=np.uint8)
    for number, brighter in enumerate(around):
        patterns |= brighter.view(np.uint8) << number
    return _CODE_OF[patterns]


def _code_table() -> np.ndarray:
    """Code of each of the 256 patterns: uint8 (256,)."""
    bits = np.arange(256)[:, None] >> np.arange(_POINTS) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1), _POINTS + 1).astype(np.uint8)


_CODE_OF = _code_table()
