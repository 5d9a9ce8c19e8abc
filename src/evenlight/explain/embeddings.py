"""The data in two dimensions: PCA and t-SNE, with numbers that say how far to trust the picture."""

from dataclasses import dataclass

import numpy as np

from evenlight.errors import UserError

_NEIGHBOURS = 5
_EXACT_BELOW = 100
_COMPONENTS = 50  # t-SNE starts from this many principal components, as is usual


@dataclass(frozen=True)
class Projection:
    """Two pictures of N points.

    `pca` and `tsne` are float64 (N, 2). `pca_variance` is the share of variance on the two axes. `trustworthiness`
    (0 to 1) says how many near points of the t-SNE picture are near in the data; `knn_accuracy` is the leave-one-out
    accuracy of 5 nearest neighbours in the picture. Both are None where all points are the same.
    """

    pca: np.ndarray
    tsne: np.ndarray
    pca_variance: tuple[float, float]
    trustworthiness: float | None
    knn_accuracy: float | None


def project(values: np.ndarray, labels: np.ndarray, perplexity: float, seed: int) -> Projection:
    """Project a table to two dimensions.

    Columns are standardized, so that no unit dominates; constant columns count nothing. Where all are constant, all
    points lie on one spot.

    Args:
        values: float (N, D), N >= 4.
        labels: class of every row (N,), only to score the picture.
        perplexity: of t-SNE; reduced for small N.
        seed: of t-SNE.

    Raises:
        UserError: fewer than four rows.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness
    from sklearn.neighbors import NearestNeighbors

    if len(values) < 4:
        raise UserError(
            f"a picture of the data needs at least 4 images, here are {len(values)};"
            " remove `embed:` from params.yaml"
        )
    deviation = values.std(axis=0)
    if not (deviation > 1e-9).any():  # t-SNE would crash
        spot = np.zeros((len(values), 2))
        return Projection(spot, spot, (0.0, 0.0), None, None)
    scaled = (values - values.mean(axis=0)) / np.where(deviation > 1e-9, deviation, 1)
    components = min(_COMPONENTS, *scaled.shape)
    pca = PCA(components, svd_solver="full").fit(scaled)
    reduced = _fixed_signs(pca.transform(scaled))
    if components == 1:
        reduced = np.column_stack([reduced, np.zeros(len(reduced))])
    variance = [*pca.explained_variance_ratio_.tolist(), 0.0]
    tsne = TSNE(
        perplexity=min(perplexity, (len(values) - 1) / 3),
        init="pca",
        learning_rate="auto",
        random_state=seed,
        n_jobs=1,
        # a few points fly so far apart that the tree of the fast method takes seconds
        method="exact" if len(values) < _EXACT_BELOW else "barnes_hut",
    ).fit_transform(reduced)
    neighbours = min(_NEIGHBOURS, (len(values) - 1) // 2)
    # without an argument a point is no neighbour of itself
    near = NearestNeighbors(n_neighbors=neighbours).fit(tsne).kneighbors(return_distance=False)
    votes = [np.unique(labels[row], return_counts=True) for row in near]
    guesses = np.array([names[counts.argmax()] for names, counts in votes])
    return Projection(
        reduced[:, :2],
        tsne.astype(np.float64),
        (variance[0], variance[1]),
        float(trustworthiness(reduced, tsne, n_neighbors=neighbours)),
        float((guesses == labels).mean()),
    )


def _fixed_signs(scores: np.ndarray) -> np.ndarray:
    """The sign of a principal axis is arbitrary; the largest score is made positive."""
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])]
    return scores * np.where(largest < 0, -1.0, 1.0)
