"""The part of an image that a unit of a layer sees, exactly, for any graph of convolutions, pooling and sums.

While a network is looked at, every convolution sums up its window with weights of one, maximum pooling too, and
normalization and activations do nothing. Then no two paths cancel, and the gradient of a unit is positive on the pixels
that can change it and zero on all others (Araujo, Norris and Sim 2019 derive the same by formula for chains).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from evenlight.errors import UserError
from evenlight.explain.layers import ACTIVATIONS, hooked, listening

if TYPE_CHECKING:
    from evenlight.models.cnn import Network

_UNITS = 16  # looked at in one pass
_OUTER = 4  # units at either end that tell how far all see


@dataclass(frozen=True)
class Extent:
    """How far the units of a layer see along one axis, in pixels.

    `size` is that of the whole receptive field where `exact`; else every unit reaches an edge of the image, and it is
    the largest part that one sees. `stride` lies between neighbouring units, None where too few see less than the
    whole side.
    """

    size: int
    stride: int | None
    exact: bool


def receptive_field(
    network: "Network", name: str, input_shape: tuple[int, int, int]
) -> tuple[Extent, Extent]:
    """Height and width of the receptive fields of a layer.

    Args:
        network: any whose normalization is `BatchNorm2d` and whose pooling is done by modules.
        name: dotted name of a module of its trunk whose output is (N, D, h, w).
        input_shape: (H, W, C) of the images.

    Raises:
        UserError: the trunk has no such module.
    """
    vertical, horizontal = (_outer(side) for side in _map_size(network, name, input_shape))
    longer = max(vertical, horizontal, key=len)
    # the edges of a box hang on the unit's row or column only, so that units on a diagonal show all
    units = np.column_stack([np.resize(vertical, len(longer)), np.resize(horizontal, len(longer))])
    boxes = receptive_boxes(network, name, units, input_shape)
    top, left, bottom, right = boxes.T
    return (
        _extent(vertical, top[: len(vertical)], bottom[: len(vertical)], input_shape[0]),
        _extent(horizontal, left[: len(horizontal)], right[: len(horizontal)], input_shape[1]),
    )


def _outer(side: int) -> np.ndarray:
    """The first and the last units along an axis: far from the last or from the first edge of the image."""
    places = np.arange(side)
    return places[(places < _OUTER) | (places >= side - _OUTER)]


def _extent(places: np.ndarray, starts: np.ndarray, ends: np.ndarray, side: int) -> Extent:
    """From the edges of some units along an axis, at rising places."""
    beside = np.diff(places) == 1
    steps = np.concatenate(
        [np.diff(starts)[beside & (starts[:-1] > 0)], np.diff(ends)[beside & (ends[1:] < side)]]
    )
    stride = int(np.median(steps)) if len(steps) else None
    # an image's edge only ever takes from a box, so the outermost edges are those of whole ones
    first, last = starts - (stride or 0) * places, ends - (stride or 0) * places
    if (first[starts > 0] == first.min()).any() and (last[ends < side] == last.max()).any():
        return Extent(int(last.max() - first.min()), stride, exact=True)
    return Extent(int((ends - starts).max()), stride, exact=False)


def receptive_boxes(
    network: "Network", name: str, units: np.ndarray, input_shape: tuple[int, int, int]
) -> np.ndarray:
    """The smallest box of pixels that holds all that a unit sees, for every unit.

    Args:
        network: any whose normalization is `BatchNorm2d` and whose pooling is done by modules.
        name: dotted name of a module of its trunk.
        units: row and column on the map, int (U, 2).
        input_shape: (H, W, C) of the images.

    Returns:
        int64 (U, 4): top, left, bottom, right, of which the last two lie beyond; clipped to the image. A unit that
        sees padding only has a box of zeros.

    Raises:
        UserError: the trunk has no such module.
    """
    some, places = np.unique(np.asarray(units).reshape(-1, 2), axis=0, return_inverse=True)
    parts = [
        _boxes(_gradients(network, name, some[start : start + _UNITS], input_shape))
        for start in range(0, len(some), _UNITS)
    ]
    return np.concatenate(parts)[places] if parts else np.zeros((0, 4), dtype=np.int64)


def _boxes(seen: np.ndarray) -> np.ndarray:
    """Bounding boxes int64 (U, 4) of masks, bool (U, H, W)."""
    edges = []
    for axis in (2, 1):
        lines = np.asarray(seen.any(axis=axis))
        first = lines.argmax(axis=1)
        last = lines.shape[1] - lines[:, ::-1].argmax(axis=1)
        edges.append((first, np.where(lines.any(axis=1), last, 0)))
    (top, bottom), (left, right) = edges
    return np.column_stack([top, left, bottom, right]).astype(np.int64)


def _gradients(
    network: "Network", name: str, units: np.ndarray, input_shape: tuple[int, int, int]
) -> np.ndarray:
    """Which pixels each unit sees: bool (U, H, W)."""
    height, width, channels = input_shape
    images = torch.ones(len(units), channels, height, width, requires_grad=True)
    with torch.enable_grad():
        maps = _counted_paths(network, name, images)
        rows, columns = torch.from_numpy(units.astype(np.int64)).T
        chosen = maps[torch.arange(len(units)), 0, rows, columns].sum()
        (gradient,) = torch.autograd.grad(chosen, images)
    return np.asarray((gradient != 0).any(dim=1).numpy())


def _map_size(network: "Network", name: str, input_shape: tuple[int, int, int]) -> tuple[int, int]:
    with torch.inference_mode():
        maps = _counted_paths(network, name, torch.ones(1, input_shape[2], *input_shape[:2]))
    return maps.shape[2], maps.shape[3]


def _counted_paths(network: "Network", name: str, images: torch.Tensor) -> torch.Tensor:
    """A layer's output (N, D, h, w) of a network whose weights are all one."""
    replaced = [module for module in network.trunk.modules() if isinstance(module, _REPLACED)]
    # first our hooks: the last one hears what they answer
    with hooked(replaced, _sum_up), listening(network, [name]) as outputs:
        # a gray channel becomes three where the normalization has three
        network.trunk(images * torch.ones_like(network.mean))
    if name not in outputs:
        raise UserError(f"{name!r} is no module of the network's trunk: its units see all of an image")
    return outputs[name]


