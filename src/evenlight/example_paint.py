"""The brush of the example data: a street as layers, painted without light, in exact arithmetic.

A street is a small world in metres (x right, y up, z ahead of the camera) seen in one-point perspective and
painted far to near, at twice the size. Everything is drawn on uint8 and no value depends on the rounding of
transcendental functions, so that the bytes do not depend on the processor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

MARGIN = 6  # pixels around the visible picture, for the camera's shake
ZOOM = 2  # layers are painted this much larger and shrunk: smooth edges
_HALF_DEPTH = 60.0  # metres at which the depth code is half of its range

Colour = tuple[int, int, int]
Point = tuple[float, float]
Place = tuple[float, float, float]
Surface = tuple[int, int, int, int]  # sun when it stands left, when it stands right, gloss, snow; each 0..255
Array = np.ndarray


class Lamp(NamedTuple):
    """A street lamp's head: position and radius in pixels."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class View:
    """Where places of the world fall in the picture (pixels, margin included)."""

    focal: float
    x: float  # vanishing point
    y: float
    eye: float  # metres above the road

    def point(self, x: float, y: float, z: float) -> Point:
        """The picture's point of a place in the world, z > 0."""
        return self.x + self.focal * x / z, self.y - self.focal * (y - self.eye) / z


def generator(seed: int) -> np.random.Generator:
    """The generator of one task."""
    return np.random.Generator(np.random.PCG64(seed))


def depth_code(metres: Array | float) -> Array:
    """Distance as uint8: 0 at the lens to 254 at the end of the world; 255 is kept for the sky."""
    distance = np.asarray(metres, dtype=np.float64)
    return (254 * distance / (distance + _HALF_DEPTH)).astype(np.uint8)


def depth_metres() -> Array:
    """The distance in metres of each of the 256 codes, float64 (256,); the sky counts as the furthest."""
    code = np.minimum(np.arange(256), 253).astype(np.float64)
    return _HALF_DEPTH * code / (254 - code)


