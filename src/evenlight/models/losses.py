"""What training lowers: cross entropy, in which images may count more or less."""

import numpy as np
import torch

from evenlight.models.cnn_options import CnnOptions
from evenlight.models.fair import loss_weights


def image_weights(options: CnnOptions, codes: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """How much each training image counts in the loss: float32 (N,) of mean 1.

    Args:
        options: with `class_weights` every class weighs the same; `fair` may make groups do so. Both are multiplied.
        codes: of the classes (N,).
        groups: codes (N,), for fair training.
    """
    weights = np.ones(len(codes))
    if options.class_weights:
        weights /= np.bincount(codes)[codes]
    if options.fair and groups is not None:
        by_group = loss_weights(options.fair.method, codes, groups, options.fair.cap)
        weights *= 1 if by_group is None else by_group
    return (weights / weights.mean()).astype(np.float32)


def weighted_cross_entropy(
    logits: torch.Tensor, codes: torch.Tensor, weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Mean over images of weight times cross entropy.

    Args:
        logits: (N, K), raw.
        codes: of the classes, int64 (N,).
        weights: of the images (N,).
        smoothing: share of the target spread evenly over all classes.
    """
    each = torch.nn.functional.cross_entropy(
        logits.float(), codes, reduction="none", label_smoothing=smoothing
    )
    return (each * weights).mean()
