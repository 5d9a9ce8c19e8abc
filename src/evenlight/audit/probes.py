"""A logistic regression on standardised columns, asked about images that it was not trained on.

Folds come from `evenlight.splits.make_folds`: stratified by class, and torn nowhere where images share a key.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from evenlight.audit.data import AuditData
from evenlight.columns import FLAT

_ITERATIONS = 1000
_ROWS = 4096  # rows in memory as float64 at one time


def probabilities(values: np.ndarray, codes: np.ndarray, folds: np.ndarray, strength: float) -> np.ndarray:
    """Probability of each class for each image, by a model that saw neither it nor others of its fold.

    Args:
        values: float (N, D), from `standardised`.
        codes: class codes from 0 (N,).
        folds: fold of each image (N,).
        strength: `C` of the regression; smaller is simpler.

    Returns:
        float64 (N, K); 0 for a class that the other folds lack. Rows of the only fold are all 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    result = np.zeros((len(codes), int(codes.max(initial=-1)) + 1))
    for fold in np.unique(folds):
        inside = folds == fold
        known = np.unique(codes[~inside])
        if len(known) < 2:  # nothing to learn: the only class is certain
            result[np.ix_(inside, known)] = 1.0
            continue
        model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
        with warnings.catch_warnings():
            # the last digits of a probe are not worth more iterations
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(values[~inside], codes[~inside])
        result[np.ix_(inside, known)] = model.predict_proba(values[inside])
    return result


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1, without those that do not vary: float64 (N, D).

    No label is looked at, so all images may be standardised together.
    """
    mean, deviation, kept = _moments(values)
    return np.asarray((values[:, kept] - mean) / deviation)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and deviation of the columns that vary, and which those are (bool)."""
    mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    kept = deviation > FLAT
    return mean[kept], deviation[kept], kept


def families_together(data: AuditData, families: Sequence[str], places: np.ndarray, most: int) -> np.ndarray:
    """Several feature families in one table in which each counts as much as any other: float64 (N, <= most).

    Standardised columns are divided by the root of their family's number of columns; else HOG's 1,800 columns would
    drown nine of brightness. Where there are more than `most` columns, the strongest principal components stand for
    them, with their variances. The total variance is the number of families.

    Args:
        data: the data set.
        families: names of feature families.
        places: the images wanted, as rows of `data.rows`.
        most: columns of the result.
    """
    starts = range(0, len(places), _ROWS)
    blocks = []
    for family in families:
        values = data.features([family])[0]
        mean, deviation, kept = _moments(values[places])
        deviation *= np.sqrt(max(1, len(deviation)))
        block = np.empty((len(places), len(mean)), dtype=np.float32)
        for start in starts:  # the whole table need not be in memory as float64
            rows = places[start : start + _ROWS]
            block[start : start + _ROWS] = (values[rows][:, kept] - mean) / deviation
        blocks.append(block)
    table = np.concatenate(blocks, axis=1)
    if table.shape[1] <= most:
        return table.astype(np.float64)
    covariance = np.zeros((table.shape[1], table.shape[1]))
    for start in starts:
        rows = table[start : start + _ROWS].astype(np.float64)
        covariance += rows.T @ rows
    axes = np.linalg.eigh(covariance)[1][:, : -most - 1 : -1]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.concatenate([table[start : start + _ROWS].astype(np.float64) @ axes for start in starts])
