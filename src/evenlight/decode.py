"""Bytes of an image file -> RGB uint8 array, or a reason why not.

The policy is the design's reliability.md, section 2: the type comes from the first bytes (never from the extension),
limits are checked on the header before pixels are allocated, JPEGs must pass libjpeg without a warning, 16-bit images
are scaled, ICC profiles are converted to sRGB, EXIF orientation is applied and alpha is composited over white. cv2
never sees a path: its path functions crash on odd names.
"""

import hashlib
import io
import os
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

MAX_PIXELS = 64_000_000
MAX_SIDE = 30_000
MIN_SIDE = 8
MAX_ASPECT = 50

# one plain sentence per reason, for logs and the report
REASONS = {
    "empty_file": "The file has no bytes.",
    "file_too_large": "The file is larger than 64 MiB.",
    "unreadable": "The file can't be read: no permission, an I/O error or a broken link.",
    "not_regular_file": "This is a folder link, pipe, socket or device, not a file.",
    "symlink_outside_root": "This link leads out of the data set's folder.",
    "not_an_image": "The content is not an image, whatever the name says.",
    "unsupported_format": "An image format that is not read here; convert it to JPEG or PNG first.",
    "unsupported_depth": "A bit depth that can't be read faithfully; convert it to 8 bits per channel.",
    "truncated": "The data ends too early: the file was cut off.",
    "corrupt": "The data is damaged.",
    "bad_dimensions": "The header gives a width or height of zero or less.",
    "too_large": "More than 64 million pixels or a side over 30,000 pixels.",
    "too_small": "A side is shorter than 8 pixels.",
    "extreme_aspect": "One side is more than 50 times as long as the other.",
    "animated": "More than one frame; extract the one you mean.",
    "multi_page": "More than one page; extract the one you mean.",
    "fully_transparent": "Every pixel is fully transparent: there is nothing to see.",
    "decoder_crash": "The decoder failed unexpectedly.",
    "no_label": "Neither a class folder nor metadata.csv gives this image a label.",
}

_FORMATS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_OTHER_IMAGES = (
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL ", "jxl"),
    (b"\0\0\0\x0cjP  ", "jp2"),
    (b"8BPS", "psd"),
    (b"\0\0\1\0", "ico"),
    (b"DDS ", "dds"),
    (b"qoif", "qoi"),
    (b"v/1\x01", "exr"),
)
_NOT_IMAGES = (
    (b"%PDF", "pdf"),
    (b"PK\3\4", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"version https://git-lfs", "git-lfs pointer: run `git lfs pull`"),
    (b"%!PS", "postscript"),
    (b"MZ", "exe"),
)
_EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "TIFF": {".tif", ".tiff"},
    "WEBP": {".webp"},
}
# messages of libjpeg that say nothing about the pixels: the picture is then read by Pillow
_HARMLESS_JPEG = {
    "Could not determine subsampling": "jpeg_gate_skipped",
    "Unsupported color conversion": "jpeg_gate_skipped",
    "bad ICC marker": "icc_invalid",
}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BITS_TAG, _PHOTOMETRIC_TAG, _ORIENTATION_TAG = 258, 262, 274


