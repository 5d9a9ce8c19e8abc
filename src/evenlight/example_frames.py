"""One frame of the example data: a street in the light and weather of a moment, as a camera would take it."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from evenlight.example_paint import MARGIN, Array, add_glow, depth_metres, fixed, generator, smooth_noise
from evenlight.example_scenes import Scene
from evenlight.example_things import CARS, car_faces

SUNRISE, SUNSET = 6.5, 19.5  # hours
_PLAIN = 128  # light of 1.0 in the uint8 layers of light: a power of two, so that products are exact


@dataclass(frozen=True)
class Moment:
    """What differs between two frames of one camera: a seed, the hour (0..24) and the weather."""

    seed: int
    hour: float
    weather: str


@dataclass(frozen=True)
class Weather:
    """How a weather looks; shares between 0 and 1 unless said otherwise."""

    clouds: float  # cover
    grey: float  # how far the sky's colours go to grey
    sun: float  # direct light left
    haze: float  # extinction per metre
    wet: float  # mirroring of the road
    light: float  # all the light left
    sky_glow: float  # town light sent back by the sky at night


WEATHERS = {
    "clear": Weather(0.38, 0.0, 1.0, 0.0009, 0.0, 1.0, 0.25),
    "cloudy": Weather(0.8, 0.6, 0.25, 0.002, 0.05, 0.95, 0.7),
    "fog": Weather(0.0, 0.9, 0.0, 0.034, 0.2, 1.0, 0.85),
    "rain": Weather(1.0, 0.85, 0.0, 0.004, 0.85, 0.84, 0.75),
    "snow": Weather(0.9, 0.85, 0.05, 0.009, 0.1, 1.0, 1.2),
}

# height of the sun (1 at noon, 0 at sunrise): colour of the zenith, the horizon, the shade and the sun
_SKIES = [
    (-1.0, (8, 11, 24), (16, 19, 34), (13, 15, 25), (0, 0, 0)),
    (-0.35, (11, 17, 42), (26, 32, 58), (19, 23, 38), (0, 0, 0)),
    (-0.14, (24, 44, 100), (108, 92, 116), (32, 40, 66), (0, 0, 0)),
    (0.0, (56, 84, 146), (236, 146, 92), (52, 56, 76), (52, 26, 12)),
    (0.12, (84, 122, 188), (248, 196, 138), (66, 70, 86), (104, 70, 38)),
    (0.35, (86, 140, 212), (212, 220, 226), (78, 86, 100), (122, 108, 84)),
    (1.0, (70, 128, 214), (196, 216, 234), (84, 92, 106), (128, 122, 106)),
]


@dataclass(frozen=True)
class _Light:
    """The light of a moment: float arrays (3,) in 0..255."""

    height: float  # of the sun: 1 at noon, 0 at sunrise and sunset, negative at night
    zenith: Array
    horizon: Array
    shade: Array
    sun: Array
    night: float  # how far the lamps matter: 0 by day, 1 at night


def sun_height(hour: float) -> float:
    """1 at noon, 0 at sunrise and sunset, -1 deep in the night."""
    day = (hour - SUNRISE) / (SUNSET - SUNRISE)
    return max(-1.0, 4 * day * (1 - day)) if 0 <= day <= 1 else max(-1.0, 4 * day * (1 - day) * 0.9)


def take(scene: Scene, moment: Moment) -> Array:
    """The camera's picture of the moment: RGB uint8 (height, width, 3)."""
    rng = generator(moment.seed)
    weather = WEATHERS[moment.weather]
    light = _light(scene, moment, weather)
    albedo = (scene.snowy if moment.weather == "snow" else scene.albedo).copy()
    beams = _lamps_light(scene, light)
    sparks = _windows(scene, light, moment.hour, rng)
    gloss = scene.gloss.copy()
    _traffic(scene, albedo, gloss, beams, sparks, light, rng)
    frame = cv2.multiply(albedo, _light_layer(scene, light, beams, moment.hour), scale=1 / _PLAIN)
    sky = _sky(scene, moment, light, weather, rng)
    frame = cv2.add(frame, cv2.multiply(sky, cv2.merge([scene.gap] * 3), scale=1 / 256))
    frame = cv2.add(frame, sparks)
    frame = _haze(scene, frame, light, weather)
    frame = _bloom(scene, frame, sparks, light, weather)
    frame = _mirror(scene, frame, gloss, weather)
    if moment.weather == "rain":
        _rain(frame, light, rng)
    if moment.weather == "snow":
        _snow(frame, light, rng)
    return _expose(scene, frame, light, rng)


