"""Area of interest on real pictures with known answers (techniques.md, section 6)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from evenlight.regions import Region, apply
from evenlight.regions.contour import contours
from evenlight.regions.face import faces
from evenlight.regions.kmeans import clusters
from evenlight.standardize import resize

Pictures = Callable[[str], np.ndarray]


def region(**options: Any) -> Any:
    return TypeAdapter(Region).validate_python(options)


@pytest.fixture(scope="module")
def course(shared_data: Callable[[str], Path]) -> Pictures:
    """RGB pixels of a picture of the course, by name."""

    def read(name: str) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(shared_data(f"course_images/{name}"))), cv2.COLOR_BGR2RGB)

    return read


def test_gray_of_a_photo(course: Pictures) -> None:
    """K17."""
    photo = course("waymo_car.jpg")
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert photo.shape == (427, 640, 3)
    assert (int(gray[300, 400]), int(gray.min()), int(gray.max())) == (159, 2, 255)
    assert gray.mean() == pytest.approx(131.2286, abs=0.001)


@pytest.mark.parametrize(
    ("name", "space", "low", "high", "pixels"),
    [
        ("pizza_bluescreen.jpg", "rgb", [0, 0, 200], [250, 250, 255], 337_616),
        ("water_balloons.jpg", "rgb", [180, 0, 100], [255, 255, 230], 157_303),
        ("water_balloons.jpg", "hsv", [160, 0, 0], [180, 255, 255], 179_130),
    ],
)
def test_colour_masks(
    course: Pictures, name: str, space: str, low: list[int], high: list[int], pixels: int
) -> None:
    """K18."""
    photo = course(name)
    cut = apply(photo, region(method="color_mask", space=space, low=low, high=high))
    assert round(cut.mask_fraction * photo.shape[0] * photo.shape[1]) == pixels


@pytest.mark.parametrize(
    ("name", "space", "share"),
    [
        ("car_green_screen.jpg", "rgb", 0.864),
        ("car_green_screen.jpg", "hsv", 0.868),
        ("car_green_screen2.jpg", "rgb", 0.394),
        ("car_green_screen2.jpg", "hsv", 0.864),
    ],
)
def test_green_screens(course: Pictures, name: str, space: str, share: float) -> None:
    """Uneven light: HSV survives it, RGB does not; HSV limits applied to RGB pixels would give .458."""
    limits = {"rgb": ([0, 180, 0], [100, 255, 100]), "hsv": ([45, 50, 50], [75, 255, 255])}
    low, high = limits[space]
    cut = apply(course(name), region(method="color_mask", space=space, low=low, high=high))
    assert cut.mask_fraction == pytest.approx(share, abs=0.001)


def test_the_car_without_its_screen(course: Pictures) -> None:
    options = region(
        method="color_mask", low=[45, 50, 50], high=[75, 255, 255], keep="outside", opening=5, crop=True
    )
    cut = apply(course("car_green_screen2.jpg"), options)
    top, left, bottom, right = cut.box
    assert 150 < top < 220
    assert 270 < bottom < 350
    assert 60 < left < 120
    assert 520 < right < 600


# faces: K21

FACES = [(146, 458), (383, 414), (510, 158), (588, 390), (683, 149), (771, 405), (917, 102), (996, 526)]
FACES += [(1148, 131), (1157, 391), (1295, 94), (1345, 411), (1565, 339)]  # x, y


def test_thirteen_faces(course: Pictures) -> None:
    photo = course("multi_faces.jpg")
    found = faces(photo, region(method="face", scale=4, neighbours=6, minimum=0))
    assert len(found) == 13
    positions = np.array(sorted((left, top) for top, left, _, _ in found))
    # where boxes begin depends on the cascade's float sums by a pixel or two
    assert np.abs(positions - sorted(FACES)).max() <= 3
    assert all(bottom - top == right - left == 96 for top, left, bottom, right in found)
    assert len(faces(photo, region(method="face", scale=1.1, neighbours=3, minimum=0))) > 13, "false ones too"


def test_one_face_and_none(course: Pictures) -> None:
    portrait = course("face.jpeg")
    cut = apply(portrait, region(method="face", margin=0))
    assert cut.found
    assert cut.pixels.shape[0] == cut.pixels.shape[1] > 250
    wider = apply(portrait, region(method="face", margin=0.2)).box
    assert wider[0] == max(0, cut.box[0] - round(0.2 * cut.pixels.shape[0]))
    assert not apply(course("cat.jpeg"), region(method="face")).found


def test_largest_and_central_face(course: Pictures) -> None:
    photo = course("multi_faces.jpg")
    options = {"method": "face", "scale": 4, "neighbours": 6, "minimum": 0, "margin": 0}
    height, width = photo.shape[:2]
    boxes = faces(photo, region(**options))
    central = apply(photo, region(**options, which="central")).box
    distances = [np.hypot((b[0] + b[2] - height) / 2, (b[1] + b[3] - width) / 2) for b in boxes]
    assert central == boxes[int(np.argmin(distances))]
    below = np.zeros((600, width, 3), np.uint8)
    below[:, 400:1000] = resize(photo[70:220, 1270:1420], 600, 600)
    both = np.concatenate([photo, below])
    assert apply(both, region(method="face", scale=1.3, margin=0)).box[0] > height


# contours: K22


def test_two_thumbs(course: Pictures) -> None:
    photo = course("thumbs_up_down.jpg")
    options = region(method="contour", threshold=225, inverted=True, margin=0)
    found = contours(photo, options)
    assert [cv2.boundingRect(outline) for outline in found] == [(258, 92, 251, 187), (0, 60, 206, 157)]
    assert [cv2.contourArea(outline) for outline in found] == [18_140.0, 15_366.5]
    assert apply(photo, options).box == (92, 258, 279, 509)


# k-means: K23


def test_monarch(course: Pictures) -> None:
    photo = resize(course("monarch.jpg"), 250, 376)
    labels = clusters(photo, 3)
    shares = np.bincount(labels.ravel()) / labels.size
    np.testing.assert_allclose(shares, [0.499, 0.321, 0.180], atol=0.01)
    centers = [photo[labels == cluster].mean(axis=0) for cluster in range(3)]
    np.testing.assert_allclose(centers, [(21, 25, 14), (62, 75, 38), (201, 149, 77)], atol=2)


# the claim of techniques.md 3.3


def test_the_sky_tells_day_from_night(shared_data: Callable[[str], Path]) -> None:
    """Mean brightness of the top third, threshold from training: no test image wrong; whole image: 12 wrong."""
    folder = shared_data("day_night/test")
    files = sorted(folder.glob("*/*.jpg"))
    assert len(files) == 160
    top_third = region(method="crop", box=[0, 0, 0.3333, 1])
    wrong = {"top third": 0, "whole": 0}
    for file in files:
        photo = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        day = file.parent.name == "day"
        wrong["top third"] += (apply(photo, top_third).pixels.max(axis=2).mean() > 104.9) != day
        wrong["whole"] += (photo.max(axis=2).mean() > 103.2) != day
    assert wrong == {"top third": 0, "whole": 12}
