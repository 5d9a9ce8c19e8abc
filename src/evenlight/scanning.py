"""Raw files -> one row each with a verdict, and never a file dropped in silence."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenlight.decode import Quarantine, decode, read_file
from evenlight.errors import UserError
from evenlight.listing import File, path_to_text
from evenlight.progress import progress

_INTEGERS = {"row": "int32", "bytes": "int64"} | dict.fromkeys(
    ("width", "height", "channels", "bit_depth", "exif_orientation"), "int32"
)


def scan_shard(folder: Path, files: Iterable[File]) -> pd.DataFrame:
    """Read and decode every file of one shard; return its rows (columns: docs/output.md)."""
    files = list(files)
    rows = [_scan_file(folder, file) for file in progress(files, len(files), "scanned", "files")]
    table = pd.DataFrame(rows, columns=list(_empty_row(File("", 0, 0))))
    usable = (table["verdict"] != "quarantined").to_numpy(dtype=bool)
    table["row"] = np.where(usable, np.cumsum(usable) - 1, -1)
    return table.astype(_INTEGERS)


def _empty_row(file: File) -> dict[str, Any]:
    text = dict.fromkeys(
        ("verdict", "reason", "detail", "warnings", "content_hash", "pixel_hash", "format"), ""
    )
    return {"path": path_to_text(file.path), **text, **dict.fromkeys(_INTEGERS, 0), "bytes": file.size}


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
