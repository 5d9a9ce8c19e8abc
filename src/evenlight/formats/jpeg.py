"""JPEG: a walk over the markers, then one strict decode, at a reduced size where that is enough.

libjpeg repairs damage in silence, so its warnings are turned into errors. What it may warn about without harm
(colour profile, stray bytes between header segments) is cut out beforehand, so that the rest is still checked.
"""

import re
import struct
from dataclasses import dataclass, field

import numpy as np
import simplejpeg
from PIL import Image

from evenlight.formats.color import ink_to_rgb, is_constant, to_rgb, with_profile
from evenlight.formats.orientation import tolerant_orientation, upright, upright_window
from evenlight.formats.picture import Picture, Reduce, check_dimensions
from evenlight.formats.pillow import guarded_open, quiet
from evenlight.reasons import Quarantine

MAX_SCANS = 200
MAX_JUNK = 2_000

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# lossless and hierarchical processes, which libjpeg does not read, and JPEG-LS
_OTHER_PROCESSES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE, 0xF7}
_JPEG_LS = 0xF7
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a segment: TEM, RST0-7, SOI
_EOI, _SOS, _APP1, _APP2 = 0xD9, 0xDA, 0xE1, 0xE2
_JUNK_BEFORE = frozenset((0xDB, *range(0xE0, 0xF0), 0xFE, 0xC0, 0xC2, 0xC4))
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
# what simplejpeg says when it can't read a layout that Pillow can
_GATE_AT_A_LOSS = ("Could not determine subsampling", "Unsupported color conversion")


@dataclass(slots=True)
class Header:
    """What the markers say. `cuts` are the ranges of profile segments and stray bytes, in order."""

    width: int = 0
    height: int = 0
    components: int = 0
    end: int = 0
    exif: bytes = b""
    xmp: bytes = b""
    multi_picture: bool = False
    profile_parts: list[bytes] = field(default_factory=list)
    cuts: list[tuple[int, int]] = field(default_factory=list)
    junk: bool = False


def read(data: bytes, reduced_to: Reduce | None = None) -> Picture:
    """Decode a JPEG strictly; of a multi-picture file, the first picture.

    Raises:
        Quarantine: the file is damaged or of a kind that is not read.
    """
    header = walk(data)
    warnings: set[str] = set()
    if header.junk:
        warnings.add("jpeg_header_junk")
    if header.end < len(data) and not header.multi_picture:
        warnings.add("trailing_data")
    orientation = tolerant_orientation(header.exif, header.xmp, warnings)
    profile = _join_profile(header.profile_parts, warnings)
    clean = _without(data, header.cuts)
    eighths = _scale(header, orientation, reduced_to)
    pixels = _decode(clean, header, profile, eighths, warnings)
    # a small mark may have vanished: the warning is about the whole picture
    if eighths < 8 and is_constant(pixels):
        pixels, eighths = _decode(clean, header, profile, 8, warnings), 8
    picture = Picture(
        upright(pixels, orientation),
        header.width,
        header.height,
        header.components,
        orientation=orientation,
        warnings=warnings,
    )
    if pixels.shape[:2] != (header.height, header.width):
        extent = header.height * eighths / 8, header.width * eighths / 8
        picture.full, picture.window = False, upright_window(pixels.shape[:2], extent, orientation)
    return picture


def walk(data: bytes) -> Header:
    """Follow the markers to the first end marker.

    Raises:
        Quarantine: damaged, of a kind that is not read, or of a size that is not accepted.
    """
    header = Header()
    try:
        _walk(data, header)
    except (IndexError, struct.error):
        raise Quarantine("truncated", "no end marker") from None
    return header


