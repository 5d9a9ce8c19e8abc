"""Stage `scan`: one shard of the raw folder -> one row per file."""

from pathlib import Path

from evenlight.errors import UserError
from evenlight.listing import list_folder
from evenlight.progress import say
from evenlight.scanning import scan_shard
from evenlight.storage import write_table


def scan(folder: Path, shard: str, shards: int, table: Path) -> None:
    """Read, check and hash the files of one shard.

    Raises:
        UserError: files came or went since the run was planned.
    """
    listing = list_folder(folder)
    if listing.shard_count != shards or shard not in listing.shards:
        raise UserError(
            f"{folder}: files were added or removed during the run; run `snakemake --cores 8` again"
        )
    rows = scan_shard(folder, listing.shards[shard])
    write_table(table, rows)
    bad = int((rows["verdict"] == "quarantined").sum())
    say(f"shard {shard}: {len(rows):,} files found, {len(rows) - bad:,} usable, {bad:,} quarantined")
