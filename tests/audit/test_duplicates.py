"""Near-duplicate search, components and exact copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.audit import duplicates
from evenlight.audit.duplicates import components, exact_keys, likeness, near_pairs
from evenlight.perceptual import INVERSE


def hashes_with_relatives(seed, n, flips=60, spread=0.5):
    """Random hashes, many of them some other image's variant with a few bits changed."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (n, 8, 32), dtype=np.uint8)
    for image in range(1, n):
        if rng.random() < spread:
            relative, variant = rng.integers(0, image), rng.integers(0, 8)
            bits = np.unpackbits(hashes[relative, variant])
            bits[rng.permutation(256)[: rng.integers(0, flips)]] ^= 1
            hashes[image, 0] = np.packbits(bits)
    return hashes


def by_definition(hashes, radius, eligible):
    """{(a, b): (distance, variant)} by comparing everything with everything."""
    best = {}
    places = np.flatnonzero(eligible)
    for i in places:
        for j in places[places != i]:
            for variant in range(8):
                distance = int(np.bitwise_count(hashes[i, 0] ^ hashes[j, variant]).sum())
                match = (distance, variant if i < j else INVERSE[variant])
                pair = (int(min(i, j)), int(max(i, j)))
                if distance <= radius:
                    best[pair] = min(best.get(pair, match), match)
    return best


def as_dict(found):
    columns = (column.tolist() for column in (found.a, found.b, found.distance, found.variant))
    return {(a, b): (distance, variant) for a, b, distance, variant in zip(*columns, strict=True)}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 14), radius=st.integers(0, 64))
def test_few_images_equal_brute_force(seed, n, radius):
    hashes = hashes_with_relatives(seed, n)
    eligible = np.random.default_rng(seed).random(n) < 0.8
    found = near_pairs(hashes, radius, eligible)
    assert as_dict(found) == by_definition(hashes, radius, eligible)
    assert sorted(zip(found.a, found.b, strict=True)) == list(zip(found.a, found.b, strict=True))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_images_does_not_matter(seed):
    hashes = hashes_with_relatives(seed, 20)
    order = np.random.default_rng(seed).permutation(20)
    everyone = np.ones(20, bool)
    expected = {}
    place = np.argsort(order, kind="stable")
    for (a, b), (distance, _) in as_dict(near_pairs(hashes, 40, everyone)).items():
        expected[tuple(sorted((int(place[a]), int(place[b]))))] = distance
    shuffled = as_dict(near_pairs(hashes[order], 40, everyone))
    assert {pair: distance for pair, (distance, _) in shuffled.items()} == expected


def test_types():
    found = near_pairs(hashes_with_relatives(3, 30, flips=20), 32, np.ones(30, bool))
    assert [column.dtype for column in (found.a, found.b, found.distance, found.variant)] == [
        np.int64,
        np.int64,
        np.int32,
        np.int32,
    ]
    assert len(found.a)
    assert (found.a < found.b).all()


def with_variants(upright):
    """Hashes whose variants are unlike everything."""
    hashes = np.random.default_rng(99).integers(0, 256, (len(upright), 8, 32), dtype=np.uint8)
    hashes[:, 0] = upright
    return hashes


def changed(packed, flips, rng):
    bits = np.unpackbits(packed)
    bits[rng.permutation(256)[:flips]] ^= 1
    return np.packbits(bits)


@pytest.fixture(scope="module")
def many():
    """5,000 images, and pairs planted among them: (a, b) -> (distance, variant)."""
    rng = np.random.default_rng(7)
    hashes = rng.integers(0, 256, (5000, 8, 32), dtype=np.uint8)
    planted = {}
    for number in range(400):
        distance, variant = int(rng.integers(0, 33)), number % 8
        hashes[4000 + number, 0] = changed(hashes[number, variant], distance, rng)
        planted[number, 4000 + number] = (distance, INVERSE[variant])
    return hashes, planted


def test_many_images_find_planted_pairs_and_nothing_else(many):
    hashes, planted = many
    found = as_dict(near_pairs(hashes, 32, np.ones(len(hashes), bool)))
    assert found.items() <= planted.items()
    missed = [distance for pair, (distance, _) in planted.items() if pair not in found]
    assert len(missed) <= 4
    assert min(missed, default=32) > 24


