"""Drift between training and test images

Is the test set a sample of what the model learns from? Properties of the images are compared by Mann-Whitney with
Holm's correction, shares of classes and groups by chi2 with the effect V (bias-corrected).

Images of one source are alike and a source lies in one split, so with a source column chance is judged on sources:
one median per source for properties, and for shares the splits dealt out anew among whole sources. The source itself
is no group here: it differs between the splits by design.
"""

import numpy as np
from pydantic import Field

from evenlight.audit.contrasts import Grouping, compare_numbers
from evenlight.audit.data import AuditData
from evenlight.audit.findings import Bars, Evidence, Finding, Result, Table, severity_at
from evenlight.audit.measures import WORDS, amount, numeric, spread
from evenlight.audit.statistics import association, crosstab, holm
from evenlight.audit.wording import chance, counted, listed, many, percent
from evenlight.runtime import seed_for
from evenlight.settings import Settings, TwoLevels

CHECK = "drift"
_CHUNK = 2**22  # cells of dealt splits in memory at one time
_SHOWN = 30  # values drawn, those that differ most first
_TEST = 1  # group of the test images


class Options(Settings):
    """When a difference between training and test counts."""

    effect: TwoLevels = Field([0.10, 0.25], description="warn and serious: |AUC - 0.5| of a property")
    share: TwoLevels = Field(
        [0.10, 0.30],
        description="warn and serious: V of classes or groups and split",
    )
    minimum: int = Field(300, ge=30, description="images on each side, for properties to be judged")
    minimum_sources: int = Field(8, ge=4, description="sources on each side, where there is a source column")


def check(data: AuditData, options: Options) -> Result:
    """Compare properties, classes and groups of training and test images."""
    kept = np.flatnonzero(np.isin(data.splits, ("train", "test")))
    in_test = data.splits[kept] == "test"
    sizes = (int((~in_test).sum()), int(in_test.sum()))
    if min(sizes) == 0:
        sentence = f"{sizes[0]:,} training and {sizes[1]:,} test images: there are no two sides to compare."
        return Result([Finding(CHECK, "not_enough_data", "splits", sentence)])
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    sources = data.coded(data.source)[1][kept] if data.source else None
    for result in (
        _shares(data, options, kept, in_test, sources),
        _properties(data, options, kept, in_test, sources),
    ):
        findings += result.findings
        evidence += result.evidence
    if not findings:
        sentence = (
            f"The {sizes[1]:,} test images have the light, sharpness, colour, sizes, classes and groups of the"
            f" {sizes[0]:,} training images."
        )
        findings.append(Finding(CHECK, "ok", "splits", sentence, {"train": sizes[0], "test": sizes[1]}))
    return Result(findings, evidence)


def _properties(
    data: AuditData, options: Options, kept: np.ndarray, in_test: np.ndarray, sources: np.ndarray | None
) -> Result:
    sides = Grouping(
        "split", ["train", "test"], in_test.astype(np.int64), np.bincount(in_test, minlength=2), sources
    )
    numbers = numeric(data.rows.iloc[kept])
    comparisons = compare_numbers(sides, [_TEST], numbers)
    adjusted = holm(np.array([one.p for one in comparisons]))
    rows = [
        [WORDS[one.name].noun, *_medians(numbers[one.name], in_test), round(one.auc, 3), round(p, 4)]
        for one, p in zip(comparisons, np.nan_to_num(adjusted, nan=1.0).tolist(), strict=True)
        if np.isfinite(one.auc)
    ]
    table = Table(
        "Properties of training and test images",
        ["property", "median in training", "median in test", "AUC", "adjusted p"],
        rows,
        "AUC: chance that a test image has a higher value than a training image; 0.5 is no difference.",
    )
    lacking = _lacking(data, options, sides)
    if lacking:
        return Result([lacking], [table])
    findings = []
    for one, p in zip(comparisons, adjusted.tolist(), strict=True):
        severity = severity_at(one.effect, options.effect) if p < data.common.alpha else "ok"
        if severity == "ok":
            continue
        words, values, higher = WORDS[one.name], numbers[one.name], one.auc > 0.5
        sentence = (
            f"Test images {words.high if higher else words.low} than training images: median {words.noun}"
            f" {spread(values[in_test])} against {spread(values[~in_test])}. A test image has the"
            f" {'higher' if higher else 'lower'} value in {percent(0.5 + one.effect)} of all pairs. Unlikely to be"
            f" chance even after {many(len(rows), 'comparison')} (adjusted {chance(p)}"
        )
        if sources is not None:
            sentence += ", judged on {:,} against {:,} sources".format(*one.tested)
        measured = {"property": one.name, "auc": one.auc, "p_adjusted": p, "comparisons": len(rows)}
        findings.append(Finding(CHECK, severity, words.noun, sentence + ").", measured, table.title))
    return Result(findings, [table])


def _medians(values: np.ndarray, in_test: np.ndarray) -> list[str]:
    return [amount(float(np.nanmedian(values[side]))) for side in (~in_test, in_test)]