def _light(scene: Scene, moment: Moment, weather: Weather) -> _Light:
    height = sun_height(moment.hour)
    heights = np.array([key[0] for key in _SKIES])
    place = int(np.clip(np.searchsorted(heights, height, side="right") - 1, 0, len(_SKIES) - 2))
    share = (height - heights[place]) / (heights[place + 1] - heights[place])
    low, high = _SKIES[place], _SKIES[place + 1]
    zenith, horizon, shade, sun = (
        np.array(low[n], float) * (1 - share) + np.array(high[n], float) * share for n in (1, 2, 3, 4)
    )
    night = float(np.clip((0.12 - height) / 0.26, 0, 1))
    grey = np.array([0.97, 1.0, 1.04])
    zenith, horizon = (
        (colour * (1 - weather.grey) + (colour @ [0.25, 0.5, 0.25]) * grey * weather.grey) * weather.light
        for colour in (zenith, horizon * (1 - 0.25 * weather.grey))
    )
    town = np.array(scene.lamp_light, float) * weather.sky_glow * night
    diffuse = 1 + 0.45 * weather.grey * (height > 0)  # a grey sky is a large lamp
    return _Light(
        height=height,
        zenith=np.clip(zenith + 0.06 * town, 0, 255),
        horizon=np.clip(horizon + 0.2 * town, 0, 255),
        shade=(shade * diffuse + 0.05 * town) * weather.light,
        sun=sun * weather.sun,
        night=night,
    )


def _ramp(low: Array, high: Array) -> Array:
    """A table of colours from `low` at 0 to `high` at 255: uint8 (256, 1, 3)."""
    steps = np.arange(256)[:, None] / 255
    return np.clip(np.rint(low * (1 - steps) + high * steps), 0, 255).astype(np.uint8)[:, None, :]


def _light_layer(scene: Scene, light: _Light, beams: Array, hour: float) -> Array:
    side = scene.sun[0] if _sun_place(scene, hour) < scene.view.x else scene.sun[1]
    return cv2.add(cv2.applyColorMap(side, _ramp(light.shade, light.shade + light.sun)), beams)


def _sun_place(scene: Scene, hour: float) -> float:
    """Where the sun or moon stands across the picture, in pixels; it may be outside."""
    turn = (scene.camera.seed % 1000) / 1000 - 0.5
    day = (hour - SUNRISE) / (SUNSET - SUNRISE) if SUNRISE <= hour <= SUNSET else ((hour + 4.5) % 24) / 11
    return scene.gap.shape[1] * (0.5 + (day - 0.5) * 1.5 + turn)


def _lamps_light(scene: Scene, light: _Light) -> Array:
    strength = 0.5 * light.night
    black = np.zeros(3)
    return cv2.applyColorMap(scene.glow, _ramp(black, np.array(scene.lamp_light) * strength))


def _sky(scene: Scene, moment: Moment, light: _Light, weather: Weather, rng: np.random.Generator) -> Array:
    """The whole picture as sky; what stands before it hides it later."""
    height, width = scene.gap.shape
    steps = np.clip((np.arange(height) + 1) / scene.view.y, 0, 1)[:, None]
    steps = steps * steps * (3 - 2 * steps) * 0.55 + steps * 0.45
    column = np.rint(light.zenith * (1 - steps) + light.horizon * steps).astype(np.uint8)
    sky = np.repeat(column[:, None, :], width, axis=1)
    clearness = 1 - weather.grey
    x = _sun_place(scene, moment.hour)
    if light.height < -0.2 and clearness > 0:
        _stars(sky, scene, clearness, rng)
    if light.height >= -0.1:
        y = scene.view.y * (1.0 - 0.95 * max(0.0, light.height) ** 0.5)
        glare = np.clip(light.sun * 1.7 + 12, 0, 255) * clearness
        for radius, share in ((1.1, 0.35), (0.35, 0.6), (0.07, 1.0)):
            colour = tuple(int(value * share) for value in glare)
            add_glow(sky, (x, y), (width * radius, width * radius * 0.8), colour)
    elif clearness > 0.2:
        y = scene.view.y * float(rng.uniform(0.12, 0.6))
        add_glow(sky, (x, y), (width * 0.25, width * 0.25), (34, 36, 40))
        cv2.circle(
            sky, (round(x * 16), round(y * 16)), round(width * 0.26), (224, 222, 206), -1, cv2.LINE_AA, 4
        )
    if weather.clouds > 0:
        sky = _clouds(sky, scene, light, weather, rng)
    return sky


