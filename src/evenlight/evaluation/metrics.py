"""Scores of one model on one split, each with its interval and the number of images behind it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenlight.evaluation.intervals import (
    Estimate,
    bootstrapped,
    f1_estimate,
    mean_of_proportions,
    proportion,
)

_BLOCK = 2_000_000  # numbers of bootstrap samples in memory at one time


def confusion_matrix(true_codes: np.ndarray, predicted_codes: np.ndarray, class_count: int) -> np.ndarray:
    """Counts, int64 (K, K): rows true, columns predicted."""
    cells = true_codes * class_count + predicted_codes
    return np.bincount(cells, minlength=class_count**2).reshape(class_count, class_count)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 = 2 TP / (2 TP + FP + FN) over the classes that occur or were predicted.

    Args:
        confusion: (..., K, K); the result is float64 (...), NaN for an empty matrix.
    """
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    # a class without images and predictions adds 0 to the sum, and does not count
    sums = np.divide(2 * hits, total, out=np.zeros(total.shape), where=total > 0).sum(axis=-1)
    counted = (total > 0).sum(axis=-1)
    return np.divide(sums, counted, out=np.full(counted.shape, np.nan), where=counted > 0)


def evaluate_split(
    true_codes: np.ndarray,
    scores: np.ndarray,
    classes: list[str],
    attributes: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """All numbers of one split (layout: docs/output.md).

    Args:
        true_codes: class codes (N,), N >= 1.
        scores: probabilities (N, K); the predicted class is the largest.
        classes: names in code order.
        attributes: name -> value of every image (N,), to break the accuracy down by.
        settings: `confidence` and `bootstrap` of params.yaml.
        seed: of the bootstrap.
    """
    predicted = scores.argmax(axis=1)
    n, confidence = len(true_codes), settings["confidence"]
    confusion = confusion_matrix(true_codes, predicted, len(classes))
    draws = np.random.Generator(np.random.PCG64(seed))
    losses = -np.log(np.maximum(scores[np.arange(n), true_codes].astype(np.float64), 1e-7))
    right = predicted == true_codes
    per_class = {name: _class_scores(confusion, code, confidence) for code, name in enumerate(classes)}
    balanced = mean_of_proportions([scores["recall"] for scores in per_class.values()], n)
    return {
        "n": n,
        "accuracy": proportion(int(right.sum()), n, confidence),
        "balanced_accuracy": balanced,
        # without an error there is nothing to resample; then all recalls and all F1 are 1
        "macro_f1": balanced
        if right.all()
        else _macro_f1(confusion, settings["bootstrap"], confidence, draws),
        "log_loss": _mean_estimate(losses, settings["bootstrap"], confidence, draws),
        "per_class": per_class,
        "per_group": {name: _by_value(values, right, confidence) for name, values in attributes.items()},
        "confusion": confusion.tolist(),
    }


def _class_scores(confusion: np.ndarray, code: int, confidence: float) -> dict[str, Any]:
    """Recall, precision and F1 of one class, and the number of its images."""
    hits, images = int(confusion[code, code]), int(confusion[code].sum())
    claimed = int(confusion[:, code].sum())
    return {
        "n": images,
        "recall": proportion(hits, images, confidence),
        "precision": proportion(hits, claimed, confidence),
        "f1": f1_estimate(hits, images + claimed - 2 * hits, images, confidence),
    }


def _by_value(values: np.ndarray, right: np.ndarray, confidence: float) -> dict[str, Any]:
    """Accuracy for every value of one attribute."""
    names, codes = np.unique(values.astype(str), return_inverse=True)
    images = np.bincount(codes, minlength=len(names))
    correct = np.bincount(codes[right], minlength=len(names))
    return {
        str(name): {"n": int(n), "accuracy": proportion(int(k), int(n), confidence)}
        for name, n, k in zip(names, images, correct, strict=True)
    }


def _macro_f1(
    confusion: np.ndarray, resamples: int, confidence: float, draws: np.random.Generator
) -> Estimate:
    """Macro F1 with its bootstrap interval.

    Drawing multinomial counts over the occupied cells is the row bootstrap, without touching rows; samples are
    drawn in blocks to bound memory.
    """
    counts = confusion.ravel()
    occupied = np.flatnonzero(counts)
    total = int(counts.sum())
    block = max(1, _BLOCK // counts.size)
    values = []
    for start in range(0, resamples, block):
        sample = np.zeros((min(block, resamples - start), counts.size), dtype=np.int64)
        sample[:, occupied] = draws.multinomial(total, counts[occupied] / total, size=len(sample))
        values.append(macro_f1(sample.reshape(-1, *confusion.shape)))
    return bootstrapped(float(macro_f1(confusion)), np.concatenate(values), total, confidence)


def _mean_estimate(
    values: np.ndarray, resamples: int, confidence: float, draws: np.random.Generator
) -> Estimate:
    """A mean with its bootstrap interval; samples are drawn in blocks to bound memory."""
    n = len(values)
    block = max(1, _BLOCK // n)
    means = [
        values[draws.integers(0, n, size=(min(block, resamples - start), n))].mean(axis=1)
        for start in range(0, resamples, block)
    ]
    return bootstrapped(float(values.mean()), np.concatenate(means), n, confidence)


def majority_accuracy(train_codes: np.ndarray, test_codes: np.ndarray) -> float | None:
    """Test accuracy of always saying the most frequent training class; None without test images."""
    if len(test_codes) == 0:
        return None
    return float((test_codes == np.bincount(train_codes).argmax()).mean())


def without_leaks(right: np.ndarray, clean: np.ndarray, confidence: float) -> dict[str, Any] | None:
    """Accuracy on the images of which training has not seen a copy; None when that is all of them.

    Args:
        right: bool (N,), whether each image was recognised.
        clean: bool (N,), whether neither a copy nor a near-duplicate of it is in training or validation.
        confidence: of the interval.
    """
    removed = int((~clean).sum())
    if not removed:
        return None
    left = int(clean.sum())
    return {"n": left, "removed": removed, "accuracy": proportion(int(right[clean].sum()), left, confidence)}
