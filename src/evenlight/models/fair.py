"""Training that makes up for unequal groups: weights in the loss, draws by weight, an adversary on the features.

Groups are codes from 0 of an attribute's sorted values (`group_codes`); training never infers them from pixels.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from evenlight.labelling import UNKNOWN

LOSS_WEIGHTED = ("group_weights",)
DRAWN = ("reweighing", "balanced")
WEIGHTED = LOSS_WEIGHTED + DRAWN
_HIDDEN = 32  # units of the adversary: enough to read a group that no straight line gives away
_ROUNDING = 1e-9


def group_codes(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """An attribute's values as codes, int64 (N,), of its sorted values; a missing value is the group "unknown"."""
    names, codes = np.unique(np.where(values == "", UNKNOWN, values).astype(str), return_inverse=True)
    return codes.astype(np.int64), [str(name) for name in names]


def image_weights(method: str, codes: np.ndarray, groups: np.ndarray, cap: float) -> np.ndarray:
    """How much each training image counts.

    group_weights: every group weighs the same, 1 / n(g). reweighing: class and group are independent,
    n(g) n(y) / n(g, y) (Kamiran and Calders 2012); exactly so without the cap, where no class of a group is empty.
    balanced: every class of every group weighs the same, 1 / n(g, y).

    Args:
        method: one of `WEIGHTED`.
        codes: class codes (N,), N >= 1.
        groups: group codes (N,).
        cap: no image counts more than so many times the average, >= 1; what it takes goes to the others in proportion.

    Returns:
        float64 (N,) of mean 1.
    """
    cells = np.bincount(groups * (codes.max() + 1) + codes)[groups * (codes.max() + 1) + codes]
    if method == "group_weights":
        weights = 1 / np.bincount(groups)[groups]
    elif method == "reweighing":
        weights = np.bincount(groups)[groups] * np.bincount(codes)[codes] / cells
    elif method == "balanced":
        weights = 1 / cells
    else:
        raise ValueError(f"{method!r} weighs no images")
    return _capped(weights, cap)


def _capped(weights: np.ndarray, cap: float) -> np.ndarray:
    """Positive weights (N,) scaled to a mean of 1 with none above `cap`."""
    full = np.zeros(len(weights), dtype=bool)
    while True:
        left = len(weights) - cap * full.sum()
        weights = np.where(full, cap, weights * (left / weights[~full].sum()))
        over = ~full & (weights > cap * (1 + _ROUNDING))
        if not over.any():
            return weights
        full |= over


def effective_size(weights: np.ndarray) -> float:
    """How many images of equal weight tell as much as these: (sum w)^2 / sum w^2 (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def loss_weights(method: str, codes: np.ndarray, groups: np.ndarray, cap: float) -> np.ndarray | None:
    """Weight of each training image in the loss, float64 (N,) of mean 1; None where the method weighs no loss.

    Arguments as for `image_weights`, of any method.
    """
    return image_weights(method, codes, groups, cap) if method in LOSS_WEIGHTED else None


def draw_order(
    method: str, codes: np.ndarray, groups: np.ndarray, cap: float, draws: np.random.Generator
) -> np.ndarray:
    """The images of one epoch: int64 (N,).

    Drawn with replacement by weight where the method does so, else every image once. Arguments as for
    `image_weights`, of any method.
    """
    count = len(codes)
    if method not in DRAWN:
        return draws.permutation(count)
    weights = image_weights(method, codes, groups, cap)
    return draws.choice(count, size=count, p=weights / weights.sum())


class _Reversal(torch.autograd.Function):
    """Forward the identity, backward -strength times the gradient (Ganin and Lempitsky 2015)."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradients[0], None


class Adversary(nn.Module):
    """Reads the group from the features, while the network below is trained to leave it nothing to read.

    Args:
        feature_count: F.
        group_count: number of groups.
        strength: of the reversed gradient, at the end of its ramp; 0 leaves the network as it would be without.
        seed: of the initial weights; torch's own generator is not touched.
    """

    def __init__(self, feature_count: int, group_count: int, strength: float, seed: int) -> None:
        super().__init__()
        self.strength = strength
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.Sequential(
            _linear(feature_count, _HIDDEN, generator), nn.ReLU(), _linear(_HIDDEN, group_count, generator)
        )

    def loss(self, features: torch.Tensor, groups: torch.Tensor, progress: float) -> torch.Tensor:
        """What is added to the task's loss.

        Args:
            features: (N, F).
            groups: group codes, int64 (N,).
            progress: share of training that is done, 0 to 1: the strength rises from 0 as 2 / (1 + exp(-10 p)) - 1,
                because at first the adversary knows nothing.

        Returns:
            The mean cross entropy of the groups. Its gradient trains the adversary to lower it and, reversed, the
            features to raise it.
        """
        strength = self.strength * float(2 / (1 + np.exp(-10 * progress)) - 1)
        reversed_features = _Reversal.apply(features, strength)
        return nn.functional.cross_entropy(self.layers(reversed_features), groups)


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """`nn.Linear` with its usual initial weights, drawn from a generator of its own."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    bound = inputs**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer
