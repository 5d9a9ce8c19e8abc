"""Train, validation and test without tearing apart what belongs together.

Pure functions on arrays of labels and keys. A key (source, or the pixel hash of exact copies) names what must stay
in one split.
"""

from collections.abc import Mapping

import numpy as np

from evenlight.runtime import seed_for

SPLITS = ("train", "validation", "test")

# weight of the shares over all against those within classes; higher keeps small splits full where classes are tiny,
# lower stratifies better where sources are large (3 of 0 to 30 tried: within a point of the best on both)
_OVER_ALL = 3.0


def make_split(labels: np.ndarray, keys: np.ndarray, fractions: Mapping[str, float], seed: int) -> np.ndarray:
    """Assign every image to a split, stratified by class, with all images of one key in one split.

    Keys are visited from the largest to the smallest, in seeded order among equals; each goes to the split that
    lacks most of its images, class by class and over all (greedy, after Sechidis et al. 2011, "On the
    stratification of multi-label data", with a key in the place of a sample). Without "over all", a hundred classes
    of four images each would give no test image at all.

    Args:
        labels: int (N,), class codes from 0.
        keys: str (N,).
        fractions: split name -> share, in the order in which ties are broken; they need not sum to 1.
        seed: of the order among keys of one size.

    Returns:
        str (N,), names from `fractions`.
    """
    names = [name for name, fraction in fractions.items() if fraction > 0]
    share = np.array([fractions[name] for name in names], dtype=np.float64)
    unique_keys, codes = np.unique(keys, return_inverse=True)
    class_count = int(labels.max()) + 1
    counts = np.zeros((len(unique_keys), class_count), dtype=np.int64)
    np.add.at(counts, (codes, labels), 1)
    totals = np.maximum(counts.sum(axis=0), 1)
    share /= share.sum()
    wanted, wanted_over_all = np.outer(share, totals), share * len(labels)
    sizes = counts.sum(axis=1)
    order = sorted(
        range(len(unique_keys)), key=lambda k: (-sizes[k], seed_for(seed, "split", str(unique_keys[k])))
    )
    chosen = np.empty(len(unique_keys), dtype=np.int64)
    for key in order:
        # which share of this key's classes each split still lacks, rare classes counting as much as common ones
        weight = counts[key] / totals
        lack = (wanted / totals) @ (weight / weight.sum()) + _OVER_ALL * wanted_over_all / len(labels)
        chosen[key] = int(np.argmax(np.round(lack, 9)))
        wanted[chosen[key]] -= counts[key]
        wanted_over_all[chosen[key]] -= sizes[key]
    return np.array(names, dtype=object)[chosen[codes]]


def complete_split(
    given: np.ndarray, labels: np.ndarray, keys: np.ndarray, fractions: Mapping[str, float], seed: int
) -> np.ndarray:
    """Respect a given split; take out of `train` the splits that it lacks.

    Args:
        given: str (N,), a split name for every image.
        labels, keys, fractions, seed: as in `make_split`, for the same images.

    Returns:
        str (N,): as given, with the missing `validation` or `test` images moved out of `train`.
    """
    missing = [name for name in SPLITS[1:] if name not in set(given)]
    result = given.astype(object)  # an array of short strings would cut `validation` off
    train = given == "train"
    if missing and train.any():
        shares = {name: fractions[name] for name in SPLITS if name == "train" or name in missing}
        _, labels_in_train = np.unique(labels[train], return_inverse=True)
        result[train] = make_split(labels_in_train, keys[train], shares, seed)
    return result
