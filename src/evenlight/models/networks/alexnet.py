"""AlexNet from torchvision (Krizhevsky 2014, one tower): five convolutions, two hidden layers, 57 million weights."""

from torch import nn

from evenlight.models.cnn import Network
from evenlight.models.cnn_options import CnnOptions

SMALLEST_SIDE = 63
PRETRAINED = True


def build(options: CnnOptions, input_shape: tuple[int, ...], class_count: int) -> Network:
    """4,096 features; images of 224 x 224 are what it was made for."""
    from torchvision.models import AlexNet_Weights, alexnet

    from evenlight.models.torchvision_networks import as_network, start_weights

    model = alexnet(num_classes=class_count, dropout=options.dropout)
    start_weights(options, model, AlexNet_Weights.DEFAULT, "classifier.6")
    head = nn.Sequential(model.avgpool, nn.Flatten(), *model.classifier[:-1])
    return as_network(options, model.features, head, model.classifier[-1:])
