"""Orientation by EXIF and XMP, and metadata that is damaged."""

import zlib
from collections.abc import Iterator

import numpy as np
from corpus import HEIGHT, WIDTH, Case, accepted, picture
from PIL import Image, ImageOps

from image_files import (
    chunk,
    exif_block,
    idat,
    jpeg_segment,
    png_file,
    save,
    tiff_from_tags,
    tiff_tags,
    xmp_block,
)

KIND = "orientation and metadata"
SIZE = (WIDTH, HEIGHT)
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What a viewer shows; Pillow is the oracle."""
    image = Image.fromarray(pixels)
    image.getexif()[274] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def cases() -> Iterator[Case]:
    yield from _orientations()
    yield from _jpegs()
    yield from _pngs()
    yield from _others()


def _with_exif(block: bytes) -> dict[str, bytes]:
    """The picture with this EXIF block in each format that has one."""
    image = Image.fromarray(picture())
    jpeg = save(image, "JPEG", quality=95, subsampling=0)
    return {
        "jpeg": jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + block) + jpeg[2:],
        "png": png_file(SIZE, 8, 2, chunk(b"eXIf", block), idat(picture())),
        "webp": save(image, "WEBP", lossless=True, exif=block),
    }


def _orientations() -> Iterator[Case]:
    for orientation in range(1, 9):
        expected = turned(picture(), orientation)
        for name, data in _with_exif(exif_block(orientation)).items():
            yield accepted(
                KIND, f"{name}, orientation {orientation}", data, expected, 4 if name == "jpeg" else 0
            )
        tags = tiff_tags(SIZE, 3, 8, 2) | {274: (3, [orientation])}
        tiff = tiff_from_tags([picture().tobytes()], tags)
        yield accepted(KIND, f"tiff, orientation {orientation}", tiff, expected)
    for orientation in (0, 9, 255):
        for name, data in _with_exif(exif_block(orientation)).items():
            tolerance = 4 if name == "jpeg" else 0
            yield accepted(KIND, f"{name}, orientation {orientation}", data, picture(), tolerance)
        tags = tiff_tags(SIZE, 3, 8, 2) | {274: (3, [orientation])}
        yield accepted(
            KIND, f"tiff, orientation {orientation}", tiff_from_tags([picture().tobytes()], tags), picture()
        )
    for name, block in (("LONG", exif_block(6, kind=4)), ("big endian", exif_block(6, ">"))):
        for kind, data in _with_exif(block).items():
            tolerance = 4 if kind == "jpeg" else 0
            yield accepted(KIND, f"{kind}, orientation of {name}", data, turned(picture(), 6), tolerance)
    big = picture().astype(np.uint16) * 257
    for orientation in (3, 6):
        tags = tiff_tags(SIZE, 3, 16, 2) | {274: (3, [orientation])}
        deep = tiff_from_tags([big.tobytes()], tags)
        yield accepted(
            KIND, f"tiff of 16 bits, orientation {orientation}", deep, turned(picture(), orientation)
        )
        png = png_file(SIZE, 16, 2, chunk(b"eXIf", exif_block(orientation)), idat(big))
        yield accepted(
            KIND, f"png of 16 bits, orientation {orientation}", png, turned(picture(), orientation)
        )


def _jpegs() -> Iterator[Case]:
    image = Image.fromarray(picture())
    jpeg = save(image, "JPEG", quality=95, subsampling=0)

    def with_segments(*bodies: bytes) -> bytes:
        return jpeg[:2] + b"".join(jpeg_segment(0xE1, body) for body in bodies) + jpeg[2:]

    xmp, by_xmp = _XMP_NAME + xmp_block(6), ("xmp_orientation",)
    yield accepted(KIND, "jpeg, xmp alone", with_segments(xmp), turned(picture(), 6), 4, by_xmp)
    both = with_segments(b"Exif\0\0" + exif_block(3), xmp)
    yield accepted(KIND, "jpeg, exif before xmp", both, turned(picture(), 3), 4)
    none = with_segments(b"Exif\0\0" + exif_block(0), xmp)
    yield accepted(KIND, "jpeg, exif orientation 0 and xmp", none, picture(), 4)
    yield accepted(KIND, "jpeg, garbage for exif", with_segments(b"Exif\0\0garbage"), picture(), 4)
    cut = with_segments(b"Exif\0\0" + exif_block(6)[:12])
    yield accepted(KIND, "jpeg, exif cut off", cut, picture(), 4)
    far = exif_block(6)[:4] + b"\xff\xff\xff\x7f"
    yield accepted(KIND, "jpeg, exif that points outside", with_segments(b"Exif\0\0" + far), picture(), 4)
    pair = save(
        image,
        "MPO",
        save_all=True,
        append_images=[Image.fromarray(255 - picture())],
        quality=95,
        subsampling=0,
    )
    yield accepted(KIND, "multi-picture file", pair, picture(), 4)


def _pngs() -> Iterator[Case]:
    repaired = {"warnings": ("metadata_invalid",), "verdict": "repaired"}

    def png(*chunks: bytes) -> bytes:
        return png_file(SIZE, 8, 2, *chunks, idat(picture()))

    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_block(8))
    yield accepted(KIND, "png, xmp alone", png(xmp), turned(picture(), 8), 0, ("xmp_orientation",))
    late = png_file(SIZE, 8, 2, idat(picture()), chunk(b"eXIf", exif_block(6)))
    yield accepted(KIND, "png, exif after the pixels", late, turned(picture(), 6))
    text = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n      32\n" + (b"Exif\0\0" + exif_block(6)).hex().encode() + b"\n"
    )
    yield accepted(KIND, "png, exif as text", png(chunk(b"zTXt", text)), turned(picture(), 6))
    yield accepted(KIND, "png, empty exif", png(chunk(b"eXIf", b"")), picture())
    yield accepted(KIND, "png, garbage for exif", png(chunk(b"eXIf", b"garbage")), picture(), **repaired)
    yield accepted(KIND, "png, exif cut off", png(chunk(b"eXIf", exif_block(6)[:12])), picture(), **repaired)
    words = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      32\nno hex digits\n")
    yield accepted(KIND, "png, exif text without digits", png(chunk(b"zTXt", words)), picture(), **repaired)
    deep = png_file(SIZE, 16, 2, chunk(b"eXIf", b"garbage"), idat(picture().astype(np.uint16) * 257))
    yield accepted(KIND, "png of 16 bits, garbage for exif", deep, picture(), **repaired)
    odd = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0not compressed")
    yield accepted(KIND, "png, xmp that can't be inflated", png(odd), picture())


def _others() -> Iterator[Case]:
    image = Image.fromarray(picture())
    webp = save(image, "WEBP", lossless=True, xmp=xmp_block(6))
    yield accepted(KIND, "webp, xmp alone", webp, turned(picture(), 6), 0, ("xmp_orientation",))
    tags = tiff_tags(SIZE, 3, 8, 2) | {700: (1, list(xmp_block(6)))}
    tiff = tiff_from_tags([picture().tobytes()], tags)
    yield accepted(KIND, "tiff, xmp alone", tiff, turned(picture(), 6), 0, ("xmp_orientation",))
    broken = tiff_tags(SIZE, 3, 8, 2) | {700: (1, list(b"no xmp at all"))}
    yield accepted(KIND, "tiff, garbage for xmp", tiff_from_tags([picture().tobytes()], broken), picture())
    yield accepted(
        KIND, "webp, garbage for exif", save(image, "WEBP", lossless=True, exif=b"garbage"), picture()
    )
