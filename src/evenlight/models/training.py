"""The training loop of the networks, in one readable piece.

It writes no file and logs to no server: it returns the network and its history. Every random number comes from the
seed, and torch computes with a fixed number of threads, so the same inputs give the same bytes at any `--cores`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenlight.errors import UserError
from evenlight.models.cnn_options import CnnOptions
from evenlight.progress import say

if TYPE_CHECKING:
    import torch

    from evenlight.models.cnn import Network

# a fixed number for a size, because the last digits of a result depend on it: 256 images of 64 x 64
_INFERENCE_PIXELS = 2**20


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv; validation numbers are NaN where there is no validation image."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


def prepare_torch(seed: int) -> None:
    """Fix everything that torch's results depend on."""
    import torch

    torch.set_num_threads(1)
    # the same switch as use_deterministic_algorithms(True), which imports torch's compiler: 5 CPU seconds
    torch.set_deterministic_debug_mode("error")
    torch.manual_seed(seed)


def train_network(
    options: CnnOptions,
    images: np.ndarray,
    codes: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    class_count: int,
    seed: int,
) -> tuple["Network", list[Epoch], int]:
    """Train with SGD, momentum and a one-cycle schedule; keep the weights of the best validation epoch.

    Args:
        options: the model's entry in params.yaml.
        images: uint8 (N, H, W, C), the training images.
        codes: class codes (N,).
        validation: images and codes of the validation split, possibly empty.
        class_count: K.
        seed: of initial weights, order, flips and dropout.

    Returns:
        The network in evaluation mode, one row per epoch, and the epoch whose weights were kept: the first of the
        least validation loss, the last one where there is no validation image.

    Raises:
        UserError: the loss is not a number from the start, or the images are too small for the network.
    """
    import torch

    from evenlight.models.cnn import build_network

    prepare_torch(seed)
    network = build_network(options, images.shape[1:], class_count)
    mean, deviation = channel_statistics(images)
    network.set_normalization(mean, deviation)
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=options.momentum > 0,
    )
    steps = options.epochs * -(-len(images) // options.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=options.learning_rate,
        total_steps=max(steps + 1, 6),  # with five, of which a fifth is one, it divides by zero
        pct_start=0.2,
        cycle_momentum=False,
    )
    draws = np.random.Generator(np.random.PCG64(seed))
    history: list[Epoch] = []
    best: dict[str, torch.Tensor] = {}
    best_epoch, best_score = 0, float("inf")
    started = time.monotonic()
    for number in range(1, options.epochs + 1):
        loss, accuracy = _train_epoch(network, optimizer, schedule, options, images, codes, draws)
        check = evaluate_network(network, *validation)
        rate = float(optimizer.param_groups[0]["lr"])
        history.append(Epoch(number, loss, accuracy, *check, rate))
        if not (np.isfinite(loss) and _is_finite(network)):
            say(f"  epoch {number}: the loss is no longer a number; try a smaller learning_rate")
            break
        # without validation images the last epoch counts
        score = check[0] if len(validation[1]) else -number
        if score < best_score:
            best_epoch, best_score = number, score
            best = {name: value.clone() for name, value in network.state_dict().items()}
        _say_epoch(history[-1], options.epochs, time.monotonic() - started)
    if not best:
        raise UserError(
            "params.yaml: the network's loss is not a number from the start; try a smaller learning_rate"
        )
    network.load_state_dict(best)
    return network.eval(), history, best_epoch


def _is_finite(network: "Network") -> bool:
    """False when the last step left a weight that is no number: its loss was still computed before."""
    return all(bool(value.isfinite().all()) for value in network.state_dict().values())


def _train_epoch(
    network: "Network",
    optimizer: "torch.optim.Optimizer",
    schedule: "torch.optim.lr_scheduler.LRScheduler",
    options: CnnOptions,
    images: np.ndarray,
    codes: np.ndarray,
    draws: np.random.Generator,
) -> tuple[float, float]:
    """One pass in random order; returns mean loss and accuracy over the batches as they were trained on."""
    import torch

    network.train()
    total, right = 0.0, 0
    order = draws.permutation(len(images))
    for rows in _batches(order, options.batch_size):
        batch = images[np.sort(rows)]
        target = torch.from_numpy(codes[np.sort(rows)].astype(np.int64))
        if options.flip:
            mirrored = draws.random(len(rows)) < 0.5
            batch[mirrored] = batch[mirrored, :, ::-1]
        logits = network(to_tensor(batch))
        loss = torch.nn.functional.cross_entropy(logits, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += float(loss.detach()) * len(rows)
        right += int((logits.argmax(1) == target).sum())
    return total / len(images), right / len(images)


def _batches(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Parts of at least two rows: batch normalization can't learn from one image."""
    starts = list(range(0, len(order), size))
    if len(order) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield order[start:end]


def channel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of uint8 images (N, H, W, C), each float64 (C,) in 0 to 1."""
    counts = np.zeros((images.shape[3], 256), dtype=np.int64)
    for image in images:  # one at a time: bincount makes every byte eight
        counts += [np.bincount(image[..., c].ravel(), minlength=256) for c in range(images.shape[3])]
    levels = np.arange(256) / 255
    mean = counts @ levels / counts.sum(axis=1)
    variance = counts @ levels**2 / counts.sum(axis=1) - mean**2
    return mean, np.sqrt(np.maximum(variance, 1e-6))


def to_tensor(images: np.ndarray) -> "torch.Tensor":
    """uint8 (N, H, W, C) -> float32 (N, C, H, W) in 0 to 1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def evaluate_network(network: "Network", images: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """Mean cross entropy and accuracy; NaN without images."""
    if len(codes) == 0:
        return float("nan"), float("nan")
    logits, _ = run_network(network, images)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_shares[np.arange(len(codes)), codes].mean()
    return float(loss), float((logits.argmax(axis=1) == codes).mean())


def run_network(network: "Network", images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, K) and last-layer features (N, D) of uint8 images (N, H, W, C), both float64."""
    import torch

    network.eval()
    batch = max(1, _INFERENCE_PIXELS // (images.shape[1] * images.shape[2]))
    logits, features = [], []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            hidden = network.features(to_tensor(images[start : start + batch]))
            features.append(hidden.double().numpy())
            logits.append(network.classifier(hidden).double().numpy())
    return np.concatenate(logits), np.concatenate(features)


def _say_epoch(epoch: Epoch, epochs: int, seconds: float) -> None:
    left = seconds / epoch.epoch * (epochs - epoch.epoch)
    line = f"  epoch {epoch.epoch}/{epochs}  train loss {epoch.train_loss:.3f} accuracy {epoch.train_accuracy:.3f}"
    if np.isfinite(epoch.validation_loss):
        line += f"  validation loss {epoch.validation_loss:.3f} accuracy {epoch.validation_accuracy:.3f}"
    say(f"{line}  ({left:.0f} s left)")
