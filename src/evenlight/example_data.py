"""The embedded example data: rendered street scenes by day and night, with known flaws and biases.

`render` writes the set, `flaws` says what is wrong with it; both follow `example_plan`. Fog is nearly always
night, snow is rare, one camera is out of focus, some files are near-duplicates, wrongly labelled or broken:
later stages must find all that, and `ABOUT.md` beside the images lists it.
"""

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from evenlight.errors import UserError
from evenlight.example_about import about
from evenlight.example_frames import take
from evenlight.example_paint import Array, generator
from evenlight.example_plan import LABELS, Flaws, Frame, Plan, flaws, plan
from evenlight.example_scenes import Camera, build_scene
from evenlight.storage import write_csv, write_text

__all__ = ["Flaws", "flaws", "render"]


class _Copy(NamedTuple):
    """A near-duplicate to write when its original is drawn, with the JPEG quality of its camera."""

    frame: Frame
    quality: int


class _Job(NamedTuple):
    """The frames of one camera, each with its near-duplicate, if any."""

    folder: Path
    camera: Camera
    frames: list[tuple[Frame, _Copy | None]]


def render(
    folder: Path,
    images: int = 1200,
    seed: int = 0,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write the example data into `folder`, whole or not at all.

    `images` files in class folders, broken ones included, and `metadata.csv` and `ABOUT.md`. The bytes are a
    function of `images` and `seed` alone. Memory does not grow with the number of images but for some hundred
    bytes each. `progress` is told the number of files written so far, after each camera. With several
    processes the workers are spawned: a script must call this under `if __name__ == "__main__"`.

    Raises:
        UserError: the folder is not empty, can't be written, or `images` is too small.
    """
    folder = Path(folder)
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise UserError(
            f"{folder}: already exists and is not an empty folder; delete it or choose another one"
        )
    whole = plan(images, seed)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tmp."))
        try:
            _write_all(temporary, whole, processes, progress)
            temporary.chmod(0o755)
            os.replace(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as problem:
        raise UserError(
            f"{folder}: can't write it ({problem.strerror}); check permissions and space"
        ) from None


def _write_all(folder: Path, whole: Plan, processes: int, progress: Callable[[int], None] | None) -> None:
    for label in LABELS:
        (folder / label).mkdir()
    jobs = list(_jobs(folder, whole))
    done = 0
    for written in _run(jobs, processes):
        done += written
        if progress:
            progress(done)
    rows = sorted(
        (
            frame.path,
            whole.cameras[frame.camera].name,
            frame.moment.weather,
            whole.cameras[frame.camera].district,
        )
        for frame in whole.frames
        if frame.row
    )
    write_csv(folder / "metadata.csv", ["path", "camera", "weather", "district"], rows)
    write_text(folder / "ABOUT.md", about(whole, flaws(whole.images, whole.seed)))


def _jobs(folder: Path, whole: Plan) -> Iterator[_Job]:
    """One job per camera; a near-duplicate belongs to the job of its original."""
    copies: dict[int, _Copy] = {}
    by_camera: list[list[int]] = [[] for _ in whole.cameras]
    for number, frame in enumerate(whole.frames):
        if not frame.copy:
            by_camera[frame.camera].append(number)
        else:
            copies[frame.original] = _Copy(frame, whole.cameras[frame.camera].quality)
    for camera, numbers in zip(whole.cameras, by_camera, strict=True):
        yield _Job(folder, camera, [(whole.frames[number], copies.get(number)) for number in numbers])


def _run(jobs: list[_Job], processes: int) -> Iterator[int]:
    """Do the jobs; yields the number of files that each wrote."""
    if processes <= 1:
        yield from map(_write_camera, jobs)
        return
    # spawned, not forked: a fork of a process with threads can hang
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_write_camera, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _write_camera(job: _Job) -> int:
    """Draw and write all files of one camera and the near-duplicates of its frames."""
    cv2.setNumThreads(1)
    scene = build_scene(job.camera)
    written = 0
    for frame, copy in job.frames:
        picture = take(scene, frame.moment)
        _write(job.folder, frame, _encode(frame, picture, job.camera.quality))
        written += 1
        if copy:
            again, quality = _alter(picture, copy.frame.copy, copy.quality)
            _write(job.folder, copy.frame, _encode(copy.frame, again, quality))
            written += 1
    return written


def _write(folder: Path, frame: Frame, data: bytes) -> None:
    # not by storage.write_bytes: the folder appears as a whole, and a flush per image would only take time
    (folder / frame.path).write_bytes(data)


def _alter(picture: Array, kind: str, quality: int) -> tuple[Array, int]:
    """A near-duplicate of a picture and the JPEG quality to save it with."""
    if kind == "brightened":
        levels = np.arange(256) * 17 // 16 + 6
        return cv2.LUT(picture, levels.clip(0, 255).astype(np.uint8)), quality
    if kind == "scaled to 85 %":
        height, width = picture.shape[:2]
        return cv2.resize(
            picture, (width * 17 // 20, height * 17 // 20), interpolation=cv2.INTER_AREA
        ), quality
    return picture, 60


def _encode(frame: Frame, picture: Array, quality: int) -> bytes:
    if frame.broken:
        return _broken(frame.broken, picture, frame.moment.seed)
    return _png(picture) if frame.path.endswith(".png") else _jpeg(picture, quality)


def _jpeg(picture: Array, quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _png(picture: Array) -> bytes:
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # noise does not get smaller by trying harder
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _broken(kind: str, picture: Array, seed: int) -> bytes:
    """The bytes of a file that is broken in the given way."""
    makers: dict[str, Callable[[], bytes]] = {
        "empty file": lambda: b"",
        "truncated JPEG": lambda: _cut(_jpeg(picture, 85)),
        "truncated PNG": lambda: _cut(_png(picture)),
        "text named .jpg": lambda: b"The camera was switched off for maintenance.\n",
        "HTML error page named .jpg": lambda: (
            b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>"
            b"<body><h1>Not Found</h1><p>No such picture on this server.</p></body></html>\n"
        ),
        "PNG with a bad checksum": lambda: _bad_checksum(_png(picture)),
        "zip archive named .png": lambda: _zip(_jpeg(picture, 85)),
        "image of one pixel": lambda: _png(np.ascontiguousarray(picture[:1, :1])),
        "animated GIF": lambda: _gif(picture),
        "random bytes": lambda: generator(seed).bytes(4096),
        "header of a JPEG only": lambda: _jpeg(picture, 85)[:20],  # start of image and JFIF segment
        "header of a PDF only": lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    }
    return makers[kind]()


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 3 // 5]


def _bad_checksum(png: bytes) -> bytes:
    """One bit of the checksum of the first image data chunk turned over."""
    start = png.index(b"IDAT")
    checksum = start + 4 + int.from_bytes(png[start - 4 : start], "big")
    return png[:checksum] + bytes([png[checksum] ^ 1]) + png[checksum + 1 :]


def _zip(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(zipfile.ZipInfo("picture.jpg"), data)  # ZipInfo's date is fixed: 1980
    return target.getvalue()


def _gif(picture: Array) -> bytes:
    first = Image.fromarray(picture).reduce(2)
    second = Image.fromarray(np.ascontiguousarray(picture[:, ::-1])).reduce(2)
    target = io.BytesIO()
    first.save(target, "GIF", save_all=True, append_images=[second], duration=500)
    return target.getvalue()
