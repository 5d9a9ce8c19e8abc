"""Stage `features`: one family over one shard's standardized images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evenlight.feature_table import feature_table
from evenlight.standardize import to_rgb
from evenlight.storage import read_array, read_table, write_table


def extract(
    family: str, images: Path, shard: Path, color: str, options: Mapping[str, Any], table: Path
) -> None:
    """Compute one family's columns; rows are the usable images of the shard."""
    rows = read_table(shard, ["path", "verdict"])
    paths = rows.loc[rows["verdict"] != "quarantined", "path"].tolist()
    pixels = to_rgb(read_array(images), color)
    write_table(table, feature_table(family, pixels, paths, options))
