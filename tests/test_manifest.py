"""Gathering: labels, splits and groups of every file found, counts that add up, and mistakes in one sentence."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenlight import manifest
from evenlight.audit.duplicates import NearPairs
from evenlight.errors import UserError
from evenlight.manifest import Gathered, attribute_columns, gather
from evenlight.metadata import Metadata
from evenlight.split_record import SplitRecord
from evenlight.splits import SPLITS
from evenlight.storage import read_json, read_table
from raw_world import NEAR, SPLIT, scan_and_gather

ODD_LABELS = ["NA", "null", "007", "True", "1e5", "<script>", "nan", "-rf", "=1+1", "two words", "ä"]


def _scanned(
    paths: list[str],
    bad: tuple[str, ...] = (),
    pixels: dict[str, str] | None = None,
    looks: dict[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Rows as a scan would give them, without files; `looks` gives hash variants, else no two images are alike."""
    table = pd.DataFrame({"path": paths, "shard": "0000", "warnings": ""})
    table["verdict"] = ["quarantined" if path in bad else "ok" for path in paths]
    table["reason"] = ["truncated" if path in bad else "" for path in paths]
    table["content_hash"] = [f"bytes of {path}" for path in paths]
    table["pixel_hash"] = [(pixels or {}).get(path, f"hash of {path}") for path in paths]
    table["phashes"] = [
        b"" if path in bad else (looks or {}).get(path, _look(path)).tobytes() for path in paths
    ]
    table["property_entropy"] = np.float32(7)
    table[["property_brightness", "property_lab_a", "property_lab_b"]] = [
        [zlib.crc32(path.encode()) % 256, 0.0, 0.0] for path in paths
    ]
    table[["height", "width", "exif_orientation"]] = [24, 40, 0]
    table["row"] = np.where(table["verdict"] == "ok", np.arange(len(paths)), -1).astype(np.int32)
    return table


def _look(name: str) -> np.ndarray:
    """Hash variants of a picture that looks like no other: uint8 (8, 32)."""
    return np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (8, 32), dtype=np.uint8)


def _metadata(rows: dict[str, dict[str, str]]) -> Metadata:
    columns = sorted({name for row in rows.values() for name in row})
    return Metadata("metadata.csv", ("path", *columns), rows)


def _gathered(
    table: pd.DataFrame,
    metadata: Metadata | None = None,
    record: SplitRecord | None = None,
    full_hashes: dict[str, str | None] | None = None,
    **dataset: Any,
) -> Gathered:
    settings = {"name": "pets", "source": "auto", "groups": [], "layout": "auto"} | dataset

    def pixel_hashes(files: list[tuple[str, str]]) -> list[str | None]:
        return [(full_hashes or {})[path] for path, _ in files]

    return gather(table, metadata, settings, SPLIT, NEAR, 3, record or SplitRecord({}), pixel_hashes)


def _gather(
    table: pd.DataFrame, metadata: Metadata | None = None, **dataset: Any
) -> tuple[pd.DataFrame, list[str], dict[str, Any]]:
    found = _gathered(table, metadata, **dataset)
    return found.manifest, found.classes, found.summary


def _folders(*folders: str, count: int = 10) -> list[str]:
    return [f"{folder}/{number}.jpg" for folder in folders for number in range(count)]


def _check_counts(rows: pd.DataFrame, summary: dict[str, Any]) -> None:
    used = rows[rows["verdict"] != "quarantined"]
    assert summary["found"] == summary["used"] + summary["quarantined"] + summary["junk"]
    assert len(rows) == summary["used"] + summary["quarantined"]
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
    assert (summary["found"], summary["junk"], summary["split_origin"]) == (33, 3, "made")
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
        st.tuples(st.sampled_from(["a/", "b/", "c/x/", ""]), st.integers(0, 12), st.booleans()),
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
    # copies stay together and have one label
    used = rows[rows["verdict"] != "quarantined"]
    assert (used.groupby("pixel_hash")["split"].nunique() == 1).all()
    assert (used.groupby("pixel_hash")["label"].nunique() == 1).all()
    # every quarantined row has one reason, every other row none
    assert ((rows["reason"] != "") == (rows["verdict"] == "quarantined")).all()


