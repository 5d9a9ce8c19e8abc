"""Reading raw files: one row each, whatever they are, and no pipe, device or link that is followed outside."""

import hashlib
import os
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenlight.decode import Quarantine
from evenlight.errors import UserError
from evenlight.listing import list_folder
from evenlight.scanning import MAX_FILE_BYTES, decode_again, read_file, scan_shard
from evenlight.stages.scan import scan
from evenlight.storage import read_table


def _reason(path: Path, root: Path) -> str:
    with pytest.raises(Quarantine) as caught:
        read_file(path, root)
    return caught.value.reason


@pytest.fixture
def raw(tmp_path: Path, png: bytes) -> Path:
    folder = tmp_path / "raw"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "good.png").write_bytes(png)
    return folder


def test_a_regular_file_and_a_link_inside(raw: Path, png: bytes) -> None:
    (raw / "link.png").symlink_to("a/good.png")
    assert read_file(raw / "a" / "good.png", raw) == png
    assert read_file(raw / "link.png", raw) == png
    # the data set's folder may itself be reached through a link
    (raw.parent / "other").symlink_to(raw)
    assert read_file(raw.parent / "other" / "link.png", raw.parent / "other") == png


def test_what_is_no_file(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(raw / "pipe")
    (raw / "folder link").symlink_to("a")
    monkeypatch.chdir(raw)  # a socket's path may have 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name in ("pipe", "folder link", "socket", "a"):
            assert _reason(raw / name, raw) == "not_regular_file", name
    assert _reason(Path("/dev/zero"), Path("/dev")) == "not_regular_file"


def test_links_that_lead_nowhere_or_outside(raw: Path, png: bytes) -> None:
    (raw.parent / "secret.png").write_bytes(png)
    (raw.parent / "raw2").mkdir()
    (raw.parent / "raw2" / "x.png").write_bytes(png)  # a neighbour whose name begins alike
    targets = {
        "outside": ("../secret.png", "symlink_outside_root"),
        "neighbour": ("../raw2/x.png", "symlink_outside_root"),
        "absolute": ("/etc/passwd", "symlink_outside_root"),
        "broken": ("nowhere", "unreadable"),
        "loop": ("loop", "unreadable"),
    }
    for name, (target, reason) in targets.items():
        (raw / name).symlink_to(target)
        assert _reason(raw / name, raw) == reason, name


def test_empty_and_giant_files(raw: Path) -> None:
    (raw / "empty").touch()
    assert _reason(raw / "empty", raw) == "empty_file"
    with open(raw / "giant", "wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no room
    assert _reason(raw / "giant", raw) == "file_too_large"


def test_no_permission(raw: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    (raw / "a" / "good.png").chmod(0)
    assert _reason(raw / "a" / "good.png", raw) == "unreadable"


def test_refused_files_leave_no_handle_open(raw: Path) -> None:
    (raw / "folder link").symlink_to("a")
    os.mkfifo(raw / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        _reason(raw / "folder link", raw)
        _reason(raw / "pipe", raw)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_shard_has_one_row_per_file(raw: Path, png: bytes, photo: np.ndarray) -> None:
    (raw / "a" / "0.txt").write_bytes(b"text")
    (raw / "a" / "z.jpg").write_bytes(png)
    (raw / "b.png").symlink_to("/etc/passwd")
    rows = scan_shard(raw, list_folder(raw).files)
    assert rows["path"].tolist() == ["a/0.txt", "a/good.png", "a/z.jpg", "b.png"]
    assert rows["verdict"].tolist() == ["quarantined", "ok", "ok", "quarantined"]
    assert rows["reason"].tolist() == ["not_an_image", "", "", "symlink_outside_root"]
    assert rows["row"].tolist() == [-1, 0, 1, -1]
    assert rows["warnings"].tolist() == ["", "", "ext_mismatch", ""]
    good = rows.iloc[1]
    assert good["content_hash"] == hashlib.sha256(png).hexdigest()
    assert (good["bytes"], good["format"], good["width"], good["height"]) == (len(png), "PNG", 40, 24)
    assert rows["content_hash"].tolist()[0] == hashlib.sha256(b"text").hexdigest()
    assert rows["pixel_hash"].tolist()[1] == rows["pixel_hash"].tolist()[2] != ""
    np.testing.assert_array_equal(decode_again(raw, "a/good.png", good["content_hash"]), photo)


def test_empty_shards_fit_the_others(raw: Path) -> None:
    full, empty = scan_shard(raw, list_folder(raw).files), scan_shard(raw, [])
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


def test_a_changed_image_is_not_decoded_again(raw: Path, png: bytes) -> None:
    with pytest.raises(UserError, match="changed while the run was going on"):
        decode_again(raw, "a/good.png", "0" * 64)
    with pytest.raises(UserError, match="changed while the run was going on"):
        decode_again(raw, "a/gone.png", hashlib.sha256(png).hexdigest())


def test_stage_writes_a_table_and_checks_the_plan(raw: Path, tmp_path: Path) -> None:
    table = tmp_path / "shards" / "0000.parquet"
    scan(raw, "0000", 1, table)
    first = table.read_bytes()
    assert read_table(table)["path"].tolist() == ["a/good.png"]
    scan(raw, "0000", 1, table)
    assert table.read_bytes() == first
    for shard, shards in (("0000", 2), ("0001", 1)):
        with pytest.raises(UserError, match="added or removed during the run"):
            scan(raw, shard, shards, table)
