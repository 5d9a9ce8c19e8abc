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
