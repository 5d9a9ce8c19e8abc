"""Three blocks of convolution, batch normalization, ReLU and pooling; global average pooling; a linear layer."""

from itertools import pairwise

from torch import nn

from evenlight.models.cnn import Network, global_average
from evenlight.models.cnn_options import CnnOptions

SMALLEST_SIDE = 8
NORMALIZES = True

_WIDTHS = (16, 32, 64)


def build(options: CnnOptions, input_shape: tuple[int, ...], class_count: int) -> Network:
    """24,000 weights; 64 features."""
    channels = input_shape[2]
    blocks = [_block(before, after) for before, after in pairwise((channels, *_WIDTHS))]
    classifier = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(_WIDTHS[-1], class_count))
    return Network(channels, nn.Sequential(*blocks), global_average(), classifier)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
