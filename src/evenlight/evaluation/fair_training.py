"""Fair training against plain training: is it fairer on the test images, and what does that cost? Pure functions.

Groups and classes are named by the test images, so the size of a gap owes part of itself to luck: its interval is of
the two groups named, as if they had been known before. The change from one network to the other owes nothing to that,
because luck treats both alike: its interval resamples images, names the groups anew each time, and takes the
difference.

Definitions, because packages differ. Selection rate: share of a group's images that the class is said of. p%-rule:
smallest over largest selection rate, least over the classes. Equal opportunity: largest minus smallest recall, most
over the classes (Hardt et al. 2016).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evenlight.columns import FLAT
from evenlight.evaluation.comparison import compare_pair
from evenlight.evaluation.intervals import Estimate, bootstrapped, wilson
from evenlight.evaluation.resampling import Bootstrap, mean_estimates, not_certain
from evenlight.runtime import seed_for

FEWEST = 10  # images behind a rate that is compared
_NUMBERS = 2_000_000  # of resampled counts in memory at one time
_STRENGTH, _ITERATIONS = 1.0, 1000  # of the probe
_SPREADS = ("worst_group", "gap", "selection_ratio", "opportunity_gap")


class AskedImages(NamedTuple):
    """The test images, (N,) each: class codes, group codes, and code from 0 of the unit each belongs to."""

    codes: np.ndarray
    groups: np.ndarray
    units: np.ndarray


def compare_fairness(
    images: AskedImages,
    classes: Sequence[str],
    names: Sequence[str],
    predicted: Mapping[str, np.ndarray],
    bootstrap: Bootstrap,
    seed: int,
) -> dict[str, Any]:
    """Accuracy, groups, selection and recall of one or two networks on the same test images.

    Args:
        images: what is known of them; N may be 0.
        classes, names: of the class and group codes.
        predicted: "after", and "before" where there is such a network: class codes (N,).
        bootstrap: how intervals are made.
        seed: of the resamples.

    Returns:
        `n`, `units`; `models`: for each key of `predicted` the measures `accuracy`, `worst_group`, `gap`,
        `selection_ratio` and `opportunity_gap`, each `{"value", "low", "high", "n"}` and, but for the accuracy, the
        `groups` (worst first) and the `class` that it is about, and `per_group`, `selected` and `recall`: rates of
        each group, the latter two by class; `difference`: after - before of the same measures, None where there is
        no before; `p`, of equal accuracy. Undefined numbers are None; rates of fewer than 10 images are shown and
        not compared.
    """
    counts = _Counts(images, len(names), len(classes), list(predicted.values()))
    draws = np.random.Generator(np.random.PCG64(seed))
    resampled: dict[str, list[np.ndarray]] = {key: [np.empty((0, len(_SPREADS)))] for key in predicted}
    for block in counts.resampled(bootstrap.resamples, draws):
        for place, key in enumerate(predicted):
            resampled[key].append(_spreads(_rates(block, place), counts.judged))
    drawn = {key: np.concatenate(blocks) for key, blocks in resampled.items()}
    models = {
        key: _one_model(
            images, classes, names, said, _rates(counts.whole, place), counts.judged, bootstrap, seed
        )
        for place, (key, said) in enumerate(predicted.items())
    }
    result: dict[str, Any] = {
        "n": len(images.codes),
        "units": len(np.unique(images.units)),
        "confidence": bootstrap.confidence,
        "fewest": FEWEST,
        "models": models,
        "difference": None,
        "p": None,
    }
    if "before" in predicted:
        right = {key: said == images.codes for key, said in predicted.items()}
        pair = compare_pair(right["after"], right["before"], images.units, bootstrap.confidence)
        result["p"] = None if np.isnan(pair.p) else pair.p
        result["difference"] = {"accuracy": pair.difference}
        for column, measure in enumerate(_SPREADS):
            ends = [models[key][measure]["value"] for key in ("after", "before")]
            value = np.nan if None in ends else ends[0] - ends[1]
            changes = drawn["after"][:, column] - drawn["before"][:, column]
            result["difference"][measure] = bootstrapped(
                value, changes, len(images.codes), bootstrap.confidence
            )
    return result


class _Judged(NamedTuple):
    """Which rates rest on enough images to be compared, bool: (G,), (G, C)."""

    groups: np.ndarray
    recalls: np.ndarray


class _Rates(NamedTuple):
    """Rates of one network: accuracy (..., G), share that each class is said of (..., G, C), recall (..., G, C)."""

    accuracy: np.ndarray
    selection: np.ndarray
    recall: np.ndarray


class _Counts:
    """Images, predictions and hits by group and class, of all test images and of resamples by unit.

    Blocks are float64 (..., 1 + 2 M, G, C) for M networks: true counts, then of each network what it said and hit.
    """

    def __init__(
        self, images: AskedImages, groups: int, classes: int, predicted: Sequence[np.ndarray]
    ) -> None:
        from scipy.sparse import csr_array

        self._shape = (1 + 2 * len(predicted), groups, classes)
        own = images.groups * classes
        cells = [own + images.codes]
        rows = [np.arange(len(own))]
        for place, said in enumerate(predicted):
            first = (1 + 2 * place) * groups * classes
            hit = np.flatnonzero(said == images.codes)
            cells += [first + own + said, first + groups * classes + (own + said)[hit]]
            rows += [np.arange(len(own)), hit]
        units = np.unique(images.units, return_inverse=True)[1]
        where = units[np.concatenate(rows)], np.concatenate(cells)
        self._units = int(units.max(initial=-1)) + 1
        size = int(np.prod(self._shape))
        self._by_unit = csr_array((np.ones(len(where[0])), where), shape=(self._units, size))
        self.whole = np.bincount(where[1], minlength=size).astype(np.float64).reshape(self._shape)
        self.judged = _Judged(self.whole[0].sum(axis=1) >= FEWEST, self.whole[0] >= FEWEST)

    def resampled(self, times: int, draws: np.random.Generator) -> Iterator[np.ndarray]:
        """Blocks of counts of as many units, drawn with replacement (cluster bootstrap: Field and Welsh 2007)."""
        if not self._units:
            return
        most = max(1, _NUMBERS // max(self._units, self._by_unit.shape[1]))
        for start in range(0, times, most):
            rows = min(most, times - start)
            drawn = draws.multinomial(self._units, np.full(self._units, 1 / self._units), size=rows)
            # sparse @ dense is fast, dense @ sparse is not
            yield (self._by_unit.T @ drawn.T.astype(np.float64)).T.reshape(rows, *self._shape)


def _rates(counts: np.ndarray, place: int) -> _Rates:
    """Rates of the network at this place; NaN where there is no image."""
    images, said, hit = (
        counts[..., 0, :, :],
        counts[..., 1 + 2 * place, :, :],
        counts[..., 2 + 2 * place, :, :],
    )
    total = images.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _Rates(hit.sum(axis=-1) / total, said / total[..., None], hit / images)


def _spreads(rates: _Rates, judged: _Judged) -> np.ndarray:
    """The measures of `_SPREADS`, float64 (..., 4); NaN where fewer than two groups can be compared."""
    accuracy = _compared(rates.accuracy[..., None], judged.groups[:, None])
    least, most = (value[..., 0] for value in _ends(accuracy))
    ratio = _ratio(*_ends(_compared(rates.selection, judged.groups[:, None])))
    low, high = _ends(_compared(rates.recall, judged.recalls))
    return np.stack(
        [least, most - least, np.fmin.reduce(ratio, axis=-1), np.fmax.reduce(high - low, axis=-1)], axis=-1
    )


def _compared(rates: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Rates (..., G, M) with NaN where they are not judged, and for columns in which only one group is."""
    return np.where(judged & (judged.sum(axis=0) > 1), rates, np.nan)


