"""The format of a file from its first bytes; its name plays no part."""

from evenlight.reasons import Quarantine

EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "TIFF": {".tif", ".tiff"},
    "WEBP": {".webp"},
}

_FORMATS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIF",
}
_OTHER_IMAGES = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\2\0", "CUR"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"farbfeld", "farbfeld"),
    (b"SIMPLE  =", "FITS"),
)
_PNM = {*(b"P%d" % number for number in range(1, 8)), b"Pf", b"PF"}
_WHITE = b" \t\n\v\f\r"
_NOT_IMAGES = (
    (b"%PDF", "pdf"),
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"PK\7\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"version https://git-lfs", "git-lfs pointer: run `git lfs pull`"),
    (b"%!PS", "postscript"),
    (b"\xc5\xd0\xd3\xc6", "postscript"),
    (b"MZ", "exe"),
    (b"\x7fELF", "exe"),
)


def sniff(data: bytes) -> str:
    """Pillow's name of the format: JPEG, PNG, GIF, BMP, TIFF or WEBP.

    Raises:
        Quarantine: not an image, or a format that is not read here.
    """
    for magic, name in _FORMATS:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    other = _other_image(data)
    if other:
        raise Quarantine("unsupported_format", f"{other}: convert to JPEG or PNG first")
    raise Quarantine("not_an_image", _kind(data))


def _other_image(data: bytes) -> str:
    """Name of an image format that is not read here, else an empty string."""
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return _BRANDS.get(brand) or f"brand {brand.decode('ascii', 'replace')!r}"
    for magic, name in _OTHER_IMAGES:
        if data.startswith(magic):
            return name
    if data[:2] in _PNM and data[2:3] and data[2:3] in _WHITE:
        return "PNM"
    return ""


def _kind(data: bytes) -> str:
    for magic, name in _NOT_IMAGES:
        if data.startswith(magic):
            return name
    head = data[:512].removeprefix(b"\xef\xbb\xbf")
    if head.lstrip().startswith(b"<"):
        return "svg" if b"<svg" in head else "html or xml"
    if all(byte in b"\t\n\r\f" or 32 <= byte != 127 for byte in head):
        return "text"
    return "unknown bytes"
