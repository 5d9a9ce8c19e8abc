"""What the page shows of the features: tables, telling columns, what families are worth, worked out for the templates.

`features.html` shows a `Features`; `importance.html` holds macros for the section of one model.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenlight.evaluation.resampling import FEWEST_KEYS
from evenlight.report.axis import Axis
from evenlight.report.charts import visible_text
from evenlight.report.rendering import points

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_BADGES = {"pays": "ok", "costs": "warn", "not established": "not_enough_data"}
_MOST_CLASSES = 12  # columns of a table of medians


@dataclass(frozen=True)
class Features:
    """The section on features.

    `summary` is summary.json; `telling` and `correlation` are data URIs of its pictures, empty when there was no
    room. `ablation` is what `ablation_view` gives, None where the ablation is not run.
    """

    summary: Mapping[str, Any]
    families: Sequence[Mapping[str, Any]]
    medians: Sequence[tuple[Mapping[str, Any], Sequence[float | None]]]
    classes: Sequence[str]
    telling: str
    correlation: str
    ablation: Mapping[str, Any] | None


def features_view(
    summary: Mapping[str, Any], ablation: Mapping[str, Any] | None, telling: str = "", correlation: str = ""
) -> Features:
    """What features.html needs.

    Args:
        summary: summary.json of the features.
        ablation: ablation.json, or None.
        telling, correlation: data URIs of telling.png and correlation.png.
    """
    return Features(
        summary=summary,
        families=[{**family, "size": size_text(family["bytes"])} for family in summary["families"]],
        medians=[
            (told, [_median(cell) for cell in told["by_class"][:_MOST_CLASSES]])
            for told in summary["telling"]
        ],
        classes=summary["classes"][:_MOST_CLASSES],
        telling=telling,
        correlation=correlation,
        ablation=ablation_view(ablation) if ablation else None,
    )


def ablation_view(report: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of the ablation table, the most missed family first, with an axis for each kind of gain.

    `by_luck`: of so many families without effect one is expected to be called paying or costing; None where there
    are too few groups of images to establish anything.
    """
    parts = ("left_out", "added")
    rows = sorted(report["families"], key=lambda family: (-family["left_out"]["value"], family["name"]))
    return {
        "rows": [
            {
                **family,
                **{part: _gain(family[part], family[f"verdict_{part}"]) for part in parts},
            }
            for family in rows
        ],
        "axes": {part: gain_axis([family[part] for family in rows]) for part in parts},
        "base": ", ".join(visible_text(name) for name in report["base"]["features"]),
        "base_accuracy": report["base"]["accuracy"],
        "by_luck": None if report["keys"] < FEWEST_KEYS else round(1 / (1 - report["confidence"])),
        "fewest": FEWEST_KEYS,
        **{key: report[key] for key in ("n", "keys", "columns", "all", "chance", "folds", "training_images")},
    }


def importance_view(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the macro `importance` needs, from importance.json; None where nothing was asked."""
    if len(report["families"]) < 2:
        return None
    losses = [family["loss"] for family in report["families"]]
    return {
        "rows": [{**family, "loss": _gain(family["loss"], None)} for family in report["families"]],
        "axis": gain_axis(losses),
        **{key: report[key] for key in ("model", "n", "repeats", "accuracy", "test_images")},
    }


def gain_axis(gains: Sequence[Mapping[str, Any] | None]) -> Axis:
    """The narrowest axis in whole steps that holds 0 and all intervals."""
    ends = [0.0]
    for gain in gains:
        ends += [gain[key] for key in ("low", "value", "high") if gain and gain[key] is not None]
    span = max(max(ends) - min(ends), 0.02)
    step = next(step for step in _STEPS if span / step <= 6)
    low = math.floor(min(ends) / step + 1e-9)
    high = max(low + 1, math.ceil(max(ends) / step - 1e-9))
    return Axis(low * step, high * step, step)


def size_text(count: int) -> str:
    """Bytes for people: `4.1 MB`."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"


def _gain(gain: Mapping[str, Any] | None, verdict: str | None) -> dict[str, Any] | None:
    """A gain for a row of the table: `measure` for the drawing, texts for the reader."""
    if gain is None:
        return None
    known = gain["low"] is not None and gain["high"] is not None
    return {
        "measure": gain,
        "text": points(gain["value"]),
        "interval": f"{points(gain['low'])} to {points(gain['high'])}" if known else "",
        "verdict": verdict,
        "badge": _BADGES.get(verdict or "", ""),
    }


def _median(cell: Mapping[str, Any]) -> float | None:
    return None if cell["quantiles"] is None else float(cell["quantiles"][2])
