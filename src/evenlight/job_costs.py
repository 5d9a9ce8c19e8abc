"""What a job cost, as Snakemake recorded it: time and memory, which differ from run to run."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """None where nothing was recorded: the job ran in an earlier run whose logs are gone, or too briefly to measure.

    Attributes:
        seconds: on the clock, which other jobs slow down.
        cpu_seconds: of all cores together.
        peak_mb: largest resident memory, in MiB.
    """

    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None


def read_cost(path: Path) -> Cost:
    """The first run in one of Snakemake's benchmark files; nothing where the file is missing or unreadable."""
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"), {})
    except (OSError, ValueError, csv.Error):
        return Cost()
    return Cost(_number(row.get("s")), _number(row.get("cpu_time")), _number(row.get("max_rss")))


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:  # Snakemake writes NA or - where it could not measure
        return None
