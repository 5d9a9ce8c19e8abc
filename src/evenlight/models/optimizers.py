"""The optimizers, and the rate's way up and down.

SGD and AdamW do step for step what torch.optim does. torch's own import its compiler: 2 to 4 CPU seconds in every
training job.
"""

import math
from collections.abc import Iterable

import torch

from evenlight.models.cnn_options import CnnOptions

_SMALL = 1e-8  # AdamW divides by no less: torch.optim's default
_SQUARES = 0.999  # AdamW's second beta: torch.optim's default
_OTHERS = 1 / 24  # Muon: AdamW's rate, as a share of the filters'

# Muon: one step of Newton's iteration makes a singular value s into a s + b s^3 + c s^5; three bring most of them
# near 1 (Jordan 2024, who chose a, b and c for the steepest start)
_NEWTON = (3.4445, -4.7750, 2.0315)
_NEWTON_STEPS = 3


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


class Muon:
    """Muon for filters (Jordan et al. 2024), AdamW for all other weights; `state` is what its next step depends on.

    A filter bank moves by its momentum made orthogonal: by the same length in every direction, however small the
    gradient there. Banks keep one length, as batch normalization, which has to come after them, undoes any other.
    """

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], momentum: float, weight_decay: float
    ) -> None:
        parameters = list(parameters)
        self._filters = [parameter for parameter in parameters if parameter.ndim == 4]
        self._velocities = [torch.zeros_like(bank) for bank in self._filters]
        self._others = AdamW([other for other in parameters if other.ndim != 4], momentum, weight_decay)
        self.state = [*self._velocities, *self._others.state]
        self._momentum = momentum

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter, and forget the gradient."""
        self._others.step(rate * _OTHERS)
        for bank, velocity in zip(self._filters, self._velocities, strict=True):
            slope = bank.grad
            assert slope is not None
            velocity.mul_(self._momentum).add_(slope)
            slope = slope.add(velocity, alpha=self._momentum)
            bank.mul_(math.sqrt(len(bank)) / bank.norm())
            bank.sub_(orthogonal(slope.flatten(1)).view_as(bank), alpha=rate)
            bank.grad = None


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About the nearest matrix with orthogonal rows or columns: singular values between .3 and 1.2 or so.

    Newton and Schulz's iteration as Muon does it. The powers are taken of the small square matrix of inner products.

    Args:
        matrix: float32 (M, N), of any scale.
    """
    if len(matrix) > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / (matrix.norm() + _SMALL)
    products = matrix @ matrix.T
    a, b, c = _NEWTON
    same = torch.eye(len(matrix), device=matrix.device)
    total = same
    for _ in range(_NEWTON_STEPS):
        factor = a * same + b * products + c * products @ products
        products = factor @ products @ factor
        total = factor @ total
    return total @ matrix


_OPTIMIZERS: dict[str, type[Sgd | AdamW | Muon]] = {"sgd": Sgd, "adamw": AdamW, "muon": Muon}


def build_optimizer(options: CnnOptions, parameters: Iterable[torch.nn.Parameter]) -> Sgd | AdamW | Muon:
    """The optimizer that the options name."""
    return _OPTIMIZERS[options.optimizer](parameters, options.momentum, options.weight_decay)