def test_an_image_without_label_is_quarantined_not_dropped() -> None:
    rows, _, summary = _gather(_scanned([*_folders("a", "b"), "stray.jpg"]))
    stray = rows[rows["path"] == "stray.jpg"].iloc[0]
    facts = (stray["verdict"], stray["reason"], stray["row"], stray["label_index"], stray["split"])
    # its pixels stay in the array, so that the report can show it
    assert facts == ("quarantined", "no_label", 20, -1, "")
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
    pixels = {paths[0]: "same", paths[30]: "same", paths[44]: "other", paths[70]: "other"}
    rows, _, summary = _gather(_scanned(paths, pixels=pixels), _metadata(sources), source="camera")
    splits = dict(zip(rows["path"], rows["split"], strict=True))
    assert len({splits[path] for path in [*paths[0:4], *paths[28:32]]}) == 1
    assert len({splits[path] for path in [*paths[44:48], paths[70]]}) == 1
    assert (rows[rows["source"] != ""].groupby("source")["split"].nunique() == 1).all()
    assert (summary["kept_together"], summary["source"]) == ("source", "camera")


# copies, near-duplicates and leaks


def _near(name: str, bits: int) -> np.ndarray:
    """The look of a picture after an edit that changes this many bits."""
    changed = _look(name).copy()
    changed[0, : bits // 8] ^= 0xFF
    return changed


def test_copies_under_two_labels_are_all_quarantined() -> None:
    paths = _folders("a", "b")
    pixels = {"a/1.jpg": "same", "a/2.jpg": "same", "b/5.jpg": "same", "b/6.jpg": "twins", "b/7.jpg": "twins"}
    rows, _, summary = _gather(_scanned(paths, pixels=pixels))
    assert summary["reasons"] == {"label_conflict": 3}
    conflict = rows[rows["reason"] == "label_conflict"]
    assert conflict["path"].tolist() == ["a/1.jpg", "a/2.jpg", "b/5.jpg"]
    assert (conflict["row"] >= 0).all()
    _check_counts(rows, summary)
    # a file that can't be read has no pixels, so it conflicts with nothing
    table = _scanned(paths, bad=("a/1.jpg", "b/5.jpg"), pixels={"a/1.jpg": "", "b/5.jpg": ""})
    assert _gather(table)[2]["reasons"] == {"truncated": 2}


def test_near_duplicates_are_a_component_and_stay_together() -> None:
    paths = _folders("a", "b", count=40)
    looks = {"a/7.jpg": _near("a/5.jpg", 32), "b/9.jpg": _near("b/8.jpg", 40), "a/9.jpg": _look("a/5.jpg")}
    found = _gathered(_scanned(paths, looks=looks))
    rows = found.manifest.set_index("path")
    together = rows.loc[["a/5.jpg", "a/7.jpg", "a/9.jpg"]]
    assert together["component"].nunique() == together["split"].nunique() == 1
    assert rows.loc["b/8.jpg", "component"] != rows.loc["b/9.jpg", "component"]  # 40 bits: another picture
    assert found.summary["components"] == rows["component"].nunique() == 78
    assert found.pairs[["a", "b", "kind", "distance"]].to_numpy().tolist() == [
        ["a/5.jpg", "a/7.jpg", "near", 32],
        ["a/5.jpg", "a/9.jpg", "near", 0],
        ["a/7.jpg", "a/9.jpg", "near", 32],
    ]
    assert found.summary["kept_together"] == "component"
    # without `auto` only exact copies are kept together
    assert _gather(_scanned(paths, looks=looks), source=None)[2]["kept_together"] == "copies"


def test_pictures_that_all_look_alike_cannot_be_split() -> None:
    paths = _folders("a", "b")
    table = _scanned(paths, looks=dict.fromkeys(paths, _look("one burst")))
    with pytest.raises(UserError, match=r"no validation image: 20 images in 1 sets .* set `source:` .*null"):
        _gathered(table)
    assert _gather(table, source=None)[2]["splits"] == {"train": 14, "validation": 3, "test": 3}


def test_pictures_without_information_are_near_nothing() -> None:
    paths = _folders("a", "b")
    table = _scanned(paths, looks={path: _look("all black") for path in paths[:6]})
    table.loc[:5, "property_entropy"] = 0.5
    assert len(_gathered(table).pairs) == 0


def test_reduced_pictures_that_look_alike_are_compared_in_full() -> None:
    paths = _folders("a", "b")
    looks = {"a/2.jpg": _near("a/1.jpg", 8), "a/3.jpg": _look("a/1.jpg"), "b/5.jpg": _look("b/4.jpg")}
    table = _scanned(paths, looks=looks, pixels=dict.fromkeys(paths, ""))
    table.loc[table["path"] == "b/5.jpg", "height"] = 25  # of another size, so it can be no copy
    full = {"a/1.jpg": "one", "a/3.jpg": "one"}
    found = _gathered(table, full_hashes=full)
    hashes = dict(zip(found.manifest["path"], found.manifest["pixel_hash"], strict=True))
    assert {path: value for path, value in hashes.items() if value} == full
    kinds = {(a, b): kind for a, b, kind in found.pairs[["a", "b", "kind"]].itertuples(index=False)}
    assert kinds[("a/1.jpg", "a/3.jpg")] == "pixels"
    assert kinds[("a/1.jpg", "a/2.jpg")] == kinds[("b/4.jpg", "b/5.jpg")] == "near"
    # a file that changed since the scan is no longer what its row says
    rows = _gathered(table, full_hashes=full | {"a/3.jpg": None}).manifest
    assert rows["reason"][rows["path"] == "a/3.jpg"].tolist() == ["changed_since_manifest"]
    # the same bytes need no second look
    table["content_hash"] = table["content_hash"].where(table["path"] != "a/3.jpg", "bytes of a/1.jpg")
    found = _gathered(table, full_hashes={})
    assert ["a/1.jpg", "a/3.jpg", "bytes"] in found.pairs[["a", "b", "kind"]].to_numpy().tolist()


def test_reduced_and_full_pictures_of_one_light_and_colour_are_compared_in_full() -> None:
    """Their hashes may differ in any number of bits, as those of a document do."""
    paths = _folders("a", "b")
    table = _scanned(paths, pixels={"a/1.jpg": "", "a/2.jpg": "", "a/4.jpg": "one"})
    light = ["property_brightness", "property_lab_a", "property_lab_b"]
    table[light] = [[10.0 * number, 0, 0] for number in range(len(paths))]
    table.loc[[1, 2], light] = [[40.9, 0.0, -0.9], [40.0, 1.5, 0.0]]  # as a/4.jpg, and of another colour
    table["property_entropy"] = np.float32(1)
    found = _gathered(table, full_hashes={"a/1.jpg": "one"})
    assert found.pairs[["a", "b", "kind"]].to_numpy().tolist() == [["a/1.jpg", "a/4.jpg", "pixels"]]
    assert found.summary["not_compared"] == 20


def test_leaks_are_found_where_the_search_keeps_few_pairs() -> None:
    paths = _folders("train/a", "train/b", "test/a", "test/b")
    burst = [path for path in paths if "/a/" in path]
    table = _scanned(paths, looks={path: _look("burst") for path in burst})
    complete = manifest.near_pairs

    def few(hashes: np.ndarray, radius: int, eligible: np.ndarray) -> NearPairs:
        """As of a huge group: a chain that crosses the split once."""
        found = complete(hashes, radius, eligible)
        kept = (found.b == found.a + 1) | ((found.a == 9) & (found.b == 20))
        return NearPairs(found.a[kept], found.b[kept], found.distance[kept], found.variant[kept])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "near_pairs", few)
        rows = _gather(table)[0]
    assert rows["path"][rows["leak"] == "near"].tolist() == [
        path for path in burst if path.startswith("test")
    ]


