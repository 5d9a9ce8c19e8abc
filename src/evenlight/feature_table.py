"""Feature families found by name, and their tables.

A family is a module of `evenlight.features` with `Options` (pydantic), `column_names(options, image_shape)` and
`extract(images, options)`. To add one: write the module, name it in params.yaml.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import evenlight.features
from evenlight.storage import read_tables

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 256  # images whose intermediate arrays are in memory at one time


def family_names() -> list[str]:
    """Names of all families, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(evenlight.features.__path__))


def family(name: str) -> ModuleType:
    """The module of a family."""
    return importlib.import_module(f"evenlight.features.{name}")


def feature_table(
    name: str, images: np.ndarray, paths: Sequence[str], options: Mapping[str, Any]
) -> "pd.DataFrame":
    """Columns of one family for RGB uint8 images (N, H, W, 3); `path` first, then float32 columns.

    Raises:
        UserError: the images do not suit the family.
    """
    import pandas as pd

    module = family(name)
    settings = module.Options(**options)
    columns = module.column_names(settings, images.shape[1:])
    values = np.empty((len(images), len(columns)), dtype=np.float32)
    for start in range(0, len(images), _BATCH):
        values[start : start + _BATCH] = module.extract(
            np.ascontiguousarray(images[start : start + _BATCH]), settings
        )
    table = pd.DataFrame(values, columns=columns)
    table.insert(0, "path", pd.Series(list(paths), dtype="str"))
    return table


def join_families(tables: Mapping[str, Sequence[Path]], paths: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Read several families' shards and join them.

    Args:
        tables: family -> its shard files.
        paths: the images wanted, in the order wanted.

    Returns:
        float32 (N, D) and the column names, families in the order given.
    """
    blocks, columns = [], []
    for shards in tables.values():
        table = read_tables(list(shards)).set_index("path")
        blocks.append(table.loc[list(paths)].to_numpy(dtype=np.float32))
        columns += table.columns.tolist()
    return np.concatenate(blocks, axis=1), columns
