"""Raw files -> one row and one standardized image each, in one pass, and never a file dropped in silence.

A file is opened once: guarded read, hash, decode, perceptual hash, properties, standardized pixels. All of it happens
in a worker process that may die (isolation.py).
"""

import hashlib
import io
import json
import math
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from evenlight import perceptual, properties, regions
from evenlight.decode import DecodedImage, decode, glimpse
from evenlight.errors import UserError
from evenlight.isolation import IDLE, Begin, Lost, Work, isolated
from evenlight.listing import File, path_to_text
from evenlight.progress import progress
from evenlight.rawfile import read_file
from evenlight.reasons import Quarantine
from evenlight.standardize import Standardize

# hashes and properties are those of the picture at this length of its longer side
_ANALYSIS_SIDE = 256
_BATCH_BYTES = 2**25

_TEXTS = ("path", "verdict", "reason", "detail", "warnings", "content_hash", "pixel_hash", "format")
_INTEGERS = {"row": "int32", "bytes": "int64"} | dict.fromkeys(
    ("width", "height", "channels", "bit_depth", "exif_orientation"), "int32"
)
_BLOBS = ("phashes", "glimpse")
_EMPTY = dict.fromkeys(_TEXTS, "") | dict.fromkeys(_INTEGERS, 0) | dict.fromkeys(_BLOBS, b"") | {"row": -1}
PROPERTY_COLUMNS = [f"property_{name}" for name in properties.NAMES]


@dataclass
class _Scanned:
    """What became of one file: its facts, and for an image that can be decoded its pictures."""

    facts: dict[str, Any]
    small: np.ndarray | None = None  # RGB uint8, the longer side under twice _ANALYSIS_SIDE
    blobs: dict[str, bytes] = field(default_factory=dict)

    def packed(self) -> bytes:
        """As bytes that need no pickle: a JSON header, then the blobs that it gives the lengths of."""
        lengths = {name: len(blob) for name, blob in self.blobs.items()}
        header = json.dumps([self.facts, lengths]).encode()
        return struct.pack("<I", len(header)) + header + b"".join(self.blobs.values())


