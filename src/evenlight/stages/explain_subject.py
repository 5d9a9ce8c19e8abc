"""What the parts of stage `explain-network` work on: a trained network and the images that it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import load_images, read_predictions, usable_rows
from evenlight.evaluation.resampling import Bootstrap
from evenlight.explain.settings import Explain
from evenlight.runtime import seed_for
from evenlight.sampling import stratified_sample
from evenlight.splits import SPLITS
from evenlight.standardize import to_rgb

if TYPE_CHECKING:
    import pandas as pd

    from evenlight.models.cnn import Network


@dataclass(frozen=True)
class Subject:
    """A network and the images that it is shown.

    `rows` are the usable ones of the manifest with `predicted_label`, `code` (of that) and `score`; `shown` places of
    the images drawn at random, `wrong` of misclassified ones, most confident first, and `asked` of all images of that
    split. `folder` is where results go.
    """

    network: "Network"
    description: Mapping[str, Any]
    settings: Explain
    bootstrap: Bootstrap
    rows: "pd.DataFrame"
    asked: np.ndarray
    shown: np.ndarray
    wrong: np.ndarray
    images: Path
    folder: Path

    @property
    def name(self) -> str:
        return str(self.description["name"])

    @property
    def color(self) -> str:
        return str(self.description["standardize"]["color"])

    @property
    def input_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.description["input_shape"]
        return height, width, channels

    def seed(self, part: str) -> int:
        """For one part of the work, so that parts don't hang on each other."""
        return seed_for(self.settings.seed, self.name, part)

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Standardized images uint8 (N, H, W, C)."""
        return load_images(self.rows.iloc[places], self.images)

    def pictures(self, places: np.ndarray) -> np.ndarray:
        """The same as people see them: RGB uint8 (N, H, W, 3)."""
        return to_rgb(self.pixels(places), self.color)

    def facts_of(self, places: np.ndarray) -> list[dict[str, str]]:
        """Path, true and predicted label of images."""
        rows = self.rows.iloc[places]
        columns = {
            "path": rows["path"],
            "true_label": rows["label"],
            "predicted_label": rows["predicted_label"],
        }
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def captions(self, places: np.ndarray) -> list[str]:
        """Two lines each: what an image is, and what the network says."""
        return [
            f"true: {row['true_label']}\npredicted: {row['predicted_label']}" for row in self.facts_of(places)
        ]


def make_subject(
    model: Path,
    description: Mapping[str, Any],
    network: "Network",
    manifest: Path,
    images: Path,
    settings: Mapping[str, Any],
    evaluate: Mapping[str, Any],
    folder: Path,
) -> Subject:
    """Choose the images: of the test split, else of the last one that has any.

    Raises:
        UserError: the predictions are not those of the manifest's images.
    """
    options = Explain(**settings)
    rows = usable_rows(manifest)
    predictions = read_predictions(model, rows)
    scores = predictions[[f"score_{name}" for name in description["classes"]]].to_numpy()
    rows = rows.assign(
        predicted_label=predictions["predicted_label"], code=scores.argmax(axis=1), score=scores.max(axis=1)
    )
    # without test images, those that come nearest to them
    split = [name for name in SPLITS if (rows["split"] == name).any()][-1]
    asked = np.flatnonzero(rows["split"] == split)
    missed = asked[(rows["label"] != rows["predicted_label"]).to_numpy()[asked]]
    missed = missed[np.argsort(-rows["score"].to_numpy()[missed], kind="stable")]
    codes = rows["label_index"].to_numpy()[asked]
    shown = asked[stratified_sample(codes, options.images, seed_for(options.seed, "shown"))]
    return Subject(
        network,
        description,
        options,
        Bootstrap.of(evaluate),
        rows,
        asked,
        shown,
        missed[: options.misclassified],
        images,
        folder,
    )
