"""Scan + standardize against torchvision's ImageFolder and a plain Pillow loop: images per second, memory, ratios.

    .venv/bin/python benchmarks/scan.py                      photos and 32-pixel JPEGs of ../shared/data
    .venv/bin/python benchmarks/scan.py --folder data/raw/x  class folders of your own

Ours does more: strict checks, sha256, perceptual hash of 8 orientations, 8 properties, a verdict per file. Each
contestant runs in a process of its own with two workers; rounds are interleaved, so that a busy machine slows all of
them alike, and the ratio is the median over rounds. CPU seconds count workers too, imports do not count.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from evenlight import runtime

runtime.fix_environment()  # one numeric thread per process for everyone, before numpy is imported

import numpy as np  # noqa: E402

SIDE, WORKERS = 64, 2
SHARED = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def ours(folder: Path) -> int:
    """Both halves of the folder, each as one job of the workflow would do its shard."""
    with ProcessPoolExecutor(WORKERS) as pool:
        return sum(pool.map(_our_half, [folder] * WORKERS, range(WORKERS)))


def _our_half(folder: Path, half: int) -> int:
    from evenlight.listing import list_folder
    from evenlight.regions import Nothing
    from evenlight.scanning import scan_shard
    from evenlight.standardize import Standardize
    from evenlight.storage import array_writer, write_table

    options = Standardize(size=[SIDE, SIDE])
    files = list_folder(folder).files[half::WORKERS]
    with tempfile.TemporaryDirectory() as out, array_writer(Path(out) / "x.npy", (SIDE, SIDE, 3)) as add_row:
        rows = scan_shard(folder, files, Nothing(), options, add_row)
        write_table(Path(out) / "x.parquet", rows)
    return int((rows["verdict"] == "ok").sum())


def image_folder(folder: Path) -> int:
    """torchvision: ImageFolder, Resize, a DataLoader with workers."""
    import torch
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    steps = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.PILToTensor()])
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(str(folder), steps), batch_size=64, num_workers=WORKERS
    )
    return sum(len(batch) for batch, _ in loader)


def pillow(folder: Path) -> int:
    """What most scripts do, in two processes."""
    files = sorted(str(path) for path in folder.rglob("*.jpg"))
    with ProcessPoolExecutor(WORKERS) as pool:
        return sum(pool.map(_pillow_part, [files[part::WORKERS] for part in range(WORKERS)]))


def _pillow_part(files: list[str]) -> int:
    from PIL import Image

    images = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
    for number, file in enumerate(files):
        with Image.open(file) as image:
            images[number] = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return len(images)


CONTESTANTS: dict[str, Callable[[Path], int]] = {
    "evenlight": ours,
    "torchvision ImageFolder": image_folder,
    "Pillow loop": pillow,
}


def measure(name: str, folder: Path) -> dict[str, float]:
    """Run one contestant here; imports are paid before the clock starts."""
    import pyarrow.parquet  # noqa: F401

    import evenlight.scanning  # noqa: F401

    if name.startswith("torchvision"):
        import torchvision  # noqa: F401
    before, wall = _cpu(), time.perf_counter()
    images = CONTESTANTS[name](folder)
    wall = time.perf_counter() - wall
    memory = max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"images": images, "wall": wall, "cpu": _cpu() - before, "megabytes": memory / 1024}


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def compare(title: str, folder: Path, rounds: int) -> None:
    """Interleave the contestants and print a table."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds + 1):
        for name in CONTESTANTS:
            command = [sys.executable, __file__, "--run", name, "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"\n{title}: {runs['evenlight'][0]['images']:,} images to {SIDE} x {SIDE}, {WORKERS} workers")
    print(f"{'':26}{'images/s':>10}{'per CPU s':>11}{'MB/process':>12}   evenlight is faster by, wall / CPU")
    for name, results in runs.items():
        kept = results[1:]  # the first round fills the file cache
        ours_kept = runs["evenlight"][1:]
        ratios = {
            clock: statistics.median(
                one[clock] / mine[clock] for one, mine in zip(kept, ours_kept, strict=True)
            )
            for clock in ("wall", "cpu")
        }
        speed = {
            clock: statistics.median(one["images"] / one[clock] for one in kept) for clock in ("wall", "cpu")
        }
        memory = max(one["megabytes"] for one in kept)
        print(
            f"{name:26}{speed['wall']:10,.0f}{speed['cpu']:11,.0f}{memory:12,.0f}"
            f"   {ratios['wall']:.2f} x / {ratios['cpu']:.2f} x"
        )


def photos(target: Path, copies: int = 5) -> Path:
    """The day/night photos five times over: 2,000 JPEGs of 640 to 1280 pixels."""
    for number in range(copies):
        shutil.copytree(SHARED / "day_night" / "training", target / str(number))
        shutil.copytree(SHARED / "day_night" / "test", target / f"{number}t")
    return target


def small_images(target: Path, count: int = 20_000) -> Path:
    """CIFAR-10 as JPEGs of 32 pixels."""
    with tarfile.open(SHARED / "cifar10_jpg.tar.xz") as archive:
        wanted = [member for member in archive if member.isfile() and "/train/" in member.name][:count]
        archive.extractall(target, wanted, filter="data")
    return target / "cifar10_jpg" / "train"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(measure(options.run, options.folder)))
    elif options.folder:
        compare(str(options.folder), options.folder, options.rounds)
    elif not (SHARED / "day_night").is_dir():
        raise SystemExit(f"no {SHARED}; set EVENLIGHT_TEST_DATA, or name a folder of images with --folder")
    else:
        with tempfile.TemporaryDirectory() as place:
            compare("photos", photos(Path(place) / "photos"), options.rounds)
            compare("32-pixel JPEGs", small_images(Path(place) / "small"), options.rounds)


if __name__ == "__main__":
    main()
