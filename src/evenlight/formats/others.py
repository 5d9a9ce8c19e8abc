"""GIF, WebP and BMP: a walk over the container, then Pillow."""

import struct

from evenlight.formats.color import to_rgb
from evenlight.formats.orientation import tolerant_orientation, upright
from evenlight.formats.picture import Picture, check_dimensions
from evenlight.formats.pillow import guarded_open
from evenlight.reasons import Quarantine


def read_gif(data: bytes) -> Picture:
    """Decode a GIF of one frame.

    Raises:
        Quarantine: damaged, animated or of a size that is not accepted.
        Exception: whatever Pillow raises on damaged data.
    """
    end = _walk_gif(data)
    return _read(data, "GIF", {"trailing_data"} if end < len(data) else set())


def read_webp(data: bytes) -> Picture:
    """Decode a WebP of one frame.

    Raises:
        Quarantine, Exception: as `read_gif`.
    """
    end = _walk_webp(data)
    return _read(data, "WEBP", {"trailing_data"} if end < len(data) else set())


def read_bmp(data: bytes) -> Picture:
    """Decode a BMP.

    Raises:
        Quarantine, Exception: as `read_gif`.
    """
    width, height, bits = bmp_header(data)
    check_dimensions(width, height)
    picture = _read(data, "BMP", set())
    picture.bit_depth = min(bits, 8)
    return picture


def _read(data: bytes, kind: str, warnings: set[str]) -> Picture:
    image = guarded_open(data, kind)
    width, height = image.size
    check_dimensions(width, height)
    image.load()
    info = image.info
    orientation = tolerant_orientation(info.get("exif", b""), info.get("xmp", b""), warnings)
    channels = len(image.getbands())
    pixels = to_rgb(image, info.get("icc_profile", b""), warnings)
    return Picture(upright(pixels, orientation), width, height, channels, 8, orientation, warnings)


def _walk_gif(data: bytes) -> int:
    """Follow the blocks to the trailer and return the place after it."""
    try:
        width, height, flags = struct.unpack_from("<HHB", data, 6)
        check_dimensions(width, height)
        position, frames = 13 + _color_table(flags), 0
        while True:
            block = data[position]
            if block == 0x3B:
                return position + 1
            if block == 0x2C:
                frames += 1
                if frames > 1:
                    raise Quarantine("animated", "more than one frame")
                position += 11 + _color_table(data[position + 9])  # with the code size byte
            elif block == 0x21:
                position += 2
            else:
                raise Quarantine("corrupt", f"block of unknown kind {block:02X}")
            while data[position]:
                position += data[position] + 1
            position += 1
    except (IndexError, struct.error):
        raise Quarantine("truncated", "no trailer") from None


def _color_table(flags: int) -> int:
    """Bytes of the colour table that a GIF descriptor announces."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _walk_webp(data: bytes) -> int:
    """Check lengths, frames and dimensions, and return the place after the picture."""
    if len(data) < 30:
        raise Quarantine("truncated", "no picture header")
    (size,) = struct.unpack_from("<I", data, 4)
    end = size + 8
    if end > len(data):
        raise Quarantine("truncated", f"{len(data):,} of {end:,} bytes")
    dimensions = webp_size(data)
    if dimensions is None:
        raise Quarantine("corrupt", "no picture header")
    check_dimensions(*dimensions)
    position, frames = 12, 0
    while position + 8 <= end:
        frames += data.startswith(b"ANMF", position)
        if frames > 1:
            raise Quarantine("animated", "more than one frame")
        (length,) = struct.unpack_from("<I", data, position + 4)
        position += 8 + length + length % 2
    return end


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP of at least 30 bytes; None where there is no header of a picture."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def bmp_header(data: bytes) -> tuple[int, int, int]:
    """Width, height and bits per pixel of a BMP.

    Raises:
        Quarantine: `truncated`, shorter than the shortest header.
    """
    if len(data) < 26:
        raise Quarantine("truncated", "no header")
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return width, height, bits
    if len(data) < 30:
        raise Quarantine("truncated", "no header")
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    return width, abs(height), bits
