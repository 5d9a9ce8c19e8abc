"""Perceptual hash: 256 bits that stay nearly the same when a picture is resized, recompressed or brightened.

The hash is read from the 16 x 16 slowest waves of the picture's cosine transform (DCT-II), each compared with their
median (Zauner 2010, with 256 instead of 64 bits). Waves are sampled at the picture's own size, so nothing is
resampled first, and they are whole numbers: every sum is exact, and so the hash is the same on every processor.
Flips and quarter turns only change signs of the waves' amplitudes and swap their axes, so that the seven turned
versions cost next to nothing and equal, bit for bit, the hashes of the turned pixels.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

BITS = 256
VARIANTS = (
    "upright",
    "mirrored",
    "upside down and mirrored",
    "turned by 180 degrees",
    "mirrored and turned by 90 degrees to the left",
    "turned by 90 degrees to the left",
    "turned by 90 degrees to the right",
    "mirrored and turned by 90 degrees to the right",
)
INVERSE = (0, 1, 2, 3, 4, 6, 5, 7)  # INVERSE[v] undoes variant v

_SIDE = 16  # waves per direction
_LARGE = 128  # pictures whose sides all reach it are halved first
_BATCH = 1 << 18  # pixels transformed at once, so that they stay in the processor's cache


def hash_variants(images: Sequence[np.ndarray]) -> np.ndarray:
    """Hashes of pictures and of their flips and turns.

    Args:
        images: RGB uint8 (H, W, 3), of any sizes.

    Returns:
        uint8 (N, 8, 32), 256 bits each, first bit highest. Variant 0 is the picture as it is; the others are those
        of `turned`. All are exact: they equal the hash of the turned pixels.
    """
    hashes = np.empty((len(images), len(VARIANTS), BITS // 8), np.uint8)
    greys = [_small_grey(image) for image in images]
    by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, grey in enumerate(greys):
        by_shape[grey.shape].append(position)
    for (height, width), positions in by_shape.items():
        step = max(1, _BATCH // (height * width))
        for start in range(0, len(positions), step):
            batch = positions[start : start + step]
            hashes[batch] = _hashes(_amplitudes(np.stack([greys[position] for position in batch])))
    return hashes


def turned(image: np.ndarray, variant: int) -> np.ndarray:
    """The pixels (H, W, ...) of one variant: mirrored (variant & 1), upside down (& 2), then transposed (& 4)."""
    if variant & 1:
        image = image[:, ::-1]
    if variant & 2:
        image = image[::-1]
    return image.swapaxes(0, 1) if variant & 4 else image


def phash_text(packed: np.ndarray) -> str:
    """64 hexadecimal digits of one hash, uint8 (32,)."""
    return packed.tobytes().hex()


def _small_grey(image: np.ndarray) -> np.ndarray:
    """Grey uint8 (H, W), halved until one side is under 128.

    Means of 2 x 2 pixels treat left, right, top and bottom alike; of an odd number of lines the middle one is left
    out, so that this stays so.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    while min(grey.shape) >= _LARGE:
        for axis in (0, 1):
            if grey.shape[axis] % 2:
                grey = np.delete(grey, grey.shape[axis] // 2, axis=axis)
        height, width = grey.shape
        grey = cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return grey


def _amplitudes(greys: np.ndarray) -> np.ndarray:
    """The 16 x 16 slowest waves of pictures (N, H, W): whole numbers as float64 (N, 16, 16), rows first.

    Products of float64 matrices are exact here, in any order of summing: no partial sum exceeds
    255 * H * W * scale**2 < 2**53.
    """
    count, height, width = greys.shape
    scale = 1 << (45 - (height * width).bit_length()) // 2
    rows = greys.astype(np.float64).reshape(count * height, width) @ _waves(width, scale).T
    return _waves(height, scale) @ rows.reshape(count, height, _SIDE)


@lru_cache(maxsize=256)
def _waves(length: int, scale: int) -> np.ndarray:
    """scale * cos(pi * u * (2 x + 1) / (2 length)) for u < 16, rounded to whole numbers; (16, length)."""
    steps = np.arange(_SIDE)[:, None] * (2 * np.arange(length) + 1)
    return np.rint(scale * np.cos(np.pi * (steps % (4 * length)) / (2 * length)))


def _hashes(amplitudes: np.ndarray) -> np.ndarray:
    """Packed bits of all variants, uint8 (N, 8, 32), from amplitudes (N, 16, 16)."""
    odd = np.where(np.arange(_SIDE) % 2, -1.0, 1.0)  # a flip turns the sign of every second wave
    signs = np.stack([np.ones((_SIDE, _SIDE)), np.tile(odd, (_SIDE, 1)), np.tile(odd[:, None], _SIDE)])
    signs = np.concatenate([signs, signs[1:2] * signs[2:3]])
    flipped = amplitudes[:, None] * signs
    flat = flipped.reshape(len(amplitudes), 4, BITS)
    middle = np.partition(flat, (BITS // 2 - 1, BITS // 2), axis=2)[:, :, BITS // 2 - 1 : BITS // 2 + 1]
    bits = flipped > middle.mean(axis=2)[:, :, None, None]
    bits = np.concatenate([bits, bits.swapaxes(2, 3)], axis=1)
    return np.packbits(bits.reshape(len(bits), len(VARIANTS), BITS), axis=2)
