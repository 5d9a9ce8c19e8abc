"""Checks after training: dead outputs, learning by heart, divergence, polarity and calibration, each told apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from evenlight.models.cnn import Network
from evenlight.models.training import Epoch
from evenlight.models.training_checks import (
    Trained,
    calibration_error,
    last_weights,
    training_checks,
)

CLASSES = ["coat", "shirt", "trouser", "bag"]
NOTHING = np.zeros((0, 4))


def _weights(lengths: list[float], features: int = 64) -> np.ndarray:
    """Rows of these lengths in units of what `torch.nn.Linear` draws; drawn as it draws them."""
    draws = np.random.Generator(np.random.PCG64(0))
    return draws.uniform(-1, 1, (len(lengths), features)) / 8 * np.array(lengths)[:, None]


def _answers(right: int, n: int, sure: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Codes and logits of n images of which the first `right` are right."""
    codes = np.arange(n) % 4
    said = np.where(np.arange(n) < right, codes, (codes + 1) % 4)
    return codes, sure * np.eye(4)[said]


def _epoch(number: int, train: float, validation: float) -> Epoch:
    return Epoch(number, train, 0.8, validation, 0.8, 0.01)


@pytest.fixture
def healthy() -> Trained:
    """A network that is well: 95 % of 800 training and of 400 validation images, 90 % of them inverted."""
    codes, logits = _answers(380, 400)
    inverted = _answers(360, 400)[1]
    train = _answers(760, 800)
    return Trained(
        classes=CLASSES,
        history=[_epoch(1, 1.0, 0.9), _epoch(2, 0.2, 0.2)],
        best_epoch=2,
        diverged=False,
        last_weights=_weights([2, 2.5, 3, 2]),
        train_codes=train[0],
        train_predicted=train[1].argmax(1),
        codes=codes,
        logits=logits,
        inverted_logits=inverted,
        units=np.arange(400),
        temperature=1.1,
    )


def _found(trained: Trained, check: str) -> dict:
    return next(finding for finding in training_checks(trained) if finding["check"] == check)


def test_a_network_that_is_well_is_ok_in_every_check(healthy: Trained) -> None:
    found = training_checks(healthy)
    assert [finding["check"] for finding in found] == [
        "divergence",
        "dead_outputs",
        "overfitting",
        "polarity",
        "calibration",
    ]
    assert {finding["severity"] for finding in found} == {"ok"}
    assert "2.50" not in found[0]["sentence"]
    assert "loss 0.20, where guessing has 1.39" in found[0]["sentence"]


def test_a_class_never_said_of_a_training_image_is_named_with_its_images(healthy: Trained) -> None:
    said = np.where(healthy.train_predicted == 1, 0, healthy.train_predicted)
    finding = _found(replace(healthy, train_predicted=said), "dead_outputs")
    assert (finding["severity"], finding["subject"]) == ("serious", "shirt")
    assert "never says shirt (200 images)" in finding["sentence"]
    assert finding["numbers"] == {"never_predicted": {"shirt": 200}, "unmoved": []}


def test_a_row_as_it_was_drawn_is_named_where_its_class_is_guessed_only(healthy: Trained) -> None:
    weights = _weights([2, 2.5, 1, 2])
    said = np.where((healthy.train_predicted == 2) & (np.arange(800) > 100), 3, healthy.train_predicted)
    finding = _found(replace(healthy, last_weights=weights, train_predicted=said), "dead_outputs")
    assert finding["severity"] == "serious"
    assert finding["numbers"] == {"never_predicted": {}, "unmoved": ["trouser"]}
    # a row may stay where it was in a network that tells its class all the same
    assert _found(replace(healthy, last_weights=weights), "dead_outputs")["severity"] == "ok"
    # and a row that moved is not dead, however badly its class is told
    assert _found(replace(healthy, train_predicted=said), "dead_outputs")["severity"] == "ok"