def _stars(sky: Array, scene: Scene, clearness: float, rng: np.random.Generator) -> None:
    number = int(sky.shape[1] * 0.35)
    rows = rng.integers(0, max(1, int(scene.view.y * 0.9)), number)
    columns = rng.integers(0, sky.shape[1], number)
    brightness = (rng.integers(20, 190, number) * clearness * (1 - rows / sky.shape[0])).astype(np.uint8)
    sky[rows, columns] = np.maximum(sky[rows, columns], brightness[:, None])


@cache
def _cloud_noise() -> Array:
    return smooth_noise(20, 1024, 16)


def _clouds(sky: Array, scene: Scene, light: _Light, weather: Weather, rng: np.random.Generator) -> Array:
    """Clouds on a plane above the street, denser with the weather's cover."""
    height, width = sky.shape[:2]
    away = 0.22 * height / np.maximum(scene.view.y + 0.06 * height - np.arange(height), 0.06 * height)
    across = ((np.arange(width) - scene.view.x)[None, :] * away[:, None] * (420 / width)).astype(np.int32)
    along = (away * 260).astype(np.int32)[:, None]
    offset = rng.integers(0, 1024, 2)
    noise = _cloud_noise()[(along + offset[0]) & 1023, (across + offset[1]) & 1023]
    cover = weather.clouds * float(rng.uniform(0.75, 1.15))
    values = np.arange(256) / 255
    share = np.clip((values - 0.78 + 0.62 * cover) / 0.3, 0, 1)
    share = (share * share * (3 - 2 * share) * 0.93)[:, None]
    lit = np.clip(light.horizon * 0.62 + light.sun * 0.9 + light.shade * 0.45, 0, 250)
    dark = np.clip(light.zenith * 0.4 + light.shade * 0.8, 0, 235)
    thick = np.clip((values - 0.45) / 0.5, 0, 1)[:, None]
    colours = np.rint((lit * (1 - thick) + dark * thick) * share).astype(np.uint8)[:, None, :]
    through = np.repeat(np.rint(255 * (1 - share)).astype(np.uint8)[:, None, :], 3, axis=2)
    return cv2.add(
        cv2.multiply(sky, cv2.applyColorMap(noise, through), scale=1 / 256), cv2.applyColorMap(noise, colours)
    )


def _traffic(
    scene: Scene,
    albedo: Array,
    gloss: Array,
    beams: Array,
    sparks: Array,
    light: _Light,
    rng: np.random.Generator,
) -> None:
    """Cars on the two lanes, far to near, with lamps at night."""
    number = int(rng.integers(0, 6))
    lane = max(1.3, scene.road * 0.42)
    for z in np.sort(rng.uniform(11, 90, number), kind="stable")[::-1]:
        away = bool(rng.integers(2))
        x = lane if away else -lane
        shadow = [(x - 1, 0, z - 0.1), (x - 1, 0, z + 4.3), (x + 1, 0, z + 4.3), (x + 1, 0, z - 0.1)]
        points = fixed([scene.view.point(*corner) for corner in shadow])
        cv2.fillConvexPoly(albedo, points, (44, 44, 48), cv2.LINE_AA, 4)
        for corners, colour in car_faces(x, float(z), CARS[int(rng.integers(len(CARS)))], away):
            points = fixed([scene.view.point(*corner) for corner in corners])
            cv2.fillConvexPoly(albedo, points, colour, cv2.LINE_AA, 4)
            cv2.fillConvexPoly(gloss, points, (20,), cv2.LINE_8, 4)
        if light.night > 0.3:
            _car_lamps(scene, beams, sparks, x, float(z), away)


