"""What checked settings ask for: which models are networks, which spaces are drawn, which settings make a result.

Stages ask here and never whether a file exists: a file may be left from earlier settings.
"""

from collections.abc import Mapping
from typing import Any


def is_network(kind: str) -> bool:
    """Whether a kind of model is a network, with weights in safetensors and a history."""
    return kind == "cnn"


def networks(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the networks among `models:`, sorted."""
    return sorted(name for name, options in models.items() if is_network(options["kind"]))


def explained(params: Mapping[str, Any]) -> list[str]:
    """Names of the networks to look inside, sorted; none without `explain:`."""
    if not params.get("explain"):
        return []
    return sorted(params["explain"]["models"]) or networks(params["models"])


def fair(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the networks whose training makes up for unequal groups, sorted."""
    return [name for name in networks(models) if models[name]["fair"]]


def spaces(params: Mapping[str, Any]) -> list[str]:
    """Spaces to draw: the feature table and every network's last layer; none without `embed:`."""
    return ["features", *networks(params["models"])] if params.get("embed") else []


def result_settings(params: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """The settings that a result depends on, fit to be published.

    Without tracking (its address may hold a password), other data sets, and where the raw folder lies.
    """
    shared = {key: value for key, value in params.items() if key not in ("tracking", "datasets", "dataset")}
    data = {key: value for key, value in params["datasets"].get(dataset, {}).items() if key != "folder"}
    return {**shared, "dataset": dataset, "data": data}
