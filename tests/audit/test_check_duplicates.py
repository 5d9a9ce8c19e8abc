"""Copies, near-duplicates and label conflicts."""

import pytest
from audit_world import world

from evenlight.audit.checks.duplicates import Options, check
from evenlight.audit.duplicates import components


def linked(labels, pairs, **options):
    """A data set whose components are those of its pairs."""
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    columns = {"component": components(len(labels), a, b), **options.pop("columns", {})}
    return world(labels, pairs=pairs, columns=columns, **options)


def found(data, **options):
    return {finding.subject: finding for finding in check(data, Options(**options)).findings}


def evidence(data, **options):
    return {item.title: item for item in check(data, Options(**options)).evidence}


def test_nothing_alike_is_fine():
    result = check(world(["day", "night"] * 50), Options())
    assert [(one.severity, one.sentence) for one in result.findings] == [
        ("ok", "No image of 100 has a copy or a near-duplicate.")
    ]
    assert result.evidence == []


def test_no_images_is_not_enough():
    assert [one.severity for one in check(world([], classes=["day"]), Options()).findings] == [
        "not_enough_data"
    ]


@pytest.mark.parametrize(
    ("pairs", "severity"), [(1, "info"), (4, "info"), (5, "warn"), (24, "warn"), (25, "serious")]
)
def test_severity_follows_the_share_of_images(pairs, severity):
    near = [(2 * i, 2 * i + 1, "near", 10, 0) for i in range(pairs)]
    finding = found(linked(["day"] * 1000, near))["near-duplicates"]
    assert finding.severity == severity
    assert finding.numbers["images"] == 2 * pairs
    assert finding.numbers["low"] < finding.numbers["value"] < finding.numbers["high"]


def test_sentence_counts_images_pairs_and_groups():
    pairs = [(0, 1, "near", 4, 0), (0, 2, "near", 30, 0), (5, 6, "near", 8, 3)]
    finding = found(linked(["day"] * 100, pairs))["near-duplicates"]
    assert finding.sentence == (
        "5.0 % (5 of 100; 95 % 2.2-11) of the images have a near-duplicate or a copy: 3 pairs in 2 groups, the largest"
        " of 3 images; 1 pair mirrored or turned. They count like fewer images, and must stay in one split."
    )


def test_frames_of_one_source_are_meant_to_be_alike():
    burst = [(2 * i, 2 * i + 1, "near", 10, 0) for i in range(30)]
    sources = [f"cam{i // 2}" for i in range(100)]
    data = linked(["day"] * 100, burst, source=sources)
    assert {one.subject: one.severity for one in check(data, Options()).findings} == {
        "near-duplicates of one source": "info"
    }
    # only the pair between two sources counts; an image without a source is one of its own
    sources[3] = ""
    data = linked(["day"] * 100, [*burst, (0, 99, "near", 8, 0)], source=sources)
    both = found(data)
    assert both["near-duplicates"].severity == "warn"
    assert both["near-duplicates"].numbers["images"] == 4
    assert "of another camera: 2 pairs" in both["near-duplicates"].sentence
    assert both["near-duplicates of one source"].numbers["images"] == 58


def test_copies_are_told_from_near_duplicates():
    pairs = [(0, 1, "bytes", 0, 0), (0, 2, "pixels", 0, 0), (1, 2, "pixels", 0, 0), (5, 6, "near", 0, 0)]
    finding = found(linked(["day"] * 100, pairs))["copies"]
    assert finding.severity == "info"
    assert finding.numbers["images"] == 3
    assert finding.numbers["sets"] == 1
    assert (finding.numbers["pairs_same_bytes"], finding.numbers["pairs_same_pixels"]) == (1, 2)
    assert "1 picture, stored 3 times (1 pair with the same bytes, 2 with the same pixels" in finding.sentence
    assert "copies" not in found(linked(["day"] * 100, pairs[3:]))


