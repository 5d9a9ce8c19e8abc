"""Labels to review

Confident learning (Northcutt 2021, by cleanlab): a model gives each image's class probabilities without having seen
it or other images of its source (or near-duplicate component), and labels that it confidently disagrees with are
listed, the most improbable first. All usable images are looked at, those of the test set, too.

A suspicion is no error. Where classes overlap, a model is surprised by images near the border between them, and two
guards keep that from being taken for wrong labels. Rates are judged only when the model is right for 85 % of all
images. And they count only suspects that lie deep in the suggested class, with a probability above that of half of
its own images: a wrong label puts an image there every other time, an image near the border hardly ever. So twice
their share estimates the share of wrong labels.

Measured with brightness, colour and HOG on pairs of CIFAR-10 classes, 1,000 photos each. Clean: 14 of 23 pairs judged,
none a warning, up to 4.5 % listed. 5 % of wrong labels: 78 % of them listed, 62 % of what is listed wrong; a warning
in each of the 4 of 9 pairs that are judged. 15 % in one class or group only: the right one named in each of the 2 and
4 of 9 pairs judged.
"""

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Bars, Evidence, Finding, Gallery, Result, severity_at
from evenlight.audit.probes import families_together, probabilities
from evenlight.audit.statistics import fisher_midp, holm
from evenlight.audit.wording import chance, counted, listed, many, percent
from evenlight.evaluation.intervals import wilson
from evenlight.runtime import seed_for
from evenlight.sampling import sample
from evenlight.settings import Settings, ThreeLevels
from evenlight.splits import make_folds

CHECK = "labels"
_COMPONENTS = 256
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # `C`, from simple to flexible
_TRIED_ON = 5000  # images that the choice of C is made on


class Options(Settings):
    """The model that is asked, and when suspicions count."""

    features: list[str] = Field(
        ["brightness", "rgb_stats", "hsv_hist", "hog"],
        min_length=1,
        description="feature families that the model sees",
    )
    rate: ThreeLevels = Field(
        [0.01, 0.03, 0.10],
        description="info, warn and serious: least share of wrong labels that the suspects speak for",
    )
    ratio: float = Field(
        2.0,
        ge=1,
        description="warn: a class or group beyond `rate`'s warn level, with so many times the rest's rate",
    )
    minimum_accuracy: float = Field(
        0.85, ge=0, le=1, description="share of labels that the model agrees with, for rates to be judged"
    )
    folds: int = Field(5, ge=2, le=20, description="of the cross-validation")
    shown: int = Field(60, ge=1, le=1000, description="most images shown")


@dataclass(frozen=True)
class _Suspects:
    """What the model says; arrays over the judged images."""

    places: np.ndarray  # rows of the judged images
    suspected: np.ndarray  # bool
    deep: np.ndarray  # bool: suspected, and deep in the suggested class
    margins: np.ndarray  # probability of the given class less that of the likeliest other one
    suggested: np.ndarray  # class code of the likeliest other one
    accuracy: float  # share of the images for which the given class is the likeliest

    def wrong_share(self, inside: np.ndarray, confidence: float) -> float:
        """The least share of wrong labels among some images that the deep suspects speak for."""
        return 2 * wilson(int(self.deep[inside].sum()), int(inside.sum()), confidence)[0]


def check(data: AuditData, options: Options) -> Result:
    """List labels to review; say whether there are many, and where."""
    seed = seed_for(data.common.seed, CHECK)
    places, folds = _foldable(data, options, seed)
    findings = _left_out(data, places)
    if len(np.unique(data.labels[places])) < 2:
        sentence = (
            f"Labels can't be reviewed: fewer than two classes have {data.common.minimum_denominator} images from more"
            f" than one {data.source or 'near-duplicate component'}."
        )
        return Result([Finding(CHECK, "not_enough_data", "labels", sentence)])
    found = _suspects(data, options, places, folds, seed)
    gallery = _gallery(data, options, found)
    evidence: list[Evidence] = [gallery] if gallery.items else []
    findings.insert(0, _overall(data, options, found, gallery))
    if findings[0].severity != "not_enough_data":
        columns = {"class": (data.classes, data.labels)} | {name: data.coded(name) for name in data.groups}
        for name, (values, codes) in columns.items():
            finding, bars = _by(data, options, found, name, values, codes[places])
            findings += [finding] if finding else []
            evidence.append(bars)
    return Result(findings, evidence)


