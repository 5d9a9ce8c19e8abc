"""What a feature column is called, measured in, and can hold."""

from typing import NamedTuple


class Column(NamedTuple):
    """Columns whose names match `pattern` (as file names match `*` and `?`): their unit, range and meaning.

    `low` and `high` bound every value; infinite where nothing does.
    """

    pattern: str
    unit: str
    low: float
    high: float
    meaning: str
