"""Findings: three outcomes, with numbers worked out by hand."""

import pytest
from fake_results import estimate

from evenlight.report.models_view import Model
from evenlight.report.verdicts import Rules, findings, group_state, set_apart

SUMMARY = {"found": 400, "quarantined": 0, "reasons": {}, "notes": []}


def model(name="svm", right=460, n=500, baseline=0.5, groups=None, validation=None) -> Model:
    cells = {k: {"n": m, "accuracy": estimate(r, m)} for k, (r, m) in (groups or {}).items()}
    test = {
        "n": n,
        "accuracy": estimate(right, n),
        "per_class": {"day": {"n": n}},
        "per_group": {"camera": cells} if groups else {},
    }
    seen = {"validation": {"accuracy": estimate(validation, 50)}} if validation else {}
    return Model({"model": name, "baseline": baseline, "classes": ["day"], "splits": {"test": test} | seen})


def said(models, state) -> list[str]:
    found = findings(SUMMARY, models, models[0], Rules())
    return [f.sentence.replace("\xa0", " ") for f in found if f.state == state]


@pytest.mark.parametrize(
    ("right", "n", "state"),
    [
        (40, 80, "look"),  # 50 %, interval to 60.7 %: below 92 %
        (465, 500, "fine"),  # 93 %, from 90.4 %: within 5 points of 92 %
        (36, 40, "few"),  # 90 %, but from 76.9 %
        (0, 29, "few"),  # under 30 images, however bad
    ],
)
def test_group_state(right, n, state):
    cell = {"n": n, "accuracy": estimate(right, n)}
    assert group_state(cell, estimate(460, 500), Rules()) == state


def test_worst_judged_group_is_named_with_numbers_and_caution():
    (sentence,) = said([model(groups={"a": (420, 430), "b": (40, 70), "tiny": (0, 8)})], "look")
    assert sentence.startswith(
        "camera “b”: svm is right on 57.1 % (95 % interval 45.5 to 68.1) of 70 test images"
    )
    assert "against 92.0 % overall" in sentence
    assert "Not tested for chance" in sentence
    assert "1 of 3 values can't be judged (under 30 test images)" in sentence


def test_small_groups_are_never_called_fine():
    alone = [model(groups={"a": (455, 490), "b": (5, 10)})]
    assert said(alone, "look") == []
    assert any(sentence.startswith("camera “a”") for sentence in said(alone, "few"))
    assert not any("camera" in sentence for sentence in said(alone, "fine"))
    assert (
        "camera: none of 2 values has the 30 test images"
        in said([model(groups={"a": (9, 9), "b": (5, 10)})], "few")[0]
    )


def test_baseline_has_three_outcomes():
    models = [model(), model("coin", 240), model("inverse", 100)]
    assert any(
        s.startswith("coin is not shown to be better than the majority baseline (50.0 %)")
        for s in said(models, "few")
    )
    assert any(s.startswith("inverse is worse than the majority baseline") for s in said(models, "look"))
    assert not any("svm is" in s for state in ("look", "few") for s in said(models, state))


def test_overlap_with_the_best():
    best, near, far = model(), model("near", 450), model("far", 300)
    assert set_apart(near, best) is False
    assert set_apart(far, best) is True
    assert any(
        s.startswith("near is not distinguishable from svm on these 500 test images")
        for s in said([best, near, far], "few")
    )


def test_a_tie_on_validation_is_said():
    tied = [model(validation=48), model("rf", 450, validation=48), model("cnn", 450, validation=47)]
    assert said(tied, "note") == [
        "svm and rf share the best validation accuracy; the choice among them says little."
    ]
    assert said([tied[0], tied[2]], "note") == []
    assert said([model(), model("rf")], "note") == []
