"""The page as a reader or an attacker meets it: read by an HTML parser, from a results tree on disk."""

import re
from pathlib import Path

import pytest
from fake_results import FakeResults
from reading import SCRIPT, hostile, made

from evenlight import storage
from evenlight.audit.findings import SEVERITIES
from evenlight.errors import UserError
from evenlight.report.axis import Axis
from evenlight.report.page import Shown, write_page


def test_hostile_names_are_text_only(tmp_path):
    page = made(hostile(tmp_path))
    assert not {"script", "iframe", "object", "link", "form", "base"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(source.startswith("data:image/webp;base64,") for source in page.values("img", "src"))
    assert SCRIPT in page.text
    assert r"a\nb\"'<img src=x onerror=alert(1)>.jpg".replace('\\"', '"') in page.text
    assert r"\u202egpj.exe" in page.text
    assert "\u202e" not in page.html
    assert "{{7*7}}" in page.text


def test_labels_stay_as_they_are(tmp_path):
    page = made(hostile(tmp_path))
    headers = set(re.findall(r'<th scope="row"><bdi>(.*?)</bdi>', page.html))
    assert {"007", "NA", "=cmd", "$x$"} <= headers
    wrong = set(re.findall(r"<b><bdi>(.*?)</bdi> → ", page.html))
    assert "=cmd" in wrong  # the CSV has it as '=cmd
    assert "&#39;=cmd" not in wrong


def test_no_network_and_no_script_is_allowed(tmp_path):
    page = made(FakeResults(tmp_path))
    policy = next(v for v in page.values("meta", "content") if "default-src" in v)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "script-src" not in policy
    assert not re.search(r"https?://|url\(|@import|srcset", page.html)
    assert page.links_elsewhere() == {"provenance/comparison.html"}


def test_counts_add_up_and_the_best_model_is_named(tmp_path):
    bad = [(f"day/{i}.jpg", "truncated", "") for i in range(3)] + [("x.txt", "not_an_image", "text")]
    results = FakeResults(tmp_path, quarantined=bad, groups={"weather": ["clear", "fog"]})
    page = made(results)
    assert "406 files found = 400 used + 4 quarantined + 2 passed over by name" in page.text
    assert "The best model by validation accuracy is rbf_svm ." in page.text
    test = storage.read_json(tmp_path / "rbf_svm" / "metrics.json")["splits"]["test"]
    right = sum(test["confusion"][k][k] for k in range(2))
    assert f"Right on {right} of {test['n']} test images." in page.text
    interval = f"{100 * test['accuracy']['low']:.1f} to {100 * test['accuracy']['high']:.1f}"
    assert (
        f"{100 * right / test['n']:.1f} % of {test['n']} test images (95 % interval {interval})" in page.text
    )
    assert "always saying the most frequent class is right on 50.0 %" in page.text
    order = re.findall(r'<th scope="row"><a href="#model-\d"><bdi>(.*?)</bdi>', page.html)
    assert order == ["rbf_<wbr>svm", "cnn_<wbr>small", "threshold"]
    assert re.findall(r'<details class="card model" id="(.*?)"( open)?>', page.html) == [
        ("model-1", " open"),
        ("model-2", ""),
        ("model-3", ""),
    ]


def test_verdict_and_table_say_the_same_of_the_models(tmp_path):
    page = made(FakeResults(tmp_path, wrong={"rbf_svm": 0.1, "forest": 0.11, "threshold": 0.5}))
    readings = re.findall(r'<td class="state">([\w ]+)<', page.html)
    assert readings == ["reference", "tied", "worse"]
    assert "forest is not shown to be better or worse than rbf_svm on these" in page.text
    assert "overlap" not in page.text
    assert re.search(
        r"no model is shown to be better than rbf_svm, .*? forest is tied with it: .*? threshold is worse",
        page.text,
    )


def test_what_features_are_worth_and_what_models_lean_on(tmp_path):
    page = made(FakeResults(tmp_path))
    features, details = (page.html.split(f'<section id="{name}">')[1] for name in ("features", "details"))
    features = features.split("</section>")[0]
    assert features.count('class="chart"') == 2
    assert "Which families pay" in features
    assert details.count("What the model leans on") == 2  # not the network
    assert details.count("Decision boundary") == 2
    assert (
        details.count('class="chart" src="data:image/webp;base64,') == 5
    )  # 2 boundaries, history, embeddings
    arguments = FakeResults(tmp_path).write() | {"shown": Shown(24, boundaries={"threshold"})}
    write_page(**arguments)
    html = arguments["page"].read_text()
    assert ("What the model leans on" in html, html.count("Decision boundary")) == (False, 1)


def test_what_a_search_chose_and_what_it_tried(tmp_path):
    page = made(FakeResults(tmp_path))
    (section,) = re.findall(r"What was chosen</h4>.*?</table>", page.html, re.S)
    assert "<code>C: 10</code> won among 2 candidates" in section
    rows = re.findall(
        r'<tr><th scope="row">(.*?)</th><td class="n">160</td><td class="n">(.*?)</td>', section
    )
    assert rows == [("10 (chosen)", "68.8\N{NO-BREAK SPACE}%"), ("1", "63.1\N{NO-BREAK SPACE}%")]


def test_what_went_wrong_in_training_is_on_the_first_screen(tmp_path):
    fine = {
        "check": "divergence",
        "severity": "ok",
        "subject": "cnn_small",
        "sentence": "Fine.",
        "numbers": {},
    }
    page = made(FakeResults(tmp_path, checks=[fine, fine]))
    assert "cnn_small: the 2 checks after training found nothing." in page.text
    dead = fine | {
        "check": "dead_outputs",
        "severity": "serious",
        "sentence": "Never says <b>night</b>. Do it.",
    }
    page = made(FakeResults(tmp_path, checks=[dead, fine]))
    verdict = page.html.split('<section id="files">')[0]
    assert "cnn_small: Never says &lt;b&gt;night&lt;/b&gt;" in verdict
    assert "found nothing" not in page.text


def test_undefined_is_never_zero(tmp_path):
    page = made(FakeResults(tmp_path, classes=["a", "b", "c"], classes_without_test=(1,)))
    row = re.search(r'<th scope="row"><bdi>b</bdi></th><td class="n">0</td>(.*?)</tr>', page.html, re.S)
    assert row is not None
    assert row.group(1).count("undefined</span>") >= 2
    assert "0.0" not in row.group(1).split("</td>")[0]
    assert "No test image of b: nothing can be said" in page.text


def test_without_test_images_nothing_is_claimed(tmp_path):
    page = made(FakeResults(tmp_path, classes_without_test=(0, 1)))
    assert "There is no test image, so how good it is on new images is unknown." in page.text
    assert "undefined" in page.text


def test_equal_inputs_give_equal_bytes(tmp_path):
    pages = [made(hostile(tmp_path / name)).html for name in ("one", "a much longer folder name")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("gallery", [5, 200])
def test_gallery_says_how_many_more(tmp_path, gallery):
    results = FakeResults(tmp_path, images=1000, gallery=gallery, wrong={"only": 0.9})
    page = made(results)
    wrong = storage.read_json(tmp_path / "only" / "metrics.json")["splits"]["test"]["confusion"]
    total = wrong[0][1] + wrong[1][0]
    assert page.html.split('id="details"')[1].count('loading="lazy"') == gallery
    assert f"{gallery} of {total}; all of them are in only/misclassified.csv" in page.text


@pytest.mark.parametrize(
    "size",
    [
        {"images": 60_000, "gallery": 200, "wrong": {f"m{i}": 0.05 + 0.05 * i for i in range(12)}},
        {"images": 5_000, "classes": [f"a class with a long name {i}" for i in range(100)]},
        {"images": 3_000, "classes": [f"class {i}" for i in range(700)]},
        {"quarantined": [(f"{'deep folder/' * 10}{i}.jpg", "corrupt", "bad CRC") for i in range(20_000)]},
        {
            "images": 6_000,
            "classes": [f"class {i}" for i in range(180)],
            "groups": {f"attribute {k}": [f"value {i}" for i in range(150)] for k in range(4)},
            "wrong": {f"m{i}": 0.1 for i in range(8)},
        },
        {"images": 6_000, "groups": {"patient": [f"patient {i}" for i in range(2_000)]}},
        {
            "images": 1_000,
            "gallery": 50,
            "wrong": {f"m{i}": 0.05 + i / 200 for i in range(60)},
            "chart_width": 300,
        },
    ],
    ids=[
        "60,000 images",
        "100 classes",
        "700 classes",
        "20,000 broken files",
        "many of all",
        "2,000 patients",
        "60 models",
    ],
)
def test_page_stays_under_five_megabytes(tmp_path, size):
    page = made(FakeResults(tmp_path, **size))
    assert len(page.html.encode()) < 5_000_000
    assert "rbf_svm" in page.text or "m0" in page.text


def test_gray_arrays_have_thumbnails(tmp_path):
    page = made(FakeResults(tmp_path, color="gray"))
    assert page.html.split('id="details"')[1].count('loading="lazy"') > 0


def test_missing_file_is_one_sentence(tmp_path):
    arguments = FakeResults(tmp_path).write()
    (tmp_path / "leaderboard.csv").unlink()
    with pytest.raises(UserError, match=r"leaderboard\.csv"):
        write_page(**arguments)


@pytest.mark.parametrize(
    ("measures", "low", "high"),
    [
        ([{"value": 0.93, "low": 0.88, "high": 0.96}, 0.5], 0.5, 1.0),
        ([{"value": 1.0, "low": 0.97, "high": 1.0}], 0.96, 1.0),
        ([{"value": None, "low": None, "high": None}, None], 0.0, 1.0),
        ([0.0], 0.0, 0.02),
    ],
)
def test_axis_holds_all_measures(measures, low, high):
    axis = Axis.around(measures)
    assert axis.low == pytest.approx(low)
    assert axis.high == pytest.approx(high)
    assert axis.at(axis.low) == "0.00%"
    assert axis.at(axis.high) == "100.00%"
    assert axis.ticks[-1] == pytest.approx(axis.high)


def test_text_on_every_shade_can_be_read():
    """WCAG AA: contrast of at least 4.5 for small text, in light and in dark."""
    style = (Path(__file__).parents[2] / "src/evenlight/report/templates/style.css").read_text(
        encoding="utf-8"
    )
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        for part in style.split("(prefers-color-scheme: dark)")[:2]
    )
    for palette in (light, dark):
        pairs = [("h-low", f"h{k}") for k in range(1, 6)] + [("h-high", f"h{k}") for k in range(6, 10)]
        pairs += [(name, f"{name}-bg") for name in SEVERITIES]
        pairs += [("h-low", f"{side}{k}") for side in ("more", "less") for k in (1, 2, 3)]
        pairs += [("h-high", "more4"), ("h-high", "less4")]
        pairs += [
            ("muted", "paper"),
            ("muted", "panel"),
            ("muted", "soft"),
            ("ink", "paper"),
            ("link", "paper"),
        ]
        for text, back in pairs:
            assert _contrast(palette[text], palette[back]) >= 4.5, (text, back)


def _contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
