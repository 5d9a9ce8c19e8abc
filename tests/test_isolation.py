"""A worker that crashes, hangs or eats memory costs the item it was at, and nothing else."""

import ctypes
import faulthandler
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from evenlight.errors import UserError
from evenlight.isolation import CRASH, IDLE, TIMEOUT, Begin, Lost, isolated


def _name(item: int) -> bytes:
    return f"item {item}".encode()


def test_results_come_in_order() -> None:
    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        return [_name(item) for item in items]

    assert list(isolated(work, 150)) == [_name(item) for item in range(150)]
    assert list(isolated(work, 0)) == []


def test_the_work_is_done_elsewhere() -> None:
    (result,) = isolated(lambda items, begin: [str(os.getpid()).encode()], 1)
    assert result != str(os.getpid()).encode()


@pytest.mark.parametrize("bad", [{0}, {5}, {63, 64}, {99}, {3, 4, 5, 98}])
def test_a_crash_costs_one_item(bad: set[int]) -> None:
    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        results = []
        for item in items:
            begin(item)
            if item in bad:
                faulthandler.disable()  # pytest's, which would print a page
                ctypes.string_at(0)  # a segmentation fault, as decoders have them
            results.append(_name(item))
        return results

    expected = [Lost(CRASH) if item in bad else _name(item) for item in range(100)]
    assert list(isolated(work, 100)) == expected


def test_a_hang_is_tried_again_alone(tmp_path: Path) -> None:
    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        for item in items:
            begin(item)
            with open(tmp_path / str(item), "a") as stream:
                stream.write("x")
            if item == 2 or (item == 4 and len(items) > 1):  # 4 hangs only beside others
                time.sleep(60)
        return [_name(item) for item in items]

    results = list(isolated(work, 6, seconds=0.3))
    assert results == [_name(0), _name(1), Lost(TIMEOUT), _name(3), _name(4), _name(5)]
    assert len((tmp_path / "2").read_text()) == 2


def test_memory_is_limited() -> None:
    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        results = []
        for item in items:
            begin(item)
            try:
                results.append(str(len(bytearray(3 * 2**30 if item == 1 else 2**20))).encode())
            except MemoryError:
                results.append(b"refused")
        return results

    assert list(isolated(work, 3)) == [b"1048576", b"refused", b"1048576"]


def test_a_death_between_items_blames_no_file(tmp_path: Path) -> None:
    flag = tmp_path / "killed once"

    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [_name(item) for item in items]

    assert list(isolated(work, 3)) == [_name(0), _name(1), _name(2)]

    def always(items: Sequence[int], begin: Begin) -> list[bytes]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []

    with pytest.raises(UserError, match="killed whatever it reads"):
        list(isolated(always, 3))


def test_no_process_is_left() -> None:
    workers: list[int] = []
    results = isolated(lambda items, begin: [str(os.getpid()).encode() for _ in items], 200)
    workers.append(int(next(results)))  # type: ignore[arg-type]
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(workers[0], 0)


def test_a_death_after_the_last_item_was_closed_costs_the_guilty_one() -> None:
    """Something in common is done for a batch, and one item makes it fail."""

    def work(items: Sequence[int], begin: Begin) -> list[bytes]:
        for item in items:
            begin(item)
        begin(IDLE)
        if 2 in items:
            os.kill(os.getpid(), signal.SIGKILL)
        return [_name(item) for item in items]

    expected = [_name(0), _name(1), Lost(CRASH), *map(_name, range(3, 8))]
    assert list(isolated(work, 8)) == expected
