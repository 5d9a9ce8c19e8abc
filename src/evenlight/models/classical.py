"""Classical models on feature tables.

To add one: an options class, a function that builds the estimator, and an entry in KINDS. scikit-learn is imported
inside the functions, because the Snakefile imports this module to check params.yaml.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from evenlight.settings import Settings

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


class Threshold(Settings):
    """One column, one cut, chosen on training images: the rule that every other model should beat."""

    kind: Literal["threshold"]
    feature: str = Field("brightness_v_mean", description="the feature column to cut")


class _OnFeatures(Settings):
    features: list[str] = Field(min_length=1, description="feature families the model sees")


class LogisticRegression(_OnFeatures):
    """Linear, with probabilities; good where there are many columns."""

    kind: Literal["logistic_regression"]
    C: float = Field(
        0.1, gt=0, description="smaller is simpler; 0.01 for thousands of columns, 1 for a handful"
    )


class RbfSvm(_OnFeatures):
    """Support vectors with curved boundaries; the strongest here, slow above 20,000 images."""

    kind: Literal["rbf_svm"]
    C: float = Field(10.0, gt=0, description="smaller is smoother")
    gamma: float | Literal["scale"] = Field(
        "scale", description="reach of one example; `scale` suits most tables"
    )


class RandomForest(_OnFeatures):
    """Many trees on random parts of the table; needs no tuning."""

    kind: Literal["random_forest"]
    trees: int = Field(300, ge=1, le=5000, description="more is steadier and slower")
    max_depth: int | None = Field(None, ge=1, description="deepest level of a tree; null for no limit")


@dataclass(frozen=True)
class Kind:
    """A kind of classical model: its options and how to build it."""

    options: type[Settings]
    build: Callable[[Any, int], "ClassifierMixin"]


def _threshold(options: Threshold, seed: int) -> "ClassifierMixin":
    from evenlight.models.threshold import ThresholdRule

    return ThresholdRule()


def _logistic_regression(options: LogisticRegression, seed: int) -> "ClassifierMixin":
    from sklearn.linear_model import LogisticRegression as Estimator

    return _scaled(Estimator(C=options.C, max_iter=2000))


def _rbf_svm(options: RbfSvm, seed: int) -> "ClassifierMixin":
    from sklearn.svm import SVC

    return _scaled(SVC(C=options.C, gamma=options.gamma, cache_size=1000))


def _random_forest(options: RandomForest, seed: int) -> "ClassifierMixin":
    from sklearn.ensemble import RandomForestClassifier

    # parallelism is over models: `n_jobs` would be stored in the file
    return RandomForestClassifier(n_estimators=options.trees, max_depth=options.max_depth, random_state=seed)


def _scaled(estimator: "ClassifierMixin") -> "ClassifierMixin":
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), estimator)


KINDS: dict[str, Kind] = {
    "threshold": Kind(Threshold, _threshold),
    "logistic_regression": Kind(LogisticRegression, _logistic_regression),
    "rbf_svm": Kind(RbfSvm, _rbf_svm),
    "random_forest": Kind(RandomForest, _random_forest),
}


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """A model's entry in params.yaml with what it leaves out filled in."""
    return KINDS[options["kind"]].options(**options).model_dump()


def columns_of(options: Mapping[str, Any], columns: list[str]) -> list[str]:
    """The columns of the joined families that a model uses: one for a threshold, else all."""
    return [options["feature"]] if options["kind"] == "threshold" else columns


def families_of(options: Mapping[str, Any], families: list[str]) -> list[str]:
    """The families that a model's entry in params.yaml needs, among those that are computed."""
    if options["kind"] == "threshold":
        fitting = [name for name in families if options["feature"].startswith(f"{name}_")]
        return sorted(fitting, key=len)[-1:]
    return list(options["features"])


def fit(options: Mapping[str, Any], values: np.ndarray, codes: np.ndarray, seed: int) -> "ClassifierMixin":
    """Fit a model on training rows only.

    Args:
        options: the model's entry in params.yaml.
        values: float32 (N, D).
        codes: class codes (N,).
        seed: for models that draw random numbers.
    """
    kind = KINDS[options["kind"]]
    return kind.build(kind.options(**options), seed).fit(values, codes)


def raw_scores(estimator: "ClassifierMixin", values: np.ndarray, class_count: int) -> np.ndarray:
    """Log-probabilities or decision values, one column per class of the data set: float64 (N, K).

    A class that training never saw gets -inf.
    """
    if hasattr(estimator, "predict_proba"):
        with np.errstate(divide="ignore"):
            seen = np.log(estimator.predict_proba(values))
    else:
        seen = estimator.decision_function(values)
        if seen.ndim == 1:
            seen = np.column_stack([np.zeros(len(seen)), seen])
    scores = np.full((len(values), class_count), -np.inf)
    scores[:, estimator.classes_] = seen
    return scores


def fit_temperature(scores: np.ndarray, codes: np.ndarray) -> float:
    """The temperature that makes softmax(scores / temperature) fit best (Guo et al. 2017).

    Targets are smoothed by one imaginary image per class (as in Platt 1999), so that a few images that are all
    right do not make the model certain of everything.

    Args:
        scores: float64 (N, K) of images that training did not see.
        codes: their class codes (N,).
    """
    from scipy.optimize import minimize_scalar

    seen = np.isfinite(scores).all(axis=0)
    known = seen[codes]
    if not known.any():
        return 1.0
    targets = np.eye(len(seen))[codes[known]][:, seen]
    targets = (targets * len(targets) + 1) / (len(targets) + targets.shape[1])

    def loss(log_temperature: float) -> float:
        shares = softmax(scores[known][:, seen] / np.exp(log_temperature))
        return -float((targets * np.log(np.maximum(shares, 1e-12))).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded")
    return round(float(np.exp(found.x)), 4)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows that sum to 1; -inf becomes 0."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
