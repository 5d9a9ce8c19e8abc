"""A data set on disk, read through its manifest: usable rows, their images, their features."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenlight.feature_table import join_families
from evenlight.storage import read_array, read_table

if TYPE_CHECKING:
    import pandas as pd


def usable_rows(manifest: Path) -> "pd.DataFrame":
    """Rows of the manifest that are not quarantined, in path order."""
    table = read_table(manifest)
    return table[table["verdict"] != "quarantined"].reset_index(drop=True)


def load_images(rows: "pd.DataFrame", folder: Path) -> np.ndarray:
    """Standardized images of these manifest rows, in their order: uint8 (N, H, W, C)."""
    shards = rows["shard"].to_numpy(dtype=object)
    numbers = rows["row"].to_numpy()
    images: np.ndarray | None = None
    for shard in sorted(set(shards)):
        array = read_array(folder / f"{shard}.npy")
        if images is None:
            images = np.empty((len(rows), *array.shape[1:]), dtype=np.uint8)
        here = np.flatnonzero(shards == shard)
        images[here] = array[numbers[here]]
    if images is None:
        return np.empty((0, 0, 0, 0), dtype=np.uint8)
    return images


def load_features(
    rows: "pd.DataFrame", folder: Path, families: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Features of these manifest rows, in their order: float32 (N, D), and the column names.

    Raises:
        UserError: there are no rows, or an image lacks features.
    """
    shards = sorted(set(rows["shard"]))
    tables = {family: [folder / family / f"{shard}.parquet" for shard in shards] for family in families}
    return join_families(tables, rows["path"].tolist())
