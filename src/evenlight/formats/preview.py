"""A small picture of a refused file. Here, and only here, half a picture is welcome."""

import io
import re
import struct

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageFile

from evenlight.formats.orientation import exif_orientation, upright
from evenlight.formats.others import webp_size
from evenlight.formats.picture import fits_memory

LONG_SIDE = 96

_EXIF = b"Exif\0\0"
_SCANS = 20  # of a JPEG; the most that an honest progressive one has is about ten
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc2\xc9\xca]..\x08(.{5})", re.DOTALL)


def preview(data: bytes, kind: str) -> np.ndarray | None:
    """RGB uint8 (H, W, 3) of at most 96 pixels, or None where there is nothing to see.

    Args:
        data: the whole file.
        kind: what `sniff` says.

    Raises:
        Exception: whatever the decoders raise.
    """
    pixels = _jpeg(data) if kind == "JPEG" else _pillow(data, kind)
    if pixels is None or not pixels.size:
        return None
    scale = LONG_SIDE / max(pixels.shape[:2])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(pixels)


def _jpeg(data: bytes) -> np.ndarray | None:
    """libjpeg without strictness fills what is missing with gray."""
    sizes = [struct.unpack(">HH", match[1][:4]) for match in _JPEG_FRAME.finditer(data)]
    if not sizes or not all(fits_memory(*size) for size in sizes):
        return None
    height, width = (min(LONG_SIDE, max(size[place] for size in sizes)) for place in (0, 1))
    scans = [match.start() for match in re.finditer(b"\xff\xda", data)]
    if len(scans) > _SCANS:  # a thousand scans of a large picture would take minutes
        data = data[: scans[_SCANS]]
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width, strict=False)
    except ValueError:
        return _pillow(data, "JPEG")
    start = data.find(_EXIF, 0, 2**16)
    return upright(pixels, _orientation(data[start : start + 2**16])) if start >= 0 else pixels


def _pillow(data: bytes, kind: str) -> np.ndarray | None:
    if kind == "WEBP":  # the decoder allocates the canvas when it opens the file
        size = webp_size(data) if len(data) >= 30 else None
        if size is None or not fits_memory(*size):
            return None
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
        if not fits_memory(*image.size):
            return None
        image.load()
        pixels = _visible(image)
        if kind == "TIFF" or pixels is None:  # Pillow turns TIFFs itself
            return pixels
        return upright(pixels, _orientation(image.info.get("exif", b"")))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _visible(image: Image.Image) -> np.ndarray | None:
    """Deep values stretched over the range that they use, transparency over white."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image).astype(np.float64)
        values[~np.isfinite(values)] = 0
        span = float(values.max() - values.min())
        if span == 0:
            return None
        return np.repeat(((values - values.min()) * (255 / span)).astype(np.uint8)[:, :, None], 3, axis=2)
    image.thumbnail((4 * LONG_SIDE, 4 * LONG_SIDE), Image.Resampling.NEAREST)
    rgba = image.convert("RGBA")
    if not np.asarray(rgba)[:, :, 3].any():
        return None
    return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"))


def _orientation(exif: bytes) -> int:
    try:
        value = exif_orientation(exif) or 0
    except ValueError:
        return 0
    return value if value in range(1, 9) else 0
