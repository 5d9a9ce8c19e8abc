"""What the example data holds, file by file, before anything is drawn.

Cameras, moments and planted flaws are a pure function of (images, seed). The counts are quotas dealt out by
one shuffle, not chances, so that the flaws are exact at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evenlight.errors import UserError
from evenlight.example_frames import SUNRISE, SUNSET, Moment
from evenlight.example_paint import generator
from evenlight.example_scenes import Camera
from evenlight.example_things import DISTRICTS
from evenlight.runtime import seed_for

LABELS = ("day", "night")
MINIMUM = 100  # images: fewer can't hold every flaw

_WEATHER_SHARES = {"clear": 0.38, "cloudy": 0.28, "rain": 0.18, "fog": 0.12, "snow": 0.04}
_RARE = ("weather", "snow")
_CONFOUNDED = ("weather", "fog", "night")
_CONFOUNDED_SHARE = 0.85
_SIZES = (
    (640, 480), (480, 360), (640, 360), (400, 300), (512, 288), (360, 480), (320, 240), (576, 432),
    (480, 270), (384, 384), (300, 400), (448, 336), (240, 320), (560, 315), (352, 288), (600, 400),
)  # fmt: skip

# kind: extension
BROKEN_KINDS = {
    "empty file": "jpg",
    "truncated JPEG": "jpg",
    "truncated PNG": "png",
    "text named .jpg": "jpg",
    "HTML error page named .jpg": "jpg",
    "PNG with a bad checksum": "png",
    "zip archive named .png": "png",
    "image of one pixel": "png",
    "animated GIF": "gif",
    "random bytes": "jpg",
    "header of a JPEG only": "jpg",
    "header of a PDF only": "jpg",
}
COPY_KINDS = ("brightened", "saved again at quality 60", "scaled to 85 %")


@dataclass(frozen=True, slots=True)
class Frame:
    """One file: where it lies, what it shows, and what is wrong with it."""

    path: str
    camera: int  # index of the camera whose name the file bears
    moment: Moment
    label: str  # the class folder
    true_label: str  # what the picture shows
    broken: str  # kind of damage, "" for a good file
    original: int  # index of the frame that this one repeats; its own index for all but near-duplicates
    copy: str  # what was done to that frame's picture, one of COPY_KINDS, "" for all but near-duplicates
    row: bool  # whether metadata.csv names it


@dataclass(frozen=True)
class Plan:
    """All cameras and all frames, in the order of their numbers."""

    images: int
    seed: int
    cameras: tuple[Camera, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Flaws:
    """The planted flaws; paths are relative to the dataset's folder.

    Attributes:
        blurred_camera: the camera that is out of focus.
        rare_group: metadata column and value of the imbalanced group.
        rare_share: its share of the rows of metadata.csv.
        confound: metadata column, value, class folder, and that class's share of the rows with the value.
        near_duplicates: (original, copy), always from different cameras.
        wrong_labels: path to the class that the picture really shows.
        broken: path to what is wrong with the file.
        broken_without_row: those of `broken` that metadata.csv does not name.
    """

    blurred_camera: str
    rare_group: tuple[str, str]
    rare_share: float
    confound: tuple[str, str, str, float]
    near_duplicates: list[tuple[str, str]]
    wrong_labels: dict[str, str]
    broken: dict[str, str]
    broken_without_row: list[str]


@lru_cache(maxsize=2)
def plan(images: int, seed: int) -> Plan:
    """Lay out the whole set.

    Raises:
        UserError: too few images.
    """
    if images < MINIMUM:
        raise UserError(
            f"the example data can't be made of {images} images; ask for {MINIMUM} or more, "
            "so that every flaw finds a place"
        )
    rng = generator(seed_for(seed, "plan", str(images)))
    cameras = _cameras(images, seed, rng)
    owners = [number * len(cameras) // images for number in range(images)]
    cells = _cells(images, rng)
    roles = _deal(owners, cells, cameras, rng)
    copy_kinds = {number: COPY_KINDS[place % len(COPY_KINDS)] for place, number in enumerate(roles.copies)}
    seeds = [seed_for(seed, "frame", str(images), str(number)) for number in range(images)]
    frames = []
    for number, owner in enumerate(owners):
        original = roles.copies.get(number, number)  # a copy shows what its original shows
        weather, label = cells[original]
        wrong = number in roles.wrong
        true_label = LABELS[1 - LABELS.index(label)] if wrong else label
        moment = Moment(seeds[original], _hour(true_label, seeds[original], obvious=wrong), weather)
        broken = roles.broken.get(number, "")
        extension = (
            BROKEN_KINDS[broken]
            if broken
            else "png"
            if seeds[number] % 100 < 14 and original == number
            else "jpg"
        )
        first = -(-owner * images // len(cameras))  # the owner's first number: owners take runs of numbers
        frames.append(
            Frame(
                path=f"{label}/{cameras[owner].name}_{number - first + 1:04d}.{extension}",
                camera=owner,
                moment=moment,
                label=label,
                true_label=true_label,
                broken=broken,
                original=original,
                copy=copy_kinds.get(number, ""),
                row=number not in roles.without_row,
            )
        )
    return Plan(images, seed, cameras, tuple(frames))


@dataclass(frozen=True)
class _Roles:
    """Which frames carry a flaw of their own, by index."""

    broken: dict[int, str]
    without_row: set[int]
    copies: dict[int, int]  # copy to original
    wrong: set[int]


def _cameras(images: int, seed: int, rng: np.random.Generator) -> tuple[Camera, ...]:
    """About 50 images each; every district has several, sizes and districts run through all combinations."""
    number = min(max(images // 50, 6), 480)
    districts = sorted(DISTRICTS)
    blurred = int(rng.integers(number))
    cameras = []
    for index in range(number):
        name = f"cam{index + 1:03d}"
        width, height = _SIZES[(index + index // len(_SIZES)) % len(_SIZES)]
        cameras.append(
            Camera(
                name=name,
                district=districts[index % len(districts)],
                seed=seed_for(seed, "camera", str(images), name),
                width=width,
                height=height,
                quality=int(rng.integers(74, 95)),
                blurred=index == blurred,
            )
        )
    return tuple(cameras)


def _quotas(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers in proportion to the shares that add up to the total (largest remainders)."""
    exact = [share * total / sum(shares) for share in shares]
    counts = [int(value) for value in exact]
    by_rest = sorted(range(len(shares)), key=lambda place: counts[place] - exact[place])
    for place in by_rest[: total - sum(counts)]:
        counts[place] += 1
    return counts


