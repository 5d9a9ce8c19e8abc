"""Labels to review: planted errors are listed and placed, weak models and hard groups are not blamed on labels."""

import numpy as np
import pytest
from audit_world import world

from evenlight.audit.checks.labels import Options, check

N = 1000
OPTIONS = Options(features=["shape"])


def planted(rate, seed=0, apart=3.5, where=None, **more):
    """Two classes that lie `apart` standard deviations apart; labels flipped at a rate, where asked."""
    rng = np.random.default_rng(seed)
    true = np.arange(N) % 2
    values = rng.normal(size=(N, 6))
    values[:, 0] += apart * true
    wrong = (rng.random(N) < rate) & (np.ones(N, dtype=bool) if where is None else where)
    given = np.where(wrong, 1 - true, true)
    labels = [("x", "y")[code] for code in given]
    return world(labels, features={"shape": values}, **more), wrong


def listed(data, result):
    items = next((one.items for one in result.evidence if one.title == "Labels to review"), [])
    places = {path: place for place, path in enumerate(data.rows["path"])}
    return [places[path] for path, _ in items]


def test_flipped_labels_are_listed_most_improbable_first():
    data, wrong = planted(0.02)
    result = check(data, OPTIONS)
    found = listed(data, result)
    assert wrong[found].sum() >= 0.85 * wrong.sum()
    assert wrong[found[:10]].all()
    title, items = result.evidence[0].title, result.evidence[0].items
    assert result.findings[0].evidence == title
    given = data.rows["label"].iloc[found[0]]
    assert items[0][1] == f"given {given}, suggested {'y' if given == 'x' else 'x'}"
    assert "To review" in result.findings[0].sentence


@pytest.mark.parametrize(("rate", "severity"), [(0.004, "info"), (0.08, "warn"), (0.14, "serious")])
def test_severity_follows_the_rate(rate, severity):
    data, _ = planted(rate, apart=6)
    assert check(data, OPTIONS).findings[0].severity == severity


def test_clean_labels_of_overlapping_classes_are_no_warning():
    for seed in range(6):
        data, _ = planted(0, seed, apart=2.8)
        assert {one.severity for one in check(data, OPTIONS).findings} <= {"info", "ok"}


def test_clearly_separate_classes_raise_no_suspicion():
    data, _ = planted(0, apart=12)
    assert [one.severity for one in check(data, OPTIONS).findings] == ["ok"]


def test_a_weak_model_is_no_judge():
    data, _ = planted(0, apart=1)
    found = check(data, OPTIONS).findings[0]
    assert found.severity == "not_enough_data"
    assert "85 % are needed" in found.sentence


def test_flips_in_one_group_are_placed_there():
    site = np.where(np.arange(N) % 3 == 0, "A", "B")
    data, wrong = planted(0.15, where=site == "A", groups={"site": site})
    result = check(data, OPTIONS)
    (found,) = [one for one in result.findings if one.subject == "site A"]
    assert found.severity == "warn"
    assert found.numbers["n"] == (site == "A").sum()
    assert found.numbers["deep"] == pytest.approx(wrong.sum() / 2, rel=0.3)
    assert not [one for one in result.findings if one.subject == "site B"]


def test_flips_out_of_one_class_are_placed_where_they_went():
    data, wrong = planted(0.15, where=np.arange(N) % 2 == 0)
    result = check(data, OPTIONS)
    assert wrong[listed(data, result)].sum() >= 0.8 * wrong.sum() or len(listed(data, result)) == 60
    assert [one.severity for one in result.findings if one.subject == "class y"] == ["warn"]


def test_a_hard_group_is_not_blamed_on_its_labels():
    rng = np.random.default_rng(0)
    true, hard = np.arange(N) % 2, np.arange(N) % 3 == 0
    values = rng.normal(size=(N, 6))
    values[:, 0] += np.where(hard, 2.5, 6) * true - np.where(hard, 1.25, 3)
    labels = [("x", "y")[code] for code in true]
    data = world(labels, features={"shape": values}, groups={"site": np.where(hard, "A", "B")})
    assert not [one for one in check(data, OPTIONS).findings if one.severity in ("warn", "serious")]


def test_images_of_a_source_do_not_vouch_for_each_other():
    # a whole source is labelled wrongly; columns of its own would let a model learn that by heart
    rng = np.random.default_rng(0)
    source = np.arange(N) % 20
    true = np.arange(N) // 20 % 2
    values = np.column_stack([rng.normal(size=(N, 3)), 3 * np.eye(20)[source]])
    values[:, 0] += 6 * true
    wrong = source == 4
    labels = [("x", "y")[code] for code in np.where(wrong, 1 - true, true)]
    data = world(labels, features={"shape": values}, source=[f"s{place:02d}" for place in source])
    assert wrong[listed(data, check(data, OPTIONS))].sum() >= 45


def test_tiny_classes_are_left_out_and_named():
    rng = np.random.default_rng(0)
    labels = ["x", "y"] * 100 + ["z"] * 3
    values = rng.normal(size=(203, 4))
    values[:, 0] += 8 * (np.array(labels) == "y")
    result = check(world(labels, features={"shape": values}), OPTIONS)
    assert any(one.severity == "not_enough_data" and "z" in one.sentence for one in result.findings)
    assert result.findings[0].severity in ("ok", "info")


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        (["x"], None),
        (["x"] * 50, None),
        (["x", "y"] * 3, None),
        (["x", "y"] * 50, ["one"] * 100),
        (["x", "y"] * 50, None),
    ],
)
def test_odd_data_do_not_break_it(labels, source):
    data = world(labels, features={"shape": np.ones((len(labels), 3))}, source=source)
    assert all(one.severity in ("not_enough_data", "ok", "info") for one in check(data, OPTIONS).findings)
