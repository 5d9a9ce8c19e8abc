"""Stage `scan`: one shard of the raw folder -> one row per file and one array of standardized images."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evenlight.errors import UserError
from evenlight.listing import list_folder
from evenlight.progress import say
from evenlight.regions import Region
from evenlight.scanning import scan_shard
from evenlight.standardize import Standardize
from evenlight.storage import array_writer, write_table


def scan(
    folder: Path,
    shard: str,
    shards: int,
    region: Mapping[str, Any],
    standardize: Mapping[str, Any],
    table: Path,
    array: Path,
) -> None:
    """Read, check, hash and standardize the files of one shard.

    Raises:
        UserError: files came or went since the run was planned, or the disk has too little space.
    """
    listing = list_folder(folder)
    if listing.shard_count != shards or shard not in listing.shards:
        raise UserError(
            f"{folder}: files were added or removed during the run; run `snakemake --cores 8` again"
        )
    files = listing.shards[shard]
    options = Standardize.model_validate(standardize)
    cutting = TypeAdapter(Region).validate_python(region)
    _check_space(array, len(files) * math.prod(options.shape))
    with array_writer(array, options.shape) as add_row:
        rows = scan_shard(folder, files, cutting, options, add_row)
        write_table(table, rows)
    bad = int((rows["verdict"] == "quarantined").sum())
    say(f"shard {shard}: {len(rows):,} files found, {len(rows) - bad:,} usable, {bad:,} quarantined")


def _check_space(target: Path, needed: int) -> None:
    folder = next(parent for parent in target.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{target}: needs about {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; make space"
        )
