"""What kinds of classical models share: options, grids of values to search, standardised columns."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from evenlight.settings import Settings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


def _no_truth_value(given: Any) -> Any:
    """`true` would count as 1. Strict types refuse it too, but also `1e-3`, which YAML reads as text."""
    if any(isinstance(one, bool) for one in (given if isinstance(given, list) else [given])):
        raise ValueError(f"true and false are no numbers (got {given!r})")
    return given


# one value, or a list of values to choose from by cross-validation (search.py)
_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_Listed = Field(min_length=1, max_length=50)
Positives = Annotated[_Positive | Annotated[list[_Positive], _Listed], BeforeValidator(_no_truth_value)]
Counts = Annotated[_Count | Annotated[list[_Count], _Listed], BeforeValidator(_no_truth_value)]


class KindOptions(Settings):
    """What every model has."""

    seed: int | None = Field(None, ge=0, description="of this model; null for the `seed` of all models")

    @field_validator("*")
    @classmethod
    def _no_value_twice(cls, value: Any) -> Any:
        """A column that is seen twice weighs twice, a candidate that is tried twice takes another's place."""
        for place, one in enumerate(value if isinstance(value, list) else ()):
            if one in value[:place]:
                raise ValueError(f"{one!r} is listed twice; name it once")
        return value


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
        if self.features and self.columns:
            raise ValueError(
                "has `features` and `columns`; keep one, because the model would see the columns only"
            )
        return self


def standardised(*steps: "BaseEstimator") -> "Pipeline":
    """These steps on columns of mean 0 and deviation 1."""
    from sklearn.pipeline import make_pipeline

    from evenlight.models.scaling import Standardizer

    return make_pipeline(Standardizer(), *steps)


STANDARDISED_TYPES = ("sklearn.pipeline.Pipeline", "evenlight.models.scaling.Standardizer")
