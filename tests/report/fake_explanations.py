"""The files of one network's page, as report/explain_view.py describes them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fake_features import noise

from evenlight import storage

METHODS = ("saliency", "guided_backprop", "occlusion", "grad_cam", "integrated_gradients")
_STORED = 256  # images really stored; a larger manifest points at them again
_LAYERS = ("classifier", "trunk.6", "trunk.3", "trunk.0")


def around(value: float | None) -> dict[str, Any]:
    """An estimate with an interval of two points to each side."""
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


@dataclass
class FakeExplanations:
    """What to make; `write` makes it and returns the arguments of `write_explain_page`."""

    root: Path
    classes: list[str] = field(default_factory=lambda: ["day", "night"])
    names: dict[int, str] = field(default_factory=dict)  # image number -> path instead of the ordinary one
    color: str = "rgb"
    model: str = "cnn_small"
    points: int = 300
    wrong: int = 2
    dream: bool = False
    style: bool = False
    embedded: bool = True
    picture_width: int = 60
    seed: int = 0

    def write(self) -> dict[str, Any]:
        self._manifest()
        self.folder = self.root / self.model / "explanations"
        facts = {
            "overview": _overview(),
            "attributions": self._attributions(),
            "layers": _layers(),
            "neighbours": {**_neighbours(), "wrong_shown": self._wrong()},
        }
        pictures = [
            "attributions_chosen",
            "filters",
            "maps_1",
            "maps_2",
            "neighbours",
            "patches_0",
            "patches_1",
        ]
        pictures += ["attributions_wrong", "neighbours_wrong"] if self.wrong else []
        if self.dream:
            sure = [{"name": name, "probability": 0.998} for name in self.classes]
            facts["dream"] = {"classes": sure, "layer": "trunk", "steps": 20}
            pictures += ["classes", "dream"]
        if self.style:
            facts["style"] = {}
            pictures.append("style")
        for name, value in facts.items():
            storage.write_json(self.folder / f"{name}.json", value)
        for name in pictures:
            storage.write_bytes(
                self.folder / f"{name}.png", noise(self.picture_width, self.picture_width // 2)
            )
        storage.write_json(self.root / "model" / "checks.json", _checks())
        history = self.root / self.model / "history.png"
        storage.write_bytes(history, noise(self.picture_width, self.picture_width // 2))
        return {
            "dataset": "scenes",
            "folder": self.folder,
            "description": self._description(),
            "checks": self.root / "model" / "checks.json",
            "history": history,
            "embedding": self._embedding() if self.embedded else None,
            "manifest": self.root / "manifest.parquet",
            "standardized": self.root / "standardized",
            "dream": self.dream,
            "style": self.style,
            "page": self.root / self.model / "explanations.html",
        }

    def _manifest(self) -> None:
        codes = np.arange(self.points) % len(self.classes)
        labels = [self.classes[code] for code in codes]
        paths = [self.names.get(k, f"{label}/{k:05}.jpg") for k, label in enumerate(labels)]
        splits = np.where(np.arange(self.points) % 5 < 3, "train", "test")
        rows = np.arange(self.points) % _STORED
        self.table = pd.DataFrame(
            {"path": paths, "label": labels, "split": splits, "shard": "0000", "row": rows}
        )
        storage.write_table(self.root / "manifest.parquet", self.table)
        shape = (_STORED, 48, 48, 1 if self.color == "gray" else 3)
        draws = np.random.default_rng(self.seed)
        storage.write_array(
            self.root / "standardized" / "0000.npy", draws.integers(0, 256, shape, dtype=np.uint8)
        )

    def _description(self) -> dict[str, Any]:
        return {
            "name": self.model,
            "kind": "cnn",
            "classes": self.classes,
            "input_shape": [48, 48, 1 if self.color == "gray" else 3],
            "standardize": {"color": self.color, "size": [48, 48]},
        }

    def _attributions(self) -> dict[str, Any]:
        first = self.classes[0]
        chosen = [
            {"path": path, "true_label": first, "predicted_label": first} for path in self.table["path"][:3]
        ]
        return {
            "n": 64,
            "methods": [_method(number, name) for number, name in enumerate(METHODS)],
            "baselines": [
                {"name": name, "deletion": around(0.25 + 0.1 * k), "insertion": around(0.7 - 0.1 * k)}
                for k, name in enumerate(("pixel value", "Sobel magnitude", "random"))
            ],
            "rows_chosen": chosen,
            "rows_wrong": self._wrong(),
        }

    def _wrong(self) -> list[dict[str, str]]:
        first, last = self.classes[0], self.classes[-1]
        return [
            {"path": path, "true_label": first, "predicted_label": last}
            for path in self.table["path"][: self.wrong]
        ]

    def _embedding(self) -> Path:
        draws = np.random.default_rng(self.seed)
        table = self.table
        codes = table["label"].map({name: k for k, name in enumerate(self.classes)}).to_numpy()
        angle = 2 * np.pi * codes / len(self.classes)
        columns = {"path": table["path"], "split": table["split"], "label": table["label"]}
        for kind, spread in (("pca", 0.6), ("tsne", 0.35)):
            columns[f"{kind}_x"] = np.cos(angle) + spread * draws.normal(size=len(table))
            columns[f"{kind}_y"] = np.sin(angle) + spread * draws.normal(size=len(table))
        path = self.root / "embeddings" / f"{self.model}.json"
        storage.write_table(path.with_suffix(".parquet"), pd.DataFrame(columns))
        facts = {
            "space": self.model,
            "n": len(table),
            "columns": 64,
            "pca_variance": [0.26, 0.208],
            "trustworthiness": 0.994,
            "scored": 40,
            "knn_accuracy": 0.87,
        }
        storage.write_json(path, facts)
        return path


def _overview() -> dict[str, Any]:
    rows = [
        ("trunk.0", "Conv2d", [32, 48, 48], 896, [3, 3], [1, 1]),
        ("trunk.3", "Conv2d", [64, 24, 24], 18_496, [8, 10], [2, 2]),
        ("trunk.6", "Conv2d", [128, 12, 12], 73_856, [18, 18], [4, None]),
        ("head.1", "Flatten", [128], 0, None, None),
        ("classifier", "Linear", [2], 258, None, None),
    ]
    keys = ("name", "kind", "shape", "weights", "receptive_field", "stride")
    return {
        "network": "small",
        "parameters": 93_506,
        "layers": [dict(zip(keys, row, strict=True)) for row in rows],
    }


def _checks() -> list[dict[str, Any]]:
    said = [
        ("ok", "The loss of validation images fell until epoch 18 of 20."),
        ("warn", "Training accuracy is 98.2 % and validation accuracy 89.9 %: it learns images by heart."),
    ]
    return [
        {"check": "curves", "severity": severity, "subject": "training", "sentence": sentence, "numbers": {}}
        for severity, sentence in said
    ]


def _method(number: int, name: str) -> dict[str, Any]:
    fails = name == "guided_backprop"
    return {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "meaning": "How the score changes when a pixel does.",
        "sanity": "It follows the weights, but is noisy.",
        "deletion": around(0.15 + 0.05 * number),
        "insertion": around(0.84 - 0.05 * number),
        "randomization": [
            {"layer": layer, "correlation": 0.86 - 0.1 * k if fails else 0.02 * k - 0.05}
            for k, layer in enumerate(_LAYERS)
        ],
        "passes": None if name == "grad_cam" else not fails,
        "sentence": "the map hardly changes when the weights do."
        if fails
        else "the map follows the weights.",
        "finds": {"occlusion": "worse", "grad_cam": "not_shown"}.get(name, "better"),
        "finds_sentence": "it is compared with edges.",
    }


def _layers() -> dict[str, Any]:
    return {
        "filters": {"layer": "trunk.0", "count": 32},
        "maps": [
            {"layer": "trunk.0", "picture": "maps_1.png"},
            {"layer": "trunk.3", "picture": "maps_2.png"},
        ],
        "patches": [
            {
                "layer": "trunk.3",
                "receptive_field": [8, 10],
                "stride": [2, 2],
                "crop_error": 2.4e-7,
                "picture": "patches_0.png",
                "images": 846,
            },
            {
                "layer": "trunk.6",
                "receptive_field": [18, 18],
                "stride": [4, None],
                "crop_error": 0.0,
                "picture": "patches_1.png",
                "images": 846,
            },
        ],
    }


def _neighbours() -> dict[str, Any]:
    return {
        "k": 5,
        "n": 900,
        "metric": "cosine",
        "baseline": 0.5,
        "pixel": {"precision": around(0.697)},
        "features": {"precision": around(0.846)},
    }
