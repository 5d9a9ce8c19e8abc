"""Accuracy of every feature family on a part of CIFAR-10, beside the design's table (techniques.md 4).

    .venv/bin/python benchmarks/cifar_families.py             ../shared/data/cifar10_jpg.tar.xz
    .venv/bin/python benchmarks/cifar_families.py ARCHIVE     of <any>/{train,test}/<class>/*.jpg

500 training and 100 test images per class; logistic regression on standardized columns. One standard error of an
accuracy p on 1,000 images is sqrt(p (1 - p) / 1000), about .016: the last column counts how many of them lie between
the two, and more than two deserve a look.
"""

import argparse
import os
import random
import tarfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from evenlight import feature_table as tables  # noqa: E402

SHARED = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PER_CLASS = {"test": 100, "train": 500}  # in the order in which they are drawn
SMALL = ("brightness", "hsv_hist", "sobel", "canny", "fourier", "hough", "harris", "contour")

# entries of `features:` and the accuracy that the design measured; what it calls hog4 and hog_color are variants
OPTIONS: dict[str, dict] = {
    # the design's numbers are those of OpenCV's votes
    "hog": {"votes": "interpolated"},
    "hog4": {"kind": "hog", "cell": 4, "votes": "interpolated"},
    "hog_color": {"kind": "hog", "channel": "strongest", "votes": "interpolated"},
}
SINGLE = {
    **{"brightness": 0.215, "rgb_stats": 0.264, "hsv_hist": 0.275, "hsv_hist3d": 0.346, "hsv_grid": 0.317},
    **{"sobel": 0.329, "canny": 0.250, "fourier": 0.300, "hough": 0.232, "harris": 0.204, "contour": 0.246},
    **{"kmeans": 0.261, "thumb": 0.369, "orb": 0.205, "hog": 0.519, "hog_color": 0.534, "hog4": 0.460},
}
COMBINED = {
    SMALL: 0.535,
    ("hog", "hsv_grid"): 0.555,
    ("hog", "thumb"): 0.576,
    ("hog", "hsv_grid", "thumb", "orb", *SMALL): 0.605,
    ("hog4", "hsv_grid", "thumb"): 0.526,
}
LEFT_OUT = {
    **{"hsv_hist": 0.487, "fourier": 0.499, "sobel": 0.508, "canny": 0.512},
    **{"contour": 0.521, "brightness": 0.523, "hough": 0.523, "harris": 0.526},
}
ADDED = {
    **{
        "thumb": 0.576,
        "hsv_grid": 0.555,
        "hsv_hist": 0.554,
        "kmeans": 0.545,
        "brightness": 0.539,
        "canny": 0.535,
    },
    **{"fourier": 0.531, "sobel": 0.529, "contour": 0.524, "harris": 0.522, "hough": 0.513, "orb": 0.496},
}
UNLISTED = ("lab_stats", "color_range", "lbp")  # families that the design has no accuracy of


class Part(NamedTuple):
    """Images uint8 (N, 32, 32, 3) and their class codes (N,)."""

    images: np.ndarray
    codes: np.ndarray


def chosen_names(available: Iterable[str]) -> list[str]:
    """The design's sample of `<split>/<class>/<file>` names: split by split, class by class.

    Test comes first, and the sample of a class depends on those before it.
    """
    folders: dict[str, list[str]] = {}
    for name in sorted(available):
        folders.setdefault(name.rsplit("/", 1)[0], []).append(name)
    draws = random.Random(0)
    return [
        name
        for folder, files in sorted(folders.items())
        for name in draws.sample(files, PER_CLASS[folder.split("/")[0]])
    ]


def load(archive: Path) -> dict[str, Part]:
    """The sample's two parts, from a tar archive that is read once."""
    files: dict[str, bytes] = {}
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.endswith(".jpg"):
                files["/".join(member.name.split("/")[-3:])] = members.extractfile(member).read()
    names = chosen_names(files)
    classes = sorted({name.split("/")[1] for name in names})
    parts = {}
    for split in PER_CLASS:
        own = [name for name in names if name.startswith(f"{split}/")]
        images = [cv2.imdecode(np.frombuffer(files[name], np.uint8), cv2.IMREAD_COLOR) for name in own]
        codes = np.array([classes.index(name.split("/")[1]) for name in own])
        parts[split] = Part(np.ascontiguousarray(np.stack(images)[..., ::-1]), codes)
    return parts


def values_of(name: str, parts: dict[str, Part]) -> tuple[dict[str, np.ndarray], float]:
    """Columns of an entry for both parts, and CPU milliseconds per image."""
    options, learned = OPTIONS.get(name, {}), None
    if tables.learns(name, options):
        learned = tables.learn(name, parts["train"].images[::3][:2000], options, 0)
    values, start = {}, time.process_time()
    for split, part in parts.items():
        paths = [str(number) for number in range(len(part.images))]
        table = tables.feature_table(name, part.images, paths, options, learned)
        values[split] = table.drop(columns="path").to_numpy()
    return values, 1000 * (time.process_time() - start) / sum(len(part.images) for part in parts.values())


def accuracy(names: Sequence[str], values: dict[str, dict[str, np.ndarray]], parts: dict[str, Part]) -> float:
    """Of logistic regression on standardized columns; C .1 up to 250 columns, else .01."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = (
        np.concatenate([values[name][split] for name in names], axis=1) for split in ("train", "test")
    )
    strength = 0.1 if train.shape[1] <= 250 else 0.01
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    return float(model.fit(train, parts["train"].codes).score(test, parts["test"].codes))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, nargs="?", default=SHARED / "cifar10_jpg.tar.xz")
    archive = parser.parse_args().archive
    if not archive.exists():
        raise SystemExit(f"no {archive}; set EVENLIGHT_TEST_DATA, or name an archive")
    parts = load(archive)
    present = tables.family_names()
    values: dict[str, dict[str, np.ndarray]] = {}
    print(f"{'':44}{'columns':>8}{'ms/image':>10}{'ours':>8}{'design':>8}{'errors':>8}")
    for name in (*SINGLE, *UNLISTED):
        if OPTIONS.get(name, {}).get("kind", name) in present:
            values[name], cost = values_of(name, parts)
            print_row(name, [name], values, parts, SINGLE.get(name), cost)
    for names, expected in COMBINED.items():
        print_row(" + ".join(names).replace(" + ".join(SMALL), "small8"), names, values, parts, expected)
    for name, expected in LEFT_OUT.items():
        rest = [other for other in SMALL if other != name]
        print_row(f"small8 without {name}", rest, values, parts, expected)
    for name, expected in ADDED.items():
        print_row(f"hog + {name}", ["hog", name], values, parts, expected)


def print_row(
    title: str,
    names: Sequence[str],
    values: dict[str, dict[str, np.ndarray]],
    parts: dict[str, Part],
    expected: float | None,
    cost: float | None = None,
) -> None:
    """One line, or none where a family is missing."""
    if any(name not in values for name in names):
        print(f"{title:44}  a family is missing")
        return
    found = accuracy(names, values, parts)
    columns = sum(values[name]["train"].shape[1] for name in names)
    line = f"{title:44}{columns:8}{'' if cost is None else f'{cost:.3f}':>10}{found:8.3f}"
    if expected is not None:
        error = (expected * (1 - expected) / len(parts["test"].codes)) ** 0.5
        line += f"{expected:8.3f}{(found - expected) / error:+8.1f}"
    print(line, flush=True)


if __name__ == "__main__":
    main()
