"""Scores of one model on one split, each with its interval and the number of images behind it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenlight.evaluation.intervals import Estimate, bootstrapped, proportion


def confusion_matrix(true_codes: np.ndarray, predicted_codes: np.ndarray, class_count: int) -> np.ndarray:
    """Counts, int64 (K, K): rows true, columns predicted."""
    cells = true_codes * class_count + predicted_codes
    return np.bincount(cells, minlength=class_count**2).reshape(class_count, class_count)


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Mean recall over the classes that occur, of confusion matrices (..., K, K); NaN when none does."""
    images = confusion.sum(axis=-1)
    recall = np.divide(_diagonal(confusion), images, out=np.full(images.shape, np.nan), where=images > 0)
    return _mean_defined(recall)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur or were predicted, of confusion matrices (..., K, K)."""
    return _mean_defined(f1_per_class(confusion))


def f1_per_class(confusion: np.ndarray) -> np.ndarray:
    """F1 = 2 TP / (2 TP + FP + FN), (..., K); NaN for a class that neither occurs nor was predicted."""
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return np.divide(2 * _diagonal(confusion), total, out=np.full(total.shape, np.nan), where=total > 0)


def _diagonal(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)


def _mean_defined(values: np.ndarray) -> np.ndarray:
    defined = np.isfinite(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0).sum(axis=-1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


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
    resampled = _resample(confusion, settings["bootstrap"], draws)
    losses = -np.log(np.maximum(scores[np.arange(n), true_codes].astype(np.float64), 1e-7))
    right = predicted == true_codes
    f1, f1_resampled = f1_per_class(confusion), f1_per_class(resampled)
    return {
        "n": n,
        "accuracy": proportion(int(right.sum()), n, confidence),
        "balanced_accuracy": bootstrapped(
            float(balanced_accuracy(confusion)), balanced_accuracy(resampled), n, confidence
        ),
        "macro_f1": bootstrapped(float(macro_f1(confusion)), macro_f1(resampled), n, confidence),
        "log_loss": _mean_estimate(losses, settings["bootstrap"], confidence, draws),
        "per_class": {
            name: {
                "n": int(confusion[code].sum()),
                "recall": proportion(int(confusion[code, code]), int(confusion[code].sum()), confidence),
                "precision": proportion(
                    int(confusion[code, code]), int(confusion[:, code].sum()), confidence
                ),
                "f1": bootstrapped(
                    float(f1[code]), f1_resampled[:, code], int(confusion[code].sum()), confidence
                ),
            }
            for code, name in enumerate(classes)
        },
        "per_group": {name: _by_value(values, right, confidence) for name, values in attributes.items()},
        "confusion": confusion.tolist(),
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


def _resample(confusion: np.ndarray, resamples: int, draws: np.random.Generator) -> np.ndarray:
    """Confusion matrices of bootstrap samples, int64 (B, K, K).

    Drawing multinomial counts over the occupied cells is the row bootstrap, without touching rows.
    """
    counts = confusion.ravel()
    occupied = np.flatnonzero(counts)
    total = counts.sum()
    result = np.zeros((resamples, counts.size), dtype=np.int64)
    result[:, occupied] = draws.multinomial(total, counts[occupied] / total, size=resamples)
    return result.reshape(resamples, *confusion.shape)


def _mean_estimate(
    values: np.ndarray, resamples: int, confidence: float, draws: np.random.Generator
) -> Estimate:
    """A mean with its bootstrap interval; samples are drawn in blocks to bound memory."""
    n = len(values)
    block = max(1, 2_000_000 // n)
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
