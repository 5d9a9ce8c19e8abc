"""A data set on disk, read through its manifest: usable rows, their images, their features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight import splits
from evenlight.errors import UserError
from evenlight.feature_table import join_families
from evenlight.storage import read_array, read_table

if TYPE_CHECKING:
    import pandas as pd


def usable_rows(manifest: Path) -> "pd.DataFrame":
    """Rows of the manifest that are not quarantined, in path order."""
    table = read_table(manifest)
    return table[table["verdict"] != "quarantined"].reset_index(drop=True)


def shard_places(rows: "pd.DataFrame") -> list[np.ndarray]:
    """Places of the rows of every shard: who reads shard by shard has memory bounded by one."""
    shards = rows["shard"].to_numpy(dtype=object)
    return [np.flatnonzero(shards == shard) for shard in sorted(set(shards))]


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


def model_values(
    rows: "pd.DataFrame",
    options: Mapping[str, Any],
    folder: Path,
    families: Sequence[str],
    columns: Sequence[str] | None,
) -> tuple[np.ndarray, list[str]]:
    """What a classical model sees of these manifest rows, in their order: float32 (N, D), and the column names.

    Args:
        rows: of the manifest.
        options: the model's; one with `file_data` sees columns of the manifest itself.
        folder: of the feature tables.
        families: the feature families to read.
        columns: the columns wanted, in this order; None for all of the families.

    Raises:
        UserError: there are no rows, an image lacks features, or there is no column of such a name.
    """
    if options.get("file_data"):
        wanted = list(options["file_data"])
        return rows[wanted].to_numpy(dtype=np.float32), wanted
    values, found = load_features(rows, folder, families)
    if columns is None:
        return values, found
    places = {column: place for place, column in enumerate(found)}
    missing = [column for column in columns if column not in places]
    if missing:
        raise UserError(
            f"there is no feature column {missing[0]!r} in {folder}; `evenlight features --list` prints them all."
            " Correct the model in params.yaml, or run `snakemake --cores 8` to train it on what is computed now"
        )
    return values[:, [places[column] for column in columns]], list(columns)


def kept_together(rows: "pd.DataFrame") -> np.ndarray:
    """What these manifest rows must not be torn from in cross-validation: their source, else their near-duplicates.

    Copies stay together whatever their sources, as they do in splits.

    Returns:
        str (N,); rows with equal keys belong together.
    """
    source = rows["source"].to_numpy(dtype=object)
    component = "component " + rows["component"].astype(str).to_numpy(dtype=object)
    content = rows["content_hash"].to_numpy(dtype=object)
    # pixels are hashed where another image may have the same
    pixels = np.where(rows["pixel_hash"] == "", content, rows["pixel_hash"])
    own = np.where(source == "", component, "source " + source)
    return splits.kept_together(own, content.astype(str), pixels.astype(str)).astype(str)


def check_training_classes(codes: np.ndarray, names: list[str]) -> None:
    """Raise UserError when there is nothing to tell apart."""
    if len(np.unique(codes)) < 2:
        seen = ", ".join(repr(names[code]) for code in np.unique(codes)) or "none"
        raise UserError(
            f"the training images are of one class only ({seen}); add images of another class, or change `split:`"
        )
