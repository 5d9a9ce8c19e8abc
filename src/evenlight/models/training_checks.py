"""What can be told of a network right after its training: has it learned, by heart or in general, and how sure is it?

Every check gives one finding, in the words and severities of `evenlight.audit.findings`: "ok" where nothing is wrong,
"not_enough_data" where it can't be told. No test image is looked at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.audit.findings import Finding
from evenlight.audit.wording import chance, counted, listed, many
from evenlight.evaluation.comparison import compare_pair
from evenlight.evaluation.intervals import newcombe
from evenlight.models.calibration import softmax

if TYPE_CHECKING:
    from evenlight.models.cnn import Network
    from evenlight.models.training import Epoch

_NO_BETTER = 1 - 1e-5  # times the loss of guessing: history.csv holds six digits of a loss
_LEFT = 1.25  # a row of the last layer that has learned is longer than this many times its initial length
_BOUND_ROOM = (
    1.1  # and holds a weight so far beyond the initial bound; dead rows ended at 1.04 (techniques.md, 7)
)
_SHORT_ROOM = 0.75  # shorter than this share of its initial length, weight decay or learning has moved it
_GAP, _GAP_CLEAR = 0.10, 0.05  # accuracy on training images above that on validation images
_INVERSION = 0.20  # accuracy lost on inverted images that is worth a note
_TEMPERATURE = 1.5  # times too sure, or too unsure
_BINS = 15


@dataclass(frozen=True)
class Trained:
    """What the checks look at. N training images, V validation images (V may be 0), K classes, F features.

    Attributes:
        classes: names in code order.
        history: one row per epoch.
        best_epoch: the epoch whose weights were kept.
        diverged: whether training stopped because the loss or a weight was no longer a number.
        last_weights: of the last layer, float (K, F), without its bias.
        train_codes, train_predicted: of the training images as they are (no augmentation), evaluation mode (N,).
        codes: of the validation images (V,).
        logits: of the validation images, float (V, K), before any temperature.
        inverted_logits: of the same images with every level v made 255 - v, float (V, K).
        units: code from 0 of what each validation image belongs to (V,); images of one unit, such as one camera, are
            right and wrong together.
        temperature: that scores are divided by, fitted on the validation images; None where none was fitted.
        confidence: of intervals, such as 0.95.
    """

    classes: Sequence[str]
    history: "Sequence[Epoch]"
    best_epoch: int
    diverged: bool
    last_weights: np.ndarray
    train_codes: np.ndarray
    train_predicted: np.ndarray
    codes: np.ndarray
    logits: np.ndarray
    inverted_logits: np.ndarray
    units: np.ndarray
    temperature: float | None = None
    confidence: float = 0.95


def training_checks(trained: Trained) -> list[dict[str, Any]]:
    """Findings as dicts: `check`, `severity`, `subject`, `sentence`, `numbers`, `evidence` (""), one per check.

    Checks, in this order: divergence, dead_outputs, overfitting, polarity, calibration.
    """
    checks = (_divergence, _dead_outputs, _overfitting, _polarity, _calibration)
    return [check(trained).as_dict() for check in checks]


def last_weights(network: "Network") -> np.ndarray:
    """Weights of the last linear layer of a network, float64 (K, F)."""
    from torch import nn

    layers = [layer for layer in network.classifier.modules() if isinstance(layer, nn.Linear)]
    return layers[-1].weight.detach().cpu().double().numpy()


def _divergence(trained: Trained) -> Finding:
    """Did the loss become a number, and a better one than without looking?"""
    kept = next(epoch for epoch in trained.history if epoch.epoch == trained.best_epoch)
    on_validation = math.isfinite(kept.validation_loss)
    loss = kept.validation_loss if on_validation else kept.train_loss
    guessing, split = math.log(len(trained.classes)), "validation" if on_validation else "training"
    numbers = {
        "loss": loss,
        "guessing": guessing,
        "best_epoch": trained.best_epoch,
        "epochs": len(trained.history),
        "diverged": trained.diverged,
    }
    remedy = "try a smaller learning_rate"
    if loss >= _NO_BETTER * guessing:
        sentence = (
            f"At its best the {split} loss is {loss:.2f}, no better than that of calling all"
            f" {len(trained.classes)} classes equally likely ({guessing:.2f}): the network has learned nothing that"
            f" holds; {remedy}, or more epochs."
        )
        return Finding("divergence", "serious", "loss", sentence, numbers)
    if trained.diverged:
        sentence = (
            f"In epoch {len(trained.history)} the loss was no longer a number and training stopped; the weights are"
            f" those of epoch {trained.best_epoch} ({split} loss {loss:.2f}); {remedy}."
        )
        return Finding("divergence", "warn", "loss", sentence, numbers)
    sentence = f"Training converged: {split} loss {loss:.2f}, where guessing has {guessing:.2f}."
    return Finding("divergence", "ok", "loss", sentence, numbers)


def _dead_outputs(trained: Trained) -> Finding:
    """Classes that the network never says of the images it was trained on, or never learned to say.

    ReLU on the logits, or a step too large, silences an output for good: its row of the last layer gets no gradient
    and stays as it was drawn (`torch.nn.Linear`: uniform within 1 / sqrt(F)). A row may stay near its start in a
    network that is well, as long as the others move away from it; so it counts only where its class has a recall
    or a precision below one half: where all logits are 0 the first class is said of everything.
    """
    count = len(trained.classes)
    images = np.bincount(trained.train_codes, minlength=count)
    said = np.bincount(trained.train_predicted, minlength=count)
    right = np.bincount(trained.train_codes[trained.train_codes == trained.train_predicted], minlength=count)
    silent = (said == 0) & (images > 0)
    poor = (2 * right < images) | (2 * right < said)
    asleep = _unmoved(trained.last_weights) & poor & (images > 0)
    never = {name: int(images[code]) for code, name in enumerate(trained.classes) if silent[code]}
    unmoved = [name for code, name in enumerate(trained.classes) if asleep[code]]
    numbers = {"never_predicted": never, "unmoved": unmoved}
    if not (never or unmoved):
        sentence = "Every class is said of some training image."
        return Finding("dead_outputs", "ok", "classes", sentence, numbers)
    parts = []
    if never:
        names = listed([f"{name} ({many(n, 'image')})" for name, n in never.items()])
        parts.append(f"never says {names} of a training image")
    if unmoved:
        parts.append(f"left the last layer's weights of {listed(unmoved)} as they were drawn")
    sentence = (
        f"The network {' and '.join(parts)}: these outputs are dead. Use no activation on the logits, a smaller"
        " learning_rate, or class_weights where the class is rare."
    )
    dead = [name for code, name in enumerate(trained.classes) if silent[code] or asleep[code]]
    return Finding("dead_outputs", "serious", listed(dead), sentence, numbers)


def _unmoved(weights: np.ndarray) -> np.ndarray:
    """Rows (K, F) that are as `torch.nn.Linear` draws them while another has left: bool (K,)."""
    bound, length = weights.shape[1] ** -0.5, 3**-0.5  # of numbers uniform in -bound to bound
    lengths = np.linalg.norm(weights, axis=1)
    left = (lengths > _LEFT * length) | (np.abs(weights).max(axis=1) > _BOUND_ROOM * bound)
    if not left.any():
        return np.zeros(len(weights), dtype=bool)
    return np.asarray(~left & (lengths > _SHORT_ROOM * length))


def _overfitting(trained: Trained) -> Finding:
    """Accuracy on training images against that on validation images, with Newcombe's interval."""
    n, n_validation = len(trained.train_codes), len(trained.codes)
    if not n_validation:
        return _not_judged("overfitting", "without validation images nobody knows what was learned by heart")
    right = int((trained.train_predicted == trained.train_codes).sum())
    right_validation = int((trained.logits.argmax(axis=1) == trained.codes).sum())
    gap, low, high = newcombe(right, n, right_validation, n_validation, trained.confidence)
    numbers = {
        "train": [right, n],
        "validation": [right_validation, n_validation],
        "gap": {"value": gap, "low": low, "high": high},
    }
    facts = (
        f"{counted(right, n)} of the training images and {counted(right_validation, n_validation)} of the validation"
        f" images are right, a gap of {_points(gap)} ({_range(low, high, trained.confidence)})"
    )
    if low >= _GAP_CLEAR and gap >= _GAP:
        severity, remark = (
            "warn",
            (
                "much was learned by heart; more images, crop, cutout, dropout, weight_decay or fewer epochs help"
            ),
        )
    elif low > 0:
        severity, remark = "info", "something was learned by heart"
    elif high > _GAP:
        severity, remark = "not_enough_data", "too few validation images to say more"
    else:
        severity, remark = "ok", "no sign of learning by heart"
    return Finding("overfitting", severity, "training images", f"{facts}: {remark}.", numbers)


