"""Image quality by group

Do the images of one group differ from the rest in light, contrast, sharpness, colour, size or compression? Each
property is compared between a group and all other images (Mann-Whitney), Holm-adjusted over the properties and
groups of one attribute. The effect is the chance that an image of the group has the higher value, away from one half.

Images of one source (camera, patient) are alike, so with a source column the chance is judged on sources: one
median per source inside the group and one outside. Where a group is spread over sources that also have other
images, those medians come in pairs, which makes the test careful, never rash. The effect is always that of images.

How grave a difference is depends on where it can come from. When the same sources took the group's images and the
others', no camera is to blame and the difference may simply be what the group means (fog looks like fog): it is a
warning at most. Otherwise it can be serious.

The source itself has too many values and too few images in each for such tests. Its outliers are named instead: a
source whose median lies many standard deviations of the other sources' medians away from their middle, and clear of
their range. Sizes and compression are no candidates: they differ between cameras by construction.

Absolute limits (very dark, blurred, ...) are notes only: on X-ray or night photos they are wrong.
"""

import numpy as np
from pydantic import Field

from evenlight.audit.contrasts import Comparison, Grouping, compare_categories, compare_numbers
from evenlight.audit.data import AuditData
from evenlight.audit.findings import Evidence, Finding, Gallery, Result, Table, most_severe, severity_at
from evenlight.audit.measures import WORDS, amount, categorical, extreme_images, numeric, spread
from evenlight.audit.outlying import source_findings
from evenlight.audit.statistics import holm
from evenlight.audit.wording import chance, counted, listed, many, percent
from evenlight.runtime import seed_for
from evenlight.settings import Settings, TwoLevels

CHECK = "quality"
_Z = 1.96


class Options(Settings):
    """When a difference counts, and when an image is odd by itself."""

    effect: TwoLevels = Field([0.10, 0.25], description="warn and serious: |AUC - 0.5| against the rest")
    category: TwoLevels = Field(
        [0.10, 0.30],
        description="warn and serious: V of format, channels, turning",
    )
    minimum_sources: int = Field(8, ge=4, description="sources on each side, for a difference to be judged")
    outlier: float = Field(5.0, gt=0, description="a source stands out beyond this many robust deviations")
    max_prevalence: float = Field(
        0.1, gt=0, le=1, description="an absolute limit that more images break says nothing about them"
    )
    dark: float = Field(40, description="very dark: the lightest 1 % of the pixels are below this gray level")
    light: float = Field(230, description="very light: mean gray is above this")
    blurred: float = Field(3.0, description="blurred: sharpness is below this")
    flat: float = Field(3.0, description="nearly empty: gray levels hold fewer bits than this")


def check(data: AuditData, options: Options) -> Result:
    """Compare groups and sources property by property; list images that are odd by themselves."""
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    if not data.groups:
        findings.append(
            Finding(CHECK, "info", "groups", "No group column: quality was not compared between groups.")
        )
    numbers, categories = numeric(data.rows), categorical(data.rows)
    sources = data.coded(data.source)[1] if data.source else None
    if data.source:  # first: one odd camera is easier to mend than what a group looks like
        _add(
            findings,
            evidence,
            source_findings(CHECK, data, numbers, options.minimum_sources, options.outlier),
        )
    for name in data.groups:
        values, codes = data.coded(name)
        attribute = Grouping(name, values, codes, np.bincount(codes, minlength=len(values)), sources)
        _add(findings, evidence, _by_group(data, options, attribute, numbers, categories))
    _add(findings, evidence, _by_itself(data, options, numbers))
    return Result(findings, evidence)


def _add(findings: list[Finding], evidence: list[Evidence], result: Result) -> None:
    findings.extend(result.findings)
    evidence.extend(result.evidence)


