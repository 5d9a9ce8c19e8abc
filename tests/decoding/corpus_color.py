"""Colour models, bit depths, transparency and colour profiles."""

import struct
from collections.abc import Iterator

import numpy as np
import simplejpeg
from corpus import HEIGHT, WIDTH, Case, accepted, picture, refused
from PIL import Image, ImageCms

from image_files import chunk, idat, jpeg_place, png_file, save, tiff_from_tags, tiff_tags

KIND = "colour and depth"
SIZE = (WIDTH, HEIGHT)


def cases() -> Iterator[Case]:
    yield from _jpegs()
    yield from _pngs()
    yield from _tiffs()
    yield from _deep_tiffs()
    yield from _others()


def gray() -> np.ndarray:
    """uint8 (64, 96)."""
    return np.asarray(Image.fromarray(picture()).convert("L"))


def as_rgb(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, None], 3, axis=2)


def deep() -> np.ndarray:
    """The picture with 16 bits, its low bytes in use: uint16 (64, 96, 3)."""
    low = np.arange(picture().size).reshape(picture().shape) * 37 % 256
    return (picture().astype(np.uint16) << 8) + low.astype(np.uint16)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values / 257).astype(np.uint8)


def _jpegs() -> Iterator[Case]:
    image = Image.fromarray(picture())
    for subsampling in ("444", "422", "420", "440", "411"):
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(picture()), 92, colorsubsampling=subsampling)
        yield accepted(KIND, f"jpeg {subsampling}", data, picture(), 8)
    yield accepted(KIND, "gray jpeg", save(image.convert("L"), "JPEG", quality=95), as_rgb(gray()), 3)
    yield accepted(KIND, "rgb jpeg", save(image, "JPEG", quality=95, keep_rgb=True), picture(), 4)
    inks = image.convert("CMYK")
    with_mark = save(inks, "JPEG", quality=95)
    yield accepted(KIND, "cmyk jpeg", with_mark, picture(), 4)
    adobe = jpeg_place(with_mark, 0xEE)
    yield accepted(
        KIND, "cmyk jpeg without adobe mark", with_mark[:adobe] + with_mark[adobe + 16 :], picture(), 4
    )
    yield accepted(KIND, "ycck jpeg", _ycck(with_mark, adobe), None)
    # one table set for all, so that other sampling factors only put the blocks elsewhere
    strange = _with_factors(save(image, "JPEG", quality=95, keep_rgb=True), (0x11, 0x11, 0x12))
    yield accepted(KIND, "jpeg of odd factors", strange, None, warnings=("jpeg_gate_skipped",))
    doubled = _with_factors(save(image.convert("L"), "JPEG", quality=95), (0x22,))
    yield accepted(KIND, "gray jpeg of factors 2 x 2", doubled, as_rgb(gray()), 3)


def _ycck(cmyk: bytes, adobe: int) -> bytes:
    """The same samples, declared as luminance and two colour differences of the inks."""
    return cmyk[: adobe + 15] + b"\2" + cmyk[adobe + 16 :]


def _with_factors(jpeg: bytes, factors: tuple[int, ...]) -> bytes:
    """The same data, declared with these sampling factors, one per component."""
    changed, frame = bytearray(jpeg), jpeg_place(jpeg, 0xC0)
    for component, factor in enumerate(factors):
        changed[frame + 11 + 3 * component] = factor
    return bytes(changed)


