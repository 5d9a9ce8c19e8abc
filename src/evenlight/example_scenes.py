"""What a camera of the example data always sees: its street, in layers for `example_frames` to light."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from evenlight.example_paint import (
    ZOOM,
    Array,
    Colour,
    Lamp,
    Painter,
    Surface,
    View,
    add_glow,
    depth_code,
    generator,
    shade,
    smooth_noise,
)
from evenlight.example_things import (
    BRICK,
    CARS,
    CONCRETE,
    DISTRICTS,
    LAMP_LIGHTS,
    District,
    boat,
    house,
    lamp,
    parked,
    person,
    tree,
)


@dataclass(frozen=True)
class Camera:
    """One camera: name, district, seed of its view, picture size in pixels, JPEG quality, focus."""

    name: str
    district: str
    seed: int
    width: int
    height: int
    quality: int
    blurred: bool


@dataclass(frozen=True)
class Scene:
    """Layers of one camera, uint8 (H, W) or RGB (H, W, 3), margin included."""

    camera: Camera
    view: View
    road: float  # half width in metres
    albedo: Array  # colours in plain light, multiplied by coverage: black in the sky
    snowy: Array  # the same under snow
    gap: Array  # 255 where the sky shows
    sun: tuple[Array, Array]  # direct light when the sun stands left, right
    gloss: Array  # how much a surface mirrors: 255 water, about 100 a road
    depth: Array  # depth_code of the distance, 255 in the sky
    glow: Array  # light of the street lamps on the ground
    lamps: tuple[Lamp, ...]
    lamp_light: Colour
    panes: Array  # number of the window that shows, uint16, 0 for none
    shops: Array  # whether window n is a shop's, bool (windows + 1,)


_BESIDE: dict[str, tuple[Colour, Surface]] = {
    "houses": ((128, 124, 112), (220, 220, 30, 230)),
    "water": ((58, 84, 100), (200, 200, 255, 0)),
    "grass": ((96, 122, 70), (220, 220, 0, 240)),
}


def build_scene(camera: Camera) -> Scene:
    """Paint the camera's street; a pure function of the camera."""
    district = DISTRICTS[camera.district]
    middle = (0.3, 0.7) if district.right == "houses" else (0.25, 0.45)
    painter = Painter(camera.width, camera.height, generator(camera.seed), middle)
    road = painter.between(*district.road)
    if camera.district == "hills":
        _hills(painter)
    _skyline(painter, highest=0.32 if camera.district == "station" else 0.1)
    _ground(painter, road, district)
    _along_the_road(painter, road, district)
    return _shrink(painter, road, camera)


def _hills(painter: Painter) -> None:
    base = painter.view.y + 3
    xs = np.linspace(0, painter.width, 65)
    for layer in range(3):
        height = painter.view.y * (0.55 - 0.15 * layer)
        ridge = smooth_noise(int(painter.rng.integers(2**31)), 256, 4)[0, ::4] / 255
        green = 112 - 10 * layer
        for left, right, a, b in zip(xs, xs[1:], ridge, np.roll(ridge, -1), strict=False):
            slope = [(left, base), (left, base - height * a), (right, base - height * b), (right, base)]
            painter.polygon(slope, (green - 26, green, green - 26), (170, 170, 0, 190), 224 - 10 * layer)


def _skyline(painter: Painter, highest: float) -> None:
    """Far blocks; `highest` is a share of the focal length."""
    view, base, x = painter.view, painter.view.y + 3, -20.0
    while x < painter.width:
        wide = view.focal * painter.between(0.012, 0.04)
        high = view.focal * painter.between(0.015, highest)
        colour = shade(painter.pick([*CONCRETE, *BRICK]), painter.between(70, 95))
        block = [(x, base), (x, base - high), (x + wide, base - high), (x + wide, base)]
        depth = int(depth_code(painter.between(200, 320)))
        painter.polygon(block, colour, (150, 150, 0, 60), depth)
        for _ in range(int(wide * high / 160)):
            left, top = x + painter.between(0.1, 0.8) * wide, base - painter.between(0.1, 0.9) * high
            pane = [(left, top), (left + 2.6, top), (left + 2.6, top + 3), (left, top + 3)]
            painter.window(pane, shade(colour, 92), (150, 150, 0, 0), depth, shop=False)
        x += wide * painter.between(0.7, 1.3)


