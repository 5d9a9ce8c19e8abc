"""Class balance

A ratio alone misses small data, floors alone miss 10,000 images against 300; so both are judged (audit.md 3.1).
"""

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Finding, Result, severity_at
from evenlight.audit.sizes import sizes_by_split, sizes_evidence
from evenlight.audit.statistics import balance
from evenlight.audit.wording import listed, many, number, percent
from evenlight.settings import Settings, ThreeLevels

_NAME = "class_balance"
_TITLE = "Images per class"


class Options(Settings):
    """When classes are out of balance."""

    ratio: ThreeLevels = Field(
        [3, 10, 100],
        description="largest class / smallest: [info, warn, serious]",
    )
    least: int = Field(5, ge=1, description="images; a class with fewer is serious")
    least_train: int = Field(30, ge=0, description="training images; a class with fewer is a warning")
    least_test: int = Field(10, ge=0, description="test images; a class with fewer is a warning")
    shown: int = Field(50, ge=2, description="most classes drawn")


def check(data: AuditData, options: Options) -> Result:
    """Ratio, effective number of classes and absolute floors."""
    counts = sizes_by_split(data, data.labels, len(data.classes))
    found = _floors(data, options, counts)
    if len(data.classes) < 2:
        found.append(_alone(data))
        return Result(found)
    found += [
        finding
        for split, sizes in (("", counts.sum(axis=1)), ("train", counts[:, 0]))
        if (finding := _ratio(data, options, split, sizes)) is not None
    ]
    # training images count twice only where they tell another story than all
    if (
        len(found) >= 2
        and found[-1].severity == found[-2].severity
        and found[-1].subject == found[-2].subject
    ):
        found.pop()
    if all(finding.severity == "ok" for finding in found):
        found = found[:1]
    return Result(found, sizes_evidence(_TITLE, "class", data.classes, counts, options.shown))


def _alone(data: AuditData) -> Finding:
    sentence = f"There is {many(len(data.classes), 'class', 'classes')}: nothing to compare."
    return Finding(_NAME, "not_enough_data", "classes", sentence, {"classes": len(data.classes)})


def _ratio(data: AuditData, options: Options, split: str, sizes: np.ndarray) -> Finding | None:
    """The largest class against the smallest; None where one has no image, which the floors say already."""
    if sizes.min() == 0:
        return None
    ratio, effective, evenness = balance(sizes)
    least, most = data.classes[int(sizes.argmin())], data.classes[int(sizes.argmax())]
    severity = severity_at(ratio, options.ratio)
    kind = f"{split}ing image" if split == "train" else "image"
    numbers = {
        "ratio": ratio,
        "smallest": least,
        "largest": most,
        "sizes": [int(sizes.min()), int(sizes.max())],
        "effective_classes": effective,
        "evenness": evenness,
        "split": split,
        "levels": options.ratio,
    }
    low, high = many(int(sizes.min()), kind), f"{sizes.max():,}"
    if severity == "ok":
        sizes_in_words = f"each has {low}" if ratio == 1 else f"from {low} ({least}) to {high} ({most})"
        sentence = f"The {many(len(sizes), 'class', 'classes')} are in balance: {sizes_in_words}."
        return Finding(_NAME, "ok", "classes", sentence, numbers, _TITLE)
    sentence = (
        f"{least} has {low}, {percent(sizes.min() / sizes.sum())} of {sizes.sum():,}; {most} has"
        f" {number(round(ratio, 1))} times as many ({high}). The {many(len(sizes), 'class', 'classes')} are worth"
        f" {number(round(effective, 1))} equal ones."
    )
    return Finding(_NAME, severity, least, sentence, numbers, _TITLE)


def _floors(data: AuditData, options: Options, counts: np.ndarray) -> list[Finding]:
    """Classes with too few images to learn or to measure; each class is named once, where it is gravest."""
    total, train, test = counts.sum(axis=1), counts[:, 0], counts[:, 2]
    rules = (
        ("serious", total, "image", options.least, "too few to learn or to measure anything"),
        ("serious", train, "training image", min(1, options.least_train), "what is not seen is not learned"),
        ("warn", train, "training image", options.least_train, "what is learned of so few is unreliable"),
        ("warn", test, "test image", options.least_test, "accuracy on so few can hardly be measured"),
    )
    found = []
    named = np.zeros(len(total), dtype=bool)
    for severity, sizes, kind, floor, consequence in rules:
        short = ~named & (sizes < floor)
        named |= short
        each = {data.classes[code]: int(sizes[code]) for code in np.flatnonzero(short)}
        if not each:
            continue
        if len(each) == 1:
            (name,) = each
            count = f"{many(each[name], kind)}, fewer than {floor}" if each[name] else f"no {kind}"
            sentence = f"{name} has {count}: {consequence}."
        else:
            name = f"{len(each)} classes"
            items = listed([f"{label} ({size:,})" for label, size in each.items()])
            floor_words = f"fewer than {many(floor, kind)}" if floor > 1 else f"no {kind}"
            sentence = f"{len(each):,} of {len(total):,} classes have {floor_words}: {items}; {consequence}."
        numbers = {"sizes": each, "counted": kind, "floor": floor}
        found.append(Finding(_NAME, severity, name, sentence, numbers, _TITLE))
    return found
