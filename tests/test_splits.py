"""Splits: everyone in one split, nothing torn, shares near, the same whatever the order of the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.splits import SPLITS, complete_split, kept_together, make_split

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def _own_keys(count: int) -> np.ndarray:
    return np.array([f"image {number}" for number in range(count)], dtype=object)


def _shares(splits: np.ndarray) -> dict[str, float]:
    return {name: float((splits == name).mean()) for name in SPLITS}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150)
def test_each_image_once_no_key_torn_any_order(rows: list, seed: int, random: object) -> None:
    labels = np.array([label for label, _ in rows])
    keys = np.array([f"key {key}" for _, key in rows], dtype=object)
    splits = make_split(labels, keys, SHARES, seed)
    assert len(splits) == len(rows)
    assert set(splits) <= set(SPLITS)
    assert all(len(set(splits[keys == key])) == 1 for key in set(keys))
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(make_split(labels[order], keys[order], SHARES, seed), splits[order])


@pytest.mark.parametrize("counts", [(1000,), (850, 120, 30), (100, 100), (500, 7, 3)])
def test_shares_are_near_over_all_and_in_every_class(counts: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    splits = make_split(labels, _own_keys(len(labels)), SHARES, seed=0)
    for name, share in _shares(splits).items():
        assert abs(share - SHARES[name]) * len(labels) <= 2
    for label, count in enumerate(counts):
        if count >= 30:
            for name, share in _shares(splits[labels == label]).items():
                assert abs(share - SHARES[name]) * count <= 3


@pytest.mark.parametrize("size", [3, 4, 5, 7])
@pytest.mark.parametrize("shares", [SHARES, {"train": 0.8, "validation": 0.15, "test": 0.05}])
def test_many_tiny_classes_fill_every_split(size: int, shares: dict[str, float]) -> None:
    labels = np.repeat(np.arange(100), size)
    found = _shares(make_split(labels, _own_keys(len(labels)), shares, seed=0))
    for name, share in found.items():
        assert abs(share - shares[name]) < 0.05
        assert share > shares[name] / 2


def test_every_class_trains() -> None:
    labels = np.repeat(np.arange(20), [1, 2] * 10)
    splits = make_split(labels, _own_keys(len(labels)), SHARES, seed=0)
    assert set(labels[splits == "train"]) == set(range(20))


def test_sources_stay_whole_and_shares_near() -> None:
    random = np.random.default_rng(0)
    labels, sources = random.integers(0, 3, 2000), random.integers(0, 60, 2000).astype(str)
    splits = make_split(labels, sources, SHARES, seed=0)
    for name, share in _shares(splits).items():
        assert abs(share - SHARES[name]) < 0.03


def test_seed_draws_others_and_repeats() -> None:
    labels, keys = np.repeat([0, 1], 50), _own_keys(100)
    one, same, other = (make_split(labels, keys, SHARES, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_split_never_moves() -> None:
    # known answer: another draw would make everybody's results incomparable with older ones
    splits = make_split(np.repeat([0, 1], 10), _own_keys(20), SHARES, seed=0)
    assert "".join("T" if name == "test" else name[0] for name in splits) == "tttttTvttvtTtTtttvtt"


def test_a_split_of_share_0_stays_empty() -> None:
    splits = make_split(np.zeros(50, int), _own_keys(50), {"train": 0.8, "validation": 0.0, "test": 0.2}, 0)
    assert _shares(splits) == {"train": 0.8, "validation": 0.0, "test": 0.2}


@pytest.mark.parametrize("dtype", [object, str])
def test_given_parts_are_untouched_and_missing_ones_come_from_training(dtype: type) -> None:
    given_split = np.array(["train"] * 240 + ["test"] * 160, dtype=dtype)
    labels = np.tile([0, 1], 200)
    keys = np.repeat(_own_keys(200), 2)
    splits = complete_split(given_split, labels, keys, SHARES, seed=0)
    assert (splits[240:] == "test").all()
    # 0.15 of 0.85: validation's share of what training and validation have together
    assert abs((splits == "validation").sum() - 240 * 0.15 / 0.85) <= 2
    assert set(splits[:240]) == {"train", "validation"}
    assert (splits[0:240:2] == splits[1:240:2]).all()
    np.testing.assert_array_equal(given_split[:240], ["train"] * 240)  # the argument is not written to


def test_a_whole_given_split_is_kept() -> None:
    given_split = np.array(["test", "train", "validation"], dtype=object)
    splits = complete_split(given_split, np.array([0, 1, 2]), _own_keys(3), SHARES, 0)
    np.testing.assert_array_equal(splits, given_split)


def test_nothing_comes_from_a_training_part_that_is_not_there() -> None:
    given_split = np.array(["test", "test"], dtype=object)
    splits = complete_split(given_split, np.array([0, 1]), _own_keys(2), SHARES, 0)
    np.testing.assert_array_equal(splits, given_split)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), min_size=2, max_size=80),
    st.integers(1, 79),
    st.integers(0, 3),
)
def test_what_was_drawn_stays(rows: list[tuple[int, int]], cut: int, seed: int) -> None:
    labels = np.array([label for label, _ in rows])
    keys = np.array([f"key {key}" for _, key in rows], dtype=object)
    old = min(cut, len(rows) - 1)
    known = np.full(len(rows), "", dtype=object)
    known[:old] = make_split(labels[:old], keys[:old], SHARES, seed)
    splits = make_split(labels, keys, SHARES, seed, known)
    np.testing.assert_array_equal(splits[:old], known[:old])
    assert all(len(set(splits[keys == key])) == 1 for key in set(keys))


def test_new_images_follow_theirs_and_fill_up_what_is_missing() -> None:
    labels, keys = np.zeros(40, int), np.array(["a"] * 10 + ["b"] * 10 + [f"new {n}" for n in range(20)])
    known = np.array(["train"] * 5 + [""] * 5 + ["test"] * 5 + [""] * 25, dtype=object)
    splits = make_split(labels, keys, SHARES, 0, known)
    assert set(splits[:10]) == {"train"}
    assert set(splits[10:20]) == {"test"}  # already more than its share
    assert "test" not in set(splits[20:])
    # a key that was in two splits, as when a new image is a near-duplicate of images in both
    known[10:15] = ["train", "test", "test", "test", "test"]
    splits = make_split(labels, keys, SHARES, 0, known)
    assert splits[10:20].tolist() == ["train", *["test"] * 4, *["train"] * 5]


def test_kept_together_is_transitive_and_named_after_the_first() -> None:
    own = np.array(["d", "c", "b", "a", "e"], dtype=object)
    one, other = np.array([0, 0, 1, 2, 3]), np.array([9, 8, 8, 7, 6])
    assert kept_together(own, one, other).tolist() == ["b", "b", "b", "a", "e"]
    assert kept_together(own).tolist() == own.tolist()
    assert kept_together(np.array([], dtype=object), np.array([], int)).tolist() == []
