"""The files of the sections on features and on what models lean on, as docs/output.md describes them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evenlight import storage

FAMILIES = ("rgb_stats", "hsv_hist", "hog", "sobel")
_READINGS = ("pays", "costs", "not established")


def around(value: float, n: int = 500) -> dict[str, Any]:
    """An estimate with an interval of two points to each side."""
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "n": n}


def noise(width: int, height: int) -> bytes:
    """A picture that no compression makes smaller."""
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def write_features(folder: Path, classes: list[str], images: int, width: int) -> None:
    """summary.json, ablation.json and their pictures, `width` pixels wide."""
    storage.write_json(folder / "summary.json", _summary(classes, images))
    storage.write_json(folder / "ablation.json", _ablation(images))
    for name in ("telling", "correlation", "ablation"):
        storage.write_bytes(folder / f"{name}.png", noise(width, width // 2))


def write_importance(path: Path, model: str, images: int) -> None:
    """importance.json of one model."""
    families = [
        {"name": name, "columns": 9, "loss": around(k / 50)} for k, name in enumerate(reversed(FAMILIES))
    ]
    facts = {"model": model, "n": images, "test_images": images, "repeats": 10, "accuracy": around(0.9)}
    storage.write_json(path, {**facts, "families": families})


def _summary(classes: list[str], images: int) -> dict[str, Any]:
    counts = {"columns": 9, "images": images, "missing": 0, "constant": 1, "bytes": 40_000}
    told = {"unit": "level", "meaning": "a mean", "strength": 0.5, "class": classes[0], "auc": 0.9}
    spread = {"n": images // len(classes), "quantiles": [0.0, 1.0, 2.0, 7.0, 8.0]}
    return {
        "images": images,
        "training_images": images // 2,
        "sampled": images // 2,
        "classes": classes,
        "families": [
            {"name": name, "kind": name, **counts, "strongest": {"column": f"{name}_0", "strength": 0.5}}
            for name in FAMILIES
        ],
        "telling": [
            {"column": f"{name}_{k}", "family": name, **told, "by_class": [spread] * len(classes)}
            for name in FAMILIES
            for k in range(3)
        ],
        "correlation": np.eye(3 * len(FAMILIES)).tolist(),
    }


def _ablation(images: int) -> dict[str, Any]:
    families = [
        {
            "name": name,
            "columns": 9,
            "alone": around(0.6),
            "left_out": around((0.03, -0.05, 0.0)[k % 3]),
            "verdict_left_out": _READINGS[k % 3],
            "added": around(0.04) if k else None,
            "verdict_added": "pays" if k else None,
        }
        for k, name in enumerate(FAMILIES)
    ]
    return {
        "n": images // 2,
        "training_images": images // 2,
        "keys": 40,
        "columns": 36,
        "folds": 5,
        "confidence": 0.95,
        "all": around(0.9),
        "chance": around(0.5),
        "base": {"features": [FAMILIES[0]], "accuracy": around(0.6)},
        "families": families,
    }
