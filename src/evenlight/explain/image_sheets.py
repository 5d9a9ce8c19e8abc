"""Grids of small pictures with titles, captions and a colour bar, as PNG bytes.

Equal inputs give equal bytes. Sizes are in pixels, whatever the resolution of a screen; text from labels and paths is
data: what can't be seen is written out, what is too long is wrapped and loses its middle.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from evenlight.report.charts import visible_text

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

WIDEST = 1400  # pixels of a sheet
_NARROWEST = 520  # so that titles and the colour bar have room
_LARGEST_CELL, _SMALLEST_CELL = 112, 24
_MARGIN, _GAP = 14, 7
_FRAME = 3
_TEXT, _TITLE = 13, 16  # sizes of the font
_LINE = 16
_ROW_TITLE = 190  # pixels, at most
_LONGEST = 400  # characters of a text that are looked at
_BAR = (300, 14)
_INK, _MUTED, _RULE, _PAPER = "#1c2430", "#5d6675", "#d9dde3", "#ffffff"
_WRONG = "#d55e00"
_NO_NUMBER = (190, 190, 190)
# blue - white - vermilion: both ends are told apart by colour-blind people
_LOW, _MIDDLE, _HIGH = (0, 84, 147), (255, 255, 255), (193, 72, 0)


@dataclass(frozen=True)
class Scale:
    """A fixed scale of colours, the same for every picture of a sheet.

    `low` and `high` are the values of its ends, beyond which colours stay the same. A `diverging` scale is white in
    the middle, any other is viridis. `label` says what the values are.
    """

    low: float
    high: float
    label: str
    diverging: bool = False

    @classmethod
    def around_zero(cls, values: np.ndarray, label: str) -> "Scale":
        """White is zero, and both ends are equally far from it."""
        reach = float(np.abs(_finite(values)).max(initial=0))
        return cls(-reach, reach, label, diverging=True)

    @classmethod
    def spanning(cls, values: np.ndarray, label: str) -> "Scale":
        """From zero, or the least value where that is below, to where 99 % of the positive values end.

        So a few extreme values do not leave all others dark.
        """
        known = _finite(values)
        positive = known[known > 0]
        high = float(np.percentile(positive, 99)) if len(positive) else 0.0
        return cls(float(known.min(initial=0)), high, label)

    def colors(self, values: np.ndarray) -> np.ndarray:
        """Colours of values (...): uint8 RGB (..., 3); grey where a value is not finite."""
        finite = np.isfinite(values)
        span = self.high - self.low
        shares = (np.where(finite, values, self.low) - self.low) / (span if span > 0 else 1.0)
        places = np.rint(np.clip(shares, 0, 1) * 255).astype(np.intp)
        if span <= 0 and self.diverging:
            places[:] = 128  # all values are zero: white
        return np.where(
            finite[..., None], _table(self.diverging)[places], np.array(_NO_NUMBER, dtype=np.uint8)
        )


@dataclass(frozen=True)
class Cell:
    """One picture, uint8 RGB (h, w, 3), and what is written below it; `wrong` frames it."""

    picture: np.ndarray
    caption: str = ""
    wrong: bool = False


def sheet(
    cells: Sequence[Sequence[Cell | None]],
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    title: str = "",
    note: str = "",
    scale: Scale | None = None,
) -> bytes:
    """Pictures in rows and columns; small ones are enlarged without smoothing, so that their pixels can be counted.

    Args:
        cells: rows of cells, which may differ in length; None leaves a place empty.
        columns: titles of the columns, or none.
        rows: titles of the rows, or none; a newline begins a new line, in captions too.
        title: of the sheet.
        note: sentences below the title.
        scale: is drawn as a colour bar; colour the pictures with it.

    Returns:
        A PNG, at most 1400 pixels wide. A sheet without cells says that there is nothing to show.

    Raises:
        ValueError: so many columns that no picture could be seen.
    """
    from PIL import Image

    grid = _Grid.of(cells, columns, rows)
    blocks = [_text_block(_wrapped(title, grid.width, 2, _TITLE), grid.width, _TITLE)]
    blocks.append(_text_block(_wrapped(note, grid.width, 4), grid.width, color=_MUTED))
    if not any(any(row) for row in cells):
        blocks.append(_text_block(["There is nothing to show."], grid.width))
    blocks.append(_title_block(columns, grid))
    blocks += [_row_block(row, rows[number] if rows else "", grid) for number, row in enumerate(cells)]
    if scale is not None:
        blocks.append(_bar_block(scale, grid))
    page = np.pad(np.concatenate(blocks), ((_MARGIN,) * 2, (_MARGIN,) * 2, (0, 0)), constant_values=255)
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, format="PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class _Grid:
    """Where things are, in pixels: row titles, then cells of one side, in `width` without the margins."""

    width: int
    row_title: int
    side: int

    @classmethod
    def of(
        cls, cells: Sequence[Sequence[Cell | None]], columns: Sequence[str], rows: Sequence[str]
    ) -> "_Grid":
        most = WIDEST - 2 * _MARGIN
        lengths = [_font(_TEXT).getlength(_visible(line)) for name in rows for line in name.split("\n")]
        row_title = min(_ROW_TITLE, round(max(lengths)) + 1 + _GAP) if lengths else 0
        count = max([len(columns), *(len(row) for row in cells), 1])
        side = min(_LARGEST_CELL, (most - row_title) // count - _GAP)
        if side < _SMALLEST_CELL:
            raise ValueError(f"{count} columns do not fit on a sheet")
        return cls(min(most, max(_NARROWEST, row_title + count * (side + _GAP))), row_title, side)

    def left(self, column: int) -> int:
        return self.row_title + column * (self.side + _GAP)


def _title_block(columns: Sequence[str], grid: _Grid) -> np.ndarray:
    """Titles of the columns, each standing on its column."""
    titles = [_wrapped(text, grid.side, 3) for text in columns]
    block = _blank(max(map(len, titles), default=0) * _LINE + _GAP, grid.width)
    for number, lines in enumerate(titles):
        _paste(block, _text_block(lines, grid.side), len(block) - len(lines) * _LINE, grid.left(number))
    return block


def _row_block(row: Sequence[Cell | None], title: str, grid: _Grid) -> np.ndarray:
    """The pictures of a row with their captions, and its title at the left."""
    drawn = {number: _cell_block(cell, grid.side) for number, cell in enumerate(row) if cell is not None}
    name = _text_block(_wrapped(title, grid.row_title - _GAP, 4), grid.row_title)
    block = _blank(max([len(part) for part in drawn.values()] + [len(name)]) + _GAP, grid.width)
    _paste(block, name, 0, 0)
    for number, cell in drawn.items():
        _paste(block, cell, 0, grid.left(number))
    return block


def _cell_block(cell: Cell, side: int) -> np.ndarray:
    """A picture in its place, framed and marked with a cross where it is wrong, above its caption."""
    picture = _fitted(cell.picture, side)
    caption = f"✗ {cell.caption}" if cell.wrong else cell.caption
    _outline(picture, _WRONG if cell.wrong else _RULE, _FRAME if cell.wrong else 1)
    text = _text_block(_wrapped(caption, side, 3), side, color=_WRONG if cell.wrong else _INK)
    block = _blank(len(picture) + len(text), side)
    _paste(block, picture, 0, 0)
    _paste(block, text, len(picture), 0)
    return block


def _outline(picture: np.ndarray, color: str, thickness: int) -> None:
    """Paint the outermost pixels, so that a white picture ends somewhere."""
    rgb = _rgb(color)
    for edge in (np.s_[:thickness], np.s_[-thickness:], np.s_[:, :thickness], np.s_[:, -thickness:]):
        picture[edge] = rgb


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """As large as fits into a square: enlarged pixel by pixel, or reduced by area."""
    factor = side / max(picture.shape[:2])
    height, width = (max(1, round(length * factor)) for length in picture.shape[:2])
    way = cv2.INTER_NEAREST if factor > 1 else cv2.INTER_AREA
    return cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=way)


def _bar_block(scale: Scale, grid: _Grid) -> np.ndarray:
    """The colours of the scale above its ends, and its label beside."""
    length, thickness = _BAR
    ramp = scale.colors(np.linspace(scale.low, scale.high, length))
    block = _blank(thickness + _LINE + _GAP, grid.width)
    _paste(block, np.broadcast_to(ramp, (thickness, length, 3)), _GAP, grid.row_title)
    ends = [(0.0, scale.low), (0.5, (scale.low + scale.high) / 2), (1.0, scale.high)]
    for share, value in ends if scale.high > scale.low else ends[:1]:
        text = f"{value:.3g}"
        room = round(_font(_TEXT).getlength(text)) + 1
        left = grid.row_title + round(share * (length - room))
        _paste(block, _text_block([text], room, color=_MUTED), thickness + _GAP, left)
    left = grid.row_title + length + 2 * _GAP
    label = _wrapped(scale.label, grid.width - left, 2)
    _paste(block, _text_block(label, grid.width - left, color=_MUTED), 2, left)
    return block


def _text_block(lines: Sequence[str], width: int, size: int = _TEXT, color: str = _INK) -> np.ndarray:
    """Lines of text: uint8 RGB (height, width, 3)."""
    from PIL import Image, ImageDraw

    line = _LINE + size - _TEXT
    if not lines or width < 1:
        return _blank(0, width)
    image = Image.new("RGB", (width, line * len(lines)), _PAPER)
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(lines):
        draw.text((0, number * line), text, font=_font(size), fill=color)
    return np.asarray(image)


def _wrapped(text: str, width: int, most: int, size: int = _TEXT) -> list[str]:
    """Up to `most` lines that are no wider than `width`; words that are too long lose their middle."""
    lines: list[str] = []
    for part in text.split("\n") if text else []:
        line = ""
        for word in _visible(part).split(" "):
            longer = f"{line} {word}" if line else word
            if line and _font(size).getlength(longer) > width:
                lines.append(line)
                longer = word
            line = _shortened(longer, width, size)
        lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], _shortened(" ".join(lines[most - 1 :]), width, size)]
    return lines[:most]


def _shortened(text: str, width: int, size: int) -> str:
    limit = len(text)
    while limit > 2 and (length := _font(size).getlength(text)) > width:
        limit = min(limit - 1, int(limit * width / length) + 4)
        text = visible_text(text, limit)
    return text


def _visible(text: str) -> str:
    return visible_text(text, _LONGEST)


@lru_cache(maxsize=4)
def _font(size: int) -> "FreeTypeFont":
    """DejaVu Sans as matplotlib carries it: the font of the charts, whatever the machine has."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    path = f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 255, dtype=np.uint8)


def _paste(block: np.ndarray, part: np.ndarray, top: int, left: int) -> None:
    """Put a part into a block; what reaches beyond it is cut off."""
    room = block[top : top + part.shape[0], left : left + part.shape[1]]
    room[:] = part[: room.shape[0], : room.shape[1]]


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


@lru_cache(maxsize=2)
def _table(diverging: bool) -> np.ndarray:
    """Colours of a scale: uint8 RGB (256, 3)."""
    steps = np.arange(256)
    if not diverging:
        ramp = cv2.applyColorMap(steps.astype(np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)
        return ramp[:, 0, ::-1].copy()
    anchors = np.array([_LOW, _MIDDLE, _HIGH], dtype=np.float64)
    channels = [np.interp(steps, [0, 128, 255], anchors[:, channel]) for channel in range(3)]
    return np.rint(np.column_stack(channels)).astype(np.uint8)
