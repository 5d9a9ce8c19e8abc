"""Standardizing: one shape, known pixels, and the stage that does it for a shard."""

from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.listing import list_folder
from evenlight.scanning import scan_shard
from evenlight.stages.standardize import standardize as stage
from evenlight.standardize import resize, standardize, to_rgb
from evenlight.storage import read_array, write_table

FITS = ["stretch", "pad", "crop"]
OPTIONS = {"size": [16, 12], "fit": "stretch", "color": "rgb"}


@given(
    st.tuples(st.integers(8, 90), st.integers(8, 90)),
    st.tuples(st.integers(8, 70), st.integers(8, 70)),
    st.sampled_from(FITS),
    st.integers(0, 255),
)
@settings(max_examples=100)
def test_shape_and_constant_images(shape: tuple, size: tuple, fit: str, value: int) -> None:
    pixels = np.full((*shape, 3), value, dtype=np.uint8)
    pixels[..., 1] = 255 - value
    result = standardize(pixels, size, fit, "rgb")
    assert result.shape == (*size, 3)
    assert result.dtype == np.uint8
    assert (result == pixels[0, 0]).all()


@pytest.mark.parametrize("fit", FITS)
def test_an_image_of_the_right_size_is_unchanged(photo: np.ndarray, fit: str) -> None:
    np.testing.assert_array_equal(standardize(photo, photo.shape[:2], fit, "rgb"), photo)


def test_shrinking_averages_areas() -> None:
    pixels = np.zeros((24, 24, 3), dtype=np.uint8)
    pixels[1::3, 1::3] = 180  # the middle of every 3 x 3 block, where sampling would look
    assert (standardize(pixels, (8, 8), "stretch", "rgb") == 20).all()
    # one side shrinks, the other grows: still an average, no alias of every third column
    stripes = np.zeros((8, 48, 3), dtype=np.uint8)
    stripes[:, 1::3] = 210
    assert (standardize(stripes, (16, 16), "stretch", "rgb") == 70).all()


def test_growing_is_linear() -> None:
    ramp = np.repeat(np.repeat(np.arange(0, 80, 10, dtype=np.uint8)[None, :, None], 8, axis=0), 3, axis=2)
    grown = resize(ramp, 8, 16)[0, :, 0].astype(int)
    assert (np.diff(grown) >= 0).all()
    assert np.diff(grown).max() <= 5


def test_pad_repeats_the_border_and_crop_takes_the_centre() -> None:
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 100  # left, middle and right third
    wide[:, 20:] = 200
    wide[0], wide[-1] = 50, 150
    padded = standardize(wide, (30, 30), "pad", "rgb")
    np.testing.assert_array_equal(padded[10:20], wide)
    assert (padded[:10] == 50).all()
    assert (padded[20:] == 150).all()
    np.testing.assert_array_equal(standardize(wide, (10, 10), "crop", "rgb"), wide[:, 10:20])
    tall = wide.transpose(1, 0, 2)
    np.testing.assert_array_equal(standardize(tall, (30, 30), "pad", "rgb"), padded.transpose(1, 0, 2))
    np.testing.assert_array_equal(standardize(tall, (10, 10), "crop", "rgb"), tall[10:20])


@pytest.mark.parametrize("shape", [(8, 400), (400, 8)])
@pytest.mark.parametrize("fit", FITS)
def test_extreme_proportions(shape: tuple[int, int], fit: str) -> None:
    assert standardize(np.zeros((*shape, 3), np.uint8), (64, 64), fit, "rgb").shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("color", "expected"),
    [("rgb", [255, 0, 0]), ("hsv", [0, 255, 255]), ("gray", [76]), ("lab", [136, 208, 195])],
)
def test_colours_of_pure_red(color: str, expected: list[int]) -> None:
    red = np.full((8, 8, 3), (255, 0, 0), dtype=np.uint8)
    result = standardize(red, (8, 8), "stretch", color)
    assert result.shape == (8, 8, len(expected))
    assert result[0, 0].tolist() == expected
    back = to_rgb(result[None], color)
    assert back.shape == (1, 8, 8, 3)
    target = [76] * 3 if color == "gray" else [255, 0, 0]
    assert np.abs(back[0, 0, 0].astype(int) - target).max() <= 2


@pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("gray", 1), ("hsv", 3)])
def test_to_rgb_of_no_image(color: str, channels: int) -> None:
    assert to_rgb(np.zeros((0, 4, 5, channels), np.uint8), color).shape == (0, 4, 5, 3)


# the stage


@pytest.fixture
def shard(tmp_path: Path, png: bytes, jpeg: bytes) -> Path:
    """A scanned shard: two images with a broken file and an odd name between them."""
    raw = tmp_path / "raw"
    (raw / "a").mkdir(parents=True)
    (raw / "a" / "1.png").write_bytes(png)
    (raw / "a" / "2.jpg").write_bytes(b"text")
    (raw / "a" / "3 \n\\x41.jpg").write_bytes(jpeg)
    write_table(tmp_path / "0000.parquet", scan_shard(raw, list_folder(raw).files))
    return tmp_path / "0000.parquet"


def test_stage_keeps_rows_in_manifest_order(tmp_path: Path, shard: Path, photo: np.ndarray) -> None:
    stage(tmp_path / "raw", shard, OPTIONS, tmp_path / "new" / "0000.npy")
    images = read_array(tmp_path / "new" / "0000.npy")
    assert images.shape == (2, 16, 12, 3)
    np.testing.assert_array_equal(images[0], standardize(photo, (16, 12), "stretch", "rgb"))
    assert np.abs(images[1].astype(int) - images[0]).mean() < 6


def test_stage_writes_gray_and_empty_shards(tmp_path: Path, shard: Path) -> None:
    stage(tmp_path / "raw", shard, OPTIONS | {"color": "gray"}, tmp_path / "gray.npy")
    assert read_array(tmp_path / "gray.npy").shape == (2, 16, 12, 1)
    write_table(tmp_path / "empty.parquet", scan_shard(tmp_path, []))
    stage(tmp_path / "raw", tmp_path / "empty.parquet", OPTIONS, tmp_path / "empty.npy")
    assert read_array(tmp_path / "empty.npy").shape == (0, 16, 12, 3)


@pytest.mark.parametrize("change", [lambda file: file.write_bytes(file.read_bytes() + b"x"), Path.unlink])
def test_stage_refuses_an_image_that_changed(tmp_path: Path, shard: Path, change: object) -> None:
    change(tmp_path / "raw" / "a" / "1.png")  # type: ignore[operator]
    with pytest.raises(UserError, match=r"'a/1.png': this image changed .* run `snakemake"):
        stage(tmp_path / "raw", shard, OPTIONS, tmp_path / "0000.npy")
    assert not (tmp_path / "0000.npy").exists()


def test_stage_says_when_the_disk_is_too_small(
    tmp_path: Path, shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"needs about .* MB .* make space"):
        stage(tmp_path / "raw", shard, OPTIONS, tmp_path / "new" / "0000.npy")


def test_stage_into_a_file_is_one_sentence(tmp_path: Path, shard: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="can't write it"):
        stage(tmp_path / "raw", shard, OPTIONS, tmp_path / "file" / "0000.npy")


def test_opencv_agrees(photo: np.ndarray) -> None:
    expected = cv2.resize(photo, (20, 12), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(standardize(photo, (12, 20), "stretch", "rgb"), expected)
