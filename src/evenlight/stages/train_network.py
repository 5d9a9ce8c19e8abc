"""Stage `train` for networks: standardized images -> weights, their description and history."""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import MappedImages, check_training_classes, usable_rows
from evenlight.errors import UserError, did_you_mean
from evenlight.models.artifacts import describe
from evenlight.models.calibration import fit_temperature
from evenlight.models.checkpoints import Checkpoint
from evenlight.models.cnn_options import CnnOptions, Fair
from evenlight.models.devices import choose_device
from evenlight.models.fair import group_codes
from evenlight.models.inference import network_logits
from evenlight.models.network_artifacts import save_network
from evenlight.models.training import Epoch, Examples, train_network
from evenlight.progress import say
from evenlight.runtime import seed_for
from evenlight.sources import sources
from evenlight.storage import file_sha256, read_json, to_json, write_csv

if TYPE_CHECKING:
    import pandas as pd

    from evenlight.models.cnn import Network


def train(
    name: str,
    options: Mapping[str, Any],
    region: Mapping[str, Any],
    standardize: Mapping[str, Any],
    seed: int,
    manifest: Path,
    classes: Path,
    images: Path,
    folder: Path,
) -> None:
    """Train one network; the best validation epoch's weights are kept.

    `checkpoint.safetensors` holds every epoch until all is written: a training that was interrupted goes on from it.

    Args:
        name: of the model.
        options: its entry in params.yaml.
        region, standardize: settings that the images were made with, for its description.
        seed: of everything random.
        manifest: manifest.parquet.
        classes: classes.json.
        images: folder of the standardized shards.
        folder: where the model goes.

    Raises:
        UserError: the training images are of one class, too small for the network, or without the group that fair
            training asks for; there is no such device; or the loss is not a number from the start.
    """
    settings = CnnOptions(**options)
    rows, names = usable_rows(manifest), read_json(classes)
    training, validation = (
        _examples(rows, split, images, settings.fair) for split in ("train", "validation")
    )
    check_training_classes(training.codes, names)
    facts = {
        "options": settings.model_dump(),
        "classes": names,
        "region": dict(region),
        "standardize": dict(standardize),
        "seed": seed,
        "data_hash": file_sha256(manifest),
    }
    checkpoint = Checkpoint(folder / "checkpoint.safetensors", _fingerprint(facts, rows, images))
    say(f"training {name} on {len(training.codes):,} images, {settings.epochs} epochs")
    outcome = train_network(
        settings,
        training,
        validation,
        len(names),
        _training_seed(seed, name, settings.fair),
        standardize["color"],
        checkpoint,
    )
    temperature = _temperature(outcome.network, validation)
    if temperature is None:
        say("  no validation image to make scores probabilities by: their temperature stays 1")
    fit = {
        "training_images": len(training.codes),
        "best_epoch": outcome.best_epoch,
        "diverged": outcome.diverged,
        "temperature": 1.0 if temperature is None else temperature,
        "calibrated_on": None if temperature is None else "validation images",
    }
    _write_history(folder / "history.csv", outcome.history)
    description = describe(
        name, **facts, columns=None, families=[], input_shape=list(training.images.shape[1:]), fit=fit
    )
    save_network(folder, outcome.network, description)
    checkpoint.remove()


def _training_seed(seed: int, name: str, fair: Fair | None) -> int:
    """Fair training has the luck of the network it is compared with: the same initial weights and order of images."""
    return seed_for(seed, (fair and fair.before) or name)


def _examples(rows: "pd.DataFrame", split: str, images: Path, fair: Fair | None) -> Examples:
    """The images of a split."""
    here = rows[rows["split"] == split]
    groups = group_codes(_group(here, fair.group))[0] if fair else None
    return Examples(MappedImages(here, images), here["label_index"].to_numpy(dtype=np.int64), groups)


def _group(rows: "pd.DataFrame", name: str) -> np.ndarray:
    """A group's values, str (N,)."""
    column = f"group_{name}"
    if column not in rows:
        known = [other.removeprefix("group_") for other in rows if other.startswith("group_")]
        raise UserError(
            f"params.yaml: fair training asks for the group {name!r}, which the data set lacks"
            f"{did_you_mean(name, known)}; name it under its `groups`"
        )
    return rows[column].to_numpy(dtype=str)


def _fingerprint(facts: Mapping[str, Any], rows: "pd.DataFrame", images: Path) -> str:
    """sha256 of all that training depends on; of files that are large, what tells whether they were written again."""
    import torch

    shards = [(images / f"{shard}.npy").stat() for shard in sorted(set(rows["shard"]))]
    everything = {
        **facts,
        "images": [[shard.st_size, shard.st_mtime_ns] for shard in shards],
        "code": [file_sha256(Path(file)) for file in sources("evenlight.stages.train_network")],
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": choose_device(facts["options"]["device"]).type,
    }
    return hashlib.sha256(to_json(everything).encode()).hexdigest()


def _temperature(network: "Network", validation: Examples) -> float | None:
    """What the network's scores are divided by to be probabilities; None where nothing tells."""
    if not len(validation.codes):
        return None
    return fit_temperature(network_logits(network, validation.images), validation.codes)


def _write_history(target: Path, history: list[Epoch]) -> None:
    columns = [field.name for field in fields(Epoch)]
    write_csv(target, columns, [[_plain(value) for value in astuple(epoch)] for epoch in history])


def _plain(value: float) -> str:
    """Six digits; an undefined number is an empty cell."""
    return f"{value:.6g}" if np.isfinite(value) else ""
