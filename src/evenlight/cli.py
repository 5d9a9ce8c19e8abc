"""`evenlight <stage>`: one thin sub-command per stage. Arguments only; stages live in `evenlight.stages`.

Every sub-command imports what it needs when it runs, so that a feature job never pays for torch.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from evenlight import runtime
from evenlight.errors import UserError
from evenlight.outline import is_network

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A folder of labelled images in; fair, explained and reproducible classifiers out. The stages below are run"
    " by `snakemake --cores 8` and can be used by hand.",
)

_WORKFLOW, _TOOLS = "Stages of the workflow", "Tools"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise typer.BadParameter(f"not JSON: {problem}") from None


Json = Annotated[Any, typer.Option(parser=_json, metavar="JSON")]
PathOption = Annotated[Path, typer.Option()]
_INTERVALS = '{"confidence": 0.95, "bootstrap": 2000}'
Cores = Annotated[int, typer.Option(min=1, max=256)]


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
def subtract_background(framed: Path, *, manifest: PathOption, settings: Json, target: PathOption) -> None:
    """Fill what never changes in front of each fixed camera (region method `background`)."""
    from evenlight.stages import subtract_background as stage

    stage.subtract_background(framed, manifest, settings, target)


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
def features(
    name: Annotated[str, typer.Argument(help="such as hog")] = "",
    images: Path | None = None,
    shard: Path | None = None,
    color: str = "rgb",
    options: Json = "{}",
    learned: Path | None = None,
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

    stage.extract(name, images, shard, color, options, table, learned)


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
def ablate(
    *,
    manifest: PathOption,
    classes: PathOption,
    features: PathOption,
    families: Json,
    settings: Json = "{}",
    evaluate: Json = _INTERVALS,
    folder: PathOption,
) -> None:
    """Find out which feature families pay, by cross-validation among the training images."""
    from evenlight.stages import ablate as stage

    stage.ablate(manifest, classes, features, families, settings, evaluate, folder)


@app.command(rich_help_panel=_WORKFLOW)
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
    search: Json = '{"folds": 5, "factor": 3, "minimum": 2000}',
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


@app.command(rich_help_panel=_WORKFLOW)
def predict(
    model: Path, *, manifest: PathOption, features: PathOption, images: PathOption, table: PathOption
) -> None:
    """Score every usable image of every split with one model."""
    from evenlight.stages import predict as stage

    stage.predict(model, manifest, features, images, table)


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
def importance(
    model: Path,
    *,
    manifest: PathOption,
    features: PathOption,
    settings: Json = "{}",
    evaluate: Json = _INTERVALS,
    target: PathOption,
) -> None:
    """Measure what a classical model loses when a feature family is shuffled among the test images."""
    from evenlight.stages import importance as stage

    stage.importance(model, manifest, features, settings, evaluate, target)


@app.command(rich_help_panel=_WORKFLOW)
def plot_boundary(
    model: Path, *, manifest: PathOption, features: PathOption, entries: Json, picture: PathOption
) -> None:
    """Draw the decision regions of a classical model on one or two columns."""
    from evenlight.stages import plot_boundary as stage

    stage.plot_boundary(model, manifest, features, entries, picture)


@app.command(rich_help_panel=_WORKFLOW)
def plot_history(history: Path, picture: Path) -> None:
    """Draw the learning curves of a network."""
    from evenlight.stages import plot_history as stage

    stage.plot_history(history, picture)


@app.command(rich_help_panel=_WORKFLOW)
def summarize(folder: Path, *, models: PathOption, name: Annotated[list[str], typer.Option()]) -> None:
    """Gather all models' numbers into one file, and rank them."""
    from evenlight.stages import evaluate as stage

    stage.summarize(folder, {model: models / model for model in name}, folder)


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_WORKFLOW)
def report(
    dataset: str,
    *,
    params: Json,
    version: Json,
    manifest_folder: PathOption,
    images: PathOption,
    results: PathOption,
    page: PathOption,
) -> None:
    """Write the page that people open."""
    from evenlight.stages import report as stage

    stage.report(dataset, params, version, manifest_folder, images, results, page)


@app.command(rich_help_panel=_WORKFLOW)
def publish(results: Path, *, manifest: PathOption, params: Json, folder: PathOption) -> None:
    """Copy the small summaries to reports/, where people, git and DVC read them."""
    from evenlight.stages import publish as stage

    stage.publish(results, manifest, params, folder)


@app.command(rich_help_panel=_WORKFLOW)
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


@app.command(rich_help_panel=_TOOLS)
def get(
    name: str,
    root: Path = Path(),
    url: Annotated[str | None, typer.Option(help="another repository that holds the same files")] = None,
) -> None:
    """Download a known public data set into data/raw/ and verify it."""
    from evenlight import download

    download.get(name, root, url)


@app.command(rich_help_panel=_TOOLS)
def example_data(
    folder: Annotated[Path, typer.Argument()] = Path("data/raw/scenes"),
    images: Annotated[int, typer.Option(min=50)] = 1200,
    seed: int = 0,
    cores: Cores = 1,
) -> None:
    """Render the example street scenes, with their known flaws (ABOUT.md)."""
    from evenlight.stages import example_data as stage

    stage.render(folder, images, seed, cores)


@app.command(rich_help_panel=_TOOLS)
def ui(root: Path = Path(), port: int = 5000) -> None:
    """Open MLflow on this machine and print where the leaderboard is."""
    from evenlight import params
    from evenlight.ui import serve

    settings = params.check(root / "params.yaml")
    serve(root, settings["tracking"]["uri"], port, settings["dataset"])


@app.command(rich_help_panel=_TOOLS)
def check(file: Path = Path("params.yaml")) -> None:
    """Check params.yaml and say everything that is wrong at once."""
    from evenlight import params

    params.check(file)
    typer.echo(f"{file}: fine")


@app.command(rich_help_panel=_TOOLS)
def schema() -> None:
    """Print the JSON schema of params.yaml, for editors."""
    from evenlight import params

    typer.echo(params.json_schema(), nl=False)


def _stop(sentence: str) -> None:
    print(f"evenlight: {sentence}", file=sys.stderr)
    sys.exit(1)


def main() -> None:
    """Run a sub-command; a user's mistake is one sentence on standard error and exit status 1."""
    runtime.fix_environment()
    try:
        app()
    except UserError as problem:
        _stop(str(problem))
    except ValidationError as problem:
        _stop("; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in problem.errors()))
    except KeyboardInterrupt:
        print("evenlight: stopped", file=sys.stderr)
        sys.exit(130)
