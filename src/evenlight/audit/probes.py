"""A standardised logistic regression asked about images that it was not trained on.

Folds are made as splits are (`evenlight.splits.make_split`): stratified by class, and torn nowhere where images
share a key.
"""

import warnings

import numpy as np

from evenlight.splits import make_split

_ITERATIONS = 1000
_ROWS = 4096  # rows standardised at one time
_FLAT = 1e-6  # columns that vary less hold no information


def make_folds(codes: np.ndarray, keys: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of every image, 0 to folds - 1: int64 (N,).

    Args:
        codes: class codes from 0 (N,).
        keys: images that share one stay together (N,); a path each for folds at random.
        folds: number of folds; some stay empty where there are fewer keys.
        seed: of the order in which keys are dealt.
    """
    shares = {str(fold): 1.0 for fold in range(folds)}
    return make_split(codes, keys.astype(str), shares, seed).astype(np.int64)


def probabilities(values: np.ndarray, codes: np.ndarray, folds: np.ndarray, strength: float) -> np.ndarray:
    """Probability of each class for each image, by a model that saw neither it nor others of its fold.

    Args:
        values: float (N, D).
        codes: class codes from 0 (N,).
        folds: fold of each image (N,).
        strength: `C` of the regression; smaller is simpler.

    Returns:
        float64 (N, K); 0 for a class that the other folds lack. Rows of the only fold are all 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    result = np.zeros((len(codes), int(codes.max(initial=-1)) + 1))
    for fold in np.unique(folds):
        inside = folds == fold
        known = np.unique(codes[~inside])
        if len(known) < 2:  # nothing to learn: the only class is certain
            result[np.ix_(inside, known)] = 1.0
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=_ITERATIONS))
        with warnings.catch_warnings():
            # the last digits of a probe are not worth more iterations
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(values[~inside], codes[~inside])
        result[np.ix_(inside, known)] = model.predict_proba(values[inside])
    return result


def principal(values: np.ndarray, most: int) -> np.ndarray:
    """The `most` strongest principal components of standardised columns: float64 (N, <= most).

    Fewer where the columns do not vary more; all of them, without a rotation, when there are no more than `most`.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    deviation = values.std(axis=0, dtype=np.float64)
    kept = deviation > _FLAT
    mean, deviation = mean[kept], deviation[kept]

    def standardised(start: int) -> np.ndarray:
        return (values[start : start + _ROWS][:, kept] - mean) / deviation

    starts = range(0, len(values), _ROWS)
    if kept.sum() <= most:
        blocks = [standardised(start) for start in starts]
    else:
        # the axes from the covariance: the table itself need not be in memory as float64
        covariance = np.zeros((len(mean), len(mean)))
        for start in starts:
            block = standardised(start)
            covariance += block.T @ block
        axes = np.linalg.eigh(covariance)[1][:, : -most - 1 : -1]
        axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        blocks = [standardised(start) @ axes for start in starts]
    return np.concatenate(blocks) if blocks else np.empty((0, 0))


def sample(paths: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Places of a seeded sample of at most `most` images, rising: int64."""
    if len(paths) <= most:
        return np.arange(len(paths))
    return np.sort(np.random.default_rng(seed).permutation(len(paths))[:most])
