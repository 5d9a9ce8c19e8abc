"""A training that was interrupted ends in the same bytes as one that was not."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch

from evenlight.models import training
from evenlight.models.checkpoints import Checkpoint
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.training import Examples, Outcome, train_network
from evenlight.stages import train_network as train_network_stage
from model_world import World

EPOCHS = 4
# everything that could carry over from one epoch to the next
FULL = {
    "kind": "cnn",
    "network": "small",
    "epochs": EPOCHS,
    "batch_size": 8,
    "dropout": 0.3,
    "crop": 2,
    "brightness": 0.2,
    "cutout": 4,
    "label_smoothing": 0.1,
    "fair": {"method": "adversarial", "group": "weather"},
}
# a training by the stage, killed as hard as can be after the second epoch's checkpoint
KILLED = """
import os, signal, sys
from evenlight.runtime import fix_environment
fix_environment()
from pathlib import Path
from evenlight.models.checkpoints import Checkpoint
from evenlight.stages import train_network
real = Checkpoint.save
def save(self, tensors, facts):
    real(self, tensors, facts)
    if facts["history"][-1]["epoch"] == 2:
        assert "torch._dynamo" not in sys.modules, "torch's compiler: seconds of imports"
        os.kill(os.getpid(), signal.SIGKILL)
Checkpoint.save = save
folder = Path({folder!r})
train_network.train("net", {options!r}, {{}}, {{"color": "rgb"}}, 0,
    folder / "manifest.parquet", folder / "classes.json", folder / "images", folder / "models" / "killed")