def _ground(painter: Painter, road: float, district: District) -> None:
    """Road, pavements and what lies beside them."""
    view, pavement, far = painter.view, road + 3.0, 900.0
    painter.ground(-900, 900, 1, far, *_BESIDE["houses"])
    painter.ground(pavement, 2000, 1, far, *_BESIDE[district.right])
    stone = painter.pick([(150, 148, 144), (162, 154, 142), (140, 136, 132)])
    painter.ground(-pavement, pavement, 1, far, stone, (220, 220, 40, 220))
    painter.ground(-road - 0.25, road + 0.25, 1, far, shade(stone, 118), (230, 230, 30, 200))
    asphalt = painter.pick([(92, 92, 96), (84, 86, 92), (104, 100, 98)])
    painter.ground(-road, road, 1, far, asphalt, (220, 220, 100, 120))
    paint: Surface = (230, 230, 90, 110)
    for z in range(6, 160, 6):
        painter.ground(-0.09, 0.09, z, z + 3, (206, 204, 196), paint)
    for edge in (-road + 0.4, road - 0.4):
        painter.ground(edge - 0.06, edge + 0.06, 1, 300, (190, 188, 180), paint)
    crossing = painter.between(14, 34)
    for number in range(int((2 * road - 1.5) / 1.1)):
        x = -road + 0.9 + 1.1 * number
        painter.ground(x, x + 0.55, crossing, crossing + 3.2, (212, 210, 204), paint)
    rows = np.arange(int(view.y) + 1, painter.height)
    painter.depth[rows] = depth_code(view.focal * view.eye / (rows - view.y))[:, None]


def _along_the_road(painter: Painter, road: float, district: District) -> None:
    """Everything that stands, far to near."""
    between, pavement = painter.between, road + 3.0
    things: list[tuple[float, Callable[[], None]]] = []

    def some(first: float, step: float, share: float) -> list[float]:
        """Places along the road, each taken with a probability."""
        return [float(z) for z in np.arange(first, 165, step) if between(0, 1) < share]

    for side in (-1, 1):
        built = side == -1 or district.right == "houses"
        z = between(5, 12)
        while z < 170 and built:
            end = z + between(7, 16)
            things.append((end, partial(house, painter, side, pavement, z, end, district)))
            z = end + (between(2, 9) if between(0, 1) < district.gaps else 0.0)
        for z in some(between(12, 20), 7.5, district.trees):
            things.append(
                (z, partial(tree, painter, side * (road + between(1.2, 2.2)), z, between(4.5, 8.0)))
            )
        if not built and district.right == "grass":
            for z in some(between(12, 20), 2.5, 1.0):
                things.append((z, partial(tree, painter, pavement + between(3, 60), z, between(6, 12))))
        if not built and district.right == "water":
            for z in some(between(22, 30), 7.0, 0.6):
                things.append((z, partial(boat, painter, pavement + between(6, 70), z)))
        for z in some(between(12, 18), 5.8, 0.35):
            colour = painter.pick(CARS)
            things.append((z, partial(parked, painter, side * (road - 1.15), z, colour, side == 1)))
        for z in some(between(12, 18), 4.0, 0.3):
            things.append((z, partial(person, painter, side * (road + between(0.6, 2.6)), z)))
    for number, z in enumerate(some(between(16, 24), between(10, 13), 1.0)):
        things.append((z, partial(lamp, painter, (-1, 1)[number % 2], road, z)))
    for _, draw in sorted(things, key=lambda thing: -thing[0]):
        draw()


def _shrink(painter: Painter, road: float, camera: Camera) -> Scene:
    """The layers at the picture's size, with the grain of real surfaces."""
    size = painter.width // ZOOM, painter.height // ZOOM

    def shrink(layer: Array) -> Array:
        return cv2.resize(layer, size, interpolation=cv2.INTER_AREA)

    colour, surface = shrink(painter.colour), shrink(painter.surface)
    grain = smooth_noise(int(painter.rng.integers(2**31)), 1024, 128)[: size[1], : size[0]]
    grain = cv2.merge([grain // 8 + 112] * 3)
    cover = colour[:, :, 3]
    albedo = cv2.multiply(np.ascontiguousarray(colour[:, :, :3]), grain, scale=1 / 128)
    snow = surface[:, :, 3].astype(np.uint16)[:, :, None]
    white = np.array([226, 230, 238], np.uint16) * cover[:, :, None] // 255
    pools = np.zeros((painter.height, painter.width), np.uint8)
    for centre, radius in painter.pools:
        add_glow(pools, centre, (radius, max(2.0, radius * 0.45)), 255)
    view = painter.view
    return Scene(
        camera=camera,
        view=View(view.focal / ZOOM, view.x / ZOOM, view.y / ZOOM, view.eye),
        road=road,
        albedo=albedo,
        snowy=((albedo * (255 - snow) + white * snow) // 255).astype(np.uint8),
        gap=255 - cover,
        sun=(cv2.blur(surface[:, :, 0], (3, 3)), cv2.blur(surface[:, :, 1], (3, 3))),
        gloss=surface[:, :, 2].copy(),
        depth=painter.depth[::ZOOM, ::ZOOM].copy(),
        glow=shrink(pools),
        lamps=tuple(painter.lamps),
        lamp_light=painter.pick(LAMP_LIGHTS),
        panes=painter.panes[::ZOOM, ::ZOOM].copy(),
        shops=np.array(painter.shops),
    )
