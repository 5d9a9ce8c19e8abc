"""What is published: findings, quarantine and costs, and nothing of an earlier failed run."""

import csv

from fake_results import FakeResults

from evenlight import storage
from evenlight.reasons import REASONS
from evenlight.stages.publish import publish


def test_findings_and_quarantine_are_published_and_the_failed_run_is_forgotten(tmp_path):
    results = tmp_path / "results"
    fake = FakeResults(results, images=400, quarantined=[("day/cut.jpg", "truncated", "ends early")])
    fake.write()
    for name in ("index.html", "metrics.json", "confusion.csv", "history.csv", "rbf_svm/confusion.png"):
        storage.write_text(results / name, name)
    folder = tmp_path / "reports"
    storage.write_text(folder / "quarantine.html", "an earlier run stopped")
    assert (fake.table["verdict"] == "repaired").any()

    storage.write_text(results / "net" / "explanations.html", "inside")
    storage.write_text(folder / "gone" / "explanations.html", "inside another")
    params = {"embed": {"features": ["color"]}, "models": {"net": {"kind": "cnn"}}, "explain": {"models": []}}
    publish(results, results / "manifest.parquet", params, folder)

    assert (folder / "findings.json").read_bytes() == (results / "audit" / "findings.json").read_bytes()
    assert (folder / "provenance" / "comparison.html").read_text() == "costs as html"
    assert (folder / "provenance" / "comparison.csv").read_text() == "costs as csv"
    assert not (folder / "quarantine.html").exists()
    assert (folder / "net" / "explanations.html").read_text() == "inside"
    assert not (folder / "gone").exists()
    with open(folder / "tables" / "quarantine.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[1:] == [["day/cut.jpg", "truncated", REASONS["truncated"], "ends early"]]
