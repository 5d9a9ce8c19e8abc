"""params.yaml as text: parsed YAML with the line of every key."""

from pathlib import Path
from typing import Any

import yaml

from evenlight.errors import UserError

_MAX_BYTES, _MAX_VALUES = 2**20, 10_000

Lines = dict[tuple[str, ...], int]


class ParamsError(UserError):
    """params.yaml or a `--config` value is wrong; the message lists every problem with its line."""


def parse(file: Path) -> tuple[dict[str, Any], Lines]:
    """Content and the line of every key path."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise ParamsError(f"{file}: can't be read ({problem.strerror})") from None
    except UnicodeDecodeError:
        raise ParamsError(f"{file}: not UTF-8; save it as UTF-8") from None
    if len(text) > _MAX_BYTES:
        raise ParamsError(f"{file}: larger than 1 MiB; settings belong here, data does not")
    lines: Lines = {}
    duplicates: list[str] = []
    try:
        # before values are made of it, because aliases of aliases can mean billions of them
        _walk(yaml.compose(text, Loader=yaml.SafeLoader), (), lines, duplicates)
        content = yaml.safe_load(text)
    except ParamsError as problem:
        raise ParamsError(f"{file}: {problem}") from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ParamsError(f"{file}: {position}{problem.problem}") from None
    except RecursionError:
        raise ParamsError(f"{file}: nested too deeply, or an alias that holds itself") from None
    except Exception as problem:  # PyYAML lets errors of any type through, for month 13 or `!!bool x`
        raise ParamsError(f"{file}: not valid YAML ({' '.join(str(problem).split())})") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{file}: must hold `key: value` lines")
    if duplicates:
        raise ParamsError(f"{file}: {'; '.join(duplicates)}; keep one")
    return content, lines


def _walk(node: Any, path: tuple[str, ...], lines: Lines, duplicates: list[str]) -> None:
    if len(lines) > _MAX_VALUES:
        raise ParamsError("more than 10,000 values, aliases counted; settings belong here, data does not")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                duplicates.append(f"line {key.start_mark.line + 1}: a second {'.'.join(here)!r}")
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, duplicates)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*path, str(number))] = value.start_mark.line + 1
            _walk(value, (*path, str(number)), lines, duplicates)
