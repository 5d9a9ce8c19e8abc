"""Part of stage `explain-network`: heat maps of shown and of misclassified images, and their checks."""

from typing import Any

import numpy as np

from evenlight.evaluation.resampling import FEWEST_KEYS
from evenlight.explain.attribution import METHODS, attribute
from evenlight.explain.attribution_checks import (
    BASELINES,
    Images,
    baseline_maps,
    deletion_and_insertion,
    finding,
    randomization,
    removal_areas,
)
from evenlight.explain.heat_maps import attribution_sheet
from evenlight.models.inference import to_tensor
from evenlight.sampling import sample
from evenlight.stages.explain_subject import Subject
from evenlight.storage import write_bytes, write_json


def check_layer(subject: Subject) -> None:
    """Draw one Grad-CAM map, before any work is done.

    Raises:
        UserError: `explain.layer` names no module that gives maps.
    """
    if subject.settings.layer is not None:
        one = _heat_map_images(subject, subject.asked[:1])
        attribute(subject.network, one.pixels, one.targets, "grad_cam", subject.settings)


def heat_maps(subject: Subject) -> None:
    """Heat maps of the shown and of misclassified images; their checks on a sample of images that are right."""
    settings, seed = subject.settings, subject.seed("attributions")
    places = _to_check(subject)
    checked = _heat_map_images(subject, places)
    maps = {
        name: attribute(subject.network, checked.pixels, checked.targets, name, settings)
        for name in settings.methods
    }
    pictures = subject.pictures(places)
    baselines = baseline_maps(pictures, seed)
    areas = removal_areas(subject.network, checked, maps | baselines, settings.steps, seed)
    scores = deletion_and_insertion(areas, checked.keys, subject.bootstrap, seed)
    methods = []
    for name in settings.methods:
        found = randomization(subject.network, checked, name, settings, subject.bootstrap, seed)
        finds = finding(areas, name, checked.keys, subject.bootstrap, seed)
        methods.append(
            {
                "name": name,
                "title": METHODS[name].title,
                "meaning": METHODS[name].caption,
                "sanity": METHODS[name].sanity,
                **scores[name],
                "randomization": [
                    {"layer": layer, "correlation": estimate["value"]}
                    for layer, estimate in zip(found.layers, found.correlations, strict=True)
                ],
                "passes": {"passes": True, "fails": False}.get(found.verdict),
                "sentence": found.sentence,
                "finds": finds.verdict,
                "finds_sentence": finds.sentence,
            }
        )
    facts = {
        "n": len(checked.targets),
        "methods": methods,
        "baselines": [{"name": title, **scores[name]} for name, title in BASELINES.items()],
        "rows_chosen": subject.facts_of(subject.shown),
        "rows_wrong": subject.facts_of(subject.wrong),
    }
    write_json(subject.folder / "attributions.json", facts)
    write_bytes(subject.folder / "attributions_chosen.png", _heat_maps(subject, subject.shown, methods))
    if len(subject.wrong):
        write_bytes(subject.folder / "attributions_wrong.png", _heat_maps(subject, subject.wrong, methods))


def _to_check(subject: Subject) -> np.ndarray:
    """Images that the network is right on, since of the others it is not clear what a map should show."""
    right = (subject.rows["label"] == subject.rows["predicted_label"]).to_numpy()
    known = subject.asked[right[subject.asked]]
    pool = known if len(known) >= FEWEST_KEYS else subject.asked
    return pool[sample(len(pool), subject.settings.checked, subject.seed("checked"))]


def _heat_map_images(subject: Subject, places: np.ndarray) -> Images:
    rows = subject.rows.iloc[places]
    # near-duplicates count once; sources would be too few to judge by, and the question is about this network only
    return Images(
        to_tensor(subject.pixels(places)), rows["code"].to_numpy().copy(), rows["component"].to_numpy()
    )


def _heat_maps(subject: Subject, places: np.ndarray, methods: list[dict[str, Any]]) -> bytes:
    """The sheet of these images; what is explained is the predicted class."""
    images = _heat_map_images(subject, places)
    pictures = subject.pictures(places)
    maps = {
        name: attribute(subject.network, images.pixels, images.targets, name, subject.settings)
        for name in subject.settings.methods
    }
    return attribution_sheet(
        pictures,
        maps,
        baseline_maps(pictures, subject.seed("baselines")),
        subject.captions(places),
        {method["name"]: heading(method["passes"], method["finds"]) for method in methods},
        "What speaks for the predicted class (heads: depends on weights or ignores them, finds pixels that count)",
    )


def heading(passes: bool | None, finds: str) -> str:
    """Both verdicts of a method in one line of a narrow column; the page says what the words mean."""
    words = {True: "depends", False: "ignores", None: "not judged"}
    return words[passes] + (", finds" if finds == "better" else "")
