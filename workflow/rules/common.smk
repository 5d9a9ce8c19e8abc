"""What all rules share: the raw folder's listing, names, wildcards and small input functions.

Needs: a checked `config`. Makes: no file, except that the example data is rendered where it is missing.
"""

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path

from evenlight import outline, runtime
from evenlight.download import KNOWN
from evenlight.feature_table import learns, needs_model
from evenlight.labelling import source_column
from evenlight.listing import list_folder
from evenlight.models.classical import families_of, with_boundary, with_importance
from evenlight.rawfile import read_file
from evenlight.reasons import Quarantine
from evenlight.sources import sources
from evenlight.tracking_views import leaderboard_url

runtime.prepare_jobs()

DATASET = config["dataset"]
SETTINGS = config["datasets"][DATASET]
RAW = Path(SETTINGS["folder"] or f"data/raw/{DATASET}")

try:
    if DATASET == "scenes" and not SETTINGS["folder"] and not RAW.exists():
        # the number of shards must be known at parse time, so a rule would come too late
        from evenlight.stages import example_data

        example_data.render(RAW, images=1200, seed=0, cores=min(8, os.cpu_count() or 1))
    LISTING = list_folder(RAW)
except UserError as problem:
    hint = f" Or run `evenlight get {DATASET}`." if DATASET in KNOWN else ""
    raise SystemExit(f"evenlight: {problem}{hint}") from None

SHARDS = sorted(LISTING.shards)
# sorted, so that reordering params.yaml reruns nothing
FEATURES = sorted(config["features"])
FAMILY_MODULES = sorted(
    {f"evenlight.features.{options['kind']}" for options in config["features"].values()}
)
# entries that look through a trained network, and which
LOOKING = {
    name: options["model"]
    for name, options in config["features"].items()
    if needs_model(name, options)
}
LEARNING = [name for name in FEATURES if learns(name, config["features"][name])]
MODELS = sorted(config["models"])
NETWORKS = outline.networks(config["models"])
CLASSICAL = [name for name in MODELS if name not in NETWORKS]
BOUNDARIES = with_boundary(config["models"])
IMPORTANCES = with_importance(config)
EXPLAINED = outline.explained(config)
FAIR = outline.fair(config["models"])


wildcard_constraints:
    dataset=DATASET,
    shard="[0-9]{4}",
    feature="|".join(FEATURES),
    model="|".join(MODELS),


def as_json(value):
    """Sorted, so that reordering keys in params.yaml reruns nothing."""
    return json.dumps(value, sort_keys=True)


def feature_sources(name):
    """The modules behind an entry of `features:`, and the network that it looks through."""
    family = f"evenlight.features.{config['features'][name]['kind']}"
    networks = [model_module(LOOKING[name])] if name in LOOKING else []
    return sources("evenlight.stages.features", family, *networks)


def families(model):
    """The entries of `features:` that a classical model sees: others may come and go without a rerun."""
    return families_of(config["models"][model], FEATURES)


def model_sources(stage, *models):
    """The modules behind a stage, and those of the models' kinds; of a network the network itself."""
    return sources(stage, *[model_module(model) for model in models])


def model_module(model):
    """Where a model's kind is written down."""
    options = config["models"][model]
    if model in NETWORKS:
        return f"evenlight.models.networks.{options['network']}"
    return f"evenlight.models.kinds.{options['kind']}"


def fair_pair(model):
    """A network with fair training, and the one without that it is compared with, if one is named."""
    before = config["models"][model]["fair"]["before"]
    return [model, before] if before else [model]


def templates():
    """What pages are made from."""
    return [
        str(file) for file in sorted(Path("src/evenlight/report/templates").iterdir())
    ]


# what intervals that are no part of `evaluate` need of it
INTERVALS = as_json(
    {key: config["evaluate"][key] for key in ("confidence", "bootstrap")}
)


def feature_shards(families):
    """Tables of these entries of `features:`, all shards."""
    return [
        f"data/features/{DATASET}/{family}/{shard}.parquet"
        for family in families
        for shard in SHARDS
    ]


def feature_list(*path):
    """The entries of `features:` that a setting names; all of them where it names none."""
    return lookup("/".join(path), within=config, default=[]) or FEATURES


def image_shards():
    """Standardized arrays, all shards."""
    return [f"data/standardized/{DATASET}/{shard}.npy" for shard in SHARDS]


def model_inputs(model):
    """What a model sees: arrays for a network, its families' tables for a classical one."""
    return image_shards() if model in NETWORKS else feature_shards(families(model))


def model_seed(model):
    """Of its training: its own, or that of params.yaml."""
    seed = config["models"][model]["seed"]
    return config["seed"] if seed is None else seed


def model_file(model):
    """The file that holds a model."""
    return f"models/{DATASET}/{model}/model.{'safetensors' if model in NETWORKS else 'skops'}"


def lock_hash():
    """Changes with the version of any dependency: models and pages are remade."""
    return hashlib.sha256(Path("requirements.lock").read_bytes()).hexdigest()[:16]


def metadata_hash():
    """Changes with the content of metadata.csv. No input file: braces in its path would be wildcards."""
    try:
        return hashlib.sha256(read_file(RAW / "metadata.csv", RAW)).hexdigest()[:16]
    except Quarantine:  # none, or one that `gather` will refuse
        return ""


def versions(*packages):
    """Changes when one of these packages does: what it computed is computed again."""
    return " ".join(f"{package} {version(package)}" for package in packages)


def tracking_record(dataset):
    """What the last tracking job left; empty where there was none."""
    try:
        return json.loads(
            Path(f"results/{dataset}/provenance/tracking.json").read_text()
        )
    except (OSError, ValueError):
        return {}


def failed_attempts(dataset):
    """Number of attempts that found no server: a new failure changes it, so the next run tries again."""
    return tracking_record(dataset).get("failed_attempts", 0)


def closing_words():
    """Where the results are, and a warning when they are not in MLflow yet."""
    words = [f"Finished. Open reports/{DATASET}/index.html"]
    record = tracking_record(DATASET) if config["tracking"]["enabled"] else {}
    if record.get("status") == "pending":
        words.append(
            f"WARNING: not in MLflow yet ({record['problem']}); the next run logs it."
        )
    address = leaderboard_url(record)
    if address:
        words.append(f"Compare the models in MLflow: `make ui`, then {address}")
    return "\n".join(words)
