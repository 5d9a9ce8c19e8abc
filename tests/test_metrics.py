"""Metrics: published tables, scikit-learn as an oracle, what is undefined, equal numbers from equal seeds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from evenlight.evaluation import metrics
from evenlight.storage import to_json

SETTINGS = {"confidence": 0.95, "bootstrap": 200}


def evaluate(true, scores, classes=None, attributes=None, seed=0, **changes):
    scores = np.asarray(scores, dtype=np.float64)
    names = classes or [f"class {number}" for number in range(scores.shape[1])]
    settings = {**SETTINGS, **changes}
    return metrics.evaluate_split(np.asarray(true), scores, names, attributes or {}, settings, seed)


def sure(codes, class_count: int) -> np.ndarray:
    return np.eye(class_count)[np.asarray(codes)]


def digits(text: str) -> np.ndarray:
    return np.array([int(digit) for digit in text])


class TestGoldenTables:
    """AIF360-R's 20 rows and the IBM row of Gender Shades (design/audit.md 8)."""

    actual = digits("00001000000001001001")
    predicted = digits("00110000101000011010")
    group = np.where(digits("01000011011111101010") == 1, "privileged", "unprivileged")

    def test_aif360(self):
        found = evaluate(self.actual, sure(self.predicted, 2), attributes={"side": self.group})
        assert found["confusion"] == [[10, 6], [3, 1]]
        assert (found["n"], found["accuracy"]["value"]) == (20, 0.55)
        positive = found["per_class"]["class 1"]
        assert positive["recall"]["value"] == 1 - 0.75
        assert positive["precision"]["value"] == pytest.approx(1 - 0.8571, abs=1e-4)
        negative = found["per_class"]["class 0"]
        assert negative["recall"]["value"] == 1 - 0.375
        assert negative["precision"]["value"] == pytest.approx(1 - 0.2308, abs=1e-4)
        sides = found["per_group"]["side"]
        assert {
            side: (numbers["n"], round(numbers["accuracy"]["value"], 4)) for side, numbers in sides.items()
        } == {
            "privileged": (11, 0.7273),
            "unprivileged": (9, 0.3333),
        }

    def test_gender_shades(self):
        table = {
            ("darker", "female"): (177, 271),
            ("darker", "male"): (280, 318),
            ("lighter", "female"): (275, 296),
            ("lighter", "male"): (384, 385),
        }
        right = np.concatenate([np.arange(n) < k for k, n in table.values()])
        cells = [cell for cell, (_, n) in table.items() for _ in range(n)]
        attributes = {
            "skin": np.array([skin for skin, _ in cells], dtype=object),
            "sex": np.array([sex for _, sex in cells], dtype=object),
            "both": np.array([" ".join(cell) for cell in cells], dtype=object),
        }
        true = np.arange(len(right)) % 2
        found = evaluate(true, sure(np.where(right, true, 1 - true), 2), attributes=attributes)

        def share(name, value):
            return 100 * found["per_group"][name][value]["accuracy"]["value"]

        assert round(100 * found["accuracy"]["value"], 1) == 87.9
        assert [share("sex", value) for value in ("female", "male")] == pytest.approx([79.7, 94.4], abs=0.06)
        assert [share("skin", value) for value in ("darker", "lighter")] == pytest.approx(
            [77.6, 96.8], abs=0.06
        )
        worst = found["per_group"]["both"]["darker female"]["accuracy"]
        assert worst["n"] == 271
        assert [round(100 * (1 - worst[end]), 1) for end in ("high", "value", "low")] == [29.3, 34.7, 40.5]
        best = found["per_group"]["both"]["lighter male"]["accuracy"]
        assert [round(100 * (1 - best[end]), 2) for end in ("high", "value", "low")] == [0.05, 0.26, 1.46]


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6), n=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_against_scikit_learn(seed, classes, n):
    draws = np.random.default_rng(seed)
    true = draws.integers(0, classes, n)
    scores = draws.dirichlet(np.ones(classes), n)
    predicted = scores.argmax(axis=1)
    found = evaluate(true, scores, bootstrap=100)
    labels = list(range(classes))
    assert found["confusion"] == oracle.confusion_matrix(true, predicted, labels=labels).tolist()
    assert found["accuracy"]["value"] == pytest.approx(oracle.accuracy_score(true, predicted))
    recalls = oracle.recall_score(true, predicted, labels=np.unique(true), average=None, zero_division=0)
    assert found["balanced_accuracy"]["value"] == pytest.approx(recalls.mean())
    assert found["macro_f1"]["value"] == pytest.approx(
        oracle.f1_score(true, predicted, average="macro", zero_division=0)
    )
    assert found["log_loss"]["value"] == pytest.approx(oracle.log_loss(true, scores, labels=labels), rel=1e-6)
    precisions = oracle.precision_score(true, predicted, labels=labels, average=None, zero_division=np.nan)
    for code, scores_of_class in enumerate(found["per_class"].values()):
        precision = scores_of_class["precision"]["value"]
        assert (np.nan if precision is None else precision) == pytest.approx(precisions[code], nan_ok=True)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
        estimate = found[name]
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
        assert estimate["n"] == n
    json.loads(to_json(found))