"""


class InterruptedTrainingError(Exception):
    pass


def examples(count: int, seed: int) -> Examples:
    draws = np.random.default_rng(seed)
    codes = np.arange(count) % 3
    pixels = draws.integers(0, 120, size=(count, 12, 12, 3)) + 60 * codes[:, None, None, None]
    return Examples(pixels.clip(0, 255).astype(np.uint8), codes, np.arange(count) // 2 % 2)


def train(checkpoint: Checkpoint | None, **changes) -> Outcome:
    options = CnnOptions(**{**FULL, **changes})
    return train_network(options, examples(27, 0), examples(12, 1), 3, 0, checkpoint=checkpoint)


def same(one: Outcome, other: Outcome) -> bool:
    weights = [safetensors.torch.save(dict(found.network.state_dict())) for found in (one, other)]
    return weights[0] == weights[1] and (one.history, one.best_epoch) == (other.history, other.best_epoch)


@pytest.fixture(scope="module")
def whole() -> dict[str, Outcome]:
    """Trainings that nothing interrupted, by optimizer."""
    return {name: train(None, optimizer=name) for name in ("sgd", "adamw")}


def interrupt(monkeypatch, after: int, checkpoint: Checkpoint, **changes) -> None:
    """Train and stop: in the middle of the epoch after that many."""
    with monkeypatch.context() as patch:
        real = training._train_epoch

        def stop(run, number, *rest):
            numbers = real(run, number, *rest)
            if number == after + 1:  # the epoch was computed, and nobody wrote it down
                raise InterruptedTrainingError
            return numbers

        patch.setattr(training, "_train_epoch", stop)
        with pytest.raises(InterruptedTrainingError):
            train(checkpoint, **changes)


@pytest.mark.parametrize(
    "optimizer, after",  # noqa: PT006
    [*(("sgd", after) for after in range(EPOCHS)), ("adamw", 2)],
)
def test_going_on_ends_in_the_same_bytes(monkeypatch, tmp_path, capsys, whole, optimizer, after):
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "this")
    interrupt(monkeypatch, after, checkpoint, optimizer=optimizer)
    assert checkpoint.file.exists() == (after > 0)
    assert same(train(checkpoint, optimizer=optimizer), whole[optimizer])
    said = capsys.readouterr().err
    assert (f"going on after epoch {after} of {EPOCHS}" in said) == (after > 0)


def test_interrupted_again_and_again(monkeypatch, tmp_path, whole):
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "this")
    for after in range(EPOCHS):
        interrupt(monkeypatch, after, checkpoint)
    assert same(train(checkpoint), whole["sgd"])


def test_a_training_that_stopped_early_does_not_go_on(tmp_path):
    contrary = examples(12, 1)
    contrary = Examples(contrary.images, (contrary.codes + 1) % 3)
    options = CnnOptions(**{**FULL, "epochs": 30, "patience": 2})
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "this")
    first, again = (
        train_network(options, examples(27, 0), contrary, 3, 0, checkpoint=checkpoint) for _ in range(2)
    )
    assert len(first.history) == first.best_epoch + 2 < 30
    assert same(first, again)


def test_every_epoch_has_an_order_and_a_dropout_of_its_own(monkeypatch):
    orders, seeds, real, real_seed = [], [], training._batches, torch.manual_seed
    monkeypatch.setattr(training, "_batches", lambda order, size: orders.append(order) or real(order, size))
    monkeypatch.setattr(torch, "manual_seed", lambda seed: seeds.append(seed) or real_seed(seed))
    train(None)
    assert len({tuple(order) for order in orders}) == EPOCHS
    assert len(set(seeds)) == 1 + EPOCHS, "one for the initial weights"


@pytest.mark.parametrize("damage", ["cut", "flipped", "rubbish", "another"])
def test_a_useless_checkpoint_starts_over_with_a_line(monkeypatch, tmp_path, capsys, whole, damage):
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "this")
    interrupt(monkeypatch, 2, checkpoint)
    capsys.readouterr()
    content = checkpoint.file.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:-100],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "rubbish": b"\x07" * 400,
        "another": content,
    }
    checkpoint.file.write_bytes(damaged[damage])
    fingerprint = "another" if damage == "another" else "this"
    assert same(train(Checkpoint(checkpoint.file, fingerprint)), whole["sgd"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "starts over" in line]
    assert len(lines) == 1
    assert ("other settings, data or code" if damage == "another" else "is damaged") in lines[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"), ["a", "b"], {"train": 12, "validation": 6, "test": 3})


def run_stage(world: World, name: str, options: dict = FULL, seed: int = 0) -> dict[str, bytes]:
    """Files of a network that the stage trained."""
    inputs = world.manifest, world.folder / "classes.json", world.folder / "images"
    folder = world.folder / "models" / name
    train_network_stage.train("net", options, {}, {"color": "rgb"}, seed, *inputs, folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_a_killed_process_leaves_what_the_next_one_needs(world, capsys):
    script = KILLED.format(folder=str(world.folder), options=FULL)
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    left = [file.name for file in (world.folder / "models" / "killed").iterdir()]
    assert left == ["checkpoint.safetensors"]
    again = run_stage(world, "killed")
    assert "going on after epoch 2 of 4" in capsys.readouterr().err
    fresh = run_stage(world, "fresh")
    assert "going on" not in capsys.readouterr().err
    assert list(again) == ["history.csv", "model.json", "model.safetensors"]
    assert again == fresh
    assert len(again["history.csv"].splitlines()) == 1 + EPOCHS


@pytest.mark.parametrize("change", ["options", "seed", "images"])
def test_other_settings_or_data_have_another_fingerprint(world, monkeypatch, change):
    seen = []

    def note(*arguments):
        seen.append(arguments[-1].fingerprint)
        raise InterruptedTrainingError

    monkeypatch.setattr(train_network_stage, "train_network", note)
    changed = {"options": {"options": {**FULL, "epochs": 5}}, "seed": {"seed": 1}, "images": {}}[change]
    for settings in ({}, {}, changed):
        if settings is changed and change == "images":
            os.utime(world.folder / "images" / "0000.npy", ns=(1, 1))
        with pytest.raises(InterruptedTrainingError):
            run_stage(world, "net", **settings)
    assert seen[0] == seen[1] != seen[2]
