"""Small synthetic data sets for the tests of the audit: only what a test cares about has to be said."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evenlight.audit.data import AuditData, Common

PROPERTIES = (
    "brightness",
    "brightness_p99",
    "contrast",
    "sharpness",
    "saturation",
    "lab_a",
    "lab_b",
    "entropy",
)
SPLITS = ("train", "validation", "test")


def world(
    labels: Sequence[str],
    *,
    classes: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    source: Sequence[str] | None = None,
    source_name: str = "camera",
    properties: Mapping[str, Sequence[float]] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    pairs: Sequence[tuple[int, int, str, int, int]] = (),
    quarantined: Sequence[str] = (),
    summary: Mapping[str, Any] | None = None,
    images: np.ndarray | None = None,
    features: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    **common: Any,
) -> AuditData:
    """A data set of `len(labels)` usable images, and one quarantined file per reason in `quarantined`.

    Args:
        labels: class of each image.
        classes: class names in label order; by default those in `labels`, sorted.
        splits: split of each image; by default 70 % train, 15 % validation, 15 % test of each class in turn.
        groups: attribute -> value per image; "unknown" where it has none.
        source: source per image, "" where it has none; None: the data set has no source column.
        properties: property -> value per image; the others are normal noise.
        columns: any manifest column -> value per image, over what is made up here.
        pairs: duplicates as (image, image, kind, distance, variant).
        summary: keys of summary.json that differ.
        images: uint8 (N, H, W, 3); by default gray 8 x 8.
        features: family -> float array (N, D).
        seed: of the made-up properties.
        common: fields of Common that differ.
    """
    n, bad = len(labels), len(quarantined)
    names = list(classes) if classes is not None else sorted(set(labels))
    paths = [f"{label}/img_{number:05d}.jpg" for number, label in enumerate(labels)]
    codes = np.array([names.index(label) for label in labels], dtype=np.int32)
    chosen = np.array(dealt(codes) if splits is None else list(splits), dtype=object)
    rng = np.random.default_rng(seed)
    table: dict[str, Any] = {
        "path": paths,
        "row": np.arange(n, dtype=np.int32),
        "verdict": ["ok"] * n,
        "reason": [""] * n,
        "detail": [""] * n,
        "warnings": [""] * n,
        "bytes": np.full(n, 4000, dtype=np.int64),
        "content_hash": [f"{number:064x}" for number in range(n)],
        "pixel_hash": [f"{number:064x}" for number in range(n)],
        "phash": [f"{number:064x}" for number in range(n)],
        "format": ["JPEG"] * n,
        "width": np.full(n, 96, dtype=np.int32),
        "height": np.full(n, 64, dtype=np.int32),
        "channels": np.full(n, 3, dtype=np.int32),
        "bit_depth": np.full(n, 8, dtype=np.int32),
        "exif_orientation": np.zeros(n, dtype=np.int32),
        "label": list(labels),
        "label_index": codes,
        "split": chosen,
        "source": [""] * n if source is None else list(source),
        "component": np.arange(n, dtype=np.int32),
        "leak": [""] * n,
        "shard": ["0000"] * n,
        "glimpse": np.full(n, b"", dtype=object),
    }
    for name in PROPERTIES:
        table[f"property_{name}"] = rng.normal(size=n).astype(np.float32)
    for name, values in (properties or {}).items():
        table[f"property_{name}"] = np.asarray(values, dtype=np.float32)
    for name, values in (groups or {}).items():
        table[f"group_{name}"] = list(values)
    text = {name: "str" for name, values in table.items() if isinstance(values, list)}
    table.update(columns or {})
    manifest = pd.DataFrame(table).astype(
        {"split": "str", **{name: kind for name, kind in text.items() if not columns or name not in columns}}
    )
    if bad:
        refused = pd.DataFrame(_refused(manifest, quarantined))
        manifest = pd.concat([manifest, refused], ignore_index=True).astype(manifest.dtypes.to_dict())
    attributes = {name: f"group_{name}" for name in groups or {}}
    if source is not None:
        attributes[source_name] = "source"
    return AuditData(
        dataset="world",
        manifest=manifest,
        summary={
            "dataset": "world",
            "found": n + bad,
            "used": n,
            "quarantined": bad,
            "ignored": 0,
            "reasons": dict(sorted(Counter(quarantined).items())),
            "warnings": dict(Counter(word for words in manifest["warnings"] for word in words.split())),
            "classes": {
                name: {split: int(((codes == code) & (chosen == split)).sum()) for split in SPLITS}
                for code, name in enumerate(names)
            },
            "splits": {split: int((chosen == split).sum()) for split in SPLITS if (chosen == split).any()},
            "split_origin": "made",
            "source": None if source is None else source_name,
            "groups": {},
            "notes": [],
            **(summary or {}),
        },
        classes=names,
        attributes=attributes,
        source=None if source is None else source_name,
        pairs=pd.DataFrame(
            [(paths[a], paths[b], kind, distance, variant) for a, b, kind, distance, variant in pairs],
            columns=["a", "b", "kind", "distance", "variant"],
        ).astype({"a": "str", "b": "str", "kind": "str", "distance": "int32", "variant": "int32"}),
        common=Common(**common),
        read_images=lambda: np.full((n, 8, 8, 3), 128, dtype=np.uint8) if images is None else images,
        read_features=lambda families: _joined(features or {}, families),
    )


def dealt(codes: np.ndarray) -> list[str]:
    """Splits in fixed order within each class: of every 20 images 14 train, 3 validation, 3 test."""
    splits = np.empty(len(codes), dtype=object)
    turn = ["train"] * 14 + ["validation"] * 3 + ["test"] * 3
    turn = [turn[7 * place % 20] for place in range(20)]  # spread out, so that a class of five has all three
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        splits[members] = [turn[place % 20] for place in range(len(members))]
    return splits.tolist()


def _refused(manifest: pd.DataFrame, reasons: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of files that could not be used: empty, but for path and reason."""
    empty: dict[str, Any] = {
        name: "" if pd.api.types.is_string_dtype(kind) else 0 for name, kind in manifest.dtypes.items()
    }
    empty |= {"row": -1, "label_index": -1, "component": -1, "verdict": "quarantined", "glimpse": b""}
    empty |= {name: float("nan") for name in manifest.columns if name.startswith("property_")}
    empty |= {name: "unknown" for name in manifest.columns if name.startswith("group_")}
    rows = {name: [value] * len(reasons) for name, value in empty.items()}
    rows["path"] = [f"zz_refused/{number:04d}.jpg" for number in range(len(reasons))]
    rows["reason"] = list(reasons)
    return rows


def _joined(features: Mapping[str, np.ndarray], families: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    blocks = [np.asarray(features[name], dtype=np.float32) for name in families]
    columns = [
        f"{name}_{i}" for name, block in zip(families, blocks, strict=True) for i in range(block.shape[1])
    ]
    return np.concatenate(blocks, axis=1), columns
