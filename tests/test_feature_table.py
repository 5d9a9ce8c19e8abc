"""Tables of features: order, batches, joins, and sentences where something does not fit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenlight import feature_table as tables
from evenlight.dataset import load_features, load_images
from evenlight.errors import UserError
from evenlight.stages.list_features import describe_families
from evenlight.storage import write_array, write_table


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)


def shard(folder: Path, family: str, name: str, paths: list[str], **columns) -> Path:
    file = folder / family / f"{name}.parquet"
    table = pd.DataFrame({"path": pd.Series(paths, dtype="str"), **columns})
    write_table(file, table.astype(dict.fromkeys(columns, "float32")))
    return file


def test_rows_keep_order_and_columns_are_float32():
    images = noise(3, 16, 16, 3)
    images[1] = 9
    table = tables.feature_table("brightness", images, ["b", "a", "<script>"], {})
    assert table["path"].tolist() == ["b", "a", "<script>"]
    assert table.columns[0] == "path"
    assert set(table.dtypes[1:]) == {np.dtype("float32")}
    assert table["brightness_v_mean"].tolist()[1] == 9


@pytest.mark.parametrize("name", [name for name in tables.family_names() if not tables.needs_model(name, {})])
def test_batches_leave_no_seam(name, monkeypatch):
    images, paths = noise(7, 16, 16, 3), list("abcdefg")
    learned = tables.learn(name, images, {}, 0) if tables.learns(name, {}) else None
    whole = tables.feature_table(name, images, paths, {}, learned)
    monkeypatch.setattr(tables, "_BATCH_PIXELS", 16 * 16 * 3)
    assert tables.feature_table(name, images, paths, {}, learned).equals(whole)
    monkeypatch.setattr(tables, "_BATCH_PIXELS", 1)
    assert tables.feature_table(name, images, paths, {}, learned).equals(whole)


def test_a_shard_without_usable_images_is_an_empty_table():
    table = tables.feature_table("hog", np.empty((0, 16, 16, 3), np.uint8), [], {})
    assert table.shape == (0, 37)


def test_options_reach_the_family():
    table = tables.feature_table("hog", noise(1, 32, 32, 3), ["a"], {"cell": 16, "block": 1, "bins": 3})
    assert table.shape[1] == 1 + 2 * 2 * 3


def test_more_paths_than_images_is_a_sentence():
    with pytest.raises(UserError, match="2 standardized images for 3 usable files"):
        tables.feature_table("rgb_stats", noise(2, 16, 16, 3), ["a", "b", "c"], {})


@pytest.mark.parametrize("name", ["hogg", "", "hog.x", "../hog", "__init__"])
def test_an_unknown_family_is_a_sentence(name):
    with pytest.raises(
        UserError, match=r"there is no feature family .*; (known: brightness, |did you mean .hog.)"
    ):
        tables.family(name)


def test_join_follows_the_wanted_order_across_shards_and_families(tmp_path):
    join = {
        "x": [
            shard(tmp_path, "x", "0000", ["a", "c"], x_1=[1, 3], x_2=[10, 30]),
            shard(tmp_path, "x", "0001", ["b"], x_1=[2], x_2=[20]),
        ],
        "w": [
            shard(tmp_path, "w", "0000", ["c", "a"], w_1=[300, 100]),
            shard(tmp_path, "w", "0001", ["b"], w_1=[200]),
        ],
    }
    values, columns = tables.join_families(join, ["b", "a"])
    assert columns == ["x_1", "x_2", "w_1"]
    assert values.dtype == np.float32
    assert values.tolist() == [[2, 20, 200], [1, 10, 100]]


def test_join_names_the_image_that_has_no_features(tmp_path):
    files = {"x": [shard(tmp_path, "x", "0000", ["a"], x_1=[1])]}
    with pytest.raises(UserError, match=r"no x features of day/b\.png"):
        tables.join_families(files, ["a", "day/b.png"])


def test_join_of_a_missing_table_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        tables.join_families({"x": [tmp_path / "x" / "0000.parquet"]}, ["a"])


def test_no_family_gives_no_column():
    values, columns = tables.join_families({}, ["a", "b"])
    assert (values.shape, columns) == ((2, 0), [])


def test_rows_find_their_images_and_features_in_any_order(tmp_path):
    write_array(tmp_path / "0000.npy", np.stack([np.full((8, 8, 3), v, np.uint8) for v in (1, 2)]))
    write_array(tmp_path / "0001.npy", np.full((1, 8, 8, 3), 3, np.uint8))
    shard(tmp_path, "x", "0000", ["a", "c"], x_1=[1, 2])
    shard(tmp_path, "x", "0001", ["b"], x_1=[3])
    rows = pd.DataFrame({"path": ["b", "c", "a"], "shard": ["0001", "0000", "0000"], "row": [0, 1, 0]})
    assert load_images(rows, tmp_path)[:, 0, 0, 0].tolist() == [3, 2, 1]
    assert load_features(rows, tmp_path, ["x"])[0].ravel().tolist() == [3, 2, 1]
    assert len(load_images(rows.iloc[:0], tmp_path)) == 0
    with pytest.raises(UserError, match="no image"):
        load_features(rows.iloc[:0], tmp_path, ["x"])


def test_the_list_names_families_options_and_columns():
    text = describe_families()
    for words in ("brightness_v_mean", "option cell = 8", "1764 columns at 64 x 64", "hsv_hist_h_00"):
        assert words in text
    assert "Raises" not in text


def test_two_entries_of_one_family_have_columns_of_their_own():
    images = noise(2, 32, 32, 3)
    fine = tables.feature_table("hog_fine", images, ["a", "b"], {"kind": "hog", "cell": 4})
    coarse = tables.feature_table("hog", images, ["a", "b"], {"cell": 8})
    assert fine.columns[1] == "hog_fine_0000"
    assert fine.shape[1] > coarse.shape[1]
    again = tables.feature_table("again", images, ["a", "b"], {"kind": "hog"})
    assert np.array_equal(again.iloc[:, 1:], coarse.iloc[:, 1:])
    assert tables.column_names("again", {"kind": "hog"}, (32, 32, 3))[0] == "again_0000"
