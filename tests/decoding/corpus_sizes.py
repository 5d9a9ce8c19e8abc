"""Sizes out of bounds and files that are built to exhaust a reader."""

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from corpus import HEIGHT, WIDTH, Case, accepted, picture, refused
from PIL import Image

from image_files import chunk, idat, jpeg_place, png_file, save, tiff_from_tags, tiff_tags

KIND = "bombs and sizes"


def cases() -> Iterator[Case]:
    yield from bombs()
    yield from _sides()
    yield from _many()


@lru_cache(maxsize=1)
def bombs() -> tuple[Case, ...]:
    """Small files that promise far more memory than a reader may take."""
    image = Image.fromarray(picture())
    jpeg, gif, bmp = save(image, "JPEG"), save(image, "GIF"), save(image, "BMP")
    frame = jpeg_place(jpeg, 0xC0)
    big = struct.pack(">HH", 20_000, 20_000)
    lines = zlib.compress(bytes(6251) * 50_000, 9)
    flood = zlib.compress(bytes(64 * 2**20), 9)
    extended = b"VP8X" + struct.pack("<IBBBB", 10, 0, 0, 0, 0) + (11_999).to_bytes(3, "little") * 2
    packed = b"VP8L" + struct.pack("<IBI", 12, 0x2F, 16_383 | 16_383 << 14) + bytes(7)
    tags = tiff_tags((50_000, 50_000), 1, 1, 1)
    size, pixels = (WIDTH, HEIGHT), idat(picture())
    lined = png_file((50_000, 50_000), 1, 0, chunk(b"IDAT", lines))
    texted = png_file(size, 8, 2, chunk(b"zTXt", b"x\0\0" + flood), pixels)
    profiled = png_file(size, 8, 2, chunk(b"iCCP", b"x\0\0" + flood), pixels)
    return (
        refused(KIND, "png of 50,000 x 50,000 at 1 bit", lined, "too_large"),
        refused(
            KIND, "png of 2^31 - 1", png_file((2**31 - 1, 2**31 - 1), 8, 2, chunk(b"IDAT", b"")), "too_large"
        ),
        refused(KIND, "jpeg of 20,000 x 20,000", jpeg[: frame + 5] + big + jpeg[frame + 9 :], "too_large"),
        refused(KIND, "webp of 12,000 x 12,000", _riff(extended), "too_large"),
        refused(KIND, "lossless webp of 16,384 x 16,384", _riff(packed), "too_large"),
        refused(KIND, "gif of 65,535 x 65,535", gif[:6] + b"\xff" * 4 + gif[10:], "too_large"),
        refused(
            KIND,
            "bmp of 30,001 x 2,000",
            bmp[:18] + struct.pack("<ii", 30_001, 2_000) + bmp[26:],
            "too_large",
        ),
        refused(KIND, "tiff of 50,000 x 50,000", tiff_from_tags([b"\0" * 99], tags), "too_large"),
        refused(
            KIND, "png, 64 MiB of pixels too many", png_file(size, 8, 2, chunk(b"IDAT", flood)), "corrupt"
        ),
        refused(KIND, "png, 64 MiB of text", texted, "corrupt"),
        refused(KIND, "png, 64 MiB of profile", profiled, "corrupt"),
    )


def _riff(body: bytes) -> bytes:
    body = body.ljust(40, b"\0")
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _sides() -> Iterator[Case]:
    for size, reason in (
        ((1, 1), "too_small"),
        ((2, 3), "too_small"),
        ((1, 10_000), "too_small"),
        ((100, 7), "too_small"),
        ((401, 8), "extreme_aspect"),
        ((10, 501), "extreme_aspect"),
        ((30_001, 700), "too_large"),
    ):
        for kind in ("PNG", "JPEG", "BMP"):
            data = save(Image.new("RGB", size, "red"), kind)
            yield refused(KIND, f"{kind} of {size[0]} x {size[1]}", data, reason)
    for size in ((8, 8), (400, 8)):
        red = np.full((size[1], size[0], 3), (255, 0, 0), np.uint8)
        data = save(Image.fromarray(red), "PNG")
        yield accepted(KIND, f"png of {size[0]} x {size[1]}", data, red, warnings=("constant_image",))
    for size in ((0, 9), (9, 0)):
        yield refused(
            KIND, f"png of {size[0]} x {size[1]}", png_file(size, 8, 2, idat(picture())), "bad_dimensions"
        )
    bmp = save(Image.fromarray(picture()), "BMP")
    yield refused(KIND, "bmp of width -96", bmp[:18] + struct.pack("<i", -96) + bmp[22:], "bad_dimensions")
    gif = save(Image.fromarray(picture()), "GIF")
    yield refused(KIND, "gif of 0 x 0", gif[:6] + bytes(4) + gif[10:], "bad_dimensions")


def _many() -> Iterator[Case]:
    image = Image.fromarray(picture())
    gray = save(image.convert("L"), "JPEG")
    scan = jpeg_place(gray, 0xDA)
    yield refused(KIND, "jpeg of 300 scans", gray[:-2] + gray[scan:-2] * 299 + b"\xff\xd9", "bomb")
    png = save(image, "PNG")
    yield refused(KIND, "png of 25,000 chunks", png[:33] + chunk(b"teSt", b"") * 25_000 + png[33:], "bomb")
    yield accepted(KIND, "png of 1,000 chunks", png[:33] + chunk(b"teSt", b"") * 1_000 + png[33:], picture())
    frames = [image, Image.fromarray(picture()[::-1]), image]
    more = {"save_all": True, "append_images": frames[1:], "duration": 100}
    yield refused(KIND, "gif of 3 frames", save(image, "GIF", **more), "animated")
    yield refused(KIND, "png of 3 frames", save(image, "PNG", **more), "animated")
    yield refused(KIND, "webp of 3 frames", save(image, "WEBP", **more), "animated")
    yield refused(
        KIND, "tiff of 3 pages", save(image, "TIFF", save_all=True, append_images=frames[1:]), "multi_page"
    )
    tags = tiff_tags((WIDTH, HEIGHT), 3, 8, 2)
    loop = tiff_from_tags([picture().tobytes()], tags, following=-1)
    yield accepted(KIND, "tiff whose page follows itself", loop, picture())
    yield refused(
        KIND,
        "tiff, next page in the pixels",
        tiff_from_tags([picture().tobytes()], tags, following=8),
        "multi_page",
    )
