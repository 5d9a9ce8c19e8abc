"""Stage `region_sheet`: pictures of the area of interest, before and after, for a few images of a data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pydantic import TypeAdapter

from evenlight.dataset import load_images, usable_rows
from evenlight.listing import text_to_path
from evenlight.regions import Cut, Region, apply
from evenlight.report import charts
from evenlight.runtime import seed_for
from evenlight.scanning import decode_again
from evenlight.standardize import resize, to_rgb
from evenlight.storage import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

IMAGES = 12
_PAIRS_PER_LINE = 3
_SIDE = 320  # of the picture before, in pixels
_MARK = (230, 90, 20)


def region_sheet(
    folder: Path, manifest: Path, images: Path, framed: Path, settings: Mapping[str, Any], picture: Path
) -> None:
    """Write a PNG: the whole picture with the area of interest marked, beside what features and networks see.

    Args:
        folder: the raw folder.
        manifest: manifest.parquet; twelve usable images are drawn from it, the same ones while they are there.
        images: folder of the standardized arrays.
        framed: folder of the arrays before background subtraction, which are shown in place of the whole picture
            where the method is `background`.
        settings: `region`, `standardize` and `seed` of params.yaml.
        picture: the PNG.

    Raises:
        UserError: an image changed since the scan.
    """
    options = TypeAdapter(Region).validate_python(settings["region"])
    rows = _sample(usable_rows(manifest), settings["seed"])
    after = to_rgb(load_images(rows, images), settings["standardize"]["color"])
    if options.method == "background":
        before = list(load_images(rows, framed))
        notes = [""] * len(rows)
    else:
        before, notes = [], []
        for path, content_hash in zip(rows["path"], rows["content_hash"], strict=True):
            pixels = decode_again(folder, text_to_path(path), content_hash)
            cut = apply(pixels, options)
            before.append(_marked(pixels, cut))
            notes.append(f"{cut.mask_fraction:.0%} kept" if cut.found else "nothing found: all kept")
    captions = [
        f"{label}, {path.rsplit('/', 1)[-1]}\n{note}"
        for label, path, note in zip(rows["label"], rows["path"], notes, strict=True)
    ]
    title = f"Area of interest by method {options.method!r}: before and after"
    write_bytes(picture, _picture(list(zip(before, after, strict=True)), captions, title))


def _sample(rows: "pd.DataFrame", seed: int) -> "pd.DataFrame":
    """A few rows in path order; whether one is drawn hangs on its path only."""
    keys = np.array([seed_for(seed, "region_sheet", path) for path in rows["path"]], dtype=np.int64)
    chosen = np.sort(np.argsort(keys, kind="stable")[:IMAGES], kind="stable")
    return rows.iloc[chosen].reset_index(drop=True)


def _marked(pixels: np.ndarray, cut: Cut) -> np.ndarray:
    """The whole picture, smaller, what is not kept shaded and the box outlined."""
    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    small = np.ascontiguousarray(resize(pixels, height, width)).copy()
    kept = np.zeros((height, width), dtype=bool)
    top, left, bottom, right = (round(edge * scale) for edge in cut.box)
    kept[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    if cut.mask is not None:
        mask = cv2.resize(cut.mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        kept &= mask.view(np.bool_)
    small[~kept] = (small[~kept].astype(int) + 2 * np.array(_MARK)) // 3
    if cut.found:
        cv2.rectangle(small, (left, top), (right - 1, bottom - 1), _MARK, 2)
    return small


def _picture(pairs: Sequence[tuple[np.ndarray, np.ndarray]], captions: Sequence[str], title: str) -> bytes:
    lines = -(-len(pairs) // _PAIRS_PER_LINE)
    with charts.figure_of(_PAIRS_PER_LINE * 3.1, max(1, lines) * 1.9 + 0.4) as figure:
        figure.suptitle(charts.visible_text(title, 90), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
        if not pairs:
            figure.text(0.05, 0.4, "No usable image.")
            return charts.png_of(figure)
        grid = figure.subplots(lines, 2 * _PAIRS_PER_LINE, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for number, ((before, after), caption) in enumerate(zip(pairs, captions, strict=True)):
            line, place = divmod(number, _PAIRS_PER_LINE)
            _show(grid[line, 2 * place], before, caption)
            _show(grid[line, 2 * place + 1], after, "")
        return charts.png_of(figure)


def _show(axes: "Axes", pixels: np.ndarray, caption: str) -> None:
    axes.imshow(pixels, interpolation="antialiased")
    axes.set_anchor("S")
    text = "\n".join(charts.visible_text(line, 44) for line in caption.split("\n"))
    axes.annotate(
        text,
        xy=(0, 0),
        xycoords="axes fraction",
        xytext=(0, -3),
        textcoords="offset points",
        va="top",
        fontsize=6.5,
        annotation_clip=False,
    )
