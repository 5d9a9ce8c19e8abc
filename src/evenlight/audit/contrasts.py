"""A group of images against the rest, property by property.

Images of one source (camera, patient) are alike, so with a source column the chance is judged on sources: one
median (or most frequent category) per source inside the group and one outside. The effect is always that of images.
"""

from dataclasses import dataclass

import numpy as np

from evenlight.audit.statistics import association, crosstab, mann_whitney
from evenlight.runtime import seed_for


@dataclass(frozen=True)
class Comparison:
    """One property of one group against the rest."""

    group: int
    name: str
    effect: float  # |AUC - 0.5|, or V
    auc: float  # NaN for categories
    p: float
    tested: tuple[int, int]  # values behind p, inside and outside


@dataclass(frozen=True)
class Grouping:
    """An attribute's values on the usable images, with the sources that they come from."""

    name: str
    values: list[str]
    codes: np.ndarray
    sizes: np.ndarray
    sources: np.ndarray | None  # code of each image's source

    def shares_sources(self, group: int) -> bool:
        """Whether most images of the group come from sources that took other images, too."""
        if self.sources is None:
            return False
        inside = self.codes == group
        return bool(np.isin(self.sources[inside], self.sources[~inside]).mean() >= 0.5)

    def number_of_sources(self, group: int) -> tuple[int, int]:
        """Sources inside and outside the group; images where there is no source."""
        inside = self.codes == group
        if self.sources is None:
            return self.number_of_images(group)
        return len(np.unique(self.sources[inside])), len(np.unique(self.sources[~inside]))

    def number_of_images(self, group: int) -> tuple[int, int]:
        """Images inside and outside the group."""
        return int(self.sizes[group]), int(self.sizes.sum() - self.sizes[group])


def compare_numbers(
    attribute: Grouping, judged: list[int], numbers: dict[str, np.ndarray]
) -> list[Comparison]:
    """Compare numeric properties of groups with the rest.

    Args:
        attribute: how the images are grouped.
        judged: the groups to compare.
        numbers: property -> value of each image (N,).
    """
    medians = {group: _source_medians(attribute, group, numbers) for group in judged}
    found = []
    for name, values in numbers.items():
        for group in judged:
            inside = attribute.codes == group
            auc, p = mann_whitney(values, inside)
            tested = (int(inside.sum()), int((~inside).sum()))
            if attribute.sources is not None:
                of_sources, first = medians[group]
                p = mann_whitney(of_sources[name], first)[1]
                tested = (int(first.sum()), int((~first).sum()))
            found.append(Comparison(group, name, abs(auc - 0.5), auc, p, tested))
    return found


def _source_medians(
    attribute: Grouping, group: int, numbers: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Medians by source, inside the group and outside, and which of them are inside."""
    import pandas as pd

    if attribute.sources is None:
        return {}, np.empty(0, dtype=bool)
    table = pd.DataFrame(numbers)
    medians = table.groupby([attribute.codes == group, attribute.sources]).median()
    inside = medians.index.get_level_values(0).to_numpy(dtype=bool)
    return {name: medians[name].to_numpy() for name in numbers}, inside


def compare_categories(
    attribute: Grouping, judged: list[int], categories: dict[str, np.ndarray], permutations: int, seed: int
) -> list[Comparison]:
    """Compare categorical properties of groups with the rest; arguments as for `compare_numbers`.

    Args:
        permutations: of the test, where chi2's formula would not hold.
        seed: of those.
    """
    found = []
    for name, values in categories.items():
        names, codes = np.unique(values.astype(str), return_inverse=True)
        for group in judged:
            inside = attribute.codes == group
            drawn = seed_for(seed, attribute.name, attribute.values[group], name)
            shape = (2, len(names))
            whole = association(crosstab(inside.astype(np.int64), codes, shape), permutations, drawn)
            p, tested = whole.p, (int(inside.sum()), int((~inside).sum()))
            if attribute.sources is not None:
                first, modes = _source_modes(attribute.sources, inside, codes, len(names))
                table = crosstab(first.astype(np.int64), modes, shape)
                p = association(table, permutations, drawn).p
                tested = (int(first.sum()), int((~first).sum()))
            found.append(Comparison(group, name, whole.v, float("nan"), p, tested))
    return found


def _source_modes(
    sources: np.ndarray, inside: np.ndarray, codes: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which side each (side, source) is on, and its most frequent category."""
    cells, place = np.unique(np.column_stack([inside, sources]), axis=0, return_inverse=True)
    return cells[:, 0].astype(bool), crosstab(place.ravel(), codes, (len(cells), count)).argmax(axis=1)
