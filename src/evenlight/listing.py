"""What lies in a raw folder: names, sizes and times, without opening a file. Light enough for the Snakefile.

Files are visited in the order of their path's bytes. A file's shard is a stable hash of its path modulo a power of
two, so that adding an image touches one shard.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evenlight.errors import UserError

FILES_PER_SHARD = 2500

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_JUNK_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_JUNK_STARTS = ("._", ".git")
_JUNK_FOLDERS = {"__MACOSX", ".ipynb_checkpoints", ".dvc"}
_JUNK_SUFFIXES = (".crdownload", ".part", ".tmp")
# at the top of a data set people keep its papers beside the class folders
_PAPERS = re.compile(
    r"metadata\.csv|(?i:(readme|licen[cs]e|about|attribution|citation)(\.(md|txt|rst|html|pdf|cff|bib))?)"
)


@dataclass(frozen=True)
class File:
    """One file found: path relative to the folder (surrogate-escaped, with `/`), size in bytes, time in ns."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Listing:
    """The files of a raw folder in path order, and how many more are junk by their names."""

    folder: Path
    files: tuple[File, ...]
    junk: int

    @cached_property
    def shard_count(self) -> int:
        """A power of two: the smallest that leaves at most FILES_PER_SHARD files per shard on average."""
        count = 1
        while len(self.files) > count * FILES_PER_SHARD:
            count *= 2
        return count

    @cached_property
    def shards(self) -> dict[str, tuple[File, ...]]:
        """Files by shard name (`0000`, `0001`, ...), empty shards included."""
        shards: dict[str, list[File]] = {f"{number:04d}": [] for number in range(self.shard_count)}
        for file in self.files:
            shards[shard_of(file.path, self.shard_count)].append(file)
        return {name: tuple(files) for name, files in shards.items()}

    def fingerprint(self, shard: str) -> str:
        """Changes when a file of the shard is added, removed, renamed or written to."""
        digest = hashlib.sha256()
        for file in self.shards[shard]:
            digest.update(os.fsencode(file.path) + f"\0{file.size}\0{file.mtime_ns}\0".encode())
        return digest.hexdigest()[:16]


def shard_of(path: str, shard_count: int) -> str:
    """Name of the shard that a file belongs to."""
    digest = hashlib.sha256(os.fsencode(path)).digest()
    return f"{int.from_bytes(digest[:8], 'big') % shard_count:04d}"


def list_folder(folder: Path) -> Listing:
    """List a raw folder.

    Raises:
        UserError: the folder is missing, can't be read or holds no file.
    """
    folder = Path(folder)
    advice = f"Put images into {folder}/<class>/, or run `dvc pull` when the data is versioned with DVC"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. {advice}.")
    found: list[File] = []
    junk = 0
    for entry, path in _walk(str(folder)):
        if _is_junk(path):
            junk += 1
            continue
        found.append(_file(entry, path))
    if not found:
        raise UserError(f"{folder}: no images. {advice}.")
    found.sort(key=lambda file: os.fsencode(file.path))
    return Listing(folder, tuple(found), junk)


def _file(entry: os.DirEntry, path: str) -> File:
    """Size and time are those of a link's target, which is what will be read; 0 where there is none."""
    for follow in (True, False):
        try:
            facts = entry.stat(follow_symlinks=follow)
        except OSError:
            continue
        return File(path, facts.st_size, facts.st_mtime_ns)
    return File(path, 0, 0)


def _walk(top: str) -> Iterator[tuple[os.DirEntry, str]]:
    """Everything below a folder that is not a folder; links to folders are not followed but yielded."""
    waiting = [(top, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as problem:
            raise UserError(
                f"{folder!r}: can't list this folder ({problem.strerror}); check its permissions"
            ) from None
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{prefix}{entry.name}/"))
            else:
                yield entry, prefix + entry.name


def _is_junk(path: str) -> bool:
    *folders, name = path.split("/")
    if not folders and _PAPERS.fullmatch(name):
        return True
    if name in _JUNK_NAMES or name.startswith(_JUNK_STARTS) or name.endswith(_JUNK_SUFFIXES):
        return True
    return any(part in _JUNK_FOLDERS or part.startswith(".git") for part in folders)


def path_to_text(path: str) -> str:
    r"""A path as text that any file format, log and terminal can hold.

    Bytes that are not UTF-8 and control characters become `\xNN`, a backslash becomes `\\`.
    """
    doubled = os.fsencode(path).replace(b"\\", b"\\\\")
    text = doubled.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def text_to_path(text: str) -> str:
    r"""The inverse of `path_to_text`."""
    parts = text.split("\\\\")
    restored = [_unescape(part) for part in parts]
    return os.fsdecode(b"\\".join(restored))


def _unescape(part: str) -> bytes:
    head, *pieces = part.split("\\x")
    raw = head.encode("utf-8")
    for piece in pieces:
        raw += bytes.fromhex(piece[:2]) + piece[2:].encode("utf-8")
    return raw
