"""The section on features: numbers, axes, and text that is data."""

import numpy as np
import pytest
from reading import SCRIPT, Page

from evenlight.evaluation.ablation import Ablation, ablate
from evenlight.evaluation.resampling import Bootstrap
from evenlight.explain.boundary import Regions, regions
from evenlight.report import feature_charts
from evenlight.report.feature_charts import (
    Points,
    ablation_picture,
    boundary_picture,
    correlation_picture,
    telling_picture,
)
from evenlight.report.features_view import features_view, gain_axis, importance_view, size_text
from evenlight.report.rendering import environment

NASTY = [SCRIPT, "$\\frac{$", "a\nb\u202e", "\"'{{7*7}}"]


def estimate(value: float, half: float = 0.02) -> dict:
    return {"value": value, "low": value - half, "high": value + half, "n": 100}


def summary(classes: list[str], names: list[str]) -> dict:
    telling = [
        {
            "column": f"{name}_0",
            "family": name,
            "unit": "level",
            "meaning": f"mean {name}",
            "strength": 0.5,
            "class": classes[0],
            "auc": 0.9,
            "by_class": [
                {"n": 5, "quantiles": [0.0, 1.0, 2.0 + code, 7.0, 8.0]}
                if code
                else {"n": 0, "quantiles": None}
                for code in range(len(classes))
            ],
        }
        for name in names
    ]
    return {
        "images": 1200,
        "training_images": 800,
        "sampled": 500,
        "classes": classes,
        "families": [
            {
                "name": name,
                "kind": "hog",
                "columns": 1764,
                "images": 1200,
                "missing": 3,
                "constant": 2,
                "bytes": 4_085_872,
                "strongest": {"column": f"{name}_0", "strength": 0.5},
            }
            for name in names
        ],
        "telling": telling,
        "correlation": [[1.0 if i == j else None for j in range(len(names))] for i in range(len(names))],
    }


def ablation(names: list[str]) -> dict:
    verdicts = ["pays", "costs", "not established"]
    families = [
        {
            "name": name,
            "columns": 9,
            "alone": estimate(0.5),
            "left_out": estimate((0.03, -0.05, 0.0)[k % 3]),
            "verdict_left_out": verdicts[k % 3],
            "added": None if k == 0 else estimate(0.04),
            "verdict_added": None if k == 0 else "pays",
        }
        for k, name in enumerate(names)
    ]
    return {
        "n": 500,
        "keys": 40,
        "columns": 36,
        "folds": 5,
        "confidence": 0.95,
        "training_images": 800,
        "all": estimate(0.7),
        "chance": estimate(0.25),
        "base": {"features": names[:1], "accuracy": estimate(0.5)},
        "families": families,
    }


def page(classes: list[str], names: list[str], with_ablation: bool = True, loss: float = 0.1) -> Page:
    importance = {
        "model": names[0],
        "n": 100,
        "test_images": 160,
        "repeats": 10,
        "accuracy": estimate(0.9),
        "families": [{"name": name, "columns": 4, "loss": estimate(loss)} for name in names],
    }
    template = environment().from_string(
        '{% import "macros.html" as m %}{% import "importance.html" as i %}{% include "features.html" %}'
        "{% if view %}{{ i.importance(view) }}{% endif %}{{ i.boundary('data:,x', name) }}"
    )
    view = features_view(
        summary(classes, names), ablation(names) if with_ablation else None, "data:,t", "data:,c"
    )
    return Page(template.render(features=view, rows=200, view=importance_view(importance), name=names[0]))


def test_numbers_of_the_section():
    text = page(["day", "night"], ["hog", "thumb", "canny"]).text
    assert "1,764 3 2 4.1 MB" in text
    assert "+3.0 pays +1.0 to +5.0" in text
    assert "−5.0 costs −7.0 to −3.0" in text
    assert "0.0 not established −2.0 to +2.0" in text
    assert "in the base" in text
    assert "right on 70.0 % of 500 training images" in text
    assert "500 training images (a sample of 800)" in text
    assert "+10.0 +8.0 to +12.0" in text  # importance
    assert "undefined" not in page(["day"], ["hog"], with_ablation=False).text


def section(report: dict) -> str:
    template = environment().from_string('{% import "macros.html" as m %}{% include "features.html" %}')
    return Page(template.render(features=features_view(summary(["day"], ["hog"]), report), rows=200)).text


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({"confidence": 0.95}, "about one in 20 families without effect", "fewer than"),
        ({"confidence": 0.8}, "about one in 5 families without effect", "fewer than"),
        ({"keys": 9}, "Of fewer than 10 groups nothing is ever established.", "by luck"),
    ],
)
def test_how_often_luck_pays_depends_on_the_confidence_and_the_groups(changes, said, unsaid):
    text = section(ablation(["hog", "thumb"]) | changes).split("Which families pay")[1]
    assert said in text
    assert unsaid not in text


@pytest.mark.parametrize(
    ("columns", "keys", "said"),
    [
        (
            3,
            np.zeros(20, int),
            "all 20 training images belong together, so none can be held back to ask about.",
        ),
        (0, np.arange(20), "There is no feature family to compare."),
    ],
)
def test_nothing_to_compare_is_one_sentence(columns, keys, said):
    families = {"hog": np.ones((20, columns))} if columns else {}
    report = ablate(families, np.arange(20) % 2, keys, Ablation(), Bootstrap(0.95, 50))
    text = section(report | {"folds": 5, "confidence": 0.95, "training_images": 20})
    assert said in text.split("Which families pay")[1]
    assert "undefined" not in text.split("Which families pay")[1]


