"""The stage that looks inside a network: what its files say, and which settings it refuses before any work."""

from dataclasses import replace

import numpy as np
import pytest

from evenlight.errors import UserError
from evenlight.explain.attribution_checks import Finding
from evenlight.explain.inside_pictures import neighbours_picture
from evenlight.models.artifacts import load_description
from evenlight.models.inference import prepare_torch
from evenlight.models.network_artifacts import load_network
from evenlight.stages import explain_heat_maps, explain_layers, explain_neighbours
from evenlight.stages.explain_network import explain_network
from evenlight.stages.explain_subject import Subject, make_subject
from evenlight.storage import read_json
from model_world import SETTINGS, World

EXPLAIN = {
    "images": 2,
    "misclassified": 3,
    "channels": 3,
    "patches": 4,
    "neighbours": 3,
    "methods": ["saliency"],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    made = World(
        tmp_path_factory.mktemp("world"), ["day", "night"], {"train": 24, "validation": 6, "test": 8}
    )
    pairs = made.table["component"] // 2  # every image has a near-duplicate
    made.table["component"] = pairs.where(made.table["component"] >= 0, -1)
    made.write()
    made.train("net")
    made.predict("net")
    return made


def arguments(world: World, folder, **settings) -> tuple:
    model = world.folder / "models" / "net"
    return (model, world.manifest, world.folder / "images", {**EXPLAIN, **settings}, SETTINGS, folder)


@pytest.fixture
def subject(world, tmp_path) -> Subject:
    model, *rest = arguments(world, tmp_path)
    prepare_torch(0)
    return make_subject(model, load_description(model), load_network(model), *rest)


def test_patches_are_measured_and_of_no_two_near_duplicates(subject, monkeypatch):
    seen = []
    given = explain_layers.patches_picture
    monkeypatch.setattr(
        explain_layers, "patches_picture", lambda best, *more: seen.append(best) or given(best, *more)
    )
    explain_layers.layers(subject)
    facts = read_json(subject.folder / "layers.json")
    train = subject.rows[subject.rows["split"] == "train"]
    for layer, best in zip(facts["patches"], seen, strict=True):
        assert layer["images"] == train["component"].nunique() < len(train)
        assert best.images.max() < layer["images"]
        assert 0 <= layer["crop_error"] < 1e-4
    assert facts["patches"][0]["receptive_field"] == [3, 3]
    assert facts["patches"][0]["stride"] == [1, 1]


def test_a_crop_that_is_too_small_is_measured(subject, monkeypatch):
    given = explain_layers.patch_boxes

    def smaller(*args):
        boxes = given(*args)
        boxes[..., 0] += 1
        return boxes

    monkeypatch.setattr(explain_layers, "patch_boxes", smaller)
    explain_layers.layers(subject)
    assert read_json(subject.folder / "layers.json")["patches"][0]["crop_error"] > 1e-3


@pytest.mark.parametrize("count", [0, 2])
def test_neighbours_of_mistakes_are_shown_and_do_not_count(subject, monkeypatch, count):
    drawn = []
    monkeypatch.setattr(
        explain_neighbours,
        "neighbours_picture",
        lambda *given: drawn.append(given) or neighbours_picture(*given),
    )
    wrong = replace(subject, wrong=subject.asked[-count:] if count else subject.asked[:0])
    explain_neighbours.neighbours(wrong)
    facts = read_json(subject.folder / "neighbours.json")
    assert facts["n"] == len(subject.asked)
    assert facts["wrong_shown"] == subject.facts_of(wrong.wrong)
    assert (subject.folder / "neighbours_wrong.png").exists() == (count > 0)
    for (rows, *_), places in zip(drawn, (subject.shown, wrong.wrong), strict=False):
        assert [row.caption for row in rows] == subject.captions(places)
        np.testing.assert_array_equal([row.image for row in rows], subject.pictures(places))
        pixels = subject.pixels(np.flatnonzero(subject.rows["split"] == "train")).astype(int)
        for row in rows:  # the nearest one, by hand
            distances = ((pixels - row.image) ** 2).sum(axis=(1, 2, 3))
            np.testing.assert_array_equal(row.by_pixels[0][0], pixels[distances.argmin()])


def test_both_verdicts_of_heat_maps_stand_in_file_and_heading(subject, monkeypatch):
    notes = []
    given = explain_heat_maps.attribution_sheet
    monkeypatch.setattr(
        explain_heat_maps, "attribution_sheet", lambda *some: notes.append(some[4]) or given(*some)
    )
    monkeypatch.setattr(
        explain_heat_maps,
        "finding",
        lambda areas, name, *more: Finding([], "better", f"{name}, {len(areas)} maps"),
    )
    explain_heat_maps.heat_maps(subject)
    (method,) = read_json(subject.folder / "attributions.json")["methods"]
    assert (method["finds"], method["finds_sentence"]) == ("better", "saliency, 4 maps")
    assert notes[0] == {"saliency": explain_heat_maps.heading(method["passes"], "better")}


@pytest.mark.parametrize(
    ("passes", "finds", "heading"),
    [
        (True, "better", "depends, finds"),
        (True, "not_shown", "depends"),
        (False, "better", "ignores, finds"),
        (False, "worse", "ignores"),
    ],
)
def test_headings(passes, finds, heading):
    assert explain_heat_maps.heading(passes, finds) == heading


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layer": "trunc"}, "explain.layer: the network has no module 'trunc'; did you mean 'trunk'?"),
        (
            {"dream": {"layer": "trunc"}},
            "explain.dream.layer: the network has no module 'trunc'; did you mean",
        ),
        (
            {"style": {"content": "no.png", "style": "no.png"}},
            "explain.style.content: the data set has no usable",
        ),
        (
            {"style": {"content": "", "style": "", "style_layers": ["trunk", "trunc"]}},
            "explain.style.style_layers.1: the network has no module 'trunc'",
        ),
        (
            {"style": {"content": "", "style": "", "content_layer": "trunc"}},
            "explain.style.content_layer: the network has no module 'trunc'",
        ),
    ],
)
def test_what_is_not_there_is_refused_before_any_work(world, tmp_path, settings, sentence):
    if settings.get("style", {}).get("content") == "":
        path = world.table.loc[world.table["verdict"] == "ok", "path"].iloc[0]
        settings = {"style": {**settings["style"], "content": path, "style": path}}
    with pytest.raises(UserError) as problem:
        explain_network(*arguments(world, tmp_path / "inside", **settings))
    assert str(problem.value).startswith(f"params.yaml: {sentence}")
    assert not (tmp_path / "inside").exists()
