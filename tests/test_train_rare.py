"""Training on data sets that leave little to calibrate by, and on features that are no numbers."""

import numpy as np
import pytest

from evenlight.storage import read_json
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
