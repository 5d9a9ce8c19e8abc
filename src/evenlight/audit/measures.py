"""What is known of every image without looking at what it shows, and the words for it.

Pixel properties are those of `evenlight.properties`; file properties come from the manifest.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Gallery
from evenlight.audit.wording import many
from evenlight.properties import NAMES

if TYPE_CHECKING:
    import pandas as pd

FILE = ("width", "height", "aspect", "bytes_per_pixel")
CATEGORIES = ("format", "channels", "exif_orientation")
_EXAMPLES = 8


class Words(NamedTuple):
    """How to speak of a property: its name, and what images with a low and a high value do."""

    noun: str
    low: str
    high: str


WORDS = {
    "brightness": Words("brightness", "are darker", "are brighter"),
    "brightness_p99": Words("brightness of the lightest spots", "have darker lights", "have brighter lights"),
    "contrast": Words("contrast", "have less contrast", "have more contrast"),
    "sharpness": Words("sharpness", "are less sharp", "are sharper"),
    "saturation": Words("saturation", "are less colourful", "are more colourful"),
    "lab_a": Words("red-green balance", "are greener", "are redder"),
    "lab_b": Words("yellow-blue balance", "are bluer", "are yellower"),
    "entropy": Words("variety of gray levels", "use fewer gray levels", "use more gray levels"),
    "width": Words("width in pixels", "are narrower", "are wider"),
    "height": Words("height in pixels", "are less high", "are higher"),
    "aspect": Words("width over height", "are more upright", "are more oblong"),
    "bytes_per_pixel": Words("bytes per pixel", "take fewer bytes per pixel", "take more bytes per pixel"),
    "format": Words("file format", "", ""),
    "channels": Words("number of channels", "", ""),
    "exif_orientation": Words("orientation flag", "", ""),
}


def numeric(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Pixel properties, then file properties, of manifest rows: name -> float64 (N,)."""
    columns = {name: rows[f"property_{name}"].to_numpy(dtype=np.float64) for name in NAMES}
    width, height = (rows[name].to_numpy(dtype=np.float64) for name in ("width", "height"))
    columns |= {"width": width, "height": height, "aspect": width / np.maximum(height, 1)}
    columns["bytes_per_pixel"] = rows["bytes"].to_numpy(dtype=np.float64) / np.maximum(width * height, 1)
    return columns


def categorical(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Format, channels and orientation of manifest rows, as text: name -> object (N,)."""
    return {name: rows[name].astype(str).to_numpy(dtype=object) for name in CATEGORIES}


def amount(value: float) -> str:
    """A measured value with three digits, or all digits before the point: `0.123`, `5.92`, `1,280`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: np.ndarray) -> str:
    """Median and middle half of some images' values: `5.92 (middle half 5.41 to 6.3; 48 images)`."""
    low, middle, high = np.nanpercentile(values, [25, 50, 75])
    return f"{amount(middle)} (middle half {amount(low)} to {amount(high)}; {many(len(values), 'image')})"


def extreme_images(
    data: AuditData, title: str, places: np.ndarray, values: np.ndarray, direction: int, noun: str
) -> Gallery:
    """Images at some places with the lowest (direction 1) or highest (-1) values."""
    order = places[np.argsort(direction * values[places], kind="stable")][:_EXAMPLES]
    paths = data.rows["path"].to_numpy(dtype=object)
    return Gallery(title, [(paths[place], f"{noun} {amount(values[place])}") for place in order])
