"""Render the example data where it is missing."""

import time
from pathlib import Path

from evenlight.example_data import render as render_scenes
from evenlight.progress import say


def render(folder: Path, images: int, seed: int, cores: int) -> None:
    """Render the street scenes into `folder`, with progress.

    Raises:
        UserError: the folder holds something already.
    """
    said = time.monotonic()

    def tell(done: int) -> None:
        nonlocal said
        if time.monotonic() - said > 3:
            said = time.monotonic()
            say(f"  rendered {done:,} of {images:,} images")

    say(f"Rendering {images:,} example images into {folder}")
    render_scenes(folder, images=images, seed=seed, processes=cores, progress=tell)
