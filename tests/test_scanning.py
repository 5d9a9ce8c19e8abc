"""Reading raw files: one row each, whatever they are, and no pipe, device or link that is followed outside."""

import hashlib
import io
import os
import signal
import socket
import struct
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evenlight import properties, scanning
from evenlight.decode import DecodedImage, decode
from evenlight.errors import UserError
from evenlight.listing import list_folder
from evenlight.perceptual import hash_variants
from evenlight.rawfile import MAX_FILE_BYTES, read_file
from evenlight.reasons import Quarantine
from evenlight.regions import Nothing
from evenlight.scanning import (
    PROPERTY_COLUMNS,
    decode_again,
    full_pixel_hashes,
    scan_shard,
)
from evenlight.stages.scan import scan
from evenlight.standardize import Standardize, standardize
from evenlight.storage import read_array, read_table


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


def _scan(raw: Path, **options: object) -> tuple[pd.DataFrame, list[bytes]]:
    added: list[bytes] = []
    standardize = Standardize.model_validate({"size": [8, 12]} | options)
    rows = scan_shard(raw, list_folder(raw).files, Nothing(), standardize, added.append)
    return rows, added


def test_a_shard_has_one_row_per_file(raw: Path, png: bytes, photo: np.ndarray) -> None:
    (raw / "a" / "0.txt").write_bytes(b"text")
    (raw / "a" / "z.jpg").write_bytes(png)
    (raw / "b.png").symlink_to("/etc/passwd")
    os.mkfifo(raw / "pipe.jpg")
    rows, added = _scan(raw)
    assert rows["path"].tolist() == ["a/0.txt", "a/good.png", "a/z.jpg", "b.png", "pipe.jpg"]
    assert rows["verdict"].tolist() == ["quarantined", "ok", "ok", "quarantined", "quarantined"]
    reasons = ["not_an_image", "", "", "symlink_outside_root", "not_regular_file"]
    assert rows["reason"].tolist() == reasons
    assert rows["row"].tolist() == [-1, 0, 1, -1, -1]
    assert rows["warnings"].tolist() == ["", "", "ext_mismatch", "", ""]
    good = rows.iloc[1]
    assert good["content_hash"] == hashlib.sha256(png).hexdigest()
    assert (good["bytes"], good["format"], good["width"], good["height"]) == (len(png), "PNG", 40, 24)
    assert rows["content_hash"].tolist()[0] == hashlib.sha256(b"text").hexdigest()
    assert rows["pixel_hash"].tolist()[1] == rows["pixel_hash"].tolist()[2] != ""
    np.testing.assert_array_equal(decode_again(raw, "a/good.png", good["content_hash"]), photo)
    # the standardized image, the hash and the properties are those of the picture
    expected = standardize(photo, Standardize(size=[8, 12]))
    assert added == [expected.tobytes()] * 2
    assert good["phashes"] == hash_variants([photo])[0].tobytes()
    measured = good[PROPERTY_COLUMNS].to_numpy(dtype=np.float32)
    np.testing.assert_array_equal(measured, properties.measure([photo])[0])
    assert rows.loc[0, PROPERTY_COLUMNS].isna().all()
    assert (rows.loc[0, "phashes"], rows.loc[0, "glimpse"]) == (b"", b"")


def test_empty_shards_fit_the_others(raw: Path) -> None:
    full, _ = _scan(raw)
    empty = scan_shard(raw, [], Nothing(), Standardize(), lambda row: None)
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


def test_a_cut_picture_leaves_a_glimpse(raw: Path, jpeg: bytes) -> None:
    (raw / "a" / "cut.jpg").write_bytes(jpeg[:-20])
    rows, _ = _scan(raw)
    row = rows[rows["path"] == "a/cut.jpg"].iloc[0]
    assert row["reason"] == "truncated"
    with Image.open(io.BytesIO(row["glimpse"])) as seen:
        assert (seen.format, seen.size) == ("WEBP", (40, 24))
    assert rows[rows["path"] == "a/good.png"].iloc[0]["glimpse"] == b""


