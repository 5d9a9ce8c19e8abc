"""Stage `explain-page`: what was found inside a network -> the page about it."""

from pathlib import Path

from evenlight.models.artifacts import load_description
from evenlight.report.explain_page import write_explain_page


def explain_page(
    dataset: str,
    model: Path,
    manifest: Path,
    images: Path,
    embedding: Path | None,
    dream: bool,
    style: bool,
    results: Path,
    page: Path,
) -> None:
    """Write explanations.html.

    Args:
        dataset: its name.
        model: folder of the network, with model.json and checks.json.
        manifest: manifest.parquet.
        images: folder of the standardized arrays, for the maps.
        embedding: embeddings/<model>.json, None without `embed:`.
        dream, style: whether the settings ask for them.
        results: results/<dataset>/<model>, with explanations/ and history.png.
        page: file to write.
    """
    write_explain_page(
        dataset=dataset,
        folder=results / "explanations",
        description=load_description(model),
        checks=model / "checks.json",
        history=results / "history.png",
        embedding=embedding,
        manifest=manifest,
        standardized=images,
        dream=dream,
        style=style,
        page=page,
    )
