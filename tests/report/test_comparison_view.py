"""Models beside each other as a reader sees them: readings, ranks, baselines, sweeps, and the page of times."""

import re

import numpy as np
import pytest
from fake_results import split_metrics
from reading import SCRIPT, Page

from evenlight.evaluation.comparison import compare_models, sweep_summary
from evenlight.job_costs import Cost
from evenlight.report.comparison_view import (
    COST_COLUMNS,
    comparison_view,
    cost_rows,
    duration,
    memory,
    p_text,
    times_page,
)
from evenlight.report.models_view import Model
from evenlight.report.rendering import environment, points
from evenlight.report.verdicts import Rules

KINDS = {"net": "cnn", "svm": "rbf_svm", "weak": "rbf_svm", "file": "metadata", "guess": "majority"}
SHELL = (
    '{% extends "base.html" %}{% import "macros.html" as m %}'
    '{% block body %}<main>{% include "compare.html" %}</main>{% endblock %}'
)


class World:
    """Models of known accuracy on `n` test images, as comparison.json and metrics.json tell of them.

    The first of them is the one chosen on validation images.
    """

    def __init__(
        self,
        wrong: dict[str, int],
        n: int = 200,
        source: str | None = None,
        units: int = 0,
        groups: np.ndarray | None = None,
    ) -> None:
        codes = np.arange(n) % 2
        said = {
            name: np.where(np.arange(n) < count, 1 - codes, codes) for name, count in wrong.items()
        }  # who has more wrong has all those wrong that the better ones have
        kinds = {name: KINDS.get(name, "random_forest") for name in wrong}
        if groups is None:
            groups = np.arange(n) % units if units else np.arange(n)
        right = {name: guesses == codes for name, guesses in said.items()}
        self.comparison = {
            **compare_models(right, kinds, groups, 0.95, next(iter(wrong))),
            "source": source,
            "sweeps": {},
        }
        self.models = [self._model(name, kinds[name], codes, said[name]) for name in wrong]

    @staticmethod
    def _model(name: str, kind: str, codes: np.ndarray, said: np.ndarray) -> Model:
        splits = {"test": split_metrics(codes, said, ["day", "night"], {})} if len(codes) else {}
        return Model(
            {"model": name, "kind": kind, "classes": ["day", "night"], "splits": splits, "baseline": 0.5}
        )

    def sweep(self, name: str, members: dict, found: dict) -> None:
        summary = sweep_summary(members, found, 0.95)
        self.comparison["sweeps"][name] = {"test": summary, "validation": summary}

    def page(self, rows: int = 200) -> Page:
        view = comparison_view(self.comparison, self.models, Rules(), rows)
        return Page(environment().from_string(SHELL).render(compared=view, confidence="95 %"))

    def lines(self) -> list[str]:
        """The table's rows as text."""
        body = self.page().html.split("<tbody>")[1].split("</tbody>")[0]
        return [Page(row).text for row in body.split("</tr>")[:-1]]


def test_ranks_readings_and_differences():
    world = World({"net": 2, "svm": 6, "weak": 60})
    first, second, third = world.lines()
    assert first.startswith("1–2 net cnn chosen on validation undefined 99.0 %")
    assert "reference" in first
    assert second.startswith("1–2 svm rbf_ svm")
    assert "−2.0 −4.3 to +0.4 tied p 0.1" in second
    assert third.startswith("3 weak")
    assert "worse p < 0.0001" in third
    text = world.page().text
    assert (
        "On the 200 test images no model is shown to be better than net, the model chosen on validation images."
        " svm is tied with it: differences as large as theirs come about by luck. weak is worse, by more than luck."
    ) in text
    assert "Against net , by the images that one model has right and the other wrong" in text
    assert "(McNemar’s test in Wald’s form). p: Holm-adjusted over all 2 comparisons with it" in text
    assert "Holm-adjusted over all 3 pairs, so larger than in the table above" in text


def test_a_choice_that_was_not_the_best():
    world = World({"svm": 60, "net": 2, "weak": 61})
    text = world.page().text
    assert "net is better than svm, the model chosen on validation images, on the 200 test images" in text
    assert "no model is shown to be better" not in text
    assert 'class="best"><td class="n">2–3</td><th scope="row"><a href="#model-1">' in world.page().html
    assert world.lines()[0].startswith("1 net")
    assert "+29.0 +22.3 to +35.1 better p < 0.0001" in world.lines()[0]


