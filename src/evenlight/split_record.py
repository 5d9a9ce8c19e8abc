"""Which image was put into which split: kept from run to run, so that adding images moves none.

A split is drawn once. Where a data set gives none, the draw is recorded in data/splits/<dataset>.json, beside the
declared outputs like a lock file: commit it, and everybody has the same test images. Other shares or another seed in
params.yaml make a new draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenlight.errors import UserError
from evenlight.storage import read_json, write_json


@dataclass(frozen=True)
class SplitRecord:
    """Splits drawn earlier: of each path its split and content hash."""

    images: dict[str, tuple[str, str]]

    def known(self, paths: Sequence[str], hashes: Sequence[str]) -> np.ndarray:
        """The recorded split of every image, "" for new ones: str (N,).

        A renamed file keeps its split by its content hash, one with new content by its path.
        """
        by_hash = {content: split for split, content in self.images.values()}
        known = [
            by_hash.get(content) or self.images.get(path, ("", ""))[0]
            for path, content in zip(paths, hashes, strict=True)
        ]
        return np.array(known, dtype=object)

    def extended(self, paths: Sequence[str], hashes: Sequence[str], splits: Sequence[str]) -> "SplitRecord":
        """With these images; those that are gone from the folder stay, for they may come back."""
        drawn = zip(splits, hashes, strict=True)
        return SplitRecord(self.images | dict(zip(paths, drawn, strict=True)))


def read_record(file: Path, settings: Mapping[str, Any]) -> SplitRecord:
    """The record of draws with these settings; empty where there is none.

    Raises:
        UserError: it is damaged.
    """
    if not file.exists():
        return SplitRecord({})
    content = read_json(file)
    try:
        if content["drawn_with"] != dict(settings):
            return SplitRecord({})
        entries = {path: tuple(entry.split(" ")) for path, entry in content["images"].items()}
        if not all(len(entry) == 2 for entry in entries.values()):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"{file}: not a record of splits; restore it from git, or delete it to draw a new split"
        ) from None
    return SplitRecord(entries)


def write_record(file: Path, settings: Mapping[str, Any], record: SplitRecord) -> None:
    """Write the record, one line per image."""
    images = {path: " ".join(entry) for path, entry in record.images.items()}
    write_json(file, {"drawn_with": dict(settings), "images": images})
