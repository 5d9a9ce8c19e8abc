"""Modules found by name in a package: to add a feature family or an audit check is to add a file."""

import ast
import contextlib
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from evenlight.errors import UserError, did_you_mean


def module_names(package: ModuleType) -> list[str]:
    """Names of a package's modules, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load_module(package: ModuleType, name: str, kind: str) -> ModuleType:
    """One of a package's modules.

    Args:
        package: such as `evenlight.features`.
        name: of the module.
        kind: what to call it, such as "feature family".

    Raises:
        UserError: there is none of that name.
    """
    names = module_names(package)
    if name not in names:
        raise UserError(f"there is no {kind} {name!r}{did_you_mean(name, names)}")
    return importlib.import_module(f"{package.__name__}.{name}")


@cache
def constants(package: ModuleType, name: str) -> dict[str, Any]:
    """Literals that one of a package's modules gives names to, read without importing what it imports, such as torch.

    Args:
        package: such as `evenlight.models.networks`.
        name: of the module, which is there.
    """
    found = {}
    text = Path(package.__path__[0], f"{name}.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):  # computed, so no literal
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found
