"""One column, one cut, chosen on training images: the rule that every other model should beat."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import KindOptions

if TYPE_CHECKING:
    from evenlight.models.threshold import ThresholdRule

TRUSTED_TYPES = ("evenlight.models.threshold.ThresholdRule",)


class Options(KindOptions):
    """One column, one cut, chosen on training images: the rule that every other model should beat."""

    kind: Literal["threshold"]
    feature: str = Field("brightness_v_mean", description="the feature column to cut")


def build(options: Options, shape: tuple[int, int], seed: int) -> "ThresholdRule":
    """The rule; it has no settings."""
    from evenlight.models.threshold import ThresholdRule

    return ThresholdRule()
