"""The user's metadata.csv: one row per image, joined by path."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenlight.errors import UserError
from evenlight.listing import path_to_text
from evenlight.rawfile import read_file
from evenlight.reasons import Quarantine


@dataclass(frozen=True)
class Metadata:
    """Rows by path; every value is text exactly as written (`NA`, `007` and `1e5` are labels like others)."""

    file: str
    columns: tuple[str, ...]
    rows: dict[str, dict[str, str]]

    def column(self, paths: list[str], name: str) -> np.ndarray | None:
        """Values of a column for these paths, "" where the file has no row; None when there is no such column."""
        if name not in self.columns:
            return None
        return np.array([self.rows.get(path, {}).get(name, "") for path in paths], dtype=object)

    def check(self, paths: list[str]) -> list[str]:
        """One sentence for rows without image and one for images without row."""
        notes = []
        known = set(paths)
        orphans = [path for path in self.rows if path not in known]
        if orphans:
            rows = "row names" if len(orphans) == 1 else "rows name"
            notes.append(
                f"metadata.csv: {len(orphans):,} {rows} no file of the data set, such as {orphans[0]!r}."
            )
        missing = [path for path in paths if path not in self.rows]
        if missing:
            have = "file has" if len(missing) == 1 else "files have"
            notes.append(f"metadata.csv: {len(missing):,} {have} no row there, such as {missing[0]!r}.")
        return notes


def read_metadata(file: Path) -> Metadata | None:
    """Read a metadata.csv; None when there is none.

    Raises:
        UserError: it is not UTF-8, not a table, has no `path` column, a ragged row, or two rows for one path.
    """
    if not os.path.lexists(file):
        return None
    try:
        text = read_file(file, Path(file).parent).decode("utf-8-sig")
    except Quarantine as problem:
        if problem.reason == "empty_file":
            text = ""
        else:
            what = f"{problem.reason.replace('_', ' ')}{f': {problem.detail}' if problem.detail else ''}"
            raise UserError(f"{file}: can't be read ({what}); put a plain CSV file there") from None
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        raise UserError(f"{file}, line {line}: not UTF-8; save the file as CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: dict[str, dict[str, str]] = {}
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        if "path" not in columns or len(set(columns)) != len(columns):
            raise UserError(
                f"{file}, line 1: the first row must name the columns, each once, one of them 'path'"
            )
        for values in reader:
            if not any(values):
                continue
            if len(values) != len(columns):
                raise UserError(
                    f"{file}, line {reader.line_num}: {len(values)} values in a table of {len(columns)} columns;"
                    " quote values that hold a comma"
                )
            row = dict(zip(columns, values, strict=True))
            path = _normal(row["path"])
            if path in rows:
                raise UserError(f"{file}, line {reader.line_num}: a second row for {path!r}; keep one")
            rows[path] = row
    except csv.Error as problem:
        raise UserError(f"{file}, line {reader.line_num}: not a valid CSV file ({problem})") from None
    return Metadata(str(file), columns, rows)


def _normal(path: str) -> str:
    """The manifest's form of a path that a person wrote."""
    path = path.replace(os.sep, "/").removeprefix("./")
    return path_to_text(path)
