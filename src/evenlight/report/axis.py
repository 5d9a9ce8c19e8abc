"""The axis of charts that show shares with their intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axis:
    """A horizontal axis of shares from `low` to `high`, with a tick every `step`."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, measures: Sequence[Any]) -> "Axis":
        """The narrowest axis in whole steps that holds all `measures` (intervals, numbers or None)."""
        numbers = [value for measure in measures for value in _ends(measure)] or [0.0, 1.0]
        span = max(max(numbers) - min(numbers), 0.05)
        step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25) if span / step <= 5)
        low = max(0, math.floor(min(numbers) / step + 1e-9))
        high = max(low + 1, math.ceil(max(numbers) / step - 1e-9))
        return cls(low * step, min(high * step, max(1.0, max(numbers))), step)

    def at(self, value: float) -> str:
        """Where `value` lies, as a CSS percentage; beyond the ends it is put on the end."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0), 1):.2f}%"

    @property
    def ticks(self) -> list[float]:
        return [self.low + k * self.step for k in range(round((self.high - self.low) / self.step) + 1)]


def _ends(measure: Any) -> list[float]:
    values = (
        [measure.get(key) for key in ("low", "value", "high")] if isinstance(measure, dict) else [measure]
    )
    return [value for value in values if value is not None]
