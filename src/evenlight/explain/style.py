"""Style transfer (Gatys, Ecker and Bethge 2016): one image's content with another one's textures.

Content is what a deep layer's maps hold at every place; style is how maps of several layers go together wherever that
is, their Gram matrices. The picture is that which has both. A network trained on small pictures knows few textures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from evenlight.explain.dream import LAST_MAPS, MOMENTUM, activations, highest, to_pixels, total_variation
from evenlight.explain.layers import convolution_layers
from evenlight.explain.settings_dream import Style
from evenlight.models.cnn import Network
from evenlight.models.inference import to_tensor
from evenlight.models.optimizers import AdamW


@dataclass(frozen=True)
class Styled:
    """The picture, uint8 (H, W, C), and the losses before and after every step, float64 (steps + 1,) each.

    `total` is `content` + weight * `style` + smoothness * total variation: what is lowered.
    """

    image: np.ndarray
    content: np.ndarray
    style: np.ndarray
    total: np.ndarray


class Target:
    """What a picture is compared with: the content of one image and the style of another."""

    def __init__(
        self,
        network: Network,
        content: torch.Tensor,
        style: torch.Tensor,
        content_layer: str = LAST_MAPS,
        style_layers: Sequence[str] = (),
    ) -> None:
        """Images float32 (1, C, H, W) in 0 to 1; without style layers, all convolutions, after their activation.

        Raises:
            UserError: the network has no such layer.
        """
        self._network = network
        _, channels, height, width = style.shape
        every = [layer.name for layer in convolution_layers(network, (height, width, channels))]
        self._layers = [content_layer, *(style_layers or every)]
        with torch.no_grad():
            self._maps = activations(network, content, self._layers)[0]
            self._grams = [gram(maps) for maps in activations(network, style, self._layers)[1:]]

    def losses(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Content and style loss of a picture (1, C, H, W).

        Mean squared differences, as shares of the mean square of what is aimed at, so that layers of any size and
        scale count alike; the style's is the mean over its layers.
        """
        maps, *styles = activations(self._network, image, self._layers)
        differences = [_share(gram(found), wanted) for found, wanted in zip(styles, self._grams, strict=True)]
        return _share(maps, self._maps), torch.stack(differences).mean()


def transfer(network: Network, content: np.ndarray, style: np.ndarray, settings: Style, color: str) -> Styled:
    """Paint one image in the style of another, starting from the content.

    Args:
        network: in evaluation mode.
        content: uint8 (H, W, C).
        style: of the same shape.
        settings: layers, weight, steps and rate.
        color: the images' colour space; the hue of hsv ends at 179.

    Raises:
        UserError: the network has no such layer.
    """
    images = to_tensor(np.stack([content, style]))
    content_layer = settings.content_layer or LAST_MAPS
    target = Target(network, images[:1], images[1:], content_layer, settings.style_layers)
    ceiling = highest(color, content.shape[2])
    image = torch.nn.Parameter(images[:1].clone())
    adam = AdamW([image], MOMENTUM, weight_decay=0)
    history = []
    for _ in range(settings.steps):
        losses = _losses(target, image, settings)
        history.append(losses.detach().double().numpy())
        (image.grad,) = torch.autograd.grad(losses[2], image)
        adam.step(settings.rate)
        image.data = torch.minimum(image.data.clamp_min(0), ceiling)
    history.append(_losses(target, image, settings).detach().double().numpy())
    return Styled(to_pixels(image)[0], *np.stack(history, axis=1))


def _losses(target: Target, image: torch.Tensor, settings: Style) -> torch.Tensor:
    """Content loss, style loss, and the total that is lowered: (3,)."""
    content, style = target.losses(image)
    total = content + settings.weight * style + settings.smoothness * total_variation(image)[0]
    return torch.stack([content, style, total])


def gram(maps: torch.Tensor) -> torch.Tensor:
    """How maps (N, D, h, w) go together, wherever that is: mean products of every two, (N, D, D)."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def _share(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean squared difference over the mean square of what is wanted."""
    return ((found - wanted) ** 2).mean() / (wanted**2).mean().clamp_min(torch.finfo(torch.float32).tiny)