def _foldable(data: AuditData, options: Options, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of classes that a model can learn without the image in question, and the folds of those images."""
    keys = data.kept_together
    codes = data.labels
    sizes = np.bincount(codes, minlength=len(data.classes))
    places = np.flatnonzero(sizes[codes] >= data.common.minimum_denominator)
    if len(places) == 0:
        return places, places
    dense = np.unique(codes[places], return_inverse=True)[1]
    folds = make_folds(dense, keys[places], options.folds, seed)
    spread = np.array([len(np.unique(folds[dense == code])) > 1 for code in range(int(dense.max()) + 1)])
    return places[spread[dense]], folds[spread[dense]]


def _left_out(data: AuditData, places: np.ndarray) -> list[Finding]:
    missing = sorted(set(np.unique(data.labels).tolist()) - set(np.unique(data.labels[places]).tolist()))
    if not missing:
        return []
    sentence = (
        f"Labels of {listed([data.classes[code] for code in missing])} were not reviewed: a class needs"
        f" {data.common.minimum_denominator} images, and images from more than one"
        f" {data.source or 'near-duplicate component'}."
    )
    return [Finding(CHECK, "not_enough_data", "small classes", sentence, {"classes": len(missing)})]


def _suspects(
    data: AuditData, options: Options, places: np.ndarray, folds: np.ndarray, seed: int
) -> _Suspects:
    from cleanlab.filter import find_label_issues

    known, codes = np.unique(data.labels[places], return_inverse=True)
    values = families_together(data, options.features, places, _COMPONENTS)
    if values.shape[1] == 0:
        values = np.zeros((len(places), 1))
    shares = probabilities(values, codes, folds, _strength(values, codes, folds, seed))
    suspected = find_label_issues(codes, shares, filter_by="prune_by_noise_rate", n_jobs=1)
    places_of = np.arange(len(codes))
    others = shares.copy()
    others[places_of, codes] = -1
    suggested = others.argmax(axis=1)
    usual = np.array([np.median(shares[codes == code, code]) for code in range(len(known))])
    return _Suspects(
        places,
        suspected,
        suspected & (shares[places_of, suggested] >= usual[suggested]),
        shares[places_of, codes] - others.max(axis=1),
        known[suggested],
        float((shares.argmax(axis=1) == codes).mean()),
    )


def _strength(values: np.ndarray, codes: np.ndarray, folds: np.ndarray, seed: int) -> float:
    """The `C` whose probabilities fit best where the model did not look (log loss, on a seeded sample)."""
    tried = sample(len(codes), _TRIED_ON, seed)
    values, codes, folds = values[tried], codes[tried], folds[tried]
    losses = []
    for strength in _STRENGTHS:
        own = probabilities(values, codes, folds, strength)[np.arange(len(codes)), codes]
        losses.append(float(-np.log(np.maximum(own, 1e-6)).mean()))
    return _STRENGTHS[int(np.argmin(losses))]


def _overall(data: AuditData, options: Options, found: _Suspects, gallery: Gallery) -> Finding:
    count, n = int(found.suspected.sum()), len(found.places)
    least = found.wrong_share(np.ones(n, dtype=bool), data.common.confidence)
    numbers = {"suspected": count, "n": n, "least_wrong": least, "accuracy": found.accuracy}
    title = gallery.title if count else ""
    if found.accuracy < options.minimum_accuracy:
        sentence = (
            f"A model on {listed(options.features)} agrees with {percent(found.accuracy)} of the labels, too few"
            f" ({percent(options.minimum_accuracy)} are needed) to tell wrong labels from images that are hard for it."
            " The labels that surprise it most are shown."
        )
        return Finding(CHECK, "not_enough_data", "labels", sentence, numbers, title)
    if count == 0:
        sentence = f"None of {many(n, 'label')} surprises a model that was trained without the image."
        return Finding(CHECK, "ok", "labels", sentence, numbers)
    severity = severity_at(least, options.rate)
    sentence = (
        f"To review: {counted(count, n, data.common.confidence)} of the labels surprise a model that was trained"
        f" without the image and agrees with {percent(found.accuracy)} of all labels."
    )
    if severity == "ok":
        sentence += (
            " With so few, the label is often right and the image only unusual: look before you change one."
        )
    else:
        sentence += (
            f" That speaks for at least {percent(least)} of wrong labels; the others are only hard images."
        )
    return Finding(CHECK, "info" if severity == "ok" else severity, "labels", sentence, numbers, title)


def _by(
    data: AuditData, options: Options, found: _Suspects, name: str, values: list[str], codes: np.ndarray
) -> tuple[Finding | None, Bars]:
    """Classes or groups with a much higher rate than the rest."""
    confidence, total = data.common.confidence, int(found.deep.sum())
    sizes = np.bincount(codes, minlength=len(values))
    listed_here = np.bincount(codes[found.suspected], minlength=len(values))
    counts = np.bincount(codes[found.deep], minlength=len(values))
    bars = Bars(
        f"Labels to review by {name}",
        [
            (
                values[code],
                listed_here[code] / sizes[code],
                *wilson(int(listed_here[code]), int(sizes[code]), confidence),
            )
            for code in np.flatnonzero(sizes).tolist()
        ],
        "share of labels to review",
    )
    judged = np.flatnonzero(np.minimum(sizes, len(codes) - sizes) >= data.common.minimum_group).tolist()
    p = holm(
        np.array([fisher_midp(int(counts[code]), int(sizes[code]), total, len(codes)) for code in judged])
    )
    raised = []
    for code, adjusted in zip(judged, p.tolist(), strict=True):
        share, rest = counts[code] / sizes[code], (total - counts[code]) / (len(codes) - sizes[code])
        least = found.wrong_share(codes == code, confidence)
        if adjusted < data.common.alpha and share > options.ratio * rest and least >= options.rate[1]:
            raised.append((least, code, adjusted))
    raised.sort(reverse=True)
    if not raised:
        return None, bars
    least, code, adjusted = raised[0]
    count, n = int(counts[code]), int(sizes[code])
    sentence = (
        f"Labels of {name} {values[code]} seem wrong more often: the image looks clearly like another class for"
        f" {counted(count, n, confidence)} against {counted(total - count, len(codes) - n)} of the rest. Unlikely to be"
        f" chance even after {many(len(judged), 'comparison')} (adjusted {chance(adjusted)}). {values[code]} has"
        f" {percent(n / len(codes))} of the images and {percent(count / total)} of such labels."
    )
    if len(raised) > 1:
        sentence += f" The same holds for {listed([values[other] for _, other, _ in raised[1:]])}."
    numbers = {
        "attribute": name,
        "value": values[code],
        "deep": count,
        "n": n,
        "deep_rest": total - count,
        "n_rest": len(codes) - n,
        "least_wrong": least,
        "p_adjusted": adjusted,
        "comparisons": len(judged),
    }
    return Finding(CHECK, "warn", f"{name} {values[code]}", sentence, numbers, bars.title), bars


def _gallery(data: AuditData, options: Options, found: _Suspects) -> Gallery:
    """Suspected images, the most improbable label first."""
    suspects = np.flatnonzero(found.suspected)
    order = suspects[np.argsort(found.margins[suspects].round(6), kind="stable")][: options.shown]
    rows = data.rows.iloc[found.places[order]]
    items = [
        (path, f"given {given}, suggested {data.classes[code]}")
        for path, given, code in zip(
            rows["path"], rows["label"], found.suggested[order].tolist(), strict=True
        )
    ]
    return Gallery("Labels to review", items, "The most improbable label first; a suspicion is no error.")
