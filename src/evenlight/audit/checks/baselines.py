"""Simple rules that every model should beat

Three rules are scored on the test images: always one class, the largest of the test images; a random forest on
height, width and file size, which never looks into the image; and the label of the most similar training image, by
32 x 32 thumbnails. The last two learn from the training images.

The forest should be no better than one class: where it is clearly better, the files give the label away.
That is a warning, and serious when it gets more than half of the rest right. The most similar image is a note:
it may be right because the task is easy, or because near copies of the test images were trained on.
"""

from typing import Any

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Bars, Finding, Result
from evenlight.audit.wording import counted, percent
from evenlight.evaluation.intervals import wilson
from evenlight.models.kinds import metadata
from evenlight.runtime import seed_for
from evenlight.sampling import sample
from evenlight.settings import Settings

CHECK = "baselines"
_SIDE = 32
_BLOCK = 512  # test images compared at one time
_TITLE = "Simple rules on the test images"


class Options(Settings):
    """Sizes of the rules, and when file data tell too much."""

    trees: int = Field(300, ge=10, le=2000, description="of the random forest on height, width and bytes")
    maximum: int = Field(20_000, ge=100, description="training images compared at most, a seeded sample")
    serious: float = Field(
        0.5,
        gt=0,
        le=1,
        description="serious: share of what naming one class gets wrong that file data get right",
    )


def check(data: AuditData, options: Options) -> Result:
    """Score the three rules and judge the one that never looks into the image."""
    train, test = (np.flatnonzero(data.splits == name) for name in ("train", "test"))
    labels = data.labels
    if len(np.unique(labels[train])) < 2 or len(test) < data.common.minimum_denominator:
        sentence = (
            f"{len(train):,} training images of {len(np.unique(labels[train]))} classes and {len(test):,} test images"
            " are too few to try simple rules."
        )
        return Result([Finding(CHECK, "not_enough_data", "splits", sentence)])
    seed = seed_for(data.common.seed, CHECK)
    train = train[sample(len(train), options.maximum, seed)]
    right = {
        # of the test images, so that drift between the splits is not taken for a gain
        "one class": int(np.bincount(labels[test]).max()),
        "height, width and bytes": int((_forest(data, options, train, test, seed) == labels[test]).sum()),
        "most similar training image": int((_nearest(data, train, test) == labels[test]).sum()),
    }
    n, confidence = len(test), data.common.confidence
    bars = Bars(
        _TITLE,
        [(name, hits / n, *wilson(hits, n, confidence)) for name, hits in right.items()],
        "share of test images that are right",
    )
    findings = [_file_finding(data, options, right, n), _nearest_finding(right, n, confidence)]
    return Result(findings, [bars])


def _file_finding(data: AuditData, options: Options, right: dict[str, int], n: int) -> Finding:
    hits, majority = right["height, width and bytes"], right["one class"] / n
    low = wilson(hits, n, data.common.confidence)[0]
    gain = (low - majority) / (1 - majority) if majority < 1 else 0.0
    severity = "ok" if gain <= 0 else "serious" if gain >= options.serious else "warn"
    text = counted(hits, n, data.common.confidence)
    sentence = f"Height, width and file size alone name the class of {text} of the test images"
    if severity == "ok":
        sentence += f", not clearly more than {percent(majority)} by always naming one class."
    else:
        sentence += (
            f", without a look at the image; always naming one class is right for {percent(majority)}. The"
            " files give the label away, perhaps through the cameras or collections that they come from. Group the"
            " images by `source` and split by it."
        )
    measured: dict[str, Any] = {"right": hits, "n": n, "majority": majority}
    return Finding(CHECK, severity, "file data", sentence, measured, _TITLE)


def _nearest_finding(right: dict[str, int], n: int, confidence: float) -> Finding:
    hits = right["most similar training image"]
    sentence = (
        f"The label of the most similar training image (32 x 32 pixels) is right for {counted(hits, n, confidence)} of"
        f" the test images, always naming one class for {percent(right['one class'] / n)}. A model that is no better"
        " has only learned to find near copies."
    )
    return Finding(CHECK, "info", "most similar image", sentence, {"right": hits, "n": n}, _TITLE)


def _forest(data: AuditData, options: Options, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    settings = metadata.Options(kind="metadata", trees=options.trees)
    table = data.rows[settings.file_data].to_numpy(dtype=np.float32)
    forest = metadata.build(settings, table[train].shape, seed)
    return np.asarray(forest.fit(table[train], data.labels[train]).predict(table[test]))


def _nearest(data: AuditData, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Label of the nearest training thumbnail; the first in path order among equally near ones."""
    import cv2

    images = data.images()

    def thumbnails(places: np.ndarray) -> np.ndarray:
        small = [cv2.resize(images[place], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for place in places]
        return np.stack(small).reshape(len(places), -1).astype(np.float64)

    known = thumbnails(train)
    squares = (known**2).sum(axis=1)  # of whole numbers below 2**53: distances are exact
    guesses = []
    for start in range(0, len(test), _BLOCK):
        block = thumbnails(test[start : start + _BLOCK])
        guesses.append((squares - 2 * block @ known.T).argmin(axis=1))
    return data.labels[train][np.concatenate(guesses)]
