"""params.yaml: the models of its content, and a check that says everything that is wrong at once.

The Snakefile, the command line and the tests use the same models. Nothing heavier than pydantic, PyYAML and numpy
may be imported here: every Snakemake call pays for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Union

import yaml
from pydantic import BaseModel, Field, ValidationError, create_model, model_validator

from evenlight import regions
from evenlight.audit.data import Common
from evenlight.audit.registry import check_module, check_names
from evenlight.errors import UserError, did_you_mean
from evenlight.feature_table import family, family_names
from evenlight.models.classical import KINDS
from evenlight.models.training import CnnOptions
from evenlight.params_checks import choose_families, cross_checks
from evenlight.settings import Settings
from evenlight.standardize import Standardize

_MAX_BYTES, _MAX_VALUES = 2**20, 10_000
_TAG_KEYS = ("kind", "method", "step")  # which options a union holds
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=100)]


class ParamsError(UserError):
    """params.yaml or a `--config` value is wrong; the message lists every problem with its line."""


class Dataset(Settings):
    """Where labels, splits, sources and groups of one data set come from."""

    folder: str | None = Field(None, min_length=1, description="raw folder; null for data/raw/<name>")
    layout: Literal["auto", "class", "split/class"] = Field(
        "auto",
        description="what folders mean; auto: split/class when the top folders are named train, test, ...",
    )
    source: str | None = Field(
        "auto",
        min_length=1,
        description="metadata column of what must stay in one split (camera, patient); auto: near-duplicates stay"
        " together; null: only exact copies do",
    )
    groups: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="metadata columns to break results down by"
    )


class Split(Settings):
    """Shares of the splits, where the data set does not give them."""

    train: float = Field(0.7, gt=0, le=1)
    validation: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    seed: int = Field(0, ge=0, description="another seed draws other images")

    @model_validator(mode="after")
    def _sum_to_one(self) -> "Split":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test is {total:g}, not 1")
        return self


class Evaluate(Settings):
    """Numbers and intervals."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="of every interval")
    bootstrap: int = Field(
        2000, ge=100, le=100_000, description="resamples for scores that are not proportions"
    )
    gallery: int = Field(24, ge=0, le=200, description="most misclassified images shown per model")
    seed: int = Field(0, ge=0)


class NearDuplicates(Settings):
    """When two images count as the same picture, edited."""

    radius: int = Field(
        32,
        ge=0,
        le=64,
        description="differing bits of the 256-bit perceptual hash; larger finds more, and false ones",
    )
    minimum_entropy: float = Field(
        3.0, ge=0, le=8, description="bits; images with less grey information are all alike and not compared"
    )


class Embed(Settings):
    """Pictures of the data in two dimensions."""

    features: list[str] = Field(min_length=1, description="families of the feature table to show")
    maximum: int = Field(1500, ge=10, le=20_000, description="images shown; t-SNE takes seconds per thousand")
    perplexity: float = Field(30.0, gt=1, le=500, description="about how many neighbours t-SNE looks at")
    seed: int = Field(0, ge=0)


class Tracking(Settings):
    """MLflow."""

    enabled: bool = True
    uri: str = Field(
        "sqlite:///mlflow.db",
        min_length=1,
        description="a relative SQLite path is meant from the repository's root",
    )
    required: bool = Field(False, description="true: a run fails when the tracking server is away")


class _ByName(Settings):
    @model_validator(mode="before")
    @classmethod
    def _empty_options(cls, value: Any) -> Any:
        """`brightness:` with nothing behind it means all defaults."""
        if isinstance(value, Mapping):
            return {name: {} if options is None else options for name, options in value.items()}
        return value


def _by_name(title: str, modules: Mapping[str, ModuleType]) -> type[BaseModel]:
    """A model with the options of each module under its name; None for those that are not asked for."""
    fields: dict[str, Any] = {
        name: (module.Options | None, Field(None, description=(module.__doc__ or name).splitlines()[0]))
        for name, module in modules.items()
    }
    return create_model(title, __base__=_ByName, **fields)


def _features_model() -> type[BaseModel]:
    return _by_name("Features", {name: family(name) for name in family_names()})