def test_perhaps_has_both_p_values():
    world = World({"net": 10, "svm": 17, "forest": 10, "other": 3, "more": 10})
    assert "+3.5 +0.6 to +6.3 perhaps better p 0.072 alone 0.018" in world.lines()[0]
    assert "perhaps worse p 0.072 alone 0.018" in world.lines()[-1]
    text = world.page().text
    assert "other is perhaps better: more than luck by itself, but not among 4 comparisons." in text
    assert "svm is perhaps worse: more than luck by itself, but not among 4 comparisons." in text
    assert "“Perhaps”: only p of that comparison alone is" in text


def test_baselines_are_marked_and_held_against_models():
    world = World({"net": 2, "weak": 59, "file": 60, "guess": 100})
    lines = world.lines()
    assert "baseline" not in lines[0]
    assert "not shown" not in lines[0]
    assert lines[1].startswith("2–4 weak rbf_ svm not shown to beat file data")
    assert lines[2].startswith("2–4 file metadata baseline")
    assert "not shown" not in lines[3]
    assert "the one-sided p against that baseline alone is not below 0.05" in world.page().text
    assert "one-sided" not in World({"net": 2, "guess": 100}).page().text
    both = World({"weak": 100, "file": 100, "guess": 100}).lines()
    assert "not shown to beat saying the most frequent class not shown to beat file data" in both[2]


def test_few_sources_and_one_source():
    text = World({"net": 2, "svm": 60}, source="camera", units=4).page().text
    assert "The 200 test images come from 4 different values of camera." in text
    assert "These are few" in text
    assert "(McNemar’s test in Wald’s form, effective counts, Student’s t)" in text
    one = World({"net": 2, "svm": 60}, units=1)
    assert "not enough data" in one.lines()[1]
    assert "All 200 test images belong together" in one.page().text


def test_one_source_that_holds_most_images_makes_them_few():
    sizes = [110] + 9 * [10]
    text = World({"net": 2, "svm": 60}, source="camera", groups=np.repeat(np.arange(10), sizes)).page().text
    assert "come from 10 different values of camera." in text
    assert "The largest hold so many images that all of them count as few: only large and steady" in text
    equal = World({"net": 2, "svm": 60}, source="camera", units=10).page().text
    assert "only large and steady" not in equal


def test_without_test_images_and_with_one_model():
    text = World({"net": 0, "svm": 0}, n=0).page().text
    assert "There is no test image, so nothing sets these models apart." in text
    assert "tied" not in text
    alone = World({"net": 2}).page().text
    assert "McNemar" not in alone
    assert "tied" not in alone


def test_all_pairs_are_shown_while_they_fit():
    html = World({f"m{k}": 10 * k for k in range(4)}).page().html
    matrix = html.split("All pairs")[1].split("</table>")[0]
    assert len(re.findall(r'<td class="n"><b>&lt; 0.0001</b></td>', matrix)) >= 6
    assert "All pairs" not in World({f"m{k}": k for k in range(21)}).page().html


