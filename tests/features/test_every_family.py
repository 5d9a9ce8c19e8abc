"""What holds for every feature family: documented columns, values in range, rows that know nothing of each other."""

from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from evenlight import feature_table as tables

# those that look through a trained network are in test_network_families.py
FAMILIES = [name for name in tables.family_names() if not tables.needs_model(name, {})]


def pictures(draws: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Noise, flat areas, edges and gradients: uint8 (count, height, width, 3)."""
    images = draws.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    images[0] = draws.integers(0, 256, 3)
    if count > 1:
        images[1] = np.linspace(0, 255, width, dtype=np.uint8)[None, :, None]
    if count > 2:
        images[2, : height // 2] = draws.integers(0, 256, 3)
        images[2, height // 2 :] = draws.integers(0, 256, 3)
    if count > 3:
        images[3] = 0
        images[3, height // 4 : height // 2, width // 4 : -width // 4] = (255, 0, 0)
    return images


def compute(name: str, images: np.ndarray, **options) -> np.ndarray:
    """The family's table, with a vocabulary learned from the same images where it needs one."""
    learned = tables.learn(name, images, options, 0) if tables.learns(name, options) else None
    table = tables.feature_table(name, images, [str(i) for i in range(len(images))], options, learned)
    return table.drop(columns="path").to_numpy()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_column_is_described_once(name: str):
    for column in tables.column_names(name, {}, (64, 64, 3)):
        described = [entry for entry in tables.family(name).COLUMNS if fnmatchcase(column, entry.pattern)]
        assert len(described) == 1, (column, described)
        assert described[0].unit
        assert described[0].meaning
        assert described[0].low < described[0].high


@pytest.mark.parametrize("name", FAMILIES)
@examples(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(16, 45), st.integers(16, 45))
def test_values_lie_in_the_documented_range(name: str, seed: int, height: int, width: int):
    images = pictures(np.random.default_rng(seed), 5, height, width)
    values = compute(name, images)
    assert np.isfinite(values).all()
    columns = tables.column_names(name, {}, images.shape[1:])
    for column, found in zip(columns, values.T, strict=True):
        entry = next(entry for entry in tables.family(name).COLUMNS if fnmatchcase(column, entry.pattern))
        assert entry.low - 1e-5 <= found.min(), (column, entry)
        assert found.max() <= entry.high + 1e-5, (column, entry)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_does_not_depend_on_its_neighbours(name: str):
    images = pictures(np.random.default_rng(1), 9, 32, 40)
    learned = tables.learn(name, images, {}, 0) if tables.learns(name, {}) else None
    together = tables.feature_table(name, images, list("abcdefghi"), {}, learned)
    alone = [tables.feature_table(name, images[i : i + 1], ["a"], {}, learned).iloc[0, 1:] for i in range(9)]
    assert np.array_equal(together.iloc[:, 1:].to_numpy(), np.array(alone, dtype=np.float32))


@pytest.mark.parametrize("name", FAMILIES)
def test_no_image_gives_an_empty_table(name: str):
    assert tables.family(name).column_names(tables.family(name).Options(), (64, 64, 3))
    images = np.zeros((0, 64, 64, 3), dtype=np.uint8)
    if not tables.learns(name, {}):
        assert tables.feature_table(name, images, [], {}).shape[0] == 0
