"""Near-duplicate search: time and memory against the number of images, and recall against comparing everything.

    python benchmarks/duplicates.py [--images FOLDER]

With `--images` the JPEG and PNG files of a folder (such as the unpacked CIFAR-10) are hashed; without it hashes are
drawn at random. On top of them near-duplicates are planted: one image in 20 is another one with up to 32 bits changed.
"""

import argparse
import resource
import time
from pathlib import Path

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from evenlight.audit.duplicates import NearPairs, components, near_pairs  # noqa: E402
from evenlight.perceptual import hash_variants  # noqa: E402

SIZES = (15_000, 30_000, 60_000)
RADIUS = 32


def main() -> None:
    """Print one line per size, then the recall by distance at the largest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder with JPEG and PNG files")
    folder = parser.parse_args().images
    rng = np.random.default_rng(0)
    pool = _hashed(folder) if folder else rng.integers(0, 256, (SIZES[-1], 8, 32), dtype=np.uint8)
    pool = pool[rng.permutation(len(pool))]
    print(f"{'images':>8} {'wall s':>8} {'CPU s':>8} {'pairs':>8} {'groups':>8} {'peak MB':>8}")
    for size in [size for size in SIZES if size < len(pool)] + [min(len(pool), SIZES[-1])]:
        hashes, planted = _planted(pool[:size], np.random.default_rng(1))
        wall, cpu = time.perf_counter(), time.process_time()
        found = near_pairs(hashes, RADIUS, np.ones(size, bool))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        groups = int((np.bincount(components(size, found.a, found.b)) > 1).sum())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{size:8,} {wall:8.1f} {cpu:8.1f} {len(found.a):8,} {groups:8,} {peak:8.0f}", flush=True)
    _print_recall(found, planted, size)


def _hashed(folder: Path) -> np.ndarray:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    paths = paths[:: max(1, len(paths) // SIZES[-1])]
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    start = time.process_time()
    hashes = hash_variants(images)
    print(
        f"hashed {len(images):,} images: {1e6 * (time.process_time() - start) / len(images):.0f} CPU us each"
    )
    return hashes


def _planted(hashes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A copy of the hashes in which the last twentieth resembles the first, and rows (a, b, distance)."""
    hashes, number = hashes.copy(), len(hashes) // 20
    a, b = np.arange(number), len(hashes) - number + np.arange(number)
    distance = rng.integers(0, RADIUS + 1, number)
    for place in range(number):
        bits = np.unpackbits(hashes[a[place], place % 8])
        bits[rng.permutation(bits.size)[: distance[place]]] ^= 1
        hashes[b[place], 0] = np.packbits(bits)
    return hashes, np.column_stack([a, b, distance])


def _print_recall(found: NearPairs, planted: np.ndarray, n: int) -> None:
    hit = np.isin(planted[:, 0] * n + planted[:, 1], found.a * n + found.b)
    print("recall of planted pairs by distance:")
    for low, high in ((0, 8), (9, 16), (17, 24), (25, 28), (29, 31), (32, 32)):
        within = (planted[:, 2] >= low) & (planted[:, 2] <= high)
        print(
            f"  {low:2}-{high:2} bits: {hit[within].sum():4} of {within.sum():4} ({100 * hit[within].mean():.2f} %)"
        )


if __name__ == "__main__":
    main()
