"""Stage `explain-network`: a trained network -> what it looks at, with checks of how far to trust that.

Everything in one job per network, because starting torch costs as much as most of it. What the files hold is written
down in `report/explain_view.py`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evenlight.models.artifacts import load_description
from evenlight.progress import say


def explain_network(
    model: Path,
    manifest: Path,
    images: Path,
    settings: Mapping[str, Any],
    evaluate: Mapping[str, Any],
    folder: Path,
) -> None:
    """Write overview, heat maps, layers, neighbours and, where asked for, dreams and a style.

    Args:
        model: folder of the network, with predictions.parquet.
        manifest: manifest.parquet.
        images: folder of the standardized arrays.
        settings: `explain` of params.yaml.
        evaluate: `confidence` and `bootstrap` of the intervals.
        folder: results/<dataset>/<model>/explanations.

    Raises:
        UserError: a setting does not fit the network or the data.
    """
    from evenlight.models.inference import prepare_torch
    from evenlight.models.network_artifacts import load_network
    from evenlight.stages.explain_dreams import check_drawings, dream, style
    from evenlight.stages.explain_heat_maps import check_layer, heat_maps
    from evenlight.stages.explain_layers import layers, overview
    from evenlight.stages.explain_neighbours import neighbours
    from evenlight.stages.explain_subject import make_subject

    description = load_description(model)
    prepare_torch(description["seed"])
    subject = make_subject(
        model, description, load_network(model), manifest, images, settings, evaluate, folder
    )
    check_layer(subject)
    check_drawings(subject)
    parts = {
        "layers": overview,
        "heat maps and their checks": heat_maps,
        "filters, maps and patches": layers,
        "neighbours": neighbours,
    }
    if subject.settings.dream:
        parts["dreams"] = dream
    if subject.settings.style:
        parts["style"] = style
    for what, part in parts.items():
        say(f"  {what}")
        part(subject)
