"""Feature families found by name, and their tables.

A family is a module of `evenlight.features` with `Options` (pydantic), `COLUMNS` (what its columns mean),
`column_names(options, image_shape)` and `extract(images, options)`. One that must learn something first, such as a
vocabulary, also has `learn(images, options, seed)`, and its `extract` takes what was learned. One that looks through a
trained network has the option `model`, an entry of `models:`, and `load(folder)`; its `extract` and `column_names` take
what was loaded, and its images are as the network wants them, not RGB. To add one: write the module, name it in
params.yaml.

An entry of `features:` in params.yaml has a name and options; its `kind` is the family, by default the name itself. Its
columns begin with its name, so two entries of one family can be used side by side.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import evenlight.features
from evenlight.columns import Column
from evenlight.errors import UserError
from evenlight.plugins import load_module, module_names
from evenlight.storage import read_tables

if TYPE_CHECKING:
    import pandas as pd

_BATCH_PIXELS = 2**20  # of images whose intermediate arrays are in memory at one time


def family_names() -> list[str]:
    """Names of all families, sorted."""
    return module_names(evenlight.features)


def family(name: str) -> ModuleType:
    """The module of a family.

    Raises:
        UserError: there is none of that name.
    """
    return load_module(evenlight.features, name, "feature family")


def learns(name: str, options: Mapping[str, Any]) -> bool:
    """Whether an entry of `features:` must learn from training images before it can be computed."""
    return hasattr(family(options.get("kind", name)), "learn")


def needs_model(name: str, options: Mapping[str, Any]) -> bool:
    """Whether an entry of `features:` looks through a trained network: the one that its option `model` names."""
    return hasattr(family(options.get("kind", name)), "load")


def column_names(
    name: str, options: Mapping[str, Any], image_shape: tuple[int, int, int], *known: Any
) -> list[str]:
    """Columns of an entry of `features:` for images of this shape (height, width, channels).

    `known` is what the family's `load` gave. Without it there are none where only the network knows how many.

    Raises:
        UserError: the images are too small for the family.
    """
    module, settings = _entry(name, options)
    start = len(_family_name(module))
    return [name + column[start:] for column in module.column_names(settings, image_shape, *known)]


def documented(column: str, name: str, options: Mapping[str, Any]) -> Column | None:
    """What the family says of a column of an entry of `features:`; None where it says nothing."""
    module, _ = _entry(name, options)
    plain = _family_name(module) + column.removeprefix(name)
    return next((known for known in module.COLUMNS if fnmatchcase(plain, known.pattern)), None)


def learn(name: str, images: np.ndarray, options: Mapping[str, Any], seed: int) -> np.ndarray:
    """What an entry of `features:` learns from RGB uint8 training images (N, H, W, 3)."""
    module, settings = _entry(name, options)
    return np.asarray(module.learn(np.ascontiguousarray(images), settings, seed))


def feature_table(
    name: str,
    images: np.ndarray,
    paths: Sequence[str],
    options: Mapping[str, Any],
    learned: np.ndarray | None = None,
    model: Path | None = None,
) -> "pd.DataFrame":
    """Columns of one entry for RGB uint8 images (N, H, W, 3); `path` first, then float32 columns.

    Args:
        name: of the entry of `features:`.
        images: as above; standardized images (N, H, W, C) in their own colours for entries that need a model.
        paths: one per image.
        options: of the entry, with or without its `kind`.
        learned: what `learn` gave, for entries that learn.
        model: folder of the trained network, for entries that need one.

    Raises:
        UserError: the images do not suit the family, are not as many as the paths, or the model is missing.
    """
    import pandas as pd

    if len(images) != len(paths):
        raise UserError(
            f"{len(images):,} standardized images for {len(paths):,} usable files;"
            " run `snakemake --cores 8` to standardize them again"
        )

    module, settings = _entry(name, options)
    network = _loaded(name, module, model)
    columns = column_names(name, options, images.shape[1:], *network)
    known = network if learned is None else (learned,)
    values = np.empty((len(images), len(columns)), dtype=np.float32)
    batch = max(1, _BATCH_PIXELS // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), batch):
        values[start : start + batch] = module.extract(
            np.ascontiguousarray(images[start : start + batch]), settings, *known
        )
    table = pd.DataFrame(values, columns=columns)
    table.insert(0, "path", pd.Series(list(paths), dtype="str"))
    return table


def _loaded(name: str, module: ModuleType, model: Path | None) -> tuple[Any, ...]:
    """What a family that looks through a network loads; nothing for others."""
    if not hasattr(module, "load"):
        return ()
    if model is None:
        raise UserError(f"{name} features are read from a trained network; give its folder with --model")
    return (module.load(model),)


def _entry(name: str, options: Mapping[str, Any]) -> tuple[ModuleType, Any]:
    """The family and the settings of an entry of `features:`."""
    module = family(options.get("kind", name))
    return module, module.Options(**{key: value for key, value in options.items() if key != "kind"})


def _family_name(module: ModuleType) -> str:
    return module.__name__.rsplit(".", 1)[-1]


def join_families(tables: Mapping[str, Sequence[Path]], paths: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Read several families' shards and join them.

    Args:
        tables: family -> its shard files.
        paths: the images wanted, in the order wanted.

    Returns:
        float32 (N, D) and the column names, families in the order given.

    Raises:
        UserError: an image has no row in a family's tables, or there is no image.
    """
    blocks, columns = [], []
    for name, shards in tables.items():
        if not shards:
            raise UserError(f"there is no image to read {name} features of")
        table = read_tables(list(shards)).set_index("path")
        places = table.index.get_indexer(list(paths))
        if (places < 0).any():
            raise UserError(
                f"{shards[0].parent}: no {name} features of {paths[int((places < 0).argmax())]};"
                " run `snakemake --cores 8` to compute them"
            )
        blocks.append(table.to_numpy(dtype=np.float32)[places])
        columns += table.columns.tolist()
    if not blocks:
        return np.empty((len(paths), 0), dtype=np.float32), []
    return np.concatenate(blocks, axis=1), columns
