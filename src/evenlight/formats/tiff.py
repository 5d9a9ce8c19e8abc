"""TIFF: an own reader of its tags checks layout and extent, then Pillow reads 8 bits and OpenCV 16."""

import math
import struct
from dataclasses import dataclass

import cv2
import numpy as np

from evenlight.formats.color import deep_to_rgb, to_rgb
from evenlight.formats.orientation import tolerant_orientation, upright
from evenlight.formats.picture import Picture, check_dimensions
from evenlight.formats.pillow import guarded_open
from evenlight.reasons import Quarantine

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 274, 277, 278, 279
_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 284, 322, 323, 324, 325
_SAMPLE_FORMAT, _SUBSAMPLING, _XMP, _PROFILE = 339, 530, 700, 34675
_WANTED = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _ORIENTATION, _SAMPLES),
    *(_ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES),
    *(_SAMPLE_FORMAT, _SUBSAMPLING, _XMP, _PROFILE),
}
# type number -> numpy type; 2 and 7 are text and plain bytes
_TYPES = {
    1: "u1",
    2: "u1",
    3: "u2",
    4: "u4",
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    13: "u4",
    16: "u8",
    18: "u8",
}
# none, fax (3 kinds), LZW, JPEG (2), Deflate, PackBits, old Deflate, LZMA, Zstandard, WebP
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001}
# depths by number of samples
_DEPTHS = {1: (1, 2, 4, 8, 16), 3: (8, 16), 4: (8,)}
_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB = 0, 2, 3, 5, 6, 8
_PHOTOMETRICS = {_WHITE_IS_ZERO, 1, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB}


@dataclass(slots=True)
class Directory:
    """The first page: numbers by tag, where its orientation entries are, and whether another page follows."""

    order: str
    tags: dict[int, np.ndarray]
    orientation_entries: list[int]
    big: bool
    following: int

    def number(self, tag: int, default: int = 0) -> int:
        values = self.tags.get(tag)
        return default if values is None or not len(values) else int(values[0])

    def numbers(self, tag: int) -> list[int]:
        """The first values of a tag; no more, for a hostile file may give millions."""
        return [int(value) for value in self.tags.get(tag, ())[:16]]

    def raw(self, tag: int) -> bytes:
        values = self.tags.get(tag)
        return b"" if values is None else values.tobytes()


def read(data: bytes) -> Picture:
    """Decode a TIFF or BigTIFF of one page.

    Raises:
        Quarantine: damaged, of several pages, or of a kind that is not read.
        Exception: whatever Pillow and OpenCV raise on damaged data.
    """
    page = read_directory(data)
    if page.big and page.order == ">":
        raise Quarantine("unsupported_format", "big-endian BigTIFF: convert to JPEG or PNG first")
    width, height, samples, depth = _check(page, len(data))
    if page.following:
        raise Quarantine("multi_page", "more than one page")
    warnings: set[str] = set()
    orientation = _orientation(page, warnings)
    data = _as_stored(data, page)
    pixels = _read_deep(data, page, warnings) if depth == 16 else _read_pillow(data, page, warnings)
    return Picture(upright(pixels, orientation), width, height, samples, depth, orientation, warnings)


def read_directory(data: bytes) -> Directory:
    """Read the tags of the first page.

    Raises:
        Quarantine: `truncated`, a tag or its values lie past the end.
    """
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    number, count_format, entry_size = ("Q", "Q", 20) if big else ("I", "H", 12)
    value_size = 8 if big else 4
    tags: dict[int, np.ndarray] = {}
    orientations = []
    try:
        (start,) = struct.unpack_from(order + number, data, 8 if big else 4)
        (count,) = struct.unpack_from(order + count_format, data, start)
        entry = start + struct.calcsize(count_format)
        for _ in range(count):
            tag, kind, length = struct.unpack_from(order + "HH" + number, data, entry)
            if tag == _ORIENTATION:
                orientations.append(entry)
            if tag in _WANTED and kind in _TYPES and tag not in tags:
                kind_name = order + _TYPES[kind]
                place = entry + entry_size - value_size
                if length * np.dtype(kind_name).itemsize > value_size:
                    (place,) = struct.unpack_from(order + number, data, place)
                tags[tag] = np.frombuffer(data, kind_name, length, place)
            entry += entry_size
        (following,) = struct.unpack_from(order + number, data, entry)
    except (struct.error, ValueError, OverflowError):  # ValueError: numpy, values past the end
        raise Quarantine("truncated", "a tag lies past the end") from None
    return Directory(order, tags, orientations, big, 0 if following == start else following)


def _check(page: Directory, size: int) -> tuple[int, int, int, int]:
    """Check what the tags say against the policy and the file's size; return width, height, samples, bits."""
    width, height = page.number(_WIDTH), page.number(_HEIGHT)
    if _WIDTH not in page.tags or _HEIGHT not in page.tags:
        raise Quarantine("corrupt", "no width or height")
    check_dimensions(width, height)
    compression, photometric = page.number(_COMPRESSION, 1), page.number(_PHOTOMETRIC)
    samples = page.number(_SAMPLES, 3 if compression in (6, 7) and photometric in (_RGB, _YCBCR) else 1)
    if samples not in _DEPTHS:
        raise Quarantine("unsupported_channels", f"{samples} samples per pixel")
    depth = _depth(page, samples)
    if compression not in _COMPRESSIONS:
        raise Quarantine(
            "unsupported_format", f"TIFF compression {compression}: convert to JPEG or PNG first"
        )
    if photometric not in _PHOTOMETRICS:
        raise Quarantine("unsupported_format", f"TIFF colours {photometric}: convert to JPEG or PNG first")
    _check_extent(page, size, samples, depth)
    return width, height, samples, depth


