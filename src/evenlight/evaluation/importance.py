"""What a trained model does with each feature family: accuracy lost when the family's columns are shuffled.

Permutation importance (Breiman 2001) with all columns of a family shuffled together among images, because single
columns of a family stand in for each other. It describes the model that was trained, on the test images; it is not
for choosing families, which is what the ablation on training images is for (`ablation.py`): a model may lean on a
family that it could do without, and shuffling makes images that do not exist.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import Field

from evenlight.evaluation.resampling import Bootstrap, mean_estimates, not_certain
from evenlight.runtime import seed_for
from evenlight.settings import Settings


class Importance(Settings):
    """How the importance of families is measured."""

    repeats: int = Field(10, ge=1, le=1000, description="shufflings of each family")
    maximum: int = Field(1000, ge=10, description="test images used, a stratified sample of them")
    seed: int = Field(0, ge=0, description="of the sample, the shufflings and the resamples")


def family_importance(
    predict: Callable[[np.ndarray], np.ndarray],
    values: np.ndarray,
    codes: np.ndarray,
    keys: np.ndarray,
    families: Mapping[str, np.ndarray],
    options: Importance,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Accuracy, and what is lost of it when a family is shuffled, largest loss first.

    The loss of an image is averaged over the repeats, and intervals come from resampling images (by key), not
    repeats: repeats only say how well this sample's loss is known, images how far it holds for others. A family that
    the model does not use costs exactly 0.

    Args:
        predict: class codes (N,) of rows like `values`.
        values: what the model sees of the test images, float32 (N, D), N >= 1; not changed.
        codes: their class codes (N,).
        keys: images that share one are resampled together (N,).
        families: name -> places of its columns.
        options: `maximum` is the caller's business.
        bootstrap: how intervals are made.

    Returns:
        `n`, `keys`, `accuracy` and `families`: a list of `name`, `columns` and `loss`, an estimate.
    """
    right = (predict(values) == codes).astype(np.float64)
    lost = []
    for name, places in families.items():
        shuffled, wrong = values.copy(), np.zeros(len(codes))
        for repeat in range(options.repeats):
            generator = np.random.Generator(np.random.PCG64(seed_for(options.seed, name, str(repeat))))
            shuffled[:, places] = values[generator.permutation(len(codes))][:, places]
            wrong += predict(shuffled) != codes
        lost.append(right - (1 - wrong / options.repeats))
    numbers = np.column_stack([right, *lost])
    seed = seed_for(options.seed, "importance")
    estimates = mean_estimates(numbers, keys, bootstrap, seed)
    rows = [
        {"name": name, "columns": len(places), "loss": loss}
        for (name, places), loss in zip(families.items(), estimates[1:], strict=True)
    ]
    key_count = len(np.unique(keys))
    return {
        "n": len(codes),
        "keys": key_count,
        "accuracy": not_certain(estimates[0], key_count, bootstrap.confidence),
        "families": sorted(rows, key=lambda row: (-row["loss"]["value"], row["name"])),
    }
