"""What params.yaml says of looking inside networks. Light: every Snakemake call reads it."""

from pydantic import Field

from evenlight.explain.settings_dream import Dream, Style
from evenlight.settings import Settings


class Explain(Settings):
    """A page for every network: what it saw where, what its layers answer to, and how far to trust that."""

    models: list[str] = Field([], description="networks to look inside; none: all")
    images: int = Field(8, ge=1, le=24, description="test images shown, drawn at random")
    misclassified: int = Field(16, ge=0, le=24, description="most misclassified test images shown")
    methods: list[str] = Field(
        ["saliency", "guided_backprop", "occlusion", "grad_cam", "integrated_gradients"],
        min_length=1,
        description="heat maps; every one is checked",
    )
    layer: str | None = Field(None, description="module that Grad-CAM looks at; null: the last feature maps")
    checked: int = Field(32, ge=8, le=1000, description="test images that heat maps are checked on")
    steps: int = Field(20, ge=4, le=200, description="of deleting and inserting pixels")
    integration_steps: int = Field(24, ge=4, le=500, description="of integrated gradients")
    window: float = Field(
        0.25, gt=0, le=1, description="share of the side that occlusion hides, half a window on"
    )
    channels: int = Field(12, ge=1, le=64, description="of a layer that are shown")
    patches: int = Field(8, ge=1, le=24, description="image parts shown per channel")
    neighbours: int = Field(5, ge=1, le=10, description="nearest training images shown")
    dream: Dream | None = Field(Dream(), description="pictures that the network draws; null: none")
    style: Style | None = Field(None, description="one image in the style of another; null: none")
    seed: int = Field(0, ge=0)
