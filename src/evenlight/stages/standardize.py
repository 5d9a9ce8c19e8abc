"""Stage `standardize`: one shard's images -> one array."""

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
    channels = 1 if options["color"] == "gray" else 3
    images = np.empty((len(rows), *options["size"], channels), dtype=np.uint8)
    _check_space(array, images.nbytes)
    files = list(zip(rows["path"], rows["content_hash"], strict=True))
    for number, (path, content_hash) in enumerate(progress(files, len(files), "standardized", "images")):
        pixels = decode_again(folder, text_to_path(path), content_hash)
        images[number] = standardize_image(pixels, options["size"], options["fit"], options["color"])
    write_array(array, images)


def _check_space(target: Path, needed: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise UserError(
            f"{target}: needs about {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; make space"
        )
