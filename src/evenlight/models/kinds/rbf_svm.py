"""Support vectors with curved boundaries; above some size an approximation of their kernel."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import STANDARDISED_TYPES, Positives, TableOptions, standardised

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TRUSTED_TYPES = (
    *STANDARDISED_TYPES,
    "evenlight.models.nystroem.RbfNystroem",
    "evenlight.models.rbf.RbfSvc",
    "sklearn.kernel_approximation.Nystroem",
    "sklearn.linear_model._logistic.LogisticRegression",
)


# the logistic loss of the approximation is flatter: measured, it needs so many times the C of the exact machine
LOGISTIC_C = 10


class Options(TableOptions):
    """Support vectors with curved boundaries; the strongest here."""

    kind: Literal["rbf_svm"]
    C: Positives = Field([1.0, 3.0, 10.0], description="smaller is smoother")
    gamma: Literal["scale"] | Positives = Field(
        "scale", description="reach of one example is 1 / gamma; `scale` suits standardised columns"
    )
    exact_rows: int = Field(
        10_000, ge=1, description="more training rows than these get an approximate kernel (Nystroem)"
    )
    components: int = Field(
        2000, ge=1, le=20_000, description="training rows that the approximate kernel is made of"
    )


def build(options: Options, shape: tuple[int, int], seed: int) -> "Pipeline":
    """Exact up to `exact_rows`; above, the kernel of Williams and Seeger 2001 and a linear model.

    docs/decisions.md has what the approximation costs in accuracy.
    """
    if shape[0] <= options.exact_rows:
        from evenlight.models.rbf import RbfSvc

        return standardised(RbfSvc(C=options.C, gamma=options.gamma, cache_size=1000))
    from sklearn.linear_model import LogisticRegression

    from evenlight.models.nystroem import RbfNystroem

    kernel = RbfNystroem(gamma=options.gamma, components=options.components, seed=seed)
    return standardised(kernel, LogisticRegression(C=LOGISTIC_C * options.C, max_iter=2000))