def _polarity(trained: Trained) -> Finding:
    """Are inverted images read worse, as they should be where light and dark mean something, or even better?"""
    if not len(trained.codes):
        return _not_judged("polarity", "there are no validation images to invert")
    plain, inverted = (
        scores.argmax(axis=1) == trained.codes for scores in (trained.logits, trained.inverted_logits)
    )
    pair = compare_pair(inverted, plain, trained.units, trained.confidence)
    n, change = len(plain), float(inverted.mean() - plain.mean())
    right, right_inverted = int(plain.sum()), int(inverted.sum())
    numbers = {
        "right": right,
        "right_inverted": right_inverted,
        "n": n,
        "difference": pair.difference,
        "p": pair.p,
    }
    facts = (
        f"{counted(right, n)} of the validation images are right, of the same images inverted"
        f" {counted(right_inverted, n)}"
    )
    if math.isnan(pair.p):
        return Finding("polarity", "not_enough_data", "inversion", f"{facts}: too few to compare.", numbers)
    sure = pair.p < 1 - trained.confidence
    if sure and change > 0:
        sentence = (
            f"Inverted images are read better than the images themselves ({chance(pair.p)}): {facts}. Training and"
            " validation images seem to differ in polarity: look at both, and invert one of them."
        )
        return Finding("polarity", "warn", "inversion", sentence, numbers)
    if sure and change < -_INVERSION:
        sentence = (
            f"{facts}: give it images of the polarity it was trained on, dark on light or light on dark."
        )
        return Finding("polarity", "info", "inversion", sentence, numbers)
    return Finding("polarity", "ok", "inversion", f"{facts}.", numbers)


