"""A tiny copy of the picture: where light and colour are, in the coarsest way."""

import numpy as np
from pydantic import Field

from evenlight.columns import Column
from evenlight.settings import Settings
from evenlight.standardize import resize

COLUMNS = (Column("thumb_*_*_?", "level", 0, 255, "row, column and channel (r, g, b) of the small picture"),)


class Options(Settings):
    """Size of the small picture."""

    side: int = Field(8, ge=2, le=32, description="rows and columns of the small picture")


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """`thumb_00_00_r`, ...: row, column, channel; levels in 0 to 255."""
    side = options.side
    return [
        f"thumb_{row:02d}_{column:02d}_{channel}"
        for row in range(side)
        for column in range(side)
        for channel in "rgb"
    ]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """RGB uint8 images (N, H, W, 3) averaged by area to side x side (`cv2.INTER_AREA`) as float32 (N, D).

    A side shorter than the small picture's is interpolated linearly.
    """
    side = options.side
    small = np.empty((len(images), side, side, 3), dtype=np.float32)
    for image, pixels in zip(images, small, strict=True):
        pixels[...] = resize(image, side, side)
    return small.reshape(len(images), -1)
