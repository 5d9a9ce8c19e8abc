"""Pictures of feature columns: how classes differ in them, how alike they are, what families are worth, boundaries."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from evenlight.report.charts import PALETTE, figure_of, png_of, visible_text

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from evenlight.explain.boundary import Regions

CLASSES_UP_TO = 12  # in a panel; the first ones
_PANELS_PER_LINE = 4
_NAME_LINES, _NAME_LINE = 5, 0.085  # of names over one column; the height of one, as a share of the picture
_VERDICT_COLORS = {"pays": "#009e73", "costs": "#d55e00", "not established": "#5d6675"}
_INK, _MUTED, _WRONG = "#1c2430", "#5d6675", "#a3201c"


class Points(NamedTuple):
    """Images in the picture of a boundary."""

    values: "np.ndarray"  # float (N, 1 or 2)
    codes: "np.ndarray"  # class codes (N,)
    wrong: "np.ndarray"  # bool (N,): the model says another class
    test: "np.ndarray"  # bool (N,); the others are training images
    totals: tuple[int, int]  # training and test images that there are; the picture may show a sample of them


def telling_picture(telling: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> bytes:
    """One panel per column, one box per class: quantiles 5 to 95 % as a line, 25 to 75 % as a box, the median marked.

    Args:
        telling: as in summary.json.
        classes: all names in label order; the first twelve are drawn and the picture says so.
    """
    if not telling:
        return _sentence("No column tells the classes of the training images apart.")
    shown = min(len(classes), CLASSES_UP_TO)
    lines = -(-len(telling) // _PANELS_PER_LINE)
    columns = min(len(telling), _PANELS_PER_LINE)
    more = f"; the first {shown} of {len(classes)} classes" if len(classes) > shown else ""
    with figure_of(1.2 + 2.35 * columns, 0.5 + lines * (0.95 + 0.2 * shown)) as figure:
        figure.suptitle(
            f"Most telling columns, training images{more}",
            x=0.01,
            ha="left",
            fontsize=10.5,
            fontweight="bold",
        )
        grid = figure.subplots(lines, columns, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(telling):
                axes.set_axis_off()
                continue
            told = telling[place]
            _boxes(axes, [entry["quantiles"] for entry in told["by_class"][:shown]])
            axes.set_title(visible_text(told["column"], 30), fontsize=8.5)
            axes.set_xlabel(visible_text(_axis_note(told), 52), fontsize=7)
            axes.set_yticks(range(shown))
            names = [visible_text(name, 16) for name in classes[:shown]]
            axes.set_yticklabels(names if place % columns == 0 else [], fontsize=7.5)
            axes.set_ylim(shown - 0.4, -0.6)
        return png_of(figure)


def _axis_note(told: Mapping[str, Any]) -> str:
    unit = f"{told['unit']}; " if told["unit"] else ""
    return f"{unit}strength {told['strength']:.2f}"


def _boxes(axes: "Axes", quantiles: Sequence[Sequence[float] | None]) -> None:
    for row, levels in enumerate(quantiles):
        if levels is None:
            continue
        low, first, median, third, high = levels
        color = PALETTE[row % len(PALETTE)]
        axes.plot([low, high], [row, row], color=color, linewidth=1.1, solid_capstyle="butt")
        axes.barh(row, third - first, left=first, height=0.62, color=color, alpha=0.55, linewidth=0)
        axes.plot([median, median], [row - 0.31, row + 0.31], color=_INK, linewidth=1.4)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", labelsize=7)


def correlation_picture(correlation: "np.ndarray", columns: Sequence[str]) -> bytes:
    """Spearman's correlation of columns as a heat map with its numbers.

    Args:
        correlation: float (M, M), NaN where undefined.
        columns: M names.
    """
    import numpy as np

    if len(columns) < 2:
        return _sentence("There are no two columns to correlate.")
    size = len(columns)
    names = [visible_text(name, 28) for name in columns]
    side = 0.38 * size + 1.0
    with figure_of(side + 3.0, side + 1.9) as figure:
        axes = figure.subplots()
        picture = axes.imshow(np.nan_to_num(correlation), cmap="PuOr_r", vmin=-1, vmax=1)
        axes.set_title("Rank correlation of the most telling columns", fontsize=9.5)
        axes.set_xticks(range(size), names, rotation=90, fontsize=7.5)
        axes.set_yticks(range(size), names, fontsize=7.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for i, j in np.ndindex(size, size):
            value = correlation[i, j]
            text = _short(float(value)) if np.isfinite(value) else "–"
            color = "white" if abs(np.nan_to_num(value)) > 0.6 else _INK
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color=color)
        bar = figure.colorbar(picture, ax=axes, shrink=0.6, aspect=28, label="Spearman's correlation")
        bar.outline.set_visible(False)
        return png_of(figure)


def _short(value: float) -> str:
    """Two digits without the leading zero; what rounds to 0 has no sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", "−")


