"""What the options of a network do to its training, and what the stages make of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from evenlight.dataset import MappedImages
from evenlight.errors import UserError
from evenlight.models import cnn, training_checks
from evenlight.models.calibration import fit_temperature, softmax
from evenlight.models.cnn import build_network
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.inference import network_logits
from evenlight.models.network_artifacts import NETWORK_FILE, load_network, save_network
from evenlight.models.networks import course
from evenlight.models.training import Examples, Outcome, train_network
from evenlight.stages import train_network as train_network_stage
from evenlight.stages.check_training import check_training
from evenlight.storage import read_json, write_array, write_json
from model_world import World


def gratings(count: int, seed: int, classes: int = 6) -> Examples:
    """Noisy 16 x 16 pictures of waves, one direction per class; groups are told by the corner."""
    draws = np.random.default_rng(seed)
    codes, groups = np.arange(count) % classes, draws.integers(0, 2, size=count)
    angles = np.pi * codes / classes
    rows, columns = np.mgrid[0:16, 0:16]
    phases = 1.6 * (rows * np.sin(angles)[:, None, None] + columns * np.cos(angles)[:, None, None])
    pixels = draws.integers(0, 120, size=(count, 16, 16)) + 60 * (1 + np.sin(phases))
    pixels[:, :4, :4] = 200 * groups[:, None, None]
    return Examples(pixels.astype(np.uint8)[..., None], codes, groups)


def learn(given: Examples, validation: Examples | None = None, seed: int = 0, **changes) -> Outcome:
    options = {"kind": "cnn", "epochs": 2, "batch_size": 20, "flip": False, "dropout": 0.0, **changes}
    validation = validation or Examples(given.images[:0], given.codes[:0])
    return train_network(CnnOptions(**options), given, validation, int(given.codes.max()) + 1, seed)


def weights(outcome: Outcome) -> dict[str, torch.Tensor]:
    return outcome.network.state_dict()


def equal(one: Outcome, other: Outcome) -> bool:
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


class TestOptions:
    given = gratings(60, 0)

    def test_patience_stops_after_so_many_epochs_without_a_better_one(self):
        contrary = Examples(self.given.images, (self.given.codes + 1) % 6)
        found = learn(self.given, contrary, epochs=30, patience=3)
        assert len(found.history) == found.best_epoch + 3 < 30
        assert not found.diverged

    def test_frozen_weights_stay_where_they_were(self, monkeypatch):
        network = build_network(CnnOptions(kind="cnn"), (16, 16, 1), 6)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        monkeypatch.setattr(cnn, "build_network", lambda *_: network)
        after = weights(learn(self.given, freeze=True))
        moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
        assert moved == {"classifier", "mean", "deviation"}

    def test_precision_and_threads(self):
        plain = learn(self.given)
        threads = torch.get_num_threads()
        other = learn(self.given, threads=2)
        assert (threads, torch.get_num_threads()) == (1, 2)
        torch.set_num_threads(1)
        half = learn(self.given, precision="bfloat16")
        for found in (other, half):
            assert all(value.dtype != torch.bfloat16 for value in weights(found).values())
            assert found.history[-1].train_loss == pytest.approx(plain.history[-1].train_loss, abs=0.1)
        assert not equal(plain, half)

    @pytest.mark.parametrize("optimizer, rate", [("sgd", 0.05), ("adamw", 0.01)])  # noqa: PT006
    def test_both_optimizers_learn(self, optimizer, rate):
        options = {"optimizer": optimizer, "learning_rate": rate, "epochs": 8}
        found = learn(gratings(120, 0), crop=1, brightness=0.1, cutout=2, label_smoothing=0.1, **options)
        unseen = gratings(60, 1)
        assert (network_logits(found.network, unseen.images).argmax(axis=1) == unseen.codes).mean() > 0.9

    def test_mapped_images_teach_the_same(self, tmp_path):
        for shard in (0, 1):
            write_array(tmp_path / f"{shard}.npy", self.given.images[shard::2])
        rows = pd.DataFrame({"shard": [str(place % 2) for place in range(60)], "row": np.arange(60) // 2})
        mapped = Examples(MappedImages(rows, tmp_path), self.given.codes)
        assert equal(learn(mapped, mapped, epochs=1), learn(self.given, self.given, epochs=1))

    def test_rare_classes_count_more_on_request(self):
        """One image in twelve is of class 1 and looks like every fourth of class 0."""
        codes = (np.arange(48) % 12 == 0).astype(int)
        pixels = np.where(np.arange(48) % 3 == 0, 220, 30)[:, None, None, None] * np.ones((1, 8, 8, 1))
        given = Examples(pixels.astype(np.uint8), codes)
        said = [
            network_logits(learn(given, epochs=12, class_weights=asked).network, given.images)[0].argmax()
            for asked in (False, True)
        ]
        assert said == [0, 1]


class TestFair:
    given = gratings(60, 0)

    def fair(self, method: str, **changes) -> Outcome:
        return learn(self.given, fair={"method": method, "group": "corner", **changes})

    def test_an_adversary_without_strength_changes_no_bit(self):
        plain = learn(self.given)
        assert equal(self.fair("adversarial", strength=0), plain)
        assert not equal(self.fair("adversarial", strength=1), plain)

    @pytest.mark.parametrize("method", ["group_weights", "reweighing", "balanced"])
    def test_every_method_changes_what_is_learned(self, method):
        assert not equal(self.fair(method), learn(self.given))

    def test_balanced_batches_hold_every_class_of_every_group_equally_often(self):
        """A network that can't learn says one class of all: right of most, or of few; of half where they are drawn."""
        draws = np.random.default_rng(0)
        groups = (np.arange(400) % 10 == 0).astype(int)
        given = Examples(draws.integers(100, 110, (400, 8, 8, 1), np.uint8), groups, groups)
        asked = None, {"method": "balanced", "group": "corner"}
        shares = [learn(given, learning_rate=1e-9, fair=fair).history[1].train_accuracy for fair in asked]
        assert abs(shares[0] - 0.5) > 0.2
        assert shares[1] == pytest.approx(0.5, abs=0.08)

    def test_group_codes_are_needed(self):
        with pytest.raises(ValueError, match="group codes"):
            learn(
                Examples(self.given.images, self.given.codes), fair={"method": "balanced", "group": "corner"}
            )