class Quarantine(Exception):  # noqa: N818 (a verdict, not a failure of ours)
    """The file can't be used: `reason` is a key of REASONS, `detail` says more in a few words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class DecodedImage:
    """Pixels and the facts of the file they came from.

    `pixels` is RGB uint8 (H, W, 3), upright; `width`, `height`, `channels` and `bit_depth` are those of the file
    before any conversion; `exif_orientation` is 0 when the file gives none.
    """

    pixels: np.ndarray
    format: str
    width: int
    height: int
    channels: int
    bit_depth: int
    exif_orientation: int
    warnings: tuple[str, ...] = ()

    @property
    def pixel_hash(self) -> str:
        """sha256 of height, width and pixels: equal for two files that show the same picture."""
        digest = hashlib.sha256(struct.pack("<II", *self.pixels.shape[:2]))
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


def sniff(data: bytes) -> str:
    """Pillow's name of the format, from the first bytes.

    Raises:
        Quarantine: not an image, or a format that is not read here.
    """
    for magic, name in _FORMATS:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        raise Quarantine("unsupported_format", data[8:12].decode("ascii", "replace"))
    for magic, name in _OTHER_IMAGES:
        if data.startswith(magic):
            raise Quarantine("unsupported_format", name)
    for magic, name in _NOT_IMAGES:
        if data.startswith(magic):
            raise Quarantine("not_an_image", name)
    head = data[:512]
    if head.lstrip().startswith(b"<"):
        raise Quarantine("not_an_image", "svg" if b"<svg" in head else "html or xml")
    if all(byte in b"\t\n\r\f" or 32 <= byte != 127 for byte in head):
        raise Quarantine("not_an_image", "text")
    raise Quarantine("not_an_image", "unknown bytes")


def decode(data: bytes, name: str = "") -> DecodedImage:
    """Decode one image file.

    Args:
        data: the whole file.
        name: the file's name, only to warn about an extension that does not fit.

    Raises:
        Quarantine: with the first reason met.
    """
    if not data:
        raise Quarantine("empty_file")
    kind = sniff(data)
    warnings = []
    suffix = os.path.splitext(name)[1].lower()
    if suffix and suffix not in _EXTENSIONS[kind]:
        warnings.append("ext_mismatch")
    png_depth = _walk_png(data) if kind == "PNG" else 0
    try:
        return _decode_known(data, kind, png_depth, warnings)
    except Quarantine:
        raise
    except (MemoryError, Image.DecompressionBombError) as problem:
        raise Quarantine("too_large", type(problem).__name__) from None
    except Exception as problem:  # decoders raise at least eight types on damaged files
        text = str(problem)
        cut = "truncat" in text.lower() or "not processed" in text
        raise Quarantine("truncated" if cut else "corrupt", text[:200]) from None


def _decode_known(data: bytes, kind: str, png_depth: int, warnings: list[str]) -> DecodedImage:
    # global state of Pillow: our own limits are checked instead, and half a picture is never accepted
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
    except UnidentifiedImageError:  # its text holds a memory address, so it differs between runs
        raise Quarantine("corrupt", "the header can't be read") from None
    width, height = image.size
    _check_dimensions(width, height)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and kind != "JPEG":  # an MPO is a JPEG with further pictures behind the first
        raise Quarantine("multi_page" if kind == "TIFF" else "animated", f"{frames} frames")
    orientation = _orientation(image)
    if kind == "TIFF" and orientation >= 5:  # Pillow gives the size after turning
        width, height = height, width
    profile = image.info.get("icc_profile")
    channels = len(image.getbands())
    depth = png_depth or _depth(image)
    pixels = None
    if kind == "JPEG":
        pixels = _gate_jpeg(data, warnings)
    if pixels is None or profile or image.mode not in ("RGB", "L"):
        pixels = _load(image, data, depth, profile, warnings)
    if kind != "TIFF":  # Pillow and cv2 turn TIFFs upright themselves
        pixels = _upright(pixels, orientation)
    if (pixels == pixels[0, 0]).all():
        warnings.append("constant_image")
    return DecodedImage(
        pixels, kind, width, height, channels, depth, orientation, tuple(sorted(set(warnings)))
    )


def _load(
    image: Image.Image, data: bytes, depth: int, profile: bytes | None, warnings: list[str]
) -> np.ndarray:
    """Pixels of an opened image as RGB uint8 (H, W, 3)."""
    image.load()
    if depth == 16 and not image.mode.startswith("I"):
        image = Image.fromarray(_read_deep(data))
    elif image.mode == "I;16" and _tiff_tag(image, _PHOTOMETRIC_TAG) == (0,):
        image = Image.fromarray(65535 - np.asarray(image).astype(np.uint16))  # white is zero
    return _to_rgb(image, profile, warnings)


def _depth(image: Image.Image) -> int:
    """Bits per channel of an opened file that is not a PNG."""
    if image.mode == "1":
        return 1
    bits = max(_tiff_tag(image, _BITS_TAG) or (8,))
    if bits not in (1, 2, 4, 8, 16):
        raise Quarantine("unsupported_depth", f"{bits} bits")
    return bits


def _tiff_tag(image: Image.Image, tag: int) -> tuple[int, ...]:
    """Values of a tag, empty where there is none or the image is no TIFF."""
    value = getattr(image, "tag_v2", {}).get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror pixels (H, W, 3) as an EXIF orientation of 0 to 8 says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _check_dimensions(width: int, height: int) -> None:
    size = f"{width} x {height}"
    if width <= 0 or height <= 0:
        raise Quarantine("bad_dimensions", size)
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise Quarantine("too_large", size)
    if min(width, height) < MIN_SIDE:
        raise Quarantine("too_small", size)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise Quarantine("extreme_aspect", size)


def _walk_png(data: bytes) -> int:
    """Check chunks and pixel data of a PNG; return the bit depth. Pillow accepts bad CRCs and missing rows."""
    position, parts, header = 8, [], b""
    for _ in range(20_000):
        if position + 12 > len(data):
            raise Quarantine("truncated", "no IEND chunk")
        (length,) = struct.unpack(">I", data[position : position + 4])
        name = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise Quarantine("truncated", f"chunk {name!r} runs past the end")
        body = memoryview(data)[position + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(name)) != struct.unpack(">I", data[end - 4 : end])[0]:
            raise Quarantine("corrupt", f"bad CRC in chunk {name!r}")
        if position == 8:
            if name != b"IHDR" or length != 13:
                raise Quarantine("corrupt", "does not begin with IHDR")
            header = bytes(body)
            _check_dimensions(*struct.unpack(">II", header[:8]))
        if name == b"acTL":
            raise Quarantine("animated", "APNG")
        if name == b"tRNS" and header[8] == 16:
            raise Quarantine("unsupported_depth", "16 bits with a transparent colour")
        if name == b"IDAT":
            parts.append(body)
        if name == b"IEND":
            _check_png_data(header, b"".join(parts))
            return header[8]
        position = end
    raise Quarantine("corrupt", "more than 20,000 chunks")


def _check_png_data(header: bytes, compressed: bytes) -> None:
    """Inflate the pixel data: exactly as many bytes as the header promises, and a right checksum."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(color)
    if channels is None or depth not in (1, 2, 4, 8, 16):
        raise Quarantine("corrupt", f"colour type {color} with {depth} bits")
    # first column and row of a pass, and the steps from one to the next
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-((x - width) // dx), -((y - height) // dy)) for x, y, dx, dy in passes]
    expected = sum(
        rows * (1 + (columns * channels * depth + 7) // 8) for columns, rows in sizes if columns > 0
    )
    inflater = zlib.decompressobj()
    try:
        found = len(inflater.decompress(compressed, expected + 65_536))
    except zlib.error as problem:
        raise Quarantine("corrupt", str(problem)) from None
    if found < expected:
        raise Quarantine("truncated", f"{found:,} of {expected:,} bytes of pixel data")
    if found > expected + 65_535:
        raise Quarantine("corrupt", "more pixel data than the picture holds")
    if not inflater.eof:
        raise Quarantine("truncated", "pixel data without its checksum")


def _gate_jpeg(data: bytes, warnings: list[str]) -> np.ndarray | None:
    """Decode strictly: libjpeg's warnings become errors. None when only the gate, not the file, is at a loss."""
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError as problem:
        text = str(problem)
        for harmless, warning in _HARMLESS_JPEG.items():
            if harmless in text:
                warnings.append(warning)
                return None
        raise Quarantine("truncated" if "end of JPEG" in text else "corrupt", text[:200]) from None


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 0)
    except Exception:  # a damaged EXIF block takes nothing away from the pixels
        return 0
    return value if value in range(1, 9) else 0


def _read_deep(data: bytes) -> np.ndarray:
    """A 16-bit colour PNG or TIFF as 8-bit RGB or RGBA; Pillow would keep the high byte only."""
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3:
        raise Quarantine("unsupported_depth", "16 bits")
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return _to_8_bits(cv2.cvtColor(deep, codes[deep.shape[2]]))


def _to_8_bits(deep: np.ndarray) -> np.ndarray:
    """uint16 -> uint8 with rounding: value / 257."""
    return ((deep.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _to_rgb(image: Image.Image, profile: bytes | None, warnings: list[str]) -> np.ndarray:
    """A loaded, upright Pillow image of any mode as RGB uint8 (H, W, 3)."""
    if image.mode.startswith("I;16"):
        gray = _to_8_bits(np.asarray(image).astype(np.uint16))
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise Quarantine("unsupported_depth", f"Pillow mode {image.mode}")
    if image.mode in ("PA", "LA", "La", "RGBa", "RGBA") or "transparency" in image.info:
        alpha_image = image.convert("RGBA")
        color = _to_srgb(alpha_image.convert("RGB"), profile, warnings) if profile else alpha_image
        array = np.dstack([np.asarray(color)[:, :, :3], np.asarray(alpha_image)[:, :, 3]])
        return _composite_over_white(array)
    if image.mode == "P":
        image = image.convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK"):
        return np.ascontiguousarray(_to_srgb(image, profile, warnings).convert("RGB"))
    return np.ascontiguousarray(image.convert("RGB"))


def _to_srgb(image: Image.Image, profile: bytes, warnings: list[str]) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        converted = ImageCms.profileToProfile(image, source, target, intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # broken, or a profile for another colour space
        converted = None
    if converted is None:
        warnings.append("icc_invalid")
        return image.convert("RGB")
    return converted


def _composite_over_white(rgba: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 4) over white, rounded, as uint8 (H, W, 3)."""
    alpha = rgba[:, :, 3:].astype(np.uint32)
    if alpha.max() == 0:
        raise Quarantine("fully_transparent")
    blended = (rgba[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)
