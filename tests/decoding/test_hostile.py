"""Random damage and memory bombs: nothing but a verdict ever comes out, and nothing large is allocated."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpus_damage import sound_files
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from evenlight.decode import REASONS, WARNINGS, Quarantine, decode, glimpse
from image_files import save

_FILES = sound_files()


def check_anything(data: bytes) -> None:
    """Whatever the bytes: a picture that fits its facts, or a reason; and a reduced decode agrees."""
    verdicts = []
    for reduced_to in (None, lambda height, width: (height // 3, width // 3)):
        try:
            image = decode(data, "any.jpg", reduced_to)
        except Quarantine as problem:
            refused = problem
        else:
            refused = None
        if refused is not None:
            assert refused.reason in REASONS
            assert refused.detail != "internal"
            verdicts.append((refused.reason, ()))
            continue
        assert image.pixels.dtype == np.uint8
        assert image.pixels.flags.c_contiguous
        assert set(image.warnings) <= set(WARNINGS)
        assert image.verdict in ("ok", "repaired")
        if image.full:
            assert image.pixels.shape == (*image.upright_size, 3)
        verdicts.append((image.verdict, image.warnings))
    assert verdicts[0] == verdicts[1]
    seen = glimpse(data)
    assert seen is None or (seen.ndim == 3 and seen.dtype == np.uint8 and max(seen.shape) <= 96)


@pytest.mark.parametrize("name", _FILES)
@given(data=st.data())
@settings(max_examples=40)
def test_random_damage(name: str, data: st.DataObject) -> None:
    whole = bytearray(_FILES[name])
    # headers are short: half of the damage goes there
    places = st.one_of(st.integers(0, min(200, len(whole) - 1)), st.integers(0, len(whole) - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=5)):
        whole[place] = value
    start, length = data.draw(places), data.draw(st.integers(0, 40))
    kind = data.draw(st.sampled_from(("keep", "cut", "remove", "repeat")))
    if kind == "cut":
        del whole[start:]
    elif kind == "remove":
        del whole[start : start + length]
    elif kind == "repeat":
        whole[start:start] = whole[start : start + length]
    check_anything(bytes(whole))


_UNDER_A_LIMIT = """
import resource, sys
from corpus_sizes import bombs
from evenlight.decode import Quarantine, decode, glimpse
cases = bombs()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 96 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for case in cases:
    try:
        decode(case.data)
        print(case.name, "accepted")
    except Quarantine as problem:
        right = problem.reason in case.verdict and "MemoryError" not in problem.detail
        print(case.name, "as expected" if right else (problem.reason, problem.detail))
    glimpse(case.data)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_bombs_do_not_allocate() -> None:
    """With 96 MiB to spare, every bomb gets its own reason instead of an error of memory."""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent)])
    run = subprocess.run(
        [sys.executable, "-c", _UNDER_A_LIMIT],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = run.stdout.splitlines()
    assert len(lines) >= 10
    assert [line for line in lines if not line.endswith("as expected")] == []


def test_every_single_flipped_byte_of_a_png_is_seen() -> None:
    png = _FILES["png"]
    for place in range(8, len(png), 5):
        damaged = png[:place] + bytes([png[place] ^ 0x10]) + png[place + 1 :]
        with pytest.raises(Quarantine):
            decode(damaged)


def test_a_glimpse_shows_the_part_before_the_cut() -> None:
    rows = np.linspace(255, 0, 200).astype(np.uint8)
    image = Image.fromarray(np.repeat(np.repeat(rows[:, None, None], 300, axis=1), 3, axis=2))
    for name in ("jpeg", "png"):
        buffer = _saved(image, name)
        seen = glimpse(buffer[: len(buffer) * 2 // 3])
        assert seen is not None
        assert seen.shape == (64, 96, 3)
        assert abs(int(seen[2, 2, 0]) - 250) < 12


def test_a_glimpse_of_frames_depths_and_giants() -> None:
    red, green = Image.new("RGB", (50, 40), "red"), Image.new("RGB", (50, 40), "green")
    for name in ("gif", "png", "webp", "tiff"):
        seen = glimpse(_saved(red, name, save_all=True, append_images=[green]))
        assert seen is not None
        assert np.abs(seen[20, 20].astype(int) - (255, 0, 0)).max() < 6
    ramp = Image.fromarray(np.tile(np.linspace(-3, 5, 50, dtype=np.float32), (40, 1)))
    seen = glimpse(_saved(ramp, "tiff"))
    assert seen is not None
    assert seen[0, :, 0].tolist() == sorted(seen[0, :, 0].tolist())
    assert (seen[0, 0, 0], seen[0, -1, 0]) == (0, 255)
    assert glimpse(b"no picture") is None
    assert glimpse(_saved(Image.new("RGBA", (50, 40)), "png")) is None


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    return save(image, kind.upper(), **options)
