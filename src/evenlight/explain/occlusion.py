"""What any model looks at, whatever it is made of: hide parts of an image and see what its answer does."""

from collections.abc import Callable

import numpy as np

# images uint8 (N, H, W, C) -> probabilities (N, K)
Probabilities = Callable[[np.ndarray], np.ndarray]


def occlusion_maps(probabilities: Probabilities, image: np.ndarray, window: float) -> np.ndarray:
    """How much the probability of each class falls when a window hides a pixel, mean over the windows that do.

    Windows lie half a window apart, the last one at the border, and are filled with the image's mean colour, which
    changes brightness and colour as little as any fill can (Zeiler and Fergus 2014, section 2.1, with gray).

    Args:
        probabilities: of the model.
        image: uint8 (H, W, C).
        window: side of a window as a share of the image's.

    Returns:
        float32 (K, H, W); positive where hiding lowers the probability.
    """
    tops, height = _starts(image.shape[0], window)
    lefts, width = _starts(image.shape[1], window)
    fill = np.rint(image.mean(axis=(0, 1))).astype(np.uint8)
    places = [(top, left) for top in tops for left in lefts]
    hidden = np.repeat(image[None], len(places) + 1, axis=0)
    for number, (top, left) in enumerate(places, start=1):
        hidden[number, top : top + height, left : left + width] = fill
    answers = probabilities(hidden).astype(np.float64)
    sums = np.zeros((answers.shape[1], *image.shape[:2]))
    times = np.zeros(image.shape[:2])
    for (top, left), answer in zip(places, answers[1:], strict=True):
        part = np.s_[top : top + height, left : left + width]
        sums[:, *part] += (answers[0] - answer)[:, None, None]
        times[part] += 1
    return (sums / times).astype(np.float32)


def _starts(side: int, share: float) -> tuple[list[int], int]:
    """Where windows begin along a side, and how long they are."""
    length = max(1, round(share * side))
    starts = list(range(0, side - length + 1, max(1, length // 2)))
    return (starts if starts[-1] == side - length else [*starts, side - length]), length
