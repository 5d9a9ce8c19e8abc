"""Training on data sets that leave little to calibrate by, and on features that are no numbers."""

import numpy as np
import pytest

from evenlight.errors import UserError
from evenlight.storage import read_json, read_table, write_table
from model_world import World

SVM = {"kind": "rbf_svm", "features": ["brightness"], "C": 1.0}


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
def test_without_images_to_calibrate_by_the_temperature_is_one(tmp_path, capsys, classes):
    """No validation images, and every class from a source of its own: no fold can be asked about what it knows."""
    world = World(tmp_path, classes, {"train": 6, "test": 3})
    world.table["source"] = "camera " + world.table["label"]
    world.write()
    fit = read_json(world.train("svm", SVM) / "model.json")["fit"]
    assert (fit["temperature"], fit["calibrated_on"]) == (1.0, None)
    assert "stays 1" in capsys.readouterr().err
    scores = world.predict("svm")[[f"score_{name}" for name in classes]]
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_classes_of_many_sources_are_calibrated_without_those_of_one(tmp_path):
    world = World(tmp_path, ["a", "b", "c"], {"train": 12, "test": 3})
    alone = world.table["label"] == "c"
    world.table["source"] = np.where(alone, "studio", [f"camera {i}" for i in range(len(world.table))])
    world.write()
    fit = read_json(world.train("svm", SVM) / "model.json")["fit"]
    assert fit["calibrated_on"] == "training images, out of fold"
    assert 0.02 < fit["temperature"] < 54


@pytest.mark.parametrize("kind", ["rbf_svm", "hist_gradient_boosting"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("split", "images"), [("train", 12), ("validation", 4), ("test", 0)])
def test_features_that_are_no_numbers_are_named(tmp_path, kind, bad, split, images):
    """Two columns lack numbers for two images: the first is named; what training does not read stops nothing."""
    world = World(tmp_path, ["a", "b"], {"train": 6, "validation": 2, "test": 3})
    places = world.table.index[world.table["split"] == split][:2]
    for shard in ("0000", "0001"):
        file = tmp_path / "features" / "brightness" / f"{shard}.parquet"
        table = read_table(file)
        columns = [name for name in table.columns if name.startswith("brightness_")][1:3]
        table.loc[table["path"].isin(world.table.loc[places, "path"]), columns] = bad
        write_table(file, table)
    options = {"kind": kind, "features": ["brightness"]}
    if split == "test" or (split, kind) == ("validation", "hist_gradient_boosting"):
        world.train("broken", options)
        return
    with pytest.raises(UserError, match=f"'{columns[0]}' holds values that are no finite .* 2 of {images} "):
        world.train("broken", options)
