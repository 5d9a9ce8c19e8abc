"""Work on untrusted files in a worker process that may die: a crash or a hang costs one file, not the run.

The worker notes in a journal (shared memory) which item it has begun. When it dies, that item is lost and a new
worker goes on with the next; when it takes too long, it is killed and the item is tried once more, alone and with
twice the time. Results come back as bytes: nothing that a taken-over decoder sends is ever unpickled.
"""

import mmap
import multiprocessing
import os
import resource
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from evenlight.errors import UserError

CRASH, TIMEOUT = "decoder_crash", "decoder_timeout"

Begin = Callable[[int], None]
Work = Callable[[Sequence[int], Begin], list[bytes]]

# what the journal holds when no item is to blame
IDLE = -1
_GROWTH = 2 * 2**30


@dataclass(frozen=True)
class Lost:
    """An item that killed its worker: `reason` is `decoder_crash` or `decoder_timeout`."""

    reason: str


@dataclass(frozen=True)
class _Died(Exception):  # noqa: N818 (an event, not a failure of ours)
    """The worker is gone; `item` is what it was at, None when it was between two items."""

    item: int | None
    overdue: bool


def isolated(work: Work, count: int, batch: int = 64, seconds: float = 30.0) -> Iterator[bytes | Lost]:
    """Yield the result of each of `count` items in order, or what became of it.

    Args:
        work: called in the worker with some item numbers and a function to call with each before it is touched, and
            with IDLE before what is done for all of them together; returns their results in order.
        count: items are numbered from 0.
        batch: items given to the worker at a time; their results are in memory together.
        seconds: wall clock for one item, twice as many when it is tried again.

    Raises:
        UserError: the worker dies whatever it is given: no single file is to blame.
    """
    worker = _Worker(work)
    try:
        for start in range(0, count, batch):
            items = range(start, min(start + batch, count))
            results = _finish(worker, list(items), seconds)
            yield from (results[item] for item in items)
    finally:
        worker.stop()


def _finish(worker: "_Worker", items: list[int], seconds: float) -> dict[int, bytes | Lost]:
    """The results of a batch, however many workers it takes."""
    results: dict[int, bytes | Lost] = {}
    while waiting := [item for item in items if item not in results]:
        try:
            results |= zip(waiting, worker.run(waiting, seconds), strict=True)
        except _Died as event:
            if event.item is None:
                results |= _one_by_one(worker, waiting, seconds)
            elif event.overdue:
                results[event.item] = _once_more(worker, event.item, 2 * seconds)
            else:
                results[event.item] = Lost(CRASH)
    return results


def _one_by_one(worker: "_Worker", items: Sequence[int], seconds: float) -> dict[int, bytes | Lost]:
    """Results of items of which one, nobody knows which, killed the worker after it was closed in the journal."""
    results = {item: _once_more(worker, item, seconds) for item in items}
    if all(isinstance(result, Lost) for result in results.values()):
        raise UserError(
            "the process that reads images is killed whatever it reads; is there enough memory? Run it again"
        )
    return results


def _once_more(worker: "_Worker", item: int, seconds: float) -> bytes | Lost:
    """On a busy machine an innocent file may have been too slow."""
    try:
        return worker.run([item], seconds)[0]
    except _Died as event:
        return Lost(TIMEOUT if event.overdue else CRASH)


class _Worker:
    """A process that is started when it is needed, and again after it died."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.journal = _Journal()
        self.process: multiprocessing.process.BaseProcess | None = None
        self.pipe: Connection | None = None

    def run(self, items: Sequence[int], seconds: float) -> list[bytes]:
        """Results of these items.

        Raises:
            _Died: the worker crashed, or was killed because an item took longer than `seconds`.
        """
        pipe = self.pipe or self._start()
        try:
            pipe.send_bytes(_numbers(items))
            self._await(pipe, seconds)
            answer = pipe.recv_bytes()
        except (EOFError, OSError):  # the other end is closed
            raise self._buried(overdue=False) from None
        return _apart(answer, len(items))

    def _await(self, pipe: Connection, seconds: float) -> None:
        """Until there is something to read; kill a worker that is overdue."""
        while not wait([pipe], timeout=min(seconds / 4, 1.0)):
            if self.journal.seconds_at_item() > seconds:
                raise self._buried(overdue=True)

    def _buried(self, overdue: bool) -> _Died:
        item = self.journal.item
        self.stop()
        return _Died(item, overdue)

    def _start(self) -> Connection:
        # fork: the task is a closure, and a fresh interpreter would import numpy, cv2 and Pillow once more
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.journal.close_item()
        self.process = context.Process(
            target=_serve, args=(self.work, theirs, self.pipe, self.journal), daemon=True
        )
        self.process.start()
        theirs.close()
        return self.pipe

    def stop(self) -> None:
        """End the process; without one, nothing happens."""
        if self.process is not None and self.pipe is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
        self.process = self.pipe = None


class _Journal:
    """Which item the worker has begun and when, in memory that survives it."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, 16)
        self.close_item()

    def begin(self, item: int) -> None:
        struct.pack_into("<qd", self.memory, 0, item, time.monotonic())

    def close_item(self) -> None:
        self.begin(IDLE)

    @property
    def item(self) -> int | None:
        item = struct.unpack_from("<q", self.memory)[0]
        return None if item == IDLE else item

    def seconds_at_item(self) -> float:
        item, begun = struct.unpack_from("<qd", self.memory)
        return 0.0 if item == IDLE else time.monotonic() - begun


def _serve(work: Work, pipe: Connection, parents_end: Connection, journal: _Journal) -> None:
    """The worker: item numbers in, results out, until the parent closes the pipe."""
    parents_end.close()  # or the end of a killed parent would go unnoticed
    _limit_memory()
    spoken = _silence()
    while True:
        try:
            request = pipe.recv_bytes()
        except EOFError:
            return
        try:
            results = work(struct.unpack(f"<{len(request) // 8}q", request), journal.begin)
        except BaseException:
            os.dup2(spoken, 2)  # a mistake of ours, that somebody must be able to find
            raise
        journal.close_item()
        # one message: of small images one each would take a third of the time
        pipe.send_bytes(_numbers([len(result) for result in results]) + b"".join(results))


def _numbers(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def _apart(answer: bytes, count: int) -> list[bytes]:
    """The results in an answer, which begins with their lengths."""
    results, position = [], 8 * count
    for length in struct.unpack_from(f"<{count}q", answer):
        results.append(answer[position : position + length])
        position += length
    return results


def _silence() -> int:
    """Send standard error to nowhere, for decoders written in C complain there; returns where it went before."""
    spoken = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    return spoken


def _limit_memory() -> None:
    """At most 2 GiB more than now, and no core file: a decoder that runs away must not take the machine with it."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        size = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _GROWTH, size + _GROWTH))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
