"""The convolutional layers of a network and what comes out of them, seen by forward hooks in a real pass.

Hooks hear what a network does, whatever its code looks like; a convolution of ours on the raw image would be another
thing than the maps of the second layer.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from evenlight.errors import UserError, did_you_mean
from evenlight.models.training import to_tensor

if TYPE_CHECKING:
    from evenlight.dataset import MappedImages
    from evenlight.models.cnn import Network

# what works on every value by itself, and rises where the value is positive
ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.GELU, nn.SiLU, nn.Softplus, nn.ReLU6)
# called as a forward hook: module, inputs, output
Hook = Callable[[nn.Module, Any, torch.Tensor], torch.Tensor | None]

_BATCH_PIXELS = 2**18  # of the images of one pass: the maps of a wide layer take 64 times as much


@dataclass(frozen=True)
class Layer:
    """A convolution.

    `convolution` is the dotted name of its module, `name` that of the module whose output stands for it: its
    activation where one follows directly or after batch normalization, else the normalization or itself. `shape` is
    that of the output, (D, h, w).
    """

    convolution: str
    name: str
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class _Call:
    name: str
    module: nn.Module
    given: torch.Tensor
    output: torch.Tensor


def convolution_layers(network: "Network", input_shape: tuple[int, int, int]) -> list[Layer]:
    """The convolutions of a network in evaluation mode, in the order in which they are computed.

    Args:
        network: any.
        input_shape: (H, W, C) of its images.

    A module that is called more than once has no output of its own to name; the one before it stands for the layer,
    and a convolution that is called more than once is left out.
    """
    calls: list[_Call] = []
    names = {module: name for name, module in network.named_modules()}

    def note(module: nn.Module, given: Any, output: torch.Tensor) -> None:
        calls.append(_Call(names[module], module, given[0], output))

    kinds = (nn.Conv2d, nn.BatchNorm2d, *ACTIVATIONS)
    heard = [module for module in network.modules() if isinstance(module, kinds)]
    with hooked(heard, note), torch.inference_mode():
        network(torch.zeros(1, input_shape[2], *input_shape[:2]))
    times = [call.module for call in calls]
    once = [call for call in calls if times.count(call.module) == 1]
    return [_layer(call, once) for call in once if isinstance(call.module, nn.Conv2d)]


def _layer(convolution: _Call, calls: Sequence[_Call]) -> Layer:
    """Follow the output of a convolution to its activation."""
    last = convolution
    for kinds in ((nn.BatchNorm2d,), ACTIVATIONS):
        takers = [call for call in calls if call.given is last.output and isinstance(call.module, kinds)]
        last = takers[0] if takers else last
    channels, height, width = last.output.shape[1:]
    return Layer(convolution.name, last.name, (channels, height, width))


def filters(network: "Network", layer: Layer) -> np.ndarray:
    """The weights of a convolution: float32 (D, C, height, width)."""
    weights = network.get_parameter(f"{layer.convolution}.weight")
    return np.asarray(weights.detach().numpy())


def feature_maps(network: "Network", images: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """What comes out of modules of a network in evaluation mode.

    Args:
        network: any.
        images: uint8 (N, H, W, C), N >= 1.
        names: dotted names of modules, such as `Layer.name`.

    Returns:
        Of each module its output, float32 (N, D, h, w).

    Raises:
        UserError: the network has no such module, or does not use it.
    """
    parts = [part for _, part in maps_by_batch(network, images, names)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def maps_by_batch(
    network: "Network", images: "np.ndarray | MappedImages", names: Sequence[str]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """`feature_maps` of some images at a time, each time with the number of their first: any number of images."""
    batch = max(1, _BATCH_PIXELS // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), batch):
        with listening(network, names) as outputs, torch.inference_mode():
            network(to_tensor(images[start : start + batch]))
        if missing := [name for name in names if name not in outputs]:
            raise UserError(f"the network does not use its module {missing[0]!r}")
        yield start, {name: outputs[name].numpy() for name in names}


@contextmanager
def listening(network: "Network", names: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
    """The outputs of named modules, as of the last forward pass inside; gradients flow through them.

    Raises:
        UserError: the network has no such module.
    """
    modules = dict(network.named_modules())
    for name in names:
        if name not in modules:
            raise UserError(f"the network has no module {name!r}{did_you_mean(name, list(modules))}")
    heard = {modules[name]: name for name in names}
    outputs: dict[str, torch.Tensor] = {}

    def keep(module: nn.Module, given: Any, output: torch.Tensor) -> None:
        # a copy, because some networks add to it in place
        outputs[heard[module]] = output.clone()

    with hooked(list(heard), keep):
        yield outputs


@contextmanager
def hooked(modules: Sequence[nn.Module], hook: Hook) -> Iterator[None]:
    """With a forward hook on each of the modules; without it afterwards, whatever happens."""
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
