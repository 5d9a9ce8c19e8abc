"""Static pictures as PNG bytes: confusion matrix, contact sheet, learning curves, scatter of an embedding.

Equal inputs give equal bytes: no pyplot, no user style, the font that matplotlib carries, no software tag.
Text from labels and paths is data: `$` starts no formula, and characters that can't be seen are written out.
"""

import io
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind people too; yellow is darkened for white paper
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a900", "#4d4d4d")
_MARKERS = "os^DvPX"
_INK, _MUTED, _RULE = "#1c2430", "#5d6675", "#d9dde3"
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "text.parse_math": False,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _RULE,
    "axes.titlecolor": _INK,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
}
_DPI = 120
_NUMBERS_UP_TO = 30  # classes: with more, numbers in cells can't be read
_LEGEND_UP_TO = 24
SHEET_UP_TO = 48  # images on a contact sheet


def visible_text(text: str, limit: int | None = None) -> str:
    r"""`text` on one line with nothing hidden in it: a newline becomes `\n`, a direction mark `\u202e`.

    Longer text than `limit` characters loses its middle, because ends tell names apart.
    """
    shown = "".join(_visible_character(character) for character in text)
    if limit is not None and len(shown) > limit:
        tail = limit // 2
        shown = f"{shown[: limit - 1 - tail]}…{shown[len(shown) - tail :]}"
    return shown


def _visible_character(character: str) -> str:
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(character)
    if short:
        return short
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def confusion_picture(confusion: "np.ndarray", classes: Sequence[str], title: str) -> bytes:
    """Confusion matrix as a heat map: rows true, columns predicted.

    Args:
        confusion: int (K, K) counts, rows true, columns predicted.
        classes: K names in the same order.

    Returns:
        PNG bytes. The shade is the share of a row, so that rare classes show as clearly as common ones.
    """
    import numpy as np

    counts = np.asarray(confusion)
    size = len(classes)
    rows = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(rows, 1)
    cell = min(0.95, max(0.13, 8.0 / max(size, 1)))
    side = max(3.2, cell * size)
    names = [visible_text(name, 22) for name in classes]
    font = min(9.0, max(3.5, cell * 26))
    with figure_of(side + 2.4, side + 1.9) as figure:
        axes = figure.subplots()
        picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.set_title(visible_text(title, int(13 * side)))
        axes.set_xticks(range(size), names, rotation=0 if size <= 3 else 90, fontsize=font)
        axes.set_yticks(range(size), names, fontsize=font)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if size <= _NUMBERS_UP_TO:
            for i, j in np.ndindex(size, size):
                color = "white" if share[i, j] > 0.55 else _INK if counts[i, j] else "#9aa3af"
                axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=color, fontsize=font)
        bar = figure.colorbar(picture, ax=axes, shrink=0.6, aspect=28, label="share of the true class")
        bar.outline.set_visible(False)
        return png_of(figure)