def _calibration(trained: Trained) -> Finding:
    """Is the network as often right as it says? Its temperature tells, where it does better than a temperature of 1."""
    if trained.temperature is None or not len(trained.codes):
        return _not_judged(
            "calibration", "no temperature was fitted, because there are no validation images to do it on"
        )
    before, after = (softmax(trained.logits / temperature) for temperature in (1.0, trained.temperature))
    losses = [_log_loss(shares, trained.codes) for shares in (before, after)]
    errors = [calibration_error(shares, trained.codes) for shares in (before, after)]
    # likelihood ratio, chi2 of one degree of freedom
    p = math.erfc(math.sqrt(max(0.0, len(trained.codes) * (losses[0] - losses[1]))))
    numbers = {
        "temperature": trained.temperature,
        "calibration_error": errors,
        "log_loss": losses,
        "p": p,
        "n": len(trained.codes),
    }
    facts = (
        f"temperature {trained.temperature:.2f}, expected calibration error {errors[0]:.3f} before and {errors[1]:.3f}"
        f" after, on the {many(len(trained.codes), 'validation image')} it was fitted on"
    )
    far = max(trained.temperature, 1 / trained.temperature) > _TEMPERATURE
    if far and p < 1 - trained.confidence:
        side = "surer" if trained.temperature > 1 else "less sure"
        sentence = (
            f"The network is {side} of itself than it is right ({chance(p)}): {facts}. Read its scores only after"
            " division by the temperature."
        )
        return Finding("calibration", "info", "scores", sentence, numbers)
    return Finding("calibration", "ok", "scores", f"Scores can be read as chances: {facts}.", numbers)


def calibration_error(shares: np.ndarray, codes: np.ndarray, bins: int = _BINS) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over bins of confidence (Guo et al. 2017).

    It is above 0 by luck alone, about .08 of 50 images and .03 of 300, so it describes and does not judge.

    Args:
        shares: probabilities (N, K), N >= 1.
        codes: class codes (N,).
        bins: of equal width from 0 to 1; the upper end belongs to a bin.
    """
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == codes
    places = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(places, weights=confidence - right, minlength=bins)).sum() / len(codes))


def _log_loss(shares: np.ndarray, codes: np.ndarray) -> float:
    return float(-np.log(np.maximum(shares[np.arange(len(codes)), codes], 1e-300)).mean())


def _not_judged(check: str, reason: str) -> Finding:
    return Finding(check, "not_enough_data", "validation images", f"Not judged: {reason}.", {})


def _points(difference: float) -> str:
    return f"{100 * difference:.1f} points"


def _range(low: float, high: float, confidence: float) -> str:
    return f"{100 * confidence:g} % {100 * low:.1f} to {100 * high:.1f}"