def _car_lamps(scene: Scene, beams: Array, sparks: Array, x: float, z: float, away: bool) -> None:
    view, size = scene.view, scene.view.focal / z
    for lamp in (x - 0.65, x + 0.65):
        place = view.point(lamp, 0.68, z)
        colour = (214, 24, 16) if away else (255, 244, 214)
        add_glow(sparks, place, (max(1.6, size * 0.3), max(1.6, size * 0.24)), colour)
    reach = (z + 4.2) + 6 if away else z - 4
    if reach > 2:
        middle = view.point(x, 0, reach)
        scale = view.focal / reach
        add_glow(
            beams,
            middle,
            (scale * 2.2, scale * view.eye * 5 / reach),
            (66, 12, 8) if away else (150, 144, 122),
        )


def _windows(scene: Scene, light: _Light, hour: float, rng: np.random.Generator) -> Array:
    """Lit windows: many in the evening, few late at night, some on dark mornings; shops stay lit longer."""
    if light.night == 0:
        return np.zeros((*scene.panes.shape, 3), np.uint8)
    awake = 0.5 if 16 <= hour < 22.5 else 0.32 if 5 <= hour < 10 or hour >= 22.5 else 0.1
    number = len(scene.shops)
    lit = rng.random(number) < np.where(scene.shops, 0.8, awake)
    tones = np.array([(230, 172, 96), (220, 150, 74), (224, 188, 132), (150, 176, 214), (206, 120, 62)])
    colours = tones[rng.integers(0, len(tones), number)] * rng.uniform(0.35, 1.0, number)[:, None]
    colours = (colours * lit[:, None] * light.night * 0.8).astype(np.uint8)
    colours[0] = 0
    return cv2.blur(np.take(colours, scene.panes, axis=0), (2, 2))