def misclassified_sheet(images: "Sequence[np.ndarray]", captions: Sequence[str], title: str) -> bytes:
    """Contact sheet of wrong test images with one caption each.

    Args:
        images: uint8 RGB (H, W, 3), sizes may differ; the first 48 are drawn; the title says so.
        captions: one line each, as many as images; long ones are wrapped and cut at three lines.

    Returns:
        PNG bytes; without images a picture that says that no test image was misclassified.
    """
    if len(images) != len(captions):
        raise ValueError(f"{len(images)} images with {len(captions)} captions")
    shown = min(len(images), SHEET_UP_TO)
    if not shown:
        with figure_of(6, 1.6) as figure:
            figure.text(0.05, 0.68, visible_text(title, 70), fontsize=10.5, fontweight="bold", va="center")
            figure.text(0.05, 0.38, "No test image was misclassified.", color=_MUTED, va="center")
            return png_of(figure)
    columns = min(shown, 8) if shown > 4 else 4
    lines = -(-shown // columns)
    more = f", the first {shown} of {len(images)}" if len(images) > shown else ""
    with figure_of(columns * 1.35 + 0.2, lines * 1.85 + 0.5) as figure:
        figure.suptitle(
            visible_text(title, 70) + more, x=0.01, ha="left", fontsize=10.5, fontweight="bold", color=_INK
        )
        grid = figure.subplots(lines, columns, squeeze=False)
        for index, axes in enumerate(grid.flat):
            axes.set_axis_off()
            if index < shown:
                axes.imshow(images[index], interpolation="antialiased")
                axes.set_anchor("S")
                axes.annotate(
                    _wrap(captions[index], width=23, lines=3),
                    xy=(0.5, 0),
                    xycoords="axes fraction",
                    xytext=(0, -3),
                    textcoords="offset points",
                    ha="center",
                    va="top",
                    fontsize=6.2,
                )
        return png_of(figure)


def history_picture(history: "pd.DataFrame") -> bytes:
    """Learning curves of a network: loss and accuracy by epoch, training and validation.

    Args:
        history: rows of `history.csv`: `epoch` and any of `train_loss, validation_loss, train_accuracy,
            validation_accuracy`; a missing or empty column is left out.
    """
    from matplotlib.ticker import MaxNLocator

    with figure_of(8.4, 3.1) as figure:
        for axes, measure in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for split, color, line in (("train", PALETTE[0], "-"), ("validation", PALETTE[5], "--")):
                column = f"{split}_{measure}"
                if column in history and history[column].notna().any():
                    name = "training" if split == "train" else split
                    axes.plot(
                        history["epoch"],
                        history[column],
                        line,
                        color=color,
                        marker="o",
                        markersize=2.6,
                        label=name,
                    )
            axes.set_title(measure.capitalize())
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(axis="y")
            axes.set_axisbelow(True)
            if axes.lines:
                axes.legend()
        return png_of(figure)


def scatter_picture(
    x: "np.ndarray",
    y: "np.ndarray",
    labels: Sequence[str],
    splits: Sequence[str],
    classes: Sequence[str],
    title: str,
    subtitle: str,
) -> bytes:
    """Two-dimensional embedding: a point per image, coloured by class, test images outlined.

    Args:
        x, y: float (N,), N up to about 5,000.
        labels, splits: N class names and split names.
        classes: all class names in label order; colours follow this order.
    """
    import numpy as np

    code = {name: index for index, name in enumerate(classes)}
    codes = np.array([code[label] for label in labels], dtype=int)
    test = np.array([split == "test" for split in splits], dtype=bool)
    # a seeded order, so that no class lies on top of the others only because it comes last
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(codes))
    x, y, codes, test = (np.asarray(values)[order] for values in (x, y, codes, test))
    area = float(np.clip(9000 / max(len(codes), 1), 7, 34))
    with figure_of(7.6, 5.2) as figure:
        axes = figure.subplots()
        for shape in sorted({_marker(c) for c in range(len(classes))}, key=_MARKERS.index):
            for is_test in (False, True):  # test points last: their rims must not be hidden
                chosen = (test == is_test) & np.array([_marker(c) == shape for c in codes], dtype=bool)
                axes.scatter(
                    x[chosen],
                    y[chosen],
                    s=area,
                    c=[PALETTE[c % len(PALETTE)] for c in codes[chosen]],
                    marker=shape,
                    edgecolors=_INK if is_test else "white",
                    linewidths=0.8 if is_test else 0.3,
                    alpha=0.9,
                )
        axes.set_title(f"{visible_text(title, 70)}\n", pad=4)
        axes.text(0, 1.012, visible_text(subtitle, 110), transform=axes.transAxes, fontsize=8, color=_MUTED)
        axes.set_xticks([])
        axes.set_yticks([])
        _class_legend(axes, classes, any_test=bool(test.any()))
        return png_of(figure)


def _marker(code: int) -> str:
    return _MARKERS[code // len(PALETTE) % len(_MARKERS)]


def _class_legend(axes: "Axes", classes: Sequence[str], any_test: bool) -> None:
    from matplotlib.lines import Line2D

    def point(label: str, **style: Any) -> Line2D:
        return Line2D([], [], linestyle="none", markersize=5.5, label=label, **style)

    handles = [
        point(
            visible_text(name, 24),
            marker=_marker(code),
            color=PALETTE[code % len(PALETTE)],
            markeredgewidth=0,
        )
        for code, name in enumerate(classes[:_LEGEND_UP_TO])
    ]
    if len(classes) > _LEGEND_UP_TO:
        handles.append(point(f"and {len(classes) - _LEGEND_UP_TO} more classes", marker=""))
    if any_test:
        handles.append(point("outlined: test image", marker="o", markerfacecolor="none", color=_INK))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _wrap(text: str, width: int, lines: int) -> str:
    wrapped = textwrap.wrap(visible_text(text), width, break_on_hyphens=False)
    if len(wrapped) > lines:
        wrapped = [*wrapped[: lines - 1], visible_text(" ".join(wrapped[lines - 1 :]), width)]
    return "\n".join(wrapped)


@contextmanager
def figure_of(width: float, height: float) -> "Iterator[Figure]":
    """An empty figure of `width` by `height` inches in our style, whatever the user's matplotlibrc says."""
    import warnings

    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a label in, say, Chinese
        figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def png_of(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
