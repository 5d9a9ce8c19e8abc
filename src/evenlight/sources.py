"""The source files that a module's behaviour depends on: its import closure inside this package.

Rules name them as the input `code=`, so that editing a module reruns the stages that import it, and nothing else.
"""

import ast
import os
from functools import cache
from pathlib import Path

_PACKAGE = "evenlight"
_ROOT = Path(__file__).resolve().parent


def sources(*modules: str) -> list[str]:
    """Files of these modules and of every evenlight module that they import, directly or not.

    Imports inside functions count. A package's `__init__.py` counts for its modules, because Python runs it.

    Args:
        modules: dotted names such as `evenlight.features.hog`.

    Returns:
        Paths relative to the working directory, sorted.

    Raises:
        ModuleNotFoundError: no such module.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        file = _file(name)
        if file is None:
            raise ModuleNotFoundError(f"no module {name!r} in {_ROOT}")
        found[name] = file
        waiting += [parent for parent in _parents(name) if parent not in found]
        waiting += [imported for imported in _imports(name) if imported not in found]
    return sorted(os.path.relpath(file) for file in found.values())


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _file(name: str) -> Path | None:
    base = _ROOT.joinpath(*name.split(".")[1:])
    for file in (base.with_suffix(".py") if base != _ROOT else base / "__init__.py", base / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Modules of this package that a module imports."""
    file = _file(name)
    assert file is not None
    # names in a package's __init__ are relative to the package itself
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            found.append(base)
            # `from package import x` may name a module
            found += [f"{base}.{alias.name}" for alias in node.names]
    inside = (module for module in found if module.split(".")[0] == _PACKAGE)
    return tuple(sorted({module for module in inside if _file(module) is not None}))
