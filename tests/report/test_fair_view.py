"""Fair training as a reader sees it: a verdict with its cost, before, after, difference, and what to keep in mind."""

from typing import Any

import numpy as np
import pytest
from reading import SCRIPT, Page

from evenlight.evaluation.fair_training import AskedImages, compare_fairness
from evenlight.evaluation.resampling import Bootstrap
from evenlight.report.fair_view import fair_view, reading
from evenlight.report.rendering import environment

SHELL = (
    '{% extends "base.html" %}{% import "macros.html" as m %}'
    '{% block body %}<main>{% include "fair.html" %}</main>{% endblock %}'
)


def _report(
    wrong_before: tuple[int, int] | None,
    wrong_after: tuple[int, int],
    n: int = 400,
    classes: tuple[str, ...] = ("day", "night"),
    names: tuple[str, str] = ("clear", "fog"),
    method: str = "reweighing",
    **changes: Any,
) -> dict[str, Any]:
    """fair.json of two groups of n / 2 images each, of which so many are wrong."""
    groups, place = np.arange(n) % 2, np.arange(n) // 2
    codes = place % len(classes)

    def said(wrong: tuple[int, int]) -> np.ndarray:
        return np.where(place < np.array(wrong)[groups], (codes + 1) % len(classes), codes)

    predicted = {"before": wrong_before, "after": wrong_after}
    report = compare_fairness(
        AskedImages(codes, groups, np.arange(n)),
        classes,
        names,
        {key: said(wrong) for key, wrong in predicted.items() if wrong is not None},
        Bootstrap(0.95, 200),
        0,
    )
    table = {
        name: {label: int(((groups == g) & (codes == c)).sum()) for c, label in enumerate(classes)}
        for g, name in enumerate(names)
    }
    share = {"value": 0.6, "low": 0.5, "high": 0.7, "n": n}
    probe = {"before": share, "after": {**share, "value": 0.55}, "majority": 0.5, "by_class": 0.52}
    fair = {"method": method, "group": "weather", "cap": 10.0, "strength": 2.0, "before": None}
    return report | {
        "model": "net_fair",
        "before": None if wrong_before is None else "net",
        "fair": fair,
        "classes": list(classes),
        "group_names": list(names),
        "training_images": table,
        "test_images": table,
        "probe": probe,
        "weights": {"images": 800, "effective": 512.3, "largest": 4.04} if method == "reweighing" else None,
        "one_class_groups": {},
    } | changes  # fmt: skip


def _page(report: dict[str, Any]) -> Page:
    return Page(environment().from_string(SHELL).render(fair=fair_view(report)))


def _rows(page: Page) -> list[str]:
    body = page.html.split("<tbody>")[1].split("</tbody>")[0]
    return [Page(row).text for row in body.split("</tr>")[:-1]]


def test_a_gap_that_closed_at_the_cost_of_accuracy() -> None:
    page = _page(_report((0, 80), (50, 50)))
    assert "For weather, the accuracy of the worst group (+15.0 points), the gap between groups" in page.text
    assert "the gap between groups (\u221240.0 points)" in page.text
    assert "improved; accuracy fell (\u22125.0 points" in page.text
    rows = _rows(page)
    assert rows[0].startswith("accuracy all test images 80.0 %")
    assert "75.0 %" in rows[0]
    assert rows[0].endswith("worse")
    assert rows[2].startswith("gap between groups")
    assert "40.0 %" in rows[2]
    assert "fog , clear 0.0 %" in rows[2]
    assert "clear , fog \u221240.0" in rows[2]
    assert rows[2].endswith("better")
    assert "always the most frequent group has 50.0 %, that of the true class 52.0 %" in rows[5]


def test_the_luck_of_training_is_told_apart_from_that_of_the_test_images() -> None:
    text = _page(_report((0, 80), (50, 50))).text
    assert "Each network was trained once, from the same initial weights." in text
    assert "not of the luck of training: another seed can move a difference." in text


def test_changes_within_chance_are_called_that() -> None:
    page = _page(_report((10, 14), (12, 13)))
    assert "no measure of fairness changed beyond chance; accuracy may have risen or fallen" in page.text
    assert "within chance)" in page.text
    assert all(row.endswith("within chance") for row in _rows(page)[:5])


def test_what_got_worse_is_said() -> None:
    text = _page(_report((50, 50), (0, 100))).text
    assert "the gap between groups (+50.0 points)" in text
    assert "got worse" in text


@pytest.mark.parametrize(
    ("low", "high", "sign", "said"),
    [(0.1, 0.2, 1, "better"), (0.1, 0.2, -1, "worse"), (-0.2, -0.1, -1, "better"), (-0.2, -0.1, 1, "worse")],
)
def test_readings(low: float, high: float, sign: int, said: str) -> None:
    assert reading({"low": low, "high": high}, sign) == said
    assert reading({"low": -0.1, "high": high}, sign) == ("within chance" if high > 0 else said)
    assert reading({"low": None, "high": None}, sign) == "not enough data"


def test_without_a_network_before_only_after_is_shown() -> None:
    page = _page(_report(None, (5, 20)))
    assert "nothing to compare with" in page.text
    assert "before:" not in page.text
    assert "difference, points" not in page.text
    assert "luck of training" not in page.text
    assert "97.5 %" in page.text


def test_groups_too_small_to_compare_and_no_test_images() -> None:
    page = _page(_report((1, 2), (2, 1), n=16))
    assert "no two groups have enough test images to be compared" in page.text
    assert all(row.endswith("not enough data") for row in _rows(page)[1:5])
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    probe = {"before": nothing, "after": nothing, "majority": None, "by_class": None}
    empty = _page(_report((0, 0), (0, 0), n=0, probe=probe))
    assert "There are no test images, so nothing can be said." in empty.text
    assert "read from the features" not in empty.text


def test_notes_of_weights_strength_sources_and_groups_of_one_class() -> None:
    text = _page(_report((5, 5), (5, 5))).text
    assert "the 800 training images are worth 512 equal ones; the heaviest counts 4.0 times" in text
    text = _page(_report((5, 5), (5, 5), method="adversarial", one_class_groups={"fog": 30}, units=4)).text
    assert "A group has training images of one class only, fog (30 training images)" in text
    assert "adversarial training is harmful here" in text
    assert "Strength of the reversed gradient: 2." in text
    assert "All test images come from 4 sources" in text


def test_of_many_classes_those_that_are_named_are_shown_by_group() -> None:
    classes = tuple(f"class {k}" for k in range(10))
    page = _page(_report((5, 40), (10, 10), classes=classes))
    assert page.html.count("training: <bdi>") <= 4
    assert "net_fair/fair.json" in page.text


def test_names_are_text_and_nothing_else() -> None:
    names, classes = (SCRIPT, "\u202egpj.exe"), ("<b>", "{{7*7}}")
    page = _page(_report((5, 40), (10, 10), names=names, classes=classes, model=SCRIPT))
    assert "script" not in page.tags
    assert "\u202e" not in page.html
    assert SCRIPT in page.text
    assert "{{7*7}}" in page.text
