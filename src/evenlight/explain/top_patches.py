"""The places in images that excite each channel of a layer most, cut out by their exact receptive fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenlight.explain.layers import feature_maps, maps_by_batch
from evenlight.explain.receptive_field import receptive_boxes

if TYPE_CHECKING:
    from evenlight.dataset import MappedImages
    from evenlight.models.cnn import Network


@dataclass(frozen=True)
class TopPatches:
    """Of each of D channels the K images with the strongest activation, strongest first.

    `images` holds row numbers, int64 (D, K); `units` the row and column of the strongest unit of the map, int64
    (D, K, 2); `values` its activation, float32 (D, K).
    """

    images: np.ndarray
    units: np.ndarray
    values: np.ndarray

    def of_channels(self, channels: Sequence[int]) -> "TopPatches":
        """The same for some channels only."""
        chosen = np.asarray(channels, dtype=np.intp)
        return TopPatches(self.images[chosen], self.units[chosen], self.values[chosen])

    @property
    def silent(self) -> np.ndarray:
        """Channels that no image excites: bool (D,)."""
        return np.asarray(self.values.max(axis=1, initial=0) <= 0)


def top_patches(
    network: "Network", images: "np.ndarray | MappedImages", names: Sequence[str], count: int
) -> dict[str, TopPatches]:
    """The strongest places of every channel of some layers, in one pass over the images.

    Of an image only the strongest place counts, the first one row by row where several are equal, so that patches
    come from different images; of equally strong images the first. Memory holds a batch, however many images.

    Args:
        network: in evaluation mode.
        images: uint8 (N, H, W, C), N >= 1, in a fixed order.
        names: dotted names of modules, such as `Layer.name`.
        count: images per channel; all where there are no more.

    Returns:
        By name of the module, K = min(count, N).

    Raises:
        UserError: the network has no such module, or does not use it.
    """
    found: dict[str, TopPatches] = {}
    for start, outputs in maps_by_batch(network, images, names):
        for name, maps in outputs.items():
            strongest = _strongest_places(maps, start)
            found[name] = _best(found[name], strongest, count) if name in found else _cut(strongest, count)
    return found


def _strongest_places(maps: np.ndarray, start: int) -> TopPatches:
    """The strongest unit of each map (N, D, h, w), in order of the images, which are numbered from `start`."""
    count, channels, _, width = maps.shape
    flat = maps.reshape(count, channels, -1)
    places = flat.argmax(axis=2).T
    values = flat.max(axis=2).T
    images = np.broadcast_to(np.arange(start, start + count), (channels, count))
    return TopPatches(images, np.stack([places // width, places % width], axis=2), values)


def _best(first: TopPatches, second: TopPatches, count: int) -> TopPatches:
    """The strongest of both, of which the second has the later images."""
    images, units, values = (
        np.concatenate([getattr(part, key) for part in (first, second)], axis=1)
        for key in ("images", "units", "values")
    )
    return _cut(TopPatches(images, units, values), count)


def _cut(patches: TopPatches, count: int) -> TopPatches:
    order = np.argsort(-patches.values, axis=1, kind="stable")[:, :count]
    return TopPatches(
        np.take_along_axis(patches.images, order, axis=1).astype(np.int64),
        np.take_along_axis(patches.units, order[..., None], axis=1).astype(np.int64),
        np.take_along_axis(patches.values, order, axis=1),
    )


def patch_boxes(
    network: "Network", name: str, patches: TopPatches, input_shape: tuple[int, int, int]
) -> np.ndarray:
    """What the units of patches see: int64 (D, K, 4) of top, left, bottom, right, clipped to the image.

    Raises:
        UserError: the trunk has no such module.
    """
    boxes = receptive_boxes(network, name, patches.units.reshape(-1, 2), input_shape)
    return boxes.reshape(*patches.images.shape, 4)


def crop_error(
    network: "Network",
    name: str,
    images: "np.ndarray | MappedImages",
    patches: TopPatches,
    boxes: np.ndarray,
    channels: Sequence[int],
    seed: int,
) -> float:
    """How much the activations change when all that the units do not see is replaced by noise: 0 but for rounding.

    A crop stays where it was in its image, so that padding at the edges of the image stays the same.

    Args:
        network: in evaluation mode.
        name: dotted name of the layer.
        images: uint8 (N, H, W, C), those that the patches are numbered by.
        patches: of some channels; those of silent channels say nothing and are left out.
        boxes: theirs, from `patch_boxes`.
        channels: their numbers in the layer.
        seed: of the noise.

    Returns:
        The largest change, relative to the activation; 0 where no patch is left.
    """
    draws = np.random.Generator(np.random.PCG64(seed))
    errors = [0.0]
    for row in np.flatnonzero(~patches.silent):
        seen = images[patches.images[row]]
        noisy = draws.integers(0, 256, seen.shape, dtype=np.uint8)
        for place, (top, left, bottom, right) in enumerate(boxes[row]):
            noisy[place, top:bottom, left:right] = seen[place, top:bottom, left:right]
        maps = feature_maps(network, noisy, [name])[name]
        down, across = patches.units[row].T
        again = maps[np.arange(len(maps)), channels[int(row)], down, across].astype(np.float64)
        values = patches.values[row].astype(np.float64)
        active = values > 0
        errors.append(float((np.abs(again - values)[active] / values[active]).max(initial=0)))
    return max(errors)