class TestReluOnLogits:
    """K16: a ReLU before cross entropy kills classes for good; the same network with raw logits has them all."""

    def silent(self, monkeypatch, given: Examples, relu: bool, seed: int) -> tuple[float, int]:
        """Accuracy, and how many classes are never found."""
        if relu:
            raw = course.build

            def build(*arguments):
                network = raw(*arguments)
                network.classifier.append(torch.nn.ReLU())
                return network

            monkeypatch.setattr(course, "build", build)
        found = learn(given, seed=seed, network="course", epochs=8)
        right = network_logits(found.network, given.images).argmax(axis=1) == given.codes
        return float(right.mean()), sum(not right[given.codes == code].any() for code in set(given.codes))

    def test_gratings(self, monkeypatch):
        given = gratings(240, 0)
        accuracy, silent = self.silent(monkeypatch, given, False, 0)
        assert (accuracy > 0.95, silent) == (True, 0)
        accuracy, silent = self.silent(monkeypatch, given, True, 0)
        assert accuracy < 0.9
        assert silent >= 1

    def test_fashion_mnist(self, monkeypatch, shared_data: Callable[[str], Path]):
        sheet = cv2.imread(str(shared_data("fashion_mnist_sprite.png")), cv2.IMREAD_GRAYSCALE)
        tiles = sheet.reshape(30, 28, 30, 28).transpose(0, 2, 1, 3).reshape(900, 28, 28, 1)
        given = Examples(np.ascontiguousarray(tiles), np.arange(900) // 90)
        accuracy, silent = self.silent(monkeypatch, given, False, 1)
        assert (accuracy > 0.8, silent) == (True, 0)
        accuracy, silent = self.silent(monkeypatch, given, True, 1)
        assert accuracy < 0.75
        assert silent >= 2


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3), (31, 47, 1), (10, 90, 3)])
def test_the_course_network_works_its_sizes_out(shape):
    network = build_network(CnnOptions(kind="cnn", network="course"), shape, 5)
    images = np.zeros((2, *shape), np.uint8)
    assert network_logits(network, images).shape == (2, 5)


