"""Linear, with probabilities; good where there are many columns."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import STANDARDISED_TYPES, Positives, TableOptions, standardised

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TRUSTED_TYPES = (*STANDARDISED_TYPES, "sklearn.linear_model._logistic.LogisticRegression")


class Options(TableOptions):
    """Linear, with probabilities; good where there are many columns."""

    kind: Literal["logistic_regression"]
    C: Positives = Field(
        [0.001, 0.01, 0.1, 1.0],
        description="smaller is simpler; about 0.01 for thousands of columns, 1 for a handful",
    )


def build(options: Options, shape: tuple[int, int], seed: int) -> "Pipeline":
    """Multinomial; lbfgs computes in float32 where the columns are float32."""
    from sklearn.linear_model import LogisticRegression

    return standardised(LogisticRegression(C=options.C, max_iter=2000))
