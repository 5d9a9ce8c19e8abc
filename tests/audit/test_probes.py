"""Folds, out-of-fold probabilities and joint feature tables."""

import numpy as np
from audit_world import world

from evenlight.audit.probes import families_together, probabilities, standardised
from evenlight.sampling import sample
from evenlight.splits import make_folds


def test_folds_are_stratified_and_tear_no_key_apart():
    codes = np.repeat([0, 1], 100)
    keys = np.array([f"source {place % 20}" for place in range(200)])
    folds = make_folds(codes, keys, 5, seed=0)
    assert np.bincount(folds).tolist() == [40] * 5
    assert all(len(set(folds[keys == key])) == 1 for key in set(keys))
    assert [int(codes[folds == fold].sum()) for fold in range(5)] == [20] * 5


def test_folds_do_not_depend_on_the_order_of_images():
    codes = np.repeat([0, 1], 30)
    keys = np.array([f"{place:03d}" for place in range(60)])
    order = np.random.default_rng(0).permutation(60)
    assert np.array_equal(make_folds(codes[order], keys[order], 5, 7), make_folds(codes, keys, 5, 7)[order])


def test_a_model_never_saw_the_fold_it_is_asked_about():
    # labels are noise and every image has a column of its own: only a model that saw an image knows its label
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1], 50))
    values = np.eye(100)
    folds = np.arange(100) % 5
    found = probabilities(values, codes, folds, 100.0).argmax(axis=1)
    assert (found == codes).mean() < 0.6
    cheating = probabilities(np.column_stack([values, codes]), codes, folds, 100.0).argmax(axis=1)
    assert (cheating == codes).all()


def test_a_class_that_training_lacks_gets_no_probability():
    codes = np.array([0, 0, 1, 1, 2, 2])
    folds = np.array([0, 1, 0, 1, 0, 0])
    found = probabilities(np.arange(6.0)[:, None], codes, folds, 1.0)
    assert (found[folds == 0, 2] == 0).all()
    assert np.allclose(found.sum(axis=1), 1)


def test_one_fold_or_one_class_gives_what_can_be_known():
    values = np.arange(4.0)[:, None]
    assert (probabilities(values, np.array([0, 1, 0, 1]), np.zeros(4, dtype=int), 1.0) == 0).all()
    assert (probabilities(values, np.zeros(4, dtype=int), np.array([0, 0, 1, 1]), 1.0) == 1).all()


def test_standardised_columns_and_no_flat_ones():
    values = np.column_stack([np.arange(10.0), np.full(10, 3.0), np.arange(10.0) ** 2]).astype(np.float32)
    found = standardised(values)
    assert found.shape == (10, 2)
    assert np.allclose(found.mean(axis=0), 0)
    assert np.allclose(found.std(axis=0), 1)


def test_families_count_alike_however_many_columns_they_have():
    rng = np.random.default_rng(0)
    features = {"few": rng.normal(size=(500, 2)), "many": rng.normal(size=(500, 100))}
    data = world(["a", "b"] * 250, features=features)
    table = families_together(data, ["few", "many"], np.arange(500), 1000)
    assert table.shape == (500, 102)
    assert np.isclose(table[:, :2].var(axis=0).sum(), 1)
    assert np.isclose(table[:, 2:].var(axis=0).sum(), 1)


def test_components_keep_the_distances_that_matter():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(300, 3)).astype(np.float32)
    wide = hidden @ rng.normal(size=(3, 60)).astype(np.float32)
    data = world(["a", "b"] * 150, features={"wide": wide})
    full = families_together(data, ["wide"], np.arange(300), 60)
    small = families_together(data, ["wide"], np.arange(300), 3)
    assert small.shape == (300, 3)
    assert np.allclose(
        np.linalg.norm(full[0] - full[1:], axis=1), np.linalg.norm(small[0] - small[1:], axis=1), atol=1e-3
    )


def test_samples_are_seeded_sorted_and_whole_where_small():
    assert sample(5, 10, 0).tolist() == [0, 1, 2, 3, 4]
    drawn = sample(1000, 100, 3)
    assert len(set(drawn.tolist())) == 100
    assert (np.diff(drawn) > 0).all()
    assert np.array_equal(drawn, sample(1000, 100, 3))
    assert not np.array_equal(drawn, sample(1000, 100, 4))
