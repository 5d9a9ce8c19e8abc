"""`evenlight features --list`: every family with its options and columns."""

import textwrap
from fnmatch import fnmatchcase
from types import ModuleType

from evenlight.columns import Column
from evenlight.feature_table import family, family_names

_SHAPE = (64, 64, 3)
_WIDTH = 100


def describe_families() -> str:
    """Text for people: what a family is, its options with defaults, and the columns it makes at 64 x 64."""
    return "\n\n".join(_describe(name, family(name)) for name in family_names())


def _describe(name: str, module: ModuleType) -> str:
    options = module.Options()
    columns = module.column_names(options, _SHAPE)
    lines = [f"{name}: {(module.__doc__ or '').splitlines()[0]}"]
    for key, field in module.Options.model_fields.items():
        lines += _wrapped(f"option {key} = {getattr(options, key)}: {field.description}", "  ")
    if not columns:  # only the network knows
        lines.append("  as many columns as the network's last layer sees:")
        return "\n".join(lines + _wrapped(_sentence(module.COLUMNS[0], [f"{name}_0000, ..."]), "  - "))
    lines.append(f"  {len(columns)} columns at 64 x 64:")
    for entry in module.COLUMNS:
        found = [column for column in columns if fnmatchcase(column, entry.pattern)]
        if found:  # some columns exist only with other options
            lines += _wrapped(_sentence(entry, found), "  - ")
    return "\n".join(lines)


def _sentence(entry: Column, columns: list[str]) -> str:
    """Names, meaning, unit and range of the columns of one entry."""
    shown = ", ".join(columns) if len(columns) <= 12 else f"{columns[0]}, ... {columns[-1]} ({len(columns)})"
    return f"{shown}: {entry.meaning}; {entry.unit}, {entry.low:g} to {entry.high:g}"


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=" " * (len(start) + 2), break_on_hyphens=False
    )
