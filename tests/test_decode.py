"""Decoding: exact pixels and facts for every kind of file that is accepted."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from evenlight.decode import Quarantine, decode
from image_files import chunk, idat, png_file, save, tiff_file

ORIENTATIONS = range(1, 9)


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


def _stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels that show `upright` once a viewer applies the orientation (Pillow is the oracle for the inverse)."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    image = Image.fromarray(upright)
    image.getexif()[274] = inverse
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.fixture(scope="module")
def swapping_profile() -> bytes:
    """A valid RGB profile that swaps red and green, so that it shows whether it was applied."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for number in range(struct.unpack(">I", profile[128:132])[0]):
        entry = 132 + 12 * number
        name = bytes(profile[entry : entry + 4])
        swapped = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
        profile[entry : entry + 4] = swapped
    return bytes(profile)


def test_png_is_exact_with_facts(png: bytes, photo: np.ndarray) -> None:
    image = decode(png, "x/y.png")
    np.testing.assert_array_equal(image.pixels, photo)
    facts = (image.format, image.width, image.height, image.channels, image.bit_depth, image.exif_orientation)
    assert facts == ("PNG", 40, 24, 3, 8, 0)
    assert image.warnings == ()


@pytest.mark.parametrize(("kind", "options"), [("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_other_lossless_formats_are_exact(photo: np.ndarray, kind: str, options: dict) -> None:
    image = decode(save(Image.fromarray(photo), kind, **options))
    np.testing.assert_array_equal(image.pixels, photo)
    assert image.format == kind


def test_jpeg_equals_pillow(jpeg: bytes) -> None:
    expected = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    np.testing.assert_array_equal(decode(jpeg).pixels, expected)


def test_interlaced_png_is_exact(photo: np.ndarray) -> None:
    image = Image.fromarray(photo[:9, :13])
    # Pillow cannot write Adam7: pixel (x, y) belongs to the pass of its place in an 8 x 8 block
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    pixels, raw = np.asarray(image), b""
    for x, y, dx, dy in passes:
        part = pixels[y::dy, x::dx]
        raw += b"".join(b"\0" + row.tobytes() for row in part if part.size)
    whole = png_file((13, 9), 8, 2, chunk(b"IDAT", zlib.compress(raw)), interlaced=1)
    np.testing.assert_array_equal(decode(whole).pixels, pixels)
    short = png_file((13, 9), 8, 2, chunk(b"IDAT", zlib.compress(raw[:-1])), interlaced=1)
    with pytest.raises(Quarantine, match="truncated"):
        decode(short)


def test_16_bit_gray_is_rounded() -> None:
    values = np.array([0, 128, 129, 257, 32767, 32768, 65406, 65535], dtype=np.uint16)
    image = decode(png_file((8, 8), 16, 0, idat(np.tile(values, (8, 1)))))
    assert image.pixels[0, :, 0].tolist() == [0, 0, 1, 1, 127, 128, 254, 255]
    assert (image.channels, image.bit_depth) == (1, 16)
    assert (image.pixels[..., :1] == image.pixels).all()


@pytest.mark.parametrize("file", ["png", "tiff"])
def test_16_bit_colour_is_rounded(file: str) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (9, 10, 3), dtype=np.uint16)
    data = png_file((10, 9), 16, 2, idat(deep)) if file == "png" else tiff_file(deep)
    image = decode(data)
    np.testing.assert_array_equal(image.pixels, np.round(deep / 257).astype(np.uint8))
    assert (image.channels, image.bit_depth) == (3, 16)


def test_16_bit_alpha_is_composited() -> None:
    deep = np.zeros((8, 8, 4), dtype=np.uint16)
    deep[..., 0], deep[..., 3] = 65535, 32896  # red at 128 of 255
    assert decode(png_file((8, 8), 16, 6, idat(deep))).pixels[0, 0].tolist() == [255, 127, 127]
    gray = np.zeros((8, 8, 2), dtype=np.uint16)
    gray[..., 1] = 32896
    assert decode(png_file((8, 8), 16, 4, idat(gray))).pixels[0, 0].tolist() == [127, 127, 127]


def test_16_bit_white_is_zero_tiff_is_inverted() -> None:
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    normal, inverted = decode(tiff_file(deep, photometric=1)), decode(tiff_file(deep, photometric=0))
    np.testing.assert_array_equal(normal.pixels[..., 0], np.round(deep / 257))
    np.testing.assert_array_equal(inverted.pixels, 255 - normal.pixels)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(255, [200, 100, 0]), (128, [227, 177, 127]), (10, [253, 249, 245]), (0, [255] * 3)],
)
def test_alpha_over_white(alpha: int, expected: list[int]) -> None:
    rgba = np.full((8, 8, 4), (200, 100, 0, alpha), dtype=np.uint8)
    rgba[0, 0] = (1, 2, 3, 255)  # one opaque pixel, so that the image is not fully transparent
    image = decode(save(Image.fromarray(rgba), "PNG"))
    assert image.pixels[4, 4].tolist() == expected
    assert image.pixels[0, 0].tolist() == [1, 2, 3]
    assert image.channels == 4


