"""VGG-16 from torchvision (Simonyan and Zisserman 2014): 13 convolutions, two hidden layers, 134 million weights."""

from torch import nn

from evenlight.models.cnn import Network
from evenlight.models.cnn_options import CnnOptions

SMALLEST_SIDE = 32
PRETRAINED = True


def build(options: CnnOptions, input_shape: tuple[int, ...], class_count: int) -> Network:
    """4,096 features; images of 224 x 224 are what it was made for."""
    from torchvision.models import VGG16_Weights, vgg16

    from evenlight.models.torchvision_networks import as_network, start_weights

    model = vgg16(num_classes=class_count, dropout=options.dropout)
    start_weights(options, model, VGG16_Weights.DEFAULT, "classifier.6")
    head = nn.Sequential(model.avgpool, nn.Flatten(), *model.classifier[:-2])
    return as_network(options, model.features, head, model.classifier[-2:])
