"""An independent reader, libvips, sees the same pictures; every difference is known and has its reason."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from corpus import cases

from evenlight.decode import decode

# the binding reports a missing library as an error of its own
try:
    import pyvips
except Exception as problem:
    pytest.skip(f"pyvips is not installed ({problem}): no second reader", allow_module_level=True)

_XMP = "libvips knows orientation by EXIF only"
_LATE = "libvips reads EXIF before the pixels and as a chunk only"
DIFFERENT = {
    **{f"{name}, xmp alone": _XMP for name in ("jpeg", "png", "webp", "tiff")},
    "png, exif after the pixels": _LATE,
    "png, exif as text": _LATE,
    "ycbcr tiff": "libvips shows raw YCbCr without converting it",
    "cmyk jpeg, rgb profile": "libvips takes its own profile of inks where that of the file can't be used",
    **{
        f"gray png of 16 bits, {what}gray profile": "libvips does not apply a gray profile to 16 bits"
        for what in ("", "alpha and ")
    },
}
UNREAD = {
    **dict.fromkeys(
        ("bmp", "gray bmp", "bmp of 1 bit", "palette bmp", "bmp from top to bottom"), "no BMP reader"
    ),
    "bmp of 5, 6 and 5 bits": "no BMP reader",
    "tiff zstd": "built without Zstandard",
    "lab tiff": "no reader of Lab with 8 bits",
    **{f"tiff, orientation {value}": "refuses a wrong orientation tag" for value in (0, 9, 255)},
}


def read_by_libvips(data: bytes) -> np.ndarray:
    """With our choices: first frame, upright, profile to sRGB (relative colorimetric), inks without a profile by the
    plain formula, alpha over white, 8 bits.

    Raises:
        pyvips.Error: it can't be read.
    """
    image = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error")
    if "icc-profile-data" in image.get_fields():
        with suppress(pyvips.Error):  # an invalid profile, which both ignore
            image = image.icc_transform("srgb", embedded=True, intent="relative")
    image = image.autorot()
    if image.interpretation == "cmyk":
        inks = 255 - image.numpy().astype(float)
        return np.round(inks[:, :, :3] * inks[:, :, 3:] / 255).astype(np.uint8)
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=255)
    if image.bands == 1:
        image = image.bandjoin([image, image])
    return image.cast("uchar").numpy()


def agrees(data: bytes) -> bool | None:
    """Whether both show the same picture (mean difference at most 1 of 255); None where libvips can't read it."""
    ours = decode(data).pixels
    try:
        theirs = read_by_libvips(data)
    except pyvips.Error:
        return None
    return theirs.shape == ours.shape and float(cv2.absdiff(theirs, ours).mean()) <= 1


def _photos(shared_data: Callable) -> list[Path]:
    found = sorted(shared_data("day_night").glob("*/*/*.jpg"))
    return found + [path for path in sorted(shared_data("course_images").iterdir()) if path.suffix != ""]


@pytest.fixture(scope="module")
def corpus_result() -> dict[str, bool | None]:
    return {case.name: agrees(case.data) for case in cases() if case.accepted}


def test_differences_are_those_that_are_known(corpus_result: dict[str, bool | None]) -> None:
    assert {name for name, same in corpus_result.items() if same is False} == set(DIFFERENT)
    assert {name for name, same in corpus_result.items() if same is None} == set(UNREAD)


def test_98_percent_agree(corpus_result: dict[str, bool | None], shared_data: Callable) -> None:
    photos = {path.name: agrees(path.read_bytes()) for path in _photos(shared_data)}
    assert [name for name, same in photos.items() if not same] == []
    read = [same for same in (*corpus_result.values(), *photos.values()) if same is not None]
    assert np.mean(read) >= 0.98
