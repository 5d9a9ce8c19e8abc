"""The base of everything that params.yaml can hold, light enough for the Snakefile."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A group of settings; it refuses unknown keys and numbers that are none (`.inf`, `.nan`)."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _rising(levels: list[float]) -> list[float]:
    if levels[0] < 0 or any(low > high for low, high in pairwise(levels)):
        raise ValueError(f"levels must rise from 0 or more (got {levels})")
    return levels


# where a finding becomes more severe: [info, warn, serious], or two of these
ThreeLevels = Annotated[list[float], Field(min_length=3, max_length=3), AfterValidator(_rising)]
TwoLevels = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_rising)]
