"""A small results tree as docs/output.md describes it, for the tests of the page."""

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fake_audit import CAMERAS, FakeAudit
from fake_features import noise, write_features, write_importance
from PIL import Image

from evenlight import storage
from evenlight.evaluation.comparison import compare_models
from evenlight.outline import is_network
from evenlight.report.charts import history_picture, scatter_picture
from evenlight.report.page import Shown

_ROWS = 256  # images really stored; a larger manifest points at them again
SPLITS = ("train", "validation", "test")


def estimate(right: int, n: int) -> dict[str, Any]:
    """A share with its Wilson interval; undefined without images."""
    if n == 0:
        return {"value": None, "low": None, "high": None, "n": 0}
    z, share = 1.959964, right / n
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {"value": share, "low": max(0, center - half), "high": min(1, center + half), "n": n}


def split_metrics(
    true: np.ndarray, said: np.ndarray, classes: list[str], groups: dict[str, np.ndarray]
) -> dict:
    """The part of metrics.json about one split; balanced accuracy and macro F1 need only look right."""
    size = len(classes)
    confusion = np.bincount(true * size + said, minlength=size * size).reshape(size, size)
    right = true == said
    overall = estimate(int(right.sum()), len(true))
    return {
        "n": len(true),
        "accuracy": overall,
        "balanced_accuracy": overall,
        "macro_f1": overall,
        "log_loss": {"value": 0.25, "low": 0.2, "high": 0.31, "n": len(true)},
        "per_class": {
            name: {
                "n": int(confusion[k].sum()),
                "recall": estimate(int(confusion[k, k]), int(confusion[k].sum())),
                "precision": estimate(int(confusion[k, k]), int(confusion[:, k].sum())),
                "f1": estimate(int(confusion[k, k]), int(confusion[k].sum())),
            }
            for k, name in enumerate(classes)
        },
        "per_group": {
            group: {
                str(value): {
                    "n": int((values == value).sum()),
                    "accuracy": estimate(int(right[values == value].sum()), int((values == value).sum())),
                }
                for value in sorted(set(values))
            }
            for group, values in groups.items()
        },
        "confusion": confusion.tolist(),
    }


