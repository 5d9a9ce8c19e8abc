"""Listing a raw folder: every file once, in byte order, under a name that survives any file format."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.listing import (
    FILES_PER_SHARD,
    File,
    Listing,
    list_folder,
    path_to_text,
    shard_of,
    text_to_path,
)

ODD_NAMES = [
    b"with space.jpg", b"'single' \"double\".jpg", b"{braces}.jpg", b"new\nline.jpg", b"tab\t.jpg",
    b"$(touch x).jpg", b"-rf", b"=cmd|'/C calc'!A0.jpg", b"\xff\xfe not utf-8 \xe9.jpg", "grün 日本.jpg".encode(),
    b"back\\slash.jpg", b"\\x41.jpg", b"%41.jpg", b"#.jpg", b"*?.jpg", b"x" * 251 + b".jpg", b"~", b"license_plate.jpg",
    b"about_to_cross.jpg", b"readme-screenshot.png",
]  # fmt: skip


def _touch(folder: Path, *names: str | bytes) -> None:
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(b"x")


def _paths(folder: Path) -> list[str]:
    return [file.path for file in list_folder(folder).files]


def test_finds_everything_in_byte_order(tmp_path: Path) -> None:
    _touch(tmp_path, "b/1.jpg", "a/deep/2.jpg", "a/10.jpg", "a/9.jpg", "top.jpg", "ä/x.jpg", "Z/x.txt")
    expected = ["Z/x.txt", "a/10.jpg", "a/9.jpg", "a/deep/2.jpg", "b/1.jpg", "top.jpg", "ä/x.jpg"]
    assert _paths(tmp_path) == expected


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_found_and_come_back(tmp_path: Path, name: bytes) -> None:
    _touch(tmp_path, name, b"class/" + name)
    files = list_folder(tmp_path).files
    assert sorted(os.fsencode(file.path) for file in files) == sorted([b"class/" + name, name])
    for file in files:
        text = path_to_text(file.path)
        text.encode("utf-8")
        assert text_to_path(text) == file.path
        assert (tmp_path / text_to_path(text)).read_bytes() == b"x"


@given(st.binary(max_size=40))
def test_text_of_a_path_is_reversible(name: bytes) -> None:
    path = os.fsdecode(name)
    assert os.fsencode(text_to_path(path_to_text(path))) == name


@given(
    st.text(alphabet="\\x4f1é\n", max_size=12).map(os.fsencode), st.sampled_from([b"", b"\xff", b"\xe9x41"])
)
def test_text_of_a_path_full_of_escapes(name: bytes, tail: bytes) -> None:
    for raw in (name + tail, tail + name):
        assert os.fsencode(text_to_path(path_to_text(os.fsdecode(raw)))) == raw


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_two_paths_never_share_a_text(one: bytes, other: bytes) -> None:
    texts = [path_to_text(os.fsdecode(name)) for name in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)


def test_plain_names_stay_as_they_are() -> None:
    assert path_to_text("day/grün 1.jpg") == "day/grün 1.jpg"
    assert path_to_text(os.fsdecode(b"caf\xe9\\.jpg")) == r"caf\xe9\\.jpg"


def test_junk_and_papers_are_counted(tmp_path: Path) -> None:
    junk = [
        ".DS_Store", "a/Thumbs.db", "a/._x.jpg", "__MACOSX/a/x.jpg", "a/.ipynb_checkpoints/x.jpg", ".git/config",
        "a/x.jpg.part", "a/x.tmp", "metadata.csv", "README.md", "LICENSE", "ABOUT.md", "readme", "Citation.cff",
        ".gitignore", "a/.gitkeep", ".github/x.jpg", "a/.dvc/x.jpg", "a/x.crdownload", "desktop.ini",
    ]  # fmt: skip
    _touch(tmp_path, *junk, "a/x.jpg", "a/README.md", "a/metadata.csv", "metadata.csv.bak")
    listing = list_folder(tmp_path)
    assert listing.junk == len(junk)
    # only at the top are papers papers; elsewhere they get a row and a verdict
    assert _paths(tmp_path) == ["a/README.md", "a/metadata.csv", "a/x.jpg", "metadata.csv.bak"]


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")]
)
def test_no_images_is_one_sentence(tmp_path: Path, make: object) -> None:
    make(tmp_path / "set")  # type: ignore[operator]
    with pytest.raises(UserError, match=r"Put images into .*/<class>/"):
        list_folder(tmp_path / "set")


def test_only_junk_is_no_images(tmp_path: Path) -> None:
    _touch(tmp_path, ".DS_Store", "a/Thumbs.db")
    with pytest.raises(UserError, match="no images"):
        list_folder(tmp_path)


def test_deep_folders(tmp_path: Path) -> None:
    deep = "d/" * 1200 + "x.jpg"
    parts, handle = deep.split("/"), os.open(tmp_path, os.O_RDONLY)
    for part in parts[:-1]:
        os.mkdir(part, dir_fd=handle)
        below = os.open(part, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("x.jpg", os.O_CREAT, dir_fd=handle))
    os.close(handle)
    try:
        assert _paths(tmp_path) == [deep]
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # too deep for pytest's own tidying


def test_links_are_listed_never_followed_into_folders(tmp_path: Path) -> None:
    _touch(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "broken").symlink_to("nowhere")
    (tmp_path / "a" / "self").symlink_to("self")
    assert _paths(tmp_path) == ["a/broken", "a/loop", "a/self", "a/x.jpg"]


def test_an_edit_of_a_links_target_changes_the_fingerprint(tmp_path: Path) -> None:
    _touch(tmp_path, "outside.jpg", "set/a/1.jpg")
    (tmp_path / "set" / "a" / "2.jpg").symlink_to(tmp_path / "outside.jpg")
    before = list_folder(tmp_path / "set").fingerprint("0000")
    os.utime(tmp_path / "outside.jpg", ns=(1, 1))
    assert list_folder(tmp_path / "set").fingerprint("0000") != before


def test_every_change_changes_the_fingerprint() -> None:
    def fingerprint(*files: File) -> str:
        return Listing(Path("x"), files, 0).fingerprint("0000")

    base = fingerprint(File("a", 1, 2), File("b", 1, 2))
    others = [
        fingerprint(File("a", 1, 2)),
        fingerprint(File("a", 1, 2), File("c", 1, 2)),
        fingerprint(File("a", 1, 2), File("b", 3, 2)),
        fingerprint(File("a", 1, 2), File("b", 1, 3)),
    ]
    assert len({base, *others}) == 5
    assert fingerprint(File("a", 1, 2), File("b", 1, 2)) == base


@pytest.mark.parametrize(
    ("files", "shards"), [(1, 1), (FILES_PER_SHARD, 1), (FILES_PER_SHARD + 1, 2), (10_001, 8)]
)
def test_shards_hold_every_file_once(files: int, shards: int) -> None:
    listing = Listing(Path("x"), tuple(File(f"{n:06d}", 1, 1) for n in range(files)), 0)
    assert listing.shard_count == shards
    assert sorted(listing.shards) == [f"{number:04d}" for number in range(shards)]
    assert sorted(file.path for part in listing.shards.values() for file in part) == [
        file.path for file in listing.files
    ]
    for name, part in listing.shards.items():
        assert [file.path for file in part] == sorted(file.path for file in part)
        assert all(shard_of(file.path, shards) == name for file in part)


def test_a_files_shard_never_moves() -> None:
    # known answers: another hash would remake every shard of everybody's data
    assert [shard_of(path, 8) for path in ("a/1.jpg", "day/grün.jpg", os.fsdecode(b"\xff"))] == [
        "0004",
        "0000",
        "0000",
    ]


def test_an_unreadable_folder_is_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every folder")
    _touch(tmp_path, "a/x.jpg", "b/x.jpg")
    (tmp_path / "a").chmod(0)
    with pytest.raises(UserError, match="check its permissions"):
        list_folder(tmp_path)
    (tmp_path / "a").chmod(0o700)


@pytest.mark.parametrize(
    "name", ["new\nline", "carriage\rreturn", "esc\x1b[31m", "tab\t", "bell\x07", "del\x7f"]
)
def test_text_of_a_path_is_printable_and_can_be_turned_back(name: str) -> None:
    text = path_to_text(name)
    assert text.isprintable()
    assert text_to_path(text) == name
