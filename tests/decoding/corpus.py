"""Image files of every kind that reliability.md 2.9 lists, each with the verdict that it must get.

`cases()` builds all of them in memory; nothing comes from outside. The picture is small, of four colours with a
gradient and a mark in one corner, so that turning, swapped channels and hidden transparency show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Case:
    """One file: its verdict is "ok", "repaired" or one of these reasons.

    `reference` is the picture that must come out, to within `tolerance` (mean absolute difference of 255);
    `warnings` are the exact warnings of an accepted file.
    """

    kind: str
    name: str
    data: bytes
    verdict: frozenset[str]
    reference: np.ndarray | None = None
    tolerance: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.verdict.isdisjoint({"ok", "repaired"})


def refused(kind: str, name: str, data: bytes, *reasons: str) -> Case:
    return Case(kind, name, data, frozenset(reasons))


def accepted(
    kind: str,
    name: str,
    data: bytes,
    reference: np.ndarray | None,
    tolerance: float = 0.0,
    warnings: tuple[str, ...] = (),
    verdict: str = "ok",
) -> Case:
    return Case(kind, name, data, frozenset({verdict}), reference, tolerance, warnings)


@lru_cache(maxsize=1)
def picture() -> np.ndarray:
    """RGB uint8 (64, 96, 3)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    colors = np.array([[[200, 40, 40], [40, 180, 60]], [[50, 70, 210], [220, 200, 50]]])
    image = colors[rows * 2 // HEIGHT, columns * 2 // WIDTH] + (columns // 4 - 12)[:, :, None]
    image[4:12, 6:26] = (250, 250, 250)
    image[4:24, 6:12] = (5, 5, 5)
    result = image.astype(np.uint8)
    result.setflags(write=False)
    return result


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The definition of transparency, in floating point."""
    share = alpha[:, :, None] / 255
    return np.round(rgb * share + 255 * (1 - share)).astype(np.uint8)


@lru_cache(maxsize=1)
def cases() -> tuple[Case, ...]:
    """Every case, with names that occur once."""
    found = tuple(_all())
    names = [case.name for case in found]
    assert len(set(names)) == len(names), "a name occurs twice"
    return found


def _all() -> Iterator[Case]:
    import corpus_alpha
    import corpus_color
    import corpus_damage
    import corpus_metadata
    import corpus_not_images
    import corpus_sizes

    for module in (
        corpus_not_images,
        corpus_damage,
        corpus_color,
        corpus_alpha,
        corpus_metadata,
        corpus_sizes,
    ):
        yield from module.cases()
