"""File health

What could not be used, what is odd, and what does not fit the metadata.
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from evenlight.audit.data import UNKNOWN, AuditData
from evenlight.audit.findings import Evidence, Finding, Result, Table, severity_at
from evenlight.audit.statistics import association, crosstab
from evenlight.audit.wording import chance, counted, listed, many
from evenlight.reasons import REASONS, WARNINGS
from evenlight.settings import Settings, ThreeLevels, TwoLevels

_NAME = "files"
_REFUSED, _WARNED, _KINDS = "Files that could not be used", "Warnings", "Kinds of files"


class Options(Settings):
    """From which share of the files a flaw counts."""

    quarantined: ThreeLevels = Field(
        [0.0, 0.01, 0.05],
        description="share of files that could not be used: [info, warn, serious]",
    )
    constant: TwoLevels = Field(
        [0.0, 0.01],
        description="share of images of one single colour: [info, warn]",
    )
    unknown: TwoLevels = Field(
        [0.0, 0.05],
        description="share of images without a value in a group column: [info, warn]",
    )
    lost: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Cramer's V from which files are lost more in some classes than in others",
    )


def check(data: AuditData, options: Options) -> Result:
    """File health from the manifest alone."""
    n = len(data.rows)
    findings = [_quarantined(data, options), *_lost(data, options)]
    if n:
        findings += [*_warnings(data, options), *_turned(data), *_modes(data), *_unknown(data, options)]
    findings += _metadata(data)
    return Result(findings, _evidence(data))


def _quarantined(data: AuditData, options: Options) -> Finding:
    found, bad = len(data.manifest), len(data.manifest) - len(data.rows)
    reasons = _reasons(data)
    numbers = {"found": found, "quarantined": bad, "reasons": dict(reasons), "levels": options.quarantined}
    if found == 0:
        return Finding(_NAME, "not_enough_data", "files", "There are no files.", numbers)
    if bad == 0:
        return Finding(_NAME, "ok", "files", f"All {many(found, 'file')} could be used.", numbers)
    each = listed([f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons], 6)
    sentence = f"{counted(bad, found)} of the files could not be used: {each}."
    return Finding(_NAME, severity_at(bad / found, options.quarantined), "files", sentence, numbers, _REFUSED)


def _lost(data: AuditData, options: Options) -> Iterator[Finding]:
    """Files that fail in one class more than in others take that class's images away, and not at random."""
    labels = data.manifest["label"].to_numpy(dtype=object)
    places = {name: code for code, name in enumerate(data.classes)}
    # without a label, or with two, no class has lost the file
    known = np.array([label in places for label in labels]) & (data.manifest["reason"] != "label_conflict")
    codes = np.array([places[label] for label in labels[known]], dtype=np.int64)
    bad = (data.manifest["verdict"][known] == "quarantined").to_numpy().astype(np.int64)
    table = crosstab(codes, bad, (len(places), 2))
    result = association(table, data.common.permutations, data.common.seed)
    if not (result.p < data.common.association_alpha and result.v >= options.lost):
        return
    worst = int((table[:, 1] / np.maximum(table.sum(axis=1), 1)).argmax())
    name, lost, n = data.classes[worst], int(table[worst, 1]), int(table[worst].sum())
    sentence = (
        f"Files are lost more in some classes than in others ({chance(result.p)}; V={result.v:.2f}): {name} lost"
        f" {counted(lost, n, data.common.confidence)}, all classes together"
        f" {counted(int(table[:, 1].sum()), int(table.sum()))}."
    )
    numbers = {"class": name, "lost": lost, "n": n, "p": result.p, "v": result.v, "level": options.lost}
    yield Finding(_NAME, "warn", name, sentence, numbers, _REFUSED)


def _reasons(data: AuditData) -> list[tuple[str, int]]:
    """Reasons with counts, most frequent first."""
    refused = data.manifest[data.manifest["verdict"] == "quarantined"]
    names, counts = np.unique(refused["reason"].to_numpy(dtype=object).astype(str), return_counts=True)
    return [(str(names[i]), int(counts[i])) for i in np.argsort(-counts, kind="stable")]


def _warned(data: AuditData) -> dict[str, np.ndarray]:
    """Warning -> which usable images carry it."""
    words = [set(text.split()) for text in data.rows["warnings"]]
    return {
        name: np.array([name in have for have in words], dtype=bool) for name in sorted(set().union(*words))
    }