def test_families_that_are_missed_most_come_first():
    table = page(["day", "night"], ["canny", "thumb", "hog"]).html.split("Which families pay")[1]
    assert table.index(">canny") < table.index(">hog") < table.index(">thumb")


def test_hostile_names_stay_text():
    read = page(NASTY, NASTY)
    assert "script" not in read.tags
    assert "49" not in read.text
    assert "\u202e" not in read.html
    assert "\\u202e" in read.text
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_a_section_without_what_could_not_be_measured():
    read = page(["day", "night"], ["hog"], with_ablation=False)
    assert "Which families pay" not in read.text
    assert "leans on" not in read.text  # one family: there is nothing to compare
    empty = {**summary(["day"], ["hog"]), "telling": [], "correlation": []}
    template = environment().from_string('{% import "macros.html" as m %}{% include "features.html" %}')
    text = Page(template.render(features=features_view(empty, None), rows=200)).text
    assert "No column tells the classes" in text


@pytest.mark.parametrize(
    ("values", "low", "high", "step"),
    [
        ([0.03], 0.0, 0.05, 0.01),
        ([-0.05, 0.04], -0.07, 0.06, 0.05),
        ([0.4], 0.0, 0.45, 0.1),
        ([0.0], -0.02, 0.02, 0.01),
        ([1.0, -1.0], -1.0, 1.0, 0.5),
    ],
)
def test_the_axis_of_gains_holds_zero_and_all_intervals(values, low, high, step):
    axis = gain_axis([*(estimate(value) for value in values), None])
    assert axis.step == step
    assert axis.low <= low
    assert axis.high >= min(high, 1.0)
    assert axis.low <= 0 <= axis.high
    assert len(axis.ticks) <= 9
    assert min(abs(tick) for tick in axis.ticks) < 1e-9


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (20149, "20.1 kB"), (804686, "805 kB"), (4e6, "4.0 MB")],
)
def test_sizes(count, text):
    assert size_text(int(count)) == text


def texts_of(monkeypatch, draw) -> list[str]:
    """All texts of a picture."""
    from matplotlib.text import Text

    found: list[str] = []

    def spy(figure) -> bytes:
        found.extend(text.get_text() for text in figure.findobj(Text))
        return b""

    with monkeypatch.context() as patch:
        patch.setattr(feature_charts, "png_of", spy)
        draw()
    return found


@pytest.mark.parametrize("columns", [1, 2])
def test_every_winner_is_named_however_many_classes_there_are(monkeypatch, columns):
    names = [f"class {k}" for k in range(20)]
    axes = (np.linspace(0, 1, 60),) * columns
    likely = np.full((60,) * columns + (20,), 0.01)
    likely[:40, ..., 13], likely[40:, ..., 17] = 0.8, 0.8
    values = np.random.default_rng(0).random((40, columns))
    shown = Points(values, np.arange(40) % 20, np.arange(40) < 6, np.arange(40) < 10, (4000, 10))

    def draw() -> None:
        boundary_picture(Regions(axes, likely), shown, names, ["a", "b"][:columns], "m")

    texts = texts_of(monkeypatch, draw)
    assert {"class 13", "class 17"} <= set(texts)
    assert {name for name in texts if name in names} == {
        *names[:12],
        "class 13",
        "class 17",
    }  # and the legend
    assert any(
        text.startswith("30 of 4,000 training images, 0 wrong; 10 test images, 6 wrong") for text in texts
    )


def test_two_classes_need_no_names_in_their_regions(monkeypatch):
    likely = np.where(np.arange(20)[:, None] < 9, [0.9, 0.1], [0.2, 0.8])
    shown = Points(np.zeros((2, 1)), np.arange(2), np.zeros(2, bool), np.zeros(2, bool), (2, 0))
    texts = texts_of(
        monkeypatch,
        lambda: boundary_picture(Regions((np.arange(20.0),), likely), shown, ["day", "night"], ["a"], "m"),
    )
    assert texts.count("day") == texts.count("night") == 1  # in the legend


def test_pictures_take_any_text_and_repeat():
    names = NASTY * 4  # more classes than a panel holds
    told = summary(names, NASTY)["telling"]
    spots = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    around = np.linspace(0, 2 * np.pi, len(names), endpoint=False)

    def directions(rows: np.ndarray) -> np.ndarray:
        powers = np.exp(rows @ np.stack([np.cos(around), np.sin(around)]))
        return powers / powers.sum(axis=1, keepdims=True)

    chosen = Points(
        spots, np.arange(30) % len(names), np.arange(30) % 2 == 0, np.arange(30) % 3 == 0, (20, 10)
    )
    twice = [
        lambda: telling_picture(told[:2], names),
        lambda: boundary_picture(regions(spots, directions, 40), chosen, names, NASTY[:2], SCRIPT),
    ]
    for draw in twice:
        first = draw()
        assert first[:4] == b"\x89PNG"
        assert draw() == first
    once = [
        lambda: telling_picture([], names),
        lambda: correlation_picture(np.array([[1.0, np.nan], [np.nan, 1.0]]), NASTY[:2]),
        lambda: correlation_picture(np.eye(1), NASTY[:1]),
        lambda: ablation_picture(ablation(NASTY)),
    ]
    assert all(draw()[:4] == b"\x89PNG" for draw in once)
