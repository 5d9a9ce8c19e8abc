"""What stands in the streets of the example data: houses, trees, lamps, boats, cars, people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from evenlight.example_paint import (
    ZOOM,
    Colour,
    Lamp,
    Painter,
    Place,
    Surface,
    depth_code,
    shade,
)


@dataclass(frozen=True)
class District:
    """How a district is built; trees, shops and gaps are shares between 0 and 1."""

    walls: Sequence[Colour]
    roofs: Sequence[Colour]
    floors: tuple[int, int]
    road: tuple[float, float]  # half width in metres
    gables: float
    gaps: float
    trees: float
    shops: float
    right: str = "houses"  # what lies to the right of the road: houses, water or grass


BRICK = [(150, 92, 74), (168, 118, 92), (186, 150, 120), (140, 84, 72), (176, 130, 100)]
_PLASTER = [
    (214, 196, 160),
    (200, 168, 124),
    (222, 208, 184),
    (196, 150, 128),
    (176, 186, 176),
    (208, 180, 140),
]
CONCRETE = [(150, 154, 160), (172, 172, 170), (126, 138, 152), (186, 184, 178), (110, 122, 136)]
_TILES = [(140, 72, 56), (122, 66, 54), (98, 66, 60), (158, 88, 64)]
_SLATE = [(82, 86, 96), (94, 92, 94), (72, 80, 92)]
CARS = [
    (176, 178, 182),
    (52, 56, 64),
    (150, 42, 40),
    (46, 74, 120),
    (206, 206, 202),
    (92, 100, 92),
    (196, 160, 70),
]
_CLOTHES = [(60, 60, 76), (120, 60, 56), (70, 92, 110), (150, 140, 120), (44, 44, 48)]
_LEAVES = [(92, 122, 62), (78, 108, 58), (116, 128, 60), (142, 116, 52), (70, 100, 66)]
LAMP_LIGHTS: list[Colour] = [
    (255, 170, 80),
    (255, 190, 110),
    (255, 222, 170),
    (220, 232, 255),
    (255, 160, 64),
]
_GLASS: Colour = (84, 98, 114)

DISTRICTS = {
    "harbour": District(BRICK, _SLATE, (2, 4), (5, 7), 0.7, 0.5, 0.1, 0.2, right="water"),
    "hills": District(_PLASTER, _TILES, (1, 3), (3.5, 5), 0.95, 0.8, 0.6, 0.0),
    "market": District(_PLASTER, _TILES, (3, 5), (5, 8), 0.6, 0.15, 0.25, 0.9),
    "old_town": District(_PLASTER + BRICK, _TILES, (2, 4), (3.5, 5), 1.0, 0.1, 0.05, 0.4),
    "park": District(BRICK + _PLASTER, _SLATE, (3, 5), (4, 6), 0.7, 0.3, 0.9, 0.1, right="grass"),
    "station": District(CONCRETE, _SLATE, (5, 11), (7, 10), 0.0, 0.3, 0.3, 0.4),
}


def _wall_place(side: int, x: float, along: float, up: float, z: float | None) -> Place:
    """A point of the front (which runs along z) or, with `z` given, of the end wall that faces the camera."""
    return (x, up, along) if z is None else (side * along, up, z)


def house(painter: Painter, side: int, x: float, near: float, far: float, district: District) -> None:
    """A house beside the road: front, end wall, roof, windows."""
    between = painter.between
    storeys = int(painter.rng.integers(district.floors[0], district.floors[1] + 1))
    height, deep = 3.2 * storeys + between(0.4, 1.4), between(8, 13)
    wall, roof = painter.pick(district.walls), painter.pick(district.roofs)
    front: Surface = (30, 255, 15, 25) if side < 0 else (255, 30, 15, 25)
    end: Surface = (165, 165, 15, 25)
    view, edge = painter.view, side * x
    columns = np.arange(painter.width) - view.x
    columns[np.abs(columns) < 1] = 1
    depth = depth_code(np.clip(view.focal * edge / columns, near, far))[None, :]
    corners = [(edge, 0.0, near), (edge, height, near), (edge, height, far), (edge, 0.0, far)]
    _house_shadow(painter, side, x, near, far, height)
    outer = edge + side * deep
    painter.face(
        [(edge, 0, near), (edge, height, near), (outer, height, near), (outer, 0, near)], shade(wall, 92), end
    )
    painter.polygon([view.point(*corner) for corner in corners], wall, front, depth)
    _roof(painter, side, edge, near, far, height, deep, roof, wall, between(0, 1) < district.gables)
    shops = between(0, 1) < district.shops
    lintel, sill = shade(wall, 118), shade(wall, 78)
    for length, start, z, surface in ((far - near, near, None, front), (deep, x, near, end)):
        bays = max(1, int(length / 2.9))
        step = length / bays
        for storey in range(storeys):
            floor = 3.2 * storey + 0.3
            if storey == 1:
                band = [
                    (start, floor - 0.35),
                    (start, floor - 0.1),
                    (start + length, floor - 0.1),
                    (start + length, floor - 0.35),
                ]
                painter.face([_wall_place(side, edge, a, u, z) for a, u in band], lintel, surface)
            for bay in range(bays):
                left = start + step * bay
                if storey == 0 and shops:
                    box, shop = (left + 0.25, left + step - 0.25, 0.4, 2.7), True
                else:
                    box, shop = (left + step * 0.28, left + step * 0.72, floor + 0.9, floor + 2.5), False
                _window(painter, partial(_wall_place, side, edge, z=z), box, (lintel, sill), surface, shop)


def _window(
    painter: Painter,
    place: Callable[[float, float], Place],
    box: tuple[float, float, float, float],
    trim: tuple[Colour, Colour],
    surface: Surface,
    shop: bool,
) -> None:
    """A window of a wall; `box` is left, right, bottom and top in metres on that wall."""
    left, right, bottom, top = box

    def quad(grow: float, low: float, high: float) -> list[Place]:
        sides = ((left - grow, low), (left - grow, high), (right + grow, high), (right + grow, low))
        return [place(along, up) for along, up in sides]

    view = painter.view
    pane = [view.point(*corner) for corner in quad(0, bottom, top)]
    xs, ys = [x for x, _ in pane], [y for _, y in pane]
    if max(xs) < 0 or min(xs) > painter.width or max(ys) - min(ys) < 2.5:
        return
    if max(ys) - min(ys) > 9:
        painter.face(quad(0.12, bottom - 0.12, top + 0.14), trim[0], surface)
        painter.face(quad(0.2, bottom - 0.26, bottom - 0.1), trim[1], surface)
    glass = shade(_GLASS, painter.between(60, 115))
    gleam: Surface = (min(255, surface[0] + 50), min(255, surface[1] + 50), 60, 0)
    depth = int(depth_code(place(left, 0)[2]))
    painter.window(pane, glass, gleam, depth, shop)
    if max(ys) - min(ys) > 14 and not shop:
        painter.face([place(a, u) for a, u in _bar((left + right) / 2, bottom, top)], trim[0], surface)
    if shop:
        awning = painter.pick([(150, 50, 44), (60, 96, 76), (190, 180, 150), (60, 74, 110), (196, 140, 60)])
        painter.face(quad(0.15, top + 0.05, top + 0.5), awning, (220, 220, 0, 120))


def _bar(middle: float, bottom: float, top: float) -> list[tuple[float, float]]:
    return [(middle - 0.05, bottom), (middle - 0.05, top), (middle + 0.05, top), (middle + 0.05, bottom)]


def _house_shadow(painter: Painter, side: int, x: float, near: float, far: float, height: float) -> None:
    """The ground that the house keeps the sun from when the sun stands on its side."""
    reach = side * (x - 0.45 * height)
    corners = [(side * (x + 1), 0, near), (side * (x + 1), 0, far), (reach, 0, far + 2), (reach, 0, near + 2)]
    inside = painter.inside([painter.view.point(*corner) for corner in corners])
    painter.surface[:, :, 0 if side < 0 else 1][inside] = 40


def _roof(
    painter: Painter,
    side: int,
    edge: float,
    near: float,
    far: float,
    height: float,
    deep: float,
    roof: Colour,
    wall: Colour,
    gabled: bool,
) -> None:
    if not gabled:  # a parapet
        rim = [
            (edge, height, near),
            (edge, height + 0.5, near),
            (edge, height + 0.5, far),
            (edge, height, far),
        ]
        painter.face(rim, shade(wall, 84), (200, 200, 0, 120))
        outer = edge + side * deep
        rim = [
            (edge, height, near),
            (edge, height + 0.5, near),
            (outer, height + 0.5, near),
            (outer, height, near),
        ]
        painter.face(rim, shade(wall, 78), (160, 160, 0, 120))
        return
    rise = deep * painter.between(0.28, 0.4)
    ridge = edge + side * deep / 2
    painter.face(
        [(edge, height, near), (ridge, height + rise, near), (edge + side * deep, height, near)],
        shade(wall, 92),
        (165, 165, 0, 25),
    )
    over = edge - side * 0.3
    eaves = height - 0.3 * rise / (deep / 2)
    slope = [
        (over, eaves, near - 0.2),
        (ridge, height + rise, near - 0.2),
        (ridge, height + rise, far),
        (over, eaves, far),
    ]
    if painter.view.eye > height - abs(edge) * rise / (
        deep / 2
    ):  # else the camera is below the plane of the roof
        painter.face(slope, roof, (255, 110, 15, 235) if side > 0 else (110, 255, 15, 235))
    if painter.between(0, 1) < 0.5:
        z, top = near + 0.6 * (far - near), height + rise + 1.0
        stack = [
            (ridge - 0.4, top - 2.2, z),
            (ridge - 0.4, top, z),
            (ridge + 0.4, top, z),
            (ridge + 0.4, top - 2.2, z),
        ]
        painter.face(stack, shade(wall, 80), (180, 180, 0, 60))


def tree(painter: Painter, x: float, z: float, height: float) -> None:
    """A tree of overlapping clumps of leaves, darker below."""
    view, between = painter.view, painter.between
    foot_x, foot_y = view.point(x, 0, z)
    size = view.focal * height / z
    depth = int(depth_code(z))
    bark: Surface = (150, 150, 0, 60)
    trunk = max(1.0, size * 0.035)
    stem = [(foot_x - trunk, foot_y), (foot_x - trunk * 0.6, foot_y - size * 0.6)]
    stem += [(foot_x + trunk * 0.6, foot_y - size * 0.6), (foot_x + trunk, foot_y)]
    painter.polygon(stem, (78, 64, 52), bark, depth)
    leaf = painter.pick(_LEAVES)
    clumps = int(min(90, max(10, size * 0.8)))
    spots = sorted((between(-1, 1), between(-1, 1)) for _ in range(clumps * 2))
    for across, up in sorted(
        (spot for spot in spots if spot[0] ** 2 + spot[1] ** 2 < 1), key=lambda spot: spot[1]
    ):
        centre = foot_x + across * size * 0.3, foot_y - size * (0.66 + 0.3 * up)
        left = int(150 - 100 * across)
        surface: Surface = (left, 300 - left, 0, int(130 + 70 * up))
        colour = shade(leaf, 82 + 26 * up + between(-12, 12))
        painter.disc(centre, size * between(0.05, 0.1), colour, surface, depth)


def lamp(painter: Painter, side: int, road: float, z: float) -> None:
    """A street lamp: post, arm over the road, head, and the pool of light it will throw."""
    view, height = painter.view, 6.4
    foot, top = view.point(side * (road + 0.7), 0, z), view.point(side * (road + 0.7), height, z)
    head = view.point(side * (road - 0.8), height + 0.15, z)
    thick = max(0.7, view.focal * 0.075 / z)
    depth, steel, surface = int(depth_code(z)), (70, 74, 78), (190, 190, 0, 60)
    post = [
        (foot[0] - thick, foot[1]),
        (top[0] - thick * 0.6, top[1]),
        (top[0] + thick * 0.6, top[1]),
        (foot[0] + thick, foot[1]),
    ]
    arm = [
        (top[0], top[1] - thick * 0.6),
        (head[0], head[1] - thick * 0.6),
        (head[0], head[1] + thick * 0.6),
        (top[0], top[1] + thick),
    ]
    painter.polygon(post, steel, surface, depth)
    painter.polygon(arm, steel, surface, depth)
    bulb = max(1.0, view.focal * 0.2 / z)
    painter.polygon(
        [
            (head[0] - bulb * 1.6, head[1]),
            (head[0] - bulb, head[1] - bulb * 0.8),
            (head[0] + bulb, head[1] - bulb * 0.8),
            (head[0] + bulb * 1.6, head[1]),
        ],
        steel,
        surface,
        depth,
    )
    painter.lamps.append(Lamp(head[0] / ZOOM, head[1] / ZOOM, bulb / ZOOM))
    painter.pools.append((view.point(side * (road - 0.8), 0, z), view.focal * 7.5 / z))


def boat(painter: Painter, x: float, z: float) -> None:
    """A moored sailing boat."""
    left, length, mast = x, painter.between(6, 10), painter.between(7, 12)
    hull = painter.pick([(196, 194, 188), (60, 76, 112), (138, 54, 48), (214, 208, 190)])
    surface: Surface = (220, 220, 20, 120)
    shell = [
        (left, 1.1, z),
        (left + length, 1.3, z),
        (left + length * 0.85, 0.0, z),
        (left + length * 0.12, 0.0, z),
    ]
    painter.face(shell, hull, surface)
    cabin = [(left + length * p, u, z) for p, u in ((0.3, 1.1), (0.34, 2.0), (0.6, 2.0), (0.68, 1.2))]
    painter.face(cabin, shade(hull, 80), surface)
    middle, wide = left + length * 0.45, max(0.06, 1.2 * z / painter.view.focal)
    painter.face(
        [(middle, 1, z), (middle, mast, z), (middle + wide, mast, z), (middle + wide, 1, z)],
        (170, 166, 158),
        surface,
    )


def parked(painter: Painter, x: float, z: float, colour: Colour, facing_away: bool) -> None:
    """A parked car and the shadow under it."""
    painter.ground(x - 1.0, x + 1.0, z - 0.1, z + 4.3, (44, 44, 48), (90, 90, 20, 0))
    for corners, paint in car_faces(x, z, colour, facing_away):
        painter.face(corners, paint, (210, 210, 60, 90))


def car_faces(x: float, z: float, colour: Colour, facing_away: bool) -> list[tuple[list[Place], Colour]]:
    """The faces of a car of 1.8 m by 4.2 m whose near end stands at z, in painting order."""
    left, right, far = x - 0.9, x + 0.9, z + 4.2
    inner = left if x > 0 else right  # the flank that the camera sees
    roof_near, roof_far = (z + 0.6, z + 2.6) if facing_away else (z + 1.6, z + 3.6)
    flank = [(inner, 0.25, z), (inner, 0.95, z), (inner, 0.95, far), (inner, 0.25, far)]
    glass = [
        (inner, 0.95, z + 0.3),
        (inner, 1.45, roof_near),
        (inner, 1.45, roof_far),
        (inner, 0.95, far - 0.4),
    ]
    deck = [(left, 0.95, z), (left, 0.95, far), (right, 0.95, far), (right, 0.95, z)]
    screen_foot = z + (0.15 if facing_away else 1.0)
    screen = [
        (left + 0.1, 0.95, screen_foot),
        (left + 0.2, 1.45, roof_near),
        (right - 0.2, 1.45, roof_near),
        (right - 0.1, 0.95, screen_foot),
    ]
    roof = [
        (left + 0.2, 1.45, roof_near),
        (left + 0.2, 1.45, roof_far),
        (right - 0.2, 1.45, roof_far),
        (right - 0.2, 1.45, roof_near),
    ]
    end = [(left, 0.25, z), (left, 0.95, z), (right, 0.95, z), (right, 0.25, z)]
    dark = (50, 58, 68)
    return [
        (flank, shade(colour, 78)),
        (deck, shade(colour, 108)),
        (glass, dark),
        (screen, (62, 72, 84)),
        (roof, shade(colour, 116)),
        (end, shade(colour, 90)),
    ]


def person(painter: Painter, x: float, z: float) -> None:
    """A passer-by, too far away for details."""
    view = painter.view
    (foot_x, foot_y), size = view.point(x, 0, z), view.focal * 1.7 / z
    depth, surface, half = int(depth_code(z)), (190, 190, 0, 40), size * 0.13
    body = [
        (foot_x - half * 0.5, foot_y),
        (foot_x - half, foot_y - size * 0.78),
        (foot_x + half, foot_y - size * 0.78),
        (foot_x + half * 0.5, foot_y),
    ]
    painter.polygon(body, painter.pick(_CLOTHES), surface, depth)
    painter.disc((foot_x, foot_y - size * 0.88), size * 0.085, (186, 150, 126), surface, depth)