def _lacking(data: AuditData, options: Options, sides: Grouping) -> Finding | None:
    """Why properties can't be judged, if they can't."""
    test, train = sides.number_of_images(_TEST)
    have = f"{train:,} training and {test:,} test images"
    need = f"{options.minimum:,} on each side"
    if min(test, train) >= options.minimum:
        if sides.sources is None:
            return None
        test, train = sides.number_of_sources(_TEST)
        have = f"training images of {train:,} and test images of {test:,} different values of {data.source}"
        need = f"{options.minimum_sources:,} on each side"
        if min(test, train) >= options.minimum_sources:
            return None
    sentence = (
        f"{have} are too few to judge whether light, sharpness, colour and sizes differ; that needs {need}."
    )
    return Finding(
        CHECK,
        "not_enough_data",
        "properties",
        sentence[0].upper() + sentence[1:],
        {"train": train, "test": test},
    )


def _shares(
    data: AuditData, options: Options, kept: np.ndarray, in_test: np.ndarray, sources: np.ndarray | None
) -> Result:
    """Classes and groups: is one missing in training, are the shares the same?"""
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    columns = {"class": (data.classes, data.labels)} | {name: data.coded(name) for name in data.groups}
    tested = []
    for name, (values, codes) in columns.items():
        table = crosstab(in_test.astype(np.int64), codes[kept], (2, len(values)))
        seed = seed_for(data.common.seed, CHECK, name)
        found = association(table, data.common.permutations, seed)
        p = found.p
        if sources is not None and np.isfinite(p):
            p = dealt_p(codes[kept], in_test, sources, data.common.permutations, seed)
        tested.append((name, values, table, found.v, p))
    adjusted = holm(np.array([p for *_, p in tested]))
    for (name, values, table, v, _), p in zip(tested, adjusted.tolist(), strict=True):
        bars = _bars(name, values, table)
        evidence.append(bars)
        findings += _missing(data, name, values, table, bars.title)
        severity = severity_at(v, options.share) if p < data.common.alpha else "ok"
        if severity == "ok":
            continue
        shares = table / table.sum(axis=1, keepdims=True)
        most = int(np.abs(shares[1] - shares[0]).argmax())
        n_train, n_test = table.sum(axis=1).tolist()
        sentence = (
            f"Training and test images differ in {name} (V={v:.2f}): {values[most]} is"
            f" {counted(int(table[1, most]), n_test)} of the test images against"
            f" {counted(int(table[0, most]), n_train)} of the training images. Unlikely to be chance even after"
            f" {many(len(tested), 'comparison')} (adjusted {chance(p)})."
        )
        measured = {"attribute": name, "v": v, "p_adjusted": p, "comparisons": len(tested)}
        findings.append(Finding(CHECK, severity, name, sentence, measured, bars.title))
    return Result(findings, evidence)


def _missing(data: AuditData, name: str, values: list[str], table: np.ndarray, title: str) -> list[Finding]:
    """Values that test images have and no training image does."""
    most = data.common.minimum_denominator
    missing = [place for place in range(len(values)) if table[0, place] == 0 and table[1, place] >= most]
    if not missing:
        return []
    n = int(table[1].sum())
    named = [f"{values[place]} ({counted(int(table[1, place]), n)} of the test images)" for place in missing]
    sentence = f"No training image is of {name} {listed(named)}: what the model does there is not learned, it is luck."
    measured = {"attribute": name, "missing": [values[place] for place in missing]}
    subject = f"{name} {values[missing[0]]}" if len(missing) == 1 else name
    return [Finding(CHECK, "warn", subject, sentence, measured, title)]


def _bars(name: str, values: list[str], table: np.ndarray) -> Bars:
    shares = table / table.sum(axis=1, keepdims=True)
    rows: list[tuple[str, float, float | None, float | None]] = []
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")
    for place in order[:_SHOWN].tolist():
        for side, split in enumerate(("train", "test")):
            rows.append((f"{values[place]}, {split}", float(shares[side, place]), None, None))
    return Bars(f"Shares of {name} in training and test", rows, "share of the split's images")


def dealt_p(
    codes: np.ndarray, in_test: np.ndarray, sources: np.ndarray, permutations: int, seed: int
) -> float:
    """p of chi2 between a category and the split when the split is dealt out anew among whole sources.

    Args:
        codes: category of each image (N,).
        in_test: bool (N,).
        sources: source of each image (N,), each in one split; one that is in both counts where most of it lies.
        permutations: number of deals.
        seed: of the deals.
    """
    _, places = np.unique(sources, return_inverse=True)
    counts = crosstab(places, codes, (int(places.max()) + 1, int(codes.max()) + 1)).astype(np.float64)
    mostly_test = np.bincount(places, weights=in_test) * 2 > counts.sum(axis=1)
    counts = counts[:, counts.sum(axis=0) > 0]
    n = counts.sum()
    shares = counts.sum(axis=0) / n

    def statistic(sides: np.ndarray) -> np.ndarray:
        """chi2 of each deal (B, S)."""
        test = sides @ counts
        sizes = test.sum(axis=1, keepdims=True)
        deviation = test - sizes * shares
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = (deviation**2 / shares).sum(axis=1) * (1 / sizes + 1 / (n - sizes))[:, 0]
        return np.nan_to_num(scaled)

    bound = statistic(mostly_test[None].astype(np.float64))[0] * (1 - 1e-9)
    rng = np.random.default_rng(seed)
    left, as_large = permutations, 0
    chunk = max(1, _CHUNK // len(counts))
    while left:
        dealt = np.tile(mostly_test.astype(np.float64), (min(chunk, left), 1))
        as_large += int((statistic(rng.permuted(dealt, axis=1)) >= bound).sum())
        left -= len(dealt)
    return (1 + as_large) / (1 + permutations)
