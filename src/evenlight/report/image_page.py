"""The page about one picture: what a model says of it, where it looked, what it finds alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenlight.report.inline import bytes_uri, picture_uri
from evenlight.report.rendering import environment

_CLASSES = 10  # shown in the table


@dataclass(frozen=True)
class ImagePage:
    """Everything the page is made of.

    `ranked` holds classes with their probabilities, likeliest first; `picture` is uint8 RGB (H, W, 3), as the model
    sees it; `known` a sentence where the picture is in the data set; `sheet` the heat maps as PNG, empty for a model
    that does not look at pictures; `methods` titles and meanings of the maps; `maps` the feature maps of the last layer
    as PNG, empty for a model without layers; `neighbours` a PNG, empty where features of the model do not say what is
    alike.
    """

    image: str
    model: str
    kind: str
    dataset: str
    ranked: Sequence[tuple[str, float]]
    picture: np.ndarray
    known: str
    sheet: bytes
    methods: Sequence[tuple[str, str]]
    maps: bytes
    neighbours: bytes


def build_image_page(inputs: ImagePage) -> str:
    """The page as a complete HTML document; equal inputs give an equal text."""
    return (
        environment()
        .get_template("image.html")
        .render(
            page=inputs,
            ranked=inputs.ranked[:_CLASSES],
            left_out=max(0, len(inputs.ranked) - _CLASSES),
            picture=picture_uri(inputs.picture),
            sheet=bytes_uri(inputs.sheet),
            maps=bytes_uri(inputs.maps),
            neighbours=bytes_uri(inputs.neighbours),
        )
    )
