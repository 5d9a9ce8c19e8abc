"""ResNet-18 from torchvision (He et al. 2015): eight residual blocks, global average pooling, 11 million weights."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from evenlight.models.cnn import Network, global_average
from evenlight.models.cnn_options import CnnOptions

if TYPE_CHECKING:
    from torchvision.models.resnet import BasicBlock

SMALLEST_SIDE = 32
PRETRAINED = True
NORMALIZES = True


class _Block(nn.Module):
    """The parts of torchvision's `BasicBlock`, which uses one ReLU twice, with a ReLU per use."""

    def __init__(self, block: "BasicBlock") -> None:
        super().__init__()
        self.residual = nn.Sequential(block.conv1, block.bn1, nn.ReLU(), block.conv2, block.bn2)
        self.shortcut = block.downsample or nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.relu(self.residual(maps) + self.shortcut(maps))


def build(options: CnnOptions, input_shape: tuple[int, ...], class_count: int) -> Network:
    """512 features; images of 224 x 224 are what it was made for."""
    from torchvision.models import ResNet18_Weights, resnet18

    from evenlight.models.torchvision_networks import as_network, start_weights

    model = resnet18(num_classes=class_count)
    start_weights(options, model, ResNet18_Weights.DEFAULT, "fc")
    blocks = [
        _Block(block) for layer in (model.layer1, model.layer2, model.layer3, model.layer4) for block in layer
    ]
    trunk = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool, *blocks)
    classifier = nn.Sequential(nn.Dropout(options.dropout), model.fc)
    return as_network(options, trunk, global_average(), classifier)
