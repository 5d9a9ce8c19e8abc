"""t-SNE: scikit-learn's for few points, openTSNE's Fourier interpolation (Linderman and others 2019) for many.

Measured by benchmarks/tsne.py. Equal inputs give equal bytes on one machine with one thread; on another processor the
last digits differ, and with them the map.
"""

import numpy as np

FAST_FROM = 2000  # points
_EXACT_BELOW = 100
_NEAREST = 10  # neighbours that count alike, besides the perplexity's
_SPACING = 2  # of the grid that charges are spread on; openTSNE's 1 costs more and changes no score
_FEWEST, _USUAL = 25, 50  # cells along a side of the grid, at least: for 2,500 and for 10,000 points


def library(count: int) -> str:
    """What computes the map of `count` points."""
    return "scikit-learn" if count < FAST_FROM else "openTSNE"


def tsne(values: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    """A map of N points that keeps near what is near: float64 (N, 2).

    Args:
        values: principal components of the points, largest first, float (N, D), N >= 4, D >= 2, not all points
            alike; the first two are where the points start.
        perplexity: about how many neighbours count; reduced for small N.
        seed: of what is drawn at random.
    """
    perplexity = min(perplexity, (len(values) - 1) / 3)
    find = _scikit_learn if library(len(values)) == "scikit-learn" else _open_tsne
    return find(values, perplexity, seed).astype(np.float64)


def _scikit_learn(values: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    return TSNE(
        perplexity=perplexity,
        init="pca",
        learning_rate="auto",
        random_state=seed,
        n_jobs=1,
        # a few points fly so far apart that the tree of the fast method takes seconds
        method="exact" if len(values) < _EXACT_BELOW else "barnes_hut",
    ).fit_transform(values)


def _open_tsne(values: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    """Similarities at two scales, half each: the perplexity's, and the ten nearest (Kobak and Berens 2019).

    With the second scale neighbours stay together more often than in scikit-learn's map.
    """
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN, PrecomputedAffinities, Uniform
    from openTSNE.initialization import rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors
    from sklearn.neighbors import NearestNeighbors

    count = max(_NEAREST, round(3 * perplexity))
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(values)
    distances, neighbours = search.kneighbors()  # without an argument a point is no neighbour of itself
    wide = PerplexityBasedNN(
        knn_index=PrecomputedNeighbors(neighbours, distances), perplexity=perplexity, n_jobs=1
    )
    nearest = PrecomputedNeighbors(neighbours[:, :_NEAREST], distances[:, :_NEAREST])
    near = Uniform(knn_index=nearest, k_neighbors=_NEAREST)
    return TSNE(negative_gradient_method="fft", ints_in_interval=_SPACING, n_jobs=1, random_state=seed).fit(
        affinities=PrecomputedAffinities(wide.P + near.P),
        initialization=rescale(values[:, :2].astype(np.float64), inplace=False),
    )