def test_files_do_not_depend_on_the_order_in_memory(tmp_path):
    network = build_network(CnnOptions(kind="cnn"), (16, 16, 3), 2)
    save_network(tmp_path / "first", network, {})
    save_network(tmp_path / "last", network.to(memory_format=torch.channels_last), {})
    first, last = ((tmp_path / name / NETWORK_FILE).read_bytes() for name in ("first", "last"))
    assert first == last


def test_a_classical_model_is_no_network(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 6})
    with pytest.raises(UserError, match=r"rule: a model of kind 'threshold', not a network; name a network$"):
        load_network(world.train("rule"))


@pytest.fixture(scope="module", params=["rgb", "gray"])
def world(request, tmp_path_factory) -> World:
    splits = {"train": 12, "validation": 9, "test": 3}
    return World(tmp_path_factory.mktemp(request.param), ["a", "b"], splits, request.param)


def check(world: World, folder: Path) -> dict[str, dict]:
    """Findings of the stage that checks a training, by name."""
    check_training(folder, world.manifest, world.folder / "images", folder / "checks.json")
    return {finding["check"]: finding for finding in read_json(folder / "checks.json")}


class TestStages:
    options = {"kind": "cnn", "epochs": 3, "batch_size": 8}  # noqa: RUF012

    def test_scores_are_made_chances_on_validation_images(self, world):
        folder = world.train("net", self.options)
        fit = read_json(folder / "model.json")["fit"]
        usable = world.table[world.table["verdict"] == "ok"]
        pixels = world.pixels[usable.index].astype(np.uint8)[..., : 1 if world.color == "gray" else 3]
        logits = network_logits(load_network(folder), pixels)
        unseen = (usable["split"] == "validation").to_numpy()
        expected = fit_temperature(logits[unseen], usable["label_index"].to_numpy()[unseen])
        assert fit["temperature"] == pytest.approx(expected, rel=1e-3)
        assert fit["temperature"] != 1
        assert fit["calibrated_on"] == "validation images"
        scores = world.predict("net")[["score_a", "score_b"]].to_numpy()
        np.testing.assert_allclose(scores, softmax(logits / fit["temperature"]), atol=1e-5)

    def test_checks_look_at_what_training_left(self, world):
        """Every number of theirs, computed from the arrays that the images were written from."""
        folder = world.train("net", self.options)
        assert not (folder / "checks.json").exists()
        found = check(world, folder)
        names = ["divergence", "dead_outputs", "overfitting", "polarity", "calibration"]
        assert list(found) == names
        network, fit = load_network(folder), read_json(folder / "model.json")["fit"]
        usable = world.table[world.table["verdict"] == "ok"]
        pixels = world.pixels[usable.index].astype(np.uint8)[..., : 1 if world.color == "gray" else 3]
        codes, splits = usable["label_index"].to_numpy(), usable["split"].to_numpy()

        def right(split: str, images: np.ndarray) -> int:
            here = splits == split
            return int((network_logits(network, images[here]).argmax(axis=1) == codes[here]).sum())

        history = pd.read_csv(folder / "history.csv")
        divergence = found["divergence"]["numbers"]
        assert divergence["loss"] == pytest.approx(history["validation_loss"].min())
        assert (divergence["epochs"], divergence["best_epoch"]) == (3, fit["best_epoch"])
        overfitting = found["overfitting"]["numbers"]
        assert overfitting["train"] == [right("train", pixels), 24]
        assert overfitting["validation"] == [right("validation", pixels), 18]
        assert found["polarity"]["numbers"]["right_inverted"] == right("validation", 255 - pixels)
        assert found["calibration"]["numbers"]["temperature"] == fit["temperature"]

    def test_images_of_other_colour_spaces_are_inverted_as_red_green_and_blue(self, tmp_path, monkeypatch):
        """Of pure colours, whose hues and saturations 8 bits hold exactly: red is inverted to cyan."""
        world = World(tmp_path, ["a", "b"], {"train": 4, "validation": 3}, "hsv")
        colours = 255 * np.random.default_rng(0).integers(0, 2, world.pixels.shape).astype(np.uint8)
        world.pixels = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2HSV) for picture in colours])
        world.write()
        seen = []
        monkeypatch.setattr(training_checks, "training_checks", lambda trained: seen.append(trained) or [])
        folder = world.train("net", self.options)
        check(world, folder)
        here = (world.table["verdict"] == "ok") & (world.table["split"] == "validation")
        inverted = np.stack([cv2.cvtColor(255 - picture, cv2.COLOR_RGB2HSV) for picture in colours[here]])
        expected = network_logits(load_network(folder), inverted)
        np.testing.assert_allclose(seen[0].inverted_logits, expected, rtol=1e-5)

    def test_checks_count_images_of_one_source_as_one_unit(self, world, monkeypatch):
        seen = []
        monkeypatch.setattr(training_checks, "training_checks", lambda trained: seen.append(trained) or [])
        check(world, world.train("net", self.options))
        here = world.table[(world.table["verdict"] == "ok") & (world.table["split"] == "validation")]
        pairs = set(zip(here["source"], seen[0].units, strict=True))
        assert len(pairs) == len(set(seen[0].units)) == here["source"].nunique() == 3

    def test_checks_are_told_that_training_stopped(self, world):
        folder = world.train("net", self.options)
        assert not check(world, folder)["divergence"]["numbers"]["diverged"]
        description = read_json(folder / "model.json")
        description["fit"] |= {"diverged": True, "best_epoch": 1}
        write_json(folder / "model.json", description)
        found = check(world, folder)["divergence"]
        assert (found["numbers"]["diverged"], found["numbers"]["best_epoch"]) == (True, 1)

    def test_a_network_that_calls_all_classes_equally_likely_has_learned_nothing(self, world):
        """Its loss is that of guessing, of which history.csv holds six digits: less than the number itself."""
        folder = world.train("net", self.options)
        history = pd.read_csv(folder / "history.csv").assign(validation_loss=f"{np.log(2):.6g}")
        history.to_csv(folder / "history.csv", index=False)
        assert check(world, folder)["divergence"]["severity"] == "serious"

    def test_a_group_that_is_not_there(self, world):
        fair = {"method": "balanced", "group": "wether"}
        with pytest.raises(UserError, match=r"group 'wether', .* did you mean 'weather'\?"):
            world.train("fair", {**self.options, "fair": fair})
        assert not (world.folder / "models" / "fair").exists()

    def test_fair_training_starts_and_draws_as_the_network_it_is_compared_with(self, world):
        """An adversary without strength changes nothing, so both end in the same weights."""
        fair = {"method": "adversarial", "group": "weather", "strength": 0}
        world.train("net", self.options)
        world.train("fair", {**self.options, "fair": {**fair, "before": "net"}})
        world.train("alone", {**self.options, "fair": fair})
        assert world.model_bytes("fair") == world.model_bytes("net") != world.model_bytes("alone")

    def test_a_training_that_stopped_says_so(self, world, monkeypatch):
        real = train_network_stage.train_network
        monkeypatch.setattr(
            train_network_stage, "train_network", lambda *given: replace(real(*given), diverged=True)
        )
        description = read_json(world.train("net", self.options) / "model.json")
        assert description["fit"]["diverged"] is True

    def test_without_validation_images_nothing_is_fitted(self, tmp_path):
        world = World(tmp_path, ["a", "b"], {"train": 6, "test": 2})
        folder = world.train("net", {**self.options, "epochs": 1})
        fit = read_json(folder / "model.json")["fit"]
        assert (fit["temperature"], fit["calibrated_on"]) == (1.0, None)
        assert len(world.predict("net")) == 16
        severities = {name: finding["severity"] for name, finding in check(world, folder).items()}
        unjudged = {"overfitting", "polarity", "calibration"}
        assert {name for name, severity in severities.items() if severity == "not_enough_data"} == unjudged