class TestUndefined:
    def test_a_class_without_test_images_is_undefined_and_counts_in_no_mean(self):
        found = evaluate([0, 0, 1, 1], sure([0, 1, 1, 1], 3))
        absent = found["per_class"]["class 2"]
        assert absent["n"] == 0
        assert [absent[name]["value"] for name in ("recall", "precision", "f1")] == [None] * 3
        assert found["balanced_accuracy"]["value"] == 0.75
        assert found["macro_f1"]["value"] == pytest.approx((2 / 3 + 4 / 5) / 2)

    def test_a_class_that_is_only_said_has_no_recall_but_a_precision_of_zero(self):
        found = evaluate([0, 0, 1, 1], sure([0, 2, 1, 1], 3))
        said = found["per_class"]["class 2"]
        assert (said["recall"]["value"], said["precision"]["value"], said["f1"]["value"]) == (None, 0, 0)
        assert found["balanced_accuracy"]["value"] == 0.75

    def test_a_class_that_is_never_said_has_no_precision(self):
        found = evaluate([0, 1], sure([0, 0], 2))
        assert found["per_class"]["class 1"]["precision"]["value"] is None
        assert found["per_class"]["class 1"]["recall"]["value"] == 0

    def test_no_training_class_beats_none(self):
        assert metrics.majority_accuracy(np.array([0, 1, 1]), np.array([], dtype=int)) is None
        assert metrics.majority_accuracy(np.array([0, 1, 1]), np.array([1, 1, 0, 1])) == 0.75
        assert metrics.majority_accuracy(np.array([0, 1, 1]), np.array([0, 0])) == 0


class TestIntervals:
    def test_one_image(self):
        found = evaluate([1], [[0.3, 0.7]])
        assert found["accuracy"]["low"] < 0.25
        assert found["accuracy"]["value"] == 1
        assert found["log_loss"]["value"] == pytest.approx(-np.log(0.7))

    @pytest.mark.parametrize("n", [4, 40])
    def test_without_an_error_no_interval_shrinks_to_a_point(self, n):
        codes = np.arange(n) % 2
        found = evaluate(codes, sure(codes, 2))
        estimates = [found[name] for name in ("accuracy", "balanced_accuracy", "macro_f1")]
        estimates += [found["per_class"]["class 0"][name] for name in ("recall", "precision", "f1")]
        for estimate in estimates:
            assert estimate["value"] == estimate["high"] == 1
            assert estimate["low"] < 1 - 1 / n

    def test_a_certain_wrong_answer_costs_a_finite_loss(self):
        assert evaluate([0, 1], sure([1, 1], 2))["log_loss"]["value"] == pytest.approx(-np.log(1e-7) / 2)

    def test_more_confidence_is_wider(self):
        draws = np.random.default_rng(0)
        true, scores = draws.integers(0, 3, 80), draws.dirichlet(np.ones(3), 80)
        narrow, wide = (evaluate(true, scores, confidence=c, bootstrap=1000) for c in (0.8, 0.99))
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
            assert wide[name]["low"] < narrow[name]["low"] < narrow[name]["high"] < wide[name]["high"]

    def test_macro_f1_covers(self):
        draws = np.random.default_rng(1)
        inside, truth = 0, None
        big_true = draws.integers(0, 3, 200_000)
        big = np.where(draws.random(200_000) < 0.8, big_true, draws.integers(0, 3, 200_000))
        truth = oracle.f1_score(big_true, big, average="macro")
        for _ in range(150):
            rows = draws.integers(0, 200_000, 90)
            found = evaluate(big_true[rows], sure(big[rows], 3))["macro_f1"]
            inside += found["low"] <= truth <= found["high"]
        assert inside / 150 > 0.88


class TestDeterminism:
    true = np.random.default_rng(0).integers(0, 4, 50)
    scores = np.random.default_rng(1).dirichlet(np.ones(4), 50)

    def test_the_seed_decides(self):
        first, again, other = (to_json(evaluate(self.true, self.scores, seed=seed)) for seed in (3, 3, 4))
        assert first == again
        assert first != other

    def test_blocks_of_resamples_change_nothing(self, monkeypatch):
        whole = to_json(evaluate(self.true, self.scores))
        monkeypatch.setattr(metrics, "_BLOCK", 50 * 7)
        assert to_json(evaluate(self.true, self.scores)) == whole


def test_names_are_only_names():
    classes = ["<script>", "$x$", "NA", "007"]
    values = np.array(["", "NA", "1", "=1+1"], dtype=object)
    found = evaluate([0, 1, 2, 3], sure([0, 1, 2, 2], 4), classes=classes, attributes={"$g$": values})
    assert list(found["per_class"]) == classes
    assert {value: numbers["n"] for value, numbers in found["per_group"]["$g$"].items()} == dict.fromkeys(
        values, 1
    )


def test_confusion_has_true_rows_and_predicted_columns():
    found = metrics.confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 0]), 3)
    assert found.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]