def test_photos_are_decoded_reduced_and_rows_do_not_hang_on_the_size(raw: Path) -> None:
    """A large JPEG: facts of the file do not depend on what is standardized, and pixels are near the exact ones."""
    rows, columns = np.mgrid[0:600, 0:900]
    smooth = np.stack([rows / 3, columns / 4, (rows + columns) / 6], axis=2).astype(np.uint8)
    (raw / "a" / "photo.jpg").write_bytes(
        cv2.imencode(".jpg", smooth[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    )
    tables = []
    for size in ([32, 32], [400, 500]):
        table, added = _scan(raw, size=size)
        tables.append(table)
        exact = standardize(smooth, Standardize(size=size))
        found = np.frombuffer(added[1], np.uint8).reshape(exact.shape)
        assert np.abs(found.astype(int) - exact).mean() < 1
    pd.testing.assert_frame_equal(*tables)
    row = tables[0].iloc[1]
    assert (row["width"], row["height"], row["pixel_hash"]) == (900, 600, "")
    full = full_pixel_hashes(raw, [("a/photo.jpg", row["content_hash"]), ("a/photo.jpg", "0"), ("gone", "0")])
    pixels = decode_again(raw, "a/photo.jpg", row["content_hash"])
    expected = hashlib.sha256(struct.pack("<II", 600, 900) + pixels.tobytes()).hexdigest()
    assert full == [expected, None, None]


def test_a_file_that_kills_its_decoder_costs_one_row(
    raw: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1 crash.png", "a/2 mistake.png", "a/3 good.png"):
        (raw / name).write_bytes(png)

    def hostile(data: bytes, name: str = "", reduced_to: object = None) -> DecodedImage:
        if "crash" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "mistake" in name:
            raise TypeError("a mistake of ours")
        return decode(data, name)

    monkeypatch.setattr(scanning, "decode", hostile)
    rows, added = _scan(raw)
    assert rows["reason"].tolist() == ["decoder_crash", "decoder_crash", "", ""]
    assert rows["detail"].tolist() == ["", "internal: TypeError: a mistake of ours", "", ""]
    assert (len(added), rows["row"].tolist()) == (2, [-1, -1, 0, 1])


def test_a_changed_image_is_not_decoded_again(raw: Path, png: bytes) -> None:
    with pytest.raises(UserError, match="changed since it was scanned"):
        decode_again(raw, "a/good.png", "0" * 64)
    with pytest.raises(UserError, match="changed since it was scanned"):
        decode_again(raw, "a/gone.png", hashlib.sha256(png).hexdigest())


def test_stage_writes_table_and_array_and_checks_the_plan(raw: Path, tmp_path: Path) -> None:
    files = [tmp_path / "shards" / "0000.parquet", tmp_path / "images" / "0000.npy"]
    options = ({"method": "none"}, {"size": [8, 8], "color": "gray"})
    scan(raw, "0000", 1, *options, *files)
    first = [file.read_bytes() for file in files]
    assert read_table(files[0])["path"].tolist() == ["a/good.png"]
    assert read_array(files[1]).shape == (1, 8, 8, 1)
    scan(raw, "0000", 1, *options, *files)
    assert [file.read_bytes() for file in files] == first
    for shard, shards in (("0000", 2), ("0001", 1)):
        with pytest.raises(UserError, match="added or removed during the run"):
            scan(raw, shard, shards, *options, *files)


def test_a_crop_is_what_is_standardized(raw: Path, photo: np.ndarray, tmp_path: Path) -> None:
    files = [tmp_path / "0000.parquet", tmp_path / "0000.npy"]
    scan(raw, "0000", 1, {"method": "crop", "box": [0, 0, 0.5, 1]}, {"size": [12, 40]}, *files)
    np.testing.assert_array_equal(read_array(files[1])[0], photo[:12])
