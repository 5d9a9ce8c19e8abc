"""Hyper-parameters: candidates, folds that tear nothing, halving, and what is chosen where the answer is known."""

import numpy as np
import pytest

from evenlight.models import classical, search

SETTINGS = {"folds": 4, "factor": 2.0, "minimum": 40}
KNN = {"kind": "knn", "features": ["x"], "columns": None, "seed": None}


def noisy_line(rows: int = 400, wrong: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One column that tells the class, but a share of labels is wrong: one neighbour believes them, fifteen do not."""
    draws = np.random.default_rng(0)
    values = draws.uniform(-1, 1, (rows, 1)).astype(np.float32)
    codes = (values[:, 0] > 0).astype(np.int64)
    flipped = draws.random(rows) < wrong
    return values, np.where(flipped, 1 - codes, codes), np.arange(rows).astype(str)


class Calls:
    """Records what every fit saw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fits: list[tuple[dict, np.ndarray]] = []
        real = classical.fit

        def fit(options, values, codes, seed):
            self.fits.append((options, values))
            return real(options, values, codes, seed)

        monkeypatch.setattr(classical, "fit", fit)


def test_every_combination_is_a_candidate_the_first_value_first():
    options = {**KNN, "kind": "rbf_svm", "C": [1.0, 3.0], "gamma": ["scale", 0.1], "exact_rows": 5}
    found = [(one["C"], one["gamma"]) for one in search.candidates(options)]
    assert found == [(1.0, "scale"), (1.0, 0.1), (3.0, "scale"), (3.0, 0.1)]
    assert all(one["features"] == ["x"] and one["exact_rows"] == 5 for one in search.candidates(options))


def test_lists_of_columns_are_no_grid():
    options = classical.with_defaults({"kind": "knn", "columns": ["a_1", "b_2"], "k": [3]})
    assert [one["k"] for one in search.candidates(options)] == [3]
    assert search.candidates(options)[0]["columns"] == ["a_1", "b_2"]
    assert len(search.candidates(classical.with_defaults({"kind": "metadata"}))) == 1


def test_one_candidate_is_not_searched(monkeypatch):
    calls = Calls(monkeypatch)
    for k in (3, [3]):
        chosen, table = search.search({**KNN, "k": k}, *noisy_line(), SETTINGS, seed=0)
        assert (chosen["k"], table) == (3, [])
    assert calls.fits == []


def test_the_better_candidate_is_found():
    values, codes, keys = noisy_line()
    for grid in ([1, 15], [15, 1]):
        chosen, table = search.search({**KNN, "k": grid}, values, codes, keys, SETTINGS, seed=0)
        assert chosen == {**KNN, "k": 15}
        assert [row["options"] for row in table] == [{"k": k} for k in grid]
        assert all(row["n"] == len(codes) for row in table)
        rights = {row["options"]["k"]: row["right"] for row in table}
        assert rights[15] > rights[1] + 20


def test_halving(monkeypatch):
    """Eight candidates on 40 rows, four on 80, two on 160."""
    calls = Calls(monkeypatch)
    grid = [40, 30, 20, 15, 9, 5, 3, 1]
    chosen, table = search.search({**KNN, "k": grid}, *noisy_line(), SETTINGS, seed=0)
    sizes = [len(values) for _, values in calls.fits]
    assert sizes == [40] * 8 * 4 + [80] * 4 * 4 + [160] * 2 * 4
    assert sorted(row["rows"] for row in table) == [40] * 4 + [80] * 2 + [160] * 2
    best = max(row["right"] for row in table if row["rows"] == 160)
    assert {"k": chosen["k"]} in [
        row["options"] for row in table if (row["rows"], row["right"]) == (160, best)
    ]


def test_few_rows_are_used_up_in_one_round(monkeypatch):
    calls = Calls(monkeypatch)
    values, codes, keys = noisy_line(40)
    _, table = search.search({**KNN, "k": [9, 5, 3, 1]}, values, codes, keys, SETTINGS, seed=0)
    assert len(calls.fits) == 4 * 4
    assert {row["rows"] for row in table} == {30}


def test_ties_go_to_the_first():
    values = np.repeat([[0.0], [9.0]], 30, axis=0).astype(np.float32)
    codes = np.repeat([0, 1], 30)
    for grid in ([5, 3, 1], [1, 3, 5]):
        options = {**KNN, "k": grid}
        assert search.search(options, values, codes, np.arange(60), SETTINGS, 0)[0]["k"] == grid[0]


def test_a_search_is_repeatable_and_depends_on_the_seed():
    values, codes, keys = noisy_line(200)
    options = {**KNN, "k": [9, 5, 3, 1]}
    first, again, other = (search.search(options, values, codes, keys, SETTINGS, seed) for seed in (1, 1, 2))
    assert first == again
    assert first[1] != other[1]


def test_what_belongs_together_is_never_on_both_sides(monkeypatch):
    """Rows come in pairs of copies with random labels: torn apart, one neighbour would know every answer."""
    draws = np.random.default_rng(0)
    pair = np.repeat(np.arange(100), 2)
    codes = draws.integers(0, 2, 100)[pair]
    values = draws.normal(size=(100, 3)).astype(np.float32)[pair]
    settings = {**SETTINGS, "minimum": 1000}
    together = search.search({**KNN, "k": [15, 1]}, values, codes, pair, settings, 0)[1]
    torn = search.search({**KNN, "k": [15, 1]}, values, codes, np.arange(200), settings, 0)[1]
    assert abs(together[1]["right"] / 200 - 0.5) < 0.15
    assert torn[1]["right"] / 200 > 0.7


def test_folds_are_stratified_wherever_their_order_stops():
    codes = np.repeat([0, 1, 2], [300, 90, 10])
    folds = list(search.grouped_folds(codes, np.arange(400), 5, seed=3))
    assert sorted(np.concatenate([fold.ask for fold in folds])) == list(range(400))
    for fold in folds:
        assert not set(fold.fit) & set(fold.ask)
        assert len(fold.fit) + len(fold.ask) == 400
        for rows in (40, 80, 200):
            counts = np.bincount(codes[fold.fit[:rows]], minlength=3)
            assert np.abs(counts - rows * np.array([0.75, 0.225, 0.025])).max() <= 1.5
        assert list(fold.fit) != sorted(fold.fit)


@pytest.mark.parametrize("kind", ["logistic_regression", "linear_svm", "rbf_svm"])
@pytest.mark.parametrize(("rows", "rare", "minimum"), [(800, 2, 80), (3000, 3, 100), (60, 2, 1)])
def test_a_rare_class_is_in_every_subset(kind, rows, rare, minimum):
    """Two rows of a class: one fold's first round would hold the other class only."""
    codes = np.repeat([0, 1, 2], [rows - 2 * rare, rare, rare])
    values = (np.random.default_rng(0).normal(size=(rows, 2)) + codes[:, None]).astype(np.float32)
    options = classical.with_defaults({"kind": kind, "features": ["x"], "C": [0.01, 0.1, 1.0]})
    for seen in (codes < 2, codes < 3):
        settings = {**SETTINGS, "minimum": minimum}
        _, table = search.search(options, values[seen], codes[seen], np.arange(seen.sum()), settings, 0)
        assert all(row["n"] == seen.sum() for row in table)


def test_folds_begin_with_one_row_of_each_class():
    codes = np.repeat([3, 0, 7], [190, 8, 2])
    for fold in search.grouped_folds(codes, np.arange(200), 4, seed=0):
        assert sorted(codes[fold.fit[:3]]) == [0, 3, 7]


@pytest.mark.parametrize("keys", [np.zeros(20), np.repeat([0, 1], 10)])
def test_without_honest_folds_the_first_candidate_is_taken(keys, capsys):
    """All of one source, or one source per class: no fold leaves two classes to learn."""
    values, codes = np.arange(20, dtype=np.float32)[:, None], np.repeat([0, 1], 10)
    chosen, table = search.search({**KNN, "k": [5, 1]}, values, codes, keys, SETTINGS, 0)
    assert (chosen["k"], table) == (5, [])
    assert "nothing to choose" in capsys.readouterr().err
    asked, scores = search.out_of_fold_scores(chosen, values, codes, keys, 5, 2, 0)
    assert (asked.shape, scores.shape) == ((0,), (0, 2))


def test_out_of_fold_scores_are_by_models_that_did_not_see_the_row():
    draws = np.random.default_rng(0)
    values, codes = draws.normal(size=(120, 4)).astype(np.float32), draws.integers(0, 2, 120)
    options = {**KNN, "k": 1}
    asked, scores = search.out_of_fold_scores(options, values, codes, np.arange(120), 5, 3, 0)
    assert sorted(asked) == list(range(120))
    # one neighbour is always right about rows that it has seen
    assert (scores.argmax(axis=1) == codes[asked]).mean() < 0.7
    assert np.isneginf(scores[:, 2]).all()


def test_out_of_fold_scores_are_of_folds_that_knew_all_classes():
    """Class 2 comes from one source: models that never saw it would leave its column empty."""
    draws = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [40, 40, 10])
    keys = np.where(codes == 2, "alone", np.arange(90).astype(str))
    values = draws.normal(size=(90, 2)).astype(np.float32)
    asked, _ = search.out_of_fold_scores({**KNN, "k": 5}, values, codes, keys, 5, 3, 0)
    assert 60 <= len(asked) < 80
    assert not (codes[asked] == 2).any()
    svm = {"kind": "linear_svm", "features": ["x"], "C": 0.1}
    assert np.isfinite(search.out_of_fold_scores(svm, values, codes, keys, 5, 3, 0)[1]).all()


def test_without_a_fold_that_knew_all_classes_all_are_asked():
    """Every class comes from one source, but two of the four are left in every fold."""
    codes = np.repeat([0, 1, 2, 3], 10)
    values = codes[:, None].astype(np.float32)
    asked, scores = search.out_of_fold_scores({**KNN, "k": 1}, values, codes, codes, 4, 4, 0)
    assert sorted(asked) == list(range(40))
    assert not np.isfinite(scores).all(axis=0).any()
