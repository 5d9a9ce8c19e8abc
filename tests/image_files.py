"""Builders of image files, down to the bytes that no library would write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_file(size: tuple[int, int], depth: int, color: int, *chunks: bytes, interlaced: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def idat(array: np.ndarray) -> bytes:
    rows = array.astype(">u2") if array.dtype == np.uint16 else array
    return chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))


def tiff_file(array: np.ndarray, photometric: int = 2, orientation: int = 1, bits: int = 16) -> bytes:
    """An uncompressed little-endian TIFF of uint16 values."""
    height, width = array.shape[:2]
    samples = 1 if array.ndim == 2 else array.shape[2]
    data, after = array.astype("<u2").tobytes(), 10 + 11 * 12 + 4
    short, long = "<HHIHH", "<HHII"
    tags = [
        struct.pack(short, 256, 3, 1, width, 0),
        struct.pack(short, 257, 3, 1, height, 0),
        struct.pack(long, 258, 3, samples, after if samples > 2 else bits | bits << 16),
        struct.pack(short, 259, 3, 1, 1, 0),
        struct.pack(short, 262, 3, 1, photometric, 0),
        struct.pack(long, 273, 4, 1, after + 2 * samples),
        struct.pack(short, 274, 3, 1, orientation, 0),
        struct.pack(short, 277, 3, 1, samples, 0),
        struct.pack(short, 278, 3, 1, height, 0),
        struct.pack(long, 279, 4, 1, len(data)),
        struct.pack(short, 284, 3, 1, 1, 0),
    ]
    depths = struct.pack("<H", bits) * samples
    return b"II*\0" + struct.pack("<IH", 8, 11) + b"".join(tags) + b"\0\0\0\0" + depths + data


def tiff_from_tags(
    strips: list[bytes],
    tags: dict[int, tuple[int, list[int]]],
    order: str = "<",
    big: bool = False,
    following: int = 0,
) -> bytes:
    """A TIFF or BigTIFF with these strips (or tiles, when tag 324 is given as empty) and these tags: (type, values).

    Offsets and lengths of the strips are filled in. `following` is the place of the next page; -1 means this one.
    """
    mark = b"II" if order == "<" else b"MM"
    number, entry_size, start = ("Q", 20, 16) if big else ("I", 12, 8)
    body, places = bytearray(), []
    for strip in strips:
        places.append(start + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    offsets, lengths = (324, 325) if 324 in tags else (273, 279)
    tags = tags | {offsets: (4, places), lengths: (4, [len(strip) for strip in strips])}
    here = start + len(body)
    after = here + (8 if big else 2) + entry_size * len(tags) + (8 if big else 4)
    entries, extra = b"", b""
    for tag in sorted(tags):
        kind, values = tags[tag]
        packed = struct.pack(f"{order}{len(values)}{ {1: 'B', 3: 'H', 4: 'I', 7: 'B'}[kind] }", *values)
        room = 8 if big else 4
        if len(packed) > room:
            place = struct.pack(order + number, after + len(extra))
            extra += packed + b"\0" * (len(packed) % 2)
            packed = place
        entries += struct.pack(order + "HH" + number, tag, kind, len(values)) + packed.ljust(room, b"\0")
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    head = struct.pack(order + "HHHQ", 43, 8, 0, here) if big else struct.pack(order + "HI", 42, here)
    next_page = struct.pack(order + number, here if following == -1 else following)
    return mark + head + bytes(body) + count + entries + next_page + extra


def tiff_tags(
    size: tuple[int, int], samples: int, bits: int, photometric: int
) -> dict[int, tuple[int, list[int]]]:
    """The tags that every uncompressed TIFF of one strip has; size is (width, height)."""
    return {
        256: (4, [size[0]]),
        257: (4, [size[1]]),
        258: (3, [bits] * samples),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [samples]),
        278: (4, [size[1]]),
        284: (3, [1]),
    }


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_place(data: bytes, marker: int) -> int:
    """Where the first segment of this kind begins in the header of a sound JPEG."""
    place = 2
    while data[place + 1] != marker:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def exif_block(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """An EXIF block, without prefix, of nothing but an orientation of type SHORT (3) or LONG (4)."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(
        order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation])
    )
    return mark + struct.pack(order + "IHHHI", 8, 1, 274, kind, 1) + value + bytes(4)


def xmp_block(orientation: int) -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>'
    ) % orientation


def webp_with(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A simple WebP with further chunks, its RIFF length put right."""
    body = data[12:] + b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
