"""Which images are copies of each other, or nearly so: pairs, and the components they form.

Near-duplicates are pairs of perceptual hashes that differ in few of their 256 bits, one of them turned or mirrored if
need be. Up to a few thousand images all pairs are compared. Beyond that only images that agree on some randomly drawn
bits are (bit sampling: Indyk and Motwani 1998), for many such draws, so that the work grows with the images and not
with their pairs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evenlight.perceptual import BITS, INVERSE, VARIANTS

_TURNS = len(VARIANTS)
_ALL_PAIRS = 4096  # images; comparing all pairs of more takes longer than looking for them
_TABLES = 96  # draws of bits
_AT_ONCE = 8  # tables whose keys are held in memory together
_RECALL = (
    0.99  # share of the pairs at the very radius that some draw shall find; nearer ones are found more surely
)
_KEY_BITS = (8, 22)
_MEMBERS = 64  # of a bucket; in larger ones every image is compared with the first few only
_FEW = 4
_MANY_PAIRS = 1 << 21  # once so many are found, that holds for every bucket
_CHUNK = 1 << 20  # comparisons, or hashes, handled at once
_SEED = 20260101


@dataclass(frozen=True)
class NearPairs:
    """Pairs a < b, sorted by (a, b).

    Attributes:
        a, b: positions of the images, int64 (P,).
        distance: differing bits of 256, int32 (P,).
        variant: which turn of b resembles a, a place in `perceptual.VARIANTS`, int32 (P,).
    """

    a: np.ndarray
    b: np.ndarray
    distance: np.ndarray
    variant: np.ndarray


def near_pairs(hashes: np.ndarray, radius: int, eligible: np.ndarray) -> NearPairs:
    """Pairs of images whose hashes differ in at most `radius` bits, each once with its smallest distance.

    The distance of two images is the smallest between one of them upright and the other in any variant (of equal
    ones the first variant counts). Up to 4,096 images the pairs are complete. Of more, about 99 % of those at the
    radius itself and nearly all closer ones are found, and of an image with hundreds of near-duplicates only some.

    Args:
        hashes: uint8 (N, 8, 32) from `perceptual.hash_variants`.
        radius: largest distance in bits, 0 to 255.
        eligible: bool (N,); other images take no part (flat pictures resemble everything).
    """
    places = np.flatnonzero(eligible)
    codes = hashes[places]
    found = _Matches(len(places))
    search = _compare_all if len(places) <= _ALL_PAIRS else _compare_alike
    search(codes, radius, found)
    a, b, distance, variant = found.unpacked()
    return NearPairs(places[a], places[b], distance, variant)


def have_near(queries: np.ndarray, others: np.ndarray, radius: int) -> np.ndarray:
    """Whether each of some images has a near-duplicate among others, all pairs compared: bool (M,).

    Args:
        queries, others: uint8 (M, 8, 32) and (N, 8, 32) from `perceptual.hash_variants`.
        radius: largest distance in bits.
    """
    found = np.zeros(len(queries), dtype=bool)
    # upright on one side, in any variant on the other, both ways round
    for left, right in ((queries[:, :1], others), (queries, others[:, :1])):
        signs = _signs(left.reshape(-1, BITS // 8))
        step = max(1, _CHUNK * 8 // max(1, len(signs) * right.shape[1]))
        for start in range(0, len(others), step):
            products = signs @ _signs(right[start : start + step].reshape(-1, BITS // 8)).T
            near = products.max(axis=1) >= BITS - 2 * radius
            found |= near.reshape(len(queries), -1).any(axis=1)
    return found


def components(n: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The connected components of n images linked by pairs (a, b): int32 (n,), numbered by first member."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(a), bool), (a, b)), shape=(n, n))
    labels = connected_components(links, directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


def exact_keys(content_hash: Sequence[str], pixel_hash: Sequence[str]) -> np.ndarray:
    """Numbers that are equal for copies: images that share bytes or pixels, also by way of others; int64 (N,).

    Args:
        content_hash: of the files' bytes.
        pixel_hash: of the pixels; "" where it isn't known.
    """
    links = []
    for hashes in (content_hash, pixel_hash):
        first: dict[str, int] = {}
        links += [(first.setdefault(text, place), place) for place, text in enumerate(hashes) if text]
    a, b = np.array(links, np.int64).reshape(-1, 2).T
    return components(len(content_hash), a, b).astype(np.int64)


def likeness(kind: str, distance: int, variant: int) -> str:
    """A duplicate in words: `same file`, `same pixels`, `12 of 256 bits differ, mirrored`."""
    if kind != "near":
        return {"bytes": "same file", "pixels": "same pixels"}[kind]
    words = f"{distance} of {BITS} bits differ"
    return f"{words}, {VARIANTS[variant]}" if variant else words


class _Matches:
    """Matches found so far, of each pair the nearest: as numbers that sort by pair, then distance, then variant."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._best = np.empty(0, np.int64)
        self._new: list[np.ndarray] = []

    def __len__(self) -> int:
        """Pairs known to be different ones."""
        return len(self._best)

    def add(self, upright: np.ndarray, other: np.ndarray, variant: np.ndarray, distance: np.ndarray) -> None:
        """Note that `variant` of the image `other` is at `distance` from the image `upright`; int64 (M,) each."""
        variant = np.where(upright < other, variant, np.array(INVERSE)[variant])
        pair = np.minimum(upright, other) * self.n + np.maximum(upright, other)
        self._new.append(((pair << 12) + (distance << 3) + variant)[upright != other])
        if sum(map(len, self._new)) > max(_CHUNK, len(self._best)):
            self._merge()

    def unpacked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First image, second image, distance and variant of the second one, of all pairs in order."""
        self._merge()
        a, b = np.divmod(self._best >> 12, max(1, self.n))
        return a, b, (self._best >> 3 & 511).astype(np.int32), (self._best & 7).astype(np.int32)

    def _merge(self) -> None:
        packed = np.concatenate([self._best, *self._new])
        packed.sort(kind="stable")
        self._best, self._new = packed[np.flatnonzero(np.diff(packed >> 12, prepend=-1))], []


def _compare_all(codes: np.ndarray, radius: int, found: _Matches) -> None:
    """Compare every image with every variant of every other.

    The product of two hashes with bits of +1 and -1 is 256 - 2 * distance, a whole number, hence exact in float32.
    """
    upright = _signs(codes[:, 0])
    step = max(1, _CHUNK * 8 // max(1, len(codes) * _TURNS))
    for start in range(0, len(codes), step):
        turned = _signs(codes[start : start + step].reshape(-1, BITS // 8))
        products = turned @ upright.T
        query, image = np.nonzero(products >= BITS - 2 * radius)
        distance = (BITS - products[query, image].astype(np.int64)) // 2
        found.add(image, start + query // _TURNS, query % _TURNS, distance)


def _signs(packed: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1


def _compare_alike(codes: np.ndarray, radius: int, found: _Matches) -> None:
    """Compare images that agree on all of a table's bits, upright on one side and in any variant on the other.

    In a bucket of more than 64 (frames of one camera) every image is compared only with the first four, in an order
    drawn once: this connects them all, through nearly the same images in every table.
    """
    random = np.random.Generator(np.random.PCG64(_SEED))
    order = random.permutation(len(codes))
    key_bits = _key_bits(radius)
    draws = np.stack([random.permutation(BITS)[:key_bits] for _ in range(_TABLES)])
    words = np.ascontiguousarray(codes).view(np.uint64).reshape(len(codes), _TURNS, -1)
    for table in range(0, _TABLES, _AT_ONCE):
        for keys in _keys(codes, draws[table : table + _AT_ONCE]):
            most = _MEMBERS if len(found) < _MANY_PAIRS else _FEW
            for image, query in _bucket_mates(keys.reshape(-1, _TURNS), order, 1 << key_bits, most):
                other, variant = np.divmod(query, _TURNS)
                differing = words[image, 0] ^ words[other, variant]
                distance = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
                near = np.flatnonzero(distance <= radius)
                found.add(image[near], other[near], variant[near], distance[near])


def _key_bits(radius: int) -> int:
    """The most bits that let a pair at the radius agree on all of them in one of the tables, with chance _RECALL."""
    needed = 1 - (1 - _RECALL) ** (1 / _TABLES)
    low, high = _KEY_BITS
    for bits in range(high, low, -1):
        if math.comb(BITS - radius, bits) >= needed * math.comb(BITS, bits):
            return bits
    return low


def _keys(codes: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The drawn bits of every hash as one number, for each draw: int32 (draws, N * 8).

    Sums of powers of two up to 2**22 are exact in float32.
    """
    weights = np.zeros((BITS, len(draws)), np.float32)
    for column, draw in enumerate(draws):
        weights[draw, column] = 1 << np.arange(len(draw))
    rows = codes.reshape(-1, BITS // 8)
    keys = np.empty((len(draws), len(rows)), np.int32)
    step = _CHUNK // 64
    for start in range(0, len(rows), step):
        bits = np.unpackbits(rows[start : start + step], axis=1).astype(np.float32)
        keys[:, start : start + step] = (bits @ weights).T
    return keys


def _bucket_mates(
    keys: np.ndarray, order: np.ndarray, buckets: int, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs to compare in one table: images, and places in the flattened keys (N, 8) with the key of the image upright.

    Members of a bucket are sorted as in `order`; of more than `most` only the first few are given.
    """
    upright = keys[order, 0]
    members = order[np.argsort(upright, kind="stable")]
    ends = np.cumsum(np.bincount(upright, minlength=buckets))
    flat = keys.ravel()
    end = ends[flat]
    size = end - np.where(flat > 0, ends[flat - 1], 0)
    queries = np.flatnonzero(size)
    first = (end - size)[queries]
    count = np.where(size[queries] > most, _FEW, size[queries])
    total = np.cumsum(count)
    start = 0
    for stop in np.searchsorted(total, np.arange(_CHUNK, total[-1] + _CHUNK, _CHUNK), side="right"):
        times = count[start:stop]
        within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        yield members[np.repeat(first[start:stop], times) + within], np.repeat(queries[start:stop], times)
        start = stop
