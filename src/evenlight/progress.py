"""Progress of long loops on standard error, as plain lines: they survive pipes, logs and clusters.

On a terminal a bar is redrawn in place besides.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_SECONDS = 3.0
_BAR_SECONDS = {True: 0.1, False: 10.0}  # between two drawings on a terminal, between two lines elsewhere
_BAR_WIDTH = 24
_CLEAR_LINE = "\r\x1b[K"


def progress(items: Iterable[Item], total: int, done: str, what: str) -> Iterator[Item]:
    """Yield the items; say every few seconds "<done> 1,200 of 5,000 <what>"."""
    said = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said >= _SECONDS:
            said = now
            say(f"  {done} {number:,} of {total:,} {what}")


def bar(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """Yield the items; draw a bar that is gone at the end, or where there is no terminal say a line at times."""
    terminal = sys.stderr.isatty()
    started = drawn = time.monotonic()
    try:
        for number, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - drawn < _BAR_SECONDS[terminal]:
                continue
            drawn = now
            left = f"{(now - started) / number * (total - number):.0f} s left"
            if terminal:
                full = _BAR_WIDTH * number // total
                _write(f"{_CLEAR_LINE}  {label} [{'#' * full}{'.' * (_BAR_WIDTH - full)}] {left}")
            else:
                say(f"  {label}: {number:,} of {total:,} steps ({left})")
    finally:
        if terminal:
            _write(_CLEAR_LINE)


def say(line: str) -> None:
    """Print one line at once."""
    _write(f"{line}\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
