"""Sentences for what is wrong in params.yaml: the line, the key and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from evenlight.errors import did_you_mean

_TAG_KEYS = ("kind", "method", "step")  # which options a union holds


@dataclass(frozen=True)
class Places:
    """Where settings stand: in the file, with a line, or on the command line."""

    content: Any
    merged: Any
    lines: Mapping[tuple[str, ...], int]

    def problem(self, path: Sequence[Any], words: str) -> tuple[int, str]:
        """Line (0 for `--config`) and sentence; a value that is not the file's own came with `--config`."""
        path = tuple(str(part) for part in path)
        words = f"{'.'.join(path)}: {words}"
        ours, given = _at(self.content, path), _at(self.merged, path)
        if ours is not given and ours != given:
            return 0, f"--config: {words}"
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path, 1)
        return line, f"line {line}: {words}"


def problem_of(model: type[BaseModel], item: Any, where: Places) -> tuple[int, str]:
    """Line and sentence for one pydantic error."""
    kind, location, given = item["type"], item["loc"], _short(item["input"])
    path = _key_path(location, where.merged)
    if kind == "extra_forbidden":
        words = f"unknown key{did_you_mean(str(path[-1]), _fields(model, location[:-1]))}"
    elif kind == "missing":
        return where.problem((*path, location[-1]), "missing; add it")
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        key = item["ctx"]["discriminator"].strip("'")
        tags = _tags(model, location, key)
        if kind == "union_tag_not_found" and path[:1] == ("features",):
            # the name of an entry is its kind, unless it says another
            words = f"there is no feature family {path[-1]!r}{did_you_mean(str(path[-1]), tags)}"
            return where.problem(path, f"{words}; a second entry of one family says which: `kind: hog`")
        if kind == "union_tag_not_found":
            return where.problem((*path, key), f"missing; one of {', '.join(tags)}")
        tag = str(item["ctx"]["tag"])
        return where.problem((*path, key), f"unknown {key} {tag!r}{did_you_mean(tag, tags)}")
    elif kind == "string_pattern_mismatch":
        words = f"{given} must be letters, digits, _ and - only"
    elif kind in ("dict_type", "model_type", "model_attributes_type"):
        words = f"must hold `key: value` lines (got {given})"
    elif kind == "value_error":
        words = str(item["ctx"]["error"])
    else:
        words = f"{item['msg']} (got {given})"
    return where.problem(path, words)


def _key_path(location: Sequence[Any], merged: Any) -> tuple[Any, ...]:
    """The keys in pydantic's location; it also names the branches of unions and says "[key]"."""
    path: tuple[Any, ...] = ()
    for part in location:
        here = _at(merged, path)
        # a branch's name stands before the keys inside it, and may be one of these too
        branch = isinstance(here, Mapping) and part in (here.get(key) for key in _TAG_KEYS)
        if _has(here, str(part)) and not branch:
            path = (*path, part)
    return path


def _has(node: Any, part: str) -> bool:
    if isinstance(node, list):
        return part.isdigit() and int(part) < len(node)
    return isinstance(node, Mapping) and part in map(str, node)


def _at(content: Any, path: Sequence[Any]) -> Any:
    """The value at a key path of parsed YAML, None where there is none."""
    for part in path:
        if not _has(content, str(part)):
            return None
        names = {str(key): key for key in content} if isinstance(content, Mapping) else {str(part): int(part)}
        content = content[names[str(part)]]
    return content


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(model: Any, path: Sequence[Any]) -> list[str]:
    """Names of the fields that a location leads to, through models, mappings, lists and unions."""
    schema = model.model_json_schema()
    branches = _branches(schema, _node(schema, path))
    return [name for branch in branches for name in branch.get("properties", {})]


def _tags(model: Any, path: Sequence[Any], key: str) -> list[str]:
    """The names of a union's branches."""
    schema = model.model_json_schema()
    branches = _branches(schema, _node(schema, path))
    return [branch["properties"][key]["const"] for branch in branches if key in branch.get("properties", {})]


def _node(schema: Mapping[str, Any], path: Sequence[Any]) -> Any:
    node: Any = schema
    for part in path:
        for branch in _branches(schema, node):
            properties = branch.get("properties", {})
            if any(properties.get(key, {}).get("const") == part for key in _TAG_KEYS):
                node = branch
                break
            if part in properties:
                node = properties[part]
                break
            values = [*branch.get("patternProperties", {}).values(), branch.get("additionalProperties")]
            values = [value for value in (*values, branch.get("items")) if isinstance(value, dict)]
            if values:
                node = values[0]
                break
    return node


def _branches(schema: Mapping[str, Any], node: Any) -> list[Any]:
    """A node and, for a union, what it may be."""
    node = _resolve(schema, node)
    options = [_resolve(schema, option) for option in (*node.get("oneOf", ()), *node.get("anyOf", ()))]
    return [node, *(inner for option in options for inner in _branches(schema, option))]


def _resolve(schema: Mapping[str, Any], node: Any) -> Any:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].split("/")[-1]]
    return node
