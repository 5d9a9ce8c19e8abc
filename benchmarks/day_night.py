"""Classical models on the day_night photos, beside the design's numbers (techniques.md 3.2 to 3.4).

    .venv/bin/python benchmarks/day_night.py             ../shared/data/day_night
    .venv/bin/python benchmarks/day_night.py FOLDER      with {training,test}/{day,night}/*.jpg

Each line says how many of the 160 test photos are wrong after training on the 240 training photos, and how many of all
400 when every camera in turn is left out of training. A camera is an image size; two sizes are two cameras each, told
apart by the minute of the file name. The design's numbers are in brackets. Hyper-parameters are fixed: nothing is
searched, least of all on test photos.

Photos are stretched to the course's 1100 x 600 for brightness and colour, to 64 x 64 for HOG. The design measured the
HOG of OpenCV (`votes: interpolated`); scikit-image's (`nearest`) is shown beside it. The design's colour columns hold
the mean saturation too, which no family has.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from evenlight import feature_table as tables  # noqa: E402
from evenlight.models import classical  # noqa: E402

SHARED = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
COURSE, SMALL = (1100, 600), (64, 64)  # width, height
CLASSES = ("day", "night")
BRIGHTNESS = {"percentiles": [5, 50, 95], "bright": 230, "dark": 40}

# two sizes hold two cameras: below this minute of a half hour it is the first
MINUTES = {(469, 640): 15, (471, 640): 20}

LINEAR = {"kind": "logistic_regression", "features": ["x"], "C": 1.0}
CURVED = {"kind": "rbf_svm", "features": ["x"], "C": 10.0}
FOREST = {"kind": "random_forest", "features": ["x"], "trees": 300}
RULE = {"kind": "threshold"}

# design: accuracy on test and with cameras left out
RULES = {
    "brightness_v_mean": (0.925, 0.910),
    "brightness_gray_mean": (0.96875, 0.9675),
    "rgb_stats_mean_b": (0.99375, 0.940),
    "rgb_stats_mean_r": (0.8875, 0.7625),
    "top_brightness_v_mean": (1.0, 1.0),
    "top_brightness_gray_mean": (1.0, 0.9975),
}
MODELS = {"logistic regression": LINEAR, "RBF-SVM": CURVED, "random forest": FOREST}
TABLE = {
    "brightness": ((0.9625, 0.970), (0.95625, 0.8775), (0.96875, 0.8625)),
    "+ colour": ((0.9625, 0.895), (0.9875, 0.910), (0.96875, 0.935)),
    "HOG": ((0.925, 0.7425), (0.9375, 0.7075), (0.9125, 0.7525)),
    "HOG of OpenCV": ((0.925, 0.7425), (0.9375, 0.7075), (0.9125, 0.7525)),
    "+ colour + HOG": ((0.9375, 0.785), (0.9375, 0.755), (0.96875, 0.920)),
    "+ colour + HOG of OpenCV": ((0.9375, 0.785), (0.9375, 0.755), (0.96875, 0.920)),
    "+ colour + top third": ((0.9625, 0.9325), (1.0, 0.9325), (1.0, 1.0)),
}
METADATA = 0.931


class Photos(NamedTuple):
    """The data set: class codes, cameras and splits (N,), and columns by name, each float32 (N,)."""

    codes: np.ndarray
    cameras: np.ndarray
    is_test: np.ndarray
    columns: Mapping[str, np.ndarray]


def main() -> None:
    """Print the one-feature rules, then the models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED / "day_night")
    photos = read_photos(parser.parse_args().folder)
    print(f"{len(photos.codes)} photos, {photos.is_test.sum()} in test, {len(set(photos.cameras))} cameras")
    print(f"\n{'rule':56}{'wrong in test':>20}{'cameras left out':>22}")
    for name, expected in RULES.items():
        cut = fitted(photos, [name], RULE, ~photos.is_test).threshold_
        print(line(f"{name} > {cut:.2f}", photos, [name], RULE, expected))
    print(f"\n{'columns, model':56}{'wrong in test':>20}{'cameras left out':>22}")
    for title, names in column_sets(photos).items():
        for (model, options), expected in zip(MODELS.items(), TABLE[title], strict=True):
            print(line(f"{title} ({len(names)}), {model}", photos, names, options, expected))
    names = ["height", "width", "bytes"]
    print(line("height, width and bytes, forest", photos, names, {"kind": "metadata"}, (METADATA, None)))


