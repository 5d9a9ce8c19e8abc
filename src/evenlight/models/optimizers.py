"""The two optimizers, and the rate's way up and down.

They do step for step what torch.optim does. torch's own import its compiler: 2 to 4 CPU seconds in every training job.
"""

import math
from collections.abc import Iterable

import torch

from evenlight.models.cnn_options import CnnOptions

_SMALL = 1e-8  # AdamW divides by no less: torch.optim's default
_SQUARES = 0.999  # AdamW's second beta: torch.optim's default


def one_cycle(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak rate at a step from 0: half a cosine from 1/25 up to 1, another down to 1/250,000.

    The shape of torch's OneCycleLR (Smith and Topin 2019), at the middle of each step, so that one step is enough.

    Args:
        step: 0 to steps - 1.
        steps: of the whole training.
        warm_up: share of them until the peak, between 0 and 1.
    """
    done = (step + 0.5) / steps
    if done < warm_up:
        return _half_cosine(1 / 25, 1, done / warm_up)
    return _half_cosine(1, 1 / 250_000, (done - warm_up) / (1 - warm_up))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


class Sgd:
    """Stochastic gradient descent with Nesterov momentum; `state` is what its next step depends on."""

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], momentum: float, weight_decay: float
    ) -> None:
        self.parameters = list(parameters)
        self.state = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._momentum, self._decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter against its gradient, and forget the gradient."""
        for parameter, velocity in zip(self.parameters, self.state, strict=True):
            assert parameter.grad is not None
            slope = parameter.grad.add(parameter, alpha=self._decay)
            velocity.mul_(self._momentum).add_(slope)
            parameter.sub_(slope.add_(velocity, alpha=self._momentum), alpha=rate)
            parameter.grad = None


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); `state` is what its next step depends on."""

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], momentum: float, weight_decay: float
    ) -> None:
        self.parameters = list(parameters)
        self._means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._steps = torch.zeros((), dtype=torch.int64)
        self.state = [*self._means, *self._squares, self._steps]
        self._momentum, self._decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter against its mean gradient in units of its size, and forget the gradient."""
        self._steps += 1
        steps = int(self._steps)
        size = rate / (1 - self._momentum**steps)
        correction = math.sqrt(1 - _SQUARES**steps)
        for parameter, mean, square in zip(self.parameters, self._means, self._squares, strict=True):
            slope = parameter.grad
            assert slope is not None
            parameter.mul_(1 - rate * self._decay)
            mean.lerp_(slope, 1 - self._momentum)
            square.mul_(_SQUARES).addcmul_(slope, slope, value=1 - _SQUARES)
            parameter.addcdiv_(mean, square.sqrt().div_(correction).add_(_SMALL), value=-size)
            parameter.grad = None


def build_optimizer(options: CnnOptions, parameters: Iterable[torch.nn.Parameter]) -> Sgd | AdamW:
    """The optimizer that the options name."""
    kind = Sgd if options.optimizer == "sgd" else AdamW
    return kind(parameters, options.momentum, options.weight_decay)
