"""PNG: every chunk, checksum and the inflated length are checked first; Pillow accepts missing rows."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from PIL import Image

from evenlight.formats.color import deep_to_rgb, to_rgb
from evenlight.formats.orientation import find_orientation, upright
from evenlight.formats.picture import Picture, check_dimensions
from evenlight.formats.pillow import guarded_open
from evenlight.reasons import Quarantine

MAX_CHUNKS = 20_000
MAX_EXCESS = 65_535

_PIECE = 8_192

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_METADATA_KEYS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


@dataclass(slots=True)
class Layout:
    """Facts of the header, and where the chunks are: (name, start, end)."""

    width: int = 0
    height: int = 0
    depth: int = 0
    color: int = 0
    interlaced: bool = False
    transparent: bool = False
    end: int = 0
    chunks: list[tuple[bytes, int, int]] = field(default_factory=list)


def read(data: bytes) -> Picture:
    """Decode a PNG.

    Raises:
        Quarantine: damaged, animated, or of a kind that is not read.
        Exception: whatever Pillow raises on damaged text or profiles.
    """
    layout = walk(data)
    try:
        return _read(data, layout)
    except Quarantine:
        raise
    except Exception:
        bare, bare_layout = _without_metadata(data, layout)
        if len(bare) == len(data):
            raise
    picture = _read(bare, bare_layout)
    picture.repaired = True
    picture.warnings.add("metadata_invalid")
    return picture


def walk(data: bytes) -> Layout:
    """Check chunks, checksums and the length of the pixel data.

    Raises:
        Quarantine: with the first thing that is wrong.
    """
    layout, position, parts = Layout(), 8, []
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            raise Quarantine("truncated", "no IEND chunk")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise Quarantine("truncated", f"chunk {name!r} runs past the end")
        body = memoryview(data)[position + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(data[end - 4 : end]):
            raise Quarantine("corrupt", f"bad CRC in chunk {name!r}")
        if position == 8:
            if name != b"IHDR" or length != 13:
                raise Quarantine("corrupt", "does not begin with IHDR")
            _read_header(body, layout)
        elif name == b"acTL":
            raise Quarantine("animated", "APNG")
        elif name == b"tRNS":
            if layout.depth == 16:
                raise Quarantine("unsupported_depth", "16 bits with a transparent colour")
            layout.transparent = True
        elif name == b"IDAT":
            parts.append(body)
        layout.chunks.append((name, position, end))
        position = end
        if name == b"IEND":
            layout.end = end
            if not parts:
                raise Quarantine("corrupt", "no IDAT chunk")
            _check_pixel_data(layout, parts)
            return layout
    raise Quarantine("bomb", f"more than {MAX_CHUNKS:,} chunks")


def _read_header(body: memoryview, layout: Layout) -> None:
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", body)
    check_dimensions(width, height)
    if depth not in _DEPTHS.get(color, ()):
        raise Quarantine("corrupt", f"colour type {color} with {depth} bits")
    layout.width, layout.height, layout.depth, layout.color = width, height, depth, color
    layout.interlaced = bool(interlaced)


def _check_pixel_data(layout: Layout, parts: list[memoryview]) -> None:
    """Inflate the pixel data: as many bytes as the header promises, and a right checksum."""
    # first column and row of a pass, and the steps from one to the next
    passes = _ADAM7 if layout.interlaced else ((0, 0, 1, 1),)
    sizes = [(-((x - layout.width) // dx), -((y - layout.height) // dy)) for x, y, dx, dy in passes]
    bits = _CHANNELS[layout.color] * layout.depth
    expected = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0)
    found, finished = _inflated_length(parts, expected + MAX_EXCESS + 1)
    if found > expected + MAX_EXCESS:
        raise Quarantine("corrupt", "more pixel data than the picture holds")
    if found < expected:
        raise Quarantine("truncated", f"{found:,} of {expected:,} bytes of pixel data")
    if not finished:
        raise Quarantine("truncated", "pixel data without its checksum")


def _inflated_length(parts: list[memoryview], limit: int) -> tuple[int, bool]:
    """Bytes that the parts inflate to, at most `limit`, and whether stream and checksum are complete.

    In small pieces, so that nothing large is allocated whatever the file promises.
    """
    inflater, length = zlib.decompressobj(), 0
    try:
        for part in parts:
            for start in range(0, len(part), _PIECE):
                length += len(inflater.decompress(part[start : start + _PIECE], limit - length))
                if length >= limit or inflater.eof:
                    return length, inflater.eof
    except zlib.error as problem:
        raise Quarantine("corrupt", str(problem)) from None
    return length, False


def _without_metadata(data: bytes, layout: Layout) -> tuple[bytes, Layout]:
    """The file without its EXIF and XMP chunks, and where the others are now."""
    parts, chunks, position = [data[:8]], [], 8
    for name, start, end in layout.chunks:
        if name != b"eXIf" and not (name in _TEXT and data.startswith(_METADATA_KEYS, start + 8)):
            parts.append(data[start:end])
            chunks.append((name, position, position + end - start))
            position += end - start
    return b"".join([*parts, data[layout.end :]]), replace(layout, chunks=chunks, end=position)


def _read(data: bytes, layout: Layout) -> Picture:
    warnings = {"trailing_data"} if layout.end < len(data) else set()
    deep = layout.depth == 16
    # Pillow keeps only the high byte of colour: of 16 bits it reads the metadata alone
    image = guarded_open(_part(data, layout, lambda name: name != b"IDAT") if deep else data, "PNG")
    check_dimensions(*image.size)
    if not deep:
        image.load()
        _scale_transparent_gray(image, layout)
    orientation = _orientation(image.info, warnings)
    profile = image.info.get("icc_profile", b"")
    pixels = _read_deep(data, layout, profile, warnings) if deep else to_rgb(image, profile, warnings)
    return Picture(
        upright(pixels, orientation),
        layout.width,
        layout.height,
        _CHANNELS[layout.color],
        layout.depth,
        orientation,
        warnings,
    )


def _part(data: bytes, layout: Layout, wanted: Callable[[bytes], bool]) -> bytes:
    """The file with some of its chunks."""
    return data[:8] + b"".join(data[start:end] for name, start, end in layout.chunks if wanted(name))


def _read_deep(data: bytes, layout: Layout, profile: bytes, warnings: set[str]) -> np.ndarray:
    """16 bits per channel; OpenCV sees nothing but the pixels, so that it can't apply anything else."""
    pixels_only = _part(data, layout, lambda name: name in (b"IHDR", b"IDAT", b"IEND"))
    deep = cv2.imdecode(np.frombuffer(pixels_only, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise Quarantine("corrupt", "16-bit pixels can't be read")
    if deep.ndim == 3:
        deep = cv2.cvtColor(deep, cv2.COLOR_BGR2RGB if deep.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return deep_to_rgb(deep, layout.color == 4, profile, warnings)


def _scale_transparent_gray(image: Image.Image, layout: Layout) -> None:
    """Pillow scales gray of 2 and 4 bits to 8, but not the gray value that is transparent."""
    if layout.transparent and layout.color == 0 and layout.depth in (2, 4):
        image.info["transparency"] *= 255 // (2**layout.depth - 1)


def _orientation(info: dict[str | tuple[int, int], Any], warnings: set[str]) -> int:
    """Orientation by the EXIF chunk or text, else by XMP.

    Raises:
        ValueError: the EXIF data can't be parsed.
    """
    exif = info.get("exif", b"")
    if not exif and "Raw profile type exif" in info:  # ImageMagick's text form: three lines, then hex digits
        exif = bytes.fromhex("".join(str(info["Raw profile type exif"]).split("\n")[3:]))
    return find_orientation(exif, info.get("xmp", b""), warnings)
