"""Raw files -> one row each with a verdict, and never a file dropped in silence."""

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenlight.decode import Quarantine, decode
from evenlight.errors import UserError
from evenlight.listing import File, path_to_text
from evenlight.progress import progress

MAX_FILE_BYTES = 64 * 2**20

_TEXTS = ("path", "verdict", "reason", "detail", "warnings", "content_hash", "pixel_hash", "format")
_INTEGERS = {"row": "int32", "bytes": "int64"} | dict.fromkeys(
    ("width", "height", "channels", "bit_depth", "exif_orientation"), "int32"
)


def scan_shard(folder: Path, files: Iterable[File]) -> pd.DataFrame:
    """Read and decode every file of one shard; return its rows (columns: docs/output.md)."""
    files = list(files)
    rows = [_scan_file(folder, file) for file in progress(files, len(files), "scanned", "files")]
    table = pd.DataFrame(rows, columns=[*_TEXTS, *_INTEGERS])
    usable = (table["verdict"] != "quarantined").to_numpy(dtype=bool)
    table["row"] = np.where(usable, np.cumsum(usable) - 1, -1)
    # without types, the columns of an empty shard would not fit those of the others
    return table.astype(dict.fromkeys(_TEXTS, "str") | _INTEGERS)


def _empty_row(file: File) -> dict[str, Any]:
    empty = dict.fromkeys(_TEXTS, "") | dict.fromkeys(_INTEGERS, 0)
    return empty | {"path": path_to_text(file.path), "bytes": file.size}


def _scan_file(folder: Path, file: File) -> dict[str, Any]:
    row = _empty_row(file)
    try:
        data = read_file(folder / file.path, folder)
        row |= {"bytes": len(data), "content_hash": hashlib.sha256(data).hexdigest()}
        image = decode(data, file.path)
    except Quarantine as problem:
        return row | {"verdict": "quarantined", "reason": problem.reason, "detail": problem.detail}
    return row | {
        "verdict": "ok",
        "warnings": " ".join(image.warnings),
        "pixel_hash": image.pixel_hash,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "channels": image.channels,
        "bit_depth": image.bit_depth,
        "exif_orientation": image.exif_orientation,
    }


def read_file(path: Path, root: Path) -> bytes:
    """Read a file once, guarded against pipes, devices, giants and links that leave `root`.

    Raises:
        Quarantine: it is not a readable regular file inside `root`.
    """
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            target = os.path.realpath(path, strict=True)
            if os.path.commonpath([target, os.path.realpath(root)]) != os.path.realpath(root):
                raise Quarantine("symlink_outside_root")
        with open(path, "rb", opener=_open_at_once) as stream:
            facts = os.fstat(stream.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise Quarantine("not_regular_file")
            if facts.st_size > MAX_FILE_BYTES:
                raise Quarantine("file_too_large", f"{facts.st_size:,} bytes")
            data = stream.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise Quarantine("not_regular_file") from None
    except OSError as problem:
        kind = (
            "not_regular_file" if problem.errno in (6, 19) else "unreadable"
        )  # ENXIO, ENODEV: socket, device
        raise Quarantine(kind, problem.strerror or "") from None
    if not data:
        raise Quarantine("empty_file")
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Without O_NONBLOCK, opening a pipe would wait for a writer for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def decode_again(folder: Path, path: str, content_hash: str) -> np.ndarray:
    """Pixels (H, W, 3) RGB uint8 of a file that the manifest accepted.

    Raises:
        UserError: its bytes are no longer those that were scanned.
    """
    try:
        data = read_file(folder / path, folder)
        if hashlib.sha256(data).hexdigest() == content_hash:
            return decode(data, path).pixels
    except Quarantine:
        pass
    raise UserError(
        f"{path!r}: this image changed while the run was going on; run `snakemake --cores 8` again"
    )
