"""Storage: outputs whole or not at all, and one sentence for every damaged or unwritable file."""

import contextlib
import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight import storage
from evenlight.errors import UserError

ODD_TEXTS = ["NA", "null", "", "007", "True", "1e5", "<script>", "a\nb", "ä", "-rf", "nan"]


def _write_all(folder: Path) -> dict[str, object]:
    return {
        "bytes": lambda: storage.write_bytes(folder / "x", b"new"),
        "text": lambda: storage.write_text(folder / "x", "new"),
        "json": lambda: storage.write_json(folder / "x", {"new": 1}),
        "csv": lambda: storage.write_csv(folder / "x", ["new"], []),
        "table": lambda: storage.write_table(folder / "x", pd.DataFrame({"new": [1]})),
        "array": lambda: storage.write_array(folder / "x", np.zeros(3)),
    }


KINDS = ["bytes", "text", "json", "csv", "table", "array"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["replace", "fsync"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_full_disk_leaves_the_old_file_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, place: str, before: bytes | None
) -> None:
    if before:
        (tmp_path / "x").write_bytes(before)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, place, full)
    with pytest.raises(UserError, match=r"x: can't write it \(No space left on device\)") as caught:
        _write_all(tmp_path)[kind]()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == (["x"] if before else [])
    if before:
        assert (tmp_path / "x").read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_replaces_the_old_one(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x").write_bytes(b"old")
    _write_all(tmp_path)[kind]()  # type: ignore[operator]
    assert b"old" not in (tmp_path / "x").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_numpys_error_without_a_number_still_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError("38400 requested and 12288 written")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(UserError, match="12288 written"):
        storage.write_array(tmp_path / "x.npy", np.zeros(3))
    assert list(tmp_path.iterdir()) == []


def test_an_exception_of_the_block_passes_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), storage.atomic_path(tmp_path / "x") as temporary:
        temporary.write_bytes({}["half"])
    assert list(tmp_path.iterdir()) == []


def test_the_target_is_untouched_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folders" / "x.bin"
    with storage.atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.parent == target.parent
        assert temporary.suffix == ".bin"
        assert not target.exists()
    assert target.read_bytes() == b"half"


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="can't write it"):
        storage.write_bytes(tmp_path / "file" / "x", b"")


def test_tables_come_back_with_their_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": ODD_TEXTS, "n": np.arange(len(ODD_TEXTS), dtype=np.int32)})
    storage.write_table(tmp_path / "t.parquet", table)
    back = storage.read_table(tmp_path / "t.parquet")
    assert back["text"].tolist() == ODD_TEXTS
    assert back["n"].dtype == np.int32
    both = storage.read_tables([tmp_path / "t.parquet"] * 2, ["text"])
    assert both["text"].tolist() == ODD_TEXTS * 2
    assert list(both.columns) == ["text"]
    one = (tmp_path / "t.parquet").read_bytes()
    storage.write_table(tmp_path / "t.parquet", table)
    assert (tmp_path / "t.parquet").read_bytes() == one


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 3), (1,)])
def test_arrays_come_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    storage.write_array(tmp_path / "a.npy", array)
    back = storage.read_array(tmp_path / "a.npy")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("rows", [0, 1, 12])
def test_arrays_written_row_by_row(tmp_path: Path, rows: int) -> None:
    array = np.arange(rows * 24, dtype=np.uint8).reshape(rows, 2, 4, 3)
    with storage.array_writer(tmp_path / "a.npy", (2, 4, 3)) as add:
        for row in array:
            add(row.tobytes())
        assert not (tmp_path / "a.npy").exists()
    np.testing.assert_array_equal(storage.read_array(tmp_path / "a.npy"), array)
    storage.write_array(tmp_path / "b.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    with pytest.raises(TypeError), storage.array_writer(tmp_path / "c.npy", (2, 4, 3)) as add:
        add("not bytes")  # type: ignore[arg-type]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_large_arrays_are_not_read_into_memory(tmp_path: Path) -> None:
    storage.write_array(tmp_path / "a.npy", np.zeros(1000))
    assert isinstance(storage.read_array(tmp_path / "a.npy"), np.memmap)


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        storage.write_array(tmp_path / "a.npy", np.array([{}], dtype=object))
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="can't be read"):
        storage.read_array(tmp_path / "b.npy")


def test_json_has_sorted_keys_and_no_nan(tmp_path: Path) -> None:
    assert storage.to_json({"b": 1, "a": "ä"}) == '{\n "a": "ä",\n "b": 1\n}\n'
    storage.write_json(tmp_path / "x.json", {"b": [None, 1.5], "a": "ä"})
    assert storage.read_json(tmp_path / "x.json") == {"a": "ä", "b": [None, 1.5]}
    with pytest.raises(ValueError, match="JSON"):
        storage.to_json(float("nan"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-rf", "@x", "\tx"])
def test_csv_formulas_are_defused(tmp_path: Path, text: str) -> None:
    storage.write_csv(tmp_path / "x.csv", ["a", text], [[text, -1.5]])
    content = (tmp_path / "x.csv").read_bytes().decode()
    assert content.count("'" + text) == 2
    assert "-1.5" in content
    assert "'-1.5" not in content


def test_csv_is_quoted_where_needed(tmp_path: Path) -> None:
    storage.write_csv(tmp_path / "x.csv", ["a", "b"], [["one, two", 'say "x"'], ["plain", None]])
    assert (tmp_path / "x.csv").read_text() == 'a,b\n"one, two","say ""x"""\nplain,\n'


READERS = [storage.read_json, storage.read_table, storage.read_array, storage.file_sha256]


@pytest.mark.parametrize("read", READERS)
def test_a_missing_file_is_one_sentence(tmp_path: Path, read: object) -> None:
    with pytest.raises(UserError, match="no such file; run `snakemake"):
        read(tmp_path / "x")  # type: ignore[operator]


@pytest.mark.parametrize("read", READERS[:3])
@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x80\4}", b"hello" * 50, b"\x93NUMPY\1\0v\0{'de"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, read: object, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=r"can't be read .* delete it and run") as caught:
        read(tmp_path / "x")  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_a_wrong_column_is_one_sentence(tmp_path: Path) -> None:
    storage.write_table(tmp_path / "t.parquet", pd.DataFrame({"a": [1]}))
    with pytest.raises(UserError, match="can't be read") as caught:
        storage.read_table(tmp_path / "t.parquet", ["b"])
    assert "\n" not in str(caught.value)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_damage_to_an_array_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    storage.write_array(folder / "a.npy", np.arange(40).reshape(4, 10))
    whole = bytearray((folder / "a.npy").read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 130), st.integers(0, 255)), max_size=3)):
        whole[place] = value
    (folder / "b.npy").write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(UserError):
        storage.read_array(folder / "b.npy")


def test_csv_keeps_a_carriage_return_inside_its_cell(tmp_path: Path) -> None:
    storage.write_csv(tmp_path / "x.csv", ["a"], [["one\rcell"], ["next"]])
    assert (tmp_path / "x.csv").read_bytes().splitlines() == [b"a", b"one\\rcell", b"next"]
