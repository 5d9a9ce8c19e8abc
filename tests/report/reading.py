"""A page read as a browser reads it, and results whose every text tries to break it."""

from html.parser import HTMLParser
from pathlib import Path

from fake_results import FakeResults

from evenlight.report.page import write_page

SCRIPT = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.tags, self.attributes, self.words = html, [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).replace("\xa0", " ").split())

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, tag: str, attribute: str) -> list[str]:
        return [value for t, name, value in self.attributes if (t, name) == (tag, attribute)]

    def links_elsewhere(self) -> set[str]:
        """Targets of links that are not on this page."""
        anchors = {f"#{value}" for _, name, value in self.attributes if name == "id"}
        return set(self.values("a", "href")) - anchors


def made(results: FakeResults, **changes: object) -> Page:
    arguments = results.write() | changes
    write_page(**arguments)
    return Page(arguments["page"].read_text(encoding="utf-8"))


def hostile(root: Path) -> FakeResults:
    return FakeResults(
        root,
        classes=sorted(["007", "NA", SCRIPT, "a\"b'c", "=cmd", "$x$"]),
        groups={SCRIPT: [SCRIPT, "NA"], "camera": ["-1", "\u202egpj.exe"]},
        names={i: f"{SCRIPT}/\n\"'{{{{7*7}}}}{i}.jpg" for i in range(150)},
        quarantined=[("a\nb\"'<img src=x onerror=alert(1)>.jpg", "corrupt", SCRIPT)],
        gallery=100,
    )
