"""Files that are no images, whatever they are called, and images of formats that are not read."""

from collections.abc import Iterator

import numpy as np
from corpus import Case, picture, refused
from PIL import Image

from image_files import save

_NOT_IMAGES = {
    "one byte": b"a",
    "one high byte": b"\xff",
    "zeros": bytes(5000),
    "random": np.random.default_rng(5).bytes(5000),
    "text": b"no picture here, only words\n" * 20,
    "text of another alphabet": "картинки нет".encode() * 20,
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "html after blanks": b"\n\n  <html></html>",
    "html after a byte order mark": b"\xef\xbb\xbf<html></html>",
    "xml": b"<?xml version='1.0'?><a/>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "json": b'{"picture": null}',
    "git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "zip": b"PK\3\4" + bytes(60),
    "empty zip": b"PK\5\6" + bytes(18),
    "gzip": b"\x1f\x8b\x08" + bytes(60),
    "pdf": b"%PDF-1.7\n" + bytes(60),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "postscript with preview": b"\xc5\xd0\xd3\xc6" + bytes(60),
    "windows program": b"MZ\x90\0" + bytes(60),
    "linux program": b"\x7fELF\2\1\1" + bytes(60),
    "start of a jpeg": b"\xff\xd8",
    "sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(60),
}
_OTHER_FORMATS = {
    **{
        f"ftyp {brand.decode()}": b"\0\0\0\x18ftyp" + brand + bytes(60)
        for brand in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"isom")
    },
    **{
        f"netpbm {magic.decode()}": magic + b"\n9 9\n255\n" + bytes(300)
        for magic in (b"P1", b"P3", b"P6", b"P7", b"PF")
    },
    "jpeg xl": b"\xff\x0a" + bytes(60),
    "jpeg xl in boxes": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "jpeg 2000 code stream": b"\xff\x4f\xff\x51" + bytes(60),
    "photoshop": b"8BPS\0\1" + bytes(60),
    "icon": b"\0\0\1\0\1\0" + bytes(60),
    "cursor": b"\0\0\2\0\1\0" + bytes(60),
    "dds": b"DDS \x7c" + bytes(120),
    "qoi": b"qoif" + bytes(60),
    "openexr": b"v/1\x01" + bytes(60),
    "radiance": b"#?RADIANCE\n" + bytes(60),
    "farbfeld": b"farbfeld" + bytes(60),
    "fits": b"SIMPLE  =                    T" + bytes(60),
}


def cases() -> Iterator[Case]:
    yield refused("not images", "empty", b"", "empty_file")
    for name, data in _NOT_IMAGES.items():
        yield refused("not images", name, data, "not_an_image")
    for name, data in _OTHER_FORMATS.items():
        yield refused("other formats", name, data, "unsupported_format")
    jpeg = save(Image.fromarray(picture()), "JPEG")
    yield refused("not images", "jpeg after junk", b"\0\1\2\3" + jpeg, "not_an_image")
    yield refused("not images", "jpeg, start and end alone", b"\xff\xd8\xff\xd9", "corrupt")
    for magic in (
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"MM\0+",
        b"RIFF\0\0\0\0WEBP",
    ):
        yield refused("not images", f"nothing but {magic!r}", magic, "truncated")
