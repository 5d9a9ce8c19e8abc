"""Classical models: the threshold rule against brute force, scores of classes, temperature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.models import classical
from evenlight.models.threshold import ThresholdRule

OPTIONS = {
    "threshold": {"kind": "threshold", "feature": "x_1"},
    "logistic_regression": {"kind": "logistic_regression", "features": ["x"]},
    "rbf_svm": {"kind": "rbf_svm", "features": ["x"]},
    "random_forest": {"kind": "random_forest", "features": ["x"], "trees": 5},
}


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def most_right(values: np.ndarray, codes: np.ndarray) -> int:
    """Training rows that the best of all cuts gets right, by trying them all."""

    def majority(side: np.ndarray) -> int:
        return int(np.bincount(side).max()) if len(side) else 0

    return max(majority(codes[values <= cut]) + majority(codes[values > cut]) for cut in values)


class TestThresholdRule:
    @given(
        rows=st.lists(
            st.tuples(st.one_of(st.integers(0, 6), st.floats(-300, 300, width=32)), st.integers(0, 2)),
            min_size=2,
            max_size=30,
        )
    )
    @settings(max_examples=300, deadline=None)
    def test_no_cut_is_better(self, rows):
        values = column(*(value for value, _ in rows))
        codes = np.array([code for _, code in rows])
        rule = ThresholdRule().fit(values, codes)
        assert (rule.predict(values) == codes).sum() == most_right(values[:, 0], codes)
        shares = rule.predict_proba(values)
        assert shares.shape == (len(rows), len(np.unique(codes)))
        np.testing.assert_allclose(shares.sum(axis=1), 1)

    def test_the_cut_is_a_midpoint_and_belongs_to_the_lower_side(self):
        rule = ThresholdRule().fit(column(1, 2, 4, 9), np.array([0, 0, 1, 1]))
        assert rule.threshold_ == 3
        assert rule.predict(column(3, 3.001)).tolist() == [0, 1]

    def test_the_darker_class_may_be_the_higher_code(self):
        rule = ThresholdRule().fit(column(9, 8, 2, 1), np.array([0, 0, 1, 1]))
        assert rule.predict(column(0, 5, 5.1, 100)).tolist() == [1, 1, 0, 0]

    def test_among_equal_cuts_the_middle_one(self):
        codes = np.array([0, 0, 1, 0, 1, 0, 1, 1])  # cuts at 2.5, 4.5 and 6.5 all get six rows right
        assert ThresholdRule().fit(column(1, 2, 3, 4, 5, 6, 7, 8), codes).threshold_ == 4.5

    def test_equal_values_are_never_torn_apart(self):
        rule = ThresholdRule().fit(column(5, 5, 5, 7), np.array([0, 1, 1, 0]))
        assert rule.threshold_ == 6
        assert rule.predict(column(5, 7)).tolist() == [1, 0]

    def test_a_constant_column_says_the_most_frequent_class_everywhere(self):
        rule = ThresholdRule().fit(column(4, 4, 4), np.array([0, 1, 1]))
        assert rule.predict(column(-10, 4, 10)).tolist() == [1, 1, 1]

    def test_shares_are_smoothed(self):
        rule = ThresholdRule().fit(column(1, 2, 10), np.array([0, 0, 1]))
        np.testing.assert_allclose(rule.predict_proba(column(0, 20)), [[3 / 4, 1 / 4], [1 / 3, 2 / 3]])

    def test_order_of_rows_does_not_matter(self):
        draws = np.random.default_rng(0)
        values, codes = column(*draws.integers(0, 9, 40)), draws.integers(0, 3, 40)
        first, order = ThresholdRule().fit(values, codes), draws.permutation(40)
        again = ThresholdRule().fit(values[order], codes[order])
        assert first.threshold_ == again.threshold_
        assert np.array_equal(first.predict_proba(values), again.predict_proba(values))


class TestRawScores:
    @pytest.mark.parametrize("kind", OPTIONS)
    @pytest.mark.parametrize("seen", [(0, 2), (0, 1, 3)])
    def test_a_class_that_training_never_saw_is_never_said(self, kind, seen):
        codes = np.repeat(seen, 8)
        values = column(*(codes * 10 + np.tile(np.arange(8) / 8, len(seen))))
        estimator = classical.fit(OPTIONS[kind], values, codes, seed=0)
        scores = classical.raw_scores(estimator, values, class_count=4)
        shares = classical.softmax(scores)
        absent = sorted(set(range(4)) - set(seen))
        assert np.isneginf(scores[:, absent]).all()
        assert (shares[:, absent] == 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert (shares.argmax(axis=1) == estimator.predict(values)).all()

    @pytest.mark.parametrize("kind", OPTIONS)
    def test_scores_agree_with_the_estimator(self, kind):
        draws = np.random.default_rng(1)
        codes = np.arange(60) % 2
        values = (draws.normal(size=(60, 1)) + codes[:, None]).astype(np.float32)
        estimator = classical.fit(OPTIONS[kind], values, codes, seed=0)
        scores = classical.raw_scores(estimator, values, 2)
        assert (scores.argmax(axis=1) == estimator.predict(values)).all()
        if hasattr(estimator, "predict_proba"):
            np.testing.assert_allclose(classical.softmax(scores), estimator.predict_proba(values), atol=1e-12)

    def test_softmax_of_huge_scores(self):
        found = classical.softmax(np.array([[1e6, 1e6, -np.inf], [-1e6, -1e6, -1e6]]))
        np.testing.assert_allclose(found, [[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])


class TestTemperature:
    @pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
    @pytest.mark.parametrize("classes", [2, 5])
    def test_recovers_a_known_temperature(self, true, classes):
        draws = np.random.default_rng(classes)
        scores = draws.normal(size=(6000, classes)) * 3 * true
        shares = classical.softmax(scores / true)
        codes = (shares.cumsum(axis=1) < draws.random((6000, 1))).sum(axis=1)
        assert classical.fit_temperature(scores, codes) == pytest.approx(true, rel=0.1)

    @given(st.integers(0, 1000))
    @settings(max_examples=20, deadline=None)
    def test_never_changes_the_answer(self, seed):
        draws = np.random.default_rng(seed)
        scores = draws.normal(size=(30, 3)) * 10 ** draws.uniform(-2, 2)
        temperature = classical.fit_temperature(scores, draws.integers(0, 3, 30))
        assert temperature > 0
        shares = classical.softmax(scores / temperature)
        assert (shares.argmax(axis=1) == scores.argmax(axis=1)).all()

    @pytest.mark.parametrize("images", [4, 40, 400])
    def test_a_few_right_answers_prove_no_certainty(self, images):
        codes = np.arange(images) % 2
        scores = np.where(codes[:, None] == [0, 1], 1.0, -1.0)
        shares = classical.softmax(scores / classical.fit_temperature(scores, codes)).max(axis=1)
        assert shares == pytest.approx((images + 1) / (images + 2), abs=0.002)

    def test_wrong_answers_make_the_model_modest(self):
        scores = np.tile([[3.0, 0.0]], (100, 1))
        codes = np.arange(100) % 2
        assert classical.softmax(scores / classical.fit_temperature(scores, codes))[0, 0] < 0.55

    def test_images_of_a_class_without_score_are_left_out(self):
        scores = np.array([[1.0, -np.inf, -1.0]] * 50 + [[-1.0, -np.inf, 1.0]] * 50)
        codes = np.array([0] * 50 + [2] * 50)
        alone = classical.fit_temperature(scores, codes)
        with_unseen = classical.fit_temperature(
            np.vstack([scores, [[5.0, -np.inf, 5.0]] * 9]), np.append(codes, [1] * 9)
        )
        assert alone == with_unseen
        assert classical.fit_temperature(scores[:3], np.ones(3, dtype=int)) == 1.0


def test_families_of_a_threshold_is_the_longest_that_fits():
    options = {"kind": "threshold", "feature": "hog_color_3"}
    assert classical.families_of(options, ["brightness", "hog", "hog_color"]) == ["hog_color"]
    assert classical.families_of(options, ["brightness"]) == []


def test_defaults_are_filled_in():
    assert classical.with_defaults({"kind": "rbf_svm", "features": ["hog"]}) == {
        "kind": "rbf_svm",
        "features": ["hog"],
        "C": 10.0,
        "gamma": "scale",
    }


def test_options_reach_the_estimators():
    svm = classical.KINDS["rbf_svm"]
    built = svm.build(svm.options(kind="rbf_svm", features=["x"], C=3.0, gamma=0.25), 0)
    assert (built[-1].C, built[-1].gamma) == (3.0, 0.25)
    forest = classical.KINDS["random_forest"]
    built = forest.build(forest.options(kind="random_forest", features=["x"], trees=7, max_depth=2), 11)
    assert (built.n_estimators, built.max_depth, built.random_state, built.n_jobs) == (7, 2, 11, None)
    linear = classical.KINDS["logistic_regression"]
    assert linear.build(linear.options(kind="logistic_regression", features=["x"], C=0.5), 0)[-1].C == 0.5
