"""Modules found by name in a package: to add a feature family or an audit check is to add a file."""

import importlib
import pkgutil
from types import ModuleType

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