def ablation_picture(report: Mapping[str, Any]) -> bytes:
    """Forest plot of ablation.json: accuracy lost without a family, and gained by it on top of the base."""
    families = report["families"]
    if not families:
        return _sentence("There are no feature families to compare on images that were not seen.")
    order = sorted(range(len(families)), key=lambda k: (-families[k]["left_out"]["value"], k))
    base = ", ".join(report["base"]["features"])
    titles = {"left_out": "What all families lose without it", "added": f"What it adds to {base}"}
    with figure_of(9.0, 1.3 + 0.27 * len(families)) as figure:
        for axes, (part, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
            for row, place in enumerate(order):
                family = families[place]
                _forest_row(axes, row, family[part], family[f"verdict_{part}"])
            axes.axvline(0, color=_INK, linewidth=0.8)
            axes.set_title(visible_text(title, 52), fontsize=9)
            axes.set_xlabel("accuracy, points")
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
        names = [visible_text(families[place]["name"], 30) for place in order]
        axes.set_yticks(range(len(order)), names)
        axes.set_ylim(len(order) - 0.5, -0.5)
        figure.legend(handles=_verdict_keys(), loc="outside lower center", ncols=3)
        return png_of(figure)


def _forest_row(axes: "Axes", row: int, gain: Mapping[str, Any] | None, said: str | None) -> None:
    if gain is None or said is None or gain["value"] is None:
        axes.text(0, row, " in the base", fontsize=7.5, color=_MUTED, va="center")
        return
    color = _VERDICT_COLORS[said]
    axes.plot([100 * gain["low"], 100 * gain["high"]], [row, row], color=color, linewidth=2)
    axes.plot(100 * gain["value"], row, "o", color=color, markersize=5)


def _verdict_keys() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=color, marker="o", markersize=5, linewidth=2, label=said)
        for said, color in _VERDICT_COLORS.items()
    ]


def boundary_picture(
    found: "Regions", points: Points, classes: Sequence[str], labels: Sequence[str], title: str
) -> bytes:
    """What a model says over one or two columns, and the images it is about.

    Two columns: regions in the colour of the class that wins, the deeper the surer; test images outlined, wrong ones
    ringed. One column: a histogram per class over the regions, the cuts written out. Of more than two classes the
    winners are named in their regions.

    Args:
        found: the model's answers on a grid.
        points: the images shown.
        classes: all names in label order.
        labels: of the axes, one per column.
        title: the model's name.
    """
    subtitle = _images_shown(points)
    with figure_of(7.6, 5.2 if len(labels) == 2 else 3.6) as figure:
        axes = figure.subplots()
        if len(labels) == 2:
            _plane(axes, found)
            _scatter(axes, points)
            axes.set_ylabel(visible_text(labels[1], 60))
        else:
            subtitle += f"; cut at {', '.join(f'{cut:.4g}' for cut in found.cuts[:6]) or 'no value'}"
            _line(axes, found, points, classes)
            axes.set_ylabel("share of the class")
        if len(classes) > 2:
            _name_regions(axes, found, classes)
        axes.set_xlabel(visible_text(labels[0], 60))
        axes.set_title(f"{visible_text(title, 70)}\n", pad=4)
        axes.text(0, 1.012, subtitle, transform=axes.transAxes, fontsize=8, color=_MUTED)
        _boundary_legend(axes, points, classes, dots=len(labels) == 2)
        return png_of(figure)


def _images_shown(points: Points) -> str:
    """`300 of 4,000 training images, 17 wrong; 12 test images, 0 wrong`."""
    parts = []
    for name, chosen, total in zip(
        ("training", "test"), (~points.test, points.test), points.totals, strict=True
    ):
        shown = int(chosen.sum())
        sample = f"{shown:,} of " if shown < total else ""
        parts.append(f"{sample}{total:,} {name} images, {(chosen & points.wrong).sum():,} wrong")
    return "; ".join(parts)


