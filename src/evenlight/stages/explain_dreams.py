"""Part of stage `explain-network`: pictures that the network draws."""

from pathlib import Path

import numpy as np

from evenlight.errors import UserError, did_you_mean
from evenlight.explain.dream import LAST_MAPS, activations, class_pictures, deep_dream
from evenlight.explain.dream_pictures import class_sheet, dream_sheet, style_sheet
from evenlight.explain.style import transfer
from evenlight.models.inference import to_tensor
from evenlight.stages.explain_subject import Subject
from evenlight.storage import write_bytes, write_json

_DRAWN = 60  # classes that are drawn; more are too many to look at


def check_drawings(subject: Subject) -> None:
    """Look up the layers and images that `explain.dream` and `explain.style` name, before any work is done.

    Raises:
        UserError: there is no such layer or image.
    """
    dreamt, styled = subject.settings.dream, subject.settings.style
    named = {"dream.layer": dreamt.layer} if dreamt else {}
    if styled:
        for key, path in (("content", styled.content), ("style", styled.style)):
            _place(subject, key, path)
        named["style.content_layer"] = styled.content_layer
        named |= {f"style.style_layers.{number}": name for number, name in enumerate(styled.style_layers)}
    image = to_tensor(subject.pixels(subject.asked[:1]))
    for key, layer in named.items():
        try:
            activations(subject.network, image, [layer or LAST_MAPS])
        except UserError as error:
            raise UserError(f"params.yaml: explain.{key}: {error}") from error


def dream(subject: Subject) -> None:
    """The picture that each class likes best, and dreams of the shown images."""
    settings = subject.settings.dream
    assert settings is not None
    classes = subject.description["classes"]
    codes = np.arange(min(len(classes), _DRAWN))
    drawn = class_pictures(
        subject.network, codes, subject.input_shape, settings, subject.color, subject.seed("dream")
    )
    write_bytes(subject.folder / "classes.png", class_sheet(classes[: len(codes)], drawn, subject.color))
    starts = subject.pixels(subject.shown)
    dreams = deep_dream(subject.network, starts, settings.layer, settings, subject.color)
    labels = [row["true_label"] for row in subject.facts_of(subject.shown)]
    write_bytes(subject.folder / "dream.png", dream_sheet(labels, starts, dreams, subject.color))
    facts = {
        "classes": [
            {"name": name, "probability": probability}
            for name, probability in zip(classes, drawn.probabilities.tolist(), strict=False)
        ],
        "layer": settings.layer or LAST_MAPS,
        "steps": settings.steps,
        "norms": {"before": dreams.norms[0].tolist(), "after": dreams.norms[-1].tolist()},
    }
    write_json(subject.folder / "dream.json", facts)


def style(subject: Subject) -> None:
    """One image of the data set in the style of another."""
    settings = subject.settings.style
    assert settings is not None
    content, other = (
        subject.pixels(np.array([_place(subject, key, path)]))[0]
        for key, path in (("content", settings.content), ("style", settings.style))
    )
    styled = transfer(subject.network, content, other, settings, subject.color)
    captions = Path(settings.content).name, Path(settings.style).name
    write_bytes(subject.folder / "style.png", style_sheet(captions, content, other, styled, subject.color))
    facts = {"content": settings.content, "style": settings.style}
    losses = {"content_lost": float(styled.content[-1]), "style_missing": float(styled.style[-1])}
    write_json(subject.folder / "style.json", facts | losses)


def _place(subject: Subject, key: str, path: str) -> int:
    paths = subject.rows["path"].tolist()
    if path not in paths:
        raise UserError(
            f"params.yaml: explain.style.{key}: the data set has no usable image {path!r}{did_you_mean(path, paths)}"
        )
    return paths.index(path)