def read_photos(folder: Path) -> Photos:
    """All photos, in sorted order."""
    files = sorted(folder.glob("*/*/*.jpg"))
    rows, cameras = [], []
    for file in files:
        image = np.asarray(Image.open(file).convert("RGB"))
        height, width = image.shape[:2]
        rows.append({"height": height, "width": width, "bytes": file.stat().st_size} | columns_of(image))
        minute = int(file.stem.split("_")[1][2:4]) % 30
        cameras.append(f"{height}x{width}{'b' if minute >= MINUTES.get((height, width), 30) else 'a'}")
    columns = {name: np.array([row[name] for row in rows], dtype=np.float32) for name in rows[0]}
    codes = np.array([CLASSES.index(file.parent.name) for file in files])
    is_test = np.array([file.parent.parent.name == "test" for file in files])
    return Photos(codes, np.array(cameras), is_test, columns)


def columns_of(image: np.ndarray) -> dict[str, float]:
    """All feature columns of one RGB photo."""
    course, sky, small = (
        np.ascontiguousarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA)[None])
        for part, size in ((image, COURSE), (image[: round(len(image) / 3)], COURSE), (image, SMALL))
    )
    found: dict[str, float] = {}
    for name, images, options in (
        ("brightness", course, BRIGHTNESS),
        ("rgb_stats", course, {}),
        ("hsv_hist", course, {}),
        ("top_brightness", sky, {"kind": "brightness", **BRIGHTNESS}),
        ("top_rgb_stats", sky, {"kind": "rgb_stats"}),
        ("hog", small, {"votes": "nearest"}),
        ("opencv_hog", small, {"kind": "hog", "votes": "interpolated"}),
    ):
        table = tables.feature_table(name, images, ["x"], options).drop(columns="path")
        found |= dict(zip(table.columns, table.to_numpy()[0], strict=True))
    return found


def column_sets(photos: Photos) -> dict[str, list[str]]:
    """The table's sets of columns."""

    def starting(*starts: str) -> list[str]:
        return [name for name in photos.columns if name.startswith(starts)]

    brightness, hog, opencv = starting("brightness_"), starting("hog_"), starting("opencv_hog_")
    color = starting("rgb_stats_", "hsv_hist_h_", "hsv_hist_s_")
    sky = ["top_brightness_v_mean", *starting("top_rgb_stats_mean_")]
    return {
        "brightness": brightness,
        "+ colour": brightness + color,
        "HOG": hog,
        "HOG of OpenCV": opencv,
        "+ colour + HOG": brightness + color + hog,
        "+ colour + HOG of OpenCV": brightness + color + opencv,
        "+ colour + top third": brightness + color + sky,
    }


def line(
    title: str,
    photos: Photos,
    names: list[str],
    options: Mapping[str, Any],
    expected: tuple[float, float | None],
) -> str:
    """Wrong photos, ours and the design's in brackets."""
    wrong = wrong_answers(photos, names, options, ~photos.is_test, photos.is_test)
    found = f"{wrong:3} ({round((1 - expected[0]) * photos.is_test.sum()):3})"
    if expected[1] is None:
        return f"{title:56}{found:>20}"
    left_out = sum(
        wrong_answers(photos, names, options, photos.cameras != camera, photos.cameras == camera)
        for camera in sorted(set(photos.cameras))
    )
    return f"{title:56}{found:>20}{f'{left_out:3} ({round((1 - expected[1]) * len(photos.codes)):3})':>22}"


def wrong_answers(
    photos: Photos, names: list[str], options: Mapping[str, Any], known: np.ndarray, asked: np.ndarray
) -> int:
    """Photos of `asked` that a model of `known` gets wrong."""
    model = fitted(photos, names, options, known)
    scores = classical.raw_scores(model, values(photos, names)[asked], len(CLASSES))
    return int((scores.argmax(axis=1) != photos.codes[asked]).sum())


def fitted(photos: Photos, names: list[str], options: Mapping[str, Any], known: np.ndarray) -> Any:
    """A model of the photos `known`."""
    return classical.fit(options, values(photos, names)[known], photos.codes[known], seed=0)


def values(photos: Photos, names: list[str]) -> np.ndarray:
    """These columns: float32 (N, D)."""
    return np.column_stack([photos.columns[name] for name in names])


if __name__ == "__main__":
    main()
