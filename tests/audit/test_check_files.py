"""File health."""

import pytest
from audit_world import world

from evenlight.audit.checks.files import Options, check
from evenlight.reasons import REASONS


def found(data, **options):
    return {finding.subject: finding for finding in check(data, Options(**options)).findings}


def test_all_files_used_is_fine():
    result = check(world(["day", "night"] * 20), Options())
    assert [(one.severity, one.sentence) for one in result.findings] == [
        ("ok", "All 40 files could be used.")
    ]


@pytest.mark.parametrize(
    ("used", "refused", "severity"),
    [(400, 1, "info"), (390, 4, "warn"), (380, 19, "warn"), (380, 20, "serious")],
)
def test_severity_follows_the_share_of_refused_files(used, refused, severity):
    data = world(["day", "night"] * (used // 2), quarantined=["corrupt"] * refused)
    assert found(data)["files"].severity == severity


def test_reasons_are_counted_and_shown():
    data = world(["day", "night"] * 200, quarantined=["truncated", "corrupt", "corrupt"])
    result = check(data, Options())
    finding = result.findings[0]
    assert finding.sentence == "0.7 % (3 of 403) of the files could not be used: 2 corrupt and 1 truncated."
    reasons = result.evidence[0]
    assert reasons.rows == [("corrupt", 2, REASONS["corrupt"]), ("truncated", 1, REASONS["truncated"])]
    assert reasons.title == finding.evidence


def test_a_class_that_loses_more_files_is_named():
    data = world(["day", "night"] * 200, quarantined=["corrupt"] * 30)
    data.manifest.loc[400:, "label"] = ["night"] * 28 + ["day"] * 2
    finding = found(data)["night"]
    assert finding.severity == "warn"
    assert "night lost 12 % (28 of 228" in finding.sentence
    data.manifest.loc[400:, "label"] = ["night", "day"] * 15
    assert "night" not in found(data)
    # two labels for one picture say nothing about damage
    data.manifest.loc[400:, "label"] = "night"
    data.manifest.loc[400:, "reason"] = "label_conflict"
    assert "night" not in found(data)


def test_odd_files_are_notes():
    n = 200
    data = world(
        ["day", "night"] * 100,
        columns={
            "warnings": ["ext_mismatch trailing_data", "ext_mismatch", "constant_image"] + [""] * (n - 3),
            "exif_orientation": [0, 1, 6, 8] + [0] * (n - 4),
            "channels": [1, 1, 4, 4] + [3] * (n - 4),
            "bit_depth": [8, 16] + [8] * (n - 2),
            "format": ["PNG", "PNG", "PNG"] + ["JPEG"] * (n - 3),
        },
    )
    by_subject = found(data)
    assert {name: one.severity for name, one in by_subject.items()} == {
        "files": "ok",
        "constant image": "info",
        "ext mismatch": "info",
        "trailing data": "info",
        "EXIF orientation": "info",
        "kinds of images": "info",
    }
    assert by_subject["ext mismatch"].sentence.startswith("1.0 % (2 of 200) of the images")
    assert by_subject["ext mismatch"].sentence.endswith("An example is day/img_00000.jpg.")
    assert by_subject["EXIF orientation"].numbers["images"] == 2
    assert by_subject["kinds of images"].numbers["usual"] == "colour of 8 bits"
    assert by_subject["kinds of images"].numbers["odd"] == {
        "CMYK of 8 bits": 1,
        "colour with transparency of 8 bits": 1,
        "gray of 16 bits": 1,
        "gray of 8 bits": 1,
    }


def test_many_constant_images_are_a_warning():
    data = world(["day", "night"] * 50, columns={"warnings": ["constant_image"] * 2 + [""] * 98})
    assert found(data)["constant image"].severity == "warn"


@pytest.mark.parametrize(("missing", "severity"), [(4, "info"), (6, "warn")])
def test_unknown_groups(missing, severity):
    data = world(["day", "night"] * 50, groups={"weather": [""] * missing + ["fog"] * (100 - missing)})
    finding = found(data)["weather"]
    assert (finding.severity, finding.numbers["images"]) == (severity, missing)


def test_metadata_that_does_not_fit_is_passed_on():
    notes = ["metadata.csv: 2 rows name no file of the data set, such as 'x'.", "Something else."]
    finding = found(world(["day", "night"], summary={"notes": notes}))["metadata.csv"]
    assert (finding.severity, finding.sentence) == ("info", notes[0])


@pytest.mark.parametrize("refused", [[], ["corrupt"]])
def test_no_usable_image_is_no_crash(refused):
    data = world([], classes=["day", "night"], quarantined=refused)
    assert found(data)["files"].severity == ("serious" if refused else "not_enough_data")
