"""Checks found by name.

A check is a module of `evenlight.audit.checks`: the first line of its docstring is the title that the report shows,
`Options` (settings) holds all its thresholds, and `check(data, options)` returns a `Result`. To add one: write the
module, name it in params.yaml. params.yaml's own models import every check, so heavy imports (pandas, scipy, sklearn)
belong inside functions.
"""

import importlib
import pkgutil
from types import ModuleType

import evenlight.audit.checks
from evenlight.errors import UserError, did_you_mean

# the order of the report; checks that are not named here come last, by name
_ORDER = (
    "files",
    "class_balance",
    "group_balance",
    "association",
    "intersections",
    "quality",
    "duplicates",
    "leakage",
    "labels",
    "outliers",
    "drift",
    "shortcuts",
    "baselines",
    "split_check",
)


def check_names() -> list[str]:
    """Names of all checks, in the order of the report."""
    names = sorted(module.name for module in pkgutil.iter_modules(evenlight.audit.checks.__path__))
    return [name for name in _ORDER if name in names] + [name for name in names if name not in _ORDER]


def check_module(name: str) -> ModuleType:
    """The module of a check.

    Raises:
        UserError: there is none of that name.
    """
    if name not in check_names():
        raise UserError(f"there is no audit check {name!r}{did_you_mean(name, check_names())}")
    return importlib.import_module(f"evenlight.audit.checks.{name}")


def check_title(name: str) -> str:
    """What the report calls a check: the first line of its docstring, without the full stop."""
    return (check_module(name).__doc__ or name).strip().splitlines()[0].rstrip(".")