def _by_group(
    data: AuditData,
    options: Options,
    attribute: Grouping,
    numbers: dict[str, np.ndarray],
    categories: dict[str, np.ndarray],
) -> Result:
    judged = _judged(data, options, attribute)
    findings = _too_small(data, options, attribute, judged)
    if not judged:
        return Result(findings)
    comparisons = compare_numbers(attribute, judged, numbers)
    seed = seed_for(data.common.seed, CHECK)
    comparisons += compare_categories(attribute, judged, categories, data.common.permutations, seed)
    adjusted = holm(np.array([comparison.p for comparison in comparisons]))
    tests = int(np.isfinite(adjusted).sum())
    raised: dict[str, list[tuple[Comparison, float, str]]] = {}
    for comparison, p in zip(comparisons, adjusted.tolist(), strict=True):
        levels = options.effect if comparison.name in numbers else options.category
        severity = severity_at(comparison.effect, levels) if p < data.common.alpha else "ok"
        if severity != "ok":
            if attribute.shares_sources(comparison.group):
                severity = "warn"
            raised.setdefault(comparison.name, []).append((comparison, p, severity))
    evidence: list[Evidence] = []
    for name, found in raised.items():
        found.sort(key=lambda item: -item[0].effect)
        if name in numbers:
            gallery = _gallery(data, attribute, found[0][0], numbers[name])
            findings.append(_numeric_finding(attribute, found, numbers[name], tests, gallery.title))
            evidence.append(gallery)
        else:
            findings.append(_category_finding(attribute, found, categories[name], tests))
    findings += _open(options, attribute, comparisons, raised)
    if not findings:
        sentence = (
            f"{attribute.name}: no property of the images differs between its groups by"
            f" {options.effect[0]:g} or more in AUC ({many(tests, 'comparison')})."
        )
        findings.append(Finding(CHECK, "ok", attribute.name, sentence, {"comparisons": tests}))
    evidence.append(_table(attribute, comparisons, adjusted, numbers))
    return Result(findings, evidence)


def _judged(data: AuditData, options: Options, attribute: Grouping) -> list[int]:
    """Groups with enough images, and sources, on both sides; of two groups only the first."""
    total = len(attribute.codes)
    judged = []
    for group, size in enumerate(attribute.sizes.tolist()):
        enough = min(size, total - size) >= data.common.minimum_group
        if attribute.sources is not None:
            enough &= min(attribute.number_of_sources(group)) >= options.minimum_sources
        if enough:
            judged.append(group)
    return judged[:1] if len(attribute.values) == 2 else judged


def _too_small(data: AuditData, options: Options, attribute: Grouping, judged: list[int]) -> list[Finding]:
    """One finding about all groups that can't be judged."""
    if len(attribute.values) < 2:
        sentence = f"{attribute.name}: all images have one value, so there is nothing to compare."
        return [Finding(CHECK, "info", attribute.name, sentence)]
    if len(attribute.values) == 2 and judged:
        return []
    left = [group for group in range(len(attribute.values)) if group not in judged]
    if not left:
        return []
    named = []
    for group in left:
        images = many(int(attribute.sizes[group]), "image")
        if attribute.sources is not None:
            images += f" of {many(attribute.number_of_sources(group)[0], data.source or 'source')}"
        named.append(f"{attribute.values[group]} ({images})")
    need = f"{data.common.minimum_group} images"
    if attribute.sources is not None:
        need += f" and {options.minimum_sources} different values of {data.source}"
    sentence = (
        f"{attribute.name}: too few to judge the image quality of {listed(named)};"
        f" each side of a comparison needs {need}."
    )
    numbers = {"groups": [attribute.values[group] for group in left]}
    return [Finding(CHECK, "not_enough_data", attribute.name, sentence, numbers)]


