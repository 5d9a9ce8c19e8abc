"""Part of stage `explain-network`: the nearest training images, by pixels and by what the network makes of them."""

from collections.abc import Mapping

import numpy as np

from evenlight.dataset import MappedImages, kept_together
from evenlight.explain.inside_pictures import Neighbours, neighbours_picture
from evenlight.explain.neighbours import directions, nearest, precision, precision_estimates
from evenlight.models.inference import run_network
from evenlight.sampling import sample
from evenlight.stages.explain_subject import Subject
from evenlight.storage import write_bytes, write_json

_QUERIES = 2000  # images whose neighbours are looked up


def neighbours(subject: Subject) -> None:
    """The nearest training images by pixels and by features, and how often they are of the right class."""
    rows = subject.rows
    train = np.flatnonzero(rows["split"] == "train")
    pool = np.setdiff1d(subject.asked, subject.shown)
    more = pool[sample(len(pool), _QUERIES - len(subject.shown), subject.seed("neighbours"))]
    asked = np.concatenate([subject.shown, more])  # the shown ones first
    # the misclassified ones are looked up for their picture only: among those asked they would count too often
    looked_up = _nearest(subject, np.concatenate([asked, subject.wrong]), train)
    near, near_wrong = (
        {name: places[part] for name, places in looked_up.items()}
        for part in (slice(len(asked)), slice(len(asked), None))
    )
    codes = rows["label_index"].to_numpy()
    shares = {name: precision(codes[train][places], codes[asked]) for name, places in near.items()}
    keys = kept_together(rows.iloc[asked])
    estimates = precision_estimates(
        shares["pixels"], shares["features"], keys, subject.bootstrap, subject.seed("neighbours")
    )
    frequencies = np.bincount(codes[train], minlength=len(subject.description["classes"])) / len(train)
    facts = {
        "k": near["pixels"].shape[1],
        "n": len(asked),
        "metric": "angle between feature vectors (cosine)",
        "baseline": float(frequencies[codes[asked]].mean()),
        "pixel": {"precision": estimates["pixels"]},
        "features": {"precision": estimates["features"]},
        "gain": estimates["gain"],
        "wrong_shown": subject.facts_of(subject.wrong),
    }
    write_json(subject.folder / "neighbours.json", facts)
    title = f"{subject.name}: nearest training images"
    write_bytes(subject.folder / "neighbours.png", _picture(subject, subject.shown, near, train, title))
    if len(subject.wrong):
        title = f"{subject.name}: training images nearest to mistakes"
        picture = _picture(subject, subject.wrong, near_wrong, train, title)
        write_bytes(subject.folder / "neighbours_wrong.png", picture)


def _nearest(subject: Subject, asked: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """The nearest images of `train`, as places there, by `pixels` and by `features`: int64 (Q, k) each."""
    queries, known = (MappedImages(subject.rows.iloc[places], subject.images) for places in (asked, train))
    features, known_features = (
        directions(run_network(subject.network, images)[1]) for images in (queries, known)
    )
    count = subject.settings.neighbours
    return {
        "pixels": nearest(queries, known, count),
        "features": nearest(features, known_features, count),
    }


def _picture(
    subject: Subject, places: np.ndarray, near: Mapping[str, np.ndarray], train: np.ndarray, title: str
) -> bytes:
    """The sheet of some images, whose neighbours come first in `near`."""
    labels = subject.rows["label"].to_numpy()

    def pictures(found: np.ndarray) -> list[tuple[np.ndarray, str]]:
        return list(zip(subject.pictures(train[found]), labels[train][found], strict=True))

    shown = [
        Neighbours(image, label, caption, pictures(by_pixels), pictures(by_features))
        for image, label, caption, by_pixels, by_features in zip(
            subject.pictures(places),
            labels[places],
            subject.captions(places),
            near["pixels"],
            near["features"],
            strict=False,
        )
    ]
    return neighbours_picture(shown, title, "")
