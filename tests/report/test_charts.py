"""Pictures: right size, equal bytes, text taken as it is."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evenlight.report.charts import (
    confusion_picture,
    history_picture,
    misclassified_sheet,
    scatter_picture,
    visible_text,
)
from evenlight.report.rendering import likelihood

NASTY = ["$\\frac{$", "a\nb", "<script>", "\u202eabc"]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def scatter(classes: list[str], n: int = 300) -> bytes:
    draws = np.random.default_rng(0)
    codes = np.arange(n) % len(classes)
    splits = ["test" if k % 3 == 0 else "train" for k in range(n)]
    labels = [classes[c] for c in codes]
    return scatter_picture(draws.normal(size=n), draws.normal(size=n), labels, splits, classes, "t", "s")


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("a\nb\tc", None, r"a\nb\tc"),
        ("\u202ejpg", None, r"\u202ejpg"),
        ("\x00\x1b[31m", None, r"\x00\x1b[31m"),
        ("Zürich 夜 $x$", None, "Zürich 夜 $x$"),
        ("abcdefghij", 5, "ab…ij"),
    ],
)
def test_visible_text(text, limit, shown):
    assert visible_text(text, limit) == shown


@pytest.mark.parametrize(
    "draw",
    [
        lambda: confusion_picture(np.eye(4, dtype=int) * 7, NASTY, "$\\bad$\n"),
        lambda: misclassified_sheet([np.zeros((9, 5, 3), np.uint8)], ["$\\x$ \n{path}"], "$"),
        lambda: scatter(NASTY),
        lambda: history_picture(
            pd.DataFrame({"epoch": [1], "train_loss": [0.5], "validation_loss": [np.nan]})
        ),
    ],
    ids=["confusion", "sheet", "scatter", "history"],
)
def test_nasty_text_is_drawn_and_bytes_repeat(draw):
    first = draw()
    assert pixels(first).shape[0] > 100
    assert b"Software" not in first
    assert draw() == first


def test_user_style_changes_nothing():
    import matplotlib

    plain = scatter(["a", "b"])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 30}):
        assert scatter(["a", "b"]) == plain


def test_confusion_shade_is_the_share_of_the_row():
    picture = pixels(confusion_picture(np.array([[1000, 0], [0, 4]]), ["a", "b"], ""))
    colors, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    large = colors[counts > 5000]
    darkest = (picture == large[large.sum(axis=1).argmin()]).all(axis=2)
    top, bottom = np.array_split(darkest.sum(axis=1), 2)
    assert top.sum() == pytest.approx(bottom.sum(), rel=0.25)  # 1000 of 1000 is as dark as 4 of 4


def test_sheet_without_images_says_so_and_a_long_one_is_cut():
    empty = misclassified_sheet([], [], "wrong")
    assert (pixels(empty) < 128).any()
    image = np.full((8, 8, 3), 200, np.uint8)
    fifty, more = ([image] * n for n in (48, 90))
    assert (
        pixels(misclassified_sheet(fifty, ["x"] * 48, "")).shape
        == pixels(misclassified_sheet(more, ["x"] * 90, "")).shape
    )
    with pytest.raises(ValueError, match="1 images with 2 captions"):
        misclassified_sheet([image], ["a", "b"], "")


def test_scatter_shows_every_class_in_its_colour():
    colors = {tuple(color) for color in pixels(scatter(["a", "b", "c"])).reshape(-1, 3)}
    assert {(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73)} <= colors  # legend handles are opaque
    assert pixels(scatter([f"class {k}" for k in range(200)], 400)).shape[0] < 1200


def test_a_probability_is_never_rounded_to_certainty() -> None:
    shown = [likelihood(share) for share in (1.0, 0.9996, 0.9994, 0.5, 0.0006, 0.0004, 0.0)]
    assert shown == ["over 99.9 %", "over 99.9 %", "99.9 %", "50.0 %", "0.1 %", "under 0.1 %", "under 0.1 %"]
