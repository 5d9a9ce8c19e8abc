"""t-SNE of 10,000 points beside scikit-learn's: CPU seconds, and how well the maps keep neighbours.

    .venv/bin/python benchmarks/tsne.py                       HOG of CIFAR-10's test images, or clusters without them
    .venv/bin/python benchmarks/tsne.py --images FOLDER       FOLDER/<class>/<image>
    .venv/bin/python benchmarks/tsne.py --rounds 2            each side so often, in turns; the ratio is their median

Both sides get the same 128 principal components, perplexity 30, one thread, and take turns in one process; ours finds
its neighbours itself. Preservation is the share of the 15 nearest points that are nearest on the map, trustworthiness
that of 15 neighbours asked of 2,000 points, accuracy that of 5 neighbours on the map, all without the point itself.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from sklearn.manifold import TSNE  # noqa: E402
from sklearn.neighbors import NearestNeighbors  # noqa: E402

from evenlight import feature_table as tables  # noqa: E402
from evenlight.explain.embeddings import principal_components, trustworthiness  # noqa: E402
from evenlight.explain.tsne import library, tsne  # noqa: E402
from evenlight.sampling import sample  # noqa: E402

COLUMNS, PERPLEXITY = 128, 30
TARGET = 5.0


def main() -> None:
    """Print a line per library and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, default=Path("/tmp/cifar10_jpg/test"))
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    values, codes = hog_of(given.images, given.points) if given.images.is_dir() else clusters(given.points)
    start = time.process_time()
    values, _ = principal_components(values, COLUMNS)
    print(f"{len(values):,} points, {values.shape[1]} components in {time.process_time() - start:.2f} s")
    sides: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "scikit-learn": scikit_learn,
        f"Evenlight ({library(len(values))})": lambda table: tsne(table, PERPLEXITY, 0),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    maps: dict[str, list[np.ndarray]] = {name: [] for name in sides}
    tsne(values[:: len(values) // 2500], PERPLEXITY, 0)  # imports are paid here
    for _ in range(given.rounds):
        for name, side in sides.items():
            start = time.process_time()
            maps[name].append(side(values))
            seconds[name].append(time.process_time() - start)
    print(
        f"{'':22}{'CPU s':>8}{'kNN-15 kept':>14}{'trustworthiness':>18}{'5-NN accuracy':>16}  repeated bytes"
    )
    for name, found in maps.items():
        same = all(np.array_equal(found[0], other) for other in found[1:]) if len(found) > 1 else "not asked"
        kept, trusted, right = scores(values, found[0], codes)
        spent = statistics.median(seconds[name])
        print(f"{name:22}{spent:8.1f}{kept:14.4f}{trusted:18.4f}{right:16.4f}  {same}")
    theirs, ours = seconds.values()
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    print(f"ratio {statistics.median(ratios):.1f} (target {TARGET:g})")


def hog_of(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """HOG, columns standardized, float32 (N, D), and class codes (N,) of a seeded sample of images."""
    files = sorted(folder.glob("*/*"))
    files = [files[place] for place in sample(len(files), count, 0)]
    images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    family = tables.family("hog")
    table = family.extract(images, family.Options())
    deviation = np.maximum(table.std(axis=0), 1e-9)
    codes = np.unique([file.parent.name for file in files], return_inverse=True)[1]
    return ((table - table.mean(axis=0)) / deviation).astype(np.float32), codes


def clusters(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten overlapping clusters in 200 columns."""
    draws = np.random.Generator(np.random.PCG64(0))
    codes = draws.integers(0, 10, count)
    return (draws.normal(size=(count, 200)) + draws.normal(size=(10, 200))[codes]).astype(np.float32), codes


def scikit_learn(values: np.ndarray) -> np.ndarray:
    """The map as scikit-learn's users make it."""
    model = TSNE(perplexity=PERPLEXITY, init="pca", learning_rate="auto", random_state=0, n_jobs=1)
    return model.fit_transform(values)


def scores(values: np.ndarray, points: np.ndarray, codes: np.ndarray) -> tuple[float, float, float]:
    """Preservation, trustworthiness, accuracy."""
    there, here = (
        NearestNeighbors(n_neighbors=15).fit(table).kneighbors(return_distance=False)
        for table in (values, points)
    )
    kept = np.mean([len(np.intersect1d(*pair)) for pair in zip(there, here, strict=True)]) / 15
    right = np.mean([np.bincount(codes[row[:5]]).argmax() for row in here] == codes)
    return float(kept), trustworthiness(values, here, sample(len(values), 2000, 0)), float(right)


if __name__ == "__main__":
    main()
