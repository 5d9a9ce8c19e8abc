"""The page of a network as a reader or an attacker meets it: read by an HTML parser, from files on disk."""

import base64
import io
import re

import numpy as np
import pytest
from fake_explanations import FakeExplanations, around
from PIL import Image
from reading import SCRIPT, Page

from evenlight import storage
from evenlight.errors import UserError
from evenlight.report.explain_page import write_explain_page
from evenlight.report.explain_view import attributions_view, summary_line
from evenlight.report.hover_map import HEIGHT, WIDTH, hover_map, sprites
from evenlight.report.rendering import environment

SECTIONS = ["network", "training", "attributions", "layers", "neighbours", "maps", "dream", "style"]


def made(fake: FakeExplanations) -> Page:
    arguments = fake.write()
    write_explain_page(**arguments)
    return Page(arguments["page"].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return made(FakeExplanations(tmp_path_factory.mktemp("page"), dream=True, style=True))


def test_sections_in_order_and_every_link_lands(page):
    ids = [v for tag, name, v in page.attributes if name == "id" and tag in ("section", "header")]
    assert ids == SECTIONS
    assert page.links_elsewhere() == {"../index.html"}


def test_what_settings_do_not_ask_for_is_not_shown(tmp_path):
    FakeExplanations(tmp_path, dream=True, style=True).write()  # whose files are left
    found = made(FakeExplanations(tmp_path, embedded=False))
    ids = [v for tag, name, v in found.attributes if name == "id" and tag in ("section", "header")]
    assert ids == SECTIONS[:5]
    assert "Dreams" not in found.text
    assert ".map input:is(:hover, :focus-visible, :checked)::before { background-image" not in found.html


def test_no_network_and_no_script_is_allowed(page):
    policy = next(v for v in page.values("meta", "content") if "default-src" in v)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert not re.search(r"https?://|@import|srcset", page.html)
    assert {url[:23] for url in re.findall(r'url\("(.*?)"\)', page.html)} == {"data:image/webp;base64,"}


def test_hostile_names_are_text_only(tmp_path):
    names = {k: f"{SCRIPT}/\n\"'{{{{7*7}}}}\u202e{k}.jpg" for k in range(40)}
    found = made(FakeExplanations(tmp_path, [SCRIPT, "a\"b'c", "=cmd"], names, points=60))
    assert not {"script", "iframe", "object", "link", "form", "base"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert SCRIPT in found.text
    labels = found.values("input", "aria-label")
    assert any(SCRIPT in label for label in labels)
    assert not any("\n" in label or "\u202e" in label for label in labels)


def test_every_picture_has_words(page):
    alternatives = page.values("img", "alt")
    assert len(alternatives) == page.tags.count("img") == 13
    assert all(len(text) > 20 for text in alternatives)
    assert page.tags.count("figcaption") == page.tags.count("figure")


def test_methods_yardsticks_and_forgetting(page):
    said = re.findall(
        r'<span class="badge (\w+)">(Depends|Ignores|Finds|Not shown|Worse|Not enough data)<', page.html
    )
    assert said[::2] == [
        ("ok", "Depends"),
        ("warn", "Ignores"),
        ("ok", "Depends"),
        ("not_enough_data", "Not enough data"),
        ("ok", "Depends"),
    ]
    assert said[1::2] == [
        ("ok", "Finds"),
        ("ok", "Finds"),
        ("warn", "Worse"),
        ("not_enough_data", "Not shown"),
        ("ok", "Finds"),
    ]
    assert (
        "3 of 5 heat-map methods depend on what the network learned (1 could not be judged);"
        " 2 of them find the pixels that count better than every baseline."
    ) in page.text
    assert page.html.count('<tr class="yardstick">') == 4
    rows = re.findall(r'<tr><th scope="row"><bdi>Guided backprop</bdi></th>(.*?)</tr>', page.html, re.S)
    assert re.findall(r'class="(h\d)">([\d.]+)', rows[-1]) == [
        ("h8", "0.86"),
        ("h7", "0.76"),
        ("h6", "0.66"),
        ("h6", "0.56"),
    ]


def test_what_layers_see_and_how_far_that_was_measured(page):
    seen = re.findall(r"<td>(the whole image|\d+\s×\s\d+ pixels.*?)</td>", page.html.replace("&nbsp;", " "))
    assert seen == [
        "3 × 3 pixels, every 1 × 1",
        "8 × 10 pixels, every 2 × 2",
        "18 × 18 pixels",
        "the whole image",
        "the whole image",
    ]
    measured = re.findall(r"by noise changes the activations by at most (\S+) of their value", page.text)
    assert measured == ["2e-07", "0"]


def test_neighbours_of_mistakes(page, tmp_path):
    assert "Neighbours of misclassified images" in page.text
    assert len([text for text in page.values("img", "alt") if text.startswith("Misclassified")]) == 2
    assert "Neighbours of misclassified images" not in made(FakeExplanations(tmp_path, wrong=0)).text


def test_no_mistakes_and_undefined_scores(tmp_path):
    facts = FakeExplanations(tmp_path, wrong=0, embedded=False).write()
    path = facts["folder"] / "attributions.json"
    changed = storage.read_json(path)
    changed["methods"][0] |= {
        "deletion": around(None),
        "randomization": [{"layer": "a", "correlation": None}],
    }
    storage.write_json(path, changed)
    write_explain_page(**facts)
    found = Page(facts["page"].read_text(encoding="utf-8"))
    assert "No test image is misclassified" in found.text
    assert "undefined" in found.text


def test_every_point_can_be_reached_and_read(page):
    names = page.values("input", "name")
    assert names.count("tsne") == names.count("pca") == page.html.count("<use ") / 2
    assert set(page.values("input", "type")) == {"radio"}
    labels = page.values("input", "aria-label")
    assert len(labels) == len(names)
    assert re.fullmatch(r"day, day/\d+\.jpg( \(test\))?", labels[0])
    twin = re.search(r'aria-label="points of the maps".*?</table>', page.html, re.S)
    assert twin is not None
    assert twin.group().count("<tr>") == names.count("tsne") + 1


def test_a_map_keeps_proportions_and_turns_images_inwards():
    points = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
    found = hover_map(points, list("abab"), ["train", "test", "train", "train"], list("wxyz"), ["a", "b"])
    places = {t.text[3]: (float(t.x) * WIDTH / 100, float(t.y) * HEIGHT / 100, t.side) for t in found.targets}
    (left, bottom, side), (right, top, other) = places["w"], places["y"]
    assert (right - left) == pytest.approx(2 * (bottom - top), rel=0.01)
    assert (side, other) == ("r u", "l")
    assert [t.text for t in found.targets] == [
        "a, w",
        "a, y",
        "b, z",
        "b, x (test)",
    ]  # left to right by class
    assert [(len(m.points), len(m.test_points)) for m in found.marks] == [(2, 0), (1, 1)]


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((3, 2)), np.array([[0.0, 1], [0, 2]])])
def test_a_map_of_nothing_of_a_spot_and_of_a_line(points):
    texts = ["a"] * len(points)
    found = hover_map(points, texts, texts, texts, ["a"])
    assert len(found.targets) == len(points)
    assert all(0 <= float(t.x) <= 100 and 0 <= float(t.y) <= 100 for t in found.targets)


