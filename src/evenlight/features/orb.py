"""Visual words: how often corners of each kind occur (Csurka et al. 2004, on ORB descriptors, Rublee et al. 2011).

A descriptor is 256 bits. The vocabulary is learned from training images by k-majority (Grana et al. 2013): k-means in
which distance is the number of different bits and the centre has the bits that most of its members have. Both are
whole numbers, so equal words come out on every processor.
"""

import cv2
import numpy as np
from pydantic import Field, model_validator

from evenlight.columns import Column
from evenlight.pixels import gray
from evenlight.settings import Settings
from evenlight.standardize import resize

_BITS = 256
_STEPS = 20
_BLOCK = 4096  # descriptors compared with all words at once

COLUMNS = (
    Column("orb_word_*", "sqrt(share)", 0, 1, "square root of the share of descriptors nearest to the word"),
    Column("orb_n", "count", 0, np.inf, "keypoints"),
)


class Options(Settings):
    """Keypoints and vocabulary."""

    words: int = Field(128, ge=2, le=4096, description="size of the vocabulary")
    keypoints: int = Field(64, ge=1, le=10_000, description="keypoints per image, the strongest")
    side: int = Field(
        64, ge=32, le=1024, description="images whose shorter side has fewer pixels are enlarged to this"
    )
    scale: float = Field(
        1.2, ge=1.01, le=4, description="ratio of two sizes at which keypoints are looked for"
    )
    levels: int = Field(4, ge=1, le=16, description="number of these sizes")
    patch: int = Field(16, ge=4, le=128, description="side of the part of the image that a descriptor sees")
    edge: int = Field(8, ge=0, le=128, description="pixels along the border without keypoints")
    contrast: int = Field(5, ge=1, le=255, description="gray levels by which a corner differs (FAST)")

    @model_validator(mode="after")
    def _smallest_has_pixels(self) -> "Options":
        smallest = self.side / self.scale ** (self.levels - 1)
        if smallest < 1:
            raise ValueError(
                f"with `scale: {self.scale:g}` and `levels: {self.levels}` an image of `side: {self.side}` shrinks to"
                f" {smallest:.2g} pixels; fewer levels, a smaller scale or a larger side leave at least 1"
            )
        return self


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`orb_word_000`, ..., `orb_n`; all 0 for images without keypoints. Squares of the words sum to 1."""
    return [*(f"orb_word_{number:03d}" for number in range(options.words)), "orb_n"]


def learn(images: np.ndarray, options: Options, seed: int) -> np.ndarray:
    """The vocabulary of RGB uint8 training images (N, H, W, 3): bits as uint8 (V, 256), V at most `options.words`.

    There are fewer words where there are fewer different descriptors; the first words are drawn by the seed.
    """
    detector = _detector(options)
    described = [descriptors(picture, detector, options.side) for picture in gray(images)]
    different = np.unique(np.concatenate([np.empty((0, _BITS // 8), np.uint8), *described]), axis=0)
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = random.permutation(len(different))[: options.words]
    words = np.unpackbits(different[np.sort(drawn, kind="stable")], axis=1)
    every = np.concatenate(described) if len(different) else different
    return _k_majority(every, words)


def extract(images: np.ndarray, options: Options, learned: np.ndarray) -> np.ndarray:
    """Words of RGB uint8 images (N, H, W, 3), on their gray levels, as float32 (N, words + 1).

    Args:
        images: of any size; small ones are enlarged, see `Options.side`.
        learned: what `learn` returned.
    """
    detector = _detector(options)
    values = np.zeros((len(images), options.words + 1), dtype=np.float32)
    for number, picture in enumerate(gray(images)):
        found = descriptors(picture, detector, options.side)
        values[number, -1] = len(found)
        if len(found) and len(learned):
            counts = np.bincount(nearest_words(found, learned), minlength=options.words)
            values[number, :-1] = np.sqrt(counts / len(found))
    return values


def descriptors(picture: np.ndarray, detector: cv2.ORB, side: int) -> np.ndarray:
    """ORB descriptors of gray uint8 (H, W), enlarged until its shorter side has `side` pixels: uint8 (K, 32)."""
    height, width = picture.shape
    scale = max(1.0, side / min(height, width))
    _, found = detector.detectAndCompute(resize(picture, round(height * scale), round(width * scale)), None)
    return np.empty((0, _BITS // 8), dtype=np.uint8) if found is None else found


def nearest_words(found: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The word with fewest different bits, the first of equals, of each descriptor uint8 (K, 32): int64 (K,)."""
    # different bits = bits of one + bits of the other - 2 common ones; whole numbers, exact in float32
    own = words.sum(axis=1, dtype=np.float32)
    twice = 2 * words.T.astype(np.float32)
    nearest = np.empty(len(found), dtype=np.int64)
    for start in range(0, len(found), _BLOCK):
        bits = np.unpackbits(found[start : start + _BLOCK], axis=1).astype(np.float32)
        nearest[start : start + _BLOCK] = (own - bits @ twice).argmin(axis=1)
    return nearest


def _k_majority(found: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Words, bits as uint8 (V, 256), moved until no descriptor, uint8 (K, 32), changes its word."""
    before = None
    for _ in range(_STEPS):
        nearest = nearest_words(found, words)
        if before is not None and np.array_equal(nearest, before):
            break
        before = nearest
        words = _majorities(found, nearest, words)
    return words


def _majorities(found: np.ndarray, nearest: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The bits that at least half of each word's descriptors have; words without any stay as they are."""
    moved = words.copy()
    for word in np.unique(nearest):
        bits = np.unpackbits(found[nearest == word], axis=1)
        moved[word] = 2 * bits.sum(axis=0, dtype=np.int64) >= len(bits)
    return moved


def _detector(options: Options) -> cv2.ORB:
    return cv2.ORB.create(
        nfeatures=options.keypoints,
        scaleFactor=options.scale,
        nlevels=options.levels,
        edgeThreshold=options.edge,
        patchSize=options.patch,
        fastThreshold=options.contrast,
    )
