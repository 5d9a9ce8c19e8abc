"""Which way up: EXIF and XMP orientation, read without a library, and turning by it."""

import re
import struct

import numpy as np

Window = tuple[float, float, float, float]  # top, left, bottom, right in pixels and fractions of them

_TAG = 274
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # TIFF types BYTE, SHORT, LONG
_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([0-9])(?![0-9])")


class BrokenMetadata(ValueError):  # noqa: N818 (says what it is)
    """An EXIF block that can't be parsed."""


def exif_orientation(exif: bytes) -> int | None:
    """The orientation tag of an EXIF block, with or without its `Exif` prefix; None when it has none.

    Raises:
        BrokenMetadata: the block is not a TIFF structure.
    """
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    if not exif:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise BrokenMetadata("EXIF header")
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == _TAG:
                if kind not in _INTEGERS:
                    return 0
                value: int = struct.unpack_from(order + _INTEGERS[kind], exif, entry + 8)[0]
                return value
    except struct.error:
        raise BrokenMetadata("EXIF tags") from None
    return None


def find_orientation(exif: bytes, xmp: bytes, warnings: set[str]) -> int:
    """The orientation to apply, 1 to 8, or 0: that of EXIF when it gives any, else that of XMP.

    Raises:
        BrokenMetadata: as `exif_orientation`.
    """
    value = exif_orientation(exif)
    if value is None and xmp:
        match = _XMP.search(xmp)
        if match:
            value = int(match[1])
            if 2 <= value <= 8:
                warnings.add("xmp_orientation")
    return value if value in range(1, 9) else 0  # type: ignore[return-value]


def tolerant_orientation(exif: bytes, xmp: bytes, warnings: set[str]) -> int:
    """As `find_orientation`; a broken EXIF block counts as none."""
    try:
        return find_orientation(exif, xmp, warnings)
    except BrokenMetadata:
        return find_orientation(b"", xmp, warnings)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror an array (H, W, ...) as an EXIF orientation of 0 to 8 says; contiguous."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def upright_window(size: tuple[int, int], extent: tuple[float, float], orientation: int) -> Window:
    """Where (height, width) `extent`, the upper left part of a stored picture of `size`, comes to lie by `upright`."""
    (height, width), (bottom, right), top, left = size, extent, 0.0, 0.0
    if orientation >= 5:
        height, width, bottom, right = width, height, right, bottom
    if orientation in (3, 4, 7, 8):
        top, bottom = height - bottom, float(height)
    if orientation in (2, 3, 6, 7):
        left, right = width - right, float(width)
    return top, left, bottom, right
