"""Classical models: the threshold rule against brute force, scores of classes, temperature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenlight.errors import UserError
from evenlight.models import calibration, classical, rbf
from evenlight.models.kinds import rbf_svm
from evenlight.models.rbf import RbfSvc
from evenlight.models.threshold import ThresholdRule

OPTIONS = {
    "threshold": {"kind": "threshold", "feature": "x_1"},
    "majority": {"kind": "majority"},
    "metadata": {"kind": "metadata", "trees": 5},
    "logistic_regression": {"kind": "logistic_regression", "features": ["x"], "C": 0.1},
    "linear_svm": {"kind": "linear_svm", "features": ["x"], "C": 0.1},
    "rbf_svm": {"kind": "rbf_svm", "features": ["x"], "C": 10.0},
    "nystroem": {"kind": "rbf_svm", "features": ["x"], "C": 10.0, "exact_rows": 9, "components": 8},
    "random_forest": {"kind": "random_forest", "features": ["x"], "trees": 5},
    "hist_gradient_boosting": {"kind": "hist_gradient_boosting", "features": ["x"], "iterations": 3},
    "knn": {"kind": "knn", "features": ["x"], "k": 1},
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
        shares = calibration.softmax(scores)
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
            np.testing.assert_allclose(
                calibration.softmax(scores), estimator.predict_proba(values), atol=1e-6
            )

    def test_softmax_of_huge_scores(self):
        found = calibration.softmax(np.array([[1e6, 1e6, -np.inf], [-1e6, -1e6, -1e6]]))
        np.testing.assert_allclose(found, [[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])


class TestTemperature:
    @pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
    @pytest.mark.parametrize("classes", [2, 5])
    def test_recovers_a_known_temperature(self, true, classes):
        draws = np.random.default_rng(classes)
        scores = draws.normal(size=(6000, classes)) * 3 * true
        shares = calibration.softmax(scores / true)
        codes = (shares.cumsum(axis=1) < draws.random((6000, 1))).sum(axis=1)
        assert calibration.fit_temperature(scores, codes) == pytest.approx(true, rel=0.1)

    @given(st.integers(0, 1000))
    @settings(max_examples=20, deadline=None)
    def test_never_changes_the_answer(self, seed):
        draws = np.random.default_rng(seed)
        scores = draws.normal(size=(30, 3)) * 10 ** draws.uniform(-2, 2)
        temperature = calibration.fit_temperature(scores, draws.integers(0, 3, 30))
        assert temperature > 0
        shares = calibration.softmax(scores / temperature)
        assert (shares.argmax(axis=1) == scores.argmax(axis=1)).all()

    @pytest.mark.parametrize("images", [4, 40, 400])
    def test_a_few_right_answers_prove_no_certainty(self, images):
        codes = np.arange(images) % 2
        scores = np.where(codes[:, None] == [0, 1], 1.0, -1.0)
        shares = calibration.softmax(scores / calibration.fit_temperature(scores, codes)).max(axis=1)
        assert shares == pytest.approx((images + 1) / (images + 2), abs=0.002)

    def test_wrong_answers_make_the_model_modest(self):
        scores = np.tile([[3.0, 0.0]], (100, 1))
        codes = np.arange(100) % 2
        assert calibration.softmax(scores / calibration.fit_temperature(scores, codes))[0, 0] < 0.55

    def test_images_of_a_class_without_score_are_left_out(self):
        scores = np.array([[1.0, -np.inf, -1.0]] * 50 + [[-1.0, -np.inf, 1.0]] * 50)
        codes = np.array([0] * 50 + [2] * 50)
        alone = calibration.fit_temperature(scores, codes)
        with_unseen = calibration.fit_temperature(
            np.vstack([scores, [[5.0, -np.inf, 5.0]] * 9]), np.append(codes, [1] * 9)
        )
        assert alone == with_unseen
        assert calibration.fit_temperature(scores[:3], np.ones(3, dtype=int)) is None

    def test_scores_of_one_class_say_nothing(self):
        scores = np.tile([[2.0, -np.inf, -np.inf]], (9, 1))
        assert calibration.fit_temperature(scores, np.zeros(9, dtype=int)) is None
        assert calibration.fit_temperature(scores[:0], np.zeros(0, dtype=int)) is None


class TestWhatAModelSees:
    def test_features_by_name(self):
        options = {"kind": "knn", "features": ["hog", "brightness"]}
        assert classical.columns_of(options) is None
        assert classical.families_of(options, ["brightness", "hog"]) == ["hog", "brightness"]

    def test_the_family_of_a_column_is_the_longest_that_fits(self):
        options = {"kind": "threshold", "feature": "hog_color_3"}
        assert classical.families_of(options, ["brightness", "hog", "hog_color"]) == ["hog_color"]
        assert classical.families_of(options, ["brightness"]) == []
        assert classical.columns_of(options) == ["hog_color_3"]

    def test_single_columns_win_over_families(self):
        columns = ["hog_1", "brightness_v_mean", "hog_0"]
        options = {"kind": "linear_svm", "features": ["color"], "columns": columns}
        assert classical.columns_of(options) == columns
        assert classical.families_of(options, ["brightness", "color", "hog"]) == ["hog", "brightness"]

    @pytest.mark.parametrize("kind", ["majority", "metadata"])
    def test_baselines_see_no_feature(self, kind):
        options = classical.with_defaults({"kind": kind})
        assert classical.families_of(options, ["bytes", "height", "hog"]) == []

    def test_a_model_that_sees_nothing_is_refused(self):
        with pytest.raises(ValidationError, match="features"):
            classical.with_defaults({"kind": "knn"})
        with pytest.raises(ValidationError, match="file_data"):
            classical.with_defaults({"kind": "metadata", "file_data": ["label_index"]})


@pytest.mark.parametrize(
    ("wrong", "twice"),
    [
        ({"kind": "knn", "columns": ["a_1", "b_2", "a_1"]}, "'a_1'"),
        ({"kind": "knn", "features": ["hog", "hog"]}, "'hog'"),
        ({"kind": "knn", "features": ["hog"], "k": [5, 3, 5]}, "5"),
        ({"kind": "rbf_svm", "features": ["hog"], "C": [1, 1.0]}, "1.0"),
        ({"kind": "rbf_svm", "features": ["hog"], "gamma": [0.1, 0.1]}, "0.1"),
        ({"kind": "metadata", "file_data": ["width", "width"]}, "'width'"),
    ],
)
def test_nothing_is_listed_twice(wrong, twice):
    with pytest.raises(ValidationError, match=f"{twice} is listed twice"):
        classical.with_defaults(wrong)


@pytest.mark.parametrize("wrong", [{"C": True}, {"C": [True, 3.0]}, {"gamma": False}])
def test_true_is_no_number(wrong):
    options = {"kind": "rbf_svm", "features": ["x"]}
    with pytest.raises(ValidationError, match="true and false are no numbers"):
        classical.with_defaults({**options, **wrong})
    with pytest.raises(ValidationError, match="true and false are no numbers"):
        classical.with_defaults({"kind": "knn", "features": ["x"], "k": True})
    # what YAML reads as text is a number
    assert classical.with_defaults({**options, "C": "1e-3"})["C"] == 0.001


def test_there_is_a_case_of_every_kind():
    assert {options["kind"] for options in OPTIONS.values()} == set(classical.kind_names())
    with pytest.raises(UserError, match="'rbf_svm'"):
        classical.kind_module("rbf_swm")


def test_defaults_are_filled_in():
    options = classical.with_defaults({"kind": "knn", "features": ["hog"]})
    assert options.items() >= {"kind": "knn", "features": ["hog"], "columns": None, "seed": None}.items()
    assert options["k"] == sorted(options["k"], reverse=True), "the smoothest first"


def built(shape: tuple[int, int] = (100, 4), seed: int = 0, **options):
    kind = classical.kind_module(options["kind"])
    return kind.build(kind.Options(features=["x"], **options), shape, seed)


class TestOptionsReachTheEstimators:
    def test_rbf_svm(self):
        svm = built(kind="rbf_svm", C=3.0, gamma=0.25)
        assert (type(svm[-1]), svm[-1].C, svm[-1].gamma) == (RbfSvc, 3.0, 0.25)
        kernel, linear = built((11, 4), 7, kind="rbf_svm", C=3.0, exact_rows=10, components=5)[-2:]
        assert (kernel.gamma, kernel.components, kernel.seed) == ("scale", 5, 7)
        assert linear.C == rbf_svm.LOGISTIC_C * 3

    @pytest.mark.parametrize("gamma", ["scale", 0.3])
    def test_both_kernels_reach_as_far(self, gamma):
        """Constant columns say nothing, so they change neither kernel: 1 / gamma counts those that vary."""
        draws = np.random.default_rng(0)
        values = np.column_stack([draws.normal(3, 9, (30, 4)), np.full((30, 12), 5.0)]).astype(np.float32)
        codes = np.arange(30) % 2
        exact = built(kind="rbf_svm", C=1.0, gamma=gamma).fit(values, codes)[-1]
        kernel = built(kind="rbf_svm", C=1.0, gamma=gamma, exact_rows=1).fit(values, codes)[1].kernel_
        assert kernel.gamma == pytest.approx(exact._gamma, rel=1e-6)
        assert kernel.gamma == pytest.approx(0.25 if gamma == "scale" else 0.3, rel=1e-6)
        assert (kernel.n_components, kernel.random_state) == (30, 0), "no more parts than rows"

    def test_forests(self):
        forest = built(seed=11, kind="random_forest", trees=7, max_depth=2, min_leaf=3)
        assert (forest.n_estimators, forest.max_depth, forest.min_samples_leaf) == (7, 2, 3)
        assert (forest.random_state, forest.n_jobs, forest.max_samples) == (11, None, None)
        assert built((101, 4), kind="random_forest", rows_per_tree=100).max_samples == 100

    def test_boosting_holds_no_rows_out(self):
        assert built((20_000, 4), kind="hist_gradient_boosting").early_stopping is False

    def test_linear_models(self):
        assert built(kind="logistic_regression", C=0.5)[-1].C == 0.5
        assert built((79, 4), kind="linear_svm", C=0.5)[-1].dual
        assert not built((80, 4), kind="linear_svm", C=0.5)[-1].dual

    def test_no_more_neighbours_than_rows(self):
        assert built((3, 4), kind="knn", k=5)[-1].n_neighbors == 3


@pytest.mark.parametrize("classes", [2, 4])
def test_support_vectors_by_matrix_products_are_those_of_libsvm(classes, monkeypatch):
    from sklearn.svm import SVC

    monkeypatch.setattr(rbf, "_KERNEL_VALUES", 1000)  # several blocks
    draws = np.random.default_rng(classes)
    codes = draws.integers(0, classes, 200) * 2
    values = (draws.normal(size=(200, 6)) + codes[:, None] / 3).astype(np.float32)
    model = RbfSvc(C=2.0).fit(values, codes)
    asked = draws.normal(size=(300, 6)).astype(np.float32)
    np.testing.assert_allclose(model.decision_function(asked), SVC.decision_function(model, asked), atol=1e-9)
    assert model.decision_function(asked[:0]).shape[0] == 0
    assert (
        model.predict(asked) == SVC.predict(model, asked)
    ).mean() > 0.97  # libsvm breaks ties by class order


@pytest.mark.parametrize("kind", [kind for kind in OPTIONS if OPTIONS[kind].get("features")])
@pytest.mark.filterwarnings("error")
def test_columns_that_hardly_vary_make_no_holes(kind):
    codes = np.arange(40) % 2
    level = codes.astype(np.float32)
    flat, tiny, far = np.full(40, 7.0), 1e-30 * level, 1e6 + level / 8
    values = np.column_stack([flat, tiny, far, level]).astype(np.float32)
    estimator = classical.fit(OPTIONS[kind], values, codes, seed=0)
    assert (estimator.predict(values) == codes).all()
    shares = calibration.softmax(classical.raw_scores(estimator, values + 1, 2))
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_seed_decides_everything_random(kind):
    draws = np.random.default_rng(0)
    codes = np.arange(80) % 3
    values = (draws.normal(size=(80, 5)) + codes[:, None]).astype(np.float32)
    first, second = (classical.fit(OPTIONS[kind], values, codes, seed=4) for _ in range(2))
    assert np.array_equal(*(classical.raw_scores(model, values, 3) for model in (first, second)))
