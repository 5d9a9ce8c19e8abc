"""Findings, evidence, wording, and what the checks see of a data set."""

import json

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.findings import (
    Bars,
    Finding,
    Gallery,
    Heatmap,
    Pairs,
    Table,
    by_severity,
    most_severe,
    severity_at,
)
from evenlight.audit.wording import chance, counted, listed, many, number, percent


def test_finding_refuses_an_unknown_severity():
    with pytest.raises(ValueError, match="'bad' is no severity"):
        Finding("files", "bad", "", "")


@pytest.mark.parametrize(
    ("value", "levels", "severity"),
    [
        (0.04, [0.05, 0.1, 0.3], "ok"),
        (0.05, [0.05, 0.1, 0.3], "info"),
        (0.2, [0.05, 0.1, 0.3], "warn"),
        (7, [0.05, 0.1, 0.3], "serious"),
        (0.1, [0.1, 0.25], "warn"),
        (0.25, [0.1, 0.25], "serious"),
        (0.05, [0.1, 0.25], "ok"),
        (1, [1], "serious"),
        (float("nan"), [0, 1], "ok"),
    ],
)
def test_severity_is_that_of_the_last_level_reached(value, levels, severity):
    assert severity_at(value, levels) == severity


def test_most_severe_first_and_equal_ones_keep_their_order():
    found = [
        Finding("a", severity, str(place), "")
        for place, severity in enumerate(["ok", "warn", "ok", "serious"])
    ]
    assert [finding.subject for finding in by_severity(found)] == ["3", "1", "0", "2"]
    assert most_severe(["info", "not_enough_data", "ok"]) == "not_enough_data"
    assert most_severe([]) == "ok"


def test_findings_and_evidence_are_valid_json_whatever_numbers_they_hold():
    numbers = {
        "a": np.float32(0.1),
        "b": np.int64(3),
        "c": float("nan"),
        "d": np.array([1.0, np.inf]),
        "e": (1, True),
    }
    found = Finding("files", "info", "x", "y", numbers).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False))["numbers"] == {
        "a": 0.1,
        "b": 3,
        "c": None,
        "d": [1.0, None],
        "e": [1, True],
    }
    evidence = [
        Table("t", ["a"], [(np.int32(1),), (None,)]),
        Gallery("g", [("p", "c")]),
        Pairs("p", [("a", "b", "c")]),
        Heatmap("h", "r", "c", ["x"], ["y"], [[np.int64(1)]], [[1.0]], [[float("nan")]]),
        Bars("b", [("x", 1.0, None, None)], "%"),
    ]
    plain = json.loads(json.dumps([item.as_dict() for item in evidence], allow_nan=False))
    assert [item["kind"] for item in plain] == ["table", "gallery", "pairs", "heatmap", "bars"]
    assert plain[0]["rows"] == [[1], [None]]
    assert plain[3]["residuals"] == [[None]]


def test_wording():
    shares = [0, 1, 0.005, 0.09, 0.613, 0.941, 0.00001, 0.99999]
    said = ["0 %", "100 %", "0.5 %", "9.0 %", "61 %", "94.1 %", "under 0.1 %", "over 99.9 %"]
    assert [percent(share) for share in shares] == said
    assert counted(31, 51, 0.95) == "61 % (31 of 51; 95 % 47-73)"
    assert counted(1, 385, 0.95) == "0.3 % (1 of 385; 95 % 0.0-1.5)"
    assert counted(1200, 2400) == "50 % (1,200 of 2,400)"
    assert [chance(p) for p in (0.0004, 0.017, 0.049, 0.61, 1)] == [
        "p<.001",
        "p=.017",
        "p=.049",
        "p=.61",
        "p=1.00",
    ]
    assert [many(1, "image"), many(1200, "image"), many(2, "class", "classes")] == [
        "1 image",
        "1,200 images",
        "2 classes",
    ]
    assert [number(3.0), number(3.14), number(1234.5)] == ["3", "3.1", "1,234"]
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"]), listed(list("abcd"), 2)] == [
        "",
        "a",
        "a, b and c",
        "a, b and 2 more",
    ]


def test_missing_values_are_a_group_and_missing_sources_are_none():
    data = world(
        ["day"] * 6,
        groups={"weather": ["fog", "", "unknown", "fog", "rain", ""]},
        source=["a", "", "a", "b", "", "0"],
        quarantined=["corrupt"],
    )
    assert len(data.manifest) == 7
    assert len(data.rows) == len(data.labels) == len(data.splits) == 6
    assert data.coded("weather")[0] == ["fog", "rain", "unknown"]
    assert data.coded("weather")[1].tolist() == [0, 2, 2, 0, 1, 2]
    assert data.coded("camera")[0] == ["0", "a", "b", "unknown"]
    assert data.groups == {"weather": "group_weather"}
    codes = data.source_codes
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 5  # images without a source are not one source
    assert world(["day"]).source_codes is None
