"""Heat maps of a network's answer: how much the score of a class hangs on each pixel, by captum.

The score is the raw logit of the class. Where a method compares with an image without content, that image is black:
every channel 0, as stored (the "zero baseline" of the literature, and of the deletion scores beside the maps). In
`color: lab` zero is no colour that a screen shows; the numbers hold all the same.

A method is one function and one entry in `METHODS`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenlight.errors import UserError, did_you_mean
from evenlight.explain.settings import Explain

if TYPE_CHECKING:
    import torch

    from evenlight.models.cnn import Network

# pixels of all images that are computed at one time: bounds memory, and fits a processor's cache for small networks
BATCH_PIXELS = 2**17

Step = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True)
class Method:
    """A way to share out a score among pixels.

    `compute(network, images, targets, settings)` gives signed shares (N, C, H, W), or (N, 1, H, W) where it doesn't
    tell channels apart. `caption` says what a pixel's value means and who computed it, `sanity` what is known of how
    far to trust it. Of a method that is not `signed` the absolute value is shown, the largest over the channels.
    """

    title: str
    caption: str
    sanity: str
    compute: Callable[["Network", "torch.Tensor", "torch.Tensor", Explain], "torch.Tensor"]
    signed: bool = True


def attribute(
    network: "Network", images: "torch.Tensor", targets: np.ndarray, method: str, settings: Explain
) -> np.ndarray:
    """Maps as they are shown: positive speaks for the class, negative against it.

    Channels are summed. Saliency alone has no sign: the largest absolute gradient over the channels (Simonyan et al.
    2014, arXiv:1312.6034).

    Args:
        network: is put into evaluation mode and not changed otherwise.
        images: float32 (N, C, H, W) in 0 to 1.
        targets: code of the class whose score is explained (N,).
        method: a key of `METHODS`.
        settings: `layer`, `window` and `integration_steps` are looked at.

    Returns:
        float32 (N, H, W).

    Raises:
        UserError: there is no such method or layer, the method does not fit the network, or a value is not finite.
    """
    shares = _shares(network, images, targets, method, settings)
    return shares.sum(axis=1) if METHODS[method].signed else np.abs(shares).max(axis=1)


def signed_maps(
    network: "Network", images: "torch.Tensor", targets: np.ndarray, method: str, settings: Explain
) -> np.ndarray:
    """Like `attribute`, with the sign also where it isn't shown: what the check by random weights compares.

    Absolute maps look alike because the same background is near zero in all of them.
    """
    return _shares(network, images, targets, method, settings).sum(axis=1)


def for_inference(network: "Network") -> "Network":
    """A copy that gives the same logits up to rounding, in about half the time; for use without gradients.

    Batch normalization is folded into the convolution before it, and channels lie last in memory.
    """
    from copy import deepcopy

    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    fast = deepcopy(network).eval()
    for block in [module for module in fast.modules() if isinstance(module, torch.nn.Sequential)]:
        for place in range(len(block) - 1):
            first, second = block[place], block[place + 1]
            if isinstance(first, torch.nn.Conv2d) and isinstance(second, torch.nn.BatchNorm2d):
                block[place], block[place + 1] = fuse_conv_bn_eval(first, second), torch.nn.Identity()
    return fast.to(memory_format=torch.channels_last)


def _shares(
    network: "Network", images: "torch.Tensor", targets: np.ndarray, method: str, settings: Explain
) -> np.ndarray:
    """What the method computes: float32 (N, C or 1, H, W), all of them finite."""
    import torch

    if method not in METHODS:
        raise UserError(
            f"params.yaml: explain.methods: there is no method {method!r}{did_you_mean(method, list(METHODS))}"
        )
    if len(images) == 0:
        return np.zeros((0, 1, *images.shape[2:]), dtype=np.float32)
    network.eval()
    goals = torch.as_tensor(np.asarray(targets), dtype=torch.int64)
    with warnings.catch_warnings(), torch.enable_grad():
        # it announces the hooks that it sets, and that it asks for gradients of the images
        warnings.filterwarnings("ignore", module=r"captum\.")
        shares = METHODS[method].compute(network, images, goals, settings).numpy()
    if not np.isfinite(shares).all():
        raise UserError(
            f"{method} gives values that are not finite: the network's weights are too large or no numbers;"
            " train it again with a smaller learning_rate"
        )
    return shares


def _by_batch(step: Step, images: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
    """The results of a few images at a time, as float32 without a graph."""
    import torch

    size = _images_at_once(images)
    parts = [
        step(images[start : start + size].detach(), targets[start : start + size]).detach().float()
        for start in range(0, len(images), size)
    ]
    return torch.cat(parts)


def _images_at_once(images: "torch.Tensor") -> int:
    return max(1, BATCH_PIXELS // (images.shape[2] * images.shape[3]))


def _gradient(
    network: "Network", images: "torch.Tensor", targets: "torch.Tensor", settings: Explain
) -> "torch.Tensor":
    from captum.attr import Saliency

    method = Saliency(network)
    return _by_batch(lambda some, goals: method.attribute(some, goals, abs=False), images, targets)


def _guided_backprop(
    network: "Network", images: "torch.Tensor", targets: "torch.Tensor", settings: Explain
) -> "torch.Tensor":
    from captum.attr import GuidedBackprop

    _refuse_functional_relu(network, images[:1])
    return _by_batch(GuidedBackprop(network).attribute, images, targets)


def _occlusion(
    network: "Network", images: "torch.Tensor", targets: "torch.Tensor", settings: Explain
) -> "torch.Tensor":
    """Windows that reach beyond the lower or right border are cut; a pixel gets the mean of its windows."""
    from captum.attr import Occlusion

    channels, *sides = images.shape[1:]
    window = [max(1, round(settings.window * side)) for side in sides]
    strides = [max(1, side // 2) for side in window]
    method = Occlusion(for_inference(network))

    def step(some: "torch.Tensor", goals: "torch.Tensor") -> "torch.Tensor":
        drops = method.attribute(
            some,
            sliding_window_shapes=(channels, *window),
            strides=(channels, *strides),
            target=goals,
            perturbations_per_eval=max(1, _images_at_once(images) // len(some)),
        )
        return drops[:, :1]  # a window hides all channels at once, and its drop is repeated for each

    return _by_batch(step, images, targets)


def _grad_cam(
    network: "Network", images: "torch.Tensor", targets: "torch.Tensor", settings: Explain
) -> "torch.Tensor":
    """Without the ReLU that cuts off what speaks against the class; enlarged as images are, half a pixel in."""
    import torch
    from captum.attr import LayerGradCam

    method = LayerGradCam(network, _layer(network, images[:1], settings.layer))

    def step(some: "torch.Tensor", goals: "torch.Tensor") -> "torch.Tensor":
        coarse = method.attribute(some, goals)
        size = some.shape[2:]
        return torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)

    return _by_batch(step, images, targets)


def _integrated_gradients(
    network: "Network", images: "torch.Tensor", targets: "torch.Tensor", settings: Explain
) -> "torch.Tensor":
    from captum.attr import IntegratedGradients

    method, most = IntegratedGradients(network), _images_at_once(images)

    def step(some: "torch.Tensor", goals: "torch.Tensor") -> "torch.Tensor":
        shares = method.attribute(
            some, target=goals, n_steps=settings.integration_steps, internal_batch_size=most
        )
        assert not isinstance(shares, tuple)
        return shares

    return _by_batch(step, images, targets)


def _refuse_functional_relu(network: "Network", image: "torch.Tensor") -> None:
    """Every ReLU of the computation must belong to a call of an `nn.ReLU`: captum hooks these and no others.

    The graph of the gradient shows all of them, whatever branches the code takes. captum would return a map that is
    in part, or all of it, the plain gradient, with no word.
    """
    import torch

    calls = []
    relus = [module for module in network.modules() if isinstance(module, torch.nn.ReLU)]
    hooks = [module.register_forward_hook(lambda *_: calls.append(1)) for module in relus]
    try:
        output = network(image.detach().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    used = _count_nodes(output.grad_fn, "ReluBackward0")
    if used == 0:
        raise UserError(
            "guided_backprop changes what a ReLU passes back, and this network has none; remove it from"
            " explain.methods in params.yaml"
        )
    if used > len(calls):
        raise UserError(
            f"guided_backprop would miss {used - len(calls)} of {used} ReLUs, which this network calls as functions;"
            " make them nn.ReLU modules, or remove guided_backprop from explain.methods in params.yaml"
        )


def _count_nodes(root: "torch.autograd.graph.Node", name: str) -> int:
    """Nodes of that name in the graph of a gradient."""
    seen, waiting = {root}, [root]
    while waiting:
        for node, _ in waiting.pop().next_functions:
            if node is not None and node not in seen:
                seen.add(node)
                waiting.append(node)
    return sum(node.name() == name for node in seen)


def _layer(network: "Network", image: "torch.Tensor", name: str | None) -> "torch.nn.Module":
    """The module of that name, the trunk without one; it must give maps."""
    import torch

    modules = dict(network.named_modules())
    name = "trunk" if name is None else name
    if not name or name not in modules:
        known = [known for known in modules if known]
        raise UserError(
            f"params.yaml: explain.layer: the network has no module {name!r}{did_you_mean(name, known)}"
        )
    shapes: list[int] = []
    hook = modules[name].register_forward_hook(lambda module, given, maps: shapes.append(maps.ndim))
    try:
        with torch.no_grad():
            network(image)
    finally:
        hook.remove()
    if shapes != [4]:
        raise UserError(
            f"params.yaml: explain.layer: module {name!r} does not give one set of maps per image;"
            " name a layer inside the trunk, such as 'trunk'"
        )
    return modules[name]


METHODS: dict[str, Method] = {
    "saliency": Method(
        "Saliency",
        "Absolute gradient of the class score, the largest over the channels (captum Saliency): where a small change"
        " of a pixel changes the score most.",
        "It follows the weights, but is noisy, and says how sensitive the score is, not what made it high: deleting"
        " bright pixels first can hit the score harder.",
        _gradient,
        signed=False,
    ),
    "guided_backprop": Method(
        "Guided backprop",
        "Gradient of the class score with negative gradients set to zero at every ReLU (captum GuidedBackprop): not"
        " the gradient itself.",
        "It changes little when the weights are replaced by random ones (Adebayo et al. 2018): it traces edges of the"
        " picture more than what the network learned.",
        _guided_backprop,
    ),
    "occlusion": Method(
        "Occlusion",
        "How much the class score falls when a black window hides the pixel, the mean over all windows that do"
        " (captum Occlusion).",
        "It measures what it says, for windows of this size; black windows are unlike any training image, and a"
        " network may react to that.",
        _occlusion,
    ),
    "grad_cam": Method(
        "Grad-CAM",
        "Last feature maps, each weighted by the mean gradient of the class score on it, enlarged to the image (captum"
        " LayerGradCam, without ReLU).",
        "Behind global average pooling it is exact: the map adds up to the score. With other heads it can point to"
        " worse places than chance, as its deletion score shows.",
        _grad_cam,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        "Gradient of the class score, averaged on the way from a black image to this one, times the pixel (captum"
        " IntegratedGradients): shares that add up to the change of the score.",
        "Black pixels get nothing, whatever they mean to the network, because the way starts at black; the factor of"
        " the pixel makes the map resemble the picture.",
        _integrated_gradients,
    ),
}
