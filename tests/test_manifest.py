"""Gathering: labels, splits and groups of every file found, counts that add up, and mistakes in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenlight.errors import UserError
from evenlight.listing import list_folder
from evenlight.manifest import attribute_columns, gather
from evenlight.metadata import Metadata
from evenlight.scanning import scan_shard
from evenlight.splits import SPLITS
from evenlight.stages.gather import gather as stage
from evenlight.stages.scan import scan
from evenlight.storage import read_json, read_table

SPLIT = {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 0}
ODD_LABELS = ["NA", "null", "007", "True", "1e5", "<script>", "nan", "-rf", "=1+1", "two words", "ä"]


def _scanned(
    paths: list[str], bad: tuple[str, ...] = (), pixels: dict[str, str] | None = None
) -> pd.DataFrame:
    """Rows as a scan would give them, without files."""
    table = pd.DataFrame({"path": paths, "shard": "0000", "warnings": ""})
    table["verdict"] = ["quarantined" if path in bad else "ok" for path in paths]
    table["reason"] = ["truncated" if path in bad else "" for path in paths]
    table["pixel_hash"] = [(pixels or {}).get(path, f"hash of {path}") for path in paths]
    table["row"] = np.arange(len(paths), dtype=np.int32)
    return table


def _metadata(rows: dict[str, dict[str, str]]) -> Metadata:
    columns = sorted({name for row in rows.values() for name in row})
    return Metadata("metadata.csv", ("path", *columns), rows)


def _gather(
    table: pd.DataFrame, metadata: Metadata | None = None, **dataset: Any
) -> tuple[pd.DataFrame, list[str], dict[str, Any]]:
    settings = {"name": "pets", "source": None, "groups": [], "layout": "auto"} | dataset
    return gather(table, metadata, settings, SPLIT, ignored=3)


def _folders(*folders: str, count: int = 10) -> list[str]:
    return [f"{folder}/{number}.jpg" for folder in folders for number in range(count)]


def _check_counts(rows: pd.DataFrame, summary: dict[str, Any]) -> None:
    used = rows[rows["verdict"] != "quarantined"]
    assert summary["found"] == len(rows) == summary["used"] + summary["quarantined"]
    assert summary["used"] == len(used) == sum(summary["splits"].values())
    assert summary["quarantined"] == sum(summary["reasons"].values())
    assert sum(n for splits in summary["classes"].values() for n in splits.values()) == summary["used"]
    assert set(used["split"]) <= set(SPLITS)
    assert set(rows["split"][rows["verdict"] == "quarantined"]) <= {""}
    for splits in summary["groups"].values():
        assert sum(n for counts in splits.values() for n in counts.values()) == summary["used"]
    json.dumps(summary, allow_nan=False)


def test_labels_come_from_class_folders() -> None:
    rows, classes, summary = _gather(_scanned(_folders("dog", "cat/deep", "cat")))
    assert classes == ["cat", "dog"]
    assert set(rows["label"][rows["path"].str.startswith("cat/deep")]) == {"cat"}
    assert rows["label_index"].tolist() == [0] * 20 + [1] * 10
    assert rows["path"].tolist() == sorted(rows["path"])
    assert (summary["found"], summary["ignored"], summary["split_origin"]) == (30, 3, "made")
    _check_counts(rows, summary)


def test_odd_labels_stay_as_they_are(tmp_path: Path) -> None:
    rows, classes, summary = _gather(_scanned(_folders(*ODD_LABELS)))
    assert classes == sorted(ODD_LABELS)
    assert set(summary["classes"]) == set(ODD_LABELS)
    assert rows["label"].tolist() == [path.split("/")[0] for path in rows["path"]]
    _check_counts(rows, summary)
    paths = _folders("x")
    labels = {path: {"label": ODD_LABELS[number]} for number, path in enumerate(paths)}
    rows, classes, _ = _gather(_scanned(paths), _metadata(labels))
    assert sorted(classes) == sorted(ODD_LABELS[:10])


@given(
    st.lists(
        st.tuples(st.sampled_from(["a/", "b/", "c/x/", ""]), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_found_is_used_and_quarantined(files: list[tuple[str, int, bool]]) -> None:
    paths = [f"{folder}{number}.jpg" for number, (folder, _, _) in enumerate(files)]
    bad = tuple(path for path, (_, _, broken) in zip(paths, files, strict=True) if broken)
    pixels = {path: str(copy) for path, (_, copy, _) in zip(paths, files, strict=True)}
    try:
        rows, _, summary = _gather(_scanned(paths, bad, pixels))
    except UserError:
        return
    _check_counts(rows, summary)
    unlabelled = sum("/" not in path and path not in bad for path in paths)
    assert summary["reasons"].get("no_label", 0) == unlabelled
    # copies stay together
    used = rows[rows["verdict"] != "quarantined"]
    assert (used.groupby("pixel_hash")["split"].nunique() == 1).all()


def test_an_image_without_label_is_quarantined_not_dropped() -> None:
    rows, _, summary = _gather(_scanned([*_folders("a", "b"), "stray.jpg"]))
    stray = rows[rows["path"] == "stray.jpg"].iloc[0]
    facts = (stray["verdict"], stray["reason"], stray["row"], stray["label_index"], stray["split"])
    assert facts == ("quarantined", "no_label", -1, -1, "")
    _check_counts(rows, summary)


# splits


def test_a_given_split_is_untouched() -> None:
    rows, classes, summary = _gather(
        _scanned(_folders("training/day", "training/night", "Test/day", "Test/night"))
    )
    assert classes == ["day", "night"]
    test = rows["path"].str.startswith("Test/")
    assert set(rows["split"][test]) == {"test"}
    assert set(rows["split"][~test]) == {"train", "validation"}
    assert summary["split_origin"] == "given"
    assert any(
        "no validation images: " in note and "taken from training" in note for note in summary["notes"]
    )


def test_stray_text_does_not_change_what_folders_mean() -> None:
    paths = [*_folders("train/day", "train/night", "test/day", "test/night"), "train/notes.txt"]
    _, classes, summary = _gather(_scanned(paths, bad=("train/notes.txt",)))
    assert classes == ["day", "night"]
    assert summary["quarantined"] == 1


def test_classes_called_train_and_test() -> None:
    _, classes, summary = _gather(_scanned(_folders("train", "test", count=40)))
    assert classes == ["test", "train"]
    assert summary["split_origin"] == "made"
    assert any("'test', 'train' are taken as classes" in note for note in summary["notes"])
    deep = _scanned(_folders("train/old", "train/new", "test/x", count=40))
    assert _gather(deep, layout="class")[1] == ["test", "train"]
    rows, classes, _ = _gather(
        _scanned([*_folders("train/a", "train/b"), "train/x.jpg"]), layout="split/class"
    )
    assert classes == ["a", "b"]
    assert rows["reason"].tolist()[-1] == "no_label"


def test_label_and_split_columns_win_over_folders() -> None:
    paths = _folders("a", "b")
    rows, classes, summary = _gather(
        _scanned(paths),
        _metadata({path: {"label": "c" if path.startswith("a") else "", "split": ["Test", "training", "val"][n % 3]}
                   for n, path in enumerate(paths)}),
    )  # fmt: skip
    assert classes == ["b", "c"]
    assert rows["split"].tolist() == [["test", "train", "validation"][n % 3] for n in range(20)]
    assert summary["split_origin"] == "given"


def test_images_without_a_given_split_train() -> None:
    paths = _folders("a", "b")
    given_splits = {path: {"split": {"0": "test", "1": "validation"}.get(path[2], "")} for path in paths}
    _, _, summary = _gather(_scanned(paths), _metadata(given_splits))
    assert summary["splits"] == {"train": 16, "validation": 2, "test": 2}
    assert any(note.startswith("16 images have no split") for note in summary["notes"])


def test_sources_and_copies_are_kept_together_transitively() -> None:
    paths = _folders("a", "b", count=40)
    sources = {path: {"camera": f"c{n // 4}" if n < 60 else ""} for n, path in enumerate(paths)}
    # a chain: a source, a copy of one of its images elsewhere, that image's source
    pixels = {paths[0]: "same", paths[50]: "same", paths[70]: "same"}
    rows, _, _ = _gather(_scanned(paths, pixels=pixels), _metadata(sources), source="camera")
    splits = dict(zip(rows["path"], rows["split"], strict=True))
    assert len({splits[path] for path in [*paths[0:4], *paths[48:52], paths[70]]}) == 1
    assert (rows[rows["source"] != ""].groupby("source")["split"].nunique() == 1).all()


def test_leaks_of_a_given_split_are_noted() -> None:
    paths = _folders("train/a", "train/b", "test/a", "test/b")
    cameras = {path: {"camera": "one" if path.endswith("/1.jpg") else path} for path in paths}
    pixels = {"train/a/3.jpg": "same", "test/a/4.jpg": "same"}
    _, _, summary = _gather(_scanned(paths, pixels=pixels), _metadata(cameras), source="camera")
    assert any(note.startswith("1 test image is a pixel-identical copy") for note in summary["notes"])
    assert any(note.startswith("2 of 20 test images come from a source that is") for note in summary["notes"])


# metadata and groups


def test_rows_and_images_without_each_other_are_noted() -> None:
    paths = _folders("a", "b")
    rows, _, summary = _gather(
        _scanned(paths), _metadata({path: {"x": "1"} for path in [*paths[1:], "../gone.jpg"]})
    )
    assert len(rows) == 20
    assert any("1 row names no file" in note and "../gone.jpg" in note for note in summary["notes"])
    assert any("1 file has no row" in note and paths[0] in note for note in summary["notes"])


def test_groups_with_empty_values() -> None:
    paths = _folders("a", "b")
    weather = {path: {"weather": ["rain", "", "NA"][n % 3]} for n, path in enumerate(paths[:-1])}
    rows, _, summary = _gather(_scanned(paths), _metadata(weather), groups=["weather"])
    assert set(rows["group_weather"]) == {"rain", "unknown", "NA"}
    assert any("7 images have no value" in note for note in summary["notes"])
    _check_counts(rows, summary)
    assert attribute_columns(rows, "camera") == {"weather": "group_weather", "camera": "source"}
    assert attribute_columns(rows, None) == {"weather": "group_weather"}


@pytest.mark.parametrize("settings", [{"groups": ["wether"]}, {"source": "wether"}])
@pytest.mark.parametrize("metadata", [None, _metadata({"a/0.jpg": {"weather": "rain"}})])
def test_a_setting_that_names_no_column(settings: dict, metadata: Metadata | None) -> None:
    words = "there is no metadata.csv" if metadata is None else "metadata.csv has no such column"
    with pytest.raises(
        UserError, match=rf"params.yaml: (groups|source) names the column 'wether', but {words}"
    ):
        _gather(_scanned(_folders("a", "b")), metadata, **settings)


# too little


@pytest.mark.parametrize(
    ("paths", "bad", "words"),
    [
        (_folders("a", count=5), (), "all 5 usable images are of one class, 'a'"),
        (
            _folders("a", "b", count=2),
            tuple(_folders("b", count=2)),
            "all 2 usable images are of one class, 'a'",
        ),
        (_folders("a", "b"), tuple(_folders("a", "b")), "none of its 20 files is a usable labelled image"),
        (["x.jpg", "y.jpg"], (), "none of its 2 files is a usable labelled image"),
        (_folders("test/a", "test/b"), (), "given split leaves no train image"),
        (_folders("a", "b", count=1), (), "made split leaves no validation image"),
    ],
)
def test_too_little_is_one_sentence(paths: list[str], bad: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        _gather(_scanned(paths, bad))
    assert "\n" not in str(caught.value)


def test_classes_with_few_or_no_images_are_noted() -> None:
    paths = [*_folders("a", "b"), "single/1.jpg", "gone/1.jpg"]
    rows, classes, summary = _gather(_scanned(paths, bad=("gone/1.jpg",)))
    assert classes == ["a", "b", "single"]
    assert any(note.startswith("Class 'single' has 1 image:") for note in summary["notes"])
    assert any(note.startswith("Class 'gone' has no usable image") for note in summary["notes"])
    gone = rows[rows["path"] == "gone/1.jpg"].iloc[0]
    assert (gone["label"], gone["label_index"]) == ("gone", -1)


def test_an_unknown_split_word() -> None:
    with pytest.raises(UserError, match="column 'split' holds 'holdout'; use train, validation or test"):
        _gather(_scanned(_folders("a", "b")), _metadata({"a/0.jpg": {"split": "holdout"}}))


# the stages together, on files


def _run(
    raw: Path, out: Path, max_quarantine: float = 1.0, **dataset: Any
) -> tuple[pd.DataFrame, dict[str, Any]]:
    listing = list_folder(raw)
    for shard in listing.shards:
        scan(raw, shard, listing.shard_count, out / "shards" / f"{shard}.parquet")
    settings = {"name": "pets", "source": None, "groups": [], "layout": "auto"} | dataset
    files = [out / "manifest.parquet", out / "classes.json", out / "summary.json"]
    shards = sorted((out / "shards").iterdir(), reverse=True)
    stage(shards, raw, settings, SPLIT, listing.ignored, max_quarantine, *files)
    return read_table(files[0]), read_json(files[2])


def _picture(photo: np.ndarray, number: int) -> bytes:
    """A PNG that is no copy of another number's."""
    other = photo.copy()
    other[0, 0] = number
    return cv2.imencode(".png", other)[1].tobytes()