def _ends(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest over the groups of (..., G, M): (..., M) each."""
    return np.fmin.reduce(rates, axis=-2), np.fmax.reduce(rates, axis=-2)


def _ratio(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """NaN where the class is said of nothing."""
    return np.divide(least, most, out=np.full(least.shape, np.nan), where=most > 0)


def _one_model(
    images: AskedImages,
    classes: Sequence[str],
    names: Sequence[str],
    said: np.ndarray,
    rates: _Rates,
    judged: _Judged,
    bootstrap: Bootstrap,
    seed: int,
) -> dict[str, Any]:
    """Measures of one network with intervals, and what they are about."""

    def rate(hits: np.ndarray, inside: np.ndarray, key: str) -> Estimate:
        return _clustered(hits[inside], images.units[inside], bootstrap, seed_for(seed, key))

    n, right = len(said), said == images.codes
    members = [images.groups == g for g in range(len(names))]
    accuracies = [rate(right, inside, f"group {name}") for inside, name in zip(members, names, strict=True)]
    about: dict[str, Any] = {"groups": [], "class": None}
    unknown = _undefined(n) | about
    result: dict[str, Any] = {"accuracy": rate(right, np.ones(n, dtype=bool), "all")}
    result |= {measure: dict(unknown) for measure in _SPREADS}
    known = dict(zip(_SPREADS, np.isfinite(_spreads(rates, judged)), strict=True))
    if known["gap"]:
        low, high, _ = _named(_compared(rates.accuracy[:, None], judged.groups[:, None]), ratio=False)
        result["worst_group"] = accuracies[low] | {"groups": [names[low]], "class": None}
        about = {"groups": [names[low], names[high]], "class": None}
        result["gap"] = difference_of(accuracies[high], accuracies[low]) | about
    if known["selection_ratio"]:
        low, high, code = _named(_compared(rates.selection, judged.groups[:, None]), ratio=True)
        ends = [rate(said == code, members[g], f"said {names[g]}") for g in (low, high)]
        about = {"groups": [names[low], names[high]], "class": classes[code]}
        result["selection_ratio"] = ratio_of(*ends) | about
    if known["opportunity_gap"]:
        low, high, code = _named(_compared(rates.recall, judged.recalls), ratio=False)
        mine = images.codes == code
        ends = [rate(right, members[g] & mine, f"recall {names[g]}") for g in (high, low)]
        about = {"groups": [names[low], names[high]], "class": classes[code]}
        result["opportunity_gap"] = difference_of(*ends) | about
    result["per_group"] = dict(zip(names, accuracies, strict=True))
    for key, table in (("selected", rates.selection), ("recall", rates.recall)):
        result[key] = {
            name: {label: _number(table[g, c]) for c, label in enumerate(classes)}
            for g, name in enumerate(names)
        }
    return result


def _named(rates: np.ndarray, *, ratio: bool) -> tuple[int, int, int]:
    """Groups with the smallest and the largest rate in the column where they are farthest apart, and that column."""
    least, most = _ends(rates)
    apart = -_ratio(least, most) if ratio else most - least
    column = int(np.where(np.isfinite(apart), apart, -np.inf).argmax())
    here = rates[:, column]
    low = int(np.where(np.isfinite(here), here, np.inf).argmin())
    # the last of equal ones, so that two groups are named where all are alike
    high = len(here) - 1 - int(np.where(np.isfinite(here), here, -np.inf)[::-1].argmax())
    return low, high, column


def _clustered(hits: np.ndarray, units: np.ndarray, bootstrap: Bootstrap, seed: int) -> Estimate:
    """A share with the wider end of Wilson's interval and of that by resampling whole units, on either side.

    The bootstrap knows that images of one unit are alike, Wilson that few of them prove little.
    """
    n, k = len(hits), int(hits.sum())
    if not n:
        return _undefined(0)
    (drawn,) = mean_estimates(hits[:, None].astype(np.float64), units, bootstrap, seed)
    drawn = not_certain(drawn, len(np.unique(units)), bootstrap.confidence)
    low, high = wilson(k, n, bootstrap.confidence)
    return drawn | {"low": min(drawn["low"], low), "high": max(drawn["high"], high)}


def difference_of(first: Estimate, second: Estimate) -> Estimate:
    """First - second of independent estimates from their intervals (MOVER: Zou and Donner 2008)."""
    value = first["value"] - second["value"]
    below = float(np.hypot(first["value"] - first["low"], second["high"] - second["value"]))
    above = float(np.hypot(first["high"] - first["value"], second["value"] - second["low"]))
    return {"value": value, "low": value - below, "high": value + above, "n": first["n"] + second["n"]}


def ratio_of(first: Estimate, second: Estimate) -> Estimate:
    """First / second of independent shares from their intervals (MOVER-R: Donner and Zou 2012).

    Undefined where the second is 0; without an upper end where its interval holds 0.
    """
    a, b, n = first["value"], second["value"], first["n"] + second["n"]
    if b == 0:
        return _undefined(n)
    low_a, high_a, low_b, high_b = first["low"], first["high"], second["low"], second["high"]
    # rounding may leave a root of something just below 0
    low = a * b - float(np.sqrt(max(0.0, (a * b) ** 2 - low_a * (2 * a - low_a) * high_b * (2 * b - high_b))))
    low /= high_b * (2 * b - high_b) or np.inf
    high = None
    if low_b > 0:
        root = (a * b) ** 2 - high_a * (2 * a - high_a) * low_b * (2 * b - low_b)
        high = (a * b + float(np.sqrt(max(0.0, root)))) / (low_b * (2 * b - low_b))
    return {"value": a / b, "low": max(0.0, low), "high": high, "n": n}


def group_probe(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    units: np.ndarray,
    bootstrap: Bootstrap,
    seed: int,
) -> Estimate:
    """How often a fresh linear probe (logistic regression) reads the group from frozen features.

    Args:
        train, test: features float (N, F) and group codes (N,) of the training and the test images.
        units: of the test images, (N,).
        bootstrap: how the interval is made.
        seed: of the resamples.

    Returns:
        Accuracy on the test images; undefined without any, and where all training images are of one group.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    (values, groups), (asked, wanted) = train, test
    if not len(wanted) or len(np.unique(groups)) < 2:
        return _undefined(len(wanted))
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    deviation[deviation <= FLAT] = np.inf  # a feature that says nothing becomes 0
    probe = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as in audit/probes.py
        probe.fit((values - mean) / deviation, groups)
    return _clustered(probe.predict((asked - mean) / deviation) == wanted, units, bootstrap, seed)


def group_baselines(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> dict[str, float | None]:
    """What a probe has to beat: test accuracy of saying the most frequent group, of all and of the true class.

    A network that knows nothing of groups but tells the classes apart gives away as much as `by_class`.

    Args:
        train, test: class codes and group codes (N,) of the training and the test images.
    """
    (codes, groups), (test_codes, wanted) = train, test
    if not len(wanted):
        return {"majority": None, "by_class": None}
    shape = (int(max(codes.max(), test_codes.max())) + 1, int(max(groups.max(), wanted.max())) + 1)
    table = np.bincount(codes * shape[1] + groups, minlength=shape[0] * shape[1]).reshape(shape)
    return {
        "majority": float((table.sum(axis=0).argmax() == wanted).mean()),
        "by_class": float((table.argmax(axis=1)[test_codes] == wanted).mean()),
    }


def one_class_groups(codes: np.ndarray, groups: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    """Groups whose training images are all of one class, with their number of images.

    No weighting makes such a group independent of its class, and an adversary that hides it hides the class.
    """
    table = np.zeros((len(names), int(codes.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(table, (groups, codes), 1)
    one_class = (table > 0).sum(axis=1) == 1
    return {name: int(table[g].sum()) for g, name in enumerate(names) if one_class[g]}


def _undefined(n: int) -> Estimate:
    return {"value": None, "low": None, "high": None, "n": n}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
