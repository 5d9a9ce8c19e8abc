"""`evenlight <stage>`: one thin sub-command per stage, and tools.

Every sub-command imports what it needs when it runs, so that a feature job never pays for torch.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from evenlight import cli_data, cli_models, runtime
from evenlight.cli_app import TOOLS, app
from evenlight.errors import UserError

__all__ = ["app", "cli_data", "cli_models", "main"]  # the stages register themselves

Cores = Annotated[int, typer.Option(min=1, max=256)]


@app.command(rich_help_panel=TOOLS)
def get(
    name: str,
    root: Path = Path(),
    url: Annotated[str | None, typer.Option(help="another repository that holds the same files")] = None,
) -> None:
    """Download a known public data set into data/raw/ and verify it."""
    from evenlight import download

    download.get(name, root, url)


@app.command(rich_help_panel=TOOLS)
def example_data(
    folder: Annotated[Path, typer.Argument()] = Path("data/raw/scenes"),
    images: Annotated[int, typer.Option(min=50)] = 1200,
    seed: int = 0,
    cores: Cores = 1,
) -> None:
    """Render the example street scenes, with their known flaws (ABOUT.md)."""
    from evenlight.stages import example_data as stage

    stage.render(folder, images, seed, cores)


@app.command(rich_help_panel=TOOLS)
def explain(
    image: Path,
    *,
    model: Annotated[str, typer.Option(help="a key of `models:` that was trained")],
    dataset: Annotated[
        str | None, typer.Option(help="that it was trained on; by default that of params.yaml")
    ] = None,
    root: Path = Path(),
    page: Annotated[Path | None, typer.Option(help="by default <image>_<model>.html in this folder")] = None,
) -> None:
    """Write a page about one picture: what a model says of it, where it looked, what it finds alike."""
    from evenlight.stages import explain_image as stage

    typer.echo(stage.explain_image(image, model, dataset, root, page))


@app.command(rich_help_panel=TOOLS)
def ui(root: Path = Path(), port: int = 5000) -> None:
    """Open MLflow on this machine and print where the leaderboard is."""
    from evenlight import params
    from evenlight.ui import serve

    settings = params.check(root / "params.yaml")
    serve(root, settings["tracking"]["uri"], port, settings["dataset"])


@app.command(rich_help_panel=TOOLS)
def check(file: Path = Path("params.yaml")) -> None:
    """Check params.yaml and say everything that is wrong at once."""
    from evenlight import params

    params.check(file)
    typer.echo(f"{file}: fine")


@app.command(rich_help_panel=TOOLS)
def schema() -> None:
    """Print the JSON schema of params.yaml, for editors."""
    from evenlight import params

    typer.echo(params.json_schema(), nl=False)


def _stop(sentence: str) -> None:
    from evenlight.report.charts import visible_text

    # names of files may hold what commands a terminal; a sentence over several lines stays so
    shown = "\n".join(visible_text(line) for line in sentence.split("\n"))
    print(f"evenlight: {shown}", file=sys.stderr)
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
