"""Cut, holed and lying files, and those with bytes too many."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from corpus import HEIGHT, WIDTH, Case, accepted, picture, refused
from PIL import Image

from image_files import chunk, idat, jpeg_place, jpeg_segment, png_file, save

KIND = "truncation and damage"


def sound_files() -> dict[str, bytes]:
    """One whole file of every container and compression that damage is tried on."""
    image = Image.fromarray(picture())
    return {
        "jpeg": save(image, "JPEG", quality=90),
        "progressive jpeg": save(image, "JPEG", quality=90, progressive=True),
        "jpeg with restarts": save(image, "JPEG", quality=90, restart_marker_blocks=2),
        "png": save(image, "PNG"),
        "gif": save(image, "GIF"),
        "bmp": save(image, "BMP"),
        "webp": save(image, "WEBP", quality=90),
        "lossless webp": save(image, "WEBP", lossless=True),
        "tiff": save(image, "TIFF"),
        "deflate tiff": save(image, "TIFF", compression="tiff_adobe_deflate"),
        "lzw tiff": save(image, "TIFF", compression="tiff_lzw"),
    }


def cases() -> Iterator[Case]:
    files = sound_files()
    yield from _cuts(files)
    yield from _trailing(files)
    yield from _jpegs(files["jpeg"], files["progressive jpeg"])
    yield from _pngs(files["png"])
    yield from _others(files)


def _cuts(files: dict[str, bytes]) -> Iterator[Case]:
    for name, data in files.items():
        for share in (0.02, 0.1, 0.5, 0.9, 0.99):
            yield refused(
                KIND, f"{name}, first {share:.0%}", data[: max(12, int(len(data) * share))], "truncated"
            )
        if "tiff" not in name:  # Pillow ends its TIFFs with padding
            yield refused(KIND, f"{name}, last 2 bytes gone", data[:-2], "truncated")
    for name in ("jpeg", "progressive jpeg", "jpeg with restarts", "png", "gif"):
        data = files[name]
        zeros = len(data) // 10
        yield refused(KIND, f"{name}, tail of zeros", data[:-zeros] + bytes(zeros), "truncated", "corrupt")


def _trailing(files: dict[str, bytes]) -> Iterator[Case]:
    for name in ("jpeg", "progressive jpeg", "png", "gif", "webp"):
        tolerance = 0 if name == "png" else 6
        more = files[name] + b"further bytes"
        yield accepted(KIND, f"{name}, trailing data", more, picture(), tolerance, ("trailing_data",))
    both = files["jpeg"] + files["jpeg"]
    yield accepted(KIND, "jpeg, two in one file", both, picture(), 6, ("trailing_data",))


def _jpegs(jpeg: bytes, progressive: bytes) -> Iterator[Case]:
    frame, scan = jpeg_place(jpeg, 0xC0), jpeg_place(jpeg, 0xDA)
    middle = (scan + len(jpeg)) // 2

    def lying(height: int) -> bytes:
        return jpeg[: frame + 5] + struct.pack(">H", height) + jpeg[frame + 7 :]

    yield refused(KIND, "jpeg, header says taller", lying(HEIGHT + 16), "truncated", "corrupt")
    yield refused(KIND, "jpeg, header says shorter", lying(HEIGHT - 16), "corrupt")
    yield refused(KIND, "jpeg, height 0", lying(0), "bad_dimensions")
    yield refused(KIND, "jpeg, hole", jpeg[:middle] + b"\xfe" * 200 + jpeg[middle + 200 :], "corrupt")
    yield refused(
        KIND, "jpeg, hole of zeros", jpeg[:middle] + bytes(200) + jpeg[middle + 200 :], "corrupt", "truncated"
    )
    yield refused(
        KIND,
        "jpeg, end marker in the middle",
        jpeg[:middle] + b"\xff\xd9" + jpeg[middle:],
        "corrupt",
        "truncated",
    )
    yield refused(KIND, "jpeg, segment of length 1", jpeg[:2] + b"\xff\xe0\0\1" + jpeg[2:], "corrupt")
    yield refused(KIND, "jpeg, segment past the end", jpeg[:2] + b"\xff\xe0\xff\xff" + jpeg[2:], "truncated")
    yield refused(KIND, "jpeg, no frame", jpeg[:frame] + jpeg[frame + 19 :], "corrupt")
    yield refused(KIND, "jpeg, no tables", jpeg[:2] + jpeg[jpeg_place(jpeg, 0xC0) :], "corrupt")
    yield refused(KIND, "jpeg, two frames", jpeg[:frame] + jpeg[frame : frame + 19] + jpeg[frame:], "corrupt")
    yield refused(
        KIND, "jpeg, lossless process", jpeg[:frame] + b"\xff\xc3" + jpeg[frame + 2 :], "unsupported_format"
    )
    yield refused(KIND, "jpeg-ls", jpeg[:frame] + b"\xff\xf7" + jpeg[frame + 2 :], "unsupported_format")
    yield refused(
        KIND, "jpeg of 12 bits", jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :], "unsupported_depth"
    )
    yield refused(KIND, "jpeg of 2 components", _two_components(jpeg, frame), "unsupported_channels")
    junk = ("jpeg_header_junk",)
    tables = jpeg_place(jpeg, 0xDB)
    yield accepted(
        KIND, "jpeg, junk before a table", jpeg[:tables] + b"junk" + jpeg[tables:], picture(), 6, junk
    )
    yield accepted(
        KIND, "jpeg, junk before the frame", jpeg[:frame] + b"\0" * 1999 + jpeg[frame:], picture(), 6, junk
    )
    yield accepted(KIND, "jpeg, fill bytes", jpeg[:tables] + b"\xff" * 9 + jpeg[tables:], picture(), 6)
    yield refused(KIND, "jpeg, much junk", jpeg[:tables] + b"j" * 2000 + jpeg[tables:], "corrupt")
    yield refused(KIND, "jpeg, junk before the scan", jpeg[:scan] + b"junk" + jpeg[scan:], "corrupt")
    damaged = jpeg[:middle] + b"\xfe" * 200 + jpeg[middle + 200 :]
    yield refused(KIND, "jpeg, junk and a hole", damaged[:tables] + b"junk" + damaged[tables:], "corrupt")
    yield refused(
        KIND, "jpeg, 10 stray bytes before the end", jpeg[:-2] + b"stray byte" + jpeg[-2:], "corrupt"
    )
    last = progressive.rindex(b"\xff\xda")
    broken = progressive[: last + 40] + b"\x55" * 60 + progressive[last + 100 :]
    yield refused(KIND, "progressive jpeg, hole in the last scan", broken, "corrupt", "truncated")
    spare = jpeg_segment(0xEE, b"text that is no colour mark")
    yield accepted(KIND, "jpeg, unknown segment", jpeg[:2] + spare + jpeg[2:], picture(), 6)


def _two_components(jpeg: bytes, frame: int) -> bytes:
    header = struct.pack(">BHHB", 8, HEIGHT, WIDTH, 2) + b"\1\x11\0\2\x11\0"
    return jpeg[:frame] + jpeg_segment(0xC0, header) + jpeg[frame + 19 :]


def _pngs(png: bytes) -> Iterator[Case]:
    size, image = (WIDTH, HEIGHT), picture()
    raw = b"".join(b"\0" + row.tobytes() for row in image)
    stream = zlib.compress(raw)

    def made(body: bytes, *before: bytes) -> bytes:
        return png_file(size, 8, 2, *before, chunk(b"IDAT", body))

    text = chunk(b"tEXt", b"Comment\0hello")
    for name, place in (("header", 20), ("pixels", 60), ("end", len(png) - 1)):
        flipped = png[:place] + bytes([png[place] ^ 1]) + png[place + 1 :]
        yield refused(KIND, f"png, flipped bit in the {name}", flipped, "corrupt")
    yield refused(KIND, "png, bad checksum of a text", made(stream, text[:-1] + b"\0"), "corrupt")
    yield refused(
        KIND, "png, bad checksum of the stream", made(stream[:-1] + bytes([stream[-1] ^ 1])), "corrupt"
    )
    yield refused(KIND, "png, stream without checksum", made(stream[:-4]), "truncated")
    yield refused(KIND, "png, no stream", made(b"no zlib stream"), "corrupt")
    yield refused(KIND, "png, filter 9", made(zlib.compress(b"\x09" + raw[1:])), "corrupt")
    yield refused(KIND, "png, a row too few", made(zlib.compress(raw[: -1 - 3 * WIDTH])), "truncated")
    yield refused(
        KIND, "png, header says taller", png_file((WIDTH, HEIGHT + 1), 8, 2, idat(image)), "truncated"
    )
    tall = np.tile(image, (6, 1, 1))
    yield refused(KIND, "png, header says shorter", png_file(size, 8, 2, idat(tall)), "corrupt")
    yield accepted(KIND, "png, a few bytes more", made(zlib.compress(raw + b"more")), image)
    yield refused(KIND, "png, no pixel data", png_file(size, 8, 2), "corrupt")
    yield refused(KIND, "png, no end", png[:-12], "truncated")
    yield refused(KIND, "png, header not first", png[:8] + text + png[8:], "corrupt")
    yield refused(KIND, "png, colour type 5", png_file(size, 8, 5, idat(image)), "corrupt")
    yield refused(KIND, "png, 4 bits of RGB", png_file(size, 4, 2, idat(image)), "corrupt")
    half = len(stream) // 2
    parts = png_file(
        size, 8, 2, chunk(b"IDAT", stream[:half]), chunk(b"IDAT", b""), chunk(b"IDAT", stream[half:])
    )
    yield accepted(KIND, "png, pixel data in parts", parts, image)


def _others(files: dict[str, bytes]) -> Iterator[Case]:
    gif, webp, bmp = files["gif"], files["webp"], files["bmp"]
    yield refused(KIND, "gif, no trailer", gif[:-1], "truncated")
    yield refused(KIND, "gif, block of unknown kind", gif[:-1] + b"\x77" + gif[-1:], "corrupt")
    yield refused(
        KIND, "webp, no picture", b"RIFF" + struct.pack("<I", 40) + b"WEBPEXIF" + bytes(36), "corrupt"
    )
    yield refused(
        KIND,
        "webp, bad first bytes",
        webp[:20] + b"\xff" * 10 + webp[30:],
        "corrupt",
        "too_large",
        "bad_dimensions",
    )
    yield refused(
        KIND, "bmp, header says taller", bmp[:22] + struct.pack("<i", HEIGHT + 1) + bmp[26:], "truncated"
    )
    yield refused(KIND, "bmp, unknown header", bmp[:14] + struct.pack("<I", 77) + bmp[18:], "corrupt")
    lzw = files["lzw tiff"]
    yield refused(KIND, "lzw tiff, hole", lzw[:400] + b"\xff" * 300 + lzw[700:], "corrupt", "truncated")
    deflated = files["deflate tiff"]
    yield refused(
        KIND, "deflate tiff, hole", deflated[:300] + bytes(60) + deflated[360:], "corrupt", "truncated"
    )
