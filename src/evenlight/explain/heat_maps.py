"""The sheet of heat maps: images in rows; methods, and baselines that know nothing of the network, in columns."""

from collections.abc import Mapping, Sequence

import numpy as np

from evenlight.explain.attribution import METHODS
from evenlight.explain.attribution_checks import BASELINES
from evenlight.explain.image_sheets import Cell, Scale, sheet
from evenlight.pixels import gray

ROWS_UP_TO = 24
# of all values of a column: one bright pixel must not make all others white
_SCALE_PERCENTILE = 99.5
_DARKEST = (
    0.7  # gray level of black under the colours: a faint picture, so that it does not change their strength
)
_LABEL = "share of the column's scale: positive speaks for the class, negative against it"


def attribution_sheet(
    pictures: np.ndarray,
    maps: Mapping[str, np.ndarray],
    baselines: Mapping[str, np.ndarray],
    rows: Sequence[str],
    notes: Mapping[str, str],
    title: str,
) -> bytes:
    """Heat maps over gray pictures. A column has one scale for all its images, so that they can be compared.

    Its end, which the note names, is the 99.5th percentile of the column's absolute values; larger ones keep the last
    colour. Signed maps are blue - white - vermilion, unsigned ones use the upper half, white - vermilion.

    Args:
        pictures: uint8 RGB (N, H, W, 3), as people see them; the first 24 are drawn, and a note says so.
        maps: by key of `METHODS`: float (N, H, W), N as above.
        baselines: by key of `BASELINES`, likewise.
        rows: titles, such as "true: cat\\npredicted: dog"; N of them, a line begins at each newline.
        notes: one short line for some of the columns, such as "sanity 0.86".
        title: of the sheet.

    Returns:
        A PNG, at most 1400 pixels wide; without images it says that there is nothing to show.
    """
    count = min(len(pictures), ROWS_UP_TO)
    if count == 0:
        return sheet([], title=title)
    faded = _DARKEST + (1 - _DARKEST) / 255 * gray(pictures[:count]).astype(np.float64)
    titles = {name: METHODS[name].title for name in maps} | {name: BASELINES[name] for name in baselines}
    signed = {name for name in maps if METHODS[name].signed}
    shown = {name: values[:count] for name, values in [*maps.items(), *baselines.items()]}
    columns = [_column(values, faded, name in signed) for name, values in shown.items()]
    cells = [
        [Cell(picture), *(column[row] for column in columns)] for row, picture in enumerate(pictures[:count])
    ]
    headings = [f"{text}\n{notes[name]}" if name in notes else text for name, text in titles.items()]
    return sheet(
        cells,
        ["Image", *headings],
        rows[:count],
        title,
        note=_note({METHODS[name].title: shown[name] for name in maps}, count, len(pictures)),
        scale=Scale(-1, 1, _LABEL, diverging=True),
    )


def _note(methods: Mapping[str, np.ndarray], count: int, total: int) -> str:
    some = [f"the first {count} of {total} images"] if count < total else []
    ends = [f"{title} {_reach(values):.2g}" for title, values in methods.items()]
    return "; ".join([*some, "ends of the scales: " + ", ".join(ends)] if ends else some)


def _column(values: np.ndarray, faded: np.ndarray, signed: bool) -> list[Cell]:
    """Maps of one method, (N, H, W), on pictures in 0 to 1 that are multiplied by the colours."""
    reach = _reach(values)
    scale = Scale(-reach, reach, "", diverging=True)
    return [
        Cell(_overlay(one, picture, scale), _remark(one, signed))
        for one, picture in zip(values, faded, strict=True)
    ]


def _reach(values: np.ndarray) -> float:
    """The end of the scale; the largest value where so few pixels differ from zero that the percentile is zero."""
    sizes = np.abs(values)
    return float(np.percentile(sizes, _SCALE_PERCENTILE) or sizes.max()) if sizes.size else 0.0


def _overlay(values: np.ndarray, faded: np.ndarray, scale: Scale) -> np.ndarray:
    return np.rint(scale.colors(values) * faded[..., None]).astype(np.uint8)


def _remark(values: np.ndarray, signed: bool) -> str:
    if not values.any():
        return "all zero"
    if np.ptp(values) == 0:
        return "the same everywhere"
    if signed and (values <= 0).all():
        return "all negative"
    return ""
