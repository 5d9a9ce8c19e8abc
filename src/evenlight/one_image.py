"""One picture by itself: what a model of an earlier run says of it, and what it saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from evenlight.errors import UserError
from evenlight.listing import File
from evenlight.reasons import REASONS
from evenlight.regions import Region
from evenlight.scanning import scan_shard
from evenlight.standardize import Standardize


@dataclass(frozen=True)
class OneImage:
    """A picture as a model sees it, uint8 (H, W, C), and what scanning found out about its file."""

    pixels: np.ndarray
    facts: Mapping[str, Any]


def read_image(image: Path, description: Mapping[str, Any]) -> OneImage:
    """One picture, through the same steps as the pictures that the model was trained on.

    Args:
        image: its file, in any format that the pipeline accepts.
        description: model.json, which holds the area of interest and the standardization.

    Raises:
        UserError: there is no such file, it is refused, or the model needs more than one picture.
    """
    if description["region"]["method"] == "background":
        raise UserError(
            f"{description['name']} sees pictures without their camera's background, which one picture does not tell;"
            " put the picture under data/raw/ and run `snakemake --cores 8`"
        )
    if not image.is_file():
        raise UserError(f"{image}: there is no such file")
    options = Standardize.model_validate(description["standardize"])
    region = TypeAdapter(Region).validate_python(description["region"])
    seen: list[bytes] = []
    file = image.resolve()  # a link is followed: the user points at it
    facts = file.stat()
    files = [File(file.name, facts.st_size, facts.st_mtime_ns)]
    (row,) = scan_shard(file.parent, files, region, options, seen.append).to_dict("records")
    if not seen:
        detail = f" ({row['detail']})" if row["detail"] else ""
        raise UserError(f"{image}: can't be used: {REASONS[row['reason']]}{detail}")
    return OneImage(np.frombuffer(seen[0], dtype=np.uint8).reshape(options.shape), row)
