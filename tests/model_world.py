"""A small data set on disk, from the manifest on, for tests of the stages that train, predict and evaluate."""

from pathlib import Path

import numpy as np
import pandas as pd

from evenlight.stages import evaluate, features, predict, train, train_network
from evenlight.storage import read_json, read_table, write_array, write_json, write_table

STANDARDIZE = {"size": [16, 16], "fit": "stretch", "color": "rgb"}
REGION = {"method": "none"}
SEARCH = {"folds": 5, "factor": 3.0, "minimum": 500}
SETTINGS = {"confidence": 0.95, "bootstrap": 100, "gallery": 4, "seed": 0}
MODELS = {
    "rule": {"kind": "threshold", "feature": "brightness_v_mean"},
    "linear": {"kind": "logistic_regression", "features": ["brightness", "rgb_stats"], "C": 0.1},
    "svm": {"kind": "rbf_svm", "features": ["rgb_stats", "brightness"], "C": 10.0},
    "forest": {"kind": "random_forest", "features": ["brightness"], "trees": 4},
    "neighbours": {"kind": "knn", "features": ["brightness"], "k": [5, 3, 1]},
    "net": {"kind": "cnn", "epochs": 1, "batch_size": 8},
}
ODD_CLASSES = ["$x$", "<script>", "NA"]


class World:
    """A data set from the manifest on: images are as bright as their class says, some are quarantined."""

    def __init__(self, folder: Path, classes: list[str], splits: dict[str, int], color: str = "rgb") -> None:
        self.folder, self.classes, self.color = folder, sorted(classes), color
        rows = [
            {"label_index": code, "label": name, "split": split, "verdict": "ok", "number": number}
            for code, name in enumerate(self.classes)
            for split, count in splits.items()
            for number in range(count)
        ]
        rows += [{"label_index": -1, "label": "", "split": "", "verdict": "quarantined", "number": 0}] * 2
        table = pd.DataFrame(rows).assign(leak="")
        table["path"] = [f"{i % 7}/{i:03d} {{a}}.png" for i in range(len(table))]
        table = table.sort_values("path", kind="stable", ignore_index=True)
        table["shard"] = np.where(np.arange(len(table)) % 2, "0001", "0000")
        usable = table["verdict"] == "ok"
        table["row"] = np.where(usable, usable.groupby(table["shard"]).cumsum() - 1, -1).astype(np.int32)
        table["content_hash"] = [f"{i:064d}" for i in range(len(table))]
        table["pixel_hash"] = ""
        table["component"] = np.where(usable, np.arange(len(table)), -1)
        table["height"], table["width"], table["bytes"] = 16, 16 + table["label_index"], 900
        table["source"] = [f"camera {i % 3}" for i in range(len(table))]
        table["group_weather"] = np.where(np.arange(len(table)) % 5 == 0, "unknown", "=fog")
        self.table = table
        draws = np.random.default_rng(0)
        level = (table["label_index"].to_numpy() + 1) * 200 // (len(self.classes) + 1)
        self.pixels = np.clip(
            level[:, None, None, None] + draws.integers(-25, 26, (len(table), 16, 16, 3)), 0, 255
        )
        self.write()

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.parquet"

    def write(self) -> None:
        """Manifest, shards, arrays and feature tables."""
        write_table(self.manifest, self.table.drop(columns="number"))
        write_json(self.folder / "classes.json", self.classes)
        for shard in ("0000", "0001"):
            rows = self.table[self.table["shard"] == shard]
            write_table(self.folder / "shards" / f"{shard}.parquet", rows[["path", "verdict"]])
            pixels = self.pixels[rows.index[rows["verdict"] == "ok"]].astype(np.uint8)
            if self.color == "gray":
                pixels = pixels[..., :1]
            write_array(self.folder / "images" / f"{shard}.npy", pixels)
            for family in ("brightness", "rgb_stats"):
                features.extract(
                    family,
                    self.folder / "images" / f"{shard}.npy",
                    self.folder / "shards" / f"{shard}.parquet",
                    self.color,
                    {},
                    self.folder / "features" / family / f"{shard}.parquet",
                )

    def train(self, name: str, options: dict | None = None, settings: dict = SEARCH) -> Path:
        folder = self.folder / "models" / name
        options = options or MODELS[name]
        standardize = {**STANDARDIZE, "color": self.color}
        classes = self.folder / "classes.json"
        if options["kind"] == "cnn":
            images = self.folder / "images"
            train_network.train(name, options, REGION, standardize, 0, self.manifest, classes, images, folder)
        else:
            tables, families = self.folder / "features", ["brightness", "rgb_stats"]
            where = (self.manifest, classes, tables, folder)
            train.train(name, options, families, REGION, standardize, 0, *where, settings)
        return folder

    def predict(self, name: str) -> pd.DataFrame:
        folder = self.folder / "models" / name
        table = folder / "predictions.parquet"
        predict.predict(folder, self.manifest, self.folder / "features", self.folder / "images", table)
        return read_table(table)

    def evaluate(self, name: str, source: str | None = None, **changes) -> dict:
        results = self.folder / "results" / name
        images = self.folder / "images"
        settings = {**SETTINGS, **changes}
        evaluate.evaluate(self.folder / "models" / name, self.manifest, images, source, settings, results)
        return read_json(results / "metrics.json")

    def model_bytes(self, name: str) -> bytes:
        folder = self.folder / "models" / name
        return next(folder.glob("model.s*")).read_bytes()
