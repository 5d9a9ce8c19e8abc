"""Every file of the corpus gets the right verdict, and the right pixels where it is accepted."""

import numpy as np
import pytest
from corpus import Case, cases

from evenlight.decode import REASONS, WARNINGS, DecodedImage, Quarantine, decode, glimpse

CASES = cases()
ACCEPTED = [case for case in CASES if case.accepted]


def outcome(case: Case, **options: object) -> tuple[str, DecodedImage | None]:
    try:
        image = decode(case.data, **options)
    except Quarantine as problem:
        return problem.reason, None
    assert set(image.warnings) <= set(WARNINGS)
    return image.verdict, image


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 200
    reached = set().union(*(case.verdict for case in CASES))
    elsewhere = {
        *("file_too_large", "unreadable", "not_regular_file", "symlink_outside_root", "decoder_crash"),
        *("decoder_timeout", "label_conflict", "split_leak", "changed_since_manifest", "no_label"),
    }
    assert reached == (set(REASONS) | {"ok", "repaired"}) - elsewhere


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_and_pixels(case: Case) -> None:
    verdict, image = outcome(case)
    assert verdict in case.verdict
    if image is None:
        return
    assert image.pixels.shape[:2] == image.upright_size
    assert image.warnings == case.warnings
    if case.reference is not None:
        assert image.pixels.shape == case.reference.shape
        difference = np.abs(image.pixels.astype(int) - case.reference).mean()
        assert difference <= case.tolerance


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reduced_decode_gives_the_same_verdict(case: Case) -> None:
    full, reduced = outcome(case), outcome(case, reduced_to=lambda height, width: (height // 4, width // 4))
    assert reduced[0] == full[0]
    if full[1] is None or reduced[1] is None:
        return
    assert reduced[1].upright_size == full[1].upright_size
    assert reduced[1].warnings == full[1].warnings
    assert reduced[1].exif_orientation == full[1].exif_orientation
    shape = reduced[1].pixels.shape
    assert all(side >= size // 4 for side, size in zip(shape, full[1].upright_size, strict=False))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_glimpse_never_fails(case: Case) -> None:
    seen = glimpse(case.data)
    if seen is not None:
        assert seen.dtype == np.uint8
        assert seen.ndim == 3
        assert seen.shape[2] == 3
        assert max(seen.shape) <= 96
