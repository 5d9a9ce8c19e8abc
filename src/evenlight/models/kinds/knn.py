"""The most frequent class among the k nearest training images."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import STANDARDISED_TYPES, Counts, TableOptions, standardised

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TRUSTED_TYPES = (*STANDARDISED_TYPES, "sklearn.neighbors._classification.KNeighborsClassifier")


class Options(TableOptions):
    """The most frequent class among the k nearest training images; its file holds all training rows."""

    kind: Literal["knn"]
    k: Counts = Field([30, 10, 5, 1], description="neighbours asked; more is smoother")


def build(options: Options, shape: tuple[int, int], seed: int) -> "Pipeline":
    """Euclidean distance between standardised columns, all pairs compared: no index pays beyond twenty columns."""
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = min(options.k, shape[0])
    return standardised(KNeighborsClassifier(n_neighbors=neighbours, algorithm="brute"))