def test_search_among_many_is_repeatable_and_leaves_out_what_is_not_eligible(many):
    hashes, planted = many
    eligible = np.ones(len(hashes), bool)
    eligible[:100] = False
    first, second = (as_dict(near_pairs(hashes, 32, eligible)) for _ in range(2))
    assert first == second
    assert first.keys() <= {pair for pair in planted if pair[0] >= 100}
    assert len(first) > 290


def test_compare_alike_equals_compare_all_where_both_can_run():
    hashes = hashes_with_relatives(11, 600, flips=30)
    found = []
    for search in (duplicates._compare_all, duplicates._compare_alike):
        matches = duplicates._Matches(len(hashes))
        search(hashes, 24, matches)
        found.append([column.tolist() for column in matches.unpacked()])
    assert len(found[0][0]) > 200
    assert found[0] == found[1]


@pytest.mark.parametrize("flips", [0, 8])
def test_huge_groups_stay_connected_without_all_their_pairs(flips):
    rng = np.random.default_rng(3)
    cameras = rng.integers(0, 256, (4, 32), dtype=np.uint8)
    camera = np.repeat(np.arange(4), 1500)
    hashes = with_variants(np.stack([changed(cameras[place], flips, rng) for place in camera]))
    found = near_pairs(hashes, 32, np.ones(len(hashes), bool))
    assert len(found.a) < 4 * 1500 * 1499 / 2
    assert (components(len(hashes), found.a, found.b) == camera).all()


def test_no_images_and_one_image():
    for n in (0, 1):
        assert len(near_pairs(np.zeros((n, 8, 32), np.uint8), 32, np.ones(n, bool)).a) == 0
    assert len(near_pairs(np.zeros((5, 8, 32), np.uint8), 32, np.zeros(5, bool)).a) == 0


@pytest.mark.parametrize("radius", [0, 8, 16, 24, 32, 40])
def test_enough_tables_for_the_radius(radius):
    bits = duplicates._key_bits(radius)
    agree = np.prod([(256 - radius - i) / (256 - i) for i in range(bits)])
    assert 1 - (1 - agree) ** duplicates._TABLES >= 0.99


links = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


@given(links=links)
def test_components_are_a_partition_closed_under_links(links):
    a, b = np.array(links, np.int64).reshape(-1, 2).T
    found = components(20, a, b)
    assert found.dtype == np.int32
    assert (found[a] == found[b]).all()
    # numbered by first member, without gaps
    firsts = [int(np.flatnonzero(found == number)[0]) for number in range(found.max() + 1)]
    assert firsts == sorted(firsts)
    # no larger than the links force: as many as a spanning forest leaves
    parent = list(range(20))

    def root(x):
        while parent[x] != x:
            x = parent[x]
        return x

    for x, y in links:
        parent[root(x)] = root(y)
    assert found.max() + 1 == len({root(x) for x in range(20)})


def test_components_of_nothing():
    assert components(0, np.empty(0, np.int64), np.empty(0, np.int64)).tolist() == []
    assert components(3, np.empty(0, np.int64), np.empty(0, np.int64)).tolist() == [0, 1, 2]


def test_exact_keys_join_bytes_and_pixels():
    content = ["a", "b", "a", "c", "d", "e"]
    pixels = ["p", "q", "", "q", "", ""]
    assert exact_keys(content, pixels).tolist() == [0, 1, 0, 1, 2, 3]
    # 0 and 1 share bytes, 1 and 2 share pixels
    assert exact_keys(["a", "a", "b"], ["", "p", "p"]).tolist() == [0, 0, 0]
    assert exact_keys([], []).dtype == np.int64


def test_likeness_in_words():
    assert likeness("bytes", 0, 0) == "same file"
    assert likeness("pixels", 0, 0) == "same pixels"
    assert likeness("near", 12, 0) == "12 of 256 bits differ"
    assert likeness("near", 12, 1) == "12 of 256 bits differ, mirrored"
