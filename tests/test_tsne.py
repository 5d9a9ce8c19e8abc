"""The fast t-SNE: as good as scikit-learn's where both are asked, and the same bytes twice."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as reference
from sklearn.neighbors import NearestNeighbors

from evenlight.explain import tsne as module
from evenlight.explain.embeddings import principal_components, trustworthiness
from evenlight.explain.tsne import library, tsne
from evenlight.sampling import sample


def clusters(count: int, columns: int = 20) -> tuple[np.ndarray, np.ndarray]:
    codes = np.arange(count) % 6
    draws = np.random.Generator(np.random.PCG64(0))
    values = draws.normal(size=(count, columns)) + 4 * np.eye(6, columns)[codes]
    return principal_components(values.astype(np.float32), columns)[0], codes


def neighbours(points: np.ndarray, count: int) -> np.ndarray:
    return NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)


def kept(values: np.ndarray, picture: np.ndarray) -> float:
    """Share of the 15 nearest neighbours that are nearest in the picture too."""
    pairs = zip(neighbours(values, 15), neighbours(picture, 15), strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) for pair in pairs])) / 15


def fast(values: np.ndarray) -> np.ndarray:
    """The map of openTSNE, however few the points."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FAST_FROM", 0)
        return tsne(values, 30, 0)


@pytest.fixture(scope="module")
def points() -> tuple[np.ndarray, np.ndarray]:
    """Points and their classes; some are copies."""
    values, codes = clusters(300)
    values[280:], codes[280:] = values[:20], codes[:20]
    return values, codes


@pytest.fixture(scope="module")
def pictures(points) -> tuple[np.ndarray, np.ndarray]:
    """The same points by both libraries."""
    return fast(points[0]), tsne(points[0], 30, 0)


def test_as_good_as_scikit_learn(points, pictures):
    values, codes = points
    quick, slow = pictures
    assert not np.array_equal(quick, slow)
    assert quick.shape == (300, 2)
    assert kept(values, quick) > kept(values, slow) - 0.01
    assert reference(values, quick) > reference(values, slow) - 0.01
    assert (codes[neighbours(quick, 1)[:, 0]] == codes).mean() > 0.95


def test_the_same_bytes_twice(points, pictures):
    assert np.array_equal(fast(points[0]), pictures[0])


def test_library_by_number_of_points():
    assert [library(count) for count in (4, 1999, 2000)] == ["scikit-learn", "scikit-learn", "openTSNE"]


def test_trustworthiness_against_scikit_learn():
    values, _ = clusters(600)
    draws = np.random.Generator(np.random.PCG64(1))
    for picture in (values[:, :2], values[:, 1:3], draws.normal(size=(600, 2))):
        near = neighbours(picture, 7)
        ours = trustworthiness(values, near, np.arange(600))
        assert ours == pytest.approx(reference(values, picture, n_neighbors=7), abs=1e-6)
        some = trustworthiness(values, near, sample(600, 400, 0))
        assert some == pytest.approx(ours, abs=0.02)


@pytest.mark.parametrize("shape", [(400, 30), (30, 400)])
def test_components_by_covariance_and_by_rows(shape):
    """Both ways give the components of a singular value decomposition."""
    values = np.random.Generator(np.random.PCG64(2)).normal(size=shape) * np.linspace(1, 3, shape[1])
    found, shares = principal_components(values.astype(np.float32), 5)
    left, sizes, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :5] * sizes[:5]), atol=2e-3)
    np.testing.assert_allclose(shares, (sizes**2 / (sizes**2).sum())[:2], rtol=1e-4)
    assert found.dtype == np.float32
