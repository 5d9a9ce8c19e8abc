"""Outliers

The images that are farthest from all others: mean distance to the nearest neighbours, on standardised features of
which each family counts as much as any other. They are shown without a verdict: an outlier may be a
mistake, a rare case worth more images like it, or just an unusual picture.
"""

import numpy as np
from pydantic import Field

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Finding, Gallery, Result
from evenlight.audit.probes import families_together
from evenlight.audit.wording import many, percent
from evenlight.runtime import seed_for
from evenlight.sampling import sample
from evenlight.settings import Settings

CHECK = "outliers"
_COMPONENTS = 128
_DECIMALS = 6  # of distances: the last digits depend on the machine


class Options(Settings):
    """Which images are shown."""

    features: list[str] = Field(
        ["brightness", "rgb_stats", "hsv_hist", "hog"],
        min_length=1,
        description="feature families that distances are in",
    )
    neighbours: int = Field(10, ge=1, le=100, description="nearest images whose mean distance counts")
    share: float = Field(0.01, gt=0, le=0.2, description="share of the images that is shown")
    shown: int = Field(48, ge=1, le=500, description="most images shown")
    maximum: int = Field(20_000, ge=100, description="images compared at most, a seeded sample")


def check(data: AuditData, options: Options) -> Result:
    """Show the images that lie alone."""
    n = len(data.rows)
    if n <= options.neighbours + 1 or n < data.common.minimum_group:
        sentence = f"{many(n, 'image')}: too few to say which one lies apart from the others."
        return Result([Finding(CHECK, "not_enough_data", "outliers", sentence, {"n": n})])
    places = sample(n, options.maximum, seed_for(data.common.seed, CHECK))
    values = families_together(data, options.features, places, _COMPONENTS)
    if values.shape[1] == 0:
        sentence = f"All {n:,} images have the same features: none lies apart."
        return Result([Finding(CHECK, "ok", "outliers", sentence, {"n": n})])
    distances = _distances(values, options.neighbours)
    count = min(max(1, round(options.share * len(places))), options.shown)
    order = np.argsort(-distances, kind="stable")[:count]
    rows = data.rows.iloc[places[order]]
    typical = float(np.median(distances))
    items = [
        (path, f"{label}, {distance / typical:.1f} times the usual distance" if typical > 0 else label)
        for path, label, distance in zip(rows["path"], rows["label"], distances[order].tolist(), strict=True)
    ]
    gallery = Gallery(
        "Images farthest from all others",
        items,
        f"Mean distance to the {options.neighbours} nearest images, on standardised {', '.join(options.features)}.",
    )
    sentence = (
        f"The {many(count, 'image')} farthest from all others ({percent(count / len(places))}) are shown. That is no"
        " verdict: each may be a mistake, a rare case or just an unusual picture."
    )
    if len(places) < n:
        sentence += f" Only {len(places):,} of {n:,} images were compared, chosen at random."
    numbers = {"shown": count, "compared": len(places), "n": n}
    return Result([Finding(CHECK, "info", "outliers", sentence, numbers, gallery.title)], [gallery])


def _distances(values: np.ndarray, neighbours: int) -> np.ndarray:
    """Mean distance of each row to its nearest others: float64 (N,)."""
    from sklearn.neighbors import NearestNeighbors

    # without an argument a row is no neighbour of itself
    found, _ = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(values).kneighbors()
    return found.mean(axis=1).round(_DECIMALS)
