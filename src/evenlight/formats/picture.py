"""What every format's reader returns, and the limits that every picture obeys."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from evenlight.reasons import Quarantine

MAX_PIXELS = 64_000_000
MAX_SIDE = 30_000
MIN_SIDE = 8
MAX_ASPECT = 50

# a reduced picture this many times larger than its standardized one gives the same pixels within the tolerance
# (mean 2/255, 99.9th percentile 16/255): measured in tests/decoding/test_reduced.py
MARGIN = 2.5

# full upright (height, width) -> smallest upright (height, width) that the caller needs
Reduce = Callable[[int, int], tuple[int, int]]


@dataclass(slots=True)
class Picture:
    """A decoded picture and the facts of its file, before turning and conversion.

    `pixels` is RGB uint8 (H, W, 3), upright. `orientation` is the EXIF value that was applied, 0 for none.
    `full` is False when the pixels were decoded at a reduced size; `window` is then the part of them that is
    picture, in pixels and fractions of them: top, left, bottom, right.
    """

    pixels: np.ndarray
    width: int
    height: int
    channels: int
    bit_depth: int = 8
    orientation: int = 0
    warnings: set[str] = field(default_factory=set)
    repaired: bool = False
    full: bool = True
    window: tuple[float, float, float, float] | None = None


def check_dimensions(width: int, height: int) -> None:
    """Raise Quarantine for a size that is not accepted. To be called before anything is allocated."""
    size = f"{width} x {height}"
    if width <= 0 or height <= 0:
        raise Quarantine("bad_dimensions", size)
    if not fits_memory(width, height):
        raise Quarantine("too_large", size)
    if min(width, height) < MIN_SIDE:
        raise Quarantine("too_small", size)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise Quarantine("extreme_aspect", size)


def fits_memory(width: int, height: int) -> bool:
    """Whether a picture of this size may be allocated."""
    return width * height <= MAX_PIXELS and max(width, height) <= MAX_SIDE
