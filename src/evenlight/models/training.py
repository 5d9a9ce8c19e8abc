"""The training loop of the networks, in one readable piece.

It logs to no server, and writes no file but the checkpoint that it is given. Every random number comes from the seed
and the epoch, and torch computes with a fixed number of threads, so the same inputs give the same bytes at any
`--cores`, also when training was interrupted.
"""

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight.dataset import channel_statistics
from evenlight.errors import UserError
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.inference import evaluate_network, prepare_torch, run_network, to_tensor
from evenlight.progress import bar, say
from evenlight.runtime import seed_for
from evenlight.sampling import sample

if TYPE_CHECKING:
    import torch

    from evenlight.dataset import MappedImages
    from evenlight.models.checkpoints import Checkpoint
    from evenlight.models.cnn import Network
    from evenlight.models.fair import Adversary

_LEARNED_FROM = 2**21  # pixels that a network may learn its first layer from: 2,048 images of 32 x 32


@dataclass(frozen=True)
class Examples:
    """Images of a split: uint8 (N, H, W, C), and their class codes and, for fair training, group codes (N,)."""

    images: "np.ndarray | MappedImages"
    codes: np.ndarray
    groups: np.ndarray | None = None

    def known_groups(self) -> np.ndarray:
        """Group codes (N,).

        Raises:
            ValueError: there are none.
        """
        if self.groups is None:
            raise ValueError("fair training needs group codes")
        return self.groups


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv; validation numbers are NaN where there is no validation image.

    The training loss is the one that was lowered: smoothed and weighted as the options say, without an adversary's.
    The learning rate is that of the last step.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class Outcome:
    """What training gives.

    `network` is on the CPU, in evaluation mode, with the weights of `best_epoch`: the first of the least validation
    loss, the last one where there is no validation image. `diverged`: training stopped because the loss was no number.
    """

    network: "Network"
    history: list[Epoch]
    best_epoch: int
    diverged: bool


def train_network(
    options: CnnOptions,
    training: Examples,
    validation: Examples,
    class_count: int,
    seed: int,
    color: str = "rgb",
    checkpoint: "Checkpoint | None" = None,
) -> Outcome:
    """Train with a one-cycle schedule; keep the weights of the best validation epoch.

    Args:
        options: the model's entry in params.yaml.
        training: at least one image.
        validation: possibly empty.
        class_count: K.
        seed: of initial weights, order, augmentation and dropout.
        color: the space that the images are in.
        checkpoint: where to go on from, and what to write after every epoch; None: training starts at the beginning.

    Raises:
        UserError: the loss is not a number from the start, the images are too small for the network, or there is no
            such device.
    """
    run = _Run(options, training, len(validation.codes) > 0, class_count, seed, color)
    stored = checkpoint.load() if checkpoint else None
    if stored:
        run.restore(*stored)
        say(f"  going on after epoch {len(run.history)} of {options.epochs}")
    started, earlier = time.monotonic(), len(run.history)
    diverged = False
    while not run.finished():
        number = len(run.history) + 1
        loss, accuracy, rate = _train_epoch(run, number, training)
        check = evaluate_network(run.network, validation.images, validation.codes)
        run.history.append(Epoch(number, loss, accuracy, *check, rate))
        diverged = not (np.isfinite(loss) and _is_finite(run.network))
        if diverged:
            say(f"  epoch {number}: the loss is no longer a number; try a smaller learning_rate")
            break
        run.keep_if_best()
        if checkpoint:
            checkpoint.save(run.tensors(), run.facts())
        _say_epoch(run.history[-1], options.epochs, (time.monotonic() - started) / (number - earlier))
    if not run.best:
        raise UserError(
            "params.yaml: the network's loss is not a number from the start; try a smaller learning_rate"
        )
    run.network.load_state_dict(run.best)
    return Outcome(run.network.cpu().eval(), run.history, run.best_epoch, diverged)