def _numeric_finding(
    attribute: Grouping,
    found: list[tuple[Comparison, float, str]],
    values: np.ndarray,
    tests: int,
    gallery: str,
) -> Finding:
    """One sentence for a property, headed by the group that differs most."""
    worst, p, _ = found[0]
    inside = attribute.codes == worst.group
    words = WORDS[worst.name]
    higher = worst.auc > 0.5
    group = f"{attribute.name} {attribute.values[worst.group]}"
    rest = attribute.values[1] if len(attribute.values) == 2 else "the rest"
    sentence = (
        f"Images of {group} {words.high if higher else words.low}: median {words.noun} {spread(values[inside])}"
        f" against {spread(values[~inside])} for {rest}. An image of {attribute.values[worst.group]} has the"
        f" {'higher' if higher else 'lower'} value in {percent(0.5 + worst.effect)} of all pairs with one of {rest}."
        f" {_chance(attribute, worst, p, tests)}"
        f" {attribute.values[worst.group]} is {percent(inside.mean())} of the images."
    )
    if attribute.shares_sources(worst.group):
        sentence += (
            " The same sources took the other images, so this may simply be what the group looks like."
        )
    sentence += _others(attribute, found)
    return Finding(
        CHECK,
        most_severe([severity for _, _, severity in found]),
        f"{attribute.name} {attribute.values[worst.group]}: {words.noun}",
        sentence,
        {
            "attribute": attribute.name,
            "group": attribute.values[worst.group],
            "property": worst.name,
            "auc": worst.auc,
            "p_adjusted": p,
            "comparisons": tests,
            "median": float(np.nanmedian(values[inside])),
            "median_rest": float(np.nanmedian(values[~inside])),
            "n": int(inside.sum()),
            "n_rest": int((~inside).sum()),
        },
        gallery,
    )


def _category_finding(
    attribute: Grouping, found: list[tuple[Comparison, float, str]], values: np.ndarray, tests: int
) -> Finding:
    worst, p, _ = found[0]
    inside = attribute.codes == worst.group
    names = np.unique(values.astype(str))
    shares = np.array([[(values[side] == name).mean() for name in names] for side in (inside, ~inside)])
    most = int(np.abs(shares[0] - shares[1]).argmax())
    first, second = (int((values[side] == names[most]).sum()) for side in (inside, ~inside))
    words = WORDS[worst.name]
    group = attribute.values[worst.group]
    sentence = (
        f"The {words.noun} hangs together with {attribute.name}: {names[most]} in"
        f" {counted(first, int(inside.sum()))} of the images of {group}, against"
        f" {counted(second, int((~inside).sum()))} of the rest (V={worst.effect:.2f})."
        f" {_chance(attribute, worst, p, tests)}{_others(attribute, found)}"
    )
    return Finding(
        CHECK,
        most_severe([severity for _, _, severity in found]),
        f"{attribute.name} {group}: {words.noun}",
        sentence,
        {
            "attribute": attribute.name,
            "group": group,
            "property": worst.name,
            "v": worst.effect,
            "p_adjusted": p,
            "comparisons": tests,
        },
        _title(attribute),
    )


def _chance(attribute: Grouping, comparison: Comparison, p: float, tests: int) -> str:
    text = f"Unlikely to be chance even after {many(tests, 'comparison')} (adjusted {chance(p)}"
    if attribute.sources is not None:
        text += ", judged on {:,} against {:,} sources".format(*comparison.tested)
    return text + ")."


def _others(attribute: Grouping, found: list[tuple[Comparison, float, str]]) -> str:
    if len(found) < 2:
        return ""
    named = [
        f"{attribute.values[other.group]} ({'V' if np.isnan(other.auc) else 'AUC'}"
        f" {other.effect if np.isnan(other.auc) else other.auc:.2f})"
        for other, _, _ in found[1:]
    ]
    return f" It differs in {listed(named)}, too."


def _gallery(data: AuditData, attribute: Grouping, comparison: Comparison, values: np.ndarray) -> Gallery:
    """The most extreme images of a group, in the direction in which it differs."""
    words = WORDS[comparison.name]
    places = np.flatnonzero((attribute.codes == comparison.group) & np.isfinite(values))
    direction = -1 if comparison.auc > 0.5 else 1
    group = attribute.values[comparison.group]
    title = (
        f"{attribute.name} {group}: images with the {'highest' if direction < 0 else 'lowest'} {words.noun}"
    )
    return extreme_images(data, title, places, values, direction, words.noun)


