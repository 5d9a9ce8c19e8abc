"""Findings: three outcomes, with numbers worked out by hand."""

import pytest
from fake_results import estimate

from evenlight.report.models_view import Model
from evenlight.report.rendering import headline
from evenlight.report.verdicts import (
    Finding,
    Rules,
    findings,
    from_audit,
    group_state,
    leak_sentence,
    strip,
)

SUMMARY = {"used": 400, "quarantined": 0, "reasons": {}, "notes": []}


def model(name="svm", right=460, n=500, baseline=0.5, groups=None, validation=None, kind="rbf_svm") -> Model:
    cells = {k: {"n": m, "accuracy": estimate(r, m)} for k, (r, m) in (groups or {}).items()}
    test = {
        "n": n,
        "accuracy": estimate(right, n),
        "per_class": {"day": {"n": n}},
        "per_group": {"camera": cells} if groups else {},
    }
    seen = {"validation": {"accuracy": estimate(validation, 50)}} if validation else {}
    return Model(
        {
            "model": name,
            "kind": kind,
            "baseline": baseline,
            "classes": ["day"],
            "splits": {"test": test} | seen,
        }
    )


def compared(readings=None, n=500) -> dict:
    """What comparison.json says; `svm` is the chosen model."""
    said = {"svm": "reference"} | (readings or {})
    models = [{"model": name, "kind": "x", "reading": reading} for name, reading in said.items()]
    return {"n": n, "chosen": "svm", "models": models}


def said(models, severity, readings=None) -> list[str]:
    found = findings(SUMMARY, models, models[0], compared(readings), Rules(), audited=False)
    return [f.sentence.replace("\xa0", " ") for f in found if f.severity == severity]


@pytest.mark.parametrize(
    ("right", "n", "state"),
    [
        (40, 80, "warn"),  # 50 %, interval to 60.7 %: below 92 %
        (465, 500, "ok"),  # 93 %, from 90.4 %: within 5 points of 92 %
        (36, 40, "not_enough_data"),  # 90 %, but from 76.9 %
        (0, 29, "not_enough_data"),  # under 30 images, however bad
    ],
)
def test_group_state(right, n, state):
    cell = {"n": n, "accuracy": estimate(right, n)}
    assert group_state(cell, estimate(460, 500), Rules()) == state


def test_worst_judged_group_is_named_with_numbers_and_caution():
    (sentence,) = said([model(groups={"a": (420, 430), "b": (40, 70), "tiny": (0, 8)})], "warn")
    assert sentence.startswith(
        "camera “b”: svm is right on 57.1 % (95 % interval 45.5 to 68.1) of 70 test images"
    )
    assert "against 92.0 % overall" in sentence
    assert "Not tested for chance" in sentence
    assert "1 of 3 values can't be judged (under 30 test images)" in sentence


def test_small_groups_are_never_called_fine():
    alone = [model(groups={"a": (455, 490), "b": (5, 10)})]
    assert said(alone, "warn") == []
    assert any(sentence.startswith("camera “a”") for sentence in said(alone, "not_enough_data"))
    assert not any("camera" in sentence for sentence in said(alone, "ok"))
    assert (
        "camera: none of 2 values has the 30 test images"
        in said([model(groups={"a": (9, 9), "b": (5, 10)})], "not_enough_data")[0]
    )


def test_a_baseline_is_not_held_against_itself():
    models = [
        model(),
        model("always", right=250, kind="majority"),
        model("sizes", right=250, kind="metadata"),
    ]
    for state in ("warn", "not_enough_data"):
        assert not any("always" in sentence or "sizes" in sentence for sentence in said(models, state))


def test_baselines_among_the_models_are_held_against_the_others():
    comparison = compared({"coin": "worse"})
    comparison["models"][0]["no_better_than"] = []
    comparison["models"][1]["no_better_than"] = ["always"]
    comparison["models"].append(
        {"model": "always", "kind": "majority", "reading": "worse", "no_better_than": []}
    )
    models = [model(), model("coin", 240), model("always", 250, kind="majority")]
    found = findings(SUMMARY, models, models[0], comparison, Rules(), audited=False)
    held = [f.sentence for f in found if "baseline" in f.sentence]
    assert held == ["coin is not shown to be better than the baseline always."]


def test_baseline_has_three_outcomes():
    models = [model(), model("coin", 240), model("inverse", 100)]
    assert any(
        s.startswith("coin is not shown to be better than the majority baseline (50.0 %)")
        for s in said(models, "not_enough_data")
    )
    assert any(s.startswith("inverse is worse than the majority baseline") for s in said(models, "warn"))
    assert not any("svm is" in s for state in ("warn", "not_enough_data") for s in said(models, state))


