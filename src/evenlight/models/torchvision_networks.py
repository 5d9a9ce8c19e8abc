"""What the networks from torchvision share: its weights, its normalization, and ReLUs that can be explained.

They always see three channels: one gray channel is repeated, because the normalization has three.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from evenlight.errors import UserError
from evenlight.models.cnn import Network
from evenlight.models.cnn_options import CnnOptions

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

CHANNELS = 3

# of ImageNet's training images, the same for all of torchvision's classifiers
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225])


def start_weights(options: CnnOptions, model: nn.Module, weights: "WeightsEnum", last_layer: str) -> None:
    """Load torchvision's weights where `weights: default` asks for them; the last layer keeps its own.

    They are torchvision's newest for ImageNet, taken from torch's cache or downloaded into it.

    Args:
        options: of the network.
        model: as torchvision builds it, but for as many classes as the data has.
        weights: such as `VGG16_Weights.DEFAULT`.
        last_layer: name of the layer that gives the logits.

    Raises:
        UserError: they can't be downloaded, or the cached file is damaged.
    """
    if options.weights == "none":
        return
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    last = {name: value for name, value in model.state_dict().items() if name.startswith(f"{last_layer}.")}
    try:
        # tensors only: `weights_only` refuses everything else that a pickle may hold
        published = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        model.load_state_dict(published | last)
    except OSError as problem:
        reason = getattr(problem, "reason", None) or problem.strerror or problem
        raise UserError(
            f"params.yaml: the weights of network {options.network!r} can't be downloaded ({reason}); put"
            f" {weights.url} at {file} by hand, or choose weights: none"
        ) from None
    except Exception:  # damaged files raise many types
        raise UserError(
            f"{file}: not the published weights of network {options.network!r}; delete it, or put {weights.url} there"
        ) from None


def as_network(options: CnnOptions, trunk: nn.Module, head: nn.Module, classifier: nn.Module) -> Network:
    """The parts of a torchvision model as ours: no ReLU in place, ImageNet's normalization for its weights."""
    network = Network(CHANNELS, trunk, head, classifier)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    if options.weights == "default":
        network.fix_normalization(_MEAN, _DEVIATION)
    return network
