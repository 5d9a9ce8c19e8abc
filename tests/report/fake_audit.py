"""What the audit could have found: every check, every kind of evidence, plain or hostile names."""

from dataclasses import dataclass, field
from pathlib import Path

from evenlight import storage
from evenlight.audit.findings import Bars, Evidence, Finding, Gallery, Heatmap, Pairs, Table, by_severity

CAMERAS = ["cam001", "cam002", "cam010", "cam011", "cam012"]
PROPERTIES = ("brightness", "contrast", "sharpness", "saturation")


@dataclass
class FakeAudit:
    """Findings and evidence of all checks over `paths`, of which those with the same name are called alike."""

    paths: list[str]
    classes: list[str]
    groups: list[str] = field(default_factory=lambda: CAMERAS)
    attribute: str = "camera"

    def write(self, folder: Path) -> None:
        made = self.checks()
        findings = by_severity([finding for _, _, found, _ in made for finding in found])
        storage.write_json(folder / "findings.json", [finding.as_dict() for finding in findings])
        sections = [
            {"check": name, "title": title, "evidence": [item.as_dict() for item in evidence]}
            for name, title, _, evidence in made
        ]
        storage.write_json(folder / "evidence.json", sections)

    def checks(self) -> list[tuple[str, str, list[Finding], list[Evidence]]]:
        a, b = self.classes[0], self.classes[-1]
        group, last = self.groups[0], self.groups[-1]
        some = self.paths
        return [
            self._check(
                "files",
                "File health",
                [
                    ("warn", "12 files (1.0 % of 1,200) can't be used: 5 not an image, 3 cut off.", "Formats"),
                    ("info", "2 files are turned by their EXIF tag.", ""),
                    ("ok", "Every row of metadata.csv names an image.", ""),
                ],
                [Table("Formats", ["format", "files", "share"], [["jpeg", 1180, 0.983], ["png", 20, 0.017]])],
            ),
            self._check(
                "class_balance",
                "Class balance",
                [("ok", f"{a} is the rarest class with 380 images, 1.4 times fewer than {b} with 547.", "")],
                [Bars("Images by class", [(name, 380.0 + k, None, None) for k, name in enumerate(self.classes)],
                      "images")],
            ),
            self._check(
                "group_balance",
                "Group balance",
                [("info", f"No target is given for {self.attribute}: its shares are described, not judged.", "")],
                [Bars("Shares", [(g, 30.0 - 4 * k, 25.0 - 4 * k, 36.0 - 4 * k) for k, g in enumerate(self.groups)],
                      "%")],
            ),
            self._check(
                "association",
                "Class and group",
                [
                    ("serious", f"Class and {self.attribute} are strongly linked (V=.41, p<.001): {b} makes up 92 % "
                     f"(110 of 120) of {group}, against 48 % (513 of 1,068) of the rest.", "By camera"),
                    ("ok", "weather: no link with the class (V=.02, p=.41).", ""),
                ],
                [self._heatmap()],
            ),
            self._check(
                "intersections",
                "Blind spots",
                [("not_enough_data", f"{group} and {a}: 4 images where 31 were expected.", "Cells"),
                 ("not_enough_data", f"{last} and {b}: 18 images; a gap of 30 points could be missed.", "Cells")],
                [Table("Cells", [self.attribute, "class", "images", "expected"],
                       [[group, a, 4, 31.25], [last, b, 18, 22.0], [last, a, 0, None]], "Under 30 images.")],
            ),
            self._check(
                "quality",
                "Image quality by group",
                [
                    ("warn", f"{last} is darker: 71 % of its images (85 of 120) are darker than the middle "
                     "image of the rest (AUC=.29, p<.001 after 40 comparisons).", "Darkest images of one group"),
                    *[("ok", f"{name}: no group differs by more than .10.", "") for name in PROPERTIES],
                ],
                [
                    Bars("Brightness by group, AUC against the rest",
                         [(g, 0.5 - 0.05 * k, 0.45 - 0.05 * k, 0.55 - 0.05 * k) for k, g in enumerate(self.groups)],
                         "AUC"),
                    Gallery("Darkest images of one group", [(p, f"brightness {20 + k}") for k, p in
                            enumerate(some[:8])]),
                ],
            ),
            self._check(
                "duplicates",
                "Duplicates",
                [("info", "14 of 1,188 images (1.2 %; 95 % 0.7-2.0) have a near-duplicate.", "Pairs")],
                [Pairs("Pairs", [(some[k], some[k + 1], f"distance {k}") for k in range(0, 20, 2)])],
            ),
            self._check(
                "leakage",
                "Leaks between splits",
                [("serious", "12 of 195 test images (6.2 %; 95 % 3.6-10) also appear in training: 1 copy of the same "
                  "bytes, 11 near-duplicates.", "Across splits")],
                [Pairs("Across splits", [(some[k], some[-1 - k], "near-duplicate, distance 6, flipped") for k in
                       range(6)], "The smaller the distance (0 to 256), the more alike.")],
            ),
            self._check(
                "labels",
                "Labels to review",
                [("info", "8 of 1,188 labels (0.7 %; 95 % 0.3-1.3) look doubtful; most are right.", "To review")],
                [Gallery("To review", [(p, f"{a}, looks like {b}") for p in some[3:11]])],
            ),
            self._check("outliers", "Unusual images", [("info", "The 12 most unusual images are worth a look.", "")],
                        [Gallery("Most unusual first", [(p, f"distance {9.1 - k / 10:.1f}") for k, p in
                         enumerate(some[:60])])]),
            self._check("drift", "Drift between training and test",
                        [("not_enough_data", "195 test images: drift needs 300 to be judged.", "")], []),
            self._check(
                "shortcuts",
                "Shortcuts from a property to the label",
                [("warn", f"brightness alone tells {b} from the rest with AUC .97 (p<.001).", "One against the rest")],
                [Table("One against the rest", ["property", "class", "AUC", "p"],
                       [[name, b, 0.97 - 0.1 * k, 0.0000123 * 10**k] for k, name in enumerate(PROPERTIES)])],
            ),
            self._check("baselines", "Baselines without a model",
                        [("ok", "Metadata alone are right on 52 % (101 of 195); 1-NN on 91 % (177 of 195).", "")],
                        [Bars("Accuracy", [("metadata only", 51.8, 44.8, 58.7), ("1-NN on features", 90.8, 85.9, 94.1),
                              ("undefined one", None, None, None)], "%")]),
            self._check("split_check", "Random split against honest split",
                        [("info", "A random split would have scored 98 %; with cameras kept together it is 75 %.", "")],
                        [Table("Scores", ["split", "accuracy", "n"], [["random", 0.98, 195], ["honest", 0.75, 195]])]),
        ]  # fmt: skip

    def _check(
        self, name: str, title: str, said: list[tuple[str, str, str]], evidence: list[Evidence]
    ) -> tuple[str, str, list[Finding], list[Evidence]]:
        found = [Finding(name, severity, self.attribute, text, {}, shown) for severity, text, shown in said]
        return name, title, found, evidence

    def _heatmap(self) -> Heatmap:
        rows, columns = len(self.classes), len(self.groups)
        counts = [
            [(i * 37 + j * 23) % 113 if (i, j) != (0, 1) else 0 for j in range(columns)] for i in range(rows)
        ]
        residuals = [[round(((i + j) % 7 - 3) * 2.7, 2) for j in range(columns)] for i in range(rows)]
        expected = [[40.0 + j for j in range(columns)] for _ in range(rows)]
        title = "By camera"
        return Heatmap(title, "class", self.attribute, self.classes, self.groups, counts, expected, residuals)
