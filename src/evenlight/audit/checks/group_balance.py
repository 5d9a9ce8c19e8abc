"""Group balance

An even mix is no norm, so groups are only described, unless params.yaml gives the mix that the model will meet
(audit.md 3.2).
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from evenlight.audit.data import UNKNOWN, AuditData
from evenlight.audit.findings import Evidence, Finding, Result, severity_at
from evenlight.audit.sizes import sizes_by_split, sizes_evidence
from evenlight.audit.statistics import balance, goodness_of_fit, holm, total_variation
from evenlight.audit.wording import chance, counted, listed, many, percent
from evenlight.evaluation.intervals import wilson
from evenlight.settings import Settings, ThreeLevels
from evenlight.splits import SPLITS

_NAME = "group_balance"

Share = Annotated[float, Field(ge=0, le=1)]


class Options(Settings):
    """What the groups should be like."""

    target: dict[str, dict[str, Share]] = Field(
        {}, description="group column -> value -> share among the images that the model will meet"
    )
    distance: ThreeLevels = Field(
        [0.05, 0.1, 0.2],
        description="share of images in the wrong group, against the target: [info, warn, serious]",
    )
    rare: float = Field(
        0.05,
        ge=0,
        le=1,
        description="values with a smaller share, and less than half an equal one, are named",
    )
    shown: int = Field(30, ge=2, description="most values drawn per group column, and most rare ones named")

    @model_validator(mode="after")
    def _shares_of_one(self) -> "Options":
        for attribute, shares in self.target.items():
            if not shares or sum(shares.values()) > 1 + 1e-6:
                raise ValueError(f"target of {attribute!r}: shares between 0 and 1 that add up to 1 at most")
        return self


def check(data: AuditData, options: Options) -> Result:
    """Sizes of all groups, what can be judged about them, and their distance from the target."""
    if not data.attributes:
        sentence = (
            "No group column is named in params.yaml: balance of groups was not looked at. Without groups nobody can"
            " say for whom the model works worse."
        )
        return Result([Finding(_NAME, "info", "groups", sentence)])
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    for attribute in data.attributes:
        names, codes = data.coded(attribute)
        counts = sizes_by_split(data, codes, len(names))
        findings += _described(data, options, attribute, names, counts)
        if attribute in options.target:
            findings += _targeted(data, options, attribute, names, counts)
        evidence += sizes_evidence(_title(attribute), attribute, names, counts, options.shown)
    findings += _unused_targets(data, options)
    return Result(findings, evidence)


def _described(
    data: AuditData, options: Options, attribute: str, names: list[str], counts: np.ndarray
) -> list[Finding]:
    """Sizes; rare values one by one; values too small to be judged in the test split."""
    sizes = counts.sum(axis=1)
    if len(names) < 2:
        sentence = (
            f"{attribute} has one value only, {names[0]}: nothing to compare."
            if names
            else f"{attribute}: no image."
        )
        return [Finding(_NAME, "not_enough_data", attribute, sentence, {"values": len(names)})]
    ratio, effective, evenness = balance(sizes)
    numbers: dict[str, Any] = {
        "values": len(names),
        "ratio": ratio,
        "effective_values": effective,
        "evenness": evenness,
    }
    order = np.argsort(sizes, kind="stable")
    low, high = many(int(sizes[order[0]]), "image"), f"{sizes[order[-1]]:,}"
    spread = (
        f"each with {low}" if ratio == 1 else f"from {low} ({names[order[0]]}) to {high} ({names[order[-1]]})"
    )
    described = f"{attribute}: {many(len(names), 'value')}, {spread}."
    if attribute == data.source:
        return [Finding(_NAME, "info", attribute, described, numbers, _title(attribute))]
    least = data.common.minimum_group
    rare = _rare(data, options, attribute, names, counts)
    few = [i for i in order if counts[i, 2] < least and names[i] not in {finding.subject for finding in rare}]
    if few:
        each = listed([f"{names[i]} ({counts[i, 2]:,})" for i in few])
        sentence = (
            f"{attribute}: {many(len(few), 'value')} of {len(names):,} {'has' if len(few) == 1 else 'have'} fewer"
            f" than {least} test images, too few to judge how well a model does there: {each}."
        )
        numbers["too_few_in_test"] = {names[i]: int(counts[i, 2]) for i in few}
        return [*rare, Finding(_NAME, "not_enough_data", attribute, sentence, numbers, _title(attribute))]
    if rare:
        return rare
    sentence = f"{described} Each has the {least} test images needed to judge a model on it."
    return [Finding(_NAME, "ok", attribute, sentence, numbers, _title(attribute))]


def _rare(
    data: AuditData, options: Options, attribute: str, names: list[str], counts: np.ndarray
) -> list[Finding]:
    """A note for each rare value, rarest first."""
    sizes, least = counts.sum(axis=1), data.common.minimum_group
    total = int(sizes.sum())
    bound = min(options.rare, 0.5 / len(names))
    found = []
    for i in np.argsort(sizes, kind="stable")[: options.shown]:
        if sizes[i] / total >= bound:
            break
        train, test = int(counts[i, 0]), int(counts[i, 2])
        judged = (
            f"too few to judge how well a model does there ({least} needed)"
            if test < least
            else "enough to judge a model there"
        )
        sentence = (
            f"{attribute} = {names[i]} is rare: {percent(sizes[i] / total)} of the images ({sizes[i]:,} of {total:,})."
            f" It has {many(train, 'training image')} and {many(test, 'test image')}, {judged}."
        )
        numbers = {
            "attribute": attribute,
            "value": names[i],
            "n": int(sizes[i]),
            "share": sizes[i] / total,
            "train": train,
            "test": test,
            "rare_below": bound,
        }
        found.append(Finding(_NAME, "info", names[i], sentence, numbers, _title(attribute)))
    return found


def _targeted(
    data: AuditData, options: Options, attribute: str, names: list[str], counts: np.ndarray
) -> list[Finding]:
    """Every split against the target, among images whose value is known; values it does not name are one group."""
    target = options.target[attribute]
    wanted = np.array([*target.values(), max(0.0, 1 - sum(target.values()))])
    labels = [*target, "other values"]
    observed = np.zeros((len(labels), len(SPLITS)), dtype=np.int64)
    for name, row in zip(names, counts, strict=True):
        if name != UNKNOWN or name in target:
            observed[labels.index(name) if name in target else -1] += row
    tests = []
    for split, sizes in zip(SPLITS, observed.T, strict=True):
        if sizes.sum() == 0:
            continue
        p = goodness_of_fit(sizes, wanted, data.common.permutations, data.common.seed)
        tests.append((split, sizes, total_variation(sizes, wanted), p))
    adjusted = holm(np.array([p for *_, p in tests]))
    found = []
    for (split, sizes, distance, p), corrected in zip(tests, adjusted, strict=True):
        n = int(sizes.sum())
        severity = severity_at(distance, options.distance) if corrected < data.common.alpha else "ok"
        gap = sizes / n - wanted
        worst = int(np.abs(gap).argmax())
        share = counted(int(sizes[worst]), n, data.common.confidence)
        chances = f"{chance(p)}, {chance(float(corrected))} after {many(len(tests), 'comparison')}"
        unsure = _possible_gap(sizes, wanted, data.common.confidence)
        if severity == "ok" and unsure >= options.distance[1]:
            severity = "not_enough_data"
            sentence = (
                f"{attribute} in {split}: {many(n, 'image')} are too few to compare with the target; a group could be"
                f" {100 * unsure:.0f} points off."
            )
        elif severity == "ok":
            sentence = (
                f"{attribute} in {split} is close to the target: {percent(distance)} of {n:,} images would have to"
                f" change group ({chances})."
            )
        else:
            sentence = (
                f"{attribute} = {labels[worst]} is {share} of the {split} images against a target of"
                f" {percent(wanted[worst])}. To meet the target {percent(distance)} of them would have to change group"
                f" ({chances})."
            )
        numbers = {
            "attribute": attribute,
            "split": split,
            "n": n,
            "distance": distance,
            "p": p,
            "adjusted_p": corrected,
            "comparisons": len(tests),
            "shares": dict(zip(labels, sizes / n, strict=True)),
            "target": dict(zip(labels, wanted, strict=True)),
            "levels": options.distance,
        }
        found.append(Finding(_NAME, severity, labels[worst], sentence, numbers, _title(attribute)))
    return found


def _possible_gap(sizes: np.ndarray, wanted: np.ndarray, confidence: float) -> float:
    """The largest distance from the target that the intervals of the shares leave open."""
    n = int(sizes.sum())
    ends = np.array([wilson(int(size), n, confidence) for size in sizes])
    return float(np.abs(ends - wanted[:, None]).max())


def _unused_targets(data: AuditData, options: Options) -> list[Finding]:
    """A target that nothing is compared with must not look like a target that is met."""
    return [
        Finding(
            _NAME,
            "info",
            attribute,
            f"The target for {attribute!r} was not used: the data set's groups are {listed(list(data.attributes))}.",
        )
        for attribute in options.target
        if attribute not in data.attributes
    ]


def _title(attribute: str) -> str:
    return f"Images per {attribute}"