def _audit_model() -> type[BaseModel]:
    checks = _by_name("Checks", {name: check_module(name) for name in check_names()})
    every: dict[str, Any] = {name: {} for name in check_names()}
    return create_model(
        "Audit",
        __base__=Common,
        __doc__="What the audit looks for, and from where on it speaks up.",
        near_duplicates=(NearDuplicates, NearDuplicates()),
        checks=(
            checks,
            Field(default_factory=lambda: checks(**every), description="checks and their options"),
        ),
    )


def _params_model() -> type[BaseModel]:
    options = (*(kind.options for kind in KINDS.values()), CnnOptions)
    model: Any = Annotated[Union[options], Field(discriminator="kind")]  # noqa: UP007 (a tuple of types)
    return create_model(
        "Params",
        __base__=Settings,
        __doc__="Every setting of Evenlight.",
        dataset=(Name, Field(description="a key of `datasets`, or a folder under data/raw")),
        datasets=(dict[Name, Dataset], Field({}, description="only what differs from the defaults")),
        seed=(int, Field(0, ge=0, description="of training")),
        split=(Split, Split()),
        region=(regions.Region, Field(regions.Nothing(), description="the area of interest")),
        standardize=(Standardize, Standardize()),
        features=(_features_model(), Field(description="feature families and their options")),
        models=(dict[Name, model], Field(min_length=1, description="as many as you like, several of a kind")),
        audit=(_audit_model(), Field(default_factory=_audit_model(), description="checks of the data")),
        evaluate=(Evaluate, Evaluate()),
        embed=(Embed | None, Field(None, description="absent: no pictures of the feature space")),
        max_quarantine=(float, Field(1.0, ge=0, le=1, description="largest share of quarantined files")),
        tracking=(Tracking, Tracking()),
    )


def read(file: Path | str) -> dict[str, Any]:
    """Parse params.yaml.

    Raises:
        ParamsError: missing, too large, not valid YAML, or not a mapping.
    """
    return _parse(Path(file))[0]


def check(file: Path | str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Validate params.yaml, or the merge of it with `--config` values; return it with all defaults filled in.

    Args:
        file: gives the line numbers.
        config: what Snakemake made of the file and `--config`; None for the file alone.

    Raises:
        ParamsError: with every problem, sorted by line.
    """
    content, lines = _parse(Path(file))
    merged = content if config is None else dict(config)
    where = _Places(content, merged, lines)
    model = _params_model()
    problems: list[tuple[int, str]] = []
    try:
        params = model.model_validate(merged).model_dump(mode="json")
        for owner, key in ((params, "features"), (params["audit"], "checks")):
            owner[key] = {name: given for name, given in owner[key].items() if given is not None}
        choose_families(params, merged)
    except ValidationError as error:
        problems = [_problem(model, item, where) for item in error.errors()]
        params = None
    problems += cross_checks(params if params is not None else merged, params is not None, where.problem)
    if problems:
        text = "\n".join(f"  {sentence}" for _, sentence in sorted(set(problems)))
        raise ParamsError(f"{file}: {len(set(problems))} problem(s)\n{text}")
    assert params is not None
    params["datasets"].setdefault(params["dataset"], Dataset().model_dump(mode="json"))
    return params


def json_schema() -> str:
    """The JSON schema of params.yaml, for editors."""
    return json.dumps(_params_model().model_json_schema(), indent=2, sort_keys=True) + "\n"


def _parse(file: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """Content and the line of every key path."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise ParamsError(f"{file}: can't be read ({problem.strerror})") from None
    except UnicodeDecodeError:
        raise ParamsError(f"{file}: not UTF-8; save it as UTF-8") from None
    if len(text) > _MAX_BYTES:
        raise ParamsError(f"{file}: larger than 1 MiB; settings belong here, data does not")
    lines: dict[tuple[str, ...], int] = {}
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


def _walk(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int], duplicates: list[str]) -> None:
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


@dataclass(frozen=True)
class _Places:
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


def _problem(model: type[BaseModel], item: Any, where: _Places) -> tuple[int, str]:
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
