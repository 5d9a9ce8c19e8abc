"""A linear support vector machine: one hyperplane per class."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import STANDARDISED_TYPES, Positives, TableOptions, standardised

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TRUSTED_TYPES = (*STANDARDISED_TYPES, "sklearn.svm._classes.LinearSVC")

_ROWS_PER_COLUMN = 20  # with fewer, the dual problem is solved in less time


class Options(TableOptions):
    """Linear, with the widest margin between the classes; one class against the rest."""

    kind: Literal["linear_svm"]
    C: Positives = Field(  # larger values take many times as long to fit
        [0.0001, 0.001, 0.01],
        description="smaller is simpler; about 0.001 for hundreds of columns, 0.01 for a handful",
    )


def build(options: Options, shape: tuple[int, int], seed: int) -> "Pipeline":
    """Squared hinge loss (liblinear); the seed shuffles the steps of the dual problem."""
    from sklearn.svm import LinearSVC

    rows, columns = shape
    return standardised(LinearSVC(C=options.C, dual=rows < columns * _ROWS_PER_COLUMN, random_state=seed))