def glimpse(shade: int) -> bytes:
    """A small WebP picture, as the scan keeps of a refused file."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, shade, shade)).save(buffer, format="WEBP")
    return buffer.getvalue()


@dataclass
class FakeResults:
    """What to make; `write` makes it and returns the arguments of `write_page`."""

    root: Path
    dataset: str = "scenes"
    classes: list[str] = field(default_factory=lambda: ["day", "night"])
    images: int = 400
    wrong: dict[str, float] = field(
        default_factory=lambda: {"rbf_svm": 0.06, "threshold": 0.5, "cnn_small": 0.1}
    )
    groups: dict[str, list[str]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)  # image number -> path instead of the ordinary one
    quarantined: list[tuple[str, str, str]] = field(default_factory=list)  # path, reason, detail
    labels: dict[str, str] = field(default_factory=dict)  # path of a quarantined file -> its label
    contents: dict[str, str] = field(default_factory=dict)  # path of a quarantined file -> its pixel hash
    leaked: int = 0  # test images that metrics.json says are leaked
    region: str = "none"
    summary: dict[str, Any] = field(default_factory=dict)  # what differs in summary.json
    comparison: dict[str, Any] = field(default_factory=dict)  # and in comparison.json
    checks: list[dict[str, Any]] = field(default_factory=list)  # of networks
    classes_without_test: tuple[int, ...] = ()
    color: str = "rgb"
    gallery: int = 24
    chart_width: int = 60  # of the pictures of features and models
    seed: int = 0

    def write(self) -> dict[str, Any]:
        draws = np.random.default_rng(self.seed)
        codes = np.arange(self.images) % len(self.classes)
        splits = np.array(SPLITS, dtype=object)[draws.choice(3, self.images, p=[0.5, 0.1, 0.4])]
        splits[np.isin(codes, self.classes_without_test)] = "train"
        self.table = self._manifest(codes, splits, draws)
        storage.write_table(self.root / "manifest.parquet", self.table)
        shape = (_ROWS, 48, 48, 1 if self.color == "gray" else 3)
        pixels = np.clip(draws.normal(np.linspace(40, 200, _ROWS)[:, None, None, None], 60, shape), 0, 255)
        storage.write_array(self.root / "standardized" / "0000.npy", pixels.astype(np.uint8))
        summary = self._summary(splits, codes) | self.summary
        storage.write_json(self.root / "summary.json", summary)
        right = {
            name: self._model(name, share, codes, splits, draws)[splits == "test"]
            for name, share in self.wrong.items()
        }
        ranked = sorted(self.wrong, key=lambda name: self.wrong[name])
        kinds = {name: _kind(name) for name in ranked}
        storage.write_csv(
            self.root / "leaderboard.csv", ["model", "kind"], [[*pair] for pair in kinds.items()]
        )
        storage.write_json(self.root / "best.json", {"model": ranked[0], "network": None})
        units = np.arange(int((splits == "test").sum()))
        comparison = compare_models(right, kinds, units, 0.95, ranked[0])
        storage.write_json(
            self.root / "comparison.json", comparison | {"source": None, "sweeps": {}} | self.comparison
        )
        for name in ("html", "csv"):
            storage.write_text(self.root / "provenance" / f"comparison.{name}", f"costs as {name}")
        write_features(self.root / "features", self.classes, self.images, self.chart_width)
        classical = [name for name in self.wrong if not is_network(kinds[name])]
        used = self.table[self.table["verdict"] != "quarantined"]
        attribute = next(iter(self.groups), "camera")
        groups = self.groups.get(attribute, CAMERAS)
        FakeAudit(used["path"].tolist(), self.classes, groups, attribute).write(self.root / "audit")
        storage.write_bytes(self.root / "region.png", _sheet())
        return {
            "dataset": self.dataset,
            "standardized": self.root / "standardized",
            "manifest": self.root / "manifest.parquet",
            "summary": self.root / "summary.json",
            "audit": self.root / "audit",
            "region": self.root / "region.png" if self.region != "none" else None,
            "params_json": storage.to_json(
                {
                    "dataset": self.dataset,
                    "standardize": {"size": [48, 48], "color": self.color},
                    "region": {"method": self.region},
                    "audit": {"minimum_group": 30, "checks": {}},
                    "evaluate": {"confidence": 0.95},
                    "ablation": {"folds": 5},
                }
            ),
            "model_folders": [self.root / name for name in self.wrong],
            "trained": self.root / "models",
            "leaderboard": self.root / "leaderboard.csv",
            "best": self.root / "best.json",
            "comparison": self.root / "comparison.json",
            "features": self.root / "features",
            "shown": Shown(self.gallery, boundaries=set(classical), importances=set(classical)),
            "embeddings": [self._embedding(codes, splits, draws)],
            "code_version": {"evenlight": "0.1.0", "packages": {"numpy": "2.4.6"}},
            "page": self.root / "index.html",
        }

    def _manifest(self, codes: np.ndarray, splits: np.ndarray, draws: np.random.Generator) -> pd.DataFrame:
        paths = [self.names.get(i, f"{self.classes[c]}/{i:05d}.jpg") for i, c in enumerate(codes)]
        table = pd.DataFrame(
            {
                "path": paths,
                "row": np.arange(self.images, dtype=np.int32) % _ROWS,
                "verdict": ["repaired" if i % 150 == 7 else "ok" for i in range(self.images)],
                "reason": "",
                "detail": "",
                "warnings": ["ext_mismatch" if i % 97 == 5 else "" for i in range(self.images)],
                "label": [self.classes[c] for c in codes],
                "split": splits,
                "shard": "0000",
                "glimpse": b"",
                "content_hash": [f"{i:064x}" for i in range(self.images)],
                "pixel_hash": "",
            }
        )
        for group, values in self.groups.items():
            shares = np.arange(len(values), 0, -1.0)
            table[f"group_{group}"] = draws.choice(
                np.array(values, dtype=object), self.images, p=shares / shares.sum()
            )
        paths = [path for path, _, _ in self.quarantined]
        reasons = [reason for _, reason, _ in self.quarantined]
        gathered = np.isin(reasons, ["no_label", "label_conflict"])
        seen = np.isin(reasons, ["truncated", "corrupt"])
        bad = pd.DataFrame(self.quarantined, columns=["path", "reason", "detail"]).assign(
            row=np.where(gathered, np.arange(len(paths)) % _ROWS, -1).astype(np.int32),
            verdict="quarantined",
            warnings="",
            label=[self.labels.get(path, "") for path in paths],
            split="",
            shard="0000",
            glimpse=[glimpse(k % 200) if shown else b"" for k, shown in enumerate(seen)],
            content_hash=[f"{k:064x}" for k in range(len(paths))],
            pixel_hash=[self.contents.get(path, "") for path in paths],
        )
        every = pd.concat([table, bad], ignore_index=True)
        groups = [name for name in every if name.startswith("group_")]
        return every.fillna(dict.fromkeys(groups, ""))

    def _summary(self, splits: np.ndarray, codes: np.ndarray) -> dict[str, Any]:
        def counts(values: np.ndarray) -> dict[str, dict[str, int]]:
            return {
                str(value): {split: int(((values == value) & (splits == split)).sum()) for split in SPLITS}
                for value in sorted(set(values))
            }

        reasons = [reason for _, reason, _ in self.quarantined]
        used = self.table[self.table["verdict"] != "quarantined"]
        return {
            "dataset": self.dataset,
            "found": self.images + len(reasons) + 2,
            "used": self.images,
            "quarantined": len(reasons),
            "junk": 2,
            "repaired": int((used["verdict"] == "repaired").sum()),
            "reasons": {reason: reasons.count(reason) for reason in set(reasons)},
            "warnings": {"ext_mismatch": int((used["warnings"] != "").sum())},
            "classes": {
                name: {split: int(((codes == k) & (splits == split)).sum()) for split in SPLITS}
                for k, name in enumerate(self.classes)
            },
            "splits": {split: int((splits == split).sum()) for split in SPLITS},
            "split_origin": "made",
            "kept_together": "component",
            "components": self.images - 5,
            "leaks": {},
            "source": None,
            "groups": {group: counts(used[f"group_{group}"].to_numpy(dtype=object)) for group in self.groups},
            "notes": ["metadata.csv names 3 images that do not exist."],
        }

    def _model(
        self, name: str, share: float, codes: np.ndarray, splits: np.ndarray, draws: np.random.Generator
    ) -> np.ndarray:
        """Write the results of one model: whether it is right on each image, bool (N,)."""
        folder = self.root / name
        slip = draws.random(self.images) < share
        said = np.where(
            slip, (codes + 1 + draws.integers(0, 2, self.images) % (len(self.classes) - 1)), codes
        )
        said = said % len(self.classes)
        groups = {
            group: self.table[f"group_{group}"].to_numpy(dtype=object)[: self.images] for group in self.groups
        }
        metrics = {
            "model": name,
            "kind": _kind(name),
            "classes": self.classes,
            "data_hash": "0123abcd" * 8,
            "splits": {
                split: split_metrics(
                    codes[splits == split],
                    said[splits == split],
                    self.classes,
                    {group: values[splits == split] for group, values in groups.items()},
                )
                for split in SPLITS
                if (splits == split).any()
            },
            "baseline": 1 / len(self.classes),
        }
        if self.leaked:
            test = metrics["splits"]["test"]
            right, n = sum(row[k] for k, row in enumerate(test["confusion"])), test["n"]
            left = estimate(right - self.leaked, n - self.leaked)
            test["without_leaks"] = {"n": n - self.leaked, "removed": self.leaked, "accuracy": left}
        storage.write_json(folder / "metrics.json", metrics)
        wrong = np.flatnonzero((splits == "test") & (said != codes))
        paths = self.table["path"].tolist()
        storage.write_csv(
            folder / "misclassified.csv",
            ["path", "true_label", "predicted_label", "score"],
            [
                [
                    paths[i],
                    self.classes[codes[i]],
                    self.classes[said[i]],
                    f"{0.99 - 0.4 * k / len(wrong):.4f}",
                ]
                for k, i in enumerate(wrong)
            ],
        )
        if is_network(_kind(name)):
            epochs = np.arange(1, 11)
            history = pd.DataFrame(
                {
                    "epoch": epochs,
                    "train_loss": np.exp(-epochs / 3),
                    "train_accuracy": 1 - 0.5 * np.exp(-epochs / 3),
                    "validation_loss": np.exp(-epochs / 3) + 0.1,
                    "validation_accuracy": 0.95 - 0.5 * np.exp(-epochs / 3),
                }
            )
            storage.write_bytes(folder / "history.png", history_picture(history))
        else:
            storage.write_bytes(folder / "boundary.png", noise(self.chart_width, self.chart_width))
            write_importance(folder / "importance.json", name, int((splits == "test").sum()))
        self._trained(name)
        return said == codes

    def _trained(self, name: str) -> None:
        """How the model came to be; a list of two values was searched for every SVM."""
        facts = dict.fromkeys(("name", "kind", "options", "classes", "standardize", "columns"))
        facts |= dict.fromkeys(("families", "input_shape", "seed", "data_hash"))
        tried = [{"options": {"C": C}, "rows": 160, "right": 100 + C, "n": 160} for C in (1, 10)]
        fit = {"chosen": {"C": 10, "gamma": "scale"}, "search": tried} if name == "rbf_svm" else {}
        storage.write_json(self.root / "models" / name / "model.json", facts | {"fit": fit})
        if is_network(_kind(name)):
            storage.write_json(self.root / "models" / name / "checks.json", self.checks)

    def _embedding(self, codes: np.ndarray, splits: np.ndarray, draws: np.random.Generator) -> Path:
        path = self.root / "embeddings" / "features.json"
        storage.write_json(
            path,
            {
                "space": "features",
                "n": len(codes),
                "columns": 120,
                "pca_variance": [0.41, 0.17],
                "trustworthiness": 0.973,
                "scored": len(codes),
                "knn_accuracy": 0.921,
            },
        )
        shown = slice(0, 500)
        for kind in ("pca", "tsne"):
            picture = scatter_picture(
                codes[shown] + draws.normal(0, 0.3, len(codes[shown])),
                draws.normal(0, 1, len(codes[shown])),
                [self.classes[c] for c in codes[shown]],
                splits[shown],
                self.classes,
                kind,
                "made for a test",
            )
            storage.write_bytes(path.with_name(f"features_{kind}.png"), picture)
        return path


def _kind(model: str) -> str:
    return "cnn" if model.startswith("cnn") else f"kind of {model}"


def _sheet() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((400, 200)).save(buffer, format="PNG")
    return buffer.getvalue()
