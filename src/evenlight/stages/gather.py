"""Stage `gather`: scanned shards and metadata.csv -> manifest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evenlight.errors import UserError
from evenlight.listing import text_to_path
from evenlight.manifest import Gathered, kept_together_by
from evenlight.manifest import gather as gather_rows
from evenlight.metadata import read_metadata
from evenlight.progress import say
from evenlight.scanning import full_pixel_hashes
from evenlight.split_record import read_record, write_record
from evenlight.storage import read_table, write_json, write_table


def gather(
    shards: Sequence[Path],
    folder: Path,
    settings: Mapping[str, Any],
    junk: int,
    record: Path,
    images: Path,
    page: Path,
    target: Path,
) -> None:
    """Join the shards into manifest.parquet, pairs.parquet, classes.json and summary.json.

    Args:
        shards: scanned tables.
        folder: the raw folder, with metadata.csv where there is one.
        settings: `dataset` (name, source, groups, layout), `split`, `near_duplicates`, `max_quarantine` and `color`
            (of the standardized images), as in params.yaml.
        junk: number of files passed over by their names.
        record: the record of splits, read and extended.
        images: folder of the standardized arrays, for thumbnails of quarantined files.
        page: file to show these in, when they are too many.
        target: folder to write to.

    Raises:
        UserError: no usable image, one class, a bad setting, or too many files in quarantine.
    """
    dataset, split = settings["dataset"], settings["split"]
    tables = [read_table(file).assign(shard=file.stem) for file in sorted(shards)]
    drawn_with = {**split, "kept_together": kept_together_by(dataset), "source": dataset["source"]}
    gathered = gather_rows(
        pd.concat(tables, ignore_index=True),
        read_metadata(folder / "metadata.csv"),
        dataset,
        split,
        settings["near_duplicates"],
        junk,
        read_record(record, drawn_with),
        lambda files: full_pixel_hashes(folder, [(text_to_path(path), content) for path, content in files]),
    )
    _say(gathered.summary)
    _check_quarantine(gathered, settings["max_quarantine"], images, settings["color"], page)
    write_json(target / "summary.json", gathered.summary)
    write_json(target / "classes.json", gathered.classes)
    write_table(target / "pairs.parquet", gathered.pairs)
    write_table(target / "manifest.parquet", gathered.manifest)
    write_record(record, drawn_with, gathered.record)


def _say(counts: Mapping[str, Any]) -> None:
    """Counts that add up, and notes."""
    say(
        f"{counts['found']:,} files found = {counts['used']:,} used + {counts['quarantined']:,} quarantined"
        f"{_listed(counts['reasons'])} + {counts['junk']:,} passed over by name (README, .DS_Store and the like)"
    )
    leaks = counts["leaks"]
    if leaks:
        test = counts["splits"]["test"]
        say(f"{sum(leaks.values()):,} of {test:,} test images are not new to training{_listed(leaks)}")
    for note in counts["notes"]:
        say(f"note: {note}")


def _listed(counts: Mapping[str, int]) -> str:
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return f" ({words})" if words else ""


def _check_quarantine(gathered: Gathered, largest_share: float, images: Path, color: str, page: Path) -> None:
    """Stop when too many files can't be used, after writing a page that shows them."""
    counts = gathered.summary
    files = counts["used"] + counts["quarantined"]
    if counts["quarantined"] <= largest_share * files:
        return
    from evenlight.report.files_view import write_quarantine_page

    write_quarantine_page(counts, gathered.manifest, page, images, color)
    raise UserError(
        f"{counts['dataset']}: {counts['quarantined']:,} of {files:,} files can't be used{_listed(counts['reasons'])},"
        f" more than max_quarantine = {largest_share:g} in params.yaml allows; {page} shows them; mend them or raise"
        " the limit"
    )