def scan_shard(
    folder: Path,
    files: Sequence[File],
    region: Any,
    options: Standardize,
    add_row: Callable[[bytes], None],
) -> pd.DataFrame:
    """Read, check, hash and standardize every file of one shard.

    Args:
        folder: the raw folder.
        files: its files that belong to the shard, in path order.
        region: the area of interest, one of the options in `evenlight.regions`.
        options: the shape of standardized images.
        add_row: takes the bytes of the next standardized image, uint8 (H, W, C) as `options` says.

    Returns:
        One row per file (columns: docs/output.md, shards).
    """
    images = 0
    columns: dict[str, list[Any]] = {name: [] for name in [*_TEXTS, *_INTEGERS, *_BLOBS]}
    measured = np.full((len(files), len(PROPERTY_COLUMNS)), np.nan, dtype=np.float32)
    batch = max(1, min(64, _BATCH_BYTES // math.prod(options.shape)))
    results = isolated(_scanner(folder, files, region, options), len(files), batch)
    for place, result in enumerate(progress(results, len(files), "scanned", "files")):
        facts, blobs = _unpacked(result)
        row = _EMPTY | {"path": path_to_text(files[place].path), "bytes": files[place].size} | facts
        row |= {name: blobs[name] for name in _BLOBS if name in blobs}
        if "standardized" in blobs:
            add_row(blobs["standardized"])
            measured[place] = np.frombuffer(blobs["properties"], "<f4")
            row["row"] = images
            images += 1
        for name, values in columns.items():
            values.append(row[name])
    table = pd.DataFrame(columns | dict(zip(PROPERTY_COLUMNS, measured.T, strict=True)))
    # without types, the columns of an empty shard would not fit those of the others
    return table.astype(dict.fromkeys(_TEXTS, "str") | _INTEGERS | dict.fromkeys(_BLOBS, "object"))


def _unpacked(result: bytes | Lost) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Facts and blobs of a file, those of a quarantined one when it killed its worker."""
    if isinstance(result, Lost):
        return {"verdict": "quarantined", "reason": result.reason}, {}
    (length,) = struct.unpack_from("<I", result)
    facts, lengths = json.loads(result[4 : 4 + length])
    blobs, position = {}, 4 + length
    for name, size in lengths.items():
        blobs[name] = result[position : position + size]
        position += size
    return facts, blobs


def _scanner(folder: Path, files: Sequence[File], region: Any, options: Standardize) -> Work:
    """What the worker does with some of the files."""

    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        scanned = []
        for item in items:
            begin(item)
            scanned.append(_scan_file(folder, files[item], region, options))
        begin(IDLE)  # what follows is no single file's doing
        seen = [file for file in scanned if file.small is not None]
        pictures = [file.small for file in seen if file.small is not None]
        # in one go: most of the time for a small image would be overhead
        for file, phashes, measured in zip(
            seen, perceptual.hash_variants(pictures), properties.measure(pictures), strict=True
        ):
            file.blobs |= {"phashes": phashes.tobytes(), "properties": measured.astype("<f4").tobytes()}
        return [file.packed() for file in scanned]

    return work


def _scan_file(folder: Path, file: File, region: Any, options: Standardize) -> _Scanned:
    facts: dict[str, Any] = {}
    data = b""
    try:
        data = read_file(os.path.join(folder, file.path), folder)
        facts |= {"bytes": len(data), "content_hash": hashlib.sha256(data).hexdigest()}
        image = decode(data, file.path, analysis_size)
        small = _small(image.pixels)
        standardized = _standardized(image, data, region, options)
    except Quarantine as problem:
        facts |= {"verdict": "quarantined", "reason": problem.reason, "detail": problem.detail}
        return _Scanned(facts, blobs={"glimpse": _glimpse(data)})
    except Exception as problem:  # a mistake of ours must not cost more than this file
        detail = f"internal: {type(problem).__name__}: {problem}"[:200]
        facts |= {"verdict": "quarantined", "reason": "decoder_crash", "detail": detail}
        return _Scanned(facts)
    facts |= {
        "verdict": image.verdict,
        "warnings": " ".join(image.warnings),
        "pixel_hash": image.pixel_hash,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "channels": image.channels,
        "bit_depth": image.bit_depth,
        "exif_orientation": image.exif_orientation,
    }
    return _Scanned(facts, small, blobs={"standardized": standardized.tobytes()})


def analysis_size(height: int, width: int) -> tuple[int, int]:
    """The smallest picture that hashes and properties are taken from."""
    scale = min(1.0, _ANALYSIS_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _small(pixels: np.ndarray) -> np.ndarray:
    """Means of whole blocks of pixels, as large as leave the longer side _ANALYSIS_SIDE or more.

    A batch of pictures is in memory at a time; an exact size would cost more than hash and properties do.
    """
    height, width = pixels.shape[:2]
    block = min(max(height, width) // _ANALYSIS_SIDE, height, width)
    if block < 2:
        return pixels
    size = (width // block, height // block)
    return cv2.resize(pixels[: size[1] * block, : size[0] * block], size, interpolation=cv2.INTER_AREA)


def _standardized(image: DecodedImage, data: bytes, region: Any, options: Standardize) -> np.ndarray:
    """From the pixels at hand where they are fine enough, else decoded again.

    Hashes and properties come from one fixed size, so that the manifest does not hang on `standardize`.
    """
    needed = regions.needed_size(*image.upright_size, region, options)
    if not image.full and any(have < need for have, need in zip(image.pixels.shape, needed, strict=False)):
        image = decode(data, "", lambda height, width: needed)
    return regions.frame(image.pixels, image.window, image.upright_size, region, options)


def _glimpse(data: bytes) -> bytes:
    """A thumbnail of a refused file as WebP, empty where there is nothing to see."""
    from PIL import Image

    seen = glimpse(data) if data else None
    if seen is None:
        return b""
    buffer = io.BytesIO()
    Image.fromarray(seen).save(buffer, format="WEBP", quality=78, method=4)
    return buffer.getvalue()


def full_pixel_hashes(folder: Path, files: Sequence[tuple[str, str]]) -> list[str | None]:
    """Hashes of the full pixels of accepted files that the scan decoded at a reduced size.

    Args:
        folder: the raw folder.
        files: path and content hash of each.

    Returns:
        For each file its pixel hash, None when it is no longer the file that was scanned.
    """

    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        hashes = []
        for item in items:
            begin(item)
            try:
                hashes.append(_decode_known(folder, *files[item]).pixel_hash.encode())
            except Quarantine:
                hashes.append(b"")
        return hashes

    results = progress(isolated(work, len(files)), len(files), "compared in full", "look-alikes")
    return [None if isinstance(result, Lost) or not result else result.decode() for result in results]


def decode_again(folder: Path, path: str, content_hash: str) -> np.ndarray:
    """Pixels (H, W, 3) RGB uint8 of a file that the manifest accepted.

    Raises:
        UserError: its bytes are no longer those that were scanned.
    """
    try:
        return _decode_known(folder, path, content_hash).pixels
    except Quarantine:
        raise UserError(
            f"{path!r}: this image changed since it was scanned; run `snakemake --cores 8` again"
        ) from None


def _decode_known(folder: Path, path: str, content_hash: str) -> DecodedImage:
    data = read_file(os.path.join(folder, path), folder)
    if hashlib.sha256(data).hexdigest() != content_hash:
        raise Quarantine("changed_since_manifest")
    return decode(data, path)