def test_what_the_comparison_says_of_the_chosen_model():
    """Intervals of `near` and `far` do not matter, only the comparison on the same images does."""
    models = [model(), model("near", 450), model("far", 300), model("odd", 440), model("top", 490)]
    readings = {"near": "tied", "far": "worse", "odd": "perhaps worse", "top": "better"}
    unsure = "near and odd are not shown to be better or worse than svm on these 500 test images."
    assert said(models, "not_enough_data", readings) == [unsure]
    assert said(models, "warn", readings) == [
        "top is better than svm on these 500 test images, by more than luck."
    ]
    assert said(models, "not_enough_data", {"near": "worse", "far": None}) == []


def test_a_tie_on_validation_is_said():
    tied = [model(validation=48), model("rf", 450, validation=48), model("cnn", 450, validation=47)]
    assert said(tied, "info") == [
        "svm and rf share the best validation accuracy; the choice among them says little."
    ]
    assert said([tied[0], tied[2]], "info") == []
    assert said([model(), model("rf")], "info") == []


def leaky(made: Model, right: int, n: int, removed: int) -> Model:
    made.test["without_leaks"] = {"n": n, "removed": removed, "accuracy": estimate(right, n)}
    return made


def test_accuracy_without_leaks_is_said_with_counts():
    of_400 = leaky(model(right=362, n=400), 350, 388, 12)
    sentence = "Without the 12 leaked images accuracy is 90.2 % (350 of 388), not 90.5 % (362 of 400)."
    assert leak_sentence(of_400).replace("\xa0", " ") == sentence
    assert said([of_400], "info") == [f"svm: {sentence}"]


def test_one_leak_an_equal_accuracy_and_none_at_all():
    assert (
        leak_sentence(leaky(model(), 460, 499, 1)).replace("\xa0", " ")
        == "Without the leaked image accuracy is 92.2 % (460 of 499), not 92.0 % (460 of 500)."
    )
    same = leak_sentence(leaky(model(), 368, 400, 100)).replace("\xa0", " ")
    assert same == "Without the 100 leaked images accuracy stays the same, 92.0 % (368 of 400)."
    everything = model()
    everything.test["without_leaks"] = {"n": 0, "removed": 500, "accuracy": estimate(0, 0)}
    assert leak_sentence(everything) == ""
    none = model()
    none.test["without_leaks"] = None
    assert leak_sentence(none) == ""


def test_strip_counts_every_severity_and_keeps_the_order_of_equals():
    found = [Finding(s, s + str(k), s) for k in range(2) for s in ("ok", "warn", "info", "serious")]
    made = strip([*found, Finding("not_enough_data", "few", "models")])
    assert made.counts == {"serious": 2, "warn": 2, "not_enough_data": 1, "info": 2, "ok": 2}
    assert [f.sentence for f in made.flagged] == ["serious0", "serious1", "warn0", "warn1"]
    assert made.more == []
    assert [f.sentence for f in made.unjudged] == ["few"]
    assert [f.sentence for f in made.rest] == ["info0", "info1", "ok0", "ok1"]


def test_findings_of_the_audit_lead_to_their_section():
    audit = [{"check": "leakage", "severity": "serious", "sentence": "12 images leak.", "evidence": ""}]
    (finding,) = from_audit(audit, {"leakage": "Leaks between splits"})
    assert (finding.severity, finding.section, finding.where) == (
        "serious",
        "audit-leakage",
        "Leaks between splits",
    )


def test_files_are_counted_once():
    bad = SUMMARY | {"quarantined": 100, "reasons": {"corrupt": 90, "truncated": 10}, "notes": ["A note."]}
    alone = findings(bad, [], None, compared(), Rules(), audited=False)
    assert [(f.severity, f.sentence.replace("\xa0", " ")) for f in alone] == [
        ("warn", "100 of 500 files (20.0 %) could not be used: 90 corrupt and 10 truncated."),
        ("info", "A note."),
    ]
    assert [f.sentence for f in findings(bad, [], None, compared(), Rules(), audited=True)] == ["A note."]


def test_one_check_cannot_fill_the_strip():
    quality = [Finding("warn", f"dark {k}", "audit-quality") for k in range(5)]
    others = [Finding("warn", f"other {k}", f"audit-{k}") for k in range(12)]
    made = strip([*quality, *others])
    assert [f.sentence for f in made.flagged] == [
        *("dark 0", "dark 1", "dark 2"),
        *(f"other {k}" for k in range(9)),
    ]
    assert [f.sentence for f in made.more] == ["dark 3", "dark 4", "other 9", "other 10", "other 11"]
    assert made.counts["warn"] == 17


@pytest.mark.parametrize(
    ("sentence", "first"),
    [
        ("Class and camera are linked (p<.001). fog: 122 of 144.", "Class and camera are linked (p<.001)."),
        ("2.1 % (4 of 195, e.g. here. And there) of the images leak. The split is old.",
         "2.1 % (4 of 195, e.g. here. And there) of the images leak."),
        ("A. b.jpg and 3 more images have no label. Give them one.", "A. b.jpg and 3 more images have no label."),
        ("Nothing else is said", "Nothing else is said"),
    ],
)  # fmt: skip
def test_headline_is_the_first_sentence(sentence, first):
    assert headline(sentence) == first
