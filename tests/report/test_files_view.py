"""Quarantine on the page and as a page of its own: counts, sentences, pictures."""

import re
from pathlib import Path

import pytest
from fake_results import FakeResults
from reading import SCRIPT, Page, made

from evenlight import storage
from evenlight.reasons import REASONS, WARNINGS
from evenlight.report.files_view import write_quarantine_page

BAD = [
    ("day/cut.jpg", "truncated", "data ends early"),
    ("day/text.jpg", "not_an_image", "text"),
    ("loose.jpg", "no_label", ""),
    ("day/one.jpg", "label_conflict", ""),
    ("night/one.jpg", "label_conflict", ""),
    ("day/two.jpg", "label_conflict", ""),
    ("night/two.jpg", "label_conflict", ""),
]
LABELS = {path: path.split("/")[0] for path, reason, _ in BAD if reason == "label_conflict"}
CONTENTS = {path: path.split("/")[1] for path in LABELS}


def results(root: Path) -> FakeResults:
    return FakeResults(root, images=200, quarantined=BAD, labels=LABELS, contents=CONTENTS)


def stopped(fake: FakeResults) -> Page:
    """The page of a run that stops in `gather`: only arrays and the manifest exist."""
    fake.write()
    summary = storage.read_json(fake.root / "summary.json")
    page = fake.root / "alone" / "quarantine.html"
    write_quarantine_page(summary, fake.table, page, fake.root / "standardized", fake.color)
    return Page(page.read_text(encoding="utf-8"))


@pytest.fixture(params=[made, stopped], ids=["report", "own page"])
def page(request, tmp_path):
    return request.param(results(tmp_path))


def test_counts_add_up_and_every_reason_has_its_sentence(page):
    assert "209 files found = 200 used + 7 quarantined + 2 passed over by name" in page.text
    counts = re.findall(
        r'<td class="n">(\d+)</td><th scope="row" class="says">.*?<code>(\w+)</code>', page.html
    )
    expected = [("4", "label_conflict"), ("1", "no_label"), ("1", "not_an_image"), ("1", "truncated")]
    assert counts[:4] == expected
    for _, reason in expected:
        assert REASONS[reason] in page.text


def test_pictures_glimpses_and_nothing_to_see(page):
    tiles = re.findall(r"<li>(<img|<span class=\"nothing\").*?<b>(.*?)</b>", page.html, re.S)
    assert tiles[:3] == [
        ("<img", "no label"),  # from its standardized row
        ('<span class="nothing"', "not an image"),
        ("<img", "truncated"),  # from its glimpse
    ]


def test_copies_with_several_labels_stand_together(page):
    copies = page.html.split('<ul class="copies">')[1].split("</ul>")[0]
    groups = [re.findall(r'<span class="path">.*?</span>', item) for item in copies.split("<li>")[1:]]
    names = [[re.sub(r"<[^>]+>", "", path).strip() for path in group] for group in groups]
    assert names == [["day/one.jpg", "night/one.jpg"], ["day/two.jpg", "night/two.jpg"]]
    assert re.findall(r'class="tag clash"><bdi>(\w+)', copies) == ["day", "night", "day", "night"]
    assert copies.count("<img") == 4


def test_warnings_and_repaired_files(page):
    assert WARNINGS["ext_mismatch"] in page.text
    assert "2 files had damaged metadata" in page.text
    assert "night/ 00007.jpg" in page.text


def test_own_page_needs_no_model_and_says_what_to_do(tmp_path):
    page = stopped(results(tmp_path))
    assert (
        "7 of 207 files (3.4 %) can't be used: more than max_quarantine in params.yaml allows." in page.text
    )
    policy = next(v for v in page.values("meta", "content") if "default-src" in v)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "Models" not in page.text


def test_without_quarantine_there_is_nothing_to_list(tmp_path):
    page = made(FakeResults(tmp_path, images=60))
    assert "62 files found = 60 used + 0 quarantined + 2 passed over by name" in page.text
    assert "Quarantined" not in page.text


@pytest.mark.parametrize("make", [made, stopped])
def test_hostile_names_labels_and_details_are_text_only(tmp_path, make):
    nasty = f"{SCRIPT}\u202e\"'><img src=x onerror=alert(1)>"
    bad = [
        (f"{nasty}{reason}{k}", reason, nasty) for reason in ("corrupt", "label_conflict") for k in range(2)
    ]
    page = make(FakeResults(tmp_path, images=90, quarantined=bad, labels={path: nasty for path, _, _ in bad}))
    assert "script" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(source.startswith("data:image/webp;base64,") for source in page.values("img", "src"))
    assert "\u202e" not in page.html
    assert SCRIPT in page.text


def test_a_glimpse_that_is_no_webp_is_not_shown(tmp_path):
    fake = results(tmp_path)
    fake.write()
    fake.table["glimpse"] = [b"<svg onload=alert(1)>" if data else b"" for data in fake.table["glimpse"]]
    summary = storage.read_json(tmp_path / "summary.json")
    write_quarantine_page(summary, fake.table, tmp_path / "q.html", tmp_path / "standardized", "rgb")
    html = (tmp_path / "q.html").read_text(encoding="utf-8")
    assert re.search(r'class="nothing">nothing to see</span><b>truncated</b>', html)
    assert "svg onload" not in html


@pytest.mark.parametrize("make", [made, stopped])
def test_equal_bytes(tmp_path, make):
    assert make(results(tmp_path / "a")).html == make(results(tmp_path / "b")).html


def test_many_bad_files_show_some_of_every_reason_and_stay_small(tmp_path):
    many = [(f"{'deep folder/' * 10}{i}.jpg", "corrupt", "bad CRC") for i in range(20_000)]
    page = stopped(FakeResults(tmp_path, quarantined=[*many, *BAD], labels=LABELS, contents=CONTENTS))
    assert len(page.html.encode()) < 1_000_000
    assert page.html.count("<b>corrupt</b>") == 33
    assert page.html.count("<b>no label</b>") == 1
    assert "The first 200 of 20,007 files as a table" in page.text
