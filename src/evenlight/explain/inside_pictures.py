"""Pictures of the inside of a network as PNG bytes: filters, feature maps, strongest patches, neighbours.

Images come as RGB (`evenlight.standardize.to_rgb`), whatever the network sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from evenlight.explain.image_sheets import Cell, Scale, sheet
from evenlight.explain.receptive_field import Extent
from evenlight.explain.top_patches import TopPatches

_PER_ROW = 16
_OUTSIDE = 214  # grey level of what lies beyond the edge of an image
_CHANNELS = {"rgb": "RGB", "hsv": "HSV", "lab": "Lab"}  # of colour spaces


def filters_picture(weights: np.ndarray, color: str, title: str, most: int = 64) -> bytes:
    """The filters of a first layer, all on one symmetric scale.

    Three channels of an RGB image make one coloured picture in which grey is no weight; others are shown one by one.

    Args:
        weights: float (D, C, h, w).
        color: colour space of the images that the network sees, as in `standardize.color`.
        title: of the picture.
        most: filters shown.
    """
    if color == "rgb" and weights.shape[1] == 3:
        return _colored_filters(weights, title, most)
    scale = Scale.around_zero(weights, "weight, the same scale for all filters")
    if weights.shape[1] == 1:
        cells = [Cell(scale.colors(one[0]), str(number)) for number, one in enumerate(weights[:most])]
        return sheet(_in_rows(cells), title=title, note=_shown(len(cells), weights), scale=scale)
    names = _CHANNELS[color] if weights.shape[1] == 3 else range(weights.shape[1])
    few = weights[: min(most, _PER_ROW)]
    rows = [[Cell(scale.colors(one[place])) for one in few] for place in range(weights.shape[1])]
    numbers = [str(number) for number in range(len(few))]
    return sheet(
        rows, numbers, [f"channel {name}" for name in names], title, _shown(len(few), weights), scale
    )


def _colored_filters(weights: np.ndarray, title: str, most: int) -> bytes:
    reach = float(np.abs(weights).max(initial=0))
    levels = np.rint(127.5 + 127.5 * weights[:most] / (reach or 1)).astype(np.uint8)
    cells = [Cell(picture, str(number)) for number, picture in enumerate(levels.transpose(0, 2, 3, 1))]
    note = (
        f"{_shown(len(cells), weights)} Colours are weights of red, green and blue, the same scale for all filters:"
        f" mid-grey is 0, no and full colour are -{reach:.3g} and {reach:.3g}."
    )
    return sheet(_in_rows(cells), title=title, note=note)


def _shown(count: int, weights: np.ndarray) -> str:
    total, _, height, width = weights.shape
    part = f"{count} of {total}" if count < total else f"{total}"
    return f"{part} filters of {height} × {width} weights, numbered from 0."


def _in_rows(cells: Sequence[Cell]) -> list[Sequence[Cell]]:
    return [cells[start : start + _PER_ROW] for start in range(0, len(cells), _PER_ROW)]


def maps_picture(
    maps: np.ndarray, images: np.ndarray, captions: Sequence[str], title: str, most: int = _PER_ROW
) -> bytes:
    """Feature maps of some images, all on one scale, beside the images.

    Args:
        maps: float (N, D, h, w), the output of a layer.
        images: uint8 RGB (N, H, W, 3).
        captions: of the images.
        title: of the picture.
        most: channels shown.
    """
    shown = maps[:, :most]
    scale = Scale.spanning(
        shown, "activation, the same scale for all maps; the strongest 1 % share the last colour"
    )
    rows = [
        [Cell(image), *(Cell(scale.colors(one), _flatness(one)) for one in of_image)]
        for image, of_image in zip(images, shown, strict=True)
    ]
    total, height, width = maps.shape[1:]
    note = f"Channels 0 to {shown.shape[1] - 1} of {total}; each map has {height} × {width} units (height × width)."
    columns = ["image", *(str(channel) for channel in range(shown.shape[1]))]
    return sheet(rows, columns, captions, title, note, scale)


def _flatness(values: np.ndarray) -> str:
    if not np.isfinite(values).all():
        return "no number"
    return f"flat: {values.flat[0]:.2g}" if values.min() == values.max() else ""


def patches_picture(
    patches: TopPatches,
    crops: Sequence[Sequence[np.ndarray]],
    channels: Sequence[int],
    field: tuple[Extent, Extent],
    title: str,
) -> bytes:
    """The patches that excite channels most, a row for each, with their activations.

    Args:
        patches: of these channels, (D, K).
        crops: uint8 RGB (h, w, 3) for each of them, from `cut_out`.
        channels: their numbers in the layer.
        field: what the units of the layer see.
        title: of the picture.
    """
    silent = patches.silent
    rows = [
        [
            Cell(crop, f"{value:.3g}") if value > 0 else None
            for crop, value in zip(of_channel, values, strict=True)
        ]
        for of_channel, values in zip(crops, patches.values, strict=True)
    ]
    names = [
        f"channel {channel}\nno image excites it" if quiet else f"channel {channel}"
        for channel, quiet in zip(channels, silent, strict=True)
    ]
    return sheet(rows, (), names, title, _field_note(field))


def _field_note(field: tuple[Extent, Extent]) -> str:
    height, width = field
    if not (height.exact and width.exact):
        return "Every unit sees an edge of the image, most or all of it. Below each patch its activation."
    return (
        f"Every unit sees {height.size} × {width.size} pixels (height × width); grey lies beyond the edge of the image."
        " Below each patch its activation."
    )


def cut_out(image: np.ndarray, box: np.ndarray, field: tuple[Extent, Extent]) -> np.ndarray:
    """A patch of an RGB image (H, W, 3), filled with grey to its whole size where the image ends.

    Args:
        image: uint8 RGB.
        box: top, left, bottom, right, clipped to the image.
        field: size of the whole patch; where it is not exact, nothing is filled up.
    """
    top, left, bottom, right = (int(edge) for edge in box)
    above, below = _beyond(top, bottom, image.shape[0], field[0])
    before, after = _beyond(left, right, image.shape[1], field[1])
    grey = (_OUTSIDE,) * 3
    crop = image[top:bottom, left:right]
    return cv2.copyMakeBorder(crop, above, below, before, after, cv2.BORDER_CONSTANT, value=grey)


def _beyond(start: int, end: int, side: int, extent: Extent) -> tuple[int, int]:
    """Pixels of a patch before and behind an image; half and half where it reaches both edges."""
    missing = extent.size - (end - start) if extent.exact else 0
    if start > 0:
        return 0, missing
    return (missing, 0) if end < side else (missing // 2, missing - missing // 2)


@dataclass(frozen=True)
class Neighbours:
    """Of one test image: RGB pictures (h, w, 3) and labels of itself and of its neighbours, nearest first."""

    image: np.ndarray
    label: str
    caption: str
    by_pixels: Sequence[tuple[np.ndarray, str]]
    by_features: Sequence[tuple[np.ndarray, str]]


def neighbours_picture(found: Sequence[Neighbours], title: str, note: str) -> bytes:
    """Test images, their nearest training images by pixels, and by features; those of another class are marked.

    Args:
        found: a row each.
        title: of the picture.
        note: such as the precision in both spaces.
    """
    rows: list[list[Cell | None]] = []
    for one in found:
        query = Cell(one.image, one.label)
        groups = [
            [Cell(image, label, wrong=label != one.label) for image, label in neighbours]
            for neighbours in (one.by_pixels, one.by_features)
        ]
        rows.append([query, None, *groups[0], None, *groups[1]])
    most = max((len(one.by_pixels) for one in found), default=0)
    columns = ["test image", "", *_numbered("pixels", most), "", *_numbered("features", most)]
    note = f"{note} ✗: another class than the test image.".strip()
    return sheet(rows, columns if rows else (), [one.caption for one in found], title, note)


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name} {number}" for number in range(1, count + 1)]
