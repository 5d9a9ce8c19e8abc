"""Bytes of an image file -> RGB uint8 array, or a reason why not.

The policy is the design's reliability.md, section 2: the type comes from the first bytes (never from the extension),
the container is walked and limits are checked before pixels are allocated, JPEGs must pass libjpeg without a
warning, 16-bit images are scaled, ICC profiles are converted to sRGB, EXIF orientation is applied and alpha is
composited over white. One module of `formats` per format does the work. cv2 never sees a path: its path functions
crash on odd names.
"""

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evenlight.formats import jpeg, others, png, tiff
from evenlight.formats.color import is_constant
from evenlight.formats.orientation import Window
from evenlight.formats.picture import MARGIN, Picture, Reduce
from evenlight.formats.pillow import as_quarantine, quiet
from evenlight.formats.preview import preview
from evenlight.formats.sniff import EXTENSIONS, sniff
from evenlight.reasons import REASONS, WARNINGS, Quarantine

__all__ = ["MARGIN", "REASONS", "WARNINGS", "DecodedImage", "Quarantine", "decode", "glimpse"]

_READERS: dict[str, Callable[[bytes], Picture]] = {
    "PNG": png.read,
    "TIFF": tiff.read,
    "GIF": others.read_gif,
    "WEBP": others.read_webp,
    "BMP": others.read_bmp,
}


@dataclass(frozen=True)
class DecodedImage:
    """Pixels and the facts of the file they came from.

    `pixels` is RGB uint8 (H, W, 3), upright and contiguous; `width`, `height`, `channels` and `bit_depth` are those
    of the file before turning and conversion; `exif_orientation` is the orientation that was applied, 0 when the
    file gives none. `warnings` are keys of WARNINGS, sorted. `verdict` is "ok" or "repaired". `full` is False when
    the pixels are smaller than the picture in the file; `window` says exactly which part of them is picture: top,
    left, bottom, right in pixels and fractions of them. libjpeg rounds sizes up, so that a row and a column at an
    edge may lie partly outside; a resize that does not take this into account is wrong by up to half a pixel.
    """

    pixels: np.ndarray
    format: str
    width: int
    height: int
    channels: int
    bit_depth: int
    exif_orientation: int
    warnings: tuple[str, ...]
    verdict: str
    full: bool
    window: Window

    @property
    def upright_size(self) -> tuple[int, int]:
        """Full (height, width) after turning."""
        return (self.width, self.height) if self.exif_orientation >= 5 else (self.height, self.width)

    @property
    def pixel_hash(self) -> str:
        """sha256 of height, width and pixels: equal for two files that show the same picture; "" unless `full`."""
        if not self.full:
            return ""
        digest = hashlib.sha256(struct.pack("<II", *self.pixels.shape[:2]))
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


def decode(data: bytes, name: str = "", reduced_to: Reduce | None = None) -> DecodedImage:
    """Decode one image file.

    Args:
        data: the whole file.
        name: the file's name, only to warn about an extension that does not fit.
        reduced_to: called with the full upright (height, width), returns the smallest upright (height, width) that
            is needed: MARGIN times what the picture will be resized to. A format that can be read smaller at less
            cost (JPEG) is then returned at least that large; verdict, facts and warnings are those of the full
            picture. None: full size.

    Raises:
        Quarantine: with the first reason met.
    """
    if not data:
        raise Quarantine("empty_file")
    kind = sniff(data)
    try:
        picture = jpeg.read(data, reduced_to) if kind == "JPEG" else _read_by_pillow(data, kind)
    except Quarantine:
        raise
    except Exception as problem:
        raise as_quarantine(problem) from None
    warnings = picture.warnings
    suffix = os.path.splitext(name)[1].lower()
    if suffix and suffix not in EXTENSIONS[kind]:
        warnings.add("ext_mismatch")
    if is_constant(picture.pixels):
        warnings.add("constant_image")
    image = DecodedImage(
        picture.pixels,
        kind,
        picture.width,
        picture.height,
        picture.channels,
        picture.bit_depth,
        picture.orientation,
        tuple(sorted(warnings)),
        "repaired" if picture.repaired else "ok",
        picture.full,
        picture.window or (0.0, 0.0, float(picture.pixels.shape[0]), float(picture.pixels.shape[1])),
    )
    _check_result(image)
    return image


def glimpse(data: bytes) -> np.ndarray | None:
    """A small picture of a file that was refused, for people to see what it is.

    Best effort: the first frame or page, the part before the cut, damaged parts as they come.

    Returns:
        RGB uint8 (H, W, 3), upright, long side at most 96; None where there is nothing to see or the picture is too
        large to decode.
    """
    try:
        with quiet():
            return preview(data, sniff(data))
    except Exception:  # whatever is wrong with the file is already in its reason
        return None


def _read_by_pillow(data: bytes, kind: str) -> Picture:
    with quiet():
        return _READERS[kind](data)


def _check_result(image: DecodedImage) -> None:
    """Anything but a whole upright RGB picture is a mistake of ours, never the file's."""
    pixels = image.pixels
    top, left, bottom, right = image.window
    spare = pixels.shape[0] - (bottom - top), pixels.shape[1] - (right - left)
    sound = (
        pixels.dtype == np.uint8
        and pixels.ndim == 3
        and pixels.shape[2] == 3
        and pixels.flags.c_contiguous
        and 0 <= min(spare) <= max(spare) < 1
        and (not image.full or pixels.shape[:2] == image.upright_size)
    )
    if not sound:
        raise Quarantine("decoder_crash", "internal")
