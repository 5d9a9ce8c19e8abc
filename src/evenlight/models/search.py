"""Hyper-parameters chosen by cross-validation among the training images, with successive halving.

Wherever a model's options hold a list, every combination of values is a candidate. All candidates are tried on few
rows, the best on more, until one is left (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and
hyperparameter optimization"). scikit-learn's `HalvingGridSearchCV` is experimental, draws rows without regard to
classes, and needs one estimator whose settings can be changed; ours is another one above some number of rows.
"""

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from evenlight.models import classical
from evenlight.progress import say
from evenlight.runtime import seed_for
from evenlight.settings import Settings
from evenlight.splits import make_folds

_NOT_SEARCHED = ("kind", "seed", "feature", "features", "columns", "file_data")


class Search(Settings):
    """How hyper-parameters given as lists are searched: grouped cross-validation inside the training images."""

    folds: int = Field(5, ge=2, le=20, description="of the cross-validation; sources are never torn")
    factor: float = Field(
        3.0, gt=1, le=10, description="successive halving: one in so many candidates meets the next round"
    )
    minimum: int = Field(
        2000, ge=20, description="training images of the first round; few favour simple models"
    )


class Fold(NamedTuple):
    """Places among the training rows: those to fit on, one of each class first and stratified after that wherever
    one stops, and those to ask.
    """

    fit: np.ndarray
    ask: np.ndarray


def hyper_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """What remains of a model's options without what it sees and its seed."""
    return {key: value for key, value in options.items() if key not in _NOT_SEARCHED}


def candidates(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options with every combination of the values that they list, the last option changing first."""
    grids = {key: value for key, value in hyper_parameters(options).items() if isinstance(value, list)}
    return [
        {**options, **dict(zip(grids, values, strict=True))} for values in itertools.product(*grids.values())
    ]


def search(
    options: Mapping[str, Any],
    values: np.ndarray,
    codes: np.ndarray,
    keys: np.ndarray,
    settings: Mapping[str, Any],
    seed: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Choose among the candidates by their right answers on training rows that they were not fitted on.

    Among equally good candidates the first wins, so lists should begin with the simplest value. Without folds of at
    least two classes nothing can be compared, and the first candidate is taken.

    Args:
        options: a model's options, complete, with lists of values to choose from.
        values: float32 (N, D), training rows only.
        codes: class codes (N,).
        keys: rows with equal keys are never in two folds (N,).
        settings: `folds`; `factor`, one in so many candidates meets the next round, on so many times the rows;
            `minimum`, the rows of the first round (at least one of each class).
        seed: of folds, subsets and models.

    Returns:
        The options with one value each, and per candidate what was varied (`options`), the most training rows it was
        fitted on (`rows`) and its `right` answers of `n` with these. No table where there is one candidate.
    """
    every = candidates(options)
    if len(every) == 1:
        return every[0], []
    folds = list(grouped_folds(codes, keys, settings["folds"], seed))
    if not folds:
        say("  all training images of a class belong together: nothing to choose hyper-parameters by")
        return every[0], []
    varied = [key for key in hyper_parameters(options) if isinstance(options[key], list)]
    table: list[dict[str, Any]] = [{"options": {key: one[key] for key in varied}} for one in every]
    most = max(len(fold.fit) for fold in folds)
    # the first rows of a fold are one of each class, so no round may stop before them
    alive, rows = list(range(len(every))), max(settings["minimum"], len(np.unique(codes)))
    while len(alive) > 1:
        rows = min(math.ceil(rows), most)
        for place in alive:
            right, n = _right_answers(every[place], values, codes, folds, rows, seed)
            table[place] |= {"rows": rows, "right": right, "n": n}
        best = sorted(alive, key=lambda place: (-table[place]["right"], place))
        won = table[best[0]]
        share = f"{won['right']:,} of {won['n']:,}"
        say(f"  {len(alive)} candidates on {rows:,} images a fold: {won['options']} is right for {share}")
        # with all rows another round would only repeat this one
        alive = sorted(best[: 1 if rows == most else math.ceil(len(best) / settings["factor"])])
        rows *= settings["factor"]
    return every[alive[0]], table


def grouped_folds(codes: np.ndarray, keys: np.ndarray, folds: int, seed: int) -> Iterator[Fold]:
    """Stratified folds that tear no key apart; without those that leave fewer than two classes to learn.

    Args:
        codes: class codes (N,).
        keys: rows with equal keys stay together (N,).
        folds: their number.
        seed: of the folds and of the order of their rows.
    """
    number = make_folds(codes, keys, folds, seed)
    for fold in range(folds):
        inside = np.flatnonzero(number != fold)
        if len(inside) < len(codes) and len(np.unique(codes[inside])) > 1:
            draws = np.random.default_rng(seed_for(seed, "fold", str(fold)))
            yield Fold(inside[_stratified_order(codes[inside], draws)], np.flatnonzero(number == fold))


def _stratified_order(codes: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """A random order in which every beginning holds the classes in about their shares: int64 (N,).

    One row of each class comes first, since nothing can be fitted to a single class.
    """
    order = draws.permutation(len(codes))
    place = np.empty(len(codes))
    for code in np.unique(codes):
        here = np.flatnonzero(codes[order] == code)
        place[here] = (np.arange(len(here)) + 0.5) / len(here)
        place[here[0]] = 0
    return order[np.argsort(place, kind="stable")]


def _right_answers(
    options: Mapping[str, Any], values: np.ndarray, codes: np.ndarray, folds: list[Fold], rows: int, seed: int
) -> tuple[int, int]:
    """Right answers on the folds' other sides, and how many were asked."""
    right = n = 0
    for fold in folds:
        known = np.sort(fold.fit[:rows])
        scores = _scores(options, values[known], codes[known], values[fold.ask], int(codes.max()) + 1, seed)
        right += int((scores.argmax(axis=1) == codes[fold.ask]).sum())
        n += len(fold.ask)
    return right, n


def out_of_fold_scores(
    options: Mapping[str, Any],
    values: np.ndarray,
    codes: np.ndarray,
    keys: np.ndarray,
    folds: int,
    class_count: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores of training rows by models that saw neither them nor what belongs to them.

    Scores of models that know different classes can't be compared, so only folds that leave rows of every class to
    learn are asked, unless there are none.

    Args:
        options: as `classical.fit` takes them; the other arguments as in `search`.
        class_count: number of classes of the data set.

    Returns:
        The places of the rows that were asked, int64 (M,), and their scores, float64 (M, K).
    """
    asked, scores = [np.empty(0, dtype=np.int64)], [np.empty((0, class_count))]
    every = list(grouped_folds(codes, keys, folds, seed))
    complete = [fold for fold in every if len(np.unique(codes[fold.fit])) == len(np.unique(codes))]
    for fold in complete or every:
        known = np.sort(fold.fit)
        asked.append(fold.ask)
        scores.append(_scores(options, values[known], codes[known], values[fold.ask], class_count, seed))
    return np.concatenate(asked), np.concatenate(scores)


def _scores(
    options: Mapping[str, Any],
    values: np.ndarray,
    codes: np.ndarray,
    asked: np.ndarray,
    class_count: int,
    seed: int,
) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a candidate that does not converge is not chosen, or good enough
        return classical.raw_scores(classical.fit(options, values, codes, seed), asked, class_count)