def _depth(page: Directory, samples: int) -> int:
    bits = page.numbers(_BITS)[:samples] or [1]
    formats = set(page.numbers(_SAMPLE_FORMAT)) - {1}
    if formats:
        kinds = {2: "signed", 3: "float"}
        raise Quarantine("unsupported_depth", f"{kinds.get(min(formats), 'odd')} samples of {max(bits)} bits")
    if len(set(bits)) > 1 or bits[0] not in _DEPTHS[samples]:
        raise Quarantine("unsupported_depth", f"{' '.join(map(str, bits))} bits")
    if bits[0] == 16 and samples == 3:
        if page.number(_PLANAR, 1) == 2:
            raise Quarantine("unsupported_depth", "16 bits in separate planes")
        if page.number(_PHOTOMETRIC) != _RGB:
            raise Quarantine("unsupported_depth", "16 bits of other colours than RGB")
    return bits[0]


def _check_extent(page: Directory, size: int, samples: int, depth: int) -> None:
    """Every strip or tile lies within the file, there are enough of them, and raw ones are long enough."""
    tiled = _TILE_OFFSETS in page.tags
    offsets = page.tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
    lengths = page.tags.get(_TILE_BYTES if tiled else _STRIP_BYTES)
    if offsets is None:
        raise Quarantine("corrupt", "no pixel data")
    width, height = page.number(_WIDTH), page.number(_HEIGHT)
    columns = page.number(_TILE_WIDTH) if tiled else width
    rows = page.number(_TILE_HEIGHT) if tiled else min(page.number(_ROWS_PER_STRIP, height), height)
    if columns < 1 or rows < 1:
        raise Quarantine("corrupt", "tiles or strips without size")
    planes = samples if page.number(_PLANAR, 1) == 2 else 1
    needed = math.ceil(width / columns) * math.ceil(height / rows) * planes
    if len(offsets) < needed:
        raise Quarantine("truncated", f"{len(offsets)} of {needed} strips or tiles")
    if lengths is None or len(lengths) < needed:
        lengths = np.ones(needed, np.uint64)  # the tag may be missing in old files
    ends = offsets[:needed].astype(np.float64) + lengths[:needed].astype(np.float64)
    if ends.max() > size:
        raise Quarantine("truncated", "a strip or tile lies past the end")
    if page.number(_COMPRESSION, 1) == 1 and (_STRIP_BYTES in page.tags or _TILE_BYTES in page.tags):
        _check_raw(page, lengths[:needed], columns, rows, tiled, samples // planes * depth)


def _check_raw(page: Directory, lengths: np.ndarray, columns: int, rows: int, tiled: bool, bits: int) -> None:
    """Without compression the length of a strip is known: a header that lies about the height shows."""
    if page.number(_PHOTOMETRIC) == _YCBCR and page.numbers(_SUBSAMPLING) not in ([], [1, 1]):
        raise Quarantine(
            "unsupported_format", "raw YCbCr with fewer colour samples: convert to JPEG or PNG first"
        )
    row_bytes = (columns * bits + 7) // 8
    last = page.number(_HEIGHT) % rows or rows
    full = lengths if tiled else lengths[:-1]
    if (full < row_bytes * rows).any() or lengths[-1] < row_bytes * (rows if tiled else last):
        raise Quarantine("truncated", "a strip or tile is shorter than its rows")


def _orientation(page: Directory, warnings: set[str]) -> int:
    if page.orientation_entries:
        value = page.number(_ORIENTATION)
        return value if value in range(1, 9) else 0
    return tolerant_orientation(b"", page.raw(_XMP), warnings)


def _as_stored(data: bytes, page: Directory) -> bytes:
    """The file with orientation 1: Pillow and OpenCV would turn TIFFs themselves, each in its own way."""
    if not page.orientation_entries:
        return data
    changed = bytearray(data)
    entry_format = page.order + ("HHQHHI" if page.big else "HHIHH")
    fields = (_ORIENTATION, 3, 1, 1, 0, 0) if page.big else (_ORIENTATION, 3, 1, 1, 0)
    for entry in page.orientation_entries:
        struct.pack_into(entry_format, changed, entry, *fields)
    return bytes(changed)


def _read_pillow(data: bytes, page: Directory, warnings: set[str]) -> np.ndarray:
    image = guarded_open(data, "TIFF")
    check_dimensions(*image.size)
    image.info.pop("xmp", None)  # Pillow would turn the picture by it
    image.load()
    return to_rgb(image, page.raw(_PROFILE), warnings)


def _read_deep(data: bytes, page: Directory, warnings: set[str]) -> np.ndarray:
    """16 bits per channel: Pillow keeps only the high byte of colour."""
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        guarded_open(data, "TIFF").load()  # raises where the data are damaged
        raise Quarantine("unsupported_depth", "16 bits in a layout that can't be read")
    if page.number(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        deep = 65535 - deep
    if deep.ndim == 3:
        deep = cv2.cvtColor(deep, cv2.COLOR_BGR2RGB)
    return deep_to_rgb(deep, False, page.raw(_PROFILE), warnings)
