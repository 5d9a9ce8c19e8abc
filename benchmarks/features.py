"""Feature families against what a practitioner writes (plain_features.py): images per CPU second, memory, job costs.

    .venv/bin/python benchmarks/features.py                   64-pixel images, all families
    .venv/bin/python benchmarks/features.py --size 32 hog     one size, some families
    .venv/bin/python benchmarks/features.py --memory          peak memory of a shard, family by family
    .venv/bin/python benchmarks/features.py --job             what a job costs beside the computing

Both sides see the same images, take turns in one process and have one thread. The ratio is the median over rounds of
CPU seconds. Where both define the same numbers, they are compared first. Images are the day/night photos of
../shared/data, or noise and gradients where they are missing.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import plain_features as plain  # noqa: E402
import yaml  # noqa: E402

from evenlight import feature_table as tables  # noqa: E402

SHARED = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
BATCH_PIXELS = 2**20  # as `feature_table` cuts its batches


class Contest(NamedTuple):
    """A family against one plain way.

    Args:
        family: of `evenlight.features`, at its default options.
        plain: one image (and what the family has learned) -> its row.
        target: how many times faster ours should be (performance.md 3); None where it names no target.
        tolerance: greatest difference of two values; None where the plain way defines other numbers.
    """

    family: str
    plain: Callable[..., Sequence[float] | np.ndarray]
    target: float | None
    tolerance: float | None


CONTESTS = (
    Contest("brightness", plain.brightness, None, 1e-3),
    Contest("rgb_stats", plain.rgb_stats, None, 1e-3),
    Contest("rgb_stats", plain.scipy_moments, 100, 1e-3),
    Contest("lab_stats", plain.lab_stats, None, 1e-3),
    Contest("hsv_hist", plain.hsv_hist, 12, 1e-6),
    Contest("hsv_hist3d", plain.hsv_hist3d, 12, 1e-6),
    Contest("hsv_grid", plain.hsv_grid, 12, 1e-6),
    Contest("color_range", plain.color_range, None, 1e-6),
    Contest("thumb", plain.thumb, None, 0),
    Contest("hog", plain.hog, 15, 1e-6),
    # our percentiles are whole gray levels
    Contest("sobel", plain.sobel, 10, 0.51),
    Contest("canny", plain.canny, 10, None),
    Contest("canny", plain.opencv_canny, None, 1e-6),
    # the plain way counts half a cycle per pixel as running one way only
    Contest("fourier", plain.fourier, 5, 2e-2),
    # scikit-image rounds, and so takes some points that are just as bright as the pixel for darker ones
    Contest("lbp", plain.lbp, None, 2e-3),
    Contest("hough", plain.hough, None, 1e-3),
    Contest("harris", plain.harris, None, 1e-5),
    Contest("contour", plain.contour, None, 1e-3),
    Contest("kmeans", plain.kmeans, None, None),
    Contest("orb", plain.orb, None, 1e-6),
)


def compare(size: int, count: int, rounds: int, families: Sequence[str]) -> None:
    """Print a table of families for `count` images of `size` pixels."""
    images = pictures(size, count)
    print(f"\n{count} images of {size} x {size}, median of {rounds} rounds, images per CPU second")
    print(f"{'family':12}{'plain way':42}{'plain':>9}{'Evenlight':>11}{'ratio':>8}{'target':>8}")
    first: dict[str, list[tuple[float, float]]] = {}
    for contest in CONTESTS:
        if contest.family in families:
            known = learned(contest.family, images)
            check_values(contest, images, known)
            run = [
                (plain_seconds(contest, images, known), our_seconds(contest, images, known))
                for _ in range(rounds)
            ]
            way = (contest.plain.__doc__ or "").split("\n")[0].split(",")[0].rstrip(".")
            print_line(contest.family, way, count, run, contest.target)
            first.setdefault(contest.family, run)  # the usual of several plain ways
    default = default_families()
    if all(name in first for name in default):
        total = np.sum([first[name] for name in default], axis=0)
        print_line("all default", f"the first way of {len(default)}", count, total, 10)


def default_families() -> list[str]:
    """Families that params.yaml computes."""
    params = (Path(__file__).resolve().parents[1] / "params.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(params)["features"])


def learned(name: str, images: np.ndarray) -> tuple[np.ndarray, ...]:
    """What `extract` needs besides images and options."""
    return (tables.learn(name, images, {}, 0),) if tables.learns(name, {}) else ()


def our_seconds(contest: Contest, images: np.ndarray, known: tuple[np.ndarray, ...]) -> float:
    """CPU seconds of our family over all images, in batches as jobs cut them."""
    family = tables.family(contest.family)
    options = family.Options()
    step = BATCH_PIXELS // (images.shape[1] * images.shape[2])
    start = time.process_time()
    for place in range(0, len(images), step):
        family.extract(images[place : place + step], options, *known)
    return time.process_time() - start


def plain_seconds(contest: Contest, images: np.ndarray, known: tuple[np.ndarray, ...]) -> float:
    """CPU seconds of the plain way over all images."""
    start = time.process_time()
    np.array([contest.plain(image, *known) for image in images], dtype=np.float32)
    return time.process_time() - start


def check_values(contest: Contest, images: np.ndarray, known: tuple[np.ndarray, ...]) -> None:
    """Fail where the two should give the same numbers and don't; first calls, tables and imports are paid here."""
    family = tables.family(contest.family)
    ours = family.extract(images, family.Options(), *known)
    theirs = np.array([contest.plain(image, *known) for image in images])
    if ours.shape != theirs.shape:
        raise SystemExit(f"{contest.family}: {ours.shape} against {theirs.shape} values")
    worst = np.abs(ours - theirs).max(axis=0)
    if contest.tolerance is not None and worst.max() > contest.tolerance:
        column = tables.column_names(contest.family, {}, images.shape[1:])[int(worst.argmax())]
        raise SystemExit(
            f"{contest.family}: {column} differs by {worst.max():.2g}, more than {contest.tolerance}"
        )