def _walk(data: bytes, header: Header) -> None:
    """Fill `header`; IndexError or struct.error where the data end too early."""
    position, scans = 2, 0
    while True:
        found, marker = _next_marker(data, position)
        if marker == _EOI:
            header.end = found + 2
            if not header.components:
                raise Quarantine("corrupt", "no frame header")
            return
        if marker == _JPEG_LS:
            raise Quarantine("unsupported_format", "JPEG-LS: convert to JPEG or PNG first")
        length = data[found + 2] << 8 | data[found + 3]
        if length < 2:
            raise Quarantine("corrupt", f"segment {marker:02X} of length {length}")
        end = found + 2 + length
        if end > len(data):
            raise Quarantine("truncated", f"segment {marker:02X} runs past the end")
        if found > position and not scans:
            _note_gap(data, position, found, marker, header)
        if marker == _SOS:
            scans += 1
            if not header.components:
                raise Quarantine("corrupt", "no frame header")
            if scans > MAX_SCANS:
                raise Quarantine("bomb", f"more than {MAX_SCANS} scans")
            scan_end = _SCAN_END.search(data, end)
            if scan_end is None:
                raise IndexError
            end = scan_end.start()
        elif marker in _FRAMES or marker in _OTHER_PROCESSES:
            _read_frame(data, found, marker, header)
        elif marker in (_APP1, _APP2):
            _read_application(data, found, end, header)
        position = end


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Place and code of the next marker that begins a segment or ends the file, as libjpeg finds it."""
    while True:
        if data[position] != 0xFF:
            position = data.find(b"\xff", position)
            if position < 0:
                raise IndexError
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == 0 or marker in _BARE:
            position += 2
        else:
            return position, marker


def _note_gap(data: bytes, start: int, stop: int, marker: int, header: Header) -> None:
    """Stray bytes before a header segment will be cut out; fill bytes are none, and elsewhere it is damage."""
    if data.count(b"\xff", start, stop) == stop - start:
        return
    if stop - start < MAX_JUNK and marker in _JUNK_BEFORE:
        header.cuts.append((start, stop))
        header.junk = True


def _read_frame(data: bytes, found: int, marker: int, header: Header) -> None:
    if marker in _OTHER_PROCESSES:
        raise Quarantine(
            "unsupported_format", f"JPEG process {marker:02X}: convert to plain JPEG or PNG first"
        )
    precision, height, width, components = struct.unpack_from(">BHHB", data, found + 4)
    if precision != 8:
        raise Quarantine("unsupported_depth", f"{precision} bits")
    check_dimensions(width, height)
    if components not in (1, 3, 4):
        raise Quarantine("unsupported_channels", f"{components} components")
    header.width, header.height, header.components = width, height, components


def _read_application(data: bytes, found: int, end: int, header: Header) -> None:
    """Keep EXIF, XMP and colour profile; note the mark of a multi-picture file."""
    start = found + 4
    if data.startswith(_EXIF, start, end):
        header.exif = header.exif or data[start:end]
    elif data.startswith(_XMP, start, end):
        header.xmp = header.xmp or data[start + len(_XMP) : end]
    elif data.startswith(_ICC, start, end):
        header.profile_parts.append(data[start + len(_ICC) : end])
        header.cuts.append((found, end))
    elif data.startswith(b"MPF\0", start, end):
        header.multi_picture = True


def _join_profile(parts: list[bytes], warnings: set[str]) -> bytes:
    """The colour profile from its numbered parts; empty with a warning when parts are missing."""
    if not parts:
        return b""
    ordered = sorted(parts, key=lambda part: part[:1])
    numbers = [tuple(part[:2]) for part in ordered]
    if numbers != [(number, len(parts)) for number in range(1, len(parts) + 1)]:
        warnings.add("icc_invalid")
        return b""
    return b"".join(part[2:] for part in ordered)


def _without(data: bytes, cuts: list[tuple[int, int]]) -> bytes:
    if not cuts:
        return data
    starts, stops = zip(*cuts, strict=True)
    return b"".join(data[a:b] for a, b in zip((0, *stops), (*starts, len(data)), strict=True))


def _scale(header: Header, orientation: int, reduced_to: Reduce | None) -> int:
    """Eighths of the full size to decode to: the fewest of 1, 2 and 4 that give what is needed, else 8."""
    if reduced_to is None:
        return 8
    height, width = header.height, header.width
    if orientation >= 5:
        columns, rows = reduced_to(width, height)
    else:
        rows, columns = reduced_to(height, width)
    for eighths in (1, 2, 4):  # the others have no vector code: 3 costs more than 4, and 5 to 7 more than 8
        if _scaled(height, eighths) >= rows and _scaled(width, eighths) >= columns:
            return eighths
    return 8


def _scaled(side: int, eighths: int) -> int:
    """As libjpeg rounds: up."""
    return -(-side * eighths // 8)


def _decode(data: bytes, header: Header, profile: bytes, eighths: int, warnings: set[str]) -> np.ndarray:
    """Pixels RGB uint8 (H, W, 3), not yet turned, at a size of so many eighths, rounded up."""
    gray_profile = profile and header.components == 1
    space = "CMYK" if header.components == 4 else "GRAY" if gray_profile else "RGB"
    try:
        if eighths == 8:
            pixels = simplejpeg.decode_jpeg(data, space, strict=True)
        else:
            rows, columns = _scaled(header.height, eighths), _scaled(header.width, eighths)
            pixels = simplejpeg.decode_jpeg(
                data, space, min_height=rows, min_width=columns, min_factor=2, strict=True
            )
    except ValueError as problem:
        text = str(problem)
        if any(loss in text for loss in _GATE_AT_A_LOSS):
            warnings.add("jpeg_gate_skipped")
            return _decode_unchecked(data, profile, warnings)
        raise Quarantine(
            "truncated" if "premature end of jpeg" in text.lower() else "corrupt", text[:200]
        ) from None
    if space == "CMYK":
        return ink_to_rgb(255 - pixels, profile, warnings)  # stored inverted, as Adobe does
    if profile:
        return with_profile(Image.fromarray(pixels[:, :, 0] if gray_profile else pixels), profile, warnings)
    return pixels


def _decode_unchecked(data: bytes, profile: bytes, warnings: set[str]) -> np.ndarray:
    """What Pillow makes of a layout that the strict decoder does not know."""
    with quiet():
        image = guarded_open(data, "JPEG")
        check_dimensions(*image.size)
        image.load()
    return to_rgb(image, profile, warnings)
