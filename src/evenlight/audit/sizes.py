"""How many images each class or group has in each split, as a table and as pictures of it."""

from collections.abc import Sequence

import numpy as np

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Bars, Evidence, Table
from evenlight.audit.statistics import crosstab
from evenlight.splits import SPLITS


def sizes_by_split(data: AuditData, codes: np.ndarray, groups: int) -> np.ndarray:
    """Usable images per group and split, int64 (groups, 3); codes are groups from 0, (N,)."""
    splits = np.array([SPLITS.index(split) for split in data.splits], dtype=np.int64)
    return crosstab(codes, splits, (groups, len(SPLITS)))


def sizes_evidence(
    title: str, what: str, names: Sequence[str], counts: np.ndarray, shown: int
) -> list[Evidence]:
    """Bars and a table, largest first; of more than `shown` groups those at both ends."""
    total = counts.sum(axis=1)
    order = np.argsort(-total, kind="stable")
    note = ""
    if len(order) > shown:
        half = shown // 2
        order = np.concatenate([order[: shown - half], order[len(order) - half :]])
        note = f"{shown} of {len(total):,}, the largest and the smallest."
    bars: list[tuple[str, float, float | None, float | None]] = [
        (names[i], float(total[i]), None, None) for i in order
    ]
    rows = [
        (names[i], *counts[i].tolist(), int(total[i]), float(100 * total[i] / total.sum())) for i in order
    ]
    return [
        Bars(title, bars, "images", note),
        Table(f"{title} and split", [what, *SPLITS, "all", "percent"], rows, note),
    ]