def test_long_tables_are_cut_and_say_so():
    world = World({f"m{k}": k // 3 for k in range(12)})
    page = world.page(rows=5)
    assert page.html.split("</table>")[0].count("<tr") == 6
    assert "The first 5 of 12 models; all of them are in comparison.json ." in page.text
    assert "m1, m2, m3, m4, m5, m6 and 5 more are tied with it" in page.text


def test_sweeps_say_what_is_luck():
    world = World({"a": 2, "b": 6, "c": 20, "d": 30})
    members = {
        "a": {"features": ["hog"], "seed": 0},
        "b": {"features": ["hog"], "seed": 1},
        "c": {"features": ["hog", "thumb"], "seed": 0},
        "d": {"features": ["hog", "thumb"], "seed": 1},
    }
    world.sweep("forest", members, {"a": 0.99, "b": 0.97, "c": 0.90, "d": 0.85})
    text = world.page().text
    assert "Sweep: forest" in text
    assert "hog 2 98.0 % 98.0 % 1.4 points 97.0 to 99.0 1 , 2" in text
    assert "hog + thumb 2 87.5 % 87.5 % 3.5 points 85.0 to 90.0 3 , 4" in text
    assert "Another seed alone moves the test accuracy by 2.7 points" in text
    assert (
        "up to 16.4 points apart in 95 % of cases: a smaller difference between two models may be luck"
        in text
    )
    assert "The table shows means over seeds, which luck moves less." in text
    world.sweep("forest", {name: {"C": k} for k, name in enumerate("abcd")}, dict.fromkeys("abcd", 0.9))
    assert "add `seed: [0, 1, 2]` to the sweep" in world.page().text


@pytest.mark.parametrize(
    ("step", "said", "unsaid"),
    [
        (0.0, "The seed changes nothing here", "points apart"),
        (0.0001, "up to 0.04 points apart", "changes nothing"),
    ],
)
def test_a_sweep_whose_seeds_change_nothing_or_little(step, said, unsaid):
    world = World(dict.fromkeys("abcdef", 2))
    members = {name: {"C": k % 2, "seed": k // 2} for k, name in enumerate("abcdef")}
    world.sweep("svm", members, {name: 0.7 + step * (k // 2) for k, name in enumerate("abcdef")})
    text = world.page().text.split("Sweep: svm")[1]
    assert said in text
    assert unsaid not in text
    assert "0.0 points" not in text.split("validation, mean")[0]


def test_links_lead_to_the_models_sections_and_to_the_times():
    page = World({"svm": 6, "net": 2}).page()
    assert page.values("a", "href") == ["#model-2", "#model-1", "provenance/comparison.html"]


def hostile() -> World:
    name = f'{SCRIPT}"\u202e=cmd{{{{7*7}}}}'
    world = World({name: 2, "svm": 6, "weak": 60}, source=SCRIPT, units=40)
    members = {name: {SCRIPT: SCRIPT, "seed": 0}, "svm": {SCRIPT: [SCRIPT], "seed": 1}}
    world.sweep(SCRIPT, members, {name: 0.9, "svm": 0.8})
    return world


def test_hostile_names_are_text_only():
    world = hostile()
    costs = dict.fromkeys([entry["model"] for entry in world.comparison["models"]], (Cost(), Cost()))
    for page in (world.page(), Page(times_page(SCRIPT, world.comparison, costs))):
        assert "script" not in page.tags
        assert "\u202e" not in page.html
        assert "{{7*7}}" in page.text
        assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_times_page():
    world = World({"net": 2, "svm": 60})
    costs = {"net": (Cost(3725.0, 7000.0, 1234.5), Cost(0.84, 0.5, 90.0)), "svm": (Cost(), Cost())}
    page = Page(times_page("scenes", world.comparison, costs))
    rows = [Page(row).text for row in page.html.split("<tbody>")[1].split("</tr>")]
    assert rows[0].startswith("1 net cnn 99.0 %")
    assert "1 h 2 min CPU 1 h 56 min 0.8 s CPU 0.5 s 1,234 MB predicting 90 MB" in rows[0]
    assert rows[1].count("not recorded") == 6
    assert "default-src 'none'" in next(v for v in page.values("meta", "content") if "src" in v)
    assert not re.search(r"https?://|url\(|@import|srcset", page.html)
    table = cost_rows(world.comparison, costs)
    assert [len(row) for row in table] == [len(COST_COLUMNS)] * 2
    svm = dict(zip(COST_COLUMNS, table[1], strict=True))
    assert (svm["rank_low"], svm["reading"], svm["train_seconds"]) == (2, "worse", None)
    assert dict(zip(COST_COLUMNS, table[0], strict=True))["train_peak_mb"] == 1234.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (duration(0.84), "0.8 s"),
        (duration(59.4), "59 s"),
        (duration(59.6), "1 min 0 s"),
        (duration(3600), "1 h 0 min"),
        (duration(None), "not recorded"),
        (memory(244.68), "245 MB"),
        (points(-0.0123), "−1.2"),
        (points(0.0001), "0.0"),
        (points(0.0226), "+2.3"),
        (points(-0.05), "−5.0"),
        (points(None), "undefined"),
        (p_text(0.00004), "< 0.0001"),
        (p_text(0.04996), "0.05"),
        (p_text(None), ""),
    ],
)
def test_numbers_for_people(text, expected):
    assert text.replace("\N{NO-BREAK SPACE}", " ") == expected


def test_equal_inputs_give_equal_text():
    assert hostile().page().html == hostile().page().html