def _mirror(scene: Scene, frame: Array, gloss: Array, weather: Weather) -> Array:
    """What lies above the horizon, upside down and smeared, on water and wet roads."""
    horizon = int(scene.view.y)
    height, width = frame.shape[:2]
    above = cv2.resize(frame[horizon::-1], (width, height - horizon), interpolation=cv2.INTER_LINEAR)
    above = cv2.blur(above, (3, max(3, height // 12 | 1)))
    water = np.arange(256)
    share = np.where(water > 200, 150, (water * weather.wet).astype(int)).astype(np.uint8)
    mirrored = cv2.merge([cv2.LUT(gloss[horizon:], share)] * 3)
    dull = cv2.subtract(np.full_like(mirrored, 255), mirrored)
    mixed = cv2.add(
        cv2.multiply(above, mirrored, scale=1 / 256), cv2.multiply(frame[horizon:], dull, scale=1 / 256)
    )
    return np.concatenate([frame[:horizon], mixed])


def _haze(scene: Scene, frame: Array, light: _Light, weather: Weather) -> Array:
    """Air between the camera and things: their colours go over into the horizon's."""
    path = depth_metres() * weather.haze
    through = 1 / (1 + path + path * path / 2)  # close to exp(-path), but the same on every processor
    through[255] = 1 - weather.grey * 0.35 if weather.haze < 0.02 else 0.22  # the sky
    air = np.clip(light.horizon * 0.85 + light.shade * 0.2, 0, 255)
    veil = np.rint(air * (1 - through[:, None])).astype(np.uint8)[:, None, :]
    kept = np.repeat(np.rint(255 * through).astype(np.uint8)[:, None, None], 3, axis=2)
    return cv2.add(
        cv2.multiply(frame, cv2.applyColorMap(scene.depth, kept), scale=1 / 256),
        cv2.applyColorMap(scene.depth, veil),
    )


def _bloom(scene: Scene, frame: Array, sparks: Array, light: _Light, weather: Weather) -> Array:
    """Light that spreads in the lens and the air: halos around lamps, windows, cars."""
    if light.night == 0:
        return frame
    height, width = frame.shape[:2]
    small = cv2.resize(sparks, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 3)
    frame = cv2.add(frame, cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    spread = 1.0 + 18 * weather.haze
    for lamp in scene.lamps:
        near = min(1.0, lamp.radius / 1.6) * light.night  # far lamps are many: each gives less
        wide = lamp.radius * 9 * spread
        halo = tuple(int(value * 0.4 * near) for value in scene.lamp_light)
        core = tuple(int(value * near) for value in (255, 240, 214))
        add_glow(frame, (lamp.x, lamp.y), (wide, wide), halo)
        add_glow(frame, (lamp.x, lamp.y), (lamp.radius * 2.4, lamp.radius * 1.8), core)
    return frame


def _rain(frame: Array, light: _Light, rng: np.random.Generator) -> None:
    height, width = frame.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    number = width * height // 900
    slant = float(rng.uniform(-0.25, 0.25))
    xs, ys = rng.integers(0, width, number), rng.integers(-20, height, number)
    lengths, tones = rng.integers(height // 50, height // 18, number), rng.integers(14, 60, number)
    for x, y, length, tone in zip(xs.tolist(), ys.tolist(), lengths.tolist(), tones.tolist(), strict=True):
        cv2.line(streaks, (x, y), (x + round(slant * length), y + length), tone, 1, cv2.LINE_AA)
    strength = np.clip(light.horizon / 255 + 0.25, 0, 1) * 255
    cv2.add(frame, cv2.applyColorMap(streaks, _ramp(np.zeros(3), strength)), dst=frame)


def _snow(frame: Array, light: _Light, rng: np.random.Generator) -> None:
    height, width = frame.shape[:2]
    tone = float(np.clip(light.horizon.max() * 0.7 + 70, 0, 240))
    number = width * height // 500
    xs, ys = rng.integers(0, width, number).tolist(), rng.integers(0, height, number).tolist()
    sizes = rng.random(number).tolist()
    for x, y, size in zip(xs, ys, sizes, strict=True):
        radius = 0.7 + 3.2 * size**6
        value = int(tone * (0.45 + 0.4 * size))
        add_glow(frame, (x, y), (radius * 1.6, radius * 1.6), (value, value, value))


@cache
def _grain() -> Array:
    """Sensor noise around 64: uint8 (1024, 1024, 3)."""
    rng = generator(21)
    total = sum(rng.integers(0, 33, (1024, 1024, 3), dtype=np.uint8) for _ in range(4))
    return np.asarray(total, np.uint8)


def _expose(scene: Scene, frame: Array, light: _Light, rng: np.random.Generator) -> Array:
    """Lens and sensor: focus, exposure, the camera's tint, dark corners, noise, shake."""
    height, width = frame.shape[:2]
    camera = scene.camera
    if camera.blurred:
        frame = cv2.GaussianBlur(frame, (0, 0), camera.width / 180)
    taste = generator(camera.seed + 1)
    night_gain = float(taste.uniform(0.9, 1.8))
    tint = taste.uniform(0.96, 1.04, 3)
    gain = (1 + (night_gain - 1) * light.night) * float(rng.uniform(0.8, 1.2))
    levels = np.arange(256)[:, None] * gain * tint
    levels = np.where(levels > 200, 200 + (levels - 200) * 0.45, levels)  # a soft shoulder
    frame = cv2.LUT(frame, np.clip(np.rint(levels), 0, 255).astype(np.uint8)[:, None, :])
    frame = cv2.multiply(frame, _corners(width, height), scale=1 / 256)
    y, x = (int(value) for value in rng.integers(0, 1024 - max(width, height), 2))
    noise = _grain()[y : y + height, x : x + width]
    strength = (0.3 + 0.35 * light.night) * (0.3 if camera.blurred else 1.0)  # it smooths, too
    table = np.rint(32 + (np.arange(256) - 64.0) * strength * float(rng.uniform(0.5, 1.0))).clip(0, 64)
    noise = cv2.LUT(noise, table.astype(np.uint8))
    frame = cv2.subtract(cv2.add(frame, noise), np.full_like(frame, 32))
    dx, dy = (int(value) for value in rng.integers(0, 2 * MARGIN + 1, 2))
    return np.ascontiguousarray(frame[dy : dy + camera.height, dx : dx + camera.width])


@cache
def _corners(width: int, height: int) -> Array:
    """Light that reaches the sensor: 255 in the middle, less in the corners; uint8 (height, width, 3)."""
    x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    share = 1 - 0.16 * (x * x + y * y) / 2 - 0.03
    return cv2.merge([np.rint(255 * share).astype(np.uint8)] * 3)