def test_leaks_of_a_given_split_are_found() -> None:
    paths = _folders("train/a", "train/b", "test/a", "test/b")
    cameras = {path: {"camera": "one" if path.endswith("/1.jpg") else path} for path in paths}
    pixels = {"train/a/3.jpg": "same", "test/a/4.jpg": "same"}
    looks = {"test/b/5.jpg": _near("train/b/5.jpg", 16), "test/b/1.jpg": _look("train/b/2.jpg")}
    rows, _, summary = _gather(
        _scanned(paths, pixels=pixels, looks=looks), _metadata(cameras), source="camera"
    )
    leaks = {path: leak for path, leak in zip(rows["path"], rows["leak"], strict=True) if leak}
    assert leaks == {
        "test/a/4.jpg": "copy",
        "test/b/5.jpg": "near",
        "test/b/1.jpg": "near",  # graver than its source
        "test/a/1.jpg": "source",
    }
    assert summary["leaks"] == {"copy": 1, "near": 2, "source": 1}
    # a given split is respected: the copy stays in use, with the one reason that a usable row may have
    copy = rows[rows["path"] == "test/a/4.jpg"].iloc[0]
    assert (copy["verdict"], copy["reason"], copy["split"]) == ("ok", "split_leak", "test")
    assert summary["reasons"] == {}


# a split is drawn once


