"""Fixtures that several test modules share."""

import os
from collections.abc import Callable
from pathlib import Path

from evenlight.runtime import fix_environment

# before numpy: small matrix products on several threads cost many times as much where cores are busy
fix_environment()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# the same examples in every run, and no folder of remembered ones
settings.register_profile("evenlight", derandomize=True, database=None, deadline=None)
settings.load_profile("evenlight")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of shared test data by name, from EVENLIGHT_TEST_DATA, else ../shared/data; skips where it is missing."""
    folder = Path(os.environ.get("EVENLIGHT_TEST_DATA", REPOSITORY.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(
                f"no {path}; set EVENLIGHT_TEST_DATA to the folder of the shared data to run this test"
            )
        return path

    return find


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """RGB uint8 (24, 40, 3): smooth, colourful, and different in every corner, so that turning it shows."""
    rows, columns = np.mgrid[0:24, 0:40]
    channels = [rows * 10, columns * 6, (rows * 3 + columns * 4) % 200]
    return np.stack(channels, axis=2).astype(np.uint8)


@pytest.fixture(scope="session")
def png(photo: np.ndarray) -> bytes:
    """The photo as a PNG."""
    return cv2.imencode(".png", photo[:, :, ::-1])[1].tobytes()


@pytest.fixture(scope="session")
def jpeg(photo: np.ndarray) -> bytes:
    """The photo as a JPEG of good quality."""
    return cv2.imencode(".jpg", photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