def print_line(
    name: str, way: str, count: int, run: Sequence[tuple[float, float]] | np.ndarray, target: float | None
) -> None:
    """One line of the table, from (plain, our) seconds per round."""
    theirs, ours = (statistics.median(seconds) for seconds in zip(*run, strict=True))
    ratio = statistics.median(one / other for one, other in run)
    verdict = "" if target is None else f"{target:8.0f} " + ("ok" if ratio >= target else "missed")
    print(
        f"{name:12}{way[:41]:42}{count / theirs:9,.0f}{count / ours:11,.0f}{ratio:8.2f}{verdict}", flush=True
    )


def pictures(size: int, count: int) -> np.ndarray:
    """Day/night photos resized by area, else noise over gradients: uint8 (count, size, size, 3)."""
    paths = sorted((SHARED / "day_night").glob("*/*/*.jpg"))
    if not paths:
        draws = np.random.Generator(np.random.PCG64(0))
        ramps = np.linspace(0, 200, size)[:, None, None] * draws.random((count, 1, 1, 3))
        return (ramps + draws.integers(0, 56, (count, size, size, 3))).astype(np.uint8)
    chosen = [paths[number * len(paths) // count] for number in range(count)]
    photos = [cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2) for path in chosen]
    small = [cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA) for photo in photos]
    return np.ascontiguousarray(np.stack(small)[..., ::-1])


def print_memory(size: int, count: int, families: Sequence[str]) -> None:
    """Peak memory of `feature_table` on a shard, each family in a process of its own."""
    print(f"\npeak memory of `feature_table` over a shard of {count:,} images of {size} x {size}, MB")
    print(f"{'family':12}{'process':>9}{'beyond imports and images':>27}{'table':>8}")
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder) / "shard.npy"
        np.save(shard, np.resize(pictures(size, min(count, 400)), (count, size, size, 3)))
        for name in families:
            command = [sys.executable, __file__, "--one", name, "--shard", str(shard)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            print(
                f"{name:12}{found['peak']:9.0f}{found['peak'] - found['before']:27.0f}{found['table']:8.1f}",
                flush=True,
            )


def memory_of(name: str, shard: Path) -> dict[str, float]:
    """MB that the process has used before `feature_table` and at most, and MB of its values."""
    images = np.load(shard, mmap_mode="r")
    images.max()  # pages of the file count as ours once they are read
    few = np.array(images[:8])
    known = learned(name, few)
    tables.feature_table(name, few, [str(number) for number in range(8)], {}, *known)
    before = _peak_megabytes()
    table = tables.feature_table(name, images, [str(number) for number in range(len(images))], {}, *known)
    peak = _peak_megabytes()
    values = table.drop(columns="path").to_numpy()
    return {"before": before, "peak": peak, "table": values.nbytes / 2**20}


def _peak_megabytes() -> float:
    # `ru_maxrss` would be the parent's where that one was larger
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def print_job(rounds: int) -> None:
    """CPU seconds of one `evenlight features` job over 100 images, and where its imports take them."""
    import pandas as pd

    from evenlight.storage import write_array, write_table

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_array(folder / "0000.npy", np.zeros((100, 64, 64, 3), np.uint8))
        paths = [f"day/{number:03}.jpg" for number in range(100)]
        write_table(folder / "0000.parquet", pd.DataFrame({"path": paths, "verdict": "ok"}))
        script = Path(sys.executable).with_name("evenlight")
        job = [str(script), "features", "thumb", "--images", str(folder / "0000.npy")]
        job += ["--shard", str(folder / "0000.parquet"), "--table", str(folder / "out.parquet")]
        commands = {
            "python alone": [sys.executable, "-c", "pass"],
            "import numpy": [sys.executable, "-c", "import numpy"],
            "evenlight --help": [str(script), "--help"],
            "evenlight features thumb": job,
        }
        print(f"\nCPU seconds of a process, median of {rounds}")
        for title, command in commands.items():
            seconds = statistics.median(_child_seconds(command) for _ in range(rounds))
            print(f"{title:28}{seconds:8.3f}", flush=True)
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *job], capture_output=True, text=True, check=True
        )
        _print_imports(done.stderr)


def _child_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _print_imports(log: str) -> None:
    """Time of the modules themselves by top-level package, from `python -X importtime`."""
    packages: dict[str, int] = {}
    for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", log):
        package = module.split(".")[0]
        packages[package] = packages.get(package, 0) + int(own)
    print("imports by package, ms of wall time (each module's own)")
    for package, microseconds in sorted(packages.items(), key=lambda item: -item[1])[:12]:
        print(f"{package:28}{microseconds / 1000:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("families", nargs="*", help="some of them; default all")
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    parser.add_argument("--count", type=int, help="images (240; 2,500 for --memory)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--job", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--shard", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    families = options.families or tables.family_names()
    if options.one:
        print(json.dumps(memory_of(options.one, options.shard)))
    elif options.job:
        print_job(options.rounds)
    elif options.memory:
        print_memory(options.size, options.count or 2500, families)
    else:
        compare(options.size, options.count or 240, options.rounds, families)


if __name__ == "__main__":
    main()
