"""What params.yaml says of pictures that a network draws. Apart from what draws them: every Snakemake call reads it."""

from pydantic import Field

from evenlight.settings import Settings


class Dream(Settings):
    """Pictures made to please a network: the ideal of every class, and a dream on a test image."""

    class_steps: int = Field(200, ge=1, le=5000, description="of the picture of a class")
    class_rate: float = Field(0.05, gt=0, le=1, description="learning rate of these (Adam)")
    smoothness: float = Field(
        2.0,
        ge=0,
        le=1000,
        description="weight of smooth, grey pictures; more is easier on the eye, less certain",
    )
    layer: str | None = Field(None, description="module that dreams; null: the last feature maps")
    steps: int = Field(20, ge=1, le=500, description="of the dream")
    rate: float = Field(0.02, gt=0, le=1, description="mean change of a pixel per step; 1 is black to white")


class Style(Settings):
    """The content of one image in the style of another."""

    content: str = Field(min_length=1, description="path of an image of the data set, as in the manifest")
    style: str = Field(min_length=1, description="path of another one")
    content_layer: str | None = Field(
        None, description="module whose maps are kept; null: the last feature maps"
    )
    style_layers: list[str] = Field(
        [], description="modules whose textures are copied; none: all convolutions"
    )
    weight: float = Field(10.0, ge=0, le=1e6, description="of the style, against the content's weight of 1")
    smoothness: float = Field(3.0, ge=0, le=1000, description="weight of little change from pixel to pixel")
    steps: int = Field(200, ge=1, le=5000)
    rate: float = Field(0.02, gt=0, le=1, description="learning rate (Adam)")
