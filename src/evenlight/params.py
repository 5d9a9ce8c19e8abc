"""params.yaml: the models of its content, and a check that says everything that is wrong at once.

The Snakefile, the command line and the tests use the same models. Nothing heavier than pydantic, PyYAML and numpy
may be imported here: every Snakemake call pays for it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from evenlight import regions
from evenlight.audit.data import Common
from evenlight.audit.registry import check_module, check_names
from evenlight.evaluation.ablation import Ablation
from evenlight.evaluation.importance import Importance
from evenlight.evaluation.telling import FeatureSummary
from evenlight.explain.settings import Explain
from evenlight.feature_table import family, family_names
from evenlight.models.classical import kind_module, kind_names
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.search import Search
from evenlight.params_checks import choose_families, cross_checks
from evenlight.params_problems import Places, problem_of
from evenlight.params_text import Lines, ParamsError, parse
from evenlight.settings import Settings
from evenlight.standardize import Standardize
from evenlight.sweeps import Sweep, expand

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=100)]


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


def _by_name(title: str, options: Mapping[str, type[BaseModel]], base: type[BaseModel] = _ByName) -> Any:
    """A model with options under their names; None for those that are not asked for."""
    fields: dict[str, Any] = {
        name: (model | None, Field(None, description=(model.__doc__ or name).splitlines()[0]))
        for name, model in options.items()
    }
    return create_model(title, __base__=base, **fields)


def _documented(title: str, module: ModuleType, **fields: Any) -> type[BaseModel]:
    """The options of a plug-in, described by the first line of its module."""
    about = (module.__doc__ or title).splitlines()[0]
    return create_model(title, __base__=module.Options, __doc__=about, **fields)


def _features_model() -> type[BaseModel]:
    """Families under their own names, and under any other name with their `kind`."""
    modules = {name: family(name) for name in family_names()}
    second = tuple(
        _documented(f"Second_{name}", module, kind=(Literal[name], ...)) for name, module in modules.items()
    )
    named: Any = Annotated[Union[second], Field(discriminator="kind")]  # noqa: UP007 (a tuple of types)

    class Open(_ByName):
        model_config = ConfigDict(extra="allow")
        __pydantic_extra__: dict[str, named] = Field(init=False)

        @model_validator(mode="after")
        def _plain_names(self) -> "Open":
            for name in self.__pydantic_extra__ or {}:
                if not re.match(_NAME, name):
                    raise ValueError(f"the name {name!r} must be letters, digits, _ and - only")
            return self

    own = {
        name: _documented(f"Family_{name}", module, kind=(Literal[name], name))
        for name, module in modules.items()
    }
    return _by_name("Features", own, Open)


def _audit_model() -> type[BaseModel]:
    checks = _by_name(
        "Checks", {name: _documented(f"Check_{name}", check_module(name)) for name in check_names()}
    )
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
    # pydantic wants classes of different names
    kinds = [create_model(f"Kind_{name}", __base__=kind_module(name).Options) for name in kind_names()]
    options = (*kinds, CnnOptions)
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
        search=(Search, Search()),
        feature_summary=(FeatureSummary, FeatureSummary()),
        ablation=(Ablation | None, Field(None, description="absent: feature families are not compared")),
        importance=(Importance | None, Field(None, description="absent: no family is shuffled")),
        evaluate=(Evaluate, Evaluate()),
        explain=(Explain | None, Field(None, description="absent: no look inside the networks")),
        embed=(Embed | None, Field(None, description="absent: no pictures of the feature space")),
        max_quarantine=(float, Field(1.0, ge=0, le=1, description="largest share of quarantined files")),
        tracking=(Tracking, Tracking()),
    )


def read(file: Path | str) -> dict[str, Any]:
    """Parse params.yaml.

    Raises:
        ParamsError: missing, too large, not valid YAML, or not a mapping.
    """
    return parse(Path(file))[0]


def check(file: Path | str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Validate params.yaml, or the merge of it with `--config` values; return it with all defaults filled in.

    Args:
        file: gives the line numbers.
        config: what Snakemake made of the file and `--config`; None for the file alone.

    Raises:
        ParamsError: with every problem, sorted by line.
    """
    text, lines = parse(Path(file))
    # entries that a sweep makes are checked as if they were written out
    merged, _, sweeps, unfit = _written_out(text if config is None else dict(config), {})
    content, lines, _, _ = _written_out(text, lines)
    where = Places(content, merged, lines)
    model = _params_model()
    problems: list[tuple[int, str]] = [where.problem(path, words) for path, words in unfit]
    try:
        params = model.model_validate(merged).model_dump(mode="json")
        for owner, key in ((params, "features"), (params["audit"], "checks")):
            owner[key] = {name: given for name, given in owner[key].items() if given is not None}
        choose_families(params, merged)
    except ValidationError as error:
        problems += [problem_of(model, item, where) for item in error.errors()]
        params = None
    problems += cross_checks(params if params is not None else merged, params is not None, where.problem)
    if problems:
        sentences = "\n".join(f"  {sentence}" for _, sentence in sorted(set(problems)))
        raise ParamsError(f"{file}: {len(set(problems))} problem(s)\n{sentences}")
    assert params is not None
    params["datasets"].setdefault(params["dataset"], Dataset().model_dump(mode="json"))
    params["sweeps"] = sweeps
    return params


def _written_out(
    content: dict[str, Any], lines: Lines
) -> tuple[dict[str, Any], Lines, dict[str, Sweep], list[tuple[tuple[str, ...], str]]]:
    """Settings with their sweeps expanded, the lines of what that made, the sweeps, and what is wrong with them."""
    models, sweeps, problems = expand(content.get("models"))
    lines = dict(lines)
    for name, members in sweeps.items():
        base = ("models", name)
        inside = {path: line for path, line in lines.items() if path[:2] == base}
        for member, swept in members.items():
            lines |= {("models", member, *path[2:]): line for path, line in inside.items()}
            for key in swept:
                lines[("models", member, key)] = lines.get((*base, "sweep", key), lines.get(base, 1))
    return {**content, "models": models} if "models" in content else content, lines, sweeps, problems


def json_schema() -> str:
    """The JSON schema of params.yaml, for editors."""
    return json.dumps(_params_model().model_json_schema(), indent=2, sort_keys=True) + "\n"
