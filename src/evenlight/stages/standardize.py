"""Stage `standardize`: one shard's images -> one array."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.errors import UserError
from evenlight.listing import text_to_path
from evenlight.progress import progress
from evenlight.scanning import decode_again
from evenlight.standardize import standardize as standardize_image
from evenlight.storage import read_table, write_array


def standardize(folder: Path, shard: Path, options: Mapping[str, Any], array: Path) -> None:
    """Decode the usable images of a shard again and bring them to one shape.

    Raises:
        UserError: an image changed since the scan, or the disk has too little space.
    """
    table = read_table(shard)
    rows = table[table["verdict"] != "quarantined"]
    shape = (len(rows), *options["size"], 1 if options["color"] == "gray" else 3)
    _check_space(array, math.prod(shape))
    images = np.empty(shape, dtype=np.uint8)
    files = list(zip(rows["path"], rows["content_hash"], strict=True))
    for number, (path, content_hash) in enumerate(progress(files, len(files), "standardized", "images")):
        pixels = decode_again(folder, text_to_path(path), content_hash)
        images[number] = standardize_image(pixels, options["size"], options["fit"], options["color"])
    write_array(array, images)


def _check_space(target: Path, needed: int) -> None:
    folder = next(parent for parent in target.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{target}: needs about {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; make space"
        )
