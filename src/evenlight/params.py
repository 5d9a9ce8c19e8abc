"""params.yaml: the models of its content, and a check that says everything that is wrong at once.

The Snakefile, the command line and the tests use the same models. Nothing heavier than pydantic, PyYAML and numpy
may be imported here: every Snakemake call pays for it.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from evenlight.errors import UserError
from evenlight.feature_table import family, family_names
from evenlight.models.classical import KINDS, families_of
from evenlight.models.training import CnnOptions

_MAX_BYTES = 2**20
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=100)]


class ParamsError(UserError):
    """params.yaml or a `--config` value is wrong; the message lists every problem with its line."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Dataset(_Strict):
    """Where labels, splits, sources and groups of one data set come from."""

    folder: str | None = Field(None, min_length=1, description="raw folder; null for data/raw/<name>")
    layout: Literal["auto", "class", "split/class"] = Field(
        "auto",
        description="what folders mean; auto: split/class when the top folders are named train, test, ...",
    )
    source: str | None = Field(
        None, min_length=1, description="metadata column of what must stay in one split: camera, patient"
    )
    groups: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="metadata columns to break results down by"
    )


class Split(_Strict):
    """Shares of the splits, where the data set does not give them."""

    train: float = Field(0.7, gt=0, le=1)
    validation: float = Field(0.15, ge=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    seed: int = Field(0, ge=0, description="another seed draws other images")

    @model_validator(mode="after")
    def _sum_to_one(self) -> "Split":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test is {total:g}, not 1")
        return self


class Standardize(_Strict):
    """The one shape and colour space that features and networks see."""

    size: Annotated[list[Annotated[int, Field(ge=8, le=2048)]], Field(min_length=2, max_length=2)] = Field(
        [64, 64], description="height and width in pixels"
    )
    fit: Literal["stretch", "pad", "crop"] = Field("stretch", description="what happens to other proportions")
    color: Literal["rgb", "hsv", "lab", "gray"] = Field(
        "rgb", description="colour space of the stored arrays"
    )


class Evaluate(_Strict):
    """Numbers and intervals."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="of every interval")
    bootstrap: int = Field(
        2000, ge=100, le=100_000, description="resamples for scores that are not proportions"
    )
    minimum_group: int = Field(30, ge=1, description="smaller groups are shown but not judged")
    gallery: int = Field(24, ge=0, le=200, description="most misclassified images shown per model")
    seed: int = Field(0, ge=0)


class Embed(_Strict):
    """Pictures of the data in two dimensions."""

    features: list[str] = Field(min_length=1, description="families of the feature table to show")
    maximum: int = Field(1500, ge=10, le=20_000, description="images shown; t-SNE takes seconds per thousand")
    perplexity: float = Field(30.0, gt=1, le=500, description="about how many neighbours t-SNE looks at")
    seed: int = Field(0, ge=0)


class Tracking(_Strict):
    """MLflow."""

    enabled: bool = True
    uri: str = Field(
        "sqlite:///mlflow.db",
        min_length=1,
        description="a relative SQLite path is meant from the repository's root",
    )
    required: bool = Field(False, description="true: a run fails when the tracking server is away")


class _FeaturesBase(_Strict):
    @model_validator(mode="before")
    @classmethod
    def _empty_options(cls, value: Any) -> Any:
        """`brightness:` with nothing behind it means all defaults."""
        if isinstance(value, Mapping):
            return {name: {} if options is None else options for name, options in value.items()}
        return value


def _features_model() -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (
            family(name).Options | None,
            Field(None, description=(family(name).__doc__ or name).splitlines()[0]),
        )
        for name in family_names()
    }
    return create_model("Features", __base__=_FeaturesBase, **fields)


def _params_model() -> type[BaseModel]:
    options = (*(kind.options for kind in KINDS.values()), CnnOptions)
    model: Any = Annotated[Union[options], Field(discriminator="kind")]  # noqa: UP007 (a tuple of types)
    return create_model(
        "Params",
        __base__=_Strict,
        __doc__="Every setting of Evenlight.",
        dataset=(Name, Field(description="a key of `datasets`, or a folder under data/raw")),
        datasets=(dict[Name, Dataset], Field({}, description="only what differs from the defaults")),
        seed=(int, Field(0, ge=0, description="of training")),
        split=(Split, Split()),
        standardize=(Standardize, Standardize()),
        features=(_features_model(), Field(description="feature families and their options")),
        models=(dict[Name, model], Field(min_length=1, description="as many as you like, several of a kind")),
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
    model = _params_model()
    problems: list[tuple[int, str]] = []
    try:
        params = model.model_validate(merged).model_dump(mode="json")
    except ValidationError as error:
        problems = [_problem(model, item, content, lines) for item in error.errors()]
        params = None
    problems += _cross_checks(params if params is not None else merged, content, lines)
    if problems:
        text = "\n".join(f"  {sentence}" for _, sentence in sorted(set(problems)))
        raise ParamsError(f"{file}: {len(set(problems))} problem(s)\n{text}")
    assert params is not None
    params["features"] = {
        name: options for name, options in params["features"].items() if options is not None
    }
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
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        aliases = [
            event for event in yaml.parse(text, Loader=yaml.SafeLoader) if isinstance(event, yaml.AliasEvent)
        ]
        if len(aliases) > 100:
            raise ParamsError(f"{file}: more than 100 aliases; write the values out")
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ParamsError(f"{file}: {where}{problem.problem}") from None
    except yaml.YAMLError as problem:
        raise ParamsError(f"{file}: not valid YAML ({problem})") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{file}: must hold `key: value` lines")
    lines: dict[tuple[str, ...], int] = {}
    duplicates: list[str] = []
    _walk(root, (), lines, duplicates)
    if duplicates:
        raise ParamsError(f"{file}: {'; '.join(duplicates)}; keep one")
    return content, lines


def _walk(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int], duplicates: list[str]) -> None:
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


def _problem(
    model: type[BaseModel], item: Any, content: Mapping[str, Any], lines: Mapping[tuple[str, ...], int]
) -> tuple[int, str]:
    """Line and sentence for one pydantic error."""
    path = tuple(str(part) for part in item["loc"])
    # pydantic names the chosen kind inside the path: models.<name>.<kind>.<key>
    if len(path) > 2 and path[0] == "models" and path[2] in (*KINDS, "cnn"):
        path = (*path[:2], *path[3:])
    path = tuple(part for part in path if part != "[key]")
    key = ".".join(path)
    kind = item["type"]
    if kind == "extra_forbidden":
        words = f"{key}: unknown key{did_you_mean(path[-1], _fields(model, item['loc'][:-1]))}"
    elif kind == "missing":
        words = f"{key}: missing; add it"
    elif kind == "union_tag_invalid":
        given = str(item["ctx"]["tag"])
        words = f"{key}.kind: unknown kind {given!r}{did_you_mean(given, [*KINDS, 'cnn'])}"
    elif kind == "union_tag_not_found":
        words = f"{key}.kind: missing; one of {', '.join([*KINDS, 'cnn'])}"
    elif kind == "string_pattern_mismatch":
        words = f"{key}: {item['input']!r} must be letters, digits, _ and - only"
    elif kind == "value_error":
        words = f"{key}: {item['ctx']['error']}"
    else:
        words = f"{key}: {item['msg']} (got {_short(item['input'])})"
    return _place(
        path, content, item["input"] if kind not in ("missing", "union_tag_not_found") else None, lines, words
    )


def _place(
    path: Sequence[str], content: Any, value: Any, lines: Mapping[tuple[str, ...], int], words: str
) -> tuple[int, str]:
    """Put the line before the words; a value that is not the file's own came with `--config`."""
    known = tuple(path)
    if value is not None and content is not None and _at(content, known) != value:
        return 0, f"--config: {words}"
    while known and known not in lines:
        known = known[:-1]
    line = lines.get(known, 1)
    return line, f"line {line}: {words}"


def _at(content: Any, path: Sequence[str]) -> Any:
    """The value at a key path of parsed YAML, None where there is none."""
    for part in path:
        if isinstance(content, Mapping) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """ "; did you mean 'x'?" for the closest known word, else the list of them."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def _fields(model: Any, path: Sequence[Any]) -> list[str]:
    """Names of the fields that a key path leads to, through models, mappings and unions."""
    schema = model.model_json_schema()
    node = schema
    for part in path:
        node = _resolve(schema, node)
        options = [_resolve(schema, option) for option in node.get("oneOf", node.get("anyOf", []))]
        for option in [node, *options]:
            kind = option.get("properties", {}).get("kind", {})
            if kind.get("const") == part:
                node = option
                break
            if part in option.get("properties", {}):
                node = option["properties"][part]
                break
            if isinstance(option.get("additionalProperties"), dict):
                node = option["additionalProperties"]
                break
    node = _resolve(schema, node)
    names = list(node.get("properties", {}))
    for option in node.get("anyOf", []):
        names += list(_resolve(schema, option).get("properties", {}))
    return names


def _resolve(schema: Mapping[str, Any], node: Any) -> Any:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].split("/")[-1]]
    return node


def _cross_checks(
    params: Mapping[str, Any], content: Mapping[str, Any], lines: Mapping[tuple[str, ...], int]
) -> list[tuple[int, str]]:
    """What one key demands of another: models and pictures use families that are computed."""
    features, models = params.get("features"), params.get("models")
    if not isinstance(features, Mapping) or not isinstance(models, Mapping):
        return []
    computed = [name for name, options in features.items() if name in family_names()]
    problems = []
    for name, options in models.items():
        if not isinstance(options, Mapping) or options.get("kind") not in KINDS:
            continue
        if options["kind"] == "threshold":
            problems += _check_column(("models", name, "feature"), options, computed, content, lines)
        elif isinstance(options.get("features"), list):
            wanted = families_of(options, computed)
            problems += _check_families(("models", name, "features"), wanted, computed, content, lines)
    embed = params.get("embed")
    if isinstance(embed, Mapping) and isinstance(embed.get("features"), list):
        problems += _check_families(("embed", "features"), embed["features"], computed, content, lines)
    return problems


def _check_families(
    path: tuple[str, ...],
    wanted: Sequence[str],
    computed: list[str],
    content: Mapping[str, Any],
    lines: Mapping[tuple[str, ...], int],
) -> list[tuple[int, str]]:
    problems = []
    for number, name in enumerate(wanted):
        if name not in computed:
            here = (*path, str(number))
            words = f"{'.'.join(here)}: {name!r} is not under `features`{did_you_mean(str(name), computed)}"
            problems.append(_place(here, content, name, lines, words))
    return problems


def _check_column(
    path: tuple[str, ...],
    options: Mapping[str, Any],
    computed: list[str],
    content: Mapping[str, Any],
    lines: Mapping[tuple[str, ...], int],
) -> list[tuple[int, str]]:
    column = options.get("feature", "brightness_v_mean")
    if not isinstance(column, str):
        return []
    families = families_of({"kind": "threshold", "feature": column}, computed)
    if not families:
        words = f"{'.'.join(path)}: no family under `features` makes the column {column!r}"
        given = options.get("feature")
        return [_place(path, content, given, lines, f"{words}; families: {', '.join(computed)}")]
    return []
