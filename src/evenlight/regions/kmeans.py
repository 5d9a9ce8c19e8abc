"""The colours of a picture in a few clusters (k-means), one of them kept or filled.

`cv2.kmeans` changes its last digits with the instruction set, so a pixel between two clusters could change sides
from one machine to the next. The version here computes in whole numbers only, and so gives equal masks everywhere:
colours are rounded to 32 levels per channel, k-means runs on the histogram of these, seeded k-means++ starts and
Lloyd's steps, and a table tells every pixel its cluster.
"""

from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from evenlight.regions.cut import Cut, MaskRegion, masked

_LEVELS = 32
_UNIT = 256  # centres are stored in 256ths of a level
_STARTS, _STEPS, _SEED = 10, 100, 0


class Options(MaskRegion):
    """One of a few clusters of colours."""

    method: Literal["kmeans"]
    k: int = Field(3, ge=2, le=16, description="number of clusters")
    cluster: Literal["largest", "smallest", "central", "brightest", "darkest"] = Field(
        "largest", description="which one; central: the one with most pixels in the middle of the picture"
    )


def cut(pixels: np.ndarray, options: Options) -> Cut:
    """What lies inside (or outside) the chosen cluster."""
    labels = clusters(pixels, options.k)
    return masked(pixels, labels == _choose(pixels, labels, options.cluster), options)


def clusters(pixels: np.ndarray, k: int) -> np.ndarray:
    """Cluster of every pixel of RGB uint8 (H, W, 3): uint8 (H, W), 0 = the largest cluster.

    A picture with fewer than `k` colours has fewer clusters.
    """
    levels = pixels >> 3
    colors = (
        (levels[..., 0].astype(np.uint16) << 10) | (levels[..., 1].astype(np.uint16) << 5) | levels[..., 2]
    )
    counts = np.bincount(colors.ravel(), minlength=_LEVELS**3)
    present = np.flatnonzero(counts)
    points = np.stack([present >> 10, present >> 5 & 31, present & 31], axis=1) * _UNIT
    labels = _cluster_points(points, counts[present], k)
    sizes = np.bincount(labels, weights=counts[present], minlength=k).astype(np.int64)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    table = np.zeros(_LEVELS**3, dtype=np.uint8)
    table[present] = rank[labels]
    return table[colors]


def _choose(pixels: np.ndarray, labels: np.ndarray, which: str) -> int:
    sizes = np.bincount(labels.ravel())
    if which == "largest":
        return 0
    if which == "smallest":
        return len(sizes) - 1
    if which == "central":
        height, width = labels.shape
        middle = labels[height // 4 : height - height // 4, width // 4 : width - width // 4]
        return int(np.bincount(middle.ravel()).argmax())
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    means = np.bincount(labels.ravel(), weights=gray.ravel()) / sizes
    return int(means.argmax() if which == "brightest" else means.argmin())


def _cluster_points(points: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Cluster of each point, int64 (P, 3), that counts `weights` times: the best of several seeded starts."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    best: tuple[int, np.ndarray] | None = None
    for _ in range(_STARTS):
        centers = _start(points, weights, min(k, len(points)), random)
        labels, spread = _nearest(points, weights, centers)
        for _ in range(_STEPS):
            centers = _means(points, weights, labels, centers)
            moved, spread = _nearest(points, weights, centers)
            if (moved == labels).all():
                break
            labels = moved
        if best is None or spread < best[0]:
            best = spread, labels
    assert best is not None
    return best[1]


def _start(points: np.ndarray, weights: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """k-means++ (Arthur and Vassilvitskii 2007): centres far from each other, by chance."""
    chances = np.cumsum(weights)
    centers: list[np.ndarray] = []
    far = np.full(len(points), np.iinfo(np.int64).max)
    while True:
        drawn = int(np.searchsorted(chances, random.integers(chances[-1]), side="right"))
        centers.append(points[drawn])
        if len(centers) == k:
            return np.stack(centers)
        far = np.minimum(far, _distances(points, points[drawn]))
        # in levels: distances in 256ths, times the pixels of a large picture, would not fit 64 bits
        chances = np.cumsum(far // _UNIT**2 * weights)


def _means(points: np.ndarray, weights: np.ndarray, labels: np.ndarray, centers: np.ndarray) -> np.ndarray:
    sizes = np.bincount(labels, weights=weights, minlength=len(centers)).astype(np.int64)
    means = centers.copy()  # a cluster that lost all its points stays where it was
    for channel in range(3):
        # floats hold these sums exactly: below 2^53
        sums = np.bincount(labels, weights=points[:, channel] * weights, minlength=len(centers)).astype(
            np.int64
        )
        np.floor_divide(sums, sizes, out=means[:, channel], where=sizes > 0)
    return means


def _nearest(points: np.ndarray, weights: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, int]:
    """Nearest centre of each point (the first of equals), and the sum of squared distances, in 1/16 levels."""
    distances = np.stack([_distances(points, center) for center in centers])
    labels = distances.argmin(axis=0)
    least = distances.min(axis=0)
    return labels, int((least // 256 * weights).sum())


def _distances(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    return ((points - center) ** 2).sum(axis=1)
