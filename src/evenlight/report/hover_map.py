"""Points in two dimensions whose images appear on hover, on tap and by keyboard: HTML and CSS, no script.

The marks are one SVG. Over every mark lies a transparent radio button: a group of them is one stop of the Tab key,
the arrow keys go from point to point, and the chosen one keeps its image in view, which is what a tap needs. All
images stand in one sprite sheet, which all maps of a page share.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from evenlight.report.charts import PALETTE, visible_text

MOST_POINTS = 1500
WIDTH, HEIGHT = 640, 440  # of the drawing, in its own units
_MARGIN = 12
_LONGEST = 60  # characters of a label with its path
# side and quality of the images, best first: the first that has room is taken
_SPRITES = ((48, 60), (40, 50), (32, 45), (20, 35))
_WIDEST = 16_000  # pixels of a sheet; WebP ends at 16,383
# marks of equal weight around (0, 0), as SVG path data
SHAPES = (
    "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",  # circle
    "M-.9-.9h1.8v1.8h-1.8z",  # square
    "M0-1.15 1.1.8h-2.2z",  # triangle
    "M0-1.25 1.25 0 0 1.25-1.25 0z",  # diamond
    "M-.4-1.15h.8v.75h.75v.8h-.75v.75h-.8v-.75h-.75v-.8h.75z",  # plus
    "M0 1.15 1.1-.8h-2.2z",  # triangle upside down
    "M-1.3-.5h2.6v1h-2.6z",  # bar
)


@dataclass(frozen=True)
class Mark:
    """A class: its colour, the number of its shape, and its points in the drawing, those of the test split apart."""

    label: str
    color: str
    shape: int
    points: Sequence[tuple[str, str]]
    test_points: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Target:
    """A point that shows its image: `x` and `y` in per cent, its place on the sprite sheet, and what it is.

    `side` holds the CSS classes that turn the image inwards, so that it never leaves the map.
    """

    x: str
    y: str
    column: int
    row: int
    text: str
    side: str


@dataclass(frozen=True)
class HoverMap:
    """What the template explain_map.html draws; `radius` is that of a mark."""

    marks: Sequence[Mark]
    targets: Sequence[Target]
    radius: float
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Sprites:
    """A sheet of square images as a data URI, empty where there was no room; `columns` by `rows` of them."""

    uri: str
    columns: int
    rows: int


def hover_map(
    points: np.ndarray,
    labels: Sequence[str],
    splits: Sequence[str],
    paths: Sequence[str],
    classes: Sequence[str],
) -> HoverMap:
    """A map of points with one scale for both axes, the second upwards.

    Args:
        points: float (N, 2), any range; point number n is image number n of the sprite sheet.
        labels, splits, paths: of the points, N each.
        classes: all labels, in the order of colours and shapes.

    Returns:
        The map; the keyboard goes through it class by class, from left to right.
    """
    places = _places(points)
    codes = np.array([classes.index(label) for label in labels], dtype=int)
    test = np.array([split == "test" for split in splits], dtype=bool)
    marks = [
        Mark(
            label,
            PALETTE[code % len(PALETTE)],
            code % len(SHAPES),
            *(_texts(places[(codes == code) & (test == is_test)]) for is_test in (False, True)),
        )
        for code, label in enumerate(classes)
    ]
    columns = _columns(len(points))
    targets = [
        Target(
            f"{100 * places[number, 0] / WIDTH:.1f}",
            f"{100 * places[number, 1] / HEIGHT:.1f}",
            number % columns,
            number // columns,
            _described(labels[number], splits[number], paths[number]),
            _side(places[number]),
        )
        for number in np.lexsort((places[:, 0], codes)).tolist()
    ]
    return HoverMap(marks, targets, float(np.clip(110 / max(len(points), 1) ** 0.5, 2.6, 6)))


def sprites(images: Sequence[np.ndarray], room: int) -> Sprites:
    """Images, RGB uint8 (h, w, 3), side by side in one picture of at most `room` characters as a data URI.

    Every image fits a square and is centred in it; sides and quality fall until the sheet has room.
    """
    columns = _columns(len(images))
    rows = -(-len(images) // columns)
    for side, quality in _SPRITES:
        if columns * side <= _WIDEST:
            uri = _webp_uri(_sheet(images, side, columns, rows), quality)
            if len(uri) <= room:
                return Sprites(uri, columns, rows)
    return Sprites("", columns, rows)


def _columns(count: int) -> int:
    """Images in a row of a sheet of so many, which is about square."""
    return max(1, int(np.ceil(count**0.5)))


def _sheet(images: Sequence[np.ndarray], side: int, columns: int, rows: int) -> np.ndarray:
    """uint8 (rows * side, columns * side, 3)."""
    sheet = np.full((rows * side, columns * side, 3), 128, dtype=np.uint8)
    for number, image in enumerate(images):
        scale = side / max(image.shape[:2])
        height, width = (max(1, round(length * scale)) for length in image.shape[:2])
        top = number // columns * side + (side - height) // 2
        left = number % columns * side + (side - width) // 2
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        sheet[top : top + height, left : left + width] = small
    return sheet


def _webp_uri(picture: np.ndarray, quality: int) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP", method=4, quality=quality)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _places(points: np.ndarray) -> np.ndarray:
    """Points in the drawing, centred, y downwards: float (N, 2)."""
    if len(points) == 0:
        return np.zeros((0, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * _MARGIN
    scales = room[high > low] / (high - low)[high > low]
    centred = (points - (low + high) / 2) * scales.min(initial=np.inf if len(scales) else 1.0)
    return np.array([WIDTH, HEIGHT]) / 2 + centred * [1, -1]


def _texts(places: np.ndarray) -> list[tuple[str, str]]:
    return [(f"{x:.1f}", f"{y:.1f}") for x, y in places.tolist()]


def _described(label: str, split: str, path: str) -> str:
    shown = visible_text(f"{label}, {path}", _LONGEST)
    return f"{shown} (test)" if split == "test" else shown


def _side(place: np.ndarray) -> str:
    across = "l" if place[0] > WIDTH / 2 else "r"
    return f"{across} u" if place[1] > HEIGHT / 2 else across
