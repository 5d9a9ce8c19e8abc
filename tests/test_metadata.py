"""metadata.csv: text exactly as written, and a line number for everything that is wrong."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.metadata import Metadata, read_metadata

ODD_LABELS = ["NA", "null", "None", "nan", "007", "True", "1e5", "<script>", " x ", "-rf", "=1+1", "ä"]


def _read(tmp_path: Path, content: str | bytes) -> Metadata:
    file = tmp_path / "metadata.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    metadata = read_metadata(file)
    assert metadata is not None
    return metadata


def test_no_file_is_no_metadata(tmp_path: Path) -> None:
    assert read_metadata(tmp_path / "metadata.csv") is None


@pytest.mark.parametrize("value", ODD_LABELS)
def test_values_stay_as_written(tmp_path: Path, value: str) -> None:
    metadata = _read(tmp_path, f"path,label\na.jpg,{value}\n")
    assert metadata.column(["a.jpg", "b.jpg"], "label").tolist() == [value, ""]
    assert metadata.column(["a.jpg"], "nothing") is None


def test_quotes_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf path , note\r\n"a, ""b"".jpg","two\r\nlines"\r\n\r\n./c.jpg,x\r\n'
    metadata = _read(tmp_path, content)
    assert metadata.columns == ("path", "note")
    assert metadata.column(['a, "b".jpg', "c.jpg"], "note").tolist() == ["two\r\nlines", "x"]


def test_rows_and_images_without_each_other(tmp_path: Path) -> None:
    metadata = _read(tmp_path, "path\na.jpg\n../b.jpg\n/etc/passwd\n")
    orphans, missing = metadata.check(["a.jpg", "c.jpg"])
    assert "2 rows name no file" in orphans
    assert "'../b.jpg'" in orphans
    assert "1 file has no row" in missing
    assert "'c.jpg'" in missing
    assert metadata.check(["../b.jpg", "/etc/passwd", "a.jpg"]) == []


def test_a_backslash_names_the_file_that_has_one(tmp_path: Path) -> None:
    metadata = _read(tmp_path, "path,label\na\\b.jpg,x\n")
    assert metadata.column([r"a\\b.jpg"], "label").tolist() == [
        "x"
    ]  # the manifest's way of writing a backslash


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1: the first row must name the columns"),
        ("name,label\na.jpg,x\n", "line 1: .* one of them 'path'"),
        ("path;label\na.jpg;x\n", "line 1: .* one of them 'path'"),
        ("path,label,label\na.jpg,x,y\n", "line 1: .* each once"),
        ("path,label\na.jpg,x\nb.jpg\n", "line 3: 1 values in a table of 2 columns"),
        ("path,label\na.jpg,x,y\n", "line 2: 3 values"),
        ("path\na.jpg\nb.jpg\na.jpg\n", "line 4: a second row for 'a.jpg'"),
        ("path\na.jpg\n./a.jpg\n", "line 3: a second row for 'a.jpg'"),
        ('path,label\n"a.jpg,x\n', "line 2: not a valid CSV"),
        (b"path\na.jpg\nb.jpg\ncaf\xe9.jpg\n", "line 4: not UTF-8"),
        ("path\na.jpg\n".encode("utf-16"), "line 1: not UTF-8"),
        ("path\n" + "x" * 200_000, "line 2: not a valid CSV"),
    ],
)
def test_mistakes_are_one_sentence_with_a_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        _read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").mkdir()
    with pytest.raises(UserError, match="can't be read"):
        read_metadata(tmp_path / "metadata.csv")


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: ("path,a\n" + text).encode())))
@settings(max_examples=200, deadline=None)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with contextlib.suppress(UserError):
        _read(tmp_path_factory.getbasetemp(), content)