def _warnings(data: AuditData, options: Options) -> Iterator[Finding]:
    n = len(data.rows)
    for name, carry in _warned(data).items():
        count = int(carry.sum())
        severity = _note_or_warning(count / n, options.constant) if name == "constant_image" else "info"
        example = data.rows["path"].iloc[int(carry.argmax())]
        sentence = f"{counted(count, n)} of the images: {WARNINGS.get(name, name)} An example is {example}."
        yield Finding(_NAME, severity, name.replace("_", " "), sentence, {"images": count, "n": n}, _WARNED)


def _note_or_warning(share: float, levels: list[float]) -> str:
    return "warn" if share >= levels[1] else "info" if share >= levels[0] else "ok"


def _turned(data: AuditData) -> Iterator[Finding]:
    turned = (data.rows["exif_orientation"] > 1).to_numpy()
    if turned.any():
        count, n = int(turned.sum()), len(turned)
        sentence = (
            f"{counted(count, n)} of the images are stored turned or mirrored, as their EXIF block says; they were set"
            " upright. Other programs that read this folder may show them turned."
        )
        yield Finding(_NAME, "info", "EXIF orientation", sentence, {"images": count, "n": n}, _KINDS)


def _modes(data: AuditData) -> Iterator[Finding]:
    """Images that are not stored like most: gray among colour, 16 bits among 8, CMYK, transparency."""
    kinds = _kinds(data)
    names, codes = np.unique(kinds, return_inverse=True)
    counts = np.bincount(codes)
    if len(names) < 2:
        return
    usual = int(counts.argmax())
    odd = {str(names[i]): int(counts[i]) for i in np.argsort(-counts, kind="stable") if i != usual}
    n = len(kinds)
    sentence = (
        f"{counted(int(counts[usual]), n)} of the images are {names[usual]}; the others are"
        f" {listed([f'{kind} ({count:,})' for kind, count in odd.items()])}. If one class or group has more of them,"
        " a model may learn the kind of file."
    )
    yield Finding(
        _NAME, "info", "kinds of images", sentence, {"usual": str(names[usual]), "odd": odd, "n": n}, _KINDS
    )


def _kinds(data: AuditData) -> np.ndarray:
    """How each usable image is stored, in words: colour model and bits."""
    colours = {1: "gray", 2: "gray with transparency", 3: "colour", 4: "colour with transparency"}
    rows = data.rows
    return np.array(
        [
            f"{'CMYK' if channels == 4 and kind == 'JPEG' else colours.get(channels, f'{channels} channels')}"
            f" of {bits} bit{'' if bits == 1 else 's'}"
            for channels, bits, kind in zip(rows["channels"], rows["bit_depth"], rows["format"], strict=True)
        ],
        dtype=object,
    ).astype(str)


def _unknown(data: AuditData, options: Options) -> Iterator[Finding]:
    for attribute in data.attributes:
        missing = int((data.values(attribute) == UNKNOWN).sum())
        if missing:
            n = len(data.rows)
            sentence = (
                f"{attribute} is not known for {counted(missing, n)} of the images; they are one group."
            )
            severity = _note_or_warning(missing / n, options.unknown)
            yield Finding(
                _NAME, severity, attribute, sentence, {"attribute": attribute, "images": missing, "n": n}
            )


def _metadata(data: AuditData) -> Iterator[Finding]:
    """Rows without image and images without row, as the manifest's notes say."""
    for note in data.summary.get("notes", []):
        if note.startswith("metadata.csv: "):
            yield Finding(_NAME, "info", "metadata.csv", note)


def _evidence(data: AuditData) -> list[Evidence]:
    evidence: list[Evidence] = []
    refused = data.manifest[data.manifest["verdict"] == "quarantined"]
    if len(refused):
        reasons = [(name.replace("_", " "), n, REASONS.get(name, "")) for name, n in _reasons(data)]
        note = "The files themselves are shown under Files."
        evidence.append(Table(_REFUSED, ["reason", "files", "meaning"], reasons, note))
    if not len(data.rows):
        return evidence
    warned = [
        (name.replace("_", " "), int(carry.sum()), WARNINGS.get(name, ""))
        for name, carry in _warned(data).items()
    ]
    if warned:
        evidence.append(Table(_WARNED, ["warning", "images", "meaning"], warned))
    stored = np.char.add(
        np.char.add(data.rows["format"].to_numpy(dtype=object).astype(str), ", "), _kinds(data)
    )
    names, counts = np.unique(stored, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rows = [(str(names[i]), int(counts[i])) for i in order]
    evidence.append(Table(_KINDS, ["format", "images"], rows))
    return evidence