def test_palette_gray_and_one_bit() -> None:
    palette = Image.new("P", (9, 8), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image = decode(save(palette, "PNG", bits=2))
    assert image.pixels[0, 0].tolist() == [40, 50, 60]
    assert (image.channels, image.bit_depth) == (1, 2)
    gray = decode(save(Image.new("L", (9, 8), 77), "PNG"))
    assert (gray.pixels == 77).all()
    bits = decode(save(Image.new("1", (9, 8), 1), "PNG"))
    assert (bits.pixels == 255).all()
    assert bits.bit_depth == 1


def test_transparent_colour_becomes_white() -> None:
    palette = Image.new("P", (9, 8), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((0, 0), 0)
    pixels = decode(save(palette, "PNG", transparency=0)).pixels
    assert (pixels[0, 0].tolist(), pixels[1, 1].tolist()) == ([255] * 3, [40, 50, 60])
    plain = Image.new("RGB", (9, 8), (1, 2, 3))
    plain.putpixel((3, 3), (9, 9, 9))
    pixels = decode(save(plain, "PNG", transparency=(1, 2, 3))).pixels
    assert (pixels[0, 0].tolist(), pixels[3, 3].tolist()) == ([255] * 3, [9, 9, 9])


def test_cmyk_jpeg() -> None:
    image = decode(save(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100))
    red, green, blue = image.pixels[8, 8].tolist()
    assert red > 245
    assert green < 10
    assert blue < 10
    assert image.channels == 4


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_shows_upright(photo: np.ndarray, orientation: int) -> None:
    stored = _stored(photo, orientation)
    files = {
        "png": save(Image.fromarray(stored), "PNG", exif=_exif(orientation)),
        "webp": save(Image.fromarray(stored), "WEBP", lossless=True, exif=_exif(orientation)),
        "tiff": save(Image.fromarray(stored), "TIFF", tiffinfo={274: orientation}),
        "16-bit png": png_file(
            stored.shape[1::-1],
            16,
            2,
            chunk(b"eXIf", _exif(orientation)[6:]),
            idat(stored * np.uint16(257)),
        ),
        "16-bit tiff": tiff_file(stored * np.uint16(257), orientation=orientation),
    }
    for name, data in files.items():
        image = decode(data)
        np.testing.assert_array_equal(image.pixels, photo, err_msg=name)
        assert image.exif_orientation == orientation, name
        # facts are those of the file, before turning
        assert (image.height, image.width) == stored.shape[:2], name
        assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_of_jpeg(photo: np.ndarray, orientation: int, swapping_profile: bytes) -> None:
    stored = Image.fromarray(_stored(photo, orientation))
    for options in ({}, {"icc_profile": swapping_profile}):
        data = save(stored, "JPEG", quality=95, subsampling=0, exif=_exif(orientation), **options)
        plain = save(stored, "JPEG", quality=95, subsampling=0, **options)
        turned = Image.fromarray(decode(plain).pixels)
        turned.getexif()[274] = orientation
        np.testing.assert_array_equal(decode(data).pixels, np.asarray(ImageOps.exif_transpose(turned)))


def test_icc_profile_is_applied(photo: np.ndarray, swapping_profile: bytes) -> None:
    swapped = photo[:, :, [1, 0, 2]].astype(int)
    deep = png_file(
        (40, 24), 16, 2,
        chunk(b"iCCP", b"x\0\0" + zlib.compress(swapping_profile)), idat(photo * np.uint16(257)),
    )  # fmt: skip
    palette = Image.fromarray(photo).quantize(250)
    files = {
        "png": (save(Image.fromarray(photo), "PNG", icc_profile=swapping_profile), swapped),
        "16-bit png": (deep, swapped),
        "palette": (
            save(palette, "PNG", icc_profile=swapping_profile),
            np.asarray(palette.convert("RGB"))[:, :, [1, 0, 2]].astype(int),
        ),
        "alpha": (
            save(Image.fromarray(photo).convert("RGBA"), "PNG", icc_profile=swapping_profile),
            swapped,
        ),
    }
    for name, (data, expected) in files.items():
        assert np.abs(decode(data).pixels - expected).mean() < 12, (
            name
        )  # some colours leave sRGB and are clipped
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(save(Image.fromarray(photo), "PNG", icc_profile=srgb))
    assert np.abs(same.pixels.astype(int) - photo).max() <= 1


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_broken_profile_and_exif_cost_nothing(photo: np.ndarray) -> None:
    image = decode(save(Image.fromarray(photo), "PNG", icc_profile=b"no profile"))
    np.testing.assert_array_equal(image.pixels, photo)
    assert "icc_invalid" in image.warnings
    for block in (b"garbage", b"II*\0\x08\0\0\0\xff\xff", b""):
        damaged = png_file((40, 24), 8, 2, chunk(b"eXIf", block), idat(photo))
        np.testing.assert_array_equal(decode(damaged).pixels, photo)


def test_warnings(photo: np.ndarray, png: bytes) -> None:
    assert decode(png, "photo.JPG").warnings == ("ext_mismatch",)
    assert decode(png, "photo").warnings == ()
    red = decode(save(Image.new("RGB", (9, 9), "red"), "PNG"))
    assert red.warnings == ("constant_image",)
    one_dot = Image.new("RGB", (9, 9), "red")
    one_dot.putpixel((8, 8), (254, 0, 0))
    assert decode(save(one_dot, "PNG")).warnings == ()


def test_pixel_hash_is_of_the_picture(photo: np.ndarray, png: bytes) -> None:
    same = decode(save(Image.fromarray(photo), "WEBP", lossless=True))
    assert decode(png).pixel_hash == same.pixel_hash
    assert len(same.pixel_hash) == 64
    other = photo.copy()
    other[3, 3, 1] ^= 1
    assert decode(save(Image.fromarray(other), "PNG")).pixel_hash != same.pixel_hash
    flat = Image.fromarray(np.zeros((10, 20, 3), np.uint8))
    tall = Image.fromarray(np.zeros((20, 10, 3), np.uint8))
    assert decode(save(flat, "PNG")).pixel_hash != decode(save(tall, "PNG")).pixel_hash


def test_day_night_decodes_like_opencv(shared_data: Callable) -> None:
    for path in sorted(shared_data("day_night").glob("test/*/*"))[::20]:
        data = path.read_bytes()
        ours = decode(data).pixels
        theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        np.testing.assert_array_equal(ours, theirs)


def test_reasons_cost_nothing_to_import() -> None:
    heavy = "{'numpy', 'cv2', 'PIL', 'simplejpeg'}"
    code = f"import sys, evenlight.reasons; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
