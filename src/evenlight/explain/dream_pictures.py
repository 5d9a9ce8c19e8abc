"""Sheets of what a network draws: its picture of every class, its dreams, one image in the style of another."""

from collections.abc import Sequence

import numpy as np

from evenlight.explain.dream import ClassPictures, Dreams
from evenlight.explain.image_sheets import Cell, sheet
from evenlight.explain.style import Styled
from evenlight.report.rendering import likelihood
from evenlight.standardize import to_rgb

_PER_ROW = 10


def class_sheet(names: Sequence[str], drawn: ClassPictures, color: str) -> bytes:
    """The picture that the network is surest of for each class, with the probability that it gives it: a PNG.

    Args:
        names: of the classes drawn (M,).
        drawn: their pictures.
        color: the pictures' colour space.
    """
    cells = [
        Cell(picture, f"{name}\n{likelihood(probability)}")
        for name, picture, probability in zip(
            names, to_rgb(drawn.images, color), drawn.probabilities.tolist(), strict=True
        )
    ]
    return sheet(
        _rows(cells),
        title="What the network would call a perfect picture of each class",
        note="Drawn from noise (activation maximization). Below: the class, and the probability that the network"
        " gives it. No photo looks like this: the network knows textures and edges, not things.",
    )


def dream_sheet(captions: Sequence[str], starts: np.ndarray, dreams: Dreams, color: str) -> bytes:
    """Images before and after a dream, with the norm of the layer's activations: a PNG.

    Args:
        captions: of the images (N,).
        starts: uint8 (N, H, W, C), where the dreams began.
        dreams: what became of them.
        color: the images' colour space.
    """
    before = [
        Cell(picture, f"{caption}\nnorm {norm:.4g}")
        for caption, picture, norm in zip(captions, to_rgb(starts, color), dreams.norms[0], strict=True)
    ]
    after = [
        Cell(picture, f"norm {norm:.4g}")
        for picture, norm in zip(to_rgb(dreams.images, color), dreams.norms[-1], strict=True)
    ]
    rows, titles = [], []
    for first, second in zip(_rows(before), _rows(after), strict=True):
        rows += [first, second]
        titles += ["image", "dream"]
    return sheet(
        rows,
        rows=titles,
        title="Dreams",
        note=f"What the layer sees, enlarged in {len(dreams.norms) - 1} steps (deep dream); the norm is that of its"
        " activations.",
    )


def style_sheet(
    captions: tuple[str, str], content: np.ndarray, style: np.ndarray, styled: Styled, color: str
) -> bytes:
    """Content, style and the picture made of them, with how much of either is lost: a PNG.

    Args:
        captions: of content and style.
        content: uint8 (H, W, C).
        style: of the same shape.
        styled: what was made of them.
        color: the images' colour space.
    """
    pictures = to_rgb(np.stack([content, style, styled.image]), color)
    cells = [Cell(picture, caption) for picture, caption in zip(pictures, (*captions, ""), strict=True)]
    return sheet(
        [cells],
        columns=["content", "style", "picture"],
        title="Style transfer",
        note="The content of one image with the textures of another, as this network knows them (Gatys et al. 2016)."
        f" Of the content {styled.content[-1]:.0%} is lost, of the style {styled.style[-1]:.0%} is missing"
        f" ({styled.style[0]:.0%} before): squared differences.",
    )


def _rows(cells: Sequence[Cell]) -> list[list[Cell]]:
    return [list(cells[start : start + _PER_ROW]) for start in range(0, len(cells), _PER_ROW)]
