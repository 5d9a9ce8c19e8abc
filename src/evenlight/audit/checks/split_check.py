"""What an honest split costs

A cheap model (standardised logistic regression) is scored twice by cross-validation on the same images: with folds at
random, and with folds that keep together what is alike, by `source` where there is one, else by near-duplicate
components. Where the second score is clearly lower, a random split lets a model look up its answers.
"""

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Bars, Finding, Result
from evenlight.audit.probes import probabilities, standardised
from evenlight.audit.wording import counted, many
from evenlight.evaluation.intervals import wilson
from evenlight.runtime import seed_for
from evenlight.sampling import sample
from evenlight.settings import Settings

CHECK = "split_check"
_SETTLED = 500  # images from which on fewer draws are needed
_TITLE = "The same model, scored by two kinds of split"


class Options(Settings):
    """The model that is asked, and when its scores differ."""

    features: list[str] = Field(["hog"], min_length=1, description="feature families that the model sees")
    C: float = Field(1.0, gt=0, description="smaller is simpler")
    folds: int = Field(5, ge=2, le=20, description="of both cross-validations")
    draws: int = Field(5, ge=1, le=50, description="of folds, averaged; fewer where images are many")
    points: float = Field(
        0.05,
        ge=0,
        le=1,
        description="warn: the honest score's interval lies this far below the random one's value",
    )
    maximum: int = Field(
        5_000, ge=100, description="images used at most, a seeded sample; time rises with it"
    )


def check(data: AuditData, options: Options) -> Result:
    """Score the model by random and by honest folds."""
    seed = seed_for(data.common.seed, CHECK)
    places = sample(len(data.rows), options.maximum, seed)
    labels = data.labels[places]
    sizes = np.bincount(labels, minlength=len(data.classes))
    if (sizes >= options.folds).sum() < 2:
        sentence = (
            f"{many(len(places), 'image')} in classes too small for {options.folds} folds: nothing to score."
        )
        return Result([Finding(CHECK, "not_enough_data", "splits", sentence)])
    what = f"value of {data.source}" if data.source else "near-duplicate component"
    together = data.kept_together[places]
    groups = len(np.unique(together))
    if groups < options.folds:
        sentence = f"All images belong to {many(groups, what)}: too few to keep them together in {options.folds} folds."
        return Result([Finding(CHECK, "not_enough_data", "splits", sentence, {"groups": groups})])
    values = standardised(data.features(options.features)[0][places])
    right = [_right(values, labels, keys, options, seed) for keys in (np.arange(len(places)), together)]
    return _judged(data, options, right, len(places), groups, what)


def _right(values: np.ndarray, labels: np.ndarray, keys: np.ndarray, options: Options, seed: int) -> int:
    """Images that a model without them, and without those of the same key, gets right; the mean of several draws."""
    # where images are few, one draw is a lottery: on 400 photos they differ by six points
    draws = int(np.clip(options.draws * _SETTLED // len(labels), 1, options.draws))
    right = [
        (probabilities(values, labels, folds, options.C).argmax(axis=1) == labels).sum()
        for folds in (_dealt(keys, options.folds, seed + draw) for draw in range(draws))
    ]
    return round(float(np.mean(right)))


def _dealt(keys: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of every image: keys are dealt at random, each to the fold with the fewest images. int64 (N,).

    Not stratified as `probes.make_folds` is, which looks for the best folds: unseen cameras do not come balanced.
    """
    names, codes, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    held = np.zeros(folds, dtype=np.int64)
    chosen = np.empty(len(names), dtype=np.int64)
    for key in np.random.Generator(np.random.PCG64(seed)).permutation(len(names)):
        chosen[key] = int(held.argmin())
        held[chosen[key]] += sizes[key]
    return chosen[codes]


def _judged(data: AuditData, options: Options, right: list[int], n: int, groups: int, what: str) -> Result:
    confidence = data.common.confidence
    random, honest = (hits / n for hits in right)
    random_low, _ = wilson(right[0], n, confidence)
    _, honest_high = wilson(right[1], n, confidence)
    kept = f"{data.source}" if data.source else "near-duplicate component"
    severity = "ok"
    if honest_high < random_low and random - honest >= options.points:
        severity = "warn"
    name = " and ".join(options.features)
    plural = (
        f"the {groups:,} {'values of ' + str(data.source) if data.source else 'near-duplicate components'}"
    )
    sentence = (
        f"A random split would say {counted(right[0], n, confidence)}, a split that keeps {plural} together says"
        f" {counted(right[1], n, confidence)} (logistic regression on {name}, {options.folds} folds)."
    )
    if severity == "warn":
        sentence += (
            f" The {100 * (random - honest):.0f} points between them come from images that are alike: believe the"
            " lower number, and keep such images in one split."
        )
    else:
        sentence += " The two agree: images that are alike do not inflate scores here."
    bars = Bars(
        _TITLE,
        [
            ("at random", random, *wilson(right[0], n, confidence)),
            (f"by {kept}", honest, *wilson(right[1], n, confidence)),
        ],
        "share of images that are right",
    )
    numbers = {"random": right[0], "honest": right[1], "n": n, "groups": groups, "kept_together": kept}
    return Result([Finding(CHECK, severity, "splits", sentence, numbers, bars.title)], [bars])
