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
_RECALL = 0.99  # share of the pairs at the very radius that some draw shall find; nearer ones are found more surely
_KEY_BITS = (8, 22)
_MEMBERS = 32  # images of one bucket that an image is compared with
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
    search = _all_matches if len(places) <= _ALL_PAIRS else _probable_matches
    found = np.empty(0, np.int64)
    pending: list[np.ndarray] = []
    for upright, other, variant, distance in search(codes, radius):
        pending.append(_packed(upright, other, variant, distance, len(places)))
        if sum(map(len, pending)) > _CHUNK:
            found, pending = _nearest([found, *pending]), []
    found = _nearest([found, *pending])
    a, b = np.divmod(found >> 12, max(1, len(places)))
    return NearPairs(
        places[a], places[b], (found >> 3 & 511).astype(np.int32), (found & 7).astype(np.int32)
    )


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


Matches = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


def _all_matches(codes: np.ndarray, radius: int) -> Matches:
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
        yield image, start + query // _TURNS, query % _TURNS, distance


def _signs(packed: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1


def _probable_matches(codes: np.ndarray, radius: int) -> Matches:
    """Compare images that agree on all of a table's bits, upright on one side and in any variant on the other.

    An image is compared with at most 32 members of a bucket: the first ones in an order drawn once, so that huge
    buckets (frames of one camera) stay connected through few images, the same ones in every table.
    """
    random = np.random.Generator(np.random.PCG64(_SEED))
    order = random.permutation(len(codes))
    key_bits = _key_bits(radius)
    draws = np.stack([random.permutation(BITS)[:key_bits] for _ in range(_TABLES)])
    words = np.ascontiguousarray(codes).view(np.uint64).reshape(len(codes), _TURNS, -1)
    for table in range(0, _TABLES, _AT_ONCE):
        for keys in _keys(codes, draws[table : table + _AT_ONCE]):
            yield from _bucket_matches(keys.reshape(-1, _TURNS), words, order, key_bits, radius)


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


def _bucket_matches(
    keys: np.ndarray, words: np.ndarray, order: np.ndarray, key_bits: int, radius: int
) -> Matches:
    """Matches within the buckets of one table; keys (N, 8), words (N, 8, 4), members of a bucket as in `order`."""
    upright = keys[order, 0]
    members = order[np.argsort(upright, kind="stable")]
    ends = np.cumsum(np.bincount(upright, minlength=1 << key_bits))
    flat = keys.ravel()
    end = ends[flat]
    size = end - np.where(flat > 0, ends[flat - 1], 0)
    queries = np.flatnonzero(size)
    first = (end - size)[queries]
    count = np.minimum(size[queries], _MEMBERS)
    done = np.cumsum(count)
    cuts = np.searchsorted(done, np.arange(_CHUNK, done[-1] + _CHUNK, _CHUNK), side="right")
    start = 0
    for cut in np.maximum(cuts, 1):
        part = slice(start, cut)
        query = np.repeat(queries[part], count[part])
        within = np.arange(len(query)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        image = members[np.repeat(first[part], count[part]) + within]
        other, variant = np.divmod(query, _TURNS)
        distance = np.bitwise_count(words[image, 0] ^ words[other, variant]).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distance <= radius)
        yield image[near], other[near], variant[near], distance[near]
        start = cut


def _packed(
    upright: np.ndarray, other: np.ndarray, variant: np.ndarray, distance: np.ndarray, n: int
) -> np.ndarray:
    """Matches as numbers that sort by pair, then distance, then variant; int64 without those of an image with itself."""
    inverse = np.array(INVERSE)[variant]
    variant = np.where(upright < other, variant, inverse)
    pair = np.minimum(upright, other) * n + np.maximum(upright, other)
    return ((pair << 12) + (distance << 3) + variant)[upright != other]


def _nearest(packed: list[np.ndarray]) -> np.ndarray:
    """Of every pair the match that sorts first."""
    sorted_ = np.sort(np.concatenate(packed), kind="stable")
    return sorted_[np.flatnonzero(np.diff(sorted_ >> 12, prepend=-1))]