def test_names_of_every_kind_go_through(tmp_path: Path, photo: np.ndarray) -> None:
    names = [
        b"a b.png",
        b"'\".png",
        b"{x}.png",
        b"new\nline.png",
        b"$(touch x).png",
        b"-rf",
        b"=cmd",
        b"\xff\xe9.png",
    ]
    for place, label in enumerate((b"NA", b"caf\xe9", b"<script>")):
        folder = bytes(tmp_path / "raw") + b"/" + label
        Path(folder.decode("utf-8", "surrogateescape")).mkdir(parents=True)
        for number, name in enumerate(names):
            with open(folder + b"/" + name, "wb") as stream:
                stream.write(_picture(photo, 10 * place + number))
    rows, summary = _run(tmp_path / "raw", tmp_path / "out")
    assert read_json(tmp_path / "out" / "classes.json") == ["<script>", "NA", r"caf\xe9"]
    assert (summary["found"], summary["used"]) == (24, 24)
    _check_counts(rows, summary)
    assert not (tmp_path / "x").exists()


def test_outputs_are_the_same_bytes_and_too_much_quarantine_writes_none(
    tmp_path: Path, photo: np.ndarray
) -> None:
    for place, label in enumerate("ab"):
        (tmp_path / "raw" / label).mkdir(parents=True)
        for number in range(8):
            data = _picture(photo, 10 * place + number)
            (tmp_path / "raw" / label / f"{number}.png").write_bytes(data if number else data[:-20])
    one, two = tmp_path / "one", tmp_path / "two"
    _, summary = _run(tmp_path / "raw", one)
    _run(tmp_path / "raw", two)
    for file in ("manifest.parquet", "classes.json", "summary.json"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    assert summary["reasons"] == {"truncated": 2}
    with pytest.raises(
        UserError, match=r"2 of 16 files can't be used \(2 truncated\), more than max_quarantine = 0.1"
    ):
        _run(tmp_path / "raw", tmp_path / "three", max_quarantine=0.1)
    assert not (tmp_path / "three" / "manifest.parquet").exists()


def test_day_night(shared_data: Callable[[str], Path]) -> None:
    """Known answers: 400 photos, 240 and 160, the given test split untouched, one exact copy across it."""
    folder = shared_data("day_night")
    listing = list_folder(folder)
    scanned = scan_shard(folder, listing.files).assign(shard="0000")
    rows, classes, summary = _gather(scanned)
    assert classes == ["day", "night"]
    assert (summary["found"], summary["used"], summary["quarantined"]) == (400, 400, 0)
    assert listing.ignored == 1  # LICENSE
    test = rows["path"].str.startswith("test/")
    assert (rows["split"] == "test").tolist() == test.tolist()
    assert summary["splits"]["test"] == 160
    assert summary["splits"]["train"] + summary["splits"]["validation"] == 240
    assert summary["classes"]["day"]["test"] == summary["classes"]["night"]["test"] == 80
    assert any(note.startswith("1 test image is a pixel-identical copy") for note in summary["notes"])
    _check_counts(rows, summary)
