"""Seeded samples of rows."""

import numpy as np


def sample(n: int, most: int, seed: int) -> np.ndarray:
    """A sample of at most `most` of n places, without repetition, rising: int64; all places when there are no more."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(n)[:most])
