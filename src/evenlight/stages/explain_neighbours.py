"""Part of stage `explain-network`: the nearest training images, by pixels and by what the network makes of them."""

import numpy as np

from evenlight.dataset import MappedImages, kept_together
from evenlight.explain.inside_pictures import Neighbours, neighbours_picture
from evenlight.explain.neighbours import directions, nearest, precision, precision_estimates
from evenlight.models.inference import run_network
from evenlight.sampling import sample
from evenlight.stages.explain_subject import Subject
from evenlight.standardize import to_rgb
from evenlight.storage import write_bytes, write_json

_QUERIES = 2000  # images whose neighbours are looked up


def neighbours(subject: Subject) -> None:
    """The nearest training images by pixels and by features, and how often they are of the right class."""

    rows, count = subject.rows, subject.settings.neighbours
    train = np.flatnonzero(rows["split"] == "train")
    pool = np.setdiff1d(subject.asked, subject.shown)
    more = pool[sample(len(pool), _QUERIES - len(subject.shown), subject.seed("neighbours"))]
    asked = np.concatenate([subject.shown, more])  # the shown ones first
    known, queries = (MappedImages(rows.iloc[places], subject.images) for places in (train, asked))
    spaces = {"pixels": nearest(queries, known, count)}
    features = [directions(run_network(subject.network, images)[1]) for images in (queries, known)]
    spaces["features"] = nearest(features[0], features[1], count)
    codes = rows["label_index"].to_numpy()
    shares = {name: precision(codes[train][near], codes[asked]) for name, near in spaces.items()}
    keys = kept_together(rows.iloc[asked])
    estimates = precision_estimates(
        shares["pixels"], shares["features"], keys, subject.bootstrap, subject.seed("neighbours")
    )
    frequencies = np.bincount(codes[train], minlength=len(subject.description["classes"])) / len(train)
    facts = {
        "k": spaces["pixels"].shape[1],
        "n": len(asked),
        "metric": "angle between feature vectors (cosine)",
        "baseline": float(frequencies[codes[asked]].mean()),
        "pixel": {"precision": estimates["pixels"]},
        "features": {"precision": estimates["features"]},
        "gain": estimates["gain"],
    }
    write_json(subject.folder / "neighbours.json", facts)
    labels = rows["label"].to_numpy()

    def pictures(near: np.ndarray) -> list[tuple[np.ndarray, str]]:
        return list(zip(to_rgb(known[near], subject.color), labels[train][near], strict=True))

    shown = [
        Neighbours(image, label, caption, pictures(by_pixels), pictures(by_features))
        for image, label, caption, by_pixels, by_features in zip(
            subject.pictures(subject.shown),
            labels[subject.shown],
            subject.captions(subject.shown),
            spaces["pixels"],
            spaces["features"],
            strict=False,
        )
    ]
    title = f"{subject.name}: nearest training images"
    write_bytes(subject.folder / "neighbours.png", neighbours_picture(shown, title, ""))
