"""Pictures that a network draws: the one that a class likes best, and a dream of what a layer sees.

A class: activation maximization (Erhan et al. 2009; Simonyan et al. 2014, section 2). A dream: DeepDream (Mordvintsev
et al. 2015), which enlarges whatever a layer already sees. Both show what the network answers to, not what the world
looks like: textures that no photo has can be as sure of a class as any photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from evenlight.errors import UserError
from evenlight.explain.layers import listening
from evenlight.explain.settings_dream import Dream
from evenlight.models.calibration import softmax
from evenlight.models.cnn import Network
from evenlight.models.inference import run_network, to_tensor
from evenlight.models.optimizers import AdamW

LAST_MAPS = "trunk"
MOMENTUM = 0.9  # of Adam, as is usual
_STEEPNESS = 3  # of the sigmoid that keeps pixels in range
_START = 0.1  # standard deviation of the noise that drawing starts from
_BATCH_PIXELS = 2**18
_HIGHEST_HUE = 179 / 255  # of OpenCV's 8 bits


@dataclass(frozen=True)
class ClassPictures:
    """Pictures uint8 (M, H, W, C), in the colours of the network's images, and their class's probability (M,)."""

    images: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Dreams:
    """Dreamt pictures uint8 (N, H, W, C), and the norm of the layer's activations before and after every step.

    `norms` is float64 (steps + 1, N).
    """

    images: np.ndarray
    norms: np.ndarray


def class_pictures(
    network: Network, codes: np.ndarray, shape: tuple[int, ...], settings: Dream, color: str, seed: int
) -> ClassPictures:
    """For each class the picture that the network is surest of.

    It raises the logarithm of the odds of the class. The logit alone may rise while another class's rises faster, and
    the gradient of the probability fades as it nears 1. A picture is sigmoid(3 z) with z from noise, held back by its
    mean square and its total variation (of neighbouring pixels), both of z and times `smoothness`.

    Args:
        network: in evaluation mode, K classes.
        codes: class codes (M,).
        shape: of the network's images, (H, W, C).
        settings: `class_steps`, `class_rate` and `smoothness` are used.
        color: the images' colour space; the hue of hsv ends at 179.
        seed: of the noise.

    Returns:
        The pictures, and what the network says of them as they are shown: rounded to 8 bits.
    """
    height, width, channels = shape
    draws = np.random.Generator(np.random.PCG64(seed))
    noise = draws.normal(0, _START, (len(codes), channels, height, width)).astype(np.float32)
    batch = max(1, _BATCH_PIXELS // (height * width))
    parts = [
        _drawn(network, codes[first : first + batch], noise[first : first + batch], settings, color)
        for first in range(0, len(codes), batch)
    ]
    images = np.concatenate([to_pixels(part) for part in parts])
    logits, _ = run_network(network, images)
    return ClassPictures(images, softmax(logits)[np.arange(len(codes)), codes])


def deep_dream(
    network: Network, images: np.ndarray, layer: str | None, settings: Dream, color: str
) -> Dreams:
    """Enlarge what a layer sees in images: `image += rate * gradient / mean(abs(gradient))`, then clamp.

    Args:
        network: in evaluation mode.
        images: uint8 (N, H, W, C), to start from.
        layer: name of a module; None for the last feature maps.
        settings: `steps` and `rate` are used.
        color: the images' colour space.

    Raises:
        UserError: the network has no such layer.
    """
    layer = layer or LAST_MAPS
    dreamt = to_tensor(images)
    ceiling = highest(color, images.shape[3])
    norms = []
    for _ in range(settings.steps):
        gradient, norm = dream_gradient(network, dreamt, layer)
        norms.append(norm)
        strength = gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
        # nothing answers where all is zero: such an image stays as it is
        step = settings.rate * gradient / strength.clamp_min(torch.finfo(torch.float32).tiny)
        dreamt = torch.minimum((dreamt + step).clamp_min(0), ceiling)
    norms.append(dream_gradient(network, dreamt, layer)[1])
    return Dreams(to_pixels(dreamt), np.stack(norms))


def dream_gradient(network: Network, images: torch.Tensor, layer: str) -> tuple[torch.Tensor, np.ndarray]:
    """The gradient that comes of setting a layer's gradient to its activations a: that of 0.5 * norm(a) ** 2.

    Args:
        network: in evaluation mode.
        images: float32 (N, C, H, W) in 0 to 1.
        layer: name of a module.

    Returns:
        Of every image, the gradient (N, C, H, W) and the norm of the activations, float64 (N,).

    Raises:
        UserError: the network has no such layer.
    """
    images = images.detach().requires_grad_(True)
    (answer,) = activations(network, images, [layer])
    (gradient,) = torch.autograd.grad(answer, images, grad_outputs=answer.detach())
    return gradient, answer.detach().double().flatten(1).norm(dim=1).numpy()


def activations(network: Network, images: torch.Tensor, layers: Sequence[str]) -> list[torch.Tensor]:
    """What modules of a network give for images (N, C, H, W), in the order of their names; gradients flow back.

    Raises:
        UserError: the network has no such module, or does not use it.
    """
    with listening(network, layers) as outputs:
        network(images)
    if unused := [name for name in layers if name not in outputs]:
        raise UserError(f"the network does not use its module {unused[0]!r}")
    return [outputs[name] for name in layers]


def highest(color: str, channels: int) -> torch.Tensor:
    """The largest value of every channel of a colour space: float32 (1, C, 1, 1) in 0 to 1."""
    ceiling = torch.ones(1, channels, 1, 1)
    if color == "hsv":
        ceiling[:, 0] = _HIGHEST_HUE
    return ceiling


def total_variation(images: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of pixels to the one below and the one beside, of images (N, C, H, W): (N,)."""
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    across = (images[..., 1:] - images[..., :-1]).abs().mean(dim=(1, 2, 3))
    return down + across


def to_pixels(images: torch.Tensor) -> np.ndarray:
    """float32 (N, C, H, W) in 0 to 1 -> uint8 (N, H, W, C), to the nearest level."""
    levels = (images.detach() * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())


def _drawn(
    network: Network, codes: np.ndarray, noise: np.ndarray, settings: Dream, color: str
) -> torch.Tensor:
    """Pictures of classes, float32 (M, C, H, W) in 0 to 1, all in one batch."""
    wanted = torch.from_numpy(codes.astype(np.int64))
    ceiling = highest(color, noise.shape[1])
    hidden = torch.nn.Parameter(torch.from_numpy(noise))
    adam = AdamW([hidden], MOMENTUM, weight_decay=0)
    for _ in range(settings.class_steps):
        logits = network(torch.sigmoid(_STEEPNESS * hidden) * ceiling)
        loss = settings.smoothness * _roughness(hidden) - _log_odds(logits, wanted).sum()
        (hidden.grad,) = torch.autograd.grad(loss, hidden)
        adam.step(settings.class_rate)
    return torch.sigmoid(_STEEPNESS * hidden.detach()) * ceiling


def _log_odds(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """log(p / (1 - p)) of one class per row: (M,)."""
    own = torch.nn.functional.one_hot(codes, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(dim=1)


def _roughness(hidden: torch.Tensor) -> torch.Tensor:
    """Mean square and total variation of every picture (M, C, H, W), summed over pictures."""
    return ((hidden**2).mean(dim=(1, 2, 3)) + total_variation(hidden)).sum()
