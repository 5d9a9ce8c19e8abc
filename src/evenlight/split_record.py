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
        known = []
        for path, content in zip(paths, hashes, strict=True):
            split, recorded = self.images.get(path, ("", ""))
            known.append(split if recorded == content else by_hash.get(content, split))
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
    for draw in _draws(file):
        if draw["drawn_with"] == dict(settings):
            images = {path: entry.split(" ") for path, entry in draw["images"].items()}
            return SplitRecord({path: (split, content) for path, (split, content) in images.items()})
    return SplitRecord({})


def write_record(file: Path, settings: Mapping[str, Any], record: SplitRecord) -> None:
    """Write the record, one line per image; draws with other settings stay, for these may come back."""
    images = {path: " ".join(entry) for path, entry in record.images.items()}
    others = [draw for draw in _draws(file) if draw["drawn_with"] != dict(settings)]
    write_json(file, [{"drawn_with": dict(settings), "images": images}, *others])


def _draws(file: Path) -> list[dict[str, Any]]:
    """All draws in a record, newest first."""
    if not file.exists():
        return []
    draws = read_json(file)
    try:
        if isinstance(draws, list) and all(
            isinstance(draw["drawn_with"], dict) and entry.count(" ") == 1
            for draw in draws
            for entry in draw["images"].values()
        ):
            return draws
    except (KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"{file}: not a record of splits; restore it from git, or delete it to draw a new split")
