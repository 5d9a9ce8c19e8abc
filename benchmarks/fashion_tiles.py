"""The 900 Fashion-MNIST tiles of the data set's own picture: cut into class folders, and known answers about networks.

    .venv/bin/python benchmarks/fashion_tiles.py --cut data/raw/fashion_tiles     gray PNGs, class folders
    .venv/bin/python benchmarks/fashion_tiles.py                                  the known answers

Known answers (techniques.md 5.6, K27), in five folds of 720 training and 180 test tiles: accuracy; how little is left
of it on inverted tiles, and whether the polarity check says so; and precision at 5, the share of a tile's five nearest
training tiles that are of its class, by pixels and by the network's features. Everything is fixed beforehand, nothing
searched. The design's figures are those of a network that learned from all 60,000 images of Fashion-MNIST, so ours
are to show the pattern and not the digits.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from evenlight import feature_table as tables  # noqa: E402
from evenlight.explain.neighbours import directions, nearest, precision  # noqa: E402
from evenlight.models import classical  # noqa: E402
from evenlight.models.cnn_options import CnnOptions  # noqa: E402
from evenlight.models.inference import network_logits, run_network  # noqa: E402
from evenlight.models.training import Examples, train_network  # noqa: E402
from evenlight.models.training_checks import Trained, last_weights, training_checks  # noqa: E402
from evenlight.storage import write_bytes  # noqa: E402

SHARED = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
CLASSES = (
    "tshirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip
GRID, SIDE = 30, 28  # tiles a side, pixels a tile
FOLDS, NEAR = 5, 5
COMMON = {"kind": "cnn", "flip": False, "batch_size": 20, "device": "cpu"}
NETWORKS = {
    "small": CnnOptions(**COMMON, network="small", epochs=20),
    "course": CnnOptions(**COMMON, network="course", epochs=40, learning_rate=0.01, dropout=0.4),
}
CLASSICAL = {
    "HOG, logistic regression": ("hog", {"kind": "logistic_regression", "features": ["x"], "C": 0.1}),
    "pixels, RBF-SVM": ("pixels", {"kind": "rbf_svm", "features": ["x"], "C": 10.0}),
    "pixels, 5 nearest neighbours": ("pixels", {"kind": "knn", "features": ["x"], "k": 5}),
}
HOG = {"cell": 4, "votes": "interpolated"}


class Part(NamedTuple):
    """Tiles uint8 (N, 28, 28, 1) and class codes (N,)."""

    images: np.ndarray
    codes: np.ndarray


class Found(NamedTuple):
    """What a network says of the test tiles of one fold; each bool or share (N,), but for the check's severity."""

    right: np.ndarray
    right_inverted: np.ndarray
    by_pixels: np.ndarray
    by_features: np.ndarray
    polarity: str


def main() -> None:
    """Cut, or print the known answers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sprite", type=Path, default=SHARED / "fashion_mnist_sprite.png")
    parser.add_argument("--cut", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    tiles = read_tiles(arguments.sprite)
    if arguments.cut:
        cut(tiles, arguments.cut)
    else:
        print_answers(tiles)


def read_tiles(sprite: Path) -> Part:
    """All tiles, row by row: three rows of the picture are one class."""
    sheet = cv2.imread(str(sprite), cv2.IMREAD_GRAYSCALE)
    tiles = sheet.reshape(GRID, SIDE, GRID, SIDE).swapaxes(1, 2).reshape(GRID**2, SIDE, SIDE, 1)
    return Part(np.ascontiguousarray(tiles), np.arange(GRID**2) // (GRID**2 // len(CLASSES)))


def cut(tiles: Part, folder: Path) -> None:
    """Write <class>/<number on the sprite>.png."""
    for number, (image, code) in enumerate(zip(*tiles, strict=True)):
        write_bytes(folder / CLASSES[code] / f"{number:03d}.png", cv2.imencode(".png", image)[1].tobytes())


def print_answers(tiles: Part) -> None:
    """One line per model."""
    print(f"{len(tiles.codes)} tiles, {FOLDS} folds\n\n{'model':30}{'accuracy':>9}")
    values = {"pixels": tiles.images.reshape(len(tiles.codes), -1).astype(np.float32), "hog": hog(tiles)}
    for title, (columns, options) in CLASSICAL.items():
        print(f"{title:30}{classical_accuracy(values[columns], tiles.codes, options):9.3f}")
    print(f"\n{'network':30}{'accuracy':>9}{'inverted':>9}{'polarity check':>16}", end="")
    print(f"{'P@5 pixels':>12}{'features':>9}{'CPU s':>7}")
    for name, options in NETWORKS.items():
        start = time.process_time()
        found = [network_answers(options, *parts, seed) for seed, parts in enumerate(folds(tiles))]
        seconds = time.process_time() - start
        right, inverted, pixels, features = (
            np.concatenate([getattr(fold, field) for fold in found]).mean() for field in Found._fields[:4]
        )
        fired = sum(fold.polarity == "info" for fold in found)
        print(f"{name:30}{right:9.3f}{inverted:9.3f}{f'{fired} of {FOLDS}':>16}", end="")
        print(f"{pixels:12.3f}{features:9.3f}{seconds:7.0f}", flush=True)


def hog(tiles: Part) -> np.ndarray:
    """Columns of the feature family: float32 (N, D)."""
    images = np.repeat(tiles.images, 3, axis=3)
    names = [str(number) for number in range(len(images))]
    return tables.feature_table("hog", images, names, HOG).drop(columns="path").to_numpy()


def classical_accuracy(values: np.ndarray, codes: np.ndarray, options: dict) -> float:
    """Cross-validated."""
    fold = np.arange(len(codes)) % FOLDS
    right = 0
    for number in range(FOLDS):
        model = classical.fit(options, values[fold != number], codes[fold != number], seed=0)
        scores = classical.raw_scores(model, values[fold == number], len(CLASSES))
        right += int((scores.argmax(axis=1) == codes[fold == number]).sum())
    return right / len(codes)


def folds(tiles: Part) -> Iterator[tuple[Part, Part]]:
    """Training and test tiles of every fold: every fifth tile is tested, equally many of each class."""
    fold = np.arange(len(tiles.codes)) % FOLDS
    for number in range(FOLDS):
        training, test = (
            Part(tiles.images[here], tiles.codes[here]) for here in (fold != number, fold == number)
        )
        yield training, test


def network_answers(options: CnnOptions, training: Part, test: Part, seed: int) -> Found:
    """Train a network and ask it about the test tiles."""
    nothing = Examples(training.images[:0], training.codes[:0])
    outcome = train_network(options, Examples(*training), nothing, len(CLASSES), seed)
    network = outcome.network
    inverted = network_logits(network, 255 - test.images)
    (logits, features), (said, known) = (run_network(network, part.images) for part in (test, training))
    checks = training_checks(
        Trained(
            classes=CLASSES,
            history=outcome.history,
            best_epoch=outcome.best_epoch,
            diverged=outcome.diverged,
            last_weights=last_weights(network),
            train_codes=training.codes,
            train_predicted=said.argmax(axis=1),
            codes=test.codes,
            logits=logits,
            inverted_logits=inverted,
            units=np.arange(len(test.codes)),
        )
    )
    near = nearest(test.images, training.images, NEAR), nearest(directions(features), directions(known), NEAR)
    return Found(
        logits.argmax(axis=1) == test.codes,
        inverted.argmax(axis=1) == test.codes,
        *(precision(training.codes[places], test.codes) for places in near),
        next(check["severity"] for check in checks if check["check"] == "polarity"),
    )


if __name__ == "__main__":
    main()
