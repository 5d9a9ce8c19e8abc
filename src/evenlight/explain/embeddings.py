"""The data in two dimensions: PCA and t-SNE, with numbers that say how far to trust the picture."""

from dataclasses import dataclass

import numpy as np

from evenlight.errors import UserError
from evenlight.explain.tsne import tsne
from evenlight.sampling import sample

_NEIGHBOURS = 5
_SCORED = 1500  # points whose neighbours score a picture
_COMPONENTS = 50  # t-SNE starts from this many principal components, as is usual


@dataclass(frozen=True)
class Projection:
    """Two pictures of N points.

    `pca` and `tsne` are float64 (N, 2). `pca_variance` is the share of variance on the two axes. `trustworthiness`
    (0 to 1) says how many near points of the t-SNE picture are near in the data; `knn_accuracy` is the accuracy of 5
    nearest neighbours in the picture, for the points asked. Both are None where all points are the same.
    """

    pca: np.ndarray
    tsne: np.ndarray
    pca_variance: tuple[float, float]
    trustworthiness: float | None
    knn_accuracy: float | None


def project(
    values: np.ndarray, labels: np.ndarray, perplexity: float, seed: int, asked: np.ndarray | None = None
) -> Projection:
    """Project a table to two dimensions.

    Columns are standardized, so that no unit dominates; constant columns count nothing. Where all are constant, all
    points lie on one spot.

    Args:
        values: float (N, D), N >= 4.
        labels: class of every row (N,), only to score the picture.
        perplexity: of t-SNE; reduced for small N.
        seed: of t-SNE.
        asked: rows whose class is guessed from their neighbours, bool (N,); None for all.

    Raises:
        UserError: fewer than four rows.
    """
    if len(values) < 4:
        raise UserError(
            f"a picture of the data needs at least 4 images, here are {len(values)};"
            " remove `embed:` from params.yaml"
        )
    deviation = values.std(axis=0)
    if not (deviation > 1e-9).any():  # t-SNE would crash
        spot = np.zeros((len(values), 2))
        return Projection(spot, spot, (0.0, 0.0), None, None)
    scaled = ((values - values.mean(axis=0)) / np.where(deviation > 1e-9, deviation, 1)).astype(np.float32)
    reduced, variance = principal_components(scaled, _COMPONENTS)
    picture = tsne(reduced, perplexity, seed)
    neighbours = min(_NEIGHBOURS, (len(values) - 1) // 2)
    near = _nearest(picture, neighbours)
    votes = [np.unique(labels[row], return_counts=True) for row in near]
    guesses = np.array([names[counts.argmax()] for names, counts in votes])
    scored = sample(len(values), _SCORED, seed)
    return Projection(
        reduced[:, :2].astype(np.float64),
        picture,
        variance,
        trustworthiness(reduced, near, scored),
        float((guesses == labels)[slice(None) if asked is None else asked].mean()),
    )


def principal_components(values: np.ndarray, most: int) -> tuple[np.ndarray, tuple[float, float]]:
    """The first `most` principal components of a table, at least two.

    Args:
        values: float32 (N, D).

    Returns:
        Components float32 (N, M), the second zero where there is but one, and the shares of variance of the first two.
    """
    from sklearn.decomposition import PCA

    # few columns: their covariance is small; few rows: they are the smaller matrix
    solver = "covariance_eigh" if len(values) >= values.shape[1] else "full"
    pca = PCA(min(most, *values.shape), svd_solver=solver).fit(values)
    components = _fixed_signs(pca.transform(values))
    if components.shape[1] == 1:
        components = np.column_stack([components, np.zeros_like(components)])
    first, second = [*pca.explained_variance_ratio_.tolist(), 0.0][:2]
    return components, (first, second)


def trustworthiness(values: np.ndarray, near: np.ndarray, scored: np.ndarray) -> float:
    """How many neighbours in a picture are neighbours in the data, 0 to 1 (Venna and Kaski 2001).

    As scikit-learn's, but asked of some points, so that no matrix of all distances is needed.

    Args:
        values: the data, float (N, D).
        near: the k nearest points of every point in the picture, int (N, k), k < N / 2.
        scored: points that are asked, int (S,).
    """
    count, neighbours = near.shape
    penalty = 0
    for point in scored:
        distances = ((values - values[point]) ** 2).sum(axis=1)
        distances[point] = -1  # the point itself has rank 0
        ranks = (distances < distances[near[point], None]).sum(axis=1)
        penalty += int(np.maximum(ranks - neighbours, 0).sum())
    worst = len(scored) * neighbours * (2 * count - 3 * neighbours - 1) / 2
    return 1 - penalty / worst


def _nearest(points: np.ndarray, neighbours: int) -> np.ndarray:
    """The nearest other points of every point: int (N, neighbours)."""
    from sklearn.neighbors import NearestNeighbors

    # without an argument a point is no neighbour of itself
    return NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(return_distance=False)


def _fixed_signs(scores: np.ndarray) -> np.ndarray:
    """The sign of a principal axis is arbitrary; the largest score is made positive."""
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])]
    return scores * np.where(largest < 0, -1, 1).astype(scores.dtype)
