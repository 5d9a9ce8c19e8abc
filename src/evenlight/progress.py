"""Progress of long loops as plain lines on standard error: they survive pipes, logs and clusters."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_SECONDS = 3.0


def progress(items: Iterable[Item], total: int, done: str, what: str) -> Iterator[Item]:
    """Yield the items; say every few seconds "<done> 1,200 of 5,000 <what>"."""
    said = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said >= _SECONDS:
            said = now
            say(f"  {done} {number:,} of {total:,} {what}")


def say(line: str) -> None:
    """Print one line at once."""
    print(line, file=sys.stderr, flush=True)