@pytest.mark.parametrize(("groups", "severity"), [(1, "warn"), (4, "warn"), (5, "serious")])
def test_two_labels_in_a_component_are_a_conflict(groups, severity):
    labels = ["day", "night"] * 100
    pairs = [(2 * i, 2 * i + 1, "near", 10, 0) for i in range(groups)]
    data = linked(labels, pairs)
    finding = found(data)["label conflicts"]
    assert finding.severity == severity
    assert finding.numbers["images"] == 2 * groups
    assert "day/img_00000.jpg (day) and night/img_00001.jpg (night)" in finding.sentence or groups > 1
    gallery = evidence(data)[finding.evidence]
    assert [path for path, _ in gallery.items] == data.rows["path"][: 2 * groups].tolist()
    assert gallery.items[0][1] == f"group 0: day ({data.splits[0]})"


def test_a_conflict_by_way_of_a_third_image_counts():
    finding = found(
        linked(["day", "day", "night"] + ["day"] * 97, [(0, 1, "near", 30, 0), (1, 2, "near", 30, 0)])
    )
    assert finding["label conflicts"].numbers["images"] == 3


def test_one_label_per_component_is_no_conflict():
    labels = ["day", "day", "night", "night"] * 10
    assert "label conflicts" not in found(linked(labels, [(0, 1, "near", 10, 0), (2, 3, "near", 10, 0)]))


def test_files_left_out_for_two_labels_are_named():
    data = world(["day"] * 98, quarantined=["label_conflict", "label_conflict", "corrupt"])
    finding = found(data)["same pixels, several labels"]
    assert finding.severity == "warn"
    assert "zz_refused/0000.jpg" in finding.sentence
    assert "zz_refused/0002.jpg" not in finding.sentence
    assert finding.numbers["files"] == 2
    assert [path for path, _ in evidence(data)[finding.evidence].items] == [
        "zz_refused/0000.jpg",
        "zz_refused/0001.jpg",
    ]


def test_pairs_are_shown_most_telling_first():
    labels = ["day", "day", "day", "day", "night", "day", "day"]
    splits = ["train", "train", "train", "test", "train", "train", "train"]
    pairs = [(0, 1, "near", 2, 0), (0, 2, "bytes", 0, 0), (0, 3, "near", 30, 1), (0, 4, "near", 31, 0)]
    data = linked(labels, pairs, splits=splits)
    shown = evidence(data)["Duplicates side by side"]
    assert shown.items == [
        ("day/img_00000.jpg", "night/img_00004.jpg", "31 of 256 bits differ; day | night; train"),
        ("day/img_00000.jpg", "day/img_00003.jpg", "30 of 256 bits differ, mirrored; day; train | test"),
        ("day/img_00000.jpg", "day/img_00002.jpg", "same file; day; train"),
        ("day/img_00000.jpg", "day/img_00001.jpg", "2 of 256 bits differ; day; train"),
    ]
    shorter = evidence(data, shown=2)["Duplicates side by side"]
    assert shorter.items == shown.items[:2]
    assert shorter.note.endswith("2 of 4 are shown.")


def test_table_by_distance():
    pairs = [(0, 1, "bytes", 0, 0), (1, 2, "near", 2, 0), (3, 4, "near", 4, 0), (2, 3, "near", 4, 0)]
    table = evidence(linked(["day"] * 10, pairs))["Duplicates by distance"]
    # distance, pairs, images in them, components, largest
    assert table.rows == [(0, 1, 2, 9, 2), (1, 1, 2, 9, 2), (2, 2, 3, 8, 3), (3, 2, 3, 8, 3), (4, 4, 5, 6, 5)]


def test_table_of_a_wide_radius_has_few_rows():
    pairs = [(0, 1, "near", 1, 0), (1, 2, "near", 63, 0)]
    rows = evidence(linked(["day"] * 10, pairs))["Duplicates by distance"].rows
    assert len(rows) <= 18
    assert rows[0][1:3] == (0, 0)
    assert rows[-1][0] == 63


def test_pairs_of_images_that_are_not_used_do_not_count():
    data = world(["day"] * 10, pairs=[(0, 1, "near", 10, 0)])
    data.pairs.loc[0, "b"] = "gone.jpg"
    assert found(data)["near-duplicates"].severity == "ok"


def test_json_is_plain():
    pairs = [(0, 1, "near", 10, 2), (2, 3, "bytes", 0, 0)]
    result = check(linked(["day", "night"] * 20, pairs), Options())
    for item in [*result.findings, *result.evidence]:
        assert isinstance(item.as_dict(), dict)
    assert all(type(cell) is int for row in result.evidence[1].as_dict()["rows"] for cell in row)
