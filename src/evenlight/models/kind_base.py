"""What kinds of classical models share: options, grids of values to search, standardised columns."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from evenlight.settings import Settings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

# one value, or a list of values to choose from by cross-validation (search.py)
_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
Positives = _Positive | Annotated[list[_Positive], Field(min_length=1, max_length=50)]
Counts = _Count | Annotated[list[_Count], Field(min_length=1, max_length=50)]


class KindOptions(Settings):
    """What every model has."""

    seed: int | None = Field(None, ge=0, description="of this model; null for the `seed` of all models")


class TableOptions(KindOptions):
    """What a model on feature columns has."""

    features: list[str] = Field([], description="entries of `features:` that the model sees")
    columns: list[str] | None = Field(
        None, min_length=1, description="see these feature columns only, by their exact names"
    )

    @model_validator(mode="after")
    def _sees_something(self) -> "TableOptions":
        if not (self.features or self.columns):
            raise ValueError("name the `features` that the model sees, or single `columns`")
        return self


def standardised(*steps: "BaseEstimator") -> "Pipeline":
    """These steps on columns of mean 0 and deviation 1."""
    from sklearn.pipeline import make_pipeline

    from evenlight.models.scaling import Standardizer

    return make_pipeline(Standardizer(), *steps)


STANDARDISED_TYPES = ("sklearn.pipeline.Pipeline", "evenlight.models.scaling.Standardizer")
