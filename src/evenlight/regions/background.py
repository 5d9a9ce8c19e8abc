"""What moves in front of a fixed camera: the background that its images share is filled.

The background is learned after the splits are known, from standardized images, by `subtract_background`; until then
a picture is kept whole. The mixture of Gaussians per pixel (MOG2, Zivkovic 2004) computes in floats: equal bytes are
promised on one CPU class only (without AVX-512, AVX2, FMA and IPP the masks of 24 photos were the same).
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from evenlight.regions.cut import MaskSettings, clean_up, fill


class Options(MaskSettings):
    """What moves in front of a fixed camera."""

    method: Literal["background"]
    by: str = Field(
        min_length=1, description="source or group column whose values are fixed cameras, such as camera"
    )
    history: int = Field(200, ge=2, le=100_000, description="images that the background remembers")
    var_threshold: float = Field(
        16.0, gt=0, le=10_000, description="squared distance, in variances, from which a pixel is foreground"
    )
    minimum: int = Field(
        10,
        ge=2,
        description="images that teach a background: those of training, where these are fewer all; cameras with fewer"
        " still are left as they are",
    )


def foreground(training: Sequence[np.ndarray], images: Sequence[np.ndarray], options: Options) -> np.ndarray:
    """One camera's images with the background filled.

    Args:
        training: RGB uint8 (N, H, W, 3), N > 0, of that camera, in path order; only these teach the background.
        images: RGB uint8 (M, H, W, 3) of that camera.

    Returns:
        uint8 (M, H, W, 3).
    """
    camera = learn(training, options)
    result = np.empty((len(images), *training[0].shape), dtype=np.uint8)
    for number, image in enumerate(images):
        result[number] = remove(image, camera, options)
    return result


def learn(training: Iterable[np.ndarray], options: Options) -> cv2.BackgroundSubtractorMOG2:
    """The background of a camera, from its RGB uint8 (H, W, 3) training images, one at a time."""
    camera = cv2.createBackgroundSubtractorMOG2(options.history, options.var_threshold, detectShadows=False)
    for image in training:
        camera.apply(np.ascontiguousarray(image))
    return camera


def remove(image: np.ndarray, camera: cv2.BackgroundSubtractorMOG2, options: Options) -> np.ndarray:
    """One image with the background filled; the camera learns nothing from it."""
    image = np.ascontiguousarray(image)
    kept = camera.apply(image, learningRate=0) != 0
    return fill(image, clean_up(kept, options), options.fill)
