"""Brightness: how light a picture is, over all and in its dark and light parts."""

import cv2
import numpy as np

from evenlight.settings import Settings

_PERCENTILES = (5, 25, 50, 75, 95)


class Options(Settings):
    """Brightness has no options."""


def column_names(options: Options, image_shape: tuple[int, int, int]) -> list[str]:
    """Names of the columns; all values lie in 0 to 255.

    `v` is the HSV value (the largest of R, G, B), `gray` is .299 R + .587 G + .114 B.
    """
    percentiles = [f"brightness_v_p{percent:02d}" for percent in _PERCENTILES]
    return [
        "brightness_v_mean",
        "brightness_v_std",
        "brightness_gray_mean",
        "brightness_gray_std",
        *percentiles,
    ]


def extract(images: np.ndarray, options: Options) -> np.ndarray:
    """Brightness of RGB uint8 images (N, H, W, 3) as float32 (N, 9).

    Percentiles interpolate linearly (`numpy.percentile`); standard deviations are those of the population.
    """
    count, height, width, _ = images.shape
    value = images.max(axis=3).reshape(count, -1)
    # colour conversion works pixel by pixel, so the whole batch is one tall picture to OpenCV
    gray = cv2.cvtColor(images.reshape(count * height, width, 3), cv2.COLOR_RGB2GRAY).reshape(count, -1)
    moments = [value.mean(axis=1), value.std(axis=1), gray.mean(axis=1), gray.std(axis=1)]
    percentiles = np.percentile(value, _PERCENTILES, axis=1)
    return np.column_stack([*moments, *percentiles]).astype(np.float32)
