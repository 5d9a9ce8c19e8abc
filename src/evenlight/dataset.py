"""A data set on disk, read through its manifest: usable rows, their images, their features."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight import splits
from evenlight.errors import UserError
from evenlight.feature_table import join_families
from evenlight.storage import read_array, read_table

if TYPE_CHECKING:
    import pandas as pd


_BLOCK = 64  # images in memory at a time


def usable_rows(manifest: Path) -> "pd.DataFrame":
    """Rows of the manifest that are not quarantined, in path order."""
    table = read_table(manifest)
    return table[table["verdict"] != "quarantined"].reset_index(drop=True)


def shard_places(rows: "pd.DataFrame") -> list[np.ndarray]:
    """Places of the rows of every shard: who reads shard by shard has memory bounded by one."""
    shards = rows["shard"].to_numpy(dtype=object)
    return [np.flatnonzero(shards == shard) for shard in sorted(set(shards))]


class MappedImages:
    """Standardized images of manifest rows, read from memory-mapped shards when they are asked for.

    Like an array it has a length, a `shape` (N, H, W, C), and gives rows by slice or by row numbers: uint8
    (n, H, W, C). Memory holds what is asked for, however many images there are.
    """

    def __init__(self, rows: "pd.DataFrame", folder: Path) -> None:
        names, self._shards = np.unique(rows["shard"].to_numpy(dtype=str), return_inverse=True)
        self._numbers = rows["row"].to_numpy()
        # every open map holds a file handle, of which a process has about a thousand
        self._map = lru_cache(maxsize=256)(lambda shard: read_array(folder / f"{names[shard]}.npy"))
        self.shape: tuple[int, ...] = (len(rows), *(self._map(0).shape[1:] if len(rows) else (0, 0, 0)))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        shards, numbers = self._shards[rows], self._numbers[rows]
        images = np.empty((len(numbers), *self.shape[1:]), dtype=np.uint8)
        for shard in np.unique(shards):
            here = shards == shard
            images[here] = self._map(int(shard))[numbers[here]]
        return images


def load_images(rows: "pd.DataFrame", folder: Path) -> np.ndarray:
    """Standardized images of these manifest rows, in their order: uint8 (N, H, W, C)."""
    return MappedImages(rows, folder)[:]


def channel_statistics(images: np.ndarray | MappedImages) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of uint8 images (N, H, W, C), each float64 (C,) in 0 to 1."""
    channels = range(images.shape[3])
    counts = np.zeros((len(channels), 256), dtype=np.int64)
    for start in range(0, len(images), _BLOCK):
        # one image at a time: bincount makes every byte eight
        for image in images[start : start + _BLOCK]:
            counts += [np.bincount(image[..., c].ravel(), minlength=256) for c in channels]
    levels = np.arange(256) / 255
    mean = counts @ levels / counts.sum(axis=1)
    variance = counts @ levels**2 / counts.sum(axis=1) - mean**2
    return mean, np.sqrt(np.maximum(variance, 1e-6))


def read_predictions(model: Path, rows: "pd.DataFrame", columns: list[str] | None = None) -> "pd.DataFrame":
    """predictions.parquet of a model, or some of its columns: one row per usable row of the manifest, in its order.

    Raises:
        UserError: it is missing, damaged, or lists other images.
    """
    file = model / "predictions.parquet"
    table = read_table(file, None if columns is None else ["path", *columns])
    if table["path"].tolist() != rows["path"].tolist():
        raise UserError(
            f"{file}: predictions of other images than the manifest lists;"
            " run `snakemake --cores 8` to predict again"
        )
    return table


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
