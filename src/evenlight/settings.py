"""The base of everything that params.yaml can hold, light enough for the Snakefile."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A group of settings; it refuses unknown keys and numbers that are none (`.inf`, `.nan`)."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
