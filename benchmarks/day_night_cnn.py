"""The small network on the day_night photos, beside the design's numbers (techniques.md 3.4).

    .venv/bin/python benchmarks/day_night_cnn.py             ../shared/data/day_night
    .venv/bin/python benchmarks/day_night_cnn.py FOLDER      with {training,test}/{day,night}/*.jpg

First the given split: 160 test photos after 20 epochs on the 240 training photos. Then every camera in turn is left out
of training, 12 epochs on all photos of the others; a camera is what benchmarks/day_night.py says it is. Every seed is
another network. Photos are 32 x 32; the options are the design's and nothing is searched, so no photo is kept for
validation and the weights are those of the last epoch. CPU seconds are those of training and asking.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import day_night  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from evenlight.models.cnn_options import CnnOptions  # noqa: E402
from evenlight.models.inference import network_logits  # noqa: E402
from evenlight.models.training import Examples, train_network  # noqa: E402

SIDE = 32
OPTIONS = {
    "kind": "cnn", "network": "small", "batch_size": 16, "learning_rate": 0.02, "momentum": 0.9, "dropout": 0.4,
    "flip": True, "device": "cpu",
}  # fmt: skip
GIVEN, LEFT_OUT = 20, 12  # epochs
GIVEN_WRONG, LEFT_OUT_WRONG = 1, 11  # photos, by the design


def main() -> None:
    """Print wrong photos of the given split, and with cameras left out, seed by seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=day_night.SHARED / "day_night")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    photos = day_night.read_photos(arguments.folder)
    files = sorted(arguments.folder.glob("*/*/*.jpg"))  # in the order of `read_photos`
    images, names = read_images(files), np.array([f"{file.parent.name}/{file.stem}" for file in files])
    cameras = sorted(set(photos.cameras))
    print(f"{len(names)} photos, {len(cameras)} cameras, {SIDE} x {SIDE}; the design's numbers in brackets\n")
    for seed in range(arguments.seeds):
        start = time.process_time()
        wrong = wrong_answers(GIVEN, images, photos.codes, photos.is_test, seed)
        counts = line(len(wrong), int(photos.is_test.sum()), GIVEN_WRONG)
        print(
            f"given split, seed {seed}: {counts}, {time.process_time() - start:.0f} CPU s",
            *names[wrong],
            flush=True,
        )
    for seed in range(arguments.seeds):
        start = time.process_time()
        wrong_by_camera = {
            camera: len(wrong_answers(LEFT_OUT, images, photos.codes, photos.cameras == camera, seed))
            for camera in cameras
        }
        counts = line(sum(wrong_by_camera.values()), len(names), LEFT_OUT_WRONG)
        print(f"cameras left out, seed {seed}: {counts}, {time.process_time() - start:.0f} CPU s")
        print(
            "   ", *(f"{camera}: {count}" for camera, count in wrong_by_camera.items() if count), flush=True
        )


def read_images(files: Sequence[Path]) -> np.ndarray:
    """The photos, small: uint8 (N, 32, 32, 3)."""
    photos = (np.asarray(Image.open(file).convert("RGB")) for file in files)
    return np.stack([cv2.resize(photo, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for photo in photos])


def wrong_answers(
    epochs: int, images: np.ndarray, codes: np.ndarray, asked: np.ndarray, seed: int
) -> np.ndarray:
    """Numbers of those photos among `asked`, bool (N,), that a network of all others gets wrong."""
    options = CnnOptions(**OPTIONS, epochs=epochs)
    known, nothing = Examples(images[~asked], codes[~asked]), Examples(images[:0], codes[:0])
    network = train_network(options, known, nothing, len(day_night.CLASSES), seed).network
    said = network_logits(network, images[asked]).argmax(axis=1)
    return np.flatnonzero(asked)[said != codes[asked]]


def line(wrong: int, asked: int, design: int) -> str:
    """Accuracy and number of wrong photos, ours and the design's in brackets."""
    return f"{1 - wrong / asked:.4f} ({1 - design / asked:.4f}), {wrong} ({design}) wrong"


if __name__ == "__main__":
    main()
