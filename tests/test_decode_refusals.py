"""Decoding: one reason for every file that can't be used, and never a crash, whatever the bytes."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from evenlight.decode import REASONS, DecodedImage, Quarantine, decode
from image_files import chunk, idat, png_file, save, tiff_file


def _reason(data: bytes) -> str:
    with pytest.raises(Quarantine) as caught:
        decode(data)
    return caught.value.reason


def _frames() -> list[Image.Image]:
    return [Image.new("RGB", (9, 9), color) for color in ("red", "green")]


def _short_png(photo: np.ndarray) -> bytes:
    """Whole chunks and right checksums, but the pixel data lacks its last row: Pillow accepts it."""
    return png_file((40, 24), 8, 2, idat(photo[:-1]))


BAD: dict[str, tuple[str, Callable[[np.ndarray, bytes, bytes], bytes]]] = {
    "nothing": ("empty_file", lambda photo, png, jpeg: b""),
    "text": ("not_an_image", lambda photo, png, jpeg: "just text, ünicode".encode()),
    "html": ("not_an_image", lambda photo, png, jpeg: b"\n <!DOCTYPE html><p>404</p>"),
    "svg": ("not_an_image", lambda photo, png, jpeg: b"<svg xmlns='x'/>"),
    "zip": ("not_an_image", lambda photo, png, jpeg: b"PK\3\4" + bytes(30)),
    "pdf": ("not_an_image", lambda photo, png, jpeg: b"%PDF-1.7\n" + bytes(30)),
    "git-lfs": ("not_an_image", lambda photo, png, jpeg: b"version https://git-lfs.github.com/spec/v1\n"),
    "zeros": ("not_an_image", lambda photo, png, jpeg: bytes(1000)),
    "heic": ("unsupported_format", lambda photo, png, jpeg: b"\0\0\0\x18ftypheic" + bytes(30)),
    "photoshop": ("unsupported_format", lambda photo, png, jpeg: b"8BPS\0\1" + bytes(30)),
    "jpeg cut in half": ("truncated", lambda photo, png, jpeg: jpeg[:-100]),
    "jpeg without end": ("truncated", lambda photo, png, jpeg: jpeg[:-2]),
    "jpeg of 3 bytes": ("truncated", lambda photo, png, jpeg: jpeg[:3]),
    "jpeg with a hole": ("corrupt", lambda photo, png, jpeg: jpeg[:-300] + b"\xfe" * 200 + jpeg[-100:]),
    "png cut": ("truncated", lambda photo, png, jpeg: png[:-20]),
    "png without end": ("truncated", lambda photo, png, jpeg: png[:-12]),
    "png signature": ("truncated", lambda photo, png, jpeg: png[:8]),
    "png lacking a row": ("truncated", lambda photo, png, jpeg: _short_png(photo)),
    "png, other checksum": ("corrupt", lambda photo, png, jpeg: png[:-1] + bytes([png[-1] ^ 1])),
    "png, flipped bit": ("corrupt", lambda photo, png, jpeg: png[:60] + bytes([png[60] ^ 1]) + png[61:]),
    "png, zlib error": ("corrupt", lambda photo, png, jpeg: png_file((9, 9), 8, 2, chunk(b"IDAT", b"xxxxxxxx"))),
    "png, no data": ("corrupt", lambda photo, png, jpeg: png_file((9, 9), 8, 2)),
    "png, bomb": ("corrupt", lambda photo, png, jpeg: png_file((9, 9), 8, 2, idat(np.zeros((9, 99999), np.uint8)))),
    "png, colour type 5": ("corrupt", lambda photo, png, jpeg: png_file((9, 9), 8, 5, idat(photo))),
    "png, no IHDR": ("corrupt", lambda photo, png, jpeg: png[:8] + chunk(b"IEND", b"")),
    "png, 25,000 chunks": ("bomb", lambda photo, png, jpeg: png[:33] + chunk(b"teSt", b"") * 25_000 + png[33:]),
    "png 0 wide": ("bad_dimensions", lambda photo, png, jpeg: png_file((0, 9), 8, 2, idat(photo))),
    "1 x 1": ("too_small", lambda photo, png, jpeg: save(Image.new("RGB", (1, 1)), "PNG")),
    "7 high": ("too_small", lambda photo, png, jpeg: save(Image.new("RGB", (40, 7)), "JPEG")),
    "51 to 1": ("extreme_aspect", lambda photo, png, jpeg: save(Image.new("RGB", (8 * 51, 8)), "JPEG")),
    "16-bit transparent colour": (
        "unsupported_depth",
        lambda photo, png, jpeg: png_file(
            (40, 24), 16, 2, chunk(b"tRNS", bytes(6)), idat(photo.astype(np.uint16))
        ),
    ),
    "float tiff": (
        "unsupported_depth",
        lambda photo, png, jpeg: save(Image.fromarray(photo[..., 0].astype(np.float32)), "TIFF"),
    ),
    "12-bit tiff": ("unsupported_depth", lambda photo, png, jpeg: tiff_file(photo[..., 0], 1, bits=12)),
    "gif": (
        "animated",
        lambda photo, png, jpeg: save(_frames()[0], "GIF", save_all=True, append_images=_frames()[1:]),
    ),
    "apng": (
        "animated",
        lambda photo, png, jpeg: save(_frames()[0], "PNG", save_all=True, append_images=_frames()[1:]),
    ),
    "webp": (
        "animated",
        lambda photo, png, jpeg: save(_frames()[0], "WEBP", save_all=True, append_images=_frames()[1:]),
    ),
    "two pages": (
        "multi_page",
        lambda photo, png, jpeg: save(_frames()[0], "TIFF", save_all=True, append_images=_frames()[1:]),
    ),
    "clear rgba": ("fully_transparent", lambda photo, png, jpeg: save(Image.new("RGBA", (9, 9)), "PNG")),
    "clear 16-bit": (
        "fully_transparent",
        lambda photo, png, jpeg: png_file((8, 8), 16, 6, idat(np.zeros((8, 8, 4), np.uint16))),
    ),
    "gif cut": ("truncated", lambda photo, png, jpeg: save(Image.fromarray(photo), "GIF")[:-400]),
    "bmp cut": ("truncated", lambda photo, png, jpeg: save(Image.fromarray(photo), "BMP")[:-400]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_have_one_reason(name: str, photo: np.ndarray, png: bytes, jpeg: bytes) -> None:
    reason, make = BAD[name]
    assert _reason(make(photo, png, jpeg)) == reason
    assert reason in REASONS


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (30_001, 1000), (8001, 8000)])
def test_huge_headers_are_refused_before_pixels_are_allocated(size: tuple[int, int], jpeg: bytes) -> None:
    frame = jpeg.index(b"\xff\xc0")
    width, height = (min(side, 65_535) for side in size)
    files = [
        png_file(size, 8, 2, chunk(b"IDAT", zlib.compress(bytes(1000)))),
        jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :],
    ]
    assert [_reason(data) for data in files] == ["too_large", "too_large"]


def test_details_are_the_same_in_every_run(photo: np.ndarray, png: bytes, jpeg: bytes) -> None:
    for _, make in BAD.values():
        with pytest.raises(Quarantine) as caught:
            decode(make(photo, png, jpeg))
        assert " at 0x" not in caught.value.detail


# whatever the bytes


def _check_any(data: bytes) -> None:
    try:
        image = decode(data, "any.jpg")
    except Quarantine as problem:
        if problem.reason not in REASONS:
            raise
        return
    assert isinstance(image, DecodedImage)
    assert image.pixels.dtype == np.uint8
    turned = image.exif_orientation >= 5
    expected = (image.width, image.height, 3) if turned else (image.height, image.width, 3)
    assert image.pixels.shape == expected


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"RIFF\0\0\0\0WEBP"]),
    st.binary(max_size=200),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_bytes(magic: bytes, rest: bytes) -> None:
    _check_any(magic + rest)


_SEEDS = {
    "JPEG": {"quality": 60, "progressive": True},
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_deflate"},
    "WEBP": {"quality": 50},
}


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("kind", _SEEDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage(kind: str, data: st.DataObject, photo: np.ndarray) -> None:
    whole = bytearray(save(Image.fromarray(photo), kind, **_SEEDS[kind]))
    places = st.integers(0, len(whole) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        whole[place] = value
    cut = data.draw(st.one_of(st.just(len(whole)), places))
    _check_any(bytes(whole[:cut]))


def test_damaged_png_is_never_accepted(png: bytes) -> None:
    """Every single flipped byte outside the signature is seen: PNG has checksums."""
    for place in range(8, len(png), 7):
        damaged = png[:place] + bytes([png[place] ^ 0x10]) + png[place + 1 :]
        with pytest.raises(Quarantine):
            decode(damaged)


def test_pillow_limits_are_restored(png: bytes) -> None:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        decode(png)
        assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
