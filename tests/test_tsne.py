"""The fast t-SNE: as good as scikit-learn's where both are asked, and the same bytes twice."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as reference
from sklearn.neighbors import NearestNeighbors

from evenlight.explain import tsne as module
from evenlight.explain.embeddings import principal_components, trustworthiness
from evenlight.explain.tsne import library, tsne


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


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """The same 600 points by both libraries."""
    values, _ = clusters(600)
    threshold, module.FAST_FROM = module.FAST_FROM, 500
    try:
        fast = tsne(values, 30, 0)
    finally:
        module.FAST_FROM = threshold
    return fast, tsne(values, 30, 0)


def test_as_good_as_scikit_learn(pictures):
    values, codes = clusters(600)
    fast, slow = pictures
    assert not np.array_equal(fast, slow)
    assert fast.shape == (600, 2)
    assert kept(values, fast) > kept(values, slow) - 0.01
    assert reference(values, fast) > reference(values, slow) - 0.01
    assert (codes[neighbours(fast, 1)[:, 0]] == codes).mean() > 0.95


def test_the_same_bytes_twice(monkeypatch):
    monkeypatch.setattr(module, "FAST_FROM", 300)
    values, _ = clusters(300)
    assert np.array_equal(tsne(values, 30, 0), tsne(values, 30, 0))


def test_library_by_number_of_points():
    assert [library(count) for count in (4, 1999, 2000)] == ["scikit-learn", "scikit-learn", "openTSNE"]


def test_copies_among_many_points(monkeypatch):
    monkeypatch.setattr(module, "FAST_FROM", 100)
    values = np.repeat(clusters(150)[0], 2, axis=0)
    assert np.isfinite(tsne(values, 30, 0)).all()


def test_trustworthiness_against_scikit_learn(pictures):
    values, _ = clusters(600)
    draws = np.random.Generator(np.random.PCG64(1))
    for picture in (pictures[1], values[:, :2], draws.normal(size=(600, 2))):
        near = neighbours(picture, 7)
        ours = trustworthiness(values, near, np.arange(600))
        assert ours == pytest.approx(reference(values, picture, n_neighbors=7), abs=1e-6)
        some = trustworthiness(values, near, np.arange(0, 600, 2))
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
