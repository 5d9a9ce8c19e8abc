"""What one key of params.yaml demands of another: checks that a model of single keys can't make."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import evenlight.models.networks
from evenlight.errors import UserError, did_you_mean
from evenlight.explain.attribution import METHODS
from evenlight.feature_table import column_names, needs_model
from evenlight.models.classical import family_of
from evenlight.models.cnn_options import SMALL_SHARE
from evenlight.outline import fair, networks
from evenlight.plugins import constants, module_names

Problem = tuple[int, str]
Doubt = tuple[tuple[str, ...], str]  # keys under a network's name, and what is wrong
Place = Callable[[tuple[Any, ...], str], Problem]

# folders and files beside those of the models
_RESERVED = ("features", "embeddings", "provenance")


def cross_checks(params: Mapping[str, Any], is_valid: bool, place: Place) -> list[Problem]:
    """Models and pictures use families that are computed, and columns that these make.

    Args:
        params: the settings; when they are not valid by themselves, whatever the file and `--config` hold.
        is_valid: whether every single key is right; columns are looked up only then.
        place: puts file and line before the words about a key path.
    """
    features, models = params.get("features"), params.get("models")
    if not isinstance(features, Mapping) or not isinstance(models, Mapping):
        return []
    computed = [str(name) for name in features]
    columns, problems = _columns(params, place) if is_valid else ([], [])
    for name, options in models.items():
        if name in _RESERVED:
            problems.append(place(("models", name), f"the name {name!r} is taken; call the model otherwise"))
        if not isinstance(options, Mapping):
            continue
        path: tuple[Any, ...] = ("models", name)
        problems += _check_families((*path, "features"), options.get("features"), computed, place)
        for key, column in _named_columns(options):
            problems += _check_column((*path, *key), column, computed, columns, place)
    for name, options in _checks(params).items():
        if isinstance(options, Mapping) and "features" in options:
            path = ("audit", "checks", name, "features")
            problems += _check_families(path, options["features"], computed, place)
    for path in (("embed", "features"), ("ablation", "features"), ("ablation", "base")):
        section = params.get(path[0])
        if isinstance(section, Mapping):
            problems += _check_families(path, section.get(path[1]), computed, place)
    if is_valid:
        problems += _check_networks(params, place)
    if params.get("ablation") and not computed:
        problems.append(place(("ablation",), "there are no `features` to compare; remove the section"))
    return problems


def choose_families(params: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Checks of the audit that name no families, in place: of their usual ones those that are computed, else all.

    But none that look through a network, which has seen the labels that are audited, unless there are no others.
    """
    own = sorted(name for name, options in params["features"].items() if not needs_model(name, options))
    for name, options in params["audit"]["checks"].items():
        named = _checks(given).get(name)
        if "features" in options and "features" not in (named if isinstance(named, Mapping) else {}):
            usual = [family for family in options["features"] if family in params["features"]]
            options["features"] = usual or own or sorted(params["features"])


