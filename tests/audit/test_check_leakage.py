"""Leaks from training into the test."""

import pytest
from audit_world import world

from evenlight.audit.checks.leakage import Options, check

SPLITS = ["train"] * 300 + ["validation"] * 100 + ["test"] * 400  # test images are 400 to 799
LABELS = ["day", "night"] * 400


def leaky(copies=0, near=0, by_source=0, origin="given", **options):
    """800 images; the first test images leak."""
    leak = [""] * 400 + ["copy"] * copies + ["near"] * near + ["source"] * by_source
    pairs = [
        (i, 400 + i, "bytes" if i < copies else "near", 0 if i < copies else 20, 0)
        for i in range(copies + near)
    ]
    return world(
        LABELS,
        splits=SPLITS,
        columns={"leak": leak + [""] * (800 - len(leak))},
        pairs=options.pop("pairs", pairs),
        summary={"split_origin": origin},
        **options,
    )


def found(data, **options):
    return {finding.subject: finding for finding in check(data, Options(**options)).findings}


def evidence(data, **options):
    return {item.title: item for item in check(data, Options(**options)).evidence}


def cameras(crossing=0):
    """Camera per image: 40 in training, 10 in validation, 40 in the test; the first ones are in both."""
    names = [f"t{i % 30}" for i in range(300)] + [f"v{i % 10}" for i in range(100)]
    return names + [f"t{i % 40}" if i % 40 < crossing else f"s{i % 40}" for i in range(400)]


def test_no_leak_is_fine_and_says_what_it_cannot_see():
    result = check(leaky(), Options())
    assert [(one.severity, one.sentence) for one in result.findings] == [
        (
            "ok",
            "None of 400 test images has a copy or a near-duplicate in training or validation. No source column is"
            " given, so images of one camera, person or place may be on both sides.",
        )
    ]
    assert result.evidence == []
    finding = found(leaky(source=cameras()))["test images"]
    assert finding.severity == "ok"
    assert finding.sentence.endswith("and no camera of theirs is there.")


@pytest.mark.parametrize("missing", ["test", "train"])
def test_nothing_to_compare_is_not_enough(missing):
    data = world(["day"] * 10, splits=["train" if missing == "test" else "test"] * 10)
    assert [one.severity for one in check(data, Options()).findings] == ["not_enough_data"]
    assert [one.severity for one in check(world([], classes=["day"]), Options()).findings] == [
        "not_enough_data"
    ]


def test_copies_in_a_given_split_are_serious_however_few():
    finding = found(leaky(copies=1))["copies"]
    assert finding.severity == "serious"
    assert finding.sentence.startswith(
        "0.2 % (1 of 400; 95 % 0.0-1.4) of the test images also appear in training or validation: same bytes or same"
        " pixels."
    )
    assert finding.numbers["images"] == 1
    assert found(leaky(copies=1, origin="made"))["copies"].severity == "warn"


@pytest.mark.parametrize(("near", "severity"), [(1, "warn"), (3, "warn"), (4, "serious"), (200, "serious")])
def test_severity_of_near_duplicates_follows_their_share(near, severity):
    finding = found(leaky(near=near))["near-duplicates"]
    assert finding.severity == severity
    assert finding.numbers["value"] == near / 400
    assert finding.numbers["low"] < near / 400 < finding.numbers["high"]


def test_copies_and_near_duplicates_are_counted_apart():
    both = found(leaky(copies=2, near=12))
    assert (both["copies"].numbers["images"], both["near-duplicates"].numbers["images"]) == (2, 12)
    assert both["near-duplicates"].sentence.startswith("Another 3.0 % (12 of 400;")


def test_own_split_by_source_with_near_duplicates_across_says_so():
    sentence = found(leaky(near=3, origin="made", source=cameras()))["near-duplicates"].sentence
    assert (
        "The split was made so that no camera is on both sides; these pairs lie in different ones."
        in sentence
    )
    assert "was made" not in found(leaky(near=3, source=cameras()))["near-duplicates"].sentence
    assert "was made" not in found(leaky(near=3, origin="made"))["near-duplicates"].sentence


def test_sources_on_both_sides_are_counted():
    data = leaky(source=cameras(crossing=2))
    finding = found(data)["source"]
    assert finding.severity == "serious"
    assert finding.numbers["crossing"] == 2
    assert finding.numbers["sources"] == 30 + 10 + 38
    assert finding.numbers["images"] == 20
    assert finding.sentence == (
        "2 of 78 sources (camera) are in the test and also in training or validation: t0 and t1. They hold 5.0 % (20 of"
        " 400; 95 % 3.3-7.6) of the test images."
    )
    table = evidence(data)[finding.evidence]
    assert table.columns == ["camera", "training", "validation", "test"]
    assert table.rows == [["t0", 10, 0, 10], ["t1", 10, 0, 10]]


def test_a_source_in_training_and_validation_only_is_a_note():
    names = cameras()
    names[300] = "t0"
    findings = found(leaky(source=names))
    assert findings["source"].severity == "info"
    assert findings["test images"].severity == "ok"


def test_images_without_a_source_share_none():
    names = [""] * 800
    assert found(leaky(source=names))["test images"].severity == "ok"


def test_pairs_show_test_image_first_and_its_nearest_duplicate():
    pairs = [
        (0, 400, "near", 30, 5),
        (1, 400, "near", 12, 0),
        (3, 401, "pixels", 0, 0),
        (4, 5, "bytes", 0, 0),
        (402, 403, "near", 1, 0),
        (305, 404, "near", 14, 5),
    ]
    shown = evidence(leaky(near=2, pairs=pairs))["Test images and their duplicates in training or validation"]
    assert shown.items == [
        ("night/img_00401.jpg", "night/img_00003.jpg", "same pixels; night; test | train"),
        ("day/img_00400.jpg", "night/img_00001.jpg", "12 of 256 bits differ; day | night; test | train"),
        (
            "day/img_00404.jpg",
            "night/img_00305.jpg",
            # the pair's variant turns the test image; here the other one is turned back
            "14 of 256 bits differ, turned by 90 degrees to the right; day | night; test | validation",
        ),
    ]
    shorter = evidence(leaky(near=2, pairs=pairs), shown=1)[shown.title]
    assert (len(shorter.items), shorter.note) == (1, "1 of 3 are shown.")


def test_duplicates_between_training_and_validation_are_a_note():
    finding = found(leaky(pairs=[(0, 300, "near", 10, 0), (1, 300, "near", 10, 0)]))["validation"]
    assert finding.severity == "info"
    assert finding.numbers["images"] == 1
    assert "1.0 % (1 of 100;" in finding.sentence


def test_json_is_plain():
    result = check(leaky(copies=1, near=3, source=cameras(2)), Options())
    for item in [*result.findings, *result.evidence]:
        assert isinstance(item.as_dict(), dict)
