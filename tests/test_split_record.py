"""The record of splits: what was drawn is found again by content or by path, other settings draw anew."""

from pathlib import Path

import pytest

from evenlight.errors import UserError
from evenlight.split_record import SplitRecord, read_record, write_record

SETTINGS = {"train": 0.7, "seed": 0}
RECORD = SplitRecord({"a/1.jpg": ("test", "11"), "b/ü = 2.jpg": ("train", "22")})


def test_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "splits" / "pets.json"
    assert read_record(file, SETTINGS) == SplitRecord({})
    write_record(file, SETTINGS, RECORD)
    assert read_record(file, SETTINGS) == RECORD
    assert file.read_text(encoding="utf-8").count("\n") < 14  # a line per image, fit for git
    # other settings draw anew, and coming back finds the old draw
    other = SETTINGS | {"seed": 1}
    assert read_record(file, other) == SplitRecord({})
    write_record(file, other, SplitRecord({"a/1.jpg": ("train", "11")}))
    assert read_record(file, SETTINGS) == RECORD
    assert read_record(file, other).images["a/1.jpg"] == ("train", "11")


def test_found_by_content_then_by_path() -> None:
    known = RECORD.known(["elsewhere.jpg", "a/1.jpg", "new.jpg"], ["22", "edited", "33"])
    assert known.tolist() == ["train", "test", ""]
    # a given split may hold copies on both sides: each keeps its own
    copies = SplitRecord({"a.jpg": ("train", "11"), "b.jpg": ("validation", "11")})
    assert copies.known(["a.jpg", "b.jpg"], ["11", "11"]).tolist() == ["train", "validation"]


def test_removed_images_stay_recorded() -> None:
    extended = RECORD.extended(["a/1.jpg", "c.jpg"], ["99", "33"], ["test", "validation"])
    assert extended.images == RECORD.images | {"a/1.jpg": ("test", "99"), "c.jpg": ("validation", "33")}


@pytest.mark.parametrize(
    "content", ["", "{}", "[{}]", "[3]", '[{"drawn_with": {"train": 0.7, "seed": 0}, "images": {"a": "x"}}]']
)
def test_a_damaged_record_is_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pets.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"pets\.json"):
        read_record(file, SETTINGS)
