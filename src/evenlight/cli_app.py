"""The command line's application and the types of options; sub-commands: cli.py, cli_data.py, cli_models.py."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A folder of labelled images in; fair, explained and reproducible classifiers out. The stages below are run"
    " by `snakemake --cores 8` and can be used by hand.",
)

WORKFLOW, TOOLS = "Stages of the workflow", "Tools"
INTERVALS = '{"confidence": 0.95, "bootstrap": 2000}'


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise typer.BadParameter(f"not JSON: {problem}") from None


Json = Annotated[Any, typer.Option(parser=_json, metavar="JSON")]
PathOption = Annotated[Path, typer.Option()]
