"""Stage `subtract_background`: framed images of fixed cameras -> standardized arrays, the background filled."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.errors import UserError, did_you_mean
from evenlight.labelling import UNKNOWN
from evenlight.progress import say
from evenlight.regions.background import Options, learn, remove
from evenlight.standardize import from_rgb
from evenlight.storage import atomic_path, read_array, read_table

if TYPE_CHECKING:
    import pandas as pd

_BATCH_BYTES = 2**25  # of images whose files are mapped at one time


def subtract_background(framed: Path, manifest: Path, settings: Mapping[str, Any], target: Path) -> None:
    """Write `<shard>.npy` for all shards of the manifest.

    A few images are in memory at a time, and the background of one camera.

    Args:
        framed: folder of RGB uint8 (N, H, W, 3) arrays, standardized but for their colour space.
        manifest: manifest.parquet; a camera's background is learned from its usable rows of the split `train`, or
            from all of them where these are fewer than `minimum`.
        settings: `region` (of params.yaml), `source` (name of the source column or None; it can be `by` like any
            group) and `color` (`standardize.color`, the colour space of the result).
        target: folder of the arrays to write.

    Raises:
        UserError: `by` is no attribute of the images, or an array is missing or damaged.
    """
    from evenlight.manifest import attribute_columns

    options, color = Options(**settings["region"]), settings["color"]
    table = read_table(manifest)
    columns = attribute_columns(table, settings["source"])
    if options.by not in columns:
        raise UserError(
            f"region.by: {options.by!r} is neither the source nor a group of this data set"
            f"{did_you_mean(options.by, list(columns)) or '; name the column of the cameras under `datasets`'}"
        )
    decoded = table[table["row"] >= 0]
    cameras = decoded[columns[options.by]]
    with ExitStack() as stack:
        arrays = {
            shard: (framed / f"{shard}.npy", stack.enter_context(atomic_path(target / f"{shard}.npy")))
            for shard in sorted(set(table["shard"]))
        }
        for given, written in arrays.values():
            _copy(given, written, color)
        for camera in sorted(set(cameras)):
            rows = decoded[cameras == camera]
            usable = rows[rows["verdict"] != "quarantined"]
            training = usable[usable["split"] == "train"]
            if len(training) < options.minimum:
                # a camera that training has not seen: its own images tell its background, and no label is looked at
                training = usable
            if camera in ("", UNKNOWN):
                say(f"{options.by} unknown: {len(rows):,} images left as they are")
            elif len(training) < options.minimum:
                say(
                    f"{options.by} {camera!r}: {len(rows):,} images left as they are, because"
                    f" {len(training):,} usable ones are fewer than region.minimum, {options.minimum}"
                )
            else:
                _fill_camera(rows, training, arrays, options, color)


def _copy(given: Path, written: Path, color: str) -> None:
    shape = read_array(given).shape
    channels = 1 if color == "gray" else 3
    np.lib.format.open_memmap(written, "w+", np.uint8, (*shape[:3], channels)).flush()
    _change(given, written, range(shape[0]), lambda image: from_rgb(image, color))


def _fill_camera(
    rows: "pd.DataFrame",
    training: "pd.DataFrame",
    arrays: Mapping[str, tuple[Path, Path]],
    options: Options,
    color: str,
) -> None:
    camera = learn(_images(training, arrays), options)
    for shard, numbers in rows.groupby("shard", sort=True)["row"]:
        _change(
            *arrays[shard], numbers.tolist(), lambda image: from_rgb(remove(image, camera, options), color)
        )


def _change(
    given: Path, written: Path, numbers: Sequence[int], function: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Write `function` of some images of a shard; maps are opened anew, so that their pages leave the memory."""
    batch = max(1, _BATCH_BYTES // max(1, math.prod(read_array(given).shape[1:])))
    for start in range(0, len(numbers), batch):
        images, changed = read_array(given), np.lib.format.open_memmap(written, "r+")
        for number in numbers[start : start + batch]:
            changed[number] = function(np.ascontiguousarray(images[number]))
        changed.flush()


def _images(rows: "pd.DataFrame", arrays: Mapping[str, tuple[Path, Path]]) -> Iterator[np.ndarray]:
    """Framed images of these rows, in path order, as the rows are."""
    shard, images = "", np.empty(0)
    for name, number in zip(rows["shard"], rows["row"], strict=True):
        if name != shard:
            shard, images = name, read_array(arrays[name][0])
        yield images[number]