def _checks(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The checks of the audit in settings that may be of any shape."""
    audit = params.get("audit")
    checks = audit.get("checks") if isinstance(audit, Mapping) else None
    return checks if isinstance(checks, Mapping) else {}


def _columns(params: Mapping[str, Any], place: Place) -> tuple[list[str], list[Problem]]:
    """Every feature column, and the families that the image size is too small for."""
    columns, problems = [], []
    height, width = params["standardize"]["size"]
    for name, options in params["features"].items():
        try:
            found = column_names(name, options, (height, width, 3))
        except UserError as problem:
            problems.append(place(("features", name), str(problem)))
            continue
        columns += found
        taken = {family_of(column, list(params["features"])) for column in found} - {name}
        if taken:
            words = f"its name begins like columns of {name!r}, so they could not be told apart; call it otherwise"
            problems.append(place(("features", str(min(map(str, taken)))), words))
    return columns, problems


def _check_families(path: tuple[Any, ...], wanted: Any, computed: list[str], place: Place) -> list[Problem]:
    return [
        place((*path, number), f"{name!r} is not under `features`{did_you_mean(str(name), computed)}")
        for number, name in enumerate(wanted if isinstance(wanted, list) else [])
        if name not in computed
    ]


def _check_networks(params: Mapping[str, Any], place: Place) -> list[Problem]:
    """Networks that other keys name are there, and their options fit the images and the data set's groups."""
    names = networks(params["models"])
    problems = [
        place(path, f"{name!r} is no network under `models`{did_you_mean(name, names)}")
        for path, name in _named_networks(params)
        if name not in names
    ]
    methods = (params["explain"] or {}).get("methods", [])
    for number, method in enumerate(methods):
        path = ("explain", "methods", number)
        if method not in METHODS:
            problems.append(
                place(path, f"there is no method {method!r}{did_you_mean(method, list(METHODS))}")
            )
        elif method in methods[:number]:
            problems.append(place(path, f"a second {method!r}; keep one"))
    side = min(params["standardize"]["size"])
    for name in names:
        options = params["models"][name]
        doubts = [*_unfit_options(options, side), *_unfit_fair(name, params)]
        problems += [place(("models", name, *keys), words) for keys, words in doubts]
    return problems


def _unfit_options(options: Mapping[str, Any], side: int) -> Iterator[Doubt]:
    """What a network's options ask for that it or the images, of so many pixels a side, can't give."""
    network = options["network"]
    known = constants(evenlight.models.networks, network)
    smallest = known.get("SMALLEST_SIDE", 1)
    for key in ("crop", "cutout"):
        if options[key] >= side:
            yield (key,), f"{key} must be less than the side of the images, {side} pixels"
    if side < smallest:
        words = (
            f"{network!r} needs images of at least {smallest} pixels a side, standardize.size gives {side}"
        )
        yield ("network",), words
    elif options["small_first"] and known.get("ONE_SIZE"):
        yield ("small_first",), f"{network!r} takes images of one size only; leave out small_first"
    elif options["small_first"] and int(side * SMALL_SHARE) < smallest:
        words = (
            f"small_first makes images of {int(side * SMALL_SHARE)} pixels a side, and {network!r} needs {smallest};"
            " leave it out"
        )
        yield ("small_first",), words
    if options["weights"] == "default" and not known.get("PRETRAINED"):
        yield (
            ("weights",),
            f"there are no published weights of {network!r}, only of {_networks_with('PRETRAINED')}",
        )
    if options["freeze"] and options["weights"] == "none":
        words = "frozen weights would be random ones; choose weights: default, or freeze: false"
        yield ("freeze",), words
    if options["width"] != 1 and not known.get("WIDENS"):
        yield ("width",), f"{network!r} has one width; leave it out, as it is for {_networks_with('WIDENS')}"
    if options["optimizer"] == "muon" and not known.get("NORMALIZES"):
        words = (
            f"muon needs batch normalization after every convolution, and {network!r} has none; these have:"
        )
        yield ("optimizer",), f"{words} {_networks_with('NORMALIZES')}"


def _networks_with(constant: str) -> str:
    """Names of the networks that say so of themselves."""
    package = evenlight.models.networks
    return ", ".join(name for name in module_names(package) if constants(package, name).get(constant))


def _unfit_fair(name: str, params: Mapping[str, Any]) -> Iterator[Doubt]:
    """What fair training asks for that the data set can't give, and a comparison that would tell of something else."""
    options = params["models"][name]
    if not options["fair"]:
        return
    fair_options = options["fair"]
    if fair_options["method"] == "adversarial" and options["freeze"]:
        words = "adversarial training has nothing to change in a network that is frozen; set freeze: false"
        yield ("fair", "method"), words
    groups = params["datasets"].get(params["dataset"], {}).get("groups", [])
    if fair_options["group"] not in groups:
        words = f"the data set {params['dataset']!r} has no group {fair_options['group']!r}; its `groups`: "
        yield ("fair", "group"), words + (", ".join(groups) or "none")
    before = fair_options["before"]
    if before not in networks(params["models"]):
        return  # none, or one that is not there, which is said elsewhere
    plain = params["models"][before]
    if before == name:
        yield ("fair", "before"), "a network can't be compared with itself; name the same one without `fair`"
    elif plain["fair"]:
        yield ("fair", "before"), f"{before!r} has fair training itself; name a network without `fair`"
    elif different := [
        key for key in options if key != "fair" and _differ(key, options, plain, params["seed"])
    ]:
        words = f"{before!r} has another {different[0]}, so the difference would not be that of fair training alone"
        yield ("fair", "before"), f"{words}; give both the same"


def _differ(key: str, one: Mapping[str, Any], other: Mapping[str, Any], seed: int) -> bool:
    """Whether an option differs; a seed that is not given is that of params.yaml."""
    if key == "seed":
        one, other = (
            {"seed": seed if options["seed"] is None else options["seed"]} for options in (one, other)
        )
    return bool(one[key] != other[key])


def _named_networks(params: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """Key paths and names of the networks that other keys ask for."""
    found: list[tuple[tuple[Any, ...], str]] = [
        (("explain", "models", number), name)
        for number, name in enumerate((params["explain"] or {}).get("models", []))
    ]
    for name, options in params["features"].items():
        if "model" in options:
            found.append((("features", name, "model"), options["model"]))
    for name in fair(params["models"]):
        before = params["models"][name]["fair"]["before"]
        if before is not None:
            found.append((("models", name, "fair", "before"), before))
    return found


def _named_columns(options: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], Any]]:
    """Key paths and names of the feature columns that a model asks for by name."""
    if options.get("kind") == "threshold":
        return [(("feature",), options.get("feature", "brightness_v_mean"))]
    columns = options.get("columns")
    return [
        (("columns", place), column)
        for place, column in enumerate(columns if isinstance(columns, list) else [])
    ]


def _check_column(
    path: tuple[Any, ...], column: Any, computed: list[str], columns: list[str], place: Place
) -> list[Problem]:
    if not isinstance(column, str) or column in columns:
        return []
    if not any(column.startswith(f"{name}_") for name in computed):
        words = f"no family under `features` makes the column {column!r}; families: {', '.join(computed)}"
        return [place(path, words)]
    family = family_of(column, computed)
    # of a family that looks through a network the columns are not known before that is trained
    if any(family_of(known, computed) == family for known in columns):
        return [place(path, f"there is no column {column!r}{did_you_mean(column, columns)}")]
    return []
