"""Sub-commands from features to reports. Arguments only; stages live in `evenlight.stages`."""

from pathlib import Path
from typing import Annotated

import typer

from evenlight.cli_app import INTERVALS, WORKFLOW, Json, PathOption, app
from evenlight.outline import is_network


@app.command(rich_help_panel=WORKFLOW)
def train(
    name: str,
    *,
    options: Json,
    families: Json = "[]",
    region: Json = '{"method": "none"}',
    standardize: Json,
    seed: int = 0,
    manifest: PathOption,
    classes: PathOption,
    features: Path = Path(),
    images: Path = Path(),
    search: Json = "{}",
    folder: PathOption,
) -> None:
    """Train one model: a classical one on feature tables, a network on standardized images."""
    if is_network(options.get("kind", "")):
        from evenlight.stages import train_network as network_stage

        network_stage.train(name, options, region, standardize, seed, manifest, classes, images, folder)
    else:
        from evenlight.stages import train as stage

        stage.train(
            name,
            options,
            families,
            region,
            standardize,
            seed,
            manifest,
            classes,
            features,
            folder,
            search,
        )


@app.command(rich_help_panel=WORKFLOW)
def check_training(model: Path, *, manifest: PathOption, images: PathOption, target: PathOption) -> None:
    """Tell whether a network has learned, by heart or in general, and how sure it is."""
    from evenlight.stages import check_training as stage

    stage.check_training(model, manifest, images, target)


@app.command(rich_help_panel=WORKFLOW)
def predict(
    model: Path, *, manifest: PathOption, features: PathOption, images: PathOption, table: PathOption
) -> None:
    """Score every usable image of every split with one model."""
    from evenlight.stages import predict as stage

    stage.predict(model, manifest, features, images, table)


@app.command(rich_help_panel=WORKFLOW)
def evaluate(
    model: Path,
    *,
    manifest: PathOption,
    images: PathOption,
    source: Json = "null",
    settings: Json,
    folder: PathOption,
) -> None:
    """Numbers with intervals, confusion, misclassified images; by split, class and group."""
    from evenlight.stages import evaluate as stage

    stage.evaluate(model, manifest, images, source, settings, folder)


@app.command(rich_help_panel=WORKFLOW)
def importance(
    model: Path,
    *,
    manifest: PathOption,
    features: PathOption,
    settings: Json = "{}",
    evaluate: Json = INTERVALS,
    target: PathOption,
) -> None:
    """Measure what a classical model loses when a feature family is shuffled among the test images."""
    from evenlight.stages import importance as stage

    stage.importance(model, manifest, features, settings, evaluate, target)


@app.command(rich_help_panel=WORKFLOW)
def plot_boundary(
    model: Path, *, manifest: PathOption, features: PathOption, entries: Json, picture: PathOption
) -> None:
    """Draw the decision regions of a classical model on one or two columns."""
    from evenlight.stages import plot_boundary as stage

    stage.plot_boundary(model, manifest, features, entries, picture)


@app.command(rich_help_panel=WORKFLOW)
def plot_history(history: Path, picture: Path) -> None:
    """Draw the learning curves of a network."""
    from evenlight.stages import plot_history as stage

    stage.plot_history(history, picture)


@app.command(rich_help_panel=WORKFLOW)
def summarize(folder: Path, *, models: PathOption, name: Annotated[list[str], typer.Option()]) -> None:
    """Gather all models' numbers into one file, and rank them."""
    from evenlight.stages import evaluate as stage

    stage.summarize(folder, {model: models / model for model in name}, folder)


@app.command(rich_help_panel=WORKFLOW)
def compare(
    dataset: str,
    *,
    models: PathOption,
    name: Annotated[list[str], typer.Option()],
    manifest: PathOption,
    source: Json = "null",
    best: PathOption,
    sweeps: Json = "{}",
    confidence: float = 0.95,
    benchmarks: Path = Path("logs/benchmarks"),
    results: PathOption,
) -> None:
    """Test which models differ on the same test images, and put what they cost beside it."""
    from evenlight.stages import compare as stage

    folders = {model: models / model for model in name}
    stage.compare(dataset, folders, manifest, source, best, sweeps, confidence, benchmarks, results)


@app.command(rich_help_panel=WORKFLOW)
def embed(
    *,
    manifest: PathOption,
    classes: PathOption,
    settings: Json,
    folder: PathOption,
    features: Path = Path(),
    families: Json = "[]",
    images: Path = Path(),
    model: Annotated[
        Path | None, typer.Option(help="a network; without it the feature table is shown")
    ] = None,
) -> None:
    """Draw PCA and t-SNE pictures of a feature table or of a network's last layer."""
    from evenlight.stages import embed as stage

    if model is None:
        stage.embed_features(manifest, classes, features, families, settings, folder)
    else:
        stage.embed_network(manifest, classes, images, model, settings, folder)


@app.command(rich_help_panel=WORKFLOW)
def explain_network(
    model: Path,
    *,
    manifest: PathOption,
    images: PathOption,
    settings: Json,
    evaluate: Json = INTERVALS,
    folder: PathOption,
) -> None:
    """Look inside a network: heat maps with their checks, filters, maps, patches, neighbours, dreams."""
    from evenlight.stages import explain_network as stage

    stage.explain_network(model, manifest, images, settings, evaluate, folder)


@app.command(rich_help_panel=WORKFLOW)
def explain_page(
    dataset: str,
    *,
    model: PathOption,
    manifest: PathOption,
    images: PathOption,
    embedding: Path | None = None,
    dream: bool = False,
    style: bool = False,
    results: PathOption,
    page: PathOption,
) -> None:
    """Write the page about one network."""
    from evenlight.stages import explain_page as stage

    stage.explain_page(dataset, model, manifest, images, embedding, dream, style, results, page)


@app.command(rich_help_panel=WORKFLOW)
def compare_fair(
    models: Annotated[list[Path], typer.Argument(help="the fair network, and the one to compare it with")],
    *,
    manifest: PathOption,
    images: PathOption,
    evaluate: Json = INTERVALS,
    seed: int = 0,
    target: PathOption,
) -> None:
    """Put a network whose training makes up for unequal groups beside the same without."""
    from evenlight.stages import compare_fair as stage

    model, *before = models
    stage.compare_fair(model, before[0] if before else None, manifest, images, evaluate, seed, target)


@app.command(rich_help_panel=WORKFLOW)
def report(
    dataset: str,
    *,
    params: Json,
    version: Json,
    manifest_folder: PathOption,
    images: PathOption,
    models: PathOption,
    results: PathOption,
    page: PathOption,
) -> None:
    """Write the page that people open."""
    from evenlight.stages import report as stage

    stage.report(dataset, params, version, manifest_folder, images, models, results, page)


@app.command(rich_help_panel=WORKFLOW)
def publish(results: Path, *, manifest: PathOption, params: Json, folder: PathOption) -> None:
    """Copy the small summaries to reports/, where people, git and DVC read them."""
    from evenlight.stages import publish as stage

    stage.publish(results, manifest, params, folder)


@app.command(rich_help_panel=WORKFLOW)
def track(
    dataset: str,
    *,
    params: Json,
    failed_attempts: int = 0,
    root: Path = Path(),
    record: PathOption,
) -> None:
    """Log the results to MLflow: one parent run, one child per model, no duplicates."""
    from evenlight.stages import track as stage

    stage.track(dataset, params, failed_attempts, root, record)
