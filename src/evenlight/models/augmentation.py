"""Training images a little changed, a batch at a time: uint8 (N, H, W, C) in and out, a new array each.

The functions are given what to do, and draw nothing; `augment` draws it.
"""

import numpy as np

from evenlight.models.cnn_options import CnnOptions

# which channels of a colour space say how bright a pixel is
_LIGHT = {"rgb": slice(0, 3), "gray": slice(0, 1), "hsv": slice(2, 3), "lab": slice(0, 1)}


def augment(
    images: np.ndarray, options: CnnOptions, color: str, fill: np.ndarray, draws: np.random.Generator
) -> np.ndarray:
    """Change every image of a batch as the options say.

    Args:
        images: uint8 (N, H, W, C).
        options: `flip`, `crop`, `brightness` and `cutout` count.
        color: the space that the images are in: rgb, gray, hsv or lab.
        fill: uint8 (C,), what a square that is cut out is filled with.
        draws: of what happens to each image.
    """
    count, height, width = len(images), *images.shape[1:3]
    if options.flip:
        images = mirror(images, draws.random(count) < 0.5)
    if options.crop:
        images = move(images, draws.integers(-options.crop, options.crop + 1, size=(count, 2)))
    if options.brightness:
        factors = 1 + options.brightness * draws.uniform(-1, 1, size=count)
        images = brighten(images, factors, _LIGHT[color])
    if options.cutout:
        centres = draws.integers(0, (height, width), size=(count, 2))
        images = cut_out(images, centres, options.cutout, fill)
    return images


def mirror(images: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Exchange left and right of the chosen images, bool (N,)."""
    images = images.copy()
    images[chosen] = images[chosen, :, ::-1]
    return images


def move(images: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Move each image down and to the right, integers (N, 2); what was outside is the border reflected."""
    height, width = images.shape[1:3]
    most = int(abs(pixels).max())
    wide = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="reflect")
    moved = np.empty_like(images)
    # cut one by one: three times as fast as by arrays of places
    for place, (top, left) in enumerate(most - pixels):
        moved[place] = wide[place, top : top + height, left : left + width]
    return moved


def brighten(images: np.ndarray, factors: np.ndarray, channels: slice) -> np.ndarray:
    """Multiply these channels of each image by its factor, (N,); rounded, and held in 0 to 255."""
    changed = images.copy()
    levels = images[..., channels] * factors[:, None, None, None].astype(np.float32)
    changed[..., channels] = np.rint(np.clip(levels, 0, 255))
    return changed


def cut_out(images: np.ndarray, centres: np.ndarray, side: int, fill: np.ndarray) -> np.ndarray:
    """Fill a square around a place (row, column) of each image (DeVries and Taylor 2017).

    Args:
        images: uint8 (N, H, W, C).
        centres: integers (N, 2); a square may reach over the border.
        side: in pixels.
        fill: uint8 (C,).
    """
    first = centres - side // 2
    rows, columns = (
        (np.arange(length) >= first[:, axis, None]) & (np.arange(length) < first[:, axis, None] + side)
        for axis, length in enumerate(images.shape[1:3])
    )
    inside = rows[:, :, None] & columns[:, None, :]
    return np.where(inside[..., None], fill.astype(np.uint8), images)
