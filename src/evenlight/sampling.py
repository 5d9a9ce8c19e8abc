"""Seeded samples of rows."""

import numpy as np


def sample(n: int, most: int, seed: int) -> np.ndarray:
    """A sample of at most `most` of n places, without repetition, rising: int64; all places when there are no more."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(n)[:most])


def stratified_sample(codes: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most `most` places whose classes have the shares that they have in `codes`, rising: int64.

    Args:
        codes: class codes from 0 (N,).
        most: images wanted; all where there are no more.
        seed: of the order within a class.
    """
    if len(codes) <= most:
        return np.arange(len(codes))
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(codes))
    shuffled = codes[order]
    by_class = np.argsort(shuffled, kind="stable")
    sizes = np.bincount(shuffled)
    rank = np.empty(len(codes))
    # the middle of its place in the class: of every class the same share lies below any level
    rank[by_class] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 0.5
    return np.sort(order[np.argsort(rank / sizes[shuffled], kind="stable")[:most]])
