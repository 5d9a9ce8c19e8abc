"""Train, validation and test without tearing apart what belongs together.

Pure functions on arrays of labels and keys. A key names what must stay in one split: a source, a component of
near-duplicates, or the copies of one picture.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from evenlight.runtime import seed_for

SPLITS = ("train", "validation", "test")

# weight of the shares over all against those within classes; higher keeps small splits full where classes are tiny,
# lower stratifies better where sources are large (3 of 0 to 30 tried: within a point of the best on both)
_OVER_ALL = 3.0


def make_split(
    labels: np.ndarray,
    keys: np.ndarray,
    fractions: Mapping[str, float],
    seed: int,
    known: np.ndarray | None = None,
) -> np.ndarray:
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
        known: str (N,), the split that an image was given in an earlier draw, "" for new images. It never changes;
            new images of a key follow the known ones. Where new images join keys of several splits, they go to
            training, if any of these is in training.

    Returns:
        str (N,), names from `fractions`.
    """
    names = [name for name, fraction in fractions.items() if fraction > 0]
    share = np.array([fractions[name] for name in names], dtype=np.float64)
    unique_keys, codes = np.unique(keys.astype(str), return_inverse=True)
    class_count = int(labels.max()) + 1
    counts = np.zeros((len(unique_keys), class_count), dtype=np.int64)
    np.add.at(counts, (codes, labels), 1)
    totals = np.maximum(counts.sum(axis=0), 1)
    share /= share.sum()
    wanted, wanted_over_all = np.outer(share, totals), share * len(labels)
    sizes = counts.sum(axis=1)
    settled = _settled(codes, len(unique_keys), names, known)
    order = sorted(
        range(len(unique_keys)),
        key=lambda k: (settled[k] < 0, -sizes[k], seed_for(seed, "split", str(unique_keys[k]))),
    )
    chosen = np.empty(len(unique_keys), dtype=np.int64)
    for key in order:
        # which share of this key's classes each split still lacks, rare classes counting as much as common ones
        weight = counts[key] / totals
        lack = (wanted / totals) @ (weight / weight.sum()) + _OVER_ALL * wanted_over_all / len(labels)
        chosen[key] = settled[key] if settled[key] >= 0 else int(np.argmax(np.round(lack, 9)))
        wanted[chosen[key]] -= counts[key]
        wanted_over_all[chosen[key]] -= sizes[key]
    result = np.array(names, dtype=object)[chosen[codes]]
    return result if known is None else np.where(np.isin(known.astype(str), names), known, result)


def make_folds(labels: np.ndarray, keys: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of every image, 0 to folds - 1, drawn as splits are: int64 (N,).

    Args:
        labels: int (N,), class codes from 0.
        keys: images that share one stay together (N,); a path each for folds at random.
        folds: number of folds; some stay empty where there are fewer keys.
        seed: of the order in which keys are dealt.
    """
    shares = {str(fold): 1.0 for fold in range(folds)}
    return make_split(labels, keys.astype(str), shares, seed).astype(np.int64)


def _settled(codes: np.ndarray, key_count: int, names: Sequence[str], known: np.ndarray | None) -> np.ndarray:
    """Where each key's known images are: a place in `names`, the first of several, -1 for keys that are new."""
    settled = np.full(key_count, len(names))
    for place, name in enumerate(names if known is not None else ()):
        np.minimum.at(settled, codes[known == name], place)
    return np.where(settled == len(names), -1, settled)


def complete_split(
    given: np.ndarray,
    labels: np.ndarray,
    keys: np.ndarray,
    fractions: Mapping[str, float],
    seed: int,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Respect a given split; take out of `train` the splits that it lacks.

    Args:
        given: str (N,), a split name for every image.
        labels, keys, fractions, seed, known: as in `make_split`, for the same images.

    Returns:
        str (N,): as given, with the missing `validation` or `test` images moved out of `train`.
    """
    missing = [name for name in SPLITS[1:] if name not in set(given)]
    result = given.astype(object)  # an array of short strings would cut `validation` off
    train = given == "train"
    if missing and train.any():
        shares = {name: fractions[name] for name in SPLITS if name == "train" or name in missing}
        _, labels_in_train = np.unique(labels[train], return_inverse=True)
        before = None if known is None else known[train]
        result[train] = make_split(labels_in_train, keys[train], shares, seed, before)
    return result


def kept_together(own: np.ndarray, *alike: np.ndarray) -> np.ndarray:
    """One key per set of images that must stay together, transitively.

    Args:
        own: str (N,), the key of each image by itself.
        alike: int arrays (N,); images with equal numbers in one of them stay together too.

    Returns:
        str (N,): the first key, in sorted order, of all that were joined; names do not depend on numbering.
    """
    import scipy.sparse

    own = own.astype(str)
    if len(own) == 0:
        return own.astype(object)
    _, codes = np.unique(own, return_inverse=True)
    images = np.arange(len(own))
    rows, columns, nodes = [], [], len(own)
    for numbers in (codes, *alike):
        _, places = np.unique(numbers, return_inverse=True)
        rows.append(images)
        columns.append(places + nodes)
        nodes += int(places.max()) + 1
    edges = (np.concatenate(rows), np.concatenate(columns))
    graph = scipy.sparse.coo_matrix((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(nodes, nodes))
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    component = component[: len(own)]
    order = np.argsort(own, kind="stable")
    _, first = np.unique(component[order], return_index=True)
    names = dict(zip(component[order][first], own[order][first], strict=True))
    return np.array([names[number] for number in component], dtype=object)
