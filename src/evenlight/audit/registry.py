"""Checks found by name.

A check is a module of `evenlight.audit.checks`: the first line of its docstring is the title that the report shows,
`Options` (settings) holds all its thresholds, and `check(data, options)` returns a `Result`. To add one: write the
module, name it in params.yaml. params.yaml's own models import every check, so heavy imports (pandas, scipy, sklearn)
belong inside functions.
"""

from types import ModuleType

import evenlight.audit.checks
from evenlight.plugins import load_module, module_names

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
    names = module_names(evenlight.audit.checks)
    return [name for name in _ORDER if name in names] + [name for name in names if name not in _ORDER]


def check_module(name: str) -> ModuleType:
    """The module of a check.

    Raises:
        UserError: there is none of that name.
    """
    return load_module(evenlight.audit.checks, name, "audit check")


def check_title(name: str) -> str:
    """What the report calls a check: the first line of its docstring, without the full stop."""
    return (check_module(name).__doc__ or name).strip().splitlines()[0].rstrip(".")