def _pngs() -> Iterator[Case]:
    image, values = Image.fromarray(picture()), gray()
    for bits in (1, 2, 4):
        levels = (values >> (8 - bits)).astype(np.uint8)
        expected = as_rgb((levels.astype(int) * 255 // (2**bits - 1)).astype(np.uint8))
        yield accepted(
            KIND,
            f"gray png of {bits} bits",
            png_file(SIZE, bits, 0, idat(packed_bits(levels, bits))),
            expected,
        )
        palette = chunk(b"PLTE", bytes(range(3 * 2**bits)))
        colors = np.arange(3 * 2**bits, dtype=np.uint8).reshape(-1, 3)[levels]
        data = png_file(SIZE, bits, 3, palette, idat(packed_bits(levels, bits)))
        yield accepted(KIND, f"palette png of {bits} bits", data, colors)
    yield accepted(KIND, "gray png", save(image.convert("L"), "PNG"), as_rgb(values))
    quantized = image.quantize(200)
    yield accepted(
        KIND, "palette png of 8 bits", save(quantized, "PNG"), np.asarray(quantized.convert("RGB"))
    )
    yield accepted(
        KIND,
        "png with gamma",
        png_file(SIZE, 8, 2, chunk(b"gAMA", struct.pack(">I", 100_000)), idat(picture())),
        picture(),
    )
    white = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    yield accepted(
        KIND,
        "png with chromaticities",
        png_file(SIZE, 8, 2, chunk(b"cHRM", white), idat(picture())),
        picture(),
    )
    yield accepted(KIND, "rgb png of 16 bits", png_file(SIZE, 16, 2, idat(deep())), rounded(deep()))
    yield accepted(
        KIND,
        "gray png of 16 bits",
        png_file(SIZE, 16, 0, idat(deep()[:, :, 1])),
        as_rgb(rounded(deep()[:, :, 1])),
    )
    dim = deep() >> 4
    yield accepted(
        KIND,
        "png of 12 bits in 16",
        png_file(SIZE, 16, 2, idat(dim)),
        rounded(dim),
        warnings=("low_bit_depth",),
    )
    for color, samples in ((0, 1), (2, 3)):
        key = chunk(b"tRNS", bytes(2 * samples))
        values16 = deep() if samples == 3 else deep()[:, :, 0]
        yield refused(
            KIND,
            f"png of 16 bits, colour type {color}, transparent colour",
            png_file(SIZE, 16, color, key, idat(values16)),
            "unsupported_depth",
        )


def packed_bits(levels: np.ndarray, bits: int) -> np.ndarray:
    """Small values (H, W) to bytes, first pixel in the high bits."""
    per_byte = 8 // bits
    groups = levels.reshape(levels.shape[0], -1, per_byte).astype(int)
    shifts = [8 - bits * (place + 1) for place in range(per_byte)]
    return (groups << shifts).sum(axis=2).astype(np.uint8)


def _tiffs() -> Iterator[Case]:
    image, values = Image.fromarray(picture()), gray()
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"):
        yield accepted(KIND, f"tiff {compression}", save(image, "TIFF", compression=compression), picture())
    yield accepted(KIND, "tiff jpeg", save(image, "TIFF", compression="jpeg", quality=95), picture(), 5)
    for compression in ("group3", "group4", "tiff_ccitt"):
        fax = image.convert("1", dither=Image.Dither.NONE)
        data = save(fax, "TIFF", compression=compression)
        yield accepted(KIND, f"fax tiff {compression}", data, np.asarray(fax.convert("RGB")))
    for order, big in (("<", False), (">", False), ("<", True)):
        name = f"tiff, {'big' if order == '>' else 'little'} endian{', BigTIFF' if big else ''}"
        tags = tiff_tags(SIZE, 3, 8, 2)
        yield accepted(KIND, name, tiff_from_tags([picture().tobytes()], tags, order, big), picture())
    unread = tiff_from_tags([picture().tobytes()], tiff_tags(SIZE, 3, 8, 2), ">", big=True)
    yield refused(KIND, "tiff, big endian, BigTIFF", unread, "unsupported_format")
    yield accepted(KIND, "gray tiff", save(image.convert("L"), "TIFF"), as_rgb(values))
    inverted = tiff_from_tags([(255 - values).tobytes()], tiff_tags(SIZE, 1, 8, 0))
    yield accepted(KIND, "tiff, white is zero", inverted, as_rgb(values))
    yield accepted(
        KIND, "palette tiff", save(image.quantize(99), "TIFF"), np.asarray(image.quantize(99).convert("RGB"))
    )
    yield accepted(KIND, "cmyk tiff", save(image.convert("CMYK"), "TIFF"), picture(), 1)
    planes = [picture()[:, :, channel].tobytes() for channel in range(3)]
    planar = tiff_tags(SIZE, 3, 8, 2) | {284: (3, [2])}
    yield accepted(KIND, "planar tiff", tiff_from_tags(planes, planar), picture())
    tiles = [
        picture()[top : top + 32, left : left + 32].tobytes()
        for top in range(0, HEIGHT, 32)
        for left in range(0, WIDTH, 32)
    ]
    tiled = tiff_tags(SIZE, 3, 8, 2) | {322: (4, [32]), 323: (4, [32]), 324: (4, [])}
    del tiled[278]
    yield accepted(KIND, "tiled tiff", tiff_from_tags(tiles, tiled), picture())
    yield refused(KIND, "tiled tiff, a tile missing", tiff_from_tags(tiles[:-1], tiled), "truncated")
    strips = [picture()[top : top + 10].tobytes() for top in range(0, HEIGHT, 10)]
    striped = tiff_tags(SIZE, 3, 8, 2) | {278: (4, [10])}
    yield accepted(KIND, "striped tiff", tiff_from_tags(strips, striped), picture())
    yield refused(KIND, "striped tiff, a strip missing", tiff_from_tags(strips[:-1], striped), "truncated")
    yield refused(
        KIND, "striped tiff, a strip too short", tiff_from_tags([*strips[:-1], b"\0"], striped), "truncated"
    )
    taller = tiff_tags((WIDTH, HEIGHT + 1), 3, 8, 2)
    yield refused(
        KIND, "tiff, header says taller", tiff_from_tags([picture().tobytes()], taller), "truncated"
    )
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    yield accepted(KIND, "lab tiff", save(lab, "TIFF"), picture(), 3)
    ycbcr, sampled = np.asarray(image.convert("YCbCr")).tobytes(), tiff_tags(SIZE, 3, 8, 6)
    whole = tiff_from_tags([ycbcr], sampled | {530: (3, [1, 1])})
    yield accepted(KIND, "ycbcr tiff", whole, picture(), 2)
    less = tiff_from_tags([ycbcr], sampled | {530: (3, [2, 2])})
    yield refused(KIND, "ycbcr tiff of fewer colour samples", less, "unsupported_format")
    for samples in (2, 5):
        more = np.repeat(values[:, :, None], samples, axis=2)
        data = tiff_from_tags([more.tobytes()], tiff_tags(SIZE, samples, 8, 1 if samples == 2 else 2))
        yield refused(KIND, f"tiff of {samples} channels", data, "unsupported_channels")
    odd = tiff_tags(SIZE, 3, 8, 2)
    yield refused(
        KIND,
        "tiff of unknown compression",
        tiff_from_tags([b"x" * 99], odd | {259: (3, [34712])}),
        "unsupported_format",
    )
    yield refused(
        KIND,
        "tiff of unknown colours",
        tiff_from_tags([picture().tobytes()], odd | {262: (3, [32844])}),
        "unsupported_format",
    )
    del odd[256]
    yield refused(KIND, "tiff without width", tiff_from_tags([picture().tobytes()], odd), "corrupt")


def _deep_tiffs() -> Iterator[Case]:
    for order in "<>":
        side = "big" if order == ">" else "little"
        rgb = tiff_from_tags([deep().astype(f"{order}u2").tobytes()], tiff_tags(SIZE, 3, 16, 2), order)
        yield accepted(KIND, f"rgb tiff of 16 bits, {side} endian", rgb, rounded(deep()))
        one = deep()[:, :, 1].astype(f"{order}u2")
        normal = tiff_from_tags([one.tobytes()], tiff_tags(SIZE, 1, 16, 1), order)
        yield accepted(KIND, f"gray tiff of 16 bits, {side} endian", normal, as_rgb(rounded(one)))
        white = tiff_from_tags([one.tobytes()], tiff_tags(SIZE, 1, 16, 0), order)
        yield accepted(
            KIND, f"tiff of 16 bits, white is zero, {side} endian", white, as_rgb(rounded(65535 - one))
        )
    dim = tiff_from_tags([(deep() >> 4).tobytes()], tiff_tags(SIZE, 3, 16, 2))
    yield accepted(KIND, "tiff of 12 bits in 16", dim, rounded(deep() >> 4), warnings=("low_bit_depth",))
    planes = [np.ascontiguousarray(deep()[:, :, channel]).tobytes() for channel in range(3)]
    planar = tiff_from_tags(planes, tiff_tags(SIZE, 3, 16, 2) | {284: (3, [2])})
    yield refused(KIND, "planar tiff of 16 bits", planar, "unsupported_depth")
    for bits, sample_format, name in (
        (32, 3, "float"),
        (32, 1, "32-bit"),
        (16, 2, "signed"),
        (64, 3, "double"),
        (12, 1, "12-bit"),
    ):
        body = bytes(WIDTH * HEIGHT * bits // 8)
        data = tiff_from_tags([body], tiff_tags(SIZE, 1, bits, 1) | {339: (3, [sample_format])})
        yield refused(KIND, f"{name} tiff", data, "unsupported_depth")
    four = tiff_from_tags(
        [np.dstack([deep(), deep()[:, :, 0]]).tobytes()], tiff_tags(SIZE, 4, 16, 2) | {338: (3, [2])}
    )
    yield refused(KIND, "rgba tiff of 16 bits", four, "unsupported_depth")
    inks = tiff_from_tags([bytes(WIDTH * HEIGHT * 8)], tiff_tags(SIZE, 4, 16, 5))
    yield refused(KIND, "cmyk tiff of 16 bits", inks, "unsupported_depth")


def _others() -> Iterator[Case]:
    image = Image.fromarray(picture())
    quantized = np.asarray(image.quantize(256).convert("RGB"))
    yield accepted(KIND, "gif", save(image.quantize(256), "GIF"), quantized)
    yield accepted(KIND, "gray gif", save(image.convert("L"), "GIF"), as_rgb(gray()))
    yield accepted(KIND, "bmp", save(image, "BMP"), picture())
    yield accepted(KIND, "gray bmp", save(image.convert("L"), "BMP"), as_rgb(gray()))
    black = image.convert("1", dither=Image.Dither.NONE)
    yield accepted(KIND, "bmp of 1 bit", save(black, "BMP"), np.asarray(black.convert("RGB")))
    yield accepted(
        KIND, "palette bmp", save(image.quantize(200), "BMP"), np.asarray(image.quantize(200).convert("RGB"))
    )
    yield accepted(
        KIND, "bmp from top to bottom", _bmp(picture()[:, :, ::-1].tobytes(), 24, -HEIGHT), picture()
    )
    r, g, b = (picture()[:, :, channel].astype(np.uint16) for channel in range(3))
    packed = (r >> 3 << 11) | (g >> 2 << 5) | (b >> 3)
    five = [
        (values >> drop).astype(int) * 255 / ((256 >> drop) - 1) for values, drop in ((r, 3), (g, 2), (b, 3))
    ]
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    data = _bmp(packed[::-1].astype("<u2").tobytes(), 16, HEIGHT, 3, masks)
    yield accepted(KIND, "bmp of 5, 6 and 5 bits", data, np.round(np.dstack(five)).astype(np.uint8), 1)
    yield accepted(KIND, "webp", save(image, "WEBP", quality=95), picture(), 6)
    yield accepted(KIND, "lossless webp", save(image, "WEBP", lossless=True), picture())


def _bmp(body: bytes, bits: int, height: int, compression: int = 0, masks: bytes = b"") -> bytes:
    header = (
        struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(body), 0, 0, 0, 0) + masks
    )
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body
