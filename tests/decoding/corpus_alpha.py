"""Transparency and colour profiles."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from corpus import HEIGHT, WIDTH, Case, accepted, over_white, picture, refused
from corpus_color import SIZE, as_rgb, deep, gray, packed_bits, rounded
from PIL import Image, ImageCms

from image_files import chunk, idat, jpeg_place, png_file, save, tiff_from_tags, tiff_tags


def cases() -> Iterator[Case]:
    yield from _transparent()
    yield from _profiles()


def _transparent() -> Iterator[Case]:
    kind, rgb = "alpha", picture()
    half = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    hidden = np.where(np.arange(WIDTH) < 48, 0, 255).astype(np.uint8)[None].repeat(HEIGHT, axis=0)
    logo, shape = np.zeros_like(rgb), (rgb[:, :, 0] > 100).astype(np.uint8) * 255
    for name, color, alpha in (
        ("half alpha", rgb, half),
        ("hidden colour", rgb, hidden),
        ("black logo", logo, shape),
    ):
        image = Image.fromarray(np.dstack([color, alpha]))
        expected = over_white(color, alpha)
        yield accepted(kind, f"png, {name}", save(image, "PNG"), expected)
        yield accepted(kind, f"tiff, {name}", save(image, "TIFF"), expected)
        lossless = save(image, "WEBP", lossless=True, exact=True)
        yield accepted(kind, f"webp, {name}", lossless, expected)
    wide = np.dstack([rgb, half]).astype(np.uint16) * 257
    yield accepted(
        kind, "png of 16 bits, half alpha", png_file(SIZE, 16, 6, idat(wide)), over_white(rgb, half)
    )
    pair = np.dstack([gray(), half])
    yield accepted(
        kind, "gray png, half alpha", png_file(SIZE, 8, 4, idat(pair)), over_white(as_rgb(gray()), half)
    )
    for name, maker in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        yield refused(
            kind,
            f"{name}, fully transparent",
            save(Image.new("RGBA", SIZE, (9, 9, 9, 0)), name, **maker),
            "fully_transparent",
        )
    levels = (gray() >> 6).astype(np.uint8)
    for bits, key in ((2, 1), (4, 3), (1, 1), (8, int(gray()[40, 40]))):
        values = levels if bits == 2 else gray() >> (8 - bits)
        expected = np.where(values == key, 255, (values.astype(int) * 255 // (2**bits - 1)))
        body = idat(packed_bits(values, bits)) if bits < 8 else idat(values)
        data = png_file(SIZE, bits, 0, chunk(b"tRNS", struct.pack(">H", key)), body)
        yield accepted(
            kind, f"gray png of {bits} bits, one value transparent", data, as_rgb(expected.astype(np.uint8))
        )
    white = struct.pack(">3H", *map(int, rgb[6, 8]))
    keyed = np.where((rgb == rgb[6, 8]).all(axis=2)[:, :, None], 255, rgb).astype(np.uint8)
    yield accepted(
        kind, "png, one colour transparent", png_file(SIZE, 8, 2, chunk(b"tRNS", white), idat(rgb)), keyed
    )
    palette = Image.fromarray(rgb).quantize(8)
    clear = save(palette, "GIF", transparency=0)
    indices = np.asarray(palette)
    shown = np.where((indices == 0)[:, :, None], 255, np.asarray(palette.convert("RGB"))).astype(np.uint8)
    yield accepted(kind, "gif, one colour transparent", clear, shown)
    steps = save(palette, "PNG", transparency=bytes(range(0, 256, 32)))
    alphas = np.arange(0, 256, 32, dtype=np.uint8)[indices]
    yield accepted(
        kind, "palette png, alpha per colour", steps, over_white(np.asarray(palette.convert("RGB")), alphas)
    )


def swapping_profile() -> bytes:
    """A valid RGB profile that swaps red and green, so that it shows whether it was applied."""
    profile = bytearray(_srgb())
    for number in range(struct.unpack(">I", profile[128:132])[0]):
        entry = 132 + 12 * number
        name = bytes(profile[entry : entry + 4])
        profile[entry : entry + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    return bytes(profile)


def gray_profile() -> bytes:
    """A minimal gray profile of linear light, built by hand: littleCMS can't be asked for one from Python."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    tags = (
        struct.pack(">I", 2) + b"wtpt" + struct.pack(">2I", 156, 20) + b"kTRC" + struct.pack(">2I", 176, 12)
    )
    body = tags + white + curve
    header = struct.pack(">I", 128 + len(body)) + b"lcms" + bytes([2, 0x40, 0, 0]) + b"mntrGRAYXYZ "
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + body


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _converted(image: Image.Image, profile: bytes) -> np.ndarray:
    """littleCMS without our code around it."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.asarray(
        ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), renderingIntent=1, outputMode="RGB"
        )
    )


def _profiles() -> Iterator[Case]:
    kind, image = "colour profiles", Image.fromarray(picture())
    swapping, invalid = swapping_profile(), ("icc_invalid",)
    expected = _converted(image, swapping)
    for name, options in (
        ("PNG", {}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
    ):
        tolerance = 4 if name == "JPEG" else 0
        yield accepted(
            kind,
            f"{name}, swapping profile",
            save(image, name, icc_profile=swapping, **options),
            expected,
            tolerance,
        )
        yield accepted(
            kind,
            f"{name}, garbage profile",
            save(image, name, icc_profile=b"garbage" * 40, **options),
            picture(),
            tolerance,
            invalid,
        )
        broken = swapping[: len(swapping) // 2]
        yield accepted(
            kind,
            f"{name}, half a profile",
            save(image, name, icc_profile=broken, **options),
            picture(),
            tolerance,
            invalid,
        )
    yield accepted(kind, "png, sRGB profile", save(image, "PNG", icc_profile=_srgb()), picture(), 1)
    iccp = chunk(b"iCCP", b"x\0\0" + zlib.compress(swapping))
    deep16 = png_file(SIZE, 16, 2, iccp, idat(deep()))
    yield accepted(
        kind, "png of 16 bits, profile", deep16, _converted(Image.fromarray(rounded(deep())), swapping)
    )
    tags = tiff_tags(SIZE, 3, 16, 2) | {34675: (7, list(swapping))}
    tiff16 = tiff_from_tags([deep().tobytes()], tags)
    yield accepted(
        kind, "tiff of 16 bits, profile", tiff16, _converted(Image.fromarray(rounded(deep())), swapping)
    )
    rgba = Image.fromarray(np.dstack([picture(), np.full((HEIGHT, WIDTH), 128, np.uint8)]))
    faded = over_white(expected, np.full((HEIGHT, WIDTH), 128, np.uint8))
    yield accepted(kind, "png, alpha and profile", save(rgba, "PNG", icc_profile=swapping), faded)
    yield accepted(
        kind,
        "gray jpeg, rgb profile",
        save(image.convert("L"), "JPEG", icc_profile=swapping),
        as_rgb(gray()),
        4,
        invalid,
    )
    yield accepted(
        kind,
        "cmyk jpeg, rgb profile",
        save(image.convert("CMYK"), "JPEG", quality=95, icc_profile=swapping),
        picture(),
        4,
        invalid,
    )
    linear = gray_profile()
    light = _converted(image.convert("L"), linear)
    gray_png = save(image.convert("L"), "PNG", icc_profile=linear)
    yield accepted(kind, "gray png, gray profile", gray_png, light)
    gray_jpeg = save(image.convert("L"), "JPEG", quality=97, icc_profile=linear)
    yield accepted(kind, "gray jpeg, gray profile", gray_jpeg, light, 4)
    pair = Image.fromarray(np.dstack([gray(), np.full((HEIGHT, WIDTH), 128, np.uint8)]), "LA")
    half_light = over_white(light, np.full((HEIGHT, WIDTH), 128, np.uint8))
    yield accepted(
        kind, "gray png, alpha and gray profile", save(pair, "PNG", icc_profile=linear), half_light
    )
    gray16 = png_file(SIZE, 16, 0, chunk(b"iCCP", b"x\0\0" + zlib.compress(linear)), idat(deep()[:, :, 1]))
    alpha16 = np.full((HEIGHT, WIDTH), 128 * 257, np.uint16)
    pair16 = idat(np.dstack([gray().astype(np.uint16) * 257, alpha16]))
    profiled = png_file(SIZE, 16, 4, chunk(b"iCCP", b"x\0\0" + zlib.compress(linear)), pair16)
    yield accepted(kind, "gray png of 16 bits, alpha and gray profile", profiled, half_light)
    light16 = _converted(Image.fromarray(rounded(deep()[:, :, 1])), linear)
    yield accepted(kind, "gray png of 16 bits, gray profile", gray16, light16)
    long = swapping + bytes(70_000)
    parts = save(image, "JPEG", quality=95, subsampling=0, icc_profile=long)
    yield accepted(kind, "jpeg, profile in two parts", parts, expected, 4)
    first = jpeg_place(parts, 0xE2)
    length = 2 + int.from_bytes(parts[first + 2 : first + 4], "big")
    yield accepted(
        kind,
        "jpeg, first part of the profile missing",
        parts[:first] + parts[first + length :],
        picture(),
        4,
        invalid,
    )
