"""The first stages on a raw folder, as the workflow runs them."""

from pathlib import Path
from typing import Any

import pandas as pd

from evenlight.listing import list_folder
from evenlight.stages.features import extract
from evenlight.stages.gather import gather
from evenlight.stages.scan import scan
from evenlight.storage import read_json, read_table

NEAR = {"radius": 32, "minimum_entropy": 3.0}
SPLIT = {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 0}


def scan_and_gather(
    raw: Path,
    out: Path,
    *,
    region: dict[str, Any] | None = None,
    standardize: dict[str, Any] | None = None,
    max_quarantine: float = 1.0,
    **dataset: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Scan and gather `raw`; manifest and summary. Files: `out`/manifest.parquet and so on, `out`/images/."""
    listing = list_folder(raw)
    options = {"size": [16, 16]} if standardize is None else standardize
    for shard in listing.shards:
        table, array = out / "shards" / f"{shard}.parquet", out / "images" / f"{shard}.npy"
        scan(raw, shard, listing.shard_count, region or {"method": "none"}, options, table, array)
    settings = {
        "dataset": {"name": "pets", "source": "auto", "groups": [], "layout": "auto"} | dataset,
        "split": SPLIT,
        "near_duplicates": NEAR,
        "max_quarantine": max_quarantine,
        "color": "rgb",
    }
    shards = sorted((out / "shards").iterdir(), reverse=True)
    record, page = out / "splits" / "pets.json", out / "quarantine.html"
    gather(shards, raw, settings, listing.junk, record, out / "images", page, out)
    return read_table(out / "manifest.parquet"), read_json(out / "summary.json")


def extract_features(out: Path, *families: str) -> Path:
    """Feature tables of what `scan_and_gather` made; their folder."""
    for family in families:
        for shard in sorted((out / "shards").iterdir()):
            images, table = out / "images" / f"{shard.stem}.npy", out / "features" / family / shard.name
            extract(family, images, shard, "rgb", {}, table)
    return out / "features"