def _cells(images: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Weather and class folder of every frame, as many of each as planned."""
    _, foggy, foggy_label = _CONFOUNDED
    fog_share = _WEATHER_SHARES[foggy]
    elsewhere = (0.5 - fog_share * _CONFOUNDED_SHARE) / (1 - fog_share)  # both classes are half of the whole
    cells, shares = [], []
    for weather, share in _WEATHER_SHARES.items():
        at_night = _CONFOUNDED_SHARE if weather == foggy else elsewhere
        for label in LABELS:
            cells.append((weather, label))
            shares.append(share * (at_night if label == foggy_label else 1 - at_night))
    dealt = [cell for cell, count in zip(cells, _quotas(shares, images), strict=True) for _ in range(count)]
    return [dealt[place] for place in rng.permutation(images)]


def _deal(
    owners: list[int], cells: list[tuple[str, str]], cameras: Sequence[Camera], rng: np.random.Generator
) -> _Roles:
    """Hand out the flaws of single files, none to the blurred camera and the two planted groups.

    So each flaw stays what it is: the shares of the groups and the blur of the camera are not disturbed.
    """
    images = len(owners)
    planted = {_RARE[1], _CONFOUNDED[1]}
    free = [
        number
        for number in rng.permutation(images).tolist()
        if cells[number][0] not in planted and not cameras[owners[number]].blurred
    ]
    kinds = list(BROKEN_KINDS) * max(1, images // 1200)
    broken = {free.pop(): kind for kind in kinds}
    wrong = {free.pop() for _ in range(max(2, images // 150))}
    copies: dict[int, int] = {}
    for _ in range(max(3, images // 80)):
        copy = free.pop()
        place = next(place for place, number in enumerate(free) if owners[number] != owners[copy])
        copies[copy] = free.pop(place)
    return _Roles(broken, set(list(broken)[1::2]), copies, wrong)


def _hour(label: str, seed: int, obvious: bool) -> float:
    """A time of day: one frame in six near sunrise or sunset, unless it must be obvious."""
    rng = generator(seed + 1)
    twilight, morning, place = rng.random() < 1 / 6, rng.random() < 0.5, float(rng.random())
    if obvious:
        hour = 10 + 6 * place if label == "day" else 22 + 6 * place
    elif label == "day":
        edge = SUNRISE + 0.8 * place if morning else SUNSET - 0.8 * place
        hour = edge if twilight else SUNRISE + 0.8 + (SUNSET - SUNRISE - 1.6) * place
    else:
        edge = SUNRISE - 0.4 - 0.7 * place if morning else SUNSET + 0.4 + 0.7 * place
        hour = edge if twilight else SUNSET + 1.1 + (24 - (SUNSET - SUNRISE) - 2.2) * place
    return round(hour % 24, 3)


def flaws(images: int = 1200, seed: int = 0) -> Flaws:
    """The planted flaws of `render(folder, images, seed)`.

    Raises:
        UserError: too few images.
    """
    whole = plan(images, seed)
    rows = [frame for frame in whole.frames if frame.row]
    foggy = [frame for frame in rows if frame.moment.weather == _CONFOUNDED[1]]
    broken = [frame for frame in whole.frames if frame.broken]
    return Flaws(
        blurred_camera=next(camera.name for camera in whole.cameras if camera.blurred),
        rare_group=_RARE,
        rare_share=sum(frame.moment.weather == _RARE[1] for frame in rows) / len(rows),
        confound=(*_CONFOUNDED, sum(frame.label == _CONFOUNDED[2] for frame in foggy) / len(foggy)),
        near_duplicates=[
            (whole.frames[frame.original].path, frame.path) for frame in whole.frames if frame.copy
        ],
        wrong_labels={
            frame.path: frame.true_label for frame in whole.frames if frame.label != frame.true_label
        },
        broken={frame.path: frame.broken for frame in broken},
        broken_without_row=[frame.path for frame in broken if not frame.row],
    )
