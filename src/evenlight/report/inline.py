"""Pictures inside the page: thumbnails and charts as data URIs, in a fixed room: the page stays small."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenlight import storage
from evenlight.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_THUMBNAIL_SIDE = 96


@dataclass(frozen=True)
class Wrong:
    """One misclassified test image; `thumbnail` is a data URI, `score` in [0, 1]."""

    path: str
    true_label: str
    predicted_label: str
    score: float | None
    thumbnail: str


class Room:
    """Room for data URIs; what doesn't fit is left out."""

    def __init__(self, characters: int) -> None:
        self.left = characters

    def take(self, uri: str) -> str:
        if len(uri) > self.left:
            return ""
        self.left -= len(uri)
        return uri


class Thumbnails:
    """Thumbnails of standardized images, as long as there is room."""

    def __init__(self, table: "pd.DataFrame", standardized: Path, color: str, room: Room) -> None:
        used = table[table["row"] >= 0]
        self.places = dict(zip(used["path"], zip(used["shard"], used["row"], strict=True), strict=True))
        self.standardized = standardized
        self.color = color
        self.room = room

    def gallery(self, rows: list[dict[str, str]], classes: Sequence[str]) -> list[Wrong]:
        """Rows of misclassified.csv with their thumbnails, up to the first that has no room."""
        shown = []
        for row in rows:
            path = _without_apostrophe(row["path"], self.places)
            if path not in self.places:
                raise UserError(
                    f"misclassified.csv names {path!r}, which the manifest does not; run `evaluate` again"
                )
            shard, index = self.places[path]
            uri = self.room.take(self._uri(storage.read_array(self.standardized / f"{shard}.npy")[index]))
            if not uri:
                break
            true, predicted = (
                _without_apostrophe(row[key], classes) for key in ("true_label", "predicted_label")
            )
            shown.append(Wrong(path, true, predicted, float(row["score"]) if row["score"] else None, uri))
        return shown

    def _uri(self, image: "np.ndarray") -> str:
        from PIL import Image

        if self.color != "rgb":
            from evenlight.standardize import to_rgb

            image = to_rgb(image[None], self.color)[0]
        picture = Image.fromarray(image)
        picture.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        return _webp(picture, quality=78)


def chart_uri(path: Path) -> str:
    """A chart as a data URI, empty when it does not exist; WebP without loss takes half the room of PNG."""
    from PIL import Image

    if not path.exists():
        return ""
    with Image.open(path) as picture:
        return _webp(picture.convert("RGB"), lossless=True)


def _webp(picture: Any, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", method=4, **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _without_apostrophe(text: str, known: Any) -> str:
    """Undo what `storage.write_csv` does to text that looks like a formula."""
    return text[1:] if text not in known and text[1:] in known else text
