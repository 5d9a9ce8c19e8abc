"""Reading what lies in a user's folder: once, and guarded against what is no file."""

import os
import stat
from pathlib import Path

from evenlight.reasons import Quarantine

MAX_FILE_BYTES = 64 * 2**20


def read_file(path: str | Path, root: str | Path) -> bytes:
    """Read a file once, guarded against pipes, devices, giants and links that leave `root`.

    Raises:
        Quarantine: it is not a readable regular file inside `root`.
    """
    try:
        facts = os.lstat(path)
        if stat.S_ISLNK(facts.st_mode):
            target = os.path.realpath(path, strict=True)
            if os.path.commonpath([target, os.path.realpath(root)]) != os.path.realpath(root):
                raise Quarantine("symlink_outside_root")
            facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):  # before it is opened: opening a device may do something
            raise Quarantine("not_regular_file")
        # without O_NONBLOCK, opening a pipe would wait for a writer for ever
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as problem:
        raise Quarantine("unreadable", problem.strerror or "") from None
    try:
        return _read_all(handle)
    except OSError as problem:
        raise Quarantine("unreadable", problem.strerror or "") from None
    finally:
        os.close(handle)


def _read_all(handle: int) -> bytes:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise Quarantine("not_regular_file")
    if facts.st_size > MAX_FILE_BYTES:
        raise Quarantine("file_too_large", f"{facts.st_size:,} bytes")
    parts = []
    size = 0
    while part := os.read(handle, facts.st_size + 1):
        parts.append(part)
        size += len(part)
        if size > MAX_FILE_BYTES:  # it grew while it was read
            raise Quarantine("file_too_large")
    if not size:
        raise Quarantine("empty_file")
    return b"".join(parts)
