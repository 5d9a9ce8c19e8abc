"""Files at the edges: the only writer of the package, and readers that say in a sentence what is wrong.

Every output appears whole or not at all: it is written to a temporary file in the target's folder, flushed to disk
and renamed. Libraries write to memory or to the temporary path, never to the target.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenlight.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` when the block ends without an exception.

    Raises:
        UserError: the target can't be written (no space, no permission).
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tmp.", suffix=target.suffix)
    except OSError as problem:
        raise _unwritable(target, problem) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, target)
    except OSError as problem:
        raise _unwritable(target, problem) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write `data` to `target`, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    write_bytes(target, text.encode("utf-8"))


def to_json(value: Any) -> str:
    """JSON with sorted keys; NaN is refused, because an undefined number is `null`."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def write_json(target: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys."""
    write_text(target, to_json(value))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise _unreadable(path, problem) from None


def write_table(target: Path, table: "pd.DataFrame") -> None:
    """Write a table as Parquet (zstd, no index)."""
    with atomic_path(target) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def read_table(path: Path, columns: list[str] | None = None) -> "pd.DataFrame":
    """Read a Parquet table.

    Raises:
        UserError: it is missing or damaged.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path, columns=columns)
    except Exception as problem:  # a damaged file raises a dozen types, KeyError among them
        raise _unreadable(path, problem) from None


def read_tables(paths: Sequence[Path], columns: list[str] | None = None) -> "pd.DataFrame":
    """Read the tables of several shards as one, in the order of `paths`."""
    import pandas as pd

    return pd.concat([read_table(path, columns) for path in paths], ignore_index=True)


def write_csv(target: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV for people: text that a spreadsheet would run as a formula gets a leading apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_for_people(name) for name in columns])
    for row in rows:
        writer.writerow([_for_people(value) for value in row])
    write_text(target, buffer.getvalue())


def _for_people(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # before Python 3.13 the csv module leaves a bare carriage return unquoted, and readers see a new row
    value = value.replace("\r", "\\r")
    return "'" + value if value[:1] in ("=", "+", "-", "@", "\t") else value


def write_array(target: Path, array: "np.ndarray") -> None:
    """Write an array as `.npy` without pickle."""
    import numpy as np

    with atomic_path(target) as temporary, open(temporary, "wb") as stream:
        np.save(stream, array, allow_pickle=False)


@contextlib.contextmanager
def array_writer(target: Path, row_shape: Sequence[int]) -> Iterator[Callable[[bytes], None]]:
    """Write a uint8 array (N, *row_shape) as `.npy` row by row: memory holds one row, N need not be known.

    Yields a function that takes a row's bytes in C order.

    Raises:
        UserError: the target can't be written.
    """
    rows = 0
    with atomic_path(target) as temporary, open(temporary, "wb") as stream:

        def add(row: bytes) -> None:
            nonlocal rows
            stream.write(row)
            rows += 1

        stream.write(_array_header(0, row_shape))
        yield add
        stream.seek(0)
        stream.write(_array_header(rows, row_shape))


def _array_header(rows: int, row_shape: Sequence[int]) -> bytes:
    """numpy's header; it pads for growth, so the length is the same for any number of rows."""
    import numpy as np

    buffer = io.BytesIO()
    shape = (rows, *row_shape)
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def read_array(path: Path) -> "np.ndarray":
    """Memory-map an `.npy` file for reading.

    Raises:
        UserError: it is missing or damaged.
    """
    import numpy as np

    try:
        # an empty array can't be memory-mapped
        mode = "r" if os.path.getsize(path) > 128 else None
        return np.load(path, mmap_mode=mode, allow_pickle=False)  # type: ignore[arg-type]
    except Exception as problem:  # a damaged file raises a dozen types, tokenize's among them
        raise _unreadable(path, problem) from None


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal.

    Raises:
        UserError: the file is missing or can't be read.
    """
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise _unreadable(path, problem) from None


def _unwritable(target: Path, problem: OSError) -> UserError:
    # numpy's error at a full disk has a text but no strerror
    return UserError(
        f"{target}: can't write it ({problem.strerror or problem}); check permissions and free space"
    )


def _unreadable(path: Path, problem: Exception) -> UserError:
    if isinstance(problem, FileNotFoundError):
        return UserError(f"{path}: no such file; run `snakemake --cores 8` to make it")
    text = " ".join(str(problem).split())[:200]
    return UserError(f"{path}: can't be read ({text}); delete it and run `snakemake --cores 8` again")
