"""The network of computer-vision courses, done right: two convolutions with pooling, two linear layers, raw logits."""

from torch import nn

from evenlight.models.cnn import Network
from evenlight.models.cnn_options import CnnOptions

SMALLEST_SIDE = 10
ONE_SIZE = True

_WIDTHS = (10, 20)
_HIDDEN = 50


def build(options: CnnOptions, input_shape: tuple[int, ...], class_count: int) -> Network:
    """3 x 3 convolutions without padding; sizes are worked out, never written down."""
    height, width, channels = input_shape
    trunk = nn.Sequential(
        nn.Conv2d(channels, _WIDTHS[0], kernel_size=3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(_WIDTHS[0], _WIDTHS[1], kernel_size=3),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    inputs = _WIDTHS[1] * _side_after(height) * _side_after(width)
    head = nn.Sequential(nn.Flatten(), nn.Linear(inputs, _HIDDEN), nn.ReLU())
    classifier = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(_HIDDEN, class_count))
    return Network(channels, trunk, head, classifier)


def _side_after(side: int) -> int:
    """Both times a convolution takes two pixels and pooling half."""
    for _ in _WIDTHS:
        side = (side - 2) // 2
    return side
