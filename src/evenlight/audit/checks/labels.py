"""Labels to review

Confident learning (Northcutt 2021, by cleanlab): a model gives each image's class probabilities without having seen
it or other images of its source (or near-duplicate component), and labels that it confidently disagrees with are
listed, the most improbable first. All usable images are looked at, those of the test set, too.

A suspicion is no error. Two guards keep weak models and hard groups from being taken for wrong labels. The rate is
judged only when the model is right for nine in ten of the images that it does not suspect. And a rate counts only by
what it exceeds the model's own mistakes: the lower end of its interval, less the share of unsuspected images that the
model gets wrong. Clean CIFAR photos (two classes, model right for 84 to 94 %) have 2 to 9 % of suspects and stay
silent; 5 % of wrong labels planted in two-class sets are listed to 62 to 89 %, as 37 to 48 % of what is listed.
"""

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Bars, Evidence, Finding, Gallery, Result, severity_at
from evenlight.audit.probes import families_together, make_folds, probabilities, sample
from evenlight.audit.statistics import fisher_midp, holm
from evenlight.audit.wording import chance, counted, listed, many, percent
from evenlight.evaluation.intervals import wilson
from evenlight.runtime import seed_for
from evenlight.settings import Settings

CHECK = "labels"
_COMPONENTS = 256
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # `C`, from simple to flexible
_TRIED_ON = 5000  # images that the choice of C is made on


class Options(Settings):
    """The model that is asked, and when suspicions count."""

    features: list[str] = Field(
        ["brightness", "color", "hog"], min_length=1, description="feature families that the model sees"
    )
    rate: list[float] = Field(
        [0.01, 0.03, 0.10],
        min_length=3,
        max_length=3,
        description="info, warn and serious: suspected share beyond what the model's own mistakes explain",
    )
    ratio: float = Field(2.0, ge=1, description="warn: a class or group has this many times the rest's rate")
    minimum_accuracy: float = Field(
        0.9, ge=0, le=1, description="of the model on images it does not suspect, for rates to be judged"
    )
    folds: int = Field(5, ge=2, le=20, description="of the cross-validation")
    shown: int = Field(60, ge=1, le=1000, description="most images shown")


@dataclass(frozen=True)
class _Suspects:
    """What the model says; arrays over the judged images."""

    places: np.ndarray  # rows of the judged images
    suspected: np.ndarray  # bool
    missed: np.ndarray  # bool: not suspected, and yet the model names another class
    margins: np.ndarray  # probability of the given class less that of the likeliest other one
    suggested: np.ndarray  # class code of the likeliest other one

    def excess(self, inside: np.ndarray, confidence: float) -> float:
        """Lower end of the suspected share of some images, less the share that the model misjudges anyway."""
        count, n = int(self.suspected[inside].sum()), int(inside.sum())
        return wilson(count, n, confidence)[0] - float(self.missed[inside].sum()) / max(n - count, 1)


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
    keys = data.rows["source" if data.source else "component"].to_numpy()
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
    own = shares[np.arange(len(codes)), codes]
    others = shares.copy()
    others[np.arange(len(codes)), codes] = -1
    wrong = shares.argmax(axis=1) != codes
    return _Suspects(
        places, suspected, wrong & ~suspected, own - others.max(axis=1), known[others.argmax(axis=1)]
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
    trusted = float((~found.missed[~found.suspected]).mean()) if count < n else 0.0
    numbers = {"suspected": count, "n": n, "accuracy_on_unsuspected": trusted}
    text = counted(count, n, data.common.confidence)
    title = gallery.title if count else ""
    if trusted < options.minimum_accuracy:
        sentence = (
            f"A model on {listed(options.features)} is right for {percent(trusted)} of the images that it does not"
            f" suspect, too seldom ({percent(options.minimum_accuracy)} are needed) to judge how many labels are wrong."
            " The labels that surprise it most are shown."
        )
        return Finding(CHECK, "not_enough_data", "labels", sentence, numbers, title)
    if count == 0:
        sentence = f"None of {many(n, 'label')} surprises a model that was trained without the image."
        return Finding(CHECK, "ok", "labels", sentence, numbers)
    severity = severity_at(found.excess(np.ones(n, dtype=bool), data.common.confidence), options.rate)
    sentence = (
        f"To review: {text} of the labels surprise a model that was trained without the image. It is right for"
        f" {percent(trusted)} of the others. At a rate near 1 % usually one such suspicion in five is right, at 5 %"
        " three in five."
    )
    return Finding(CHECK, "info" if severity == "ok" else severity, "labels", sentence, numbers, title)


def _by(
    data: AuditData, options: Options, found: _Suspects, name: str, values: list[str], codes: np.ndarray
) -> tuple[Finding | None, Bars]:
    """Classes or groups with a much higher rate than the rest."""
    confidence, total = data.common.confidence, int(found.suspected.sum())
    sizes = np.bincount(codes, minlength=len(values))
    counts = np.bincount(codes[found.suspected], minlength=len(values))
    bars = Bars(
        f"Labels to review by {name}",
        [
            (
                values[code],
                counts[code] / sizes[code],
                *wilson(int(counts[code]), int(sizes[code]), confidence),
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
        rest = (total - counts[code]) / (len(codes) - sizes[code])
        excess = found.excess(codes == code, confidence)
        if adjusted < data.common.alpha and counts[code] / sizes[code] > options.ratio * rest:
            raised.append((excess, code, adjusted))
    raised = sorted((item for item in raised if item[0] >= options.rate[0]), reverse=True)
    if not raised:
        return None, bars
    _, code, adjusted = raised[0]
    rest_count, rest_size = total - int(counts[code]), len(codes) - int(sizes[code])
    sentence = (
        f"Labels of {name} {values[code]} are suspected more often:"
        f" {counted(int(counts[code]), int(sizes[code]), confidence)} against {counted(rest_count, rest_size)} of the"
        f" rest. Unlikely to be chance even after {many(len(judged), 'comparison')} (adjusted {chance(adjusted)})."
        f" {values[code]} has {percent(sizes[code] / len(codes))} of the images and"
        f" {percent(counts[code] / total)} of the suspicions."
    )
    if len(raised) > 1:
        sentence += f" The same holds for {listed([values[other] for _, other, _ in raised[1:]])}."
    numbers = {
        "attribute": name,
        "value": values[code],
        "suspected": int(counts[code]),
        "n": int(sizes[code]),
        "suspected_rest": rest_count,
        "n_rest": rest_size,
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
