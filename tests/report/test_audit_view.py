"""The audit on the page: every kind of evidence with known answers, in the right place, and only as text."""

import re
from pathlib import Path

import pytest
from fake_audit import FakeAudit
from fake_results import FakeResults
from reading import SCRIPT, Page, made

from evenlight import storage
from evenlight.audit.findings import Bars, Evidence, Finding, Gallery, Heatmap, Pairs, Table, by_severity
from evenlight.report.page import write_page


def page_of(
    root: Path, findings: list[Finding], evidence: dict[str, list[Evidence]], **results: object
) -> Page:
    """The page of a small data set whose audit found just this; `evidence` by check, in order."""
    fake = FakeResults(root, **{"images": 90, "wrong": {"only": 0.1}} | results)
    arguments = fake.write()
    storage.write_json(root / "audit" / "findings.json", [f.as_dict() for f in by_severity(findings)])
    sections = [
        {"check": check, "title": f"Title of {check}.", "evidence": [item.as_dict() for item in items]}
        for check, items in evidence.items()
    ]
    storage.write_json(root / "audit" / "evidence.json", sections)
    write_page(**arguments)
    return Page(arguments["page"].read_text(encoding="utf-8"))


def finding(check: str, severity: str, sentence: str = "Something.", evidence: str = "") -> Finding:
    return Finding(check, severity, "all", sentence, {}, evidence)


def shown(page: Page, title: str) -> str:
    """The HTML of the piece of evidence with this title."""
    found = re.search(
        rf'<details class="evidence"[^>]*>\s*<summary>{re.escape(title)}</summary>(.*)', page.html, re.S
    )
    assert found, title
    return re.split(r'<details class="(?:evidence|card)|</section>', found.group(1))[0]


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html.split("<tbody>", 1)[1], re.S)
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)(?=<t[dh]|$)", row, re.S)]
        for row in rows
    ]


def test_table_shows_numbers_text_and_what_is_undefined(tmp_path):
    rows = [["day", 12345, 0.98765, None], ["night", -3, 0.00000123, "none"], ["dusk", 0, 4321.4, ""]]
    page = page_of(
        tmp_path, [], {"files": [Table("T", ["class", "images", "share", "why"], rows, "A note.")]}
    )
    html = shown(page, "T")
    assert cells(html) == [
        ["day", "12,345", "0.988", "–"],
        ["night", "-3", "under 0.0001", "none"],
        ["dusk", "0", "4,321", ""],
    ]
    assert re.findall(r'<th scope="col"( class="n")?>', html) == ["", ' class="n"', ' class="n"', ""]
    assert "A note." in html


def test_gallery_shows_pictures_with_captions_and_says_how_many_more(tmp_path):
    items = [(f"{'day' if i % 2 == 0 else 'night'}/{i:05d}.jpg", f"caption {i}") for i in range(60)]
    html = shown(page_of(tmp_path, [], {"outliers": [Gallery("G", items)]}), "G")
    assert html.count("data:image/webp;base64,") == 24
    assert "caption 0" in html
    assert "caption 24" not in html
    assert "24 of 60 images; all of them are in" in html


def test_an_image_without_pixels_is_a_neutral_tile(tmp_path):
    html = shown(page_of(tmp_path, [], {"files": [Gallery("G", [("not/known.jpg", "gone")])]}), "G")
    assert "nothing to see" in html
    assert "<img" not in html


def test_pairs_show_split_and_label_of_both(tmp_path):
    results = FakeResults(tmp_path / "look", images=90, wrong={"only": 0.1})
    results.write()
    facts = results.table.set_index("path")
    alike = ("day/00000.jpg", "day/00002.jpg")
    unlike = ("day/00000.jpg", "night/00001.jpg")
    page = page_of(
        tmp_path, [], {"duplicates": [Pairs("P", [(*alike, "distance 3"), (*unlike, "distance 9")])]}
    )
    first, second = shown(page, "P").split('<div class="both">')[1:]
    for html, pair in ((first, alike), (second, unlike)):
        assert html.count("<img") == 2
        assert re.findall(r"</i>(\w+)</span>", html) == [facts.loc[path, "split"] for path in pair]
        assert re.findall(r"<span class=\"tag(?: clash)?\"><bdi>(\w+)<", html) == [
            facts.loc[p, "label"] for p in pair
        ]
    assert "clash" not in first
    assert second.count("tag clash") == 2
    assert "distance 9" in second


def test_heatmap_marks_residuals_few_and_none(tmp_path):
    heatmap = Heatmap(
        "H", "class", "camera", ["day", "night"], ["a", "b"],
        counts=[[90, 0], [12, 40]], expected=[[45.0, 20.0], [12.5, 0.0]], residuals=[[9.3, -5.0], [-0.4, 2.0]],
    )  # fmt: skip
    html = shown(page_of(tmp_path, [], {"association": [heatmap]}), "H")
    chart, twin = html.split("As a table")
    drawn = re.findall(r'<td(?: class="([^"]*)")? title="([^"]*)">([^<\n]*)', chart)
    assert [(css, text) for css, _, text in drawn] == [
        ("more3", "90"),
        ("less2 none", "none"),
        ("thin", "12"),
        ("more1", "40"),
    ]
    assert drawn[0][1] == "45 expected, 2 times that found; adjusted residual +9.3"
    assert drawn[3][1] == "expected: undefined"
    assert cells(twin) == [
        ["day", "a", "90", "45", "2", "9.3"],
        ["day", "b", "0", "20", "0", "-5"],
        ["night", "b", "40", "0", "–", "2"],
        ["night", "a", "12", "12.5", "0.96", "-0.4"],
    ]


