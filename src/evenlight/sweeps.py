"""Sweeps: one entry under `models:` that stands for several.

`forest: {kind: random_forest, sweep: {features: [[hog], [hog, thumb]], seed: [0, 1, 2]}}` stands for six models, every
combination of the values, named after them: `forest-features-hog-seed-0` and so on.
"""

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

Sweep = dict[str, dict[str, Any]]  # member -> the values that set it apart
Problem = tuple[tuple[str, ...], str]

_MOST = 200  # members of one sweep
_LONGEST = 80  # characters of a name before it is cut


def expand(models: Any) -> tuple[Any, dict[str, Sweep], list[Problem]]:
    """Replace every entry with a `sweep` by its members.

    Args:
        models: what stands under `models:`, of whatever shape; entries without a sweep are left alone.

    Returns:
        The models, the sweeps by the name of their entry, and what is wrong: key path and sentence.
    """
    if not isinstance(models, Mapping):
        return models, {}, []
    expanded: dict[Any, Any] = {}
    sweeps: dict[str, Sweep] = {}
    problems: list[Problem] = []
    for name, options in models.items():
        if not (isinstance(options, Mapping) and "sweep" in options):
            expanded[name] = options
            continue
        wrong = _unfit(options["sweep"])
        members = {} if wrong else _members(str(name), options["sweep"])
        if not wrong and len(members) < _combinations(options["sweep"]):
            wrong = "two members would have the same name; values must differ in letters and digits"
        taken = sorted(set(members) & (set(map(str, models)) | set(expanded)))
        if not wrong and taken:
            wrong = f"makes a model {taken[0]!r}, and there is one of that name"
        rest = {key: value for key, value in options.items() if key != "sweep"}
        if wrong:
            problems.append((("models", str(name), "sweep"), wrong))
            expanded[name] = rest
            continue
        sweeps[str(name)] = members
        expanded |= {member: {**rest, **values} for member, values in members.items()}
    return expanded, sweeps, problems


def _unfit(sweep: Any) -> str:
    """What is wrong with a sweep; empty when nothing is."""
    if not isinstance(sweep, Mapping) or not sweep:
        return "must hold lines such as `seed: [0, 1, 2]`"
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            return f"{key} must be a list of values, such as [0, 1, 2]"
        if key == "kind":
            return "kinds can't be swept; write one entry for each"
    if _combinations(sweep) > _MOST:
        return f"stands for {_combinations(sweep):,} models; at most {_MOST} are allowed"
    return ""


def _combinations(sweep: Mapping[Any, Sequence[Any]]) -> int:
    count = 1
    for values in sweep.values():
        count *= len(values)
    return count


def _members(name: str, sweep: Mapping[Any, Sequence[Any]]) -> Sweep:
    keys = [str(key) for key in sweep]
    members = {}
    for values in itertools.product(*sweep.values()):
        parts = [f"{key}-{_slug(value)}" for key, value in zip(keys, values, strict=True)]
        members[_short("-".join([name, *parts]))] = dict(zip(keys, values, strict=True))
    return members


def _slug(value: Any) -> str:
    """A value as part of a file name: letters, digits, `_` and `-`."""
    if isinstance(value, list):
        return "-".join(_slug(item) for item in value) or "none"
    return re.sub(r"[^A-Za-z0-9]+", "_", "none" if value is None else str(value)) or "_"


def _short(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
