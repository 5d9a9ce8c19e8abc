"""What the checks look at: one data set's manifest, duplicates and images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from evenlight.labelling import UNKNOWN
from evenlight.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Features = tuple[np.ndarray, list[str]]


class Common(Settings):
    """What several checks agree on."""

    alpha: float = Field(0.05, gt=0, lt=1, description="largest chance of a false alarm per family of tests")
    association_alpha: float = Field(
        0.01, gt=0, lt=1, description="the same, of class and group being linked"
    )
    minimum_group: int = Field(30, ge=1, description="smaller groups are shown but not judged")
    minimum_denominator: int = Field(10, ge=1, description="images behind a rate, for it to be judged")
    permutations: int = Field(
        9999, ge=99, le=1_000_000, description="of permutation tests, where a formula would not hold"
    )
    seed: int = Field(0, ge=0, description="of everything random in the audit")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of every interval")


@dataclass(frozen=True, eq=False)
class AuditData:
    """One data set as the checks see it; tables are read-only by agreement.

    Attributes:
        dataset: its name.
        manifest: manifest.parquet, all rows.
        summary: summary.json.
        classes: names in label order.
        attributes: attribute -> manifest column; the source counts as one, under its own name.
        source: name of the source attribute, None where there is none.
        pairs: pairs.parquet, duplicates among the usable images.
        common: thresholds of all checks.
        read_images: reads the standardized images of `rows`.
        read_features: reads the named families' features of `rows`.
    """

    dataset: str
    manifest: "pd.DataFrame"
    summary: Mapping[str, Any]
    classes: list[str]
    attributes: dict[str, str]
    source: str | None
    pairs: "pd.DataFrame"
    common: Common
    read_images: Callable[[], np.ndarray]
    read_features: Callable[[Sequence[str]], Features]

    @cached_property
    def rows(self) -> "pd.DataFrame":
        """The usable images, in path order, numbered from 0."""
        return self.manifest[self.manifest["verdict"] != "quarantined"].reset_index(drop=True)

    @cached_property
    def labels(self) -> np.ndarray:
        """Class of every usable image as its place in `classes`; int64 (N,)."""
        return self.rows["label_index"].to_numpy(dtype=np.int64)

    @cached_property
    def splits(self) -> np.ndarray:
        """Split of every usable image; object (N,)."""
        return self.rows["split"].to_numpy(dtype=object)

    @cached_property
    def groups(self) -> dict[str, str]:
        """The attributes that are not the source: attribute -> manifest column."""
        return {name: column for name, column in self.attributes.items() if name != self.source}

    def values(self, attribute: str) -> np.ndarray:
        """Value of an attribute for every usable image, UNKNOWN where it has none; object (N,)."""
        values = self.rows[self.attributes[attribute]].to_numpy(dtype=object)
        return np.where(values == "", UNKNOWN, values)

    def coded(self, attribute: str) -> tuple[list[str], np.ndarray]:
        """The attribute's values in sorted order, and each usable image's place among them, int64 (N,)."""
        names, codes = np.unique(self.values(attribute).astype(str), return_inverse=True)
        return names.tolist(), codes.astype(np.int64)

    @cached_property
    def source_codes(self) -> np.ndarray | None:
        """Source of every usable image as a number from 0, int64 (N,); None where the data set has no sources.

        An image without a source counts as one of its own.
        """
        if self.source is None:
            return None
        names = self.rows[self.attributes[self.source]].to_numpy(dtype=object)
        own = np.array([f"0{i}" if name == "" else f"1{name}" for i, name in enumerate(names)], dtype=object)
        return np.unique(own.astype(str), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def kept_together(self) -> np.ndarray:
        """Images with equal numbers stay together in honest folds: of one source, else near-duplicates; int64 (N,)."""
        if self.source_codes is not None:
            return self.source_codes
        return self.rows["component"].to_numpy(dtype=np.int64)

    def images(self) -> np.ndarray:
        """Standardized RGB uint8 images (N, H, W, 3) of `rows`, in order; read anew at each call."""
        return self.read_images()

    def features(self, families: Sequence[str]) -> Features:
        """float32 (N, D) and the column names of some feature families, for `rows` in order."""
        return self.read_features(families)