def test_rows_are_not_called_dead_where_none_has_moved_nor_where_decay_has_shortened_them(
    healthy: Trained,
) -> None:
    said = np.where((healthy.train_predicted == 2) & (np.arange(800) > 100), 3, healthy.train_predicted)
    for lengths in ([1.0, 1, 1, 1], [2.0, 2, 0.3, 2]):
        trained = replace(healthy, last_weights=_weights(lengths), train_predicted=said)
        assert _found(trained, "dead_outputs")["severity"] == "ok"


def test_a_class_without_training_images_is_no_dead_output(healthy: Trained) -> None:
    kept = healthy.train_codes != 3
    said = np.where(healthy.train_predicted == 3, 0, healthy.train_predicted)
    trained = replace(healthy, train_codes=healthy.train_codes[kept], train_predicted=said[kept])
    assert _found(trained, "dead_outputs")["severity"] == "ok"


@pytest.mark.parametrize(
    ("right", "n", "severity"),
    [
        (380, 400, "ok"),
        (300, 400, "warn"),
        (360, 400, "info"),
        (16, 20, "info"),
        (18, 20, "not_enough_data"),
        (0, 0, "not_enough_data"),
    ],
)
def test_learning_by_heart_is_judged_by_the_interval_of_the_gap(
    healthy: Trained, right: int, n: int, severity: str
) -> None:
    codes, logits = _answers(right, n)
    trained = replace(healthy, codes=codes, logits=logits, inverted_logits=logits, units=np.arange(n))
    finding = _found(trained, "overfitting")
    assert finding["severity"] == severity
    if n == 400 and right == 300:
        assert "95.0 % (760 of 800)" in finding["sentence"].replace("95 %", "95.0 %")
        assert finding["numbers"]["gap"]["value"] == pytest.approx(0.2)
        assert finding["numbers"]["gap"]["low"] == pytest.approx(0.157, abs=0.002)


def test_divergence(healthy: Trained) -> None:
    stopped = replace(
        healthy, history=[*healthy.history, _epoch(3, float("nan"), float("nan"))], diverged=True
    )
    finding = _found(stopped, "divergence")
    assert finding["severity"] == "warn"
    assert "In epoch 3" in finding["sentence"]
    assert "epoch 2 (validation loss 0.20)" in finding["sentence"]
    worse = replace(healthy, history=[_epoch(1, 1.5, 1.39), _epoch(2, 1.4, 1.39)])
    assert _found(worse, "divergence")["severity"] == "serious"
    # the kept epoch counts, and without validation images its training loss
    alone = [_epoch(1, 0.5, float("nan")), _epoch(2, 1.4, float("nan"))]
    assert _found(replace(healthy, history=alone, best_epoch=1), "divergence")["severity"] == "ok"
    assert _found(replace(healthy, history=alone, best_epoch=2), "divergence")["severity"] == "serious"


def test_inverted_images_that_are_read_better_are_a_warning_and_much_worse_a_note(healthy: Trained) -> None:
    swapped = replace(healthy, logits=healthy.inverted_logits, inverted_logits=healthy.logits)
    finding = _found(swapped, "polarity")
    assert finding["severity"] == "warn"
    assert "read better" in finding["sentence"]
    much_worse = _found(replace(healthy, inverted_logits=_answers(80, 400)[1]), "polarity")
    assert much_worse["severity"] == "info"
    assert "polarity it was trained on" in much_worse["sentence"]
    assert much_worse["numbers"]["difference"]["value"] == pytest.approx(-0.75)


def test_polarity_is_judged_by_units(healthy: Trained) -> None:
    """Twenty images more that are right when inverted: a finding where each stands for itself, not of one camera."""
    swapped = replace(healthy, logits=healthy.inverted_logits, inverted_logits=healthy.logits)
    by_camera = replace(swapped, units=np.where(np.arange(400) < 360, np.arange(400) % 3, 3))
    assert _found(by_camera, "polarity")["severity"] == "ok"
    assert (
        _found(replace(swapped, units=np.zeros(400, dtype=int)), "polarity")["severity"] == "not_enough_data"
    )


