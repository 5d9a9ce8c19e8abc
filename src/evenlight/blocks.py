"""Whole arrays worked on in pieces that stay in the processor's cache."""

from collections.abc import Callable

import numpy as np

_BLOCK_PIXELS = 2**17


def by_block(images: np.ndarray, extract: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Rows (N, D) of images (N, H, W, C), computed for some images at a time.

    Args:
        images: at least one.
        extract: rows (M, D) of images (M, H, W, C), each a function of its own image only.
    """
    step = max(1, _BLOCK_PIXELS // (images.shape[1] * images.shape[2]))
    blocks = [extract(images[start : start + step]) for start in range(0, len(images), step)]
    return np.concatenate(blocks)