def test_adding_images_moves_none() -> None:
    first = _folders("a", "b", count=30)
    one = _gathered(_scanned(first))
    before = dict(zip(one.manifest["path"], one.manifest["split"], strict=True))
    test, train = (next(path for path in first if before[path] == name) for name in ("test", "train"))
    more = [*first, *_folders("c", count=25), "a/edit of test.jpg", "a/edit of train.jpg", "b/bridge.jpg"]
    bridge = _near(test, 24)
    looks = {
        "a/edit of test.jpg": _near(test, 8),
        "a/edit of train.jpg": _near(train, 8),
        "b/bridge.jpg": bridge,
        train: _look(train),
    }
    two = _gathered(_scanned(more, looks=looks), record=one.record)
    after = dict(zip(two.manifest["path"], two.manifest["split"], strict=True))
    assert {path: after[path] for path in first} == before
    assert (after["a/edit of test.jpg"], after["a/edit of train.jpg"]) == ("test", "train")
    assert after["b/bridge.jpg"] == "test"
    # without the record there would be another draw
    drawn_anew = _gathered(_scanned(more, looks=looks)).manifest
    assert dict(zip(drawn_anew["path"], drawn_anew["split"], strict=True)) != after
    # the new class is spread over the splits
    assert {after[path] for path in _folders("c", count=25)} == set(SPLITS)


def test_renamed_and_edited_images_stay_and_removed_ones_come_back() -> None:
    paths = _folders("a", "b", count=30)
    one = _gathered(_scanned(paths))
    before = dict(zip(one.manifest["path"], one.manifest["split"], strict=True))
    table = _scanned(paths)
    table.loc[table["path"] == "a/3.jpg", "content_hash"] = "edited"
    table["path"] = table["path"].replace("b/4.jpg", "b/renamed.jpg")
    two = _gathered(table[table["path"] != "a/9.jpg"].reset_index(drop=True), record=one.record)
    after = dict(zip(two.manifest["path"], two.manifest["split"], strict=True))
    assert after["a/3.jpg"] == before["a/3.jpg"]
    assert after["b/renamed.jpg"] == before["b/4.jpg"]
    assert two.record.images["a/9.jpg"][0] == before["a/9.jpg"]


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
    # all of them look alike, and would be kept together
    rows, summary = scan_and_gather(tmp_path / "raw", tmp_path / "out", source=None)
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
    _, summary = scan_and_gather(tmp_path / "raw", one, source=None)
    scan_and_gather(tmp_path / "raw", two, source=None)
    for file in ("manifest.parquet", "pairs.parquet", "classes.json", "summary.json", "splits/pets.json"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    assert summary["reasons"] == {"truncated": 2}
    with pytest.raises(
        UserError, match=r"2 of 16 files can't be used \(2 truncated\), more than max_quarantine = 0.1"
    ):
        scan_and_gather(tmp_path / "raw", tmp_path / "three", max_quarantine=0.1, source=None)
    assert not (tmp_path / "three" / "manifest.parquet").exists()
    assert not (tmp_path / "three" / "splits").exists()
    assert "0.png" in (tmp_path / "three" / "quarantine.html").read_text(encoding="utf-8")
    assert not (one / "quarantine.html").exists()


def test_day_night(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Known answers: 400 photos, 240 and 160, the given test split untouched, one exact copy across it."""
    rows, summary = scan_and_gather(shared_data("day_night"), tmp_path)
    assert read_json(tmp_path / "classes.json") == ["day", "night"]
    assert (summary["found"], summary["used"], summary["quarantined"]) == (401, 400, 0)
    assert summary["junk"] == 1  # LICENSE
    test = rows["path"].str.startswith("test/")
    assert (rows["split"] == "test").tolist() == test.tolist()
    assert summary["splits"]["test"] == 160
    assert summary["splits"]["train"] + summary["splits"]["validation"] == 240
    assert summary["classes"]["day"]["test"] == summary["classes"]["night"]["test"] == 80
    pairs = read_table(tmp_path / "pairs.parquet")
    copies = pairs[pairs["kind"] != "near"]
    assert copies[["a", "b", "kind"]].to_numpy().tolist() == [
        ["test/day/20151102_224922.jpg", "training/day/20151102_224922.jpg", "bytes"]
    ]
    assert summary["leaks"]["copy"] == 1
    assert rows["reason"][rows["leak"] == "copy"].tolist() == ["split_leak"]
    assert summary["leaks"]["near"] > 20
    # validation is taken out of training, near-duplicates together
    components = rows[rows["split"] != "test"].groupby("component")["split"].nunique()
    assert components.max() == 1
    _check_counts(rows, summary)
