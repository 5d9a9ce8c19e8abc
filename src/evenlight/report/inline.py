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


@dataclass(frozen=True)
class Tile:
    """One image of a gallery; `picture` is a data URI, empty where there is nothing to see."""

    path: str
    picture: str
    label: str = ""
    split: str = ""


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
    """Thumbnails of images of the manifest, as long as there is room.

    Args:
        table: manifest rows with `path`, `shard`, `row`, `label` and `split`, and with `glimpse` (WebP bytes of
            a refused file, else empty) where refused files are to be shown.
        standardized: folder of the arrays `<shard>.npy`.
        color: colour space of the arrays.
        room: what all thumbnails of one object may take.
    """

    def __init__(self, table: "pd.DataFrame", standardized: Path, color: str, room: Room) -> None:
        columns = ["shard", "row", "label", "split"]
        values = table[columns].itertuples(index=False, name=None)
        self._rows = dict(zip(table["path"], values, strict=True))
        glimpses = zip(table["path"], table["glimpse"], strict=True) if "glimpse" in table else ()
        self._glimpses = {path: data for path, data in glimpses if data}
        self._standardized = standardized
        self._color = color
        self._room = room

    def wrong(self, rows: Sequence[dict[str, str]], classes: Sequence[str]) -> list[Wrong]:
        """Rows of misclassified.csv with their thumbnails, up to the first that has no room.

        Raises:
            UserError: a row names an image that the manifest does not.
        """
        shown = []
        for row in rows:
            path = _without_apostrophe(row["path"], self._rows)
            if path not in self._rows:
                raise UserError(
                    f"misclassified.csv names {path!r}, which the manifest does not; run `evaluate` again"
                )
            tile = self.tile(path)
            if tile is None:
                break
            true, predicted = (
                _without_apostrophe(row[key], classes) for key in ("true_label", "predicted_label")
            )
            score = float(row["score"]) if row["score"] else None
            shown.append(Wrong(path, true, predicted, score, tile.picture))
        return shown

    def tile(self, path: str) -> Tile | None:
        """The image at `path` with what the manifest says of it; None when there is no room for its picture."""
        shard, row, label, split = self._rows.get(path, ("", -1, "", ""))
        if row >= 0:
            uri = self._uri(storage.read_array(self._standardized / f"{shard}.npy")[row])
        else:
            uri = _webp_uri(self._glimpses.get(path, b""))
        if uri and not self._room.take(uri):
            return None
        return Tile(path, uri, label, split)

    def _uri(self, image: "np.ndarray") -> str:
        from PIL import Image

        if self._color != "rgb":
            from evenlight.standardize import to_rgb

            image = to_rgb(image[None], self._color)[0]
        picture = Image.fromarray(image)
        picture.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        return _webp(picture, quality=78)


def chart_uri(path: Path, photos: bool = False) -> str:
    """A picture as a data URI, empty when it does not exist.

    WebP without loss takes half the room of PNG for charts; a sheet of `photos` needs it with loss.
    """
    from PIL import Image

    if not path.exists():
        return ""
    with Image.open(path) as picture:
        options = {"quality": 82} if photos else {"lossless": True}
        return _webp(picture.convert("RGB"), **options)


def picture_uri(image: "np.ndarray") -> str:
    """An RGB uint8 image (H, W, 3) as a data URI, without loss."""
    from PIL import Image

    return _webp(Image.fromarray(image), lossless=True)


def bytes_uri(png: bytes) -> str:
    """A PNG as a data URI; empty for none."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" if png else ""


def _webp(picture: Any, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", method=4, **options)
    return _webp_uri(buffer.getvalue())


def _webp_uri(data: bytes) -> str:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return ""
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def _without_apostrophe(text: str, known: Any) -> str:
    """Undo what `storage.write_csv` does to text that looks like a formula."""
    return text[1:] if text not in known and text[1:] in known else text
