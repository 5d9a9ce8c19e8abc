"""Stages of the area of interest: background subtraction by camera, and the contact sheet."""

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from evenlight.errors import UserError
from evenlight.listing import path_to_text
from evenlight.regions.background import Options, foreground
from evenlight.stages.region_sheet import region_sheet
from evenlight.stages.subtract_background import subtract_background
from evenlight.storage import read_array, write_array, write_table

REGION = {"method": "background", "by": "camera", "minimum": 8, "fill": [0, 0, 255]}


def image(level: int, number: int) -> np.ndarray:
    """A flat background with grain and a small box somewhere."""
    pixels = np.full((16, 20, 3), level) + np.random.default_rng(number).integers(-2, 3, (16, 20, 3))
    left = number * 5 % 16
    pixels[6:10, left : left + 4] = 250
    return pixels.astype(np.uint8)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Framed arrays of two shards and their manifest: cameras n (bright), s (dark), few, and none known."""
    rows: list[dict[str, Any]] = []
    arrays: dict[str, list[np.ndarray]] = {"0000": [], "0001": []}
    cameras = {"n": (160, 30), "s": (60, 24), "few": (110, 5), "": (200, 2)}
    for camera, (level, count) in cameras.items():
        for number in range(count):
            path = f"{number:03d}{camera}.png"
            shard = f"000{number % 2}"
            split = "test" if number % 4 == 3 else "train"
            facts = {"path": path, "group_camera": camera, "source": camera, "shard": shard, "split": split}
            rows.append(facts | {"verdict": "ok", "pixels": image(level, number)})
    rows.append(rows[1] | {"path": "zz.png", "verdict": "quarantined", "split": "", "group_camera": "n"})
    broken = {"path": "zzz.png", "verdict": "quarantined", "split": "", "pixels": None, "group_camera": "s"}
    rows.append(rows[1] | broken)
    rows.sort(key=lambda row: row["path"])
    for row in rows:
        pixels = row.pop("pixels")
        row["row"] = -1 if pixels is None else len(arrays[row["shard"]])
        if pixels is not None:
            arrays[row["shard"]].append(pixels)
    write_table(tmp_path / "manifest.parquet", pd.DataFrame(rows))
    for shard, images in arrays.items():
        write_array(tmp_path / "framed" / f"{shard}.npy", np.stack(images))
    return tmp_path


def run(world: Path, color: str = "rgb", source: str | None = None, **more: Any) -> pd.DataFrame:
    """Manifest rows that have an array row, with the pixels before and after."""
    target = world / "standardized"
    settings = {"region": REGION | more, "source": source, "color": color}
    subtract_background(world / "framed", world / "manifest.parquet", settings, target)
    table = pd.read_parquet(world / "manifest.parquet")
    table = table[table["row"] >= 0]
    for name in ("framed", "standardized"):
        table[name] = [
            np.array(read_array(world / name / f"{row.shard}.npy")[row.row]) for row in table.itertuples()
        ]
    return table


@pytest.mark.parametrize("camera", ["n", "s"])
def test_every_camera_has_a_background_of_its_own(world: Path, camera: str) -> None:
    rows = run(world)
    rows = rows[rows["group_camera"] == camera]
    training = rows[(rows["split"] == "train") & (rows["verdict"] == "ok")]["framed"]
    expected = foreground(list(training), list(rows["framed"]), Options(**REGION))
    np.testing.assert_array_equal(np.stack(list(rows["standardized"])), expected)
    filled = (expected == [0, 0, 255]).all(axis=3).mean(axis=(1, 2))
    assert filled.min() > 0.8, "nearly all but the box"


def test_cameras_that_teach_too_little_are_left_alone(world: Path, capsys: pytest.CaptureFixture) -> None:
    rows = run(world)
    kept = rows[rows["group_camera"].isin(["few", ""])]
    assert len(kept) == 7
    for row in kept.itertuples():
        np.testing.assert_array_equal(row.standardized, row.framed)
    said = capsys.readouterr().err
    assert "camera 'few': 5 images left as they are, because 5 usable ones are fewer" in said
    assert "camera unknown: 2 images left as they are" in said
    assert "'n'" not in said


def test_a_camera_that_training_has_not_seen_learns_from_its_own_images(world: Path) -> None:
    """Sources stay in one split: otherwise training images would have no background and test images would."""
    table = pd.read_parquet(world / "manifest.parquet")
    table.loc[table["group_camera"] == "s", "split"] = "test"
    write_table(world / "manifest.parquet", table)
    rows = run(world)
    rows = rows[(rows["group_camera"] == "s") & (rows["verdict"] == "ok")]
    expected = foreground(list(rows["framed"]), list(rows["framed"]), Options(**REGION))
    np.testing.assert_array_equal(np.stack(list(rows["standardized"])), expected)


def test_test_images_teach_nothing(world: Path) -> None:
    before = run(world)
    table = pd.read_parquet(world / "manifest.parquet")
    chosen = table[(table["group_camera"] == "n") & (table["split"] == "test")].iloc[0]
    array = np.array(read_array(world / "framed" / f"{chosen['shard']}.npy"))
    array[chosen["row"]] = 0
    write_array(world / "framed" / f"{chosen['shard']}.npy", array)
    after = run(world)
    changed = [
        path
        for path, old, new in zip(before["path"], before["standardized"], after["standardized"], strict=True)
        if (old != new).any()
    ]
    assert changed == [chosen["path"]]


@pytest.mark.parametrize(("color", "code"), [("gray", cv2.COLOR_RGB2GRAY), ("hsv", cv2.COLOR_RGB2HSV)])
def test_colour_space_comes_last(world: Path, color: str, code: int) -> None:
    rgb = run(world)["standardized"]
    for pixels, converted in zip(rgb, run(world, color)["standardized"], strict=True):
        np.testing.assert_array_equal(converted, cv2.cvtColor(pixels, code).reshape(16, 20, -1))


def test_by_the_source(world: Path) -> None:
    table = pd.read_parquet(world / "manifest.parquet")
    write_table(world / "manifest.parquet", table.drop(columns="group_camera"))
    table = run(world, source="camera")
    assert (np.stack(list(table["standardized"])) == [0, 0, 255]).all(axis=3).mean() > 0.6


def test_by_something_unknown(world: Path) -> None:
    with pytest.raises(UserError, match=r"region.by: 'kamera' is neither .*did you mean 'camera'"):
        run(world, by="kamera")
    assert not (world / "standardized").exists()
    table = pd.read_parquet(world / "manifest.parquet")
    write_table(world / "manifest.parquet", table.drop(columns="group_camera"))
    with pytest.raises(UserError, match="name the column of the cameras under `datasets`"):
        run(world)


def test_a_missing_array_leaves_nothing_behind(world: Path) -> None:
    (world / "framed" / "0001.npy").unlink()
    with pytest.raises(UserError, match=r"0001\.npy: no such file"):
        run(world)
    assert list((world / "standardized").iterdir()) == []


def test_a_shard_without_images(world: Path) -> None:
    table = pd.read_parquet(world / "manifest.parquet")
    broken = table.iloc[:1].assign(path="zzzz.png", verdict="quarantined", split="", row=-1, shard="0002")
    write_table(world / "manifest.parquet", pd.concat([table, broken], ignore_index=True))
    write_array(world / "framed" / "0002.npy", np.zeros((0, 16, 20, 3), np.uint8))
    run(world, "gray")
    assert read_array(world / "standardized" / "0002.npy").shape == (0, 16, 20, 1)


# contact sheet


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Fifteen pictures of a red square on white, with their manifest and array."""
    rows = []
    for number in range(15):
        pixels = np.full((60, 90, 3), 255, np.uint8)
        pixels[10:40, number : number + 30] = (200, 20, 30)
        data = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
        name = "a/$x$ \n<b>.png" if number == 3 else f"a/{number:02d}.png"
        (tmp_path / "raw" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(data)
        facts = {"path": path_to_text(name), "row": number, "shard": "0000", "label": "a", "verdict": "ok"}
        rows.append(facts | {"content_hash": hashlib.sha256(data).hexdigest()})
    write_table(tmp_path / "manifest.parquet", pd.DataFrame(rows))
    after = np.random.default_rng(0).integers(0, 256, (15, 16, 16, 1)).astype(np.uint8)
    write_array(tmp_path / "images" / "0000.npy", after)
    return tmp_path


def sheet(world: Path, seed: int = 0, **region: Any) -> np.ndarray:
    settings = {"region": region, "standardize": {"color": "gray"}, "seed": seed}
    folders = (world / "raw", world / "manifest.parquet", world / "images", world / "framed")
    region_sheet(*folders, settings, world / "sheet.png")
    picture = cv2.imread(str(world / "sheet.png"))
    assert picture is not None
    return picture


@pytest.mark.parametrize(
    "options",
    [
        {"method": "none"},
        {"method": "crop", "box": [0, 0, 0.5, 1]},
        {"method": "color_mask", "low": [170, 100, 60], "high": [10, 255, 255], "crop": True},
        {"method": "kmeans"},
        {"method": "contour", "inverted": True},
        {"method": "face"},
    ],
    ids=lambda options: options["method"],
)
def test_sheet(photos: Path, options: dict) -> None:
    first = sheet(photos, **options)
    assert first.shape[0] > 500
    assert first.shape[1] > 900
    orange = (np.abs(first.astype(int) - (20, 90, 230)).max(axis=2) < 12).sum()
    assert (orange > 1000) == (options["method"] != "face"), "the box is outlined where something was found"
    data = (photos / "sheet.png").read_bytes()
    sheet(photos, **options)
    assert (photos / "sheet.png").read_bytes() == data


def test_another_seed_shows_other_images(photos: Path) -> None:
    first = sheet(photos, method="none")
    assert first.tobytes() != sheet(photos, method="none", seed=1).tobytes()


def test_sheet_of_framed_arrays_reads_no_raw_file(photos: Path) -> None:
    write_array(photos / "framed" / "0000.npy", np.zeros((15, 16, 16, 3), np.uint8))
    (photos / "raw").rename(photos / "elsewhere")
    assert (sheet(photos, method="background", by="camera") < 40).mean() > 0.1, "black"


def test_sheet_of_a_changed_image(photos: Path) -> None:
    for file in (photos / "raw" / "a").iterdir():
        file.write_bytes(b"other")
    with pytest.raises(UserError, match="changed"):
        sheet(photos, method="none")


def test_sheet_without_usable_images(photos: Path) -> None:
    table = pd.read_parquet(photos / "manifest.parquet")
    write_table(photos / "manifest.parquet", table.assign(verdict="quarantined", row=-1))
    assert sheet(photos, method="none").size > 0