def test_calibration(healthy: Trained) -> None:
    codes, logits = _answers(300, 400, sure=9)
    too_sure = replace(healthy, codes=codes, logits=logits, temperature=4.1)
    finding = _found(too_sure, "calibration")
    assert finding["severity"] == "info"
    assert "surer of itself than it is right" in finding["sentence"]
    before, after = finding["numbers"]["calibration_error"]
    assert before == pytest.approx(0.25, abs=0.001)
    assert after < 0.02
    # far from 1, but no better than 1 beyond chance
    assert (
        _found(replace(healthy, temperature=1.6, logits=_answers(380, 400, 2.9)[1]), "calibration")[
            "severity"
        ]
        == "ok"
    )
    assert _found(replace(healthy, temperature=None), "calibration")["severity"] == "not_enough_data"


def test_without_validation_images_three_checks_are_not_judged(healthy: Trained) -> None:
    history = [_epoch(1, 0.3, float("nan"))]
    trained = replace(
        healthy,
        history=history,
        best_epoch=1,
        codes=np.zeros(0, int),
        logits=NOTHING,
        inverted_logits=NOTHING,
        units=np.zeros(0, int),
        temperature=None,
    )
    severities = [finding["severity"] for finding in training_checks(trained)]
    assert severities == ["ok", "ok", *["not_enough_data"] * 3]


def test_calibration_error_by_hand() -> None:
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    # one bin holds both .9 (one right: .8 too much), .6 is right (.4 too little), .8 is wrong (.8 too much)
    assert calibration_error(shares, np.array([0, 1, 0, 0])) == pytest.approx((0.8 + 0.4 + 0.8) / 4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def _course_network(relu_on_logits: bool) -> tuple[Network, np.ndarray, np.ndarray]:
    """K16 in small: the course's network with and without ReLU on the logits, on four noisy patterns."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    draws = np.random.Generator(np.random.PCG64(2))
    codes = np.arange(400) % 8
    patterns = draws.normal(size=(8, 48))
    noisy = patterns[codes] + draws.normal(size=(400, 48)) + 1
    values = torch.from_numpy(noisy.reshape(400, 1, 6, 8)).float()
    target = torch.from_numpy(codes)
    head = nn.Sequential(nn.Linear(48, 64), nn.ReLU())
    layers = [nn.Linear(64, 8), *([nn.ReLU()] if relu_on_logits else [])]
    network = Network(1, nn.Flatten(), head, nn.Sequential(*layers))
    parameters = list(network.parameters())
    for _ in range(30):
        for start in range(0, 400, 20):
            loss = nn.functional.cross_entropy(
                network(values[start : start + 20]), target[start : start + 20]
            )
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for value, gradient in zip(parameters, gradients, strict=True):
                    value -= 0.1 * gradient
    with torch.no_grad():
        return network, codes, network(values).argmax(1).numpy()


@pytest.mark.parametrize("relu_on_logits", [True, False])
def test_relu_on_the_logits_kills_classes_and_plain_logits_do_not(
    healthy: Trained, relu_on_logits: bool
) -> None:
    network, codes, said = _course_network(relu_on_logits)
    classes = [f"class {code}" for code in range(8)]
    weights = last_weights(network)
    assert weights.shape == (8, 64)
    trained = replace(healthy, classes=classes, last_weights=weights, train_codes=codes, train_predicted=said)
    finding = _found(trained, "dead_outputs")
    dead = [name for code, name in enumerate(classes) if code not in said]
    assert bool(dead) == relu_on_logits
    assert finding["severity"] == ("serious" if relu_on_logits else "ok")
    assert list(finding["numbers"]["never_predicted"]) == dead
    if relu_on_logits:
        # where all logits are 0 the first class is said: its row is as dead as the others
        assert finding["numbers"]["unmoved"] == ["class 0", *dead]
        assert "class_weights" in finding["sentence"]
