"""Embeddings: equal numbers from equal inputs, and odd data that must not break them."""

import numpy as np
import pytest

from evenlight.errors import UserError
from evenlight.explain.embeddings import project
from evenlight.sampling import sample


def clusters(count: int, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 3
    return np.random.default_rng(0).normal(size=(count, columns)) + 12 * np.eye(3, columns)[labels], labels


def same(one, other) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


@pytest.fixture(scope="module")
def picture():
    return project(*clusters(60), perplexity=10, seed=0)


@pytest.mark.parametrize("count", [60, 110])
def test_the_same_twice(count):
    """More columns than t-SNE's first guess, which draws random numbers, can do without."""
    first, again = (project(*clusters(count, 40), perplexity=10, seed=0) for _ in range(2))
    assert same(first, again)


def test_separate_clusters_stay_separate(picture):
    assert picture.knn_accuracy == 1
    assert picture.trustworthiness > 0.9
    assert picture.pca.shape == picture.tsne.shape == (60, 2)
    labels = clusters(60)[1]
    centers = np.array([picture.tsne[labels == label].mean(axis=0) for label in range(3)])
    nearest = ((picture.tsne[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).all()


def test_pca_against_a_decomposition(picture):
    values, _ = clusters(60)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    left, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    np.testing.assert_allclose(np.abs(picture.pca), np.abs(left[:, :2] * sizes[:2]), atol=1e-4)
    np.testing.assert_allclose(picture.pca_variance, (sizes**2 / (sizes**2).sum())[:2], atol=1e-5)


def test_labels_only_score_the_picture(picture):
    values, labels = clusters(60)
    shuffled = project(values, np.random.default_rng(1).permutation(labels), perplexity=10, seed=0)
    assert np.array_equal(picture.tsne, shuffled.tsne)
    assert shuffled.knn_accuracy < 0.7


def test_the_score_is_that_of_five_neighbours_without_the_point_itself(picture):
    labels = np.random.default_rng(2).integers(0, 3, 60)
    found = project(clusters(60)[0], labels, perplexity=10, seed=0)
    right = 0
    for point in range(60):
        order = np.argsort(((picture.tsne - picture.tsne[point]) ** 2).sum(axis=1), kind="stable")
        nearest = [other for other in order if other != point][:5]
        right += np.bincount(labels[nearest], minlength=3).argmax() == labels[point]
    assert found.knn_accuracy == pytest.approx(right / 60)


def test_units_and_constant_columns_do_not_count(picture):
    values, labels = clusters(60)
    scaled = project(values * [1e6, 1e-3, 1, 1, 1, 1], labels, perplexity=10, seed=0)
    np.testing.assert_allclose(scaled.pca, picture.pca, atol=1e-4)
    with_constants = project(np.column_stack([values, np.full((60, 3), 7.1)]), labels, perplexity=10, seed=0)
    np.testing.assert_allclose(with_constants.pca, picture.pca, atol=1e-4)


@pytest.mark.parametrize("count", range(4, 11))
@pytest.mark.parametrize("columns", [1, 2, 40])
def test_few_images(count, columns):
    values = np.random.default_rng(count).normal(size=(count, columns))
    found = project(values, np.arange(count) % 2, perplexity=30, seed=0)
    assert found.pca.shape == found.tsne.shape == (count, 2)
    assert np.isfinite([*found.pca.ravel(), *found.tsne.ravel(), *found.pca_variance]).all()
    assert 0 <= found.trustworthiness <= 1
    assert 0 <= found.knn_accuracy <= 1


def test_copies_of_two_images():
    found = project(np.repeat(np.eye(2), 6, axis=0), np.repeat([0, 1], 6), perplexity=30, seed=0)
    assert np.isfinite(found.tsne).all()
    assert np.isfinite(found.pca).all()


def test_all_images_alike_lie_on_one_spot():
    """t-SNE ends the process on such data."""
    found = project(np.full((6, 3), 0.1), np.arange(6) % 2, perplexity=30, seed=0)
    assert not found.tsne.any()
    assert not found.pca.any()
    assert (found.trustworthiness, found.knn_accuracy) == (None, None)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_images_is_a_sentence(count):
    with pytest.raises(UserError, match=f"at least 4 images, here are {count}"):
        project(np.ones((count, 2)), np.zeros(count, int), perplexity=30, seed=0)


def test_a_sample_is_sorted_seeded_and_without_copies():
    assert sample(5, 5, 0).tolist() == [0, 1, 2, 3, 4]
    first = sample(1000, 50, 3)
    assert np.array_equal(first, sample(1000, 50, 3))
    assert not np.array_equal(first, sample(1000, 50, 4))
    assert len(set(first)) == 50
    assert (np.diff(first) > 0).all()
    assert first.max() < 1000


def test_the_points_asked_are_scored() -> None:
    draws = np.random.default_rng(0)
    codes = np.repeat([0, 1], 30)
    values = draws.normal(0, 0.1, (60, 4)) + 10 * codes[:, None]
    wrong = codes.copy()
    wrong[:6] = 1  # labels of six points are not those of their neighbours
    asked = np.arange(60) < 6
    assert project(values, wrong, 10.0, 0, asked).knn_accuracy == 0
    assert project(values, wrong, 10.0, 0, ~asked).knn_accuracy > 0.95
