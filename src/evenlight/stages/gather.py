"""Stage `gather`: scanned shards and metadata.csv -> manifest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evenlight.errors import UserError
from evenlight.manifest import gather as gather_rows
from evenlight.metadata import read_metadata
from evenlight.progress import say
from evenlight.storage import read_table, write_json, write_table


def gather(
    shards: Sequence[Path],
    folder: Path,
    dataset: Mapping[str, Any],
    split: Mapping[str, Any],
    ignored: int,
    max_quarantine: float,
    manifest: Path,
    classes: Path,
    summary: Path,
) -> None:
    """Join the shards into the manifest.

    Raises:
        UserError: no usable image, one class, a bad setting, or too many files in quarantine.
    """
    tables = []
    for file in sorted(shards):
        tables.append(read_table(file).assign(shard=file.stem))
    scanned = pd.concat(tables, ignore_index=True)
    rows, names, counts = gather_rows(
        scanned, read_metadata(folder / "metadata.csv"), dataset, split, ignored
    )
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts["reasons"].items())
    say(
        f"{counts['found']:,} files found = {counts['used']:,} used + {counts['quarantined']:,} quarantined"
        f"{f' ({reasons})' if reasons else ''}; {counts['ignored']:,} other files ignored"
    )
    for note in counts["notes"]:
        say(f"note: {note}")
    if counts["quarantined"] > max_quarantine * counts["found"]:
        raise UserError(
            f"{dataset['name']}: {counts['quarantined']:,} of {counts['found']:,} files can't be used ({reasons}),"
            f" more than max_quarantine = {max_quarantine:g} in params.yaml allows; mend them or raise the limit"
        )
    write_json(summary, counts)
    write_json(classes, names)
    write_table(manifest, rows)
