"""Sub-commands from raw files to features. Arguments only; stages live in `evenlight.stages`."""

from pathlib import Path
from typing import Annotated

import typer

from evenlight.cli_app import INTERVALS, WORKFLOW, Json, PathOption, app
from evenlight.errors import UserError


@app.command(rich_help_panel=WORKFLOW)
def scan(
    *,
    folder: PathOption,
    shard: str = "0000",
    shards: int = 1,
    region: Json = '{"method": "none"}',
    standardize: Json = "{}",
    table: PathOption,
    array: PathOption,
) -> None:
    """Read, check, hash and standardize the files of one shard of a raw folder."""
    from evenlight.stages import scan as stage

    stage.scan(folder, shard, shards, region, standardize, table, array)


@app.command(rich_help_panel=WORKFLOW)
def gather(
    shard: list[Path],
    *,
    folder: PathOption,
    settings: Json,
    junk: int = 0,
    record: PathOption,
    images: PathOption,
    page: PathOption,
    target: PathOption,
) -> None:
    """Join scanned shards and metadata.csv into the manifest: labels, copies, splits, groups, counts."""
    from evenlight.stages import gather as stage

    stage.gather(shard, folder, settings, junk, record, images, page, target)


@app.command(rich_help_panel=WORKFLOW)
def subtract_background(framed: Path, *, manifest: PathOption, settings: Json, target: PathOption) -> None:
    """Fill what never changes in front of each fixed camera (region method `background`)."""
    from evenlight.stages import subtract_background as stage

    stage.subtract_background(framed, manifest, settings, target)


@app.command(rich_help_panel=WORKFLOW)
def region_sheet(
    *,
    folder: PathOption,
    manifest: PathOption,
    images: PathOption,
    framed: Path = Path(),
    settings: Json,
    picture: PathOption,
) -> None:
    """Draw some images before and after the area of interest was cut out."""
    from evenlight.stages import region_sheet as stage

    stage.region_sheet(folder, manifest, images, framed, settings, picture)


@app.command(rich_help_panel=WORKFLOW)
def audit(
    dataset: str,
    *,
    manifest_folder: PathOption,
    images: PathOption,
    features: PathOption,
    settings: Json,
    folder: PathOption,
) -> None:
    """Look for flaws of the data before anything is trained on it: findings and their evidence."""
    from evenlight.stages import audit as stage

    stage.audit(dataset, manifest_folder, images, features, settings, folder)


@app.command(rich_help_panel=WORKFLOW)
def features(
    name: Annotated[str, typer.Argument(help="such as hog")] = "",
    images: Path | None = None,
    shard: Path | None = None,
    color: str = "rgb",
    options: Json = "{}",
    learned: Path | None = None,
    model: Annotated[
        Path | None, typer.Option(help="folder of a network, for features that are read from one")
    ] = None,
    table: Path | None = None,
    list_all: Annotated[
        bool, typer.Option("--list", help="print all families with options and columns")
    ] = False,
) -> None:
    """Compute one feature family over one shard, or list all families."""
    if list_all:
        from evenlight.stages.list_features import describe_families

        typer.echo(describe_families())
        return
    if images is None or shard is None or table is None:
        raise UserError(
            "features needs --images, --shard and --table; `evenlight features --list` needs nothing"
        )
    from evenlight.stages import features as stage

    stage.extract(name, images, shard, color, options, table, learned, model)


@app.command(rich_help_panel=WORKFLOW)
def learn_feature(
    name: str,
    *,
    manifest: PathOption,
    images: PathOption,
    color: str = "rgb",
    options: Json = "{}",
    seed: int = 0,
    target: PathOption,
) -> None:
    """Learn what a feature family needs, such as a vocabulary, from training images."""
    from evenlight.stages import features as stage

    stage.learn(name, manifest, images, color, options, seed, target)


@app.command(rich_help_panel=WORKFLOW)
def summarize_features(
    *,
    manifest: PathOption,
    classes: PathOption,
    features: PathOption,
    entries: Json,
    settings: Json = "{}",
    folder: PathOption,
) -> None:
    """Sum up the feature tables: what is missing, which columns tell the classes apart."""
    from evenlight.stages import summarize_features as stage

    stage.summarize_features(manifest, classes, features, entries, settings, folder)


@app.command(rich_help_panel=WORKFLOW)
def ablate(
    *,
    manifest: PathOption,
    classes: PathOption,
    features: PathOption,
    families: Json,
    settings: Json = "{}",
    evaluate: Json = INTERVALS,
    folder: PathOption,
) -> None:
    """Find out which feature families pay, by cross-validation among the training images."""
    from evenlight.stages import ablate as stage

    stage.ablate(manifest, classes, features, families, settings, evaluate, folder)