def _open(
    options: Options,
    attribute: Grouping,
    comparisons: list[Comparison],
    raised: dict[str, list[tuple[Comparison, float, str]]],
) -> list[Finding]:
    """What was not flagged and still can't be ruled out: groups with few images or sources."""
    flagged = {(one.group, name) for name, found in raised.items() for one, _, _ in found}
    unsure: dict[int, float] = {}
    for comparison in comparisons:
        if (comparison.group, comparison.name) in flagged or np.isnan(comparison.auc):
            continue
        first, second = comparison.tested
        if attribute.shares_sources(comparison.group):  # what sources differ by is on both sides
            first, second = attribute.number_of_images(comparison.group)
        # standard deviation of the AUC when nothing differs
        possible = comparison.effect + _Z * float(np.sqrt((first + second + 1) / (12 * first * second)))
        if possible >= options.effect[0]:
            unsure[comparison.group] = max(unsure.get(comparison.group, 0.0), possible)
    if not unsure:
        return []
    named = [f"{attribute.values[group]} (up to {possible:.2f})" for group, possible in unsure.items()]
    sentence = (
        f"{attribute.name}: beside what is named here, a difference in quality of {options.effect[0]:.2f} in AUC or"
        f" more can't be ruled out for {listed(named)}."
    )
    numbers = {"possible": {attribute.values[group]: value for group, value in unsure.items()}}
    return [Finding(CHECK, "not_enough_data", attribute.name, sentence, numbers)]


def _title(attribute: Grouping) -> str:
    return f"Image properties by {attribute.name}"


def _table(
    attribute: Grouping,
    comparisons: list[Comparison],
    adjusted: np.ndarray,
    numbers: dict[str, np.ndarray],
) -> Table:
    """All comparisons, the largest effect first."""
    rows: list[list[str | int | float | None]] = []
    order = sorted(range(len(comparisons)), key=lambda place: -np.nan_to_num(comparisons[place].effect))
    for place in order:
        one = comparisons[place]
        inside = attribute.codes == one.group
        medians: list[str | None] = [None, None]
        if one.name in numbers:
            medians = [amount(float(np.nanmedian(numbers[one.name][side]))) for side in (inside, ~inside)]
        rows.append(
            [
                WORDS[one.name].noun,
                attribute.values[one.group],
                *medians,
                _rounded(one.auc, 3),
                _rounded(one.effect if np.isnan(one.auc) else np.nan, 3),
                _rounded(float(adjusted[place]), 4),
            ]
        )
    columns = ["property", attribute.name, "median", "median of the rest", "AUC", "V", "adjusted p"]
    note = "AUC: chance that an image of the group has a higher value than one of the rest; 0.5 is no difference."
    return Table(_title(attribute), columns, rows, note)


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if np.isfinite(value) else None


def _by_itself(data: AuditData, options: Options, numbers: dict[str, np.ndarray]) -> Result:
    """Images beyond an absolute limit; notes only, and none where many images are beyond it."""
    lights = numbers["brightness_p99"]
    limits = (
        ("very dark", "brightness_p99", 1, lights < options.dark),
        ("very light", "brightness", -1, numbers["brightness"] > options.light),
        ("blurred", "sharpness", 1, numbers["sharpness"] < options.blurred),
        ("nearly empty", "entropy", 1, numbers["entropy"] < options.flat),
    )
    findings: list[Finding] = []
    evidence: list[Evidence] = []
    n = len(data.rows)
    for what, name, direction, beyond in limits:
        count = int(beyond.sum())
        if count == 0 or count > options.max_prevalence * n:
            continue
        title = f"Images that are {what}"
        evidence.append(
            extreme_images(data, title, np.flatnonzero(beyond), numbers[name], direction, WORDS[name].noun)
        )
        sentence = (
            f"{counted(count, n)} of the images are {what} by a fixed limit of {WORDS[name].noun}. That is a note:"
            " whether it is a fault depends on what the images show."
        )
        findings.append(Finding(CHECK, "info", what, sentence, {"count": count, "n": n}, title))
    return Result(findings, evidence)
