"""Which training images a test image is near to, by its pixels and by a network's features.

Distances are computed on whole numbers that a float64 holds exactly, so that equal images are equally far, and
the result hangs neither on the size of a block nor on how many threads the processor's library uses.
"""

from typing import TYPE_CHECKING

import numpy as np

from evenlight.evaluation.intervals import Estimate
from evenlight.evaluation.resampling import Bootstrap, mean_estimates, not_certain

if TYPE_CHECKING:
    from evenlight.dataset import MappedImages

_QUERIES, _REFERENCES = 512, 4096  # rows of a block: distances in memory at one time
_EXACT_BITS = 50  # of a squared distance; float64 has 53


def directions(features: np.ndarray) -> np.ndarray:
    """Rows as unit vectors in whole numbers: nearest by Euclidean distance is then nearest by cosine.

    Lengths say how sure a network is, directions of what: neighbours by cosine share the class more often.

    Args:
        features: float (N, D), D >= 1.

    Returns:
        int32 (N, D), 2**15 or more steps from 0 to 1; a row of zeros stays one.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    bits = (_EXACT_BITS - int(np.ceil(np.log2(4 * features.shape[1])))) // 2
    return np.rint(features / np.where(lengths > 0, lengths, 1) * 2**bits).astype(np.int32)


def nearest(
    queries: "np.ndarray | MappedImages", references: "np.ndarray | MappedImages", count: int
) -> np.ndarray:
    """The nearest rows by Euclidean distance, exactly; of equally near ones the first.

    Args:
        queries: whole numbers (Q, ...), such as uint8 images or `directions`; of all squares of a row and of any two
            rows' differences the sum must stay below 2**53.
        references: the same of R rows; read in blocks.
        count: neighbours wanted.

    Returns:
        Numbers of references, nearest first: int64 (Q, min(count, R)).
    """
    count = min(count, len(references))
    parts = [
        _nearest_of_block(_flat(queries[start : start + _QUERIES]), references, count)
        for start in range(0, len(queries), _QUERIES)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, count), dtype=np.int64)


def _nearest_of_block(queries: np.ndarray, references: "np.ndarray | MappedImages", count: int) -> np.ndarray:
    places = np.zeros((len(queries), 0), dtype=np.int64)
    distances = np.zeros((len(queries), 0))
    for start in range(0, len(references), _REFERENCES):
        block = _flat(references[start : start + _REFERENCES])
        # without the query's own square, which changes no order
        near = (block**2).sum(axis=1) - 2 * (queries @ block.T)
        kept = _smallest(near, min(count, len(block)))
        places = np.concatenate([places, kept + start], axis=1)
        distances = np.concatenate([distances, np.take_along_axis(near, kept, axis=1)], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :count]
        places = np.take_along_axis(places, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
    return places


def _smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` smallest values of each row, rising, the first of equal ones: int64 (N, count)."""
    most = np.partition(values, count - 1, axis=1)[:, count - 1]
    smallest = np.empty((len(values), count), dtype=np.int64)
    for number, row in enumerate(values):  # a whole stable sort would take ten times as long
        places = np.flatnonzero(row <= most[number])
        smallest[number] = places[np.argsort(row[places], kind="stable")[:count]]
    return smallest


def _flat(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows).reshape(len(rows), -1).astype(np.float64)


def precision(neighbour_codes: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Share of each query's neighbours that have its class: float64 (Q,).

    Args:
        neighbour_codes: class codes of the neighbours (Q, K), K >= 1.
        codes: of the queries (Q,).
    """
    return np.asarray((neighbour_codes == codes[:, None]).mean(axis=1))


def precision_estimates(
    pixels: np.ndarray, features: np.ndarray, keys: np.ndarray, bootstrap: Bootstrap, seed: int
) -> dict[str, Estimate]:
    """Mean precision in both spaces, and how much better features are than pixels.

    Args:
        pixels, features: precision of the same queries (Q,), Q >= 1.
        keys: queries with equal keys, such as a source, are drawn together (Q,).
        bootstrap: how the intervals are made.
        seed: of the resamples.

    Returns:
        `pixels`, `features` and `gain`, of Q images.
    """
    values = np.column_stack([pixels, features, features - pixels])
    of_pixels, of_features, gain = mean_estimates(values, keys, bootstrap, seed)
    count = len(np.unique(keys))
    return {
        "pixels": not_certain(of_pixels, count, bootstrap.confidence),
        "features": not_certain(of_features, count, bootstrap.confidence),
        "gain": gain,
    }