def test_bars_start_at_zero_and_hold_their_intervals(tmp_path):
    rows = [("a", 30.0, 20.0, 50.0), ("b", -50.0, None, None), ("c", None, None, None)]
    html = shown(page_of(tmp_path, [], {"class_balance": [Bars("B", rows, "%")]}), "B")
    # the axis runs from -50 to 50
    assert re.findall(r'<rect class="one" x="([\d.]+)%" width="([\d.]+)%"', html) == [
        ("50.00", "30.00"),
        ("0.00", "50.00"),
    ]
    assert re.findall(r'x1="([\d.]+)%" x2="([\d.]+)%"', html) == [("70.00", "100.00")]
    numbers = [[cell.strip() for cell in row] for row in cells(html)]
    assert [(row[0], *row[2:]) for row in numbers] == [
        ("a", "30", "20 to 50"),
        ("b", "-50", ""),
        ("c", "–", ""),
    ]


def test_only_what_is_flagged_is_open(tmp_path):
    found = [
        finding("quality", "warn", evidence="shows it"),
        finding("quality", "ok", evidence="all is well"),
        finding("drift", "not_enough_data", evidence="few"),
    ]
    table = [["column"], [["cell"]]]
    evidence = {
        "quality": [Table("all is well", *table), Table("shows it", *table)],
        "drift": [Table("few", *table)],
    }
    page = page_of(tmp_path, found, evidence)
    opened = re.findall(r'<details class="card check (\w+)"( open)?>\s*<summary><h3>(.*?)</h3>', page.html)
    assert opened == [("warn", " open", "Title of quality"), ("not_enough_data", "", "Title of drift")]
    details = re.findall(r'<details class="evidence"( open)?>\s*<summary>(.*?)</summary>', page.html)
    assert details == [("", "all is well"), (" open", "shows it"), ("", "few")]
    assert re.findall(r'<a href="#([\w-]+)">Show</a>', page.html) == [
        "audit-quality-2",
        "audit-quality-1",
        "audit-drift-1",
    ]


def test_many_warnings_of_one_check_do_not_open_everything(tmp_path):
    found = [finding("quality", "warn", f"Group {k} is dark.", f"group {k}") for k in range(8)]
    page = page_of(tmp_path, found, {"quality": [Gallery(f"group {k}", []) for k in range(8)]})
    assert page.html.count('<details class="evidence" open>') == 3
    section = page.html.split('<section id="audit">')[1]
    assert "2 more findings of this kind" in section
    assert section.count("is dark.") == 8


def test_strip_counts_and_leads_to_sections(tmp_path):
    found = [
        *[finding("leakage", "serious", f"leak {k}") for k in range(2)],
        *[finding("quality", "warn", f"dark {k}") for k in range(15)],
        finding("shortcuts", "warn", "A line of the sky tells the class. With numbers."),
        *[finding("drift", "not_enough_data", f"few {k}") for k in range(4)],
        *[finding("labels", "ok", f"good {k}") for k in range(9)],
    ]
    page = page_of(
        tmp_path, found, {name: [] for name in ("quality", "leakage", "drift", "labels", "shortcuts")}
    )
    head = page.html.split('<section id="files">')[0]
    tally = dict(re.findall(r'<li class="(\w+)"><b>(\d+)</b>', head))
    assert tally["serious"] == "2"
    assert tally["warn"] == "16"
    assert int(tally["not_enough_data"]) >= 4
    assert int(tally["ok"]) >= 9
    in_the_open = re.sub(r'<details class="fold">.*?</details>', "", head, flags=re.S)
    order = re.findall(r"<p>((?:leak|dark|few|good) \d+) <a href=\"#audit-(\w+)\">", in_the_open)
    assert order[:3] == [("leak 0", "leakage"), ("leak 1", "leakage"), ("dark 0", "quality")]
    assert len(order) == 5  # of one check at most three
    assert "12 more findings to look at" in page.text
    assert "A line of the sky tells the class. <a" in in_the_open
    assert "With numbers." not in head
    assert page.text.count("With numbers.") == 1
    assert page.links_elsewhere() == {"provenance/comparison.html"}


def test_nothing_flagged_is_said(tmp_path):
    page = page_of(tmp_path, [finding("files", "ok")], {"files": []}, wrong={"only": 0.0})
    assert "Nothing was found that needs a look." in page.text
    assert re.search(r'<li class="zero"><b>0</b> serious', page.html)


