"""Classical models on feature tables.

A kind is a module of `evenlight.models.kinds` with `Options` (pydantic), `build(options, shape, seed)` (an unfitted
estimator for a table of (rows, columns)) and `TRUSTED_TYPES` (all that its file may hold). To add one: write the
module, name it in params.yaml. The Snakefile imports them all to check params.yaml, so scikit-learn is imported inside
functions.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import evenlight.models.kinds
from evenlight.outline import is_network
from evenlight.plugins import load_module, module_names

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


def kind_names() -> list[str]:
    """Names of all kinds of classical models, sorted."""
    return module_names(evenlight.models.kinds)


def kind_module(name: str) -> ModuleType:
    """The module of a kind.

    Raises:
        UserError: there is none of that name.
    """
    return load_module(evenlight.models.kinds, name, "kind of model")


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """A model's entry in params.yaml with what it leaves out filled in."""
    return dict(kind_module(options["kind"]).Options(**options).model_dump())


def columns_of(options: Mapping[str, Any]) -> list[str] | None:
    """Exact names of the columns that a model's entry asks for; None for all columns of its features."""
    if "feature" in options:
        return [options["feature"]]
    named = options.get("columns") or options.get("file_data")
    return None if named is None else list(named)


def families_of(options: Mapping[str, Any], families: Sequence[str]) -> list[str]:
    """The feature families that a model's entry in params.yaml needs, among those that are computed.

    Single columns are of the family with the longest name that theirs begins with.
    """
    columns = columns_of(options)
    if columns is None:
        return list(options.get("features", ()))
    found = [family_of(column, families) for column in columns]
    return list(dict.fromkeys(family for family in found if family is not None))


def family_of(column: str, families: Sequence[str]) -> str | None:
    """The family of a column: the longest name that the column's begins with; None where there is none."""
    fitting = [name for name in families if column.startswith(f"{name}_")]
    return max(fitting, key=len, default=None)


def with_boundary(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the models that see one or two columns, sorted: their boundaries can be drawn."""
    return sorted(
        name
        for name, options in models.items()
        if not is_network(options["kind"]) and len(columns_of(options) or ()) in (1, 2)
    )


def with_importance(params: Mapping[str, Any]) -> list[str]:
    """Names of the models whose feature families are shuffled, sorted; none without `importance:`."""
    if not params.get("importance"):
        return []
    families = list(params["features"])
    return sorted(
        name
        for name, options in params["models"].items()
        if not is_network(options["kind"]) and len(families_of(options, families)) > 1
    )


def fit(options: Mapping[str, Any], values: np.ndarray, codes: np.ndarray, seed: int) -> "ClassifierMixin":
    """Fit a model on training rows only.

    Args:
        options: the model's entry in params.yaml, with one value where it may hold a list (search.py chooses it).
        values: float32 (N, D).
        codes: class codes (N,).
        seed: for models that draw random numbers.
    """
    kind = kind_module(options["kind"])
    return kind.build(kind.Options(**options), values.shape, seed).fit(values, codes)


def raw_scores(estimator: "ClassifierMixin", values: np.ndarray, class_count: int) -> np.ndarray:
    """Log-probabilities or decision values, one column per class of the data set: float64 (N, K).

    A class that training never saw gets -inf.
    """
    if hasattr(estimator, "predict_proba"):
        with np.errstate(divide="ignore"):
            seen = np.log(estimator.predict_proba(values))
    else:
        seen = estimator.decision_function(values)
        if seen.ndim == 1:
            seen = np.column_stack([np.zeros(len(seen)), seen])
    scores = np.full((len(values), class_count), -np.inf)
    scores[:, estimator.classes_] = seen
    return scores
