"""The sheet of heat maps: colours, scales, flat maps, sizes and text from labels."""

import io

import numpy as np
import pytest
from PIL import Image

from evenlight.explain import heat_maps
from evenlight.explain.attribution import METHODS
from evenlight.explain.attribution_checks import BASELINES, baseline_maps
from evenlight.explain.heat_maps import attribution_sheet


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def made(count: int, height: int = 28, width: int = 28, **changes) -> bytes:
    draws = np.random.default_rng(0)
    pictures = draws.integers(0, 256, (count, height, width, 3), np.uint8)
    maps = {name: draws.normal(size=(count, height, width)).astype(np.float32) for name in METHODS}
    maps["saliency"] = np.abs(maps["saliency"])
    rows = [f"true: cat\npredicted: dog {number}" for number in range(count)]
    given = {"maps": maps, "baselines": baseline_maps(pictures, 0), "rows": rows, "notes": {}, "title": "net"}
    return attribution_sheet(pictures, **(given | changes))


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to the sheet: cells, columns, rows, title and keywords."""
    seen = []
    monkeypatch.setattr(heat_maps, "sheet", lambda *given, **named: seen.append((*given, named)) or b"")

    def draw(values: np.ndarray, method: str = "grad_cam", level: int = 255, **changes):
        pictures = np.full((*values.shape, 3), level, np.uint8)
        given = {"baselines": {}, "rows": ["row"] * len(values), "notes": {}, "title": "net"} | changes
        attribution_sheet(pictures, {method: values}, **given)
        return seen[-1]

    return draw


@pytest.mark.parametrize(("height", "width"), [(28, 28), (128, 128), (40, 96), (300, 200)])
def test_any_size_fits_and_gives_the_same_bytes_again(height, width):
    png = made(2, height, width)
    assert pixels(png).shape[1] <= 1400
    assert png == made(2, height, width)


def test_for_is_red_against_is_blue_and_zero_is_the_picture(drawn):
    values = np.zeros((1, 2, 2))
    values[0, 0] = 3, -3
    (((_, cell),), *_) = drawn(values)
    red, blue, none = cell.picture[0, 0].astype(int), cell.picture[0, 1].astype(int), cell.picture[1, 0]
    assert red[0] > red[2] + 100
    assert blue[2] > blue[0] + 100
    assert none.tolist() == [255, 255, 255]
    (((_, dark),), *_) = drawn(values, level=0)
    assert len(set(dark.picture[1, 0].tolist())) == 1
    assert 0 < dark.picture[1, 0, 0] < 255  # faint, so that colours can be told on black


def test_a_column_has_one_scale(drawn):
    values = np.stack([np.full((4, 4), 1.0), np.full((4, 4), 0.5)])
    values[:, 0] = 0
    (rows, *_) = drawn(values)
    strong, weak = (row[1].picture[1, 1].astype(int) for row in rows)
    half = heat_maps.Scale(-1, 1, "", diverging=True).colors(np.array(0.5)).astype(int)
    assert np.abs(weak - half).max() <= 1
    assert strong[2] < weak[2]


def test_one_bright_pixel_does_not_hide_the_others(drawn):
    values = np.random.default_rng(0).uniform(0.5, 1, (1, 40, 40))
    values[0, 0, 0] = 1000
    (((_, cell),), *_) = drawn(values)
    assert cell.picture[1:, :, 2].mean() < 150


@pytest.mark.parametrize(
    ("values", "method", "words"),
    [
        (np.zeros((1, 5, 5)), "grad_cam", "all zero"),
        (np.full((1, 5, 5), 0.3), "grad_cam", "the same everywhere"),
        (-np.arange(25.0).reshape(1, 5, 5), "occlusion", "all negative"),
        (np.arange(25.0).reshape(1, 5, 5), "saliency", ""),
        (np.eye(5)[None] * [1, 0, 0, 0, -1], "occlusion", ""),
    ],
)
def test_maps_without_content_say_so(drawn, values, method, words):
    (((_, cell),), *_) = drawn(values, method)
    assert cell.caption == words
    if words == "all zero":  # and nothing is painted over the picture
        assert (cell.picture == 255).all()


def test_headings_notes_and_ends_of_scales(drawn):
    values = np.full((1, 5, 5), 0.25)
    _, columns, rows, title, named = drawn(
        values, "guided_backprop", notes={"guided_backprop": "sanity 0.86, fails"}, rows=["true: a"]
    )
    assert columns == ["Image", "Guided backprop\nsanity 0.86, fails"]
    assert (rows, title) == (["true: a"], "net")
    assert named["note"] == "ends of the scales: Guided backprop 0.25"
    assert (named["scale"].low, named["scale"].high) == (-1, 1)


def test_methods_before_baselines(drawn):
    values = np.eye(5)[None]
    (((*cells,),), columns, *_) = drawn(values, baselines=dict.fromkeys(BASELINES, 0 * values))
    assert columns == ["Image", "Grad-CAM", *BASELINES.values()]
    assert [cell.caption for cell in cells] == ["", "", "all zero", "all zero", "all zero"]


def test_more_rows_than_fit_are_said(drawn):
    values = np.ones((30, 4, 4))
    cells, _, rows, _, named = drawn(values)
    assert len(cells) == len(rows) == 24
    assert named["note"].startswith("the first 24 of 30 images; ")


def test_no_images():
    assert pixels(made(0)).shape[1] <= 1400


def test_text_from_labels_is_data():
    rows = ["true: $x_1^2$ <b>\npredicted: " + "long " * 60 + "\u202eevil"]
    assert pixels(made(1, rows=rows)).shape[1] <= 1400