def test_the_image_of_a_point_is_its_own():
    """Each image a colour of its own: the sheet shows it where the target says."""
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)]
    sheet = sprites([np.full((40, 20, 3), color, np.uint8) for color in colors], 100_000)
    found = hover_map(
        np.arange(10.0).reshape(5, 2)[::-1], list("aabba"), list("aaaaa"), list("01234"), ["a", "b"]
    )
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet.uri.split(",")[1]))).convert("RGB"))
    side = picture.shape[1] // sheet.columns
    assert (sheet.columns, sheet.rows, picture.shape[0]) == (3, 2, 2 * side)
    for target in found.targets:
        pixel = picture[target.row * side + side // 2, target.column * side + side // 2].astype(int)
        assert np.abs(pixel - colors[int(target.text[3])]).max() < 30


def test_sprites_shrink_into_their_room():
    images = list(np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), dtype=np.uint8))
    wide, narrow = sprites(images, 10**6), sprites(images, 60_000)
    assert len(narrow.uri) <= 60_000 < len(wide.uri)
    assert sprites(images, 10).uri == ""


@pytest.mark.parametrize("color", ["gray", "hsv"])
def test_other_colour_spaces(tmp_path, color):
    assert "background-image" in made(FakeExplanations(tmp_path, color=color)).html


def test_many_points_and_large_pictures_stay_small(tmp_path):
    found = made(FakeExplanations(tmp_path, points=3000, picture_width=800, dream=True, style=True))
    assert len(found.html.encode()) < 5_000_000
    assert found.values("input", "name").count("tsne") == 1500
    assert re.search(r"1,500 of [\d,]+ images, drawn at random", found.text)
    maps = found.html.split('<section id="maps">')[1].split("</section>")[0]
    assert len(maps.encode()) < 1_500_000
    assert "The picture is explanations/patches_1.png" in found.text


def test_equal_inputs_give_equal_bytes(tmp_path):
    pages = [made(FakeExplanations(tmp_path / name)).html for name in ("one", "a much longer folder name")]
    assert pages[0] == pages[1]


def test_missing_file_is_one_sentence(tmp_path):
    arguments = FakeExplanations(tmp_path).write()
    (arguments["folder"] / "layers.json").unlink()
    with pytest.raises(UserError, match=r"layers\.json"):
        write_explain_page(**arguments)


def test_link_of_the_report(tmp_path):
    arguments = FakeExplanations(tmp_path).write()
    facts = [storage.read_json(arguments["folder"] / f"{n}.json") for n in ("attributions", "neighbours")]
    link = (
        environment().get_template("explain_link.html").module.look_inside("cnn_small", summary_line(*facts))
    )
    assert 'href="cnn_small/explanations.html"' in link
    assert "84.6" in link
    assert "3 of 5" in link


def test_no_method_at_all():
    facts = {"n": 0, "methods": [], "baselines": [], "rows_chosen": [], "rows_wrong": []}
    assert attributions_view(facts).layers == []
