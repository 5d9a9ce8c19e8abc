"""Pillow behind guards: no global state of others, one format, and one reason for each of its many errors."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile, UnidentifiedImageError

from evenlight.reasons import Quarantine


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's console warnings about damaged metadata: our verdict says what matters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def guarded_open(data: bytes, kind: str) -> Image.Image:
    """Open a file as exactly this format. Half a picture is never accepted, and sizes are for us to check.

    Raises:
        Quarantine: `corrupt`, the header can't be read.
        Exception: whatever Pillow raises on a damaged header.
    """
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        return Image.open(io.BytesIO(data), formats=[kind])
    except UnidentifiedImageError:  # its text holds a memory address, so it differs between runs
        raise Quarantine("corrupt", "the header can't be read") from None


def as_quarantine(problem: Exception) -> Quarantine:
    """The reason for an error of a decoder: they raise at least eight types on damaged files."""
    if isinstance(problem, (MemoryError, Image.DecompressionBombError)):
        return Quarantine("too_large", type(problem).__name__)
    text = str(problem)
    cut = "truncat" in text.lower() or "not processed" in text
    return Quarantine("truncated" if cut else "corrupt", text[:200])
