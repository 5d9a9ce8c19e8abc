"""What a feature column is called, measured in, and can hold."""

from typing import NamedTuple

FLAT = 1e-6  # columns whose standard deviation is not larger hold no information


class Column(NamedTuple):
    """Columns whose names match `pattern` (as file names match `*` and `?`): their unit, range and meaning.

    `low` and `high` bound every value; infinite where nothing does.
    """

    pattern: str
    unit: str
    low: float
    high: float
    meaning: str