def test_a_check_without_section_keeps_its_findings(tmp_path):
    page = page_of(tmp_path, [finding("odd name!", "warn", "Still here.")], {"files": []})
    assert page.text.count("Still here.") == 2  # in the strip and in its own section
    assert 'id="audit-odd-name-"' in page.html
    assert "This check found nothing to say." in page.text


def test_every_text_of_the_audit_is_text_only(tmp_path):
    nasty = f"{SCRIPT}\u202e\"'>{{{{7*7}}}}"
    audit = FakeAudit(["day/00000.jpg"], [nasty, "NA"], [nasty, "="], nasty)
    evidence: list[Evidence] = [
        Table(nasty + "t", [nasty, "n"], [[nasty, 1], [None, 2]], nasty),
        Gallery(nasty + "g", [(nasty, nasty)], nasty),
        Pairs(nasty + "p", [(nasty, "day/00000.jpg", nasty)], nasty),
        Bars(nasty + "b", [(nasty, 1.0, 0.5, 2.0)], nasty, nasty),
        audit._heatmap(),
    ]
    found = [finding("files", "serious", nasty, nasty + "t"), finding("files", "ok", nasty)]
    page = page_of(tmp_path, found, {"files": evidence, SCRIPT: []})
    assert not {"script", "iframe", "object", "link", "form", "base"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "\u202e" not in page.html
    body = page.html.split("</style>")[1]
    assert "alert(1)" in body
    assert "<script" not in body
    assert "49" not in re.findall(r"\{\{7\*7\}\}|\b49\b", page.text)


def test_real_looking_audit_repeats_its_bytes(tmp_path):
    pages = [made(FakeResults(tmp_path / name, leaked=12, region="crop")) for name in ("a", "another")]
    assert pages[0].html == pages[1].html
    assert len(re.findall(r'<details class="card check', pages[0].html)) == 14
    assert pages[0].values("details", "class").count("evidence") == 14


@pytest.mark.parametrize(
    "evidence",
    [
        Table("E", ["path", "number"], [[f"{'deep folder/' * 20}{i}.jpg", i] for i in range(2_000)]),
        Gallery("E", [(f"day/{i:05d}.jpg", "caption " * 20) for i in range(0, 2_000, 2)]),
        Pairs("E", [(f"day/{i:05d}.jpg", f"night/{i + 1:05d}.jpg", "near") for i in range(0, 2_000, 2)]),
        Bars("E", [(f"class {i}", float(i), 0.0, 60_000.0) for i in range(2_000)], "images"),
        Heatmap("E", "class", "group", [f"class {i}" for i in range(300)], [f"group {i}" for i in range(60)],
                [[7] * 60] * 300, [[9.0] * 60] * 300, [[-1.0] * 60] * 300),
    ],
    ids=lambda evidence: evidence.kind,
)  # fmt: skip
def test_any_evidence_of_a_large_data_set_fits(tmp_path, evidence):
    found = [finding(f"check{k}", "serious", "x" * 300, "E") for k in range(14) for _ in range(100)]
    checks = {f"check{k}": [evidence] for k in range(14)}
    page = page_of(tmp_path, found, checks, images=60_000, wrong={"only": 0.1})
    assert len(page.html.encode()) < 5_000_000
    assert shown(page, "E")


def test_flagged_evidence_has_the_first_claim_on_room(tmp_path, monkeypatch):
    monkeypatch.setattr("evenlight.report.page._AUDIT_ROOM", 8_000)
    many = [(f"day/{i:05d}.jpg", "") for i in range(0, 48, 2)]
    evidence = {"quality": [Gallery("quiet", many)], "labels": [Gallery("loud", many)]}
    page = page_of(tmp_path, [finding("labels", "warn", evidence="loud")], evidence)
    assert shown(page, "loud").count("<img") > 0
    assert shown(page, "quiet").count("<img") == 0
    assert "0 of 24 images" in shown(page, "quiet")


def test_area_of_interest_and_leaks_are_shown_where_there_are_any(tmp_path):
    page = made(FakeResults(tmp_path / "with", leaked=3, region="crop"))
    assert "see only the part found by crop" in page.text
    assert len(re.findall("Without the 3 leaked images accuracy", page.text)) >= 4  # lead, strip, each model
    assert "without leaks" in page.text
    plain = made(FakeResults(tmp_path / "without"))
    assert "Area of interest" not in plain.text
    assert "leaked" not in plain.text.split("Method")[0]


@pytest.mark.parametrize(
    ("kept", "source", "said"),
    [
        ("source", "camera", "all images of one camera are in one part"),
        ("component", None, "near-duplicates stay in one part (90 images in 85 groups)"),
        ("copies", None, "copies of one picture stay in one part"),
    ],
)
def test_split_line_says_what_was_kept_together(tmp_path, kept, source, said):
    summary = {"kept_together": kept, "source": source}
    assert said in page_of(tmp_path, [], {}, summary=summary).text
    given = page_of(tmp_path / "given", [], {}, summary=summary | {"split_origin": "given"})
    assert "The split was given with the data and is respected." in given.text
    assert said not in given.text
