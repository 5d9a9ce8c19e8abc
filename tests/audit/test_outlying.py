"""Sources that stand out: far, and clear of the others."""

import numpy as np

from evenlight.audit.outlying import outlying_sources


def found(medians, limit=5.0, images=41, spread=0.01):
    """Sources with exactly these medians."""
    steps = np.linspace(-spread, spread, images)
    values = (np.array(medians)[:, None] + steps).ravel()
    codes = np.repeat(np.arange(len(medians)), images)
    return outlying_sources(values, codes, np.arange(len(medians)), limit)


def test_the_far_one_is_named_with_the_range_of_the_others():
    usual = np.linspace(5, 6, 30)
    (one,) = found([*usual, 1.0])
    assert one.source == 30
    assert (one.low, one.high) == (5.0, 6.0)
    assert one.median == 1.0
    assert one.deviations < -9


def test_two_far_ones_do_not_hide_each_other():
    assert {one.source for one in found([*np.linspace(5, 6, 30), 1.0, 1.2])} == {30, 31}


def test_the_end_of_a_long_tail_is_not_clear_of_the_others():
    # most cameras are alike, some are spread out far: the last one has a neighbour as odd as itself
    medians = [*np.linspace(5, 5.2, 20), 5.5, 5.7]
    assert found([*medians, 5.9]) == []
    assert [one.source for one in found([*medians, 9.0])] == [20 + 2]


def test_few_sources_need_to_be_farther_off():
    usual = [-1.5, -0.8, -0.3, 0.0, 0.3, 0.8, 1.5]
    assert found([*usual, 8.0]) == []
    assert len(found([*usual, 15.0])) == 1
    many = np.repeat(usual, 8) + np.tile(np.linspace(-0.1, 0.1, 8), 7)
    assert len(found([*many, 8.0])) == 1


def test_a_median_of_few_noisy_images_is_not_trusted():
    assert len(found([*np.linspace(5, 5.2, 20), 6.0], images=5, spread=0.01)) == 1
    assert found([*np.linspace(5, 5.2, 20), 6.0], images=5, spread=3) == []


def test_equal_medians_and_no_sources():
    assert found([5.0] * 10) == []
    assert outlying_sources(np.empty(0), np.empty(0, dtype=int), np.empty(0, dtype=int), 5.0) == []