def _plane(axes: "Axes", found: "Regions") -> None:
    import numpy as np
    from matplotlib.colors import to_rgb

    x, y = found.axes
    count = found.probabilities.shape[-1]
    sure = found.probabilities.max(axis=-1)
    # from white where all classes are equally likely
    depth = 0.08 + 0.42 * (sure - 1 / count) / max(1e-9, 1 - 1 / count)
    color = np.array([to_rgb(_color(code)) for code in range(count)])[found.winners]
    box = (x[0], x[-1], y[0], y[-1])
    axes.imshow(1 - depth[..., None] * (1 - color), origin="lower", extent=box, aspect="auto")
    for code in np.unique(found.winners):
        lead = found.leads[..., code]
        if (lead > 0).any() and (lead < 0).any():
            axes.contour(x, y, lead, levels=[0], colors=_INK, linewidths=0.9)


def _name_regions(axes: "Axes", found: "Regions", classes: Sequence[str]) -> None:
    """The class of each region in its middle: colours repeat, and a legend is far away and not of all classes.

    On one column the names stand at the upper edge, in lines below each other so that neighbours do not collide.
    """
    import numpy as np

    middles = []
    for code in np.unique(found.winners):
        places = np.argwhere(found.winners == code)  # rows are the second column
        middle = places[((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()]
        at = [float(axis[place]) for axis, place in zip(found.axes, middle[::-1], strict=True)]
        middles.append((at, visible_text(classes[code], 16)))
    on_line = len(found.axes) == 1
    for number, (at, name) in enumerate(sorted(middles)):
        axes.text(
            at[0],
            0.95 - _NAME_LINE * (number % _NAME_LINES) if on_line else at[1],
            name,
            transform=axes.get_xaxis_transform() if on_line else axes.transData,
            ha="center",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
            zorder=5,
            clip_on=True,
        )


def _scatter(axes: "Axes", points: Points) -> None:
    import numpy as np

    x, y = points.values[:, 0], points.values[:, 1]
    area = float(np.clip(9000 / max(1, len(x)), 12, 30))
    for code in np.unique(points.codes):
        for is_test in (False, True):
            chosen = (points.codes == code) & (points.test == is_test)
            axes.scatter(
                x[chosen],
                y[chosen],
                s=area,
                color=_color(code),
                marker=_marker(code),
                edgecolors=_INK if is_test else "white",
                linewidths=0.8 if is_test else 0.3,
                zorder=3 if is_test else 2,
            )
    wrong = points.wrong
    axes.scatter(
        x[wrong], y[wrong], s=3.5 * area, facecolors="none", edgecolors=_WRONG, linewidths=0.8, zorder=4
    )


def _line(axes: "Axes", found: "Regions", points: Points, classes: Sequence[str]) -> None:
    import numpy as np

    axis, winners = found.axes[0], found.winners
    edges = [axis[0], *found.cuts, axis[-1]]
    for left, right in pairwise(edges):
        code = int(winners[np.searchsorted(axis, (left + right) / 2)])
        axes.axvspan(left, right, color=_color(code), alpha=0.16, linewidth=0)
    for cut in found.cuts:
        axes.axvline(cut, color=_INK, linewidth=1)
    bins = np.linspace(axis[0], axis[-1], 41)
    for code in range(min(len(classes), CLASSES_UP_TO)):
        mine = points.values[points.codes == code, 0]
        counts = np.histogram(mine, bins)[0] / max(1, len(mine))
        axes.stairs(counts, bins, color=_color(code), linestyle=("-", "--")[code >= len(PALETTE)])
    axes.set_xlim(axis[0], axis[-1])


def _boundary_legend(axes: "Axes", points: Points, classes: Sequence[str], dots: bool) -> None:
    from matplotlib.lines import Line2D

    def point(label: str, **style: Any) -> Line2D:
        return Line2D([], [], **{"linestyle": "none", "marker": "o", "label": label, **style})

    handles = [
        point(visible_text(name, 24), color=_color(code), marker=_marker(code), markersize=5.5)
        for code, name in enumerate(classes[:CLASSES_UP_TO])
    ]
    if len(classes) > CLASSES_UP_TO:
        handles.append(point(f"and {len(classes) - CLASSES_UP_TO} more classes", markersize=0))
    if dots:
        handles.append(point("outlined: test image", markerfacecolor="none", color=_INK, markersize=5.5))
        handles.append(point("ringed: wrong", markerfacecolor="none", color=_WRONG, markersize=9))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _color(code: int) -> str:
    return PALETTE[code % len(PALETTE)]


def _marker(code: int) -> str:
    """Colours repeat after eight classes, shapes do not."""
    return "os^DvPX"[code // len(PALETTE) % 7]


def _sentence(text: str) -> bytes:
    """A picture of one sentence, where there is nothing to draw."""
    with figure_of(6, 1.0) as figure:
        figure.text(0.05, 0.5, text, color=_MUTED, va="center")
        return png_of(figure)
