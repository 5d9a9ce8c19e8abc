"""What params.yaml says of a network. Apart from the training loop, because every Snakemake call reads it."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

import evenlight.models.networks
from evenlight.errors import did_you_mean
from evenlight.plugins import module_names
from evenlight.settings import Settings

SMALL_SHARE = 0.75  # of the side, what `small_first` leaves at first


class Fair(Settings):
    """Training that makes up for unequal groups; compare it with the same network without."""

    method: Literal["group_weights", "reweighing", "balanced", "adversarial"] = Field(
        description="group_weights: small groups count more in the loss; reweighing: images are drawn so that group and"
        " class are independent (Kamiran and Calders); balanced: every class of every group is drawn equally often;"
        " adversarial: the last layer is trained not to give the group away"
    )
    group: str = Field(min_length=1, description="one of the data set's `groups`")
    cap: float = Field(10.0, ge=1, description="no image counts more than so many times the average")
    strength: float = Field(1.0, ge=0, le=100, description="adversarial: weight of the reversed gradient")
    before: str | None = Field(None, description="network to compare with: the same options without `fair`")


class CnnOptions(Settings):
    """A convolutional network on the standardized images."""

    kind: Literal["cnn"]
    seed: int | None = Field(None, ge=0, description="of its training; null: that of params.yaml")
    network: str = Field("small", description="a module of models/networks/")
    width: float = Field(1.0, gt=0, le=4, description="fast_resnet: its channels are so many times as many")
    weights: Literal["none", "default"] = Field(
        "none", description="default: start from torchvision's weights, downloaded when missing"
    )
    freeze: bool = Field(
        False, description="train the classifier only, on top of the weights it started from"
    )
    epochs: int = Field(20, ge=1, le=1000, description="passes over the training images")
    batch_size: int = Field(
        32, ge=2, le=4096, description="images per step; larger is faster and needs a higher rate"
    )
    optimizer: Literal["sgd", "adamw", "muon"] = Field(
        "sgd",
        description="sgd with Nesterov momentum, AdamW, or Muon for filters with AdamW for the rest: fastest where"
        " every convolution is followed by batch normalization",
    )
    learning_rate: float = Field(0.02, gt=0, le=10, description="peak of the one-cycle schedule")
    warm_up: float = Field(0.2, gt=0, lt=1, description="share of the steps until the peak")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd and muon; the first beta of adamw")
    weight_decay: float = Field(5e-4, ge=0)
    patience: int | None = Field(
        None, ge=1, description="stop after so many epochs without a better validation loss; null: never"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="share of last-layer features hidden in training")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all classes")
    class_weights: bool = Field(False, description="rare classes count more in the loss")
    flip: bool = Field(
        True, description="mirror half of the training images; false where left and right differ"
    )
    mirrored: bool = Field(
        False, description="ask about an image and its mirror image: more often right, twice the time"
    )
    crop: int = Field(0, ge=0, description="training images are moved by up to so many pixels")
    brightness: float = Field(0.0, ge=0, lt=1, description="and made brighter or darker by up to this share")
    cutout: int = Field(0, ge=0, description="and lose a square of this side in pixels")
    small_first: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the steps taken on images of three quarters of the side, which are nearly twice as fast",
    )
    fair: Fair | None = Field(None, description="training that makes up for unequal groups")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16 is faster where the CPU has it; results then differ between CPUs"
    )
    threads: int = Field(1, ge=1, le=64, description="torch's own; another number gives other last digits")

    @model_validator(mode="after")
    def _knows_mirror_images(self) -> "CnnOptions":
        if self.mirrored and not self.flip:
            raise ValueError(
                "mirrored: true asks about mirror images, which flip: false keeps out of training"
            )
        return self

    @field_validator("network")
    @classmethod
    def _known(cls, name: str) -> str:
        names = module_names(evenlight.models.networks)
        if name not in names:
            raise ValueError(f"there is no network {name!r}{did_you_mean(name, names)}")
        return name