_POOLING = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)
_REPLACED = (nn.Conv2d, nn.BatchNorm2d, *ACTIVATIONS, *_POOLING)


def _sum_up(module: nn.Module, given: Any, output: torch.Tensor) -> torch.Tensor:
    """The sum over the window of a convolution or of pooling; what anything else is given."""
    values: torch.Tensor = given[0]
    if isinstance(module, nn.Conv2d):
        total = _windows(module, values.sum(dim=1, keepdim=True), output)
        return total.repeat(1, output.shape[1], 1, 1)
    if isinstance(module, nn.MaxPool2d):
        count, channels = values.shape[:2]
        return _windows(module, values.flatten(0, 1)[:, None], output).reshape(
            count, channels, *output.shape[2:]
        )
    if isinstance(module, nn.AdaptiveMaxPool2d):
        return functional.adaptive_avg_pool2d(values, (output.shape[2], output.shape[3]))
    return values


def _windows(module: nn.Conv2d | nn.MaxPool2d, values: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """Sums (N, 1, h, w) over the windows of a module in values (N, 1, H, W)."""
    size, stride, dilation = (_pair(each) for each in (module.kernel_size, module.stride, module.dilation))
    before = _before(module)
    # at the far edge as much as the last window needs: `ceil_mode` lets it reach beyond the padding
    after = [
        (output.shape[2 + axis] - 1) * stride[axis]
        + dilation[axis] * (size[axis] - 1)
        + 1
        - before[axis]
        - values.shape[2 + axis]
        for axis in (0, 1)
    ]
    padded = functional.pad(values, (before[1], after[1], before[0], after[0]))
    return functional.conv2d(padded, torch.ones(1, 1, *size), stride=stride, dilation=dilation)


def _before(module: nn.Conv2d | nn.MaxPool2d) -> tuple[int, int]:
    """Padding above and at the left."""
    if module.padding == "same":
        size, dilation = _pair(module.kernel_size), _pair(module.dilation)
        return dilation[0] * (size[0] - 1) // 2, dilation[1] * (size[1] - 1) // 2
    return (0, 0) if module.padding == "valid" else _pair(module.padding)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