def smooth_noise(seed: int, size: int, coarsest: int) -> Array:
    """Cloud-like noise that tiles: uint8 (size, size), 0..255; `coarsest` cells per side to begin with."""
    rng = generator(seed)
    total = np.zeros((size, size), np.int32)
    cells, weight = coarsest, 128
    while cells <= size // 2 and weight >= 4:
        grid = rng.integers(0, 256, (cells, cells), dtype=np.uint8)
        step = size // cells
        padded = np.pad(grid, 2, mode="wrap")
        large = cv2.resize(padded, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
        large = cv2.blur(large, (step | 1, step | 1))  # rounds off the creases of linear interpolation
        total += large[2 * step : -2 * step, 2 * step : -2 * step].astype(np.int32) * weight
        cells, weight = cells * 2, weight // 2
    low, high = int(total.min()), int(total.max())
    return ((total - low) * 255 // (high - low)).astype(np.uint8)


def shade(colour: Colour, percent: float) -> Colour:
    """The colour made darker (below 100) or brighter."""
    red, green, blue = (min(255, int(value * percent / 100)) for value in colour)
    return red, green, blue


def fixed(points: Sequence[Point]) -> Array:
    """Corners as cv2 wants them with shift=4: int32 (N, 2)."""
    return np.rint(np.asarray(points, np.float64) * 16).astype(np.int32)


def _falloff() -> Array:
    side = np.arange(-127.5, 128.0)
    distance = (side[:, None] ** 2 + side[None, :] ** 2) / 127.5**2
    return (255 * np.maximum(0.0, 1.0 - distance) ** 2).astype(np.uint8)


_FALLOFF = _falloff()  # light around a lamp: 255 in the middle, 0 at the rim


def add_glow(image: Array, centre: Point, radii: tuple[float, float], light: int | Sequence[int]) -> None:
    """Add a soft ellipse of light to a uint8 image, (H, W) with an int, (H, W, 3) with a colour."""
    height, width = image.shape[:2]
    left, top = round(centre[0] - radii[0]), round(centre[1] - radii[1])
    right, bottom = left + max(2, round(2 * radii[0])), top + max(2, round(2 * radii[1]))
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, right), min(height, bottom)
    if x0 >= x1 or y0 >= y1:
        return
    columns = (np.arange(x0, x1) - left) * 256 // (right - left)
    rows = (np.arange(y0, y1) - top) * 256 // (bottom - top)
    spot = _FALLOFF[rows[:, None], columns[None, :]]
    ramp = np.arange(256, dtype=np.uint16)[:, None] * np.atleast_1d(np.asarray(light, np.uint16)) // 255
    table = ramp.astype(np.uint8)
    part = image[y0:y1, x0:x1]
    lit = cv2.LUT(spot, table[:, 0]) if image.ndim == 2 else cv2.applyColorMap(spot, table[:, None, :])
    image[y0:y1, x0:x1] = cv2.add(part, lit)


class Painter:
    """Paints into all layers of a street at once; later paint hides earlier paint."""

    def __init__(
        self, width: int, height: int, rng: np.random.Generator, middle: tuple[float, float]
    ) -> None:
        """`width` and `height` of the picture; `middle`: the vanishing point's range across it, 0..1."""
        self.rng = rng
        self.width, self.height = (width + 2 * MARGIN) * ZOOM, (height + 2 * MARGIN) * ZOOM
        self.view = View(
            focal=max(width, height) * ZOOM * self.between(0.75, 1.0),
            x=self.width * self.between(*middle),
            y=self.height * self.between(0.42, 0.54),
            eye=self.between(4.0, 7.5),
        )
        self.colour = np.zeros((self.height, self.width, 4), np.uint8)  # RGB and coverage
        self.surface = np.zeros((self.height, self.width, 4), np.uint8)
        self.depth = np.full((self.height, self.width), 255, np.uint8)
        self.panes = np.zeros(
            (self.height, self.width), np.uint16
        )  # number of the window that shows, 0 for none
        self.shops: list[bool] = [False]  # whether window n is a shop's; none is number 0
        self.lamps: list[Lamp] = []
        self.pools: list[
            tuple[Point, float]
        ] = []  # middle and radius of a lamp's light on the ground, in pixels

    def between(self, low: float, high: float) -> float:
        """A random number."""
        return float(self.rng.uniform(low, high))

    def pick(self, colours: Sequence[Colour]) -> Colour:
        """A random colour."""
        return colours[int(self.rng.integers(len(colours)))]

    def polygon(
        self,
        points: Sequence[Point],
        colour: Colour,
        surface: Surface,
        depth: Array | int | None,
        pane: int = 0,
    ) -> None:
        """A convex shape in pixels; `depth`: a code, a code per column, or None to leave it as it is."""
        corners = fixed(points)
        left, top, width, height = cv2.boundingRect(corners // 16)
        if left > self.width or top > self.height or left + width < 0 or top + height < 0:
            return
        cv2.fillConvexPoly(self.colour, corners, (*colour, 255), cv2.LINE_AA, 4)
        cv2.fillConvexPoly(self.surface, corners, surface, cv2.LINE_8, 4)
        cv2.fillConvexPoly(self.panes, corners, (pane,), cv2.LINE_8, 4)
        if isinstance(depth, int):
            cv2.fillConvexPoly(self.depth, corners, (depth,), cv2.LINE_8, 4)
        elif depth is not None:
            inside = self.inside(points)
            np.copyto(self.depth, depth, where=inside)

    def inside(self, points: Sequence[Point]) -> Array:
        """Which pixels lie in a convex shape: bool (H, W)."""
        mask = np.zeros((self.height, self.width), np.uint8)
        cv2.fillConvexPoly(mask, fixed(points), 1, cv2.LINE_8, 4)
        return mask.view(np.bool_)

    def window(
        self, points: Sequence[Point], colour: Colour, surface: Surface, depth: int, shop: bool
    ) -> None:
        """A pane that can be lit."""
        self.shops.append(shop)
        self.polygon(points, colour, surface, depth, pane=len(self.shops) - 1)

    def face(self, corners: Sequence[Place], colour: Colour, surface: Surface) -> None:
        """A convex face of the world, at the depth of its middle."""
        middle = sum(z for _, _, z in corners) / len(corners)
        self.polygon(
            [self.view.point(*corner) for corner in corners], colour, surface, int(depth_code(middle))
        )

    def ground(
        self, left: float, right: float, near: float, far: float, colour: Colour, surface: Surface
    ) -> None:
        """A rectangle on the ground; the ground's depth is laid once for all."""
        corners = ((left, near), (left, far), (right, far), (right, near))
        self.polygon([self.view.point(x, 0, z) for x, z in corners], colour, surface, None)

    def disc(self, centre: Point, radius: float, colour: Colour, surface: Surface, depth: int) -> None:
        """A filled circle, in pixels."""
        middle = round(centre[0] * 16), round(centre[1] * 16)
        size = max(8, round(radius * 16))
        cv2.circle(self.colour, middle, size, (*colour, 255), cv2.FILLED, cv2.LINE_AA, 4)
        cv2.circle(self.surface, middle, size, surface, cv2.FILLED, cv2.LINE_8, 4)
        cv2.circle(self.panes, middle, size, (0,), cv2.FILLED, cv2.LINE_8, 4)
        cv2.circle(self.depth, middle, size, (depth,), cv2.FILLED, cv2.LINE_8, 4)
