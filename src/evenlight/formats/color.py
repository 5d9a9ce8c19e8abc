"""Colours of any kind to RGB uint8: 16 bits, profiles, inks, palettes, transparency."""

import io
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from evenlight.reasons import Quarantine

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_TO_8_BITS = ((np.arange(65_536) * 255 + 32_767) // 65_535).astype(np.uint8)  # value / 257, rounded
_BAND = 256  # rows that are worked on at a time where large temporary arrays would be needed
_TRANSPARENT = ("RGBA", "LA", "PA", "La", "RGBa")


def deep_to_rgb(deep: np.ndarray, gray_alpha: bool, profile: bytes, warnings: set[str]) -> np.ndarray:
    """uint16 gray (H, W), RGB or RGBA (H, W, 3 or 4) as RGB uint8 (H, W, 3).

    `gray_alpha` says that an RGBA was made of gray and alpha. Warns of data that use 12 bits or fewer.

    Raises:
        Quarantine: fully transparent.
    """
    if deep[..., :3].max() <= 4095:
        warnings.add("low_bit_depth")
    pixels = np.take(_TO_8_BITS, deep)
    color = pixels if pixels.ndim == 2 else pixels[:, :, 0] if gray_alpha else pixels[:, :, :3]
    rgb = with_profile(Image.fromarray(np.ascontiguousarray(color)), profile, warnings)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return over_white(np.dstack([rgb, pixels[:, :, 3]]))
    return rgb


def to_rgb(image: Image.Image, profile: bytes, warnings: set[str]) -> np.ndarray:
    """A loaded Pillow image of 8 bits or fewer, any mode, as RGB uint8 (H, W, 3).

    Raises:
        Quarantine: fully transparent, or more than 8 bits.
    """
    if image.mode.startswith(("I", "F")):
        raise Quarantine("unsupported_depth", f"Pillow mode {image.mode}")
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        return _opaque(image, profile, warnings)
    if image.mode == "CMYK":
        return ink_to_rgb(np.asarray(image), profile, warnings)
    if image.mode == "LAB":
        return np.asarray(ImageCms.applyTransform(image, _lab_to_srgb()))
    return with_profile(_in_mode(image, "L" if image.mode in ("1", "L") else "RGB"), profile, warnings)


def _opaque(image: Image.Image, profile: bytes, warnings: set[str]) -> np.ndarray:
    """An image with any kind of transparency, over white."""
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    rgba = np.array(image.convert("RGBA"))
    if profile:
        color = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
        rgba[:, :, :3] = with_profile(color, profile, warnings)
    return over_white(rgba)


def over_white(rgba: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 4) over white, rounded, as uint8 (H, W, 3).

    Raises:
        Quarantine: fully transparent.
    """
    alpha = rgba[:, :, 3]
    if alpha.max() == 0:
        raise Quarantine("fully_transparent")
    color = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    if alpha.min() == 255:
        return color
    for top in range(0, len(color), _BAND):
        part = color[top : top + _BAND]
        # 255 - (255 - colour) * alpha / 255 in 16 bits; x / 255 rounded is (y + y // 256) // 256 with y = x + 128
        product = np.multiply(255 - part, cv2.merge([alpha[top : top + _BAND]] * 3), dtype=np.uint16)
        product += 128
        product += product >> 8
        product >>= 8
        part[:] = 255 - product.astype(np.uint8)
    return color


def ink_to_rgb(cmyk: np.ndarray, profile: bytes, warnings: set[str]) -> np.ndarray:
    """uint8 (H, W, 4), 255 = full ink, as RGB uint8 (H, W, 3)."""
    return with_profile(
        Image.frombuffer("CMYK", cmyk.shape[1::-1], np.ascontiguousarray(cmyk)), profile, warnings
    )


def with_profile(image: Image.Image, profile: bytes, warnings: set[str]) -> np.ndarray:
    """A Pillow image of mode RGB, L or CMYK as sRGB uint8 (H, W, 3), relative colorimetric.

    A profile that is damaged or made for another colour space is ignored with a warning; an empty one is none.
    """
    if profile:
        try:
            transform = _to_srgb(profile, image.mode)
            return np.asarray(ImageCms.applyTransform(image, transform))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            warnings.add("icc_invalid")
    return np.asarray(_in_mode(image, "RGB"))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """`convert` copies an image that is in the mode already: 250 MB of a large one."""
    return image if image.mode == mode else image.convert(mode)


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """A transform to sRGB: one camera's files share a profile, and building costs more than applying."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != _SPACES[mode]:
        raise ValueError(f"a profile of {source.profile.xcolor_space} colours")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, _srgb(), mode, "RGB", intent)


@lru_cache(maxsize=1)
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB", intent)


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.core.CmsProfile:
    return ImageCms.createProfile("sRGB")


def is_constant(pixels: np.ndarray) -> bool:
    """Whether all pixels (H, W, 3) are equal; most pictures show by their middle or first row that they are not."""
    first, rows = pixels[0, 0], pixels.reshape(len(pixels), -1)
    for row in (pixels[len(pixels) // 2], pixels[0]):
        if (row != first).any():
            return False
    return bool((rows == rows[0]).all())