class _Run:
    """A training under way: what stays the same, and what the next epoch depends on."""

    def __init__(
        self,
        options: CnnOptions,
        training: Examples,
        validated: bool,
        class_count: int,
        seed: int,
        color: str,
    ) -> None:
        import torch

        from evenlight.models.cnn import build_network
        from evenlight.models.devices import choose_device
        from evenlight.models.losses import image_weights
        from evenlight.models.optimizers import build_optimizer
        from evenlight.models.shrinking import check_shrinking

        prepare_torch(seed, options.threads)
        self.device = choose_device(options.device)
        if self.device.type == "cuda":  # some gradients have no repeatable form there
            torch.set_deterministic_debug_mode("default")
        self.options, self.validated, self.seed, self.color = options, validated, seed, color
        self.network = build_network(options, training.images.shape[1:], class_count)
        if options.small_first:
            check_shrinking(self.network, options.network, training.images.shape[1:])
        mean, deviation = channel_statistics(training.images)
        self.network.set_normalization(mean, deviation)
        self._learn_first_layer(training.images)
        self.fill = np.rint(mean * 255).astype(np.uint8)
        self.weights = image_weights(options, training.codes, training.groups)
        self.adversary = self._adversary(training)
        if options.freeze:
            self.network.requires_grad_(False)
            self.network.classifier.requires_grad_(True)
        modules = {"network": self.network, "adversary": self.adversary}
        self.modules = torch.nn.ModuleDict(
            {name: module for name, module in modules.items() if module is not None}
        )
        self.modules.to(self.device)
        learning = [parameter for parameter in self.modules.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(options, learning)
        self.history: list[Epoch] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_epoch = 0

    def _learn_first_layer(self, images: "np.ndarray | MappedImages") -> None:
        most = max(1, _LEARNED_FROM // (images.shape[1] * images.shape[2]))
        self.network.learn(to_tensor(images[sample(len(images), most, self.seed)]))

    def _adversary(self, training: Examples) -> "Adversary | None":
        fair = self.options.fair
        if fair is None or fair.method != "adversarial":
            return None
        from evenlight.models.fair import Adversary

        feature_count = run_network(self.network, training.images[:1])[1].shape[1]
        group_count = int(training.known_groups().max()) + 1
        return Adversary(feature_count, group_count, fair.strength, seed_for(self.seed, "adversary"))

    def penalty(
        self, features: "torch.Tensor", training: Examples, rows: np.ndarray, progress: float
    ) -> "torch.Tensor | float":
        """What the adversary adds to the loss; 0 where there is none."""
        import torch

        if self.adversary is None:
            return 0.0
        groups = torch.from_numpy(training.known_groups()[rows]).to(self.device)
        return self.adversary.loss(features.float(), groups, progress)

    def start_epoch(self) -> None:
        """Training mode: dropout on, batch statistics learned; of a frozen network in the classifier only."""
        self.modules.train()
        if self.options.freeze:
            self.network.trunk.eval()
            self.network.head.eval()

    def keep_if_best(self) -> None:
        """Remember the weights when the last epoch has the least validation loss so far, or nobody knows it."""
        losses = [epoch.validation_loss for epoch in self.history]
        best = losses[self.best_epoch - 1] if self.best_epoch else np.inf
        if not self.validated or losses[-1] < best:
            self.best_epoch = len(self.history)
            self.best = {name: value.clone() for name, value in self.network.state_dict().items()}

    def finished(self) -> bool:
        """All epochs done, or too many in a row without a better one."""
        done, patience = len(self.history), self.options.patience
        return done == self.options.epochs or (patience is not None and done - self.best_epoch >= patience)

    def tensors(self) -> dict[str, "torch.Tensor"]:
        """All that the next epoch depends on besides history, data, options and seed."""
        return {
            **self.modules.state_dict(),
            **{f"optimizer.{place}": value for place, value in enumerate(self.optimizer.state)},
            **{f"best.{name}": value for name, value in self.best.items()},
        }

    def restore(self, tensors: dict[str, "torch.Tensor"], facts: dict[str, Any]) -> None:
        """Put back what `tensors` and `facts` held."""
        self.history = [Epoch(**row) for row in facts["history"]]
        self.best_epoch = facts["best_epoch"]
        self.modules.load_state_dict({name: tensors[name] for name in self.modules.state_dict()})
        for place, value in enumerate(self.optimizer.state):
            value.copy_(tensors[f"optimizer.{place}"])
        self.best = {name: tensors[f"best.{name}"] for name in self.network.state_dict()}

    def facts(self) -> dict[str, Any]:
        """The rest of it, fit for JSON."""
        return {"history": [asdict(epoch) for epoch in self.history], "best_epoch": self.best_epoch}


def _is_finite(network: "Network") -> bool:
    """False when the last step left a weight that is no number: its loss was still computed before."""
    return all(bool(value.isfinite().all()) for value in network.state_dict().values())


def _train_epoch(run: _Run, number: int, training: Examples) -> tuple[float, float, float]:
    """One pass; returns mean loss and accuracy over the batches as they were trained on, and the last step's rate."""
    import torch

    from evenlight.models.augmentation import augment
    from evenlight.models.devices import forward_precision
    from evenlight.models.losses import weighted_cross_entropy
    from evenlight.models.optimizers import one_cycle
    from evenlight.models.shrinking import shrink

    options, count = run.options, len(training.codes)
    # drawn anew for every epoch, so that going on after an interruption needs no generator's state
    draws = np.random.Generator(np.random.PCG64(seed_for(run.seed, "epoch", str(number))))
    torch.manual_seed(seed_for(run.seed, "dropout", str(number)))
    batches = _batches(_order(options, training, draws), options.batch_size)
    steps = options.epochs * len(batches)
    run.start_epoch()
    losses = torch.zeros((), dtype=torch.float64, device=run.device)
    right = torch.zeros((), dtype=torch.int64, device=run.device)
    rate = 0.0
    for step, rows in enumerate(bar(batches, len(batches), f"epoch {number}/{options.epochs}")):
        done = (number - 1) * len(batches) + step
        images = to_tensor(augment(training.images[rows], options, run.color, run.fill, draws), run.device)
        if done < options.small_first * steps:
            images = shrink(images)
        codes = torch.from_numpy(training.codes[rows]).long().to(run.device)
        weights = torch.from_numpy(run.weights[rows]).to(run.device)
        with forward_precision(run.device, options.precision):
            features = run.network.features(images)
            logits = run.network.classifier(features)
        loss = weighted_cross_entropy(logits, codes, weights, options.label_smoothing)
        penalty = run.penalty(features, training, rows, done / steps)
        (loss + penalty).backward()
        rate = options.learning_rate * one_cycle(done, steps, options.warm_up)
        run.optimizer.step(rate)
        losses += loss.detach() * len(rows)
        right += (logits.argmax(1) == codes).sum()
    return float(losses) / count, int(right) / count, rate


def _order(options: CnnOptions, training: Examples, draws: np.random.Generator) -> np.ndarray:
    """The images of one epoch: every one once, or as fair training draws them."""
    fair = options.fair
    if fair is None:
        return draws.permutation(len(training.codes))
    from evenlight.models.fair import draw_order

    return draw_order(fair.method, training.codes, training.known_groups(), fair.cap, draws)


def _batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Parts of at least two rows, each sorted: batch normalization can't learn from one image."""
    starts = list(range(0, len(order), size))
    if len(order) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    return [np.sort(part) for part in np.split(order, starts[1:])]


def _say_epoch(epoch: Epoch, epochs: int, seconds: float) -> None:
    line = f"  epoch {epoch.epoch}/{epochs}  train loss {epoch.train_loss:.3f} accuracy {epoch.train_accuracy:.3f}"
    if np.isfinite(epoch.validation_loss):
        line += f"  validation loss {epoch.validation_loss:.3f} accuracy {epoch.validation_accuracy:.3f}"
    say(f"{line}  ({seconds * (epochs - epoch.epoch):.0f} s left)")
