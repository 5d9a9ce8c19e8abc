"""Joint histogram of hue, saturation and value: which shades there are, not only which hues and which levels."""

import numpy as np
from pydantic import Field

from evenlight import pixels
from evenlight.blocks import by_block
from evenlight.columns import Column
from evenlight.levels import joint_counts
from evenlight.settings import Settings

COLUMNS = (
    Column(
        "hsv_hist3d_*", "root of the share of pixels", 0, 1, "hue, saturation and value bin (in that order)"
    ),
)


class Options(Settings):
    """Numbers of bins; their product is the number of columns."""

    hue_bins: int = Field(8, ge=2, le=36, description="bins of hue")
    saturation_bins: int = Field(4, ge=2, le=16, description="bins of saturation")
    value_bins: int = Field(4, ge=2, le=16, description="bins of value (lightness)")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`hsv_hist3d_00_00_00`, ...: hue, saturation and value bin; values in 0 to 1."""
    return [f"hsv_hist3d_{h:02d}_{s:02d}_{v:02d}" for h, s, v in np.ndindex(*_bins(options))]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Square roots of the shares of pixels of RGB uint8 images (N, H, W, 3) as float32 (N, D); squares sum to 1.

    Roots make the distance of two images the Hellinger distance, in which one large plain area does not hide the
    rest. Shares where techniques.md 2.3 has counts: a constant factor, and the image's size does not matter.
    """
    return by_block(images, lambda block: _block_roots(block, _bins(options)))


def _block_roots(images: np.ndarray, bins: list[int]) -> np.ndarray:
    shares = joint_counts(pixels.hsv_planes(images), pixels.HUES, bins)
    shares /= images.shape[1] * images.shape[2]
    return np.sqrt(shares, out=shares).reshape(len(images), -1)


def _bins(options: Options) -> list[int]:
    return [options.hue_bins, options.saturation_bins, options.value_bins]
