"""The example data: equal bytes, and every planted flaw where the list says it is."""

import csv
import hashlib
import io
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from evenlight import example_data
from evenlight.errors import UserError
from evenlight.example_data import Flaws, flaws, render
from evenlight.example_plan import BROKEN_KINDS

IMAGES, SEED = 120, 3


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "scenes"
    render(folder, IMAGES, SEED)
    return folder


@pytest.fixture(scope="module")
def known() -> Flaws:
    return flaws(IMAGES, SEED)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _images(folder: Path) -> list[str]:
    return sorted(path for path in _hashes(folder) if "/" in path)


def _rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def _small(path: Path) -> np.ndarray:
    return cv2.resize(_grey(path), (64, 48), interpolation=cv2.INTER_AREA).astype(float)


def _camera(path: str) -> str:
    return path.split("/")[1].split("_")[0]


def test_same_bytes_again_and_with_two_processes(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    told: list[int] = []
    render(Path("again"), IMAGES, SEED, processes=2, progress=told.append)
    assert _hashes(tmp_path / "again") == _hashes(scenes)
    assert told == sorted(told)
    assert told[-1] == IMAGES


def test_another_seed_gives_other_pictures(scenes: Path, known: Flaws):
    other = flaws(IMAGES, SEED + 1)
    assert other.broken != known.broken
    assert other.near_duplicates != known.near_duplicates


def test_files_and_metadata_agree(scenes: Path, known: Flaws):
    images, rows = _images(scenes), _rows(scenes)
    assert len(images) == IMAGES
    assert sorted(path.name for path in scenes.iterdir()) == ["ABOUT.md", "day", "metadata.csv", "night"]
    assert all(re.fullmatch(r"(day|night)/cam\d{3}_\d{4}\.(jpg|png|gif)", path) for path in images)
    assert (
        len({path.split("/")[1].split(".")[0] for path in images}) == IMAGES
    )  # a name never tells the class
    assert list(rows[0]) == ["path", "camera", "weather", "district"]
    assert [row["path"] for row in rows] == sorted(set(images) - set(known.broken_without_row))
    assert all(row["camera"] == _camera(row["path"]) for row in rows)
    assert all(
        len({r["district"] for r in rows if r["camera"] == c}) == 1 for c in {r["camera"] for r in rows}
    )


def test_good_images_are_colour_pictures_of_their_cameras_size(scenes: Path, known: Flaws):
    sizes: dict[str, set[tuple[int, int]]] = {}
    copies = {copy for _, copy in known.near_duplicates}
    formats = Counter()
    for path in set(_images(scenes)) - set(known.broken):
        with Image.open(scenes / path) as image:
            image.load()
            assert image.mode == "RGB"
            assert image.format == {"jpg": "JPEG", "png": "PNG"}[path[-3:]]
            assert 240 <= image.width <= 640 or path in copies
            formats[image.format] += 1
            if path not in copies:
                sizes.setdefault(_camera(path), set()).add(image.size)
    assert min(formats.values()) >= 5
    assert all(len(found) == 1 for found in sizes.values())
    assert len(set.union(*sizes.values())) >= 4


def test_rare_group_and_confound_have_the_shares_that_are_listed(scenes: Path, known: Flaws):
    rows = _rows(scenes)
    column, value = known.rare_group
    assert sum(row[column] == value for row in rows) / len(rows) == known.rare_share
    assert 0.03 < known.rare_share < 0.05
    column, value, label, share = known.confound
    inside = [row["path"].startswith(label) for row in rows if row[column] == value]
    outside = [row["path"].startswith(label) for row in rows if row[column] != value]
    assert sum(inside) / len(inside) == share
    assert 0.8 < share < 0.9
    assert 0.35 < sum(outside) / len(outside) < 0.55


def test_blurred_camera_is_the_least_sharp(scenes: Path, known: Flaws):
    sharpness: dict[str, list[float]] = {}
    for path in set(_images(scenes)) - set(known.broken):
        grey = cv2.resize(_grey(scenes / path), (256, 192), interpolation=cv2.INTER_AREA)
        sharpness.setdefault(_camera(path), []).append(float(cv2.Laplacian(grey, cv2.CV_64F).var()))
    medians = {camera: float(np.median(values)) for camera, values in sharpness.items()}
    blurred = medians.pop(known.blurred_camera)
    assert blurred < 0.5 * min(medians.values())


def test_near_duplicates_are_alike_and_cross_cameras(scenes: Path, known: Flaws):
    assert len(known.near_duplicates) >= 3
    for original, copy in known.near_duplicates:
        assert _camera(original) != _camera(copy)
        assert original.split("/")[0] == copy.split("/")[0]
        assert (scenes / original).read_bytes() != (scenes / copy).read_bytes()
        correlation = np.corrcoef(_small(scenes / original).ravel(), _small(scenes / copy).ravel())[0, 1]
        assert correlation > 0.99


def test_wrong_labels_lie_in_the_other_folder(scenes: Path, known: Flaws):
    """Wrong labels are planted far from dusk, so brightness tells which class they really show."""
    assert len(known.wrong_labels) >= 2
    brightness: dict[str, list[float]] = {"day": [], "night": []}
    for path in set(_images(scenes)) - set(known.broken) - set(known.wrong_labels):
        brightness[path.split("/")[0]].append(float(_grey(scenes / path).mean()))
    middle = (np.median(brightness["day"]) + np.median(brightness["night"])) / 2
    for path, shown in known.wrong_labels.items():
        assert path.split("/")[0] != shown
        assert (_grey(scenes / path).mean() > middle) == (shown == "day")


def test_classes_can_not_be_told_by_brightness_alone(scenes: Path, known: Flaws):
    good = sorted(set(_images(scenes)) - set(known.broken))
    values = np.array([_grey(scenes / path).mean() for path in good])
    is_day = np.array([path.startswith("day") for path in good])
    best = max(float(((values > threshold) == is_day).mean()) for threshold in range(256))
    assert 0.8 < best < 0.97


@pytest.mark.parametrize("kind", BROKEN_KINDS)
def test_broken_files_are_broken_as_listed(scenes: Path, known: Flaws, kind: str):
    path = next(path for path, listed in known.broken.items() if listed == kind)
    data = (scenes / path).read_bytes()
    if kind == "animated GIF":
        with Image.open(io.BytesIO(data)) as image:
            assert image.n_frames == 2
    elif kind == "image of one pixel":
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.size == (1, 1)
    elif kind == "PNG with a bad checksum":  # Pillow draws such a file without a word
        Image.open(io.BytesIO(data)).load()
        with pytest.raises(SyntaxError, match="checksum"):
            Image.open(io.BytesIO(data)).verify()
    else:
        with pytest.raises(OSError, match=r"truncated|identify"):
            Image.open(io.BytesIO(data)).load()
    start = {
        "truncated JPEG": b"\xff\xd8",
        "truncated PNG": b"\x89PNG",
        "zip archive named .png": b"PK",
    }
    assert data.startswith(start.get(kind, b""))
    assert (not data) == (kind == "empty file")


def test_broken_files_with_and_without_a_row(scenes: Path, known: Flaws):
    assert len(known.broken) == len(BROKEN_KINDS)
    named = {row["path"] for row in _rows(scenes)}
    assert set(known.broken) - named == set(known.broken_without_row)
    assert len(known.broken_without_row) == 6


def test_about_names_every_flaw(scenes: Path, known: Flaws):
    text = (scenes / "ABOUT.md").read_text(encoding="utf-8")
    assert f"`{known.blurred_camera}` is out of focus" in text
    for original, copy in known.near_duplicates:
        assert f"| {original} | {copy} |" in text
    for path, label in known.wrong_labels.items():
        assert f"| {path} | {label} |" in text
    for path, kind in known.broken.items():
        assert f"| {path} | {kind} | {'no' if path in known.broken_without_row else 'yes'} |" in text
    for label in ("day", "night"):
        assert f"| {label} | {sum(path.startswith(label) for path in _images(scenes))} |" in text


def test_the_standard_set_has_the_planned_flaws():
    known = flaws()
    assert (len(known.near_duplicates), len(known.wrong_labels), len(known.broken)) == (15, 8, 12)
    touched = [path for pair in known.near_duplicates for path in pair]
    touched += [*known.wrong_labels, *known.broken]
    assert len(set(touched)) == len(touched)
    assert known.blurred_camera not in {_camera(path) for path in touched}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(UserError, match="not an empty folder"):
        render(folder, IMAGES)
    assert _hashes(tmp_path) == {"scenes/mine.txt": hashlib.sha256(b"keep").hexdigest()}


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()])
def test_a_failure_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    done: list[int] = []

    def fail(*_: object) -> bytes:
        done.append(1)
        if len(done) > 3:
            raise error
        return b"x"

    monkeypatch.setattr(example_data, "_encode", fail)
    with pytest.raises(type(error)):
        render(tmp_path / "scenes", IMAGES, SEED)
    assert list(tmp_path.iterdir()) == []


def test_too_few_images_and_a_bad_place_are_said(tmp_path: Path):
    with pytest.raises(UserError, match="100 or more"):
        render(tmp_path / "scenes", 10)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="can't write"):
        render(tmp_path / "file" / "scenes", IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
