"""Pictures for the tests of feature families, and what must hold for each of them."""

from types import ModuleType
from typing import Any

import numpy as np

SHAPES = [(8, 8), (8, 41), (37, 9), (64, 64), (200, 190)]


def noise(*shape: int, seed: int = 0, levels: int = 256) -> np.ndarray:
    """Random uint8 with so many different levels between 0 and 255."""
    values = np.random.default_rng(seed).integers(0, levels, size=shape)
    return (values * (255 // (levels - 1))).astype(np.uint8)


def as_rgb(grays: np.ndarray) -> np.ndarray:
    """Gray (..., H, W) as RGB (..., H, W, 3)."""
    return np.repeat(grays[..., None], 3, axis=-1)


def named(module: ModuleType, image: np.ndarray, *learned: np.ndarray, **options: Any) -> dict[str, float]:
    """Columns of one image by name."""
    chosen = module.Options(**options)
    row = module.extract(image[None], chosen, *learned)[0]
    return dict(zip(module.column_names(chosen, image.shape), row.tolist(), strict=True))


def check_images_count_for_themselves(
    module: ModuleType, shape: tuple[int, int], *learned: np.ndarray, count: int = 5
) -> None:
    """Batch, position and neighbours change no bit; flat and nearly flat images give numbers."""
    images = noise(count, *shape, 3)
    images[2] //= 200
    images[3] = 128
    options = module.Options()
    together = module.extract(images, options, *learned)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    alone = [module.extract(image[None].copy(), options, *learned)[0] for image in images]
    assert np.array_equal(together, alone)
    assert np.array_equal(module.extract(images[::-1].copy(), options, *learned)[::-1], together)
