"""model.json, which every model has: what it is, what it sees, how it was made. No time, address or path."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evenlight.errors import UserError
from evenlight.outline import is_network
from evenlight.storage import read_json

DESCRIPTION_FILE = "model.json"

# what model.json must hold for the stages that read it
_FACTS = {"name", "kind", "options", "classes", "standardize", "columns", "families"}
_FACTS |= {"input_shape", "seed", "fit", "data_hash"}

_VERSIONS = {False: ("numpy", "scikit-learn", "skops"), True: ("numpy", "torch", "safetensors")}


def describe(name: str, options: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Content of model.json (docs/output.md), with the versions of the packages that made the model."""
    versions = {package: version(package) for package in _VERSIONS[is_network(options["kind"])]}
    return {"name": name, "kind": options["kind"], "options": dict(options), "versions": versions, **facts}


def load_description(folder: Path) -> dict[str, Any]:
    """Read model.json.

    Raises:
        UserError: missing, damaged, or not the description of a model.
    """
    file = folder / DESCRIPTION_FILE
    description = read_json(file)
    if not (isinstance(description, dict) and description.keys() >= _FACTS):
        raise UserError(
            f"{file}: not the description of a model; delete it and run `snakemake --cores 8` again"
        )
    return description
