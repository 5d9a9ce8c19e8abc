"""Fair training: weights that make class and group independent, draws by weight, an adversary that only adds."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.models.fair import (
    Adversary,
    draw_order,
    effective_size,
    group_codes,
    image_weights,
    loss_weights,
)

_NO_CAP = 1e9


def _table(codes: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted shares of group x class."""
    table = np.zeros((groups.max() + 1, codes.max() + 1))
    np.add.at(table, (groups, codes), weights)
    return table / table.sum()


def _images(counts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Class and group codes of a table of counts, group x class."""
    table = np.array(counts)
    groups, codes = (place.ravel() for place in np.indices(table.shape))
    return np.repeat(codes, table.ravel()), np.repeat(groups, table.ravel())


def test_group_codes_are_those_of_the_sorted_values_and_a_missing_value_is_a_group() -> None:
    codes, names = group_codes(np.array(["rain", "", "clear", "rain"], dtype=object))
    assert names == ["clear", "rain", "unknown"]
    assert codes.tolist() == [1, 2, 0, 1]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.integers(1, 40), min_size=3, max_size=3),
        min_size=2,
        max_size=4,
    )
)
def test_without_a_cap_reweighing_makes_class_and_group_exactly_independent(counts: list[list[int]]) -> None:
    codes, groups = _images(counts)
    shares = _table(codes, groups, image_weights("reweighing", codes, groups, _NO_CAP))
    np.testing.assert_allclose(shares, np.outer(shares.sum(1), shares.sum(0)), rtol=0, atol=1e-12)
    # the margins are those of the images: only the association goes
    plain = _table(codes, groups, np.ones(len(codes)))
    np.testing.assert_allclose(shares.sum(0), plain.sum(0), atol=1e-12)
    np.testing.assert_allclose(shares.sum(1), plain.sum(1), atol=1e-12)


def test_reweighing_by_hand() -> None:
    # group 0: 6 of class 0, 2 of class 1; group 1: 2 and 10. w(0, 0) = (8/20)(8/20)/(6/20) = 8/15
    codes, groups = _images([[6, 2], [2, 10]])
    weights = image_weights("reweighing", codes, groups, _NO_CAP)
    assert sorted({round(float(value), 6) for value in weights}) == [0.533333, 0.72, 2.4]
    assert weights.mean() == pytest.approx(1)
    assert effective_size(weights) == pytest.approx(400 / (6 * (8 / 15) ** 2 + 4 * 2.4**2 + 10 * 0.72**2))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["group_weights", "reweighing", "balanced"]),
    st.lists(st.lists(st.integers(0, 60), min_size=2, max_size=2), min_size=2, max_size=4).filter(
        lambda counts: sum(map(sum, counts)) > 0
    ),
    st.floats(1, 20),
)
def test_weights_have_mean_1_and_keep_below_the_cap(method: str, counts: list[list[int]], cap: float) -> None:
    codes, groups = _images(counts)
    weights = image_weights(method, codes, groups, cap)
    assert weights.mean() == pytest.approx(1)
    assert weights.max() <= cap * (1 + 1e-6)
    assert weights.min() > 0


def test_a_cap_takes_from_the_rarest_only() -> None:
    codes, groups = _images([[98, 0], [0, 2]])
    weights = image_weights("balanced", codes, groups, 10)
    assert weights[groups == 1].tolist() == [10, 10]
    assert weights[groups == 0] == pytest.approx(np.full(98, 80 / 98))


def test_group_weights_give_each_group_the_same_weight_and_balanced_each_class_of_each_group() -> None:
    codes, groups = _images([[30, 10], [5, 15]])
    by_group = loss_weights("group_weights", codes, groups, _NO_CAP)
    assert by_group is not None
    assert _table(codes, groups, by_group).sum(1) == pytest.approx([0.5, 0.5])
    balanced = image_weights("balanced", codes, groups, _NO_CAP)
    assert _table(codes, groups, balanced).ravel() == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("method", ["reweighing", "balanced", "adversarial"])
def test_only_group_weights_touch_the_loss(method: str) -> None:
    codes, groups = _images([[3, 1], [1, 3]])
    assert loss_weights(method, codes, groups, 10) is None


@pytest.mark.parametrize("method", ["group_weights", "adversarial"])
def test_what_does_not_draw_by_weight_sees_every_image_once_in_the_order_of_plain_training(
    method: str,
) -> None:
    codes, groups = _images([[30, 10], [5, 15]])
    order = draw_order(method, codes, groups, 10, np.random.Generator(np.random.PCG64(5)))
    assert order.tolist() == np.random.Generator(np.random.PCG64(5)).permutation(60).tolist()


@pytest.mark.parametrize("method", ["reweighing", "balanced"])
def test_draws_follow_the_weights(method: str) -> None:
    codes, groups = _images([[60, 20], [4, 36]])
    draws = np.random.Generator(np.random.PCG64(0))
    order = np.concatenate([draw_order(method, codes, groups, _NO_CAP, draws) for _ in range(200)])
    drawn = _table(codes[order], groups[order], np.ones(len(order)))
    wanted = _table(codes, groups, image_weights(method, codes, groups, _NO_CAP))
    assert np.abs(drawn - wanted).max() < 0.01  # 24,000 draws: 3 standard errors
    assert len(draw_order(method, codes, groups, 10, draws)) == len(codes)


def _gradient(strength: float, progress: float) -> tuple[float, torch.Tensor, list[torch.Tensor]]:
    """Loss, gradient of the features and of the adversary's own weights."""
    features = torch.from_numpy(np.random.Generator(np.random.PCG64(1)).normal(size=(6, 5))).float()
    features.requires_grad_()
    adversary = Adversary(5, 3, strength, seed=7)
    loss = adversary.loss(features, torch.tensor([0, 1, 2, 0, 1, 2]), progress)
    loss.backward()
    assert features.grad is not None
    return (
        float(loss.detach()),
        features.grad,
        [value.grad for value in adversary.parameters() if value.grad is not None],
    )


def test_the_gradient_is_reversed_exactly_and_the_forward_pass_unchanged() -> None:
    ramp = 2 / (1 + np.exp(-10 * 0.3)) - 1
    features = torch.from_numpy(np.random.Generator(np.random.PCG64(1)).normal(size=(6, 5))).float()
    features.requires_grad_()
    adversary = Adversary(5, 3, 1.0, seed=7)
    plain = torch.nn.functional.cross_entropy(adversary.layers(features), torch.tensor([0, 1, 2, 0, 1, 2]))
    plain.backward()
    loss, reversed_gradient, own = _gradient(4.0, 0.3)
    assert loss == float(plain.detach())
    assert features.grad is not None
    assert torch.equal(reversed_gradient, -(4.0 * float(ramp)) * features.grad)
    # the adversary itself learns at full rate
    assert all(torch.equal(a, b.grad) for a, b in zip(own, adversary.parameters(), strict=True))


def test_the_strength_rises_from_nothing() -> None:
    at_start, midway, at_end = (_gradient(1.0, progress)[1].norm() for progress in (0.0, 0.1, 1.0))
    assert at_start == 0
    assert float(midway / at_end) == pytest.approx(np.tanh(0.5) / np.tanh(5), rel=1e-5)


def _trained(adversary: Adversary | None) -> torch.Tensor:
    """Weights of a small network after some steps with dropout, which draws from torch's own generator."""
    torch.manual_seed(3)
    trunk = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5))
    head = torch.nn.Linear(8, 2)
    values = torch.linspace(-1, 1, 40).view(10, 4)
    target, groups = torch.arange(10) % 2, torch.arange(10) // 5
    for step in range(5):
        features = trunk(values)
        loss = torch.nn.functional.cross_entropy(head(features), target)
        if adversary is not None:
            loss = loss + adversary.loss(features, groups, step / 5)
        for module in (trunk, head):
            module.zero_grad()
        loss.backward()
        with torch.no_grad():
            for value in [*trunk.parameters(), *head.parameters()]:
                value -= 0.1 * value.grad  # type: ignore[operator]
    return torch.cat([value.detach().ravel() for value in [*trunk.parameters(), *head.parameters()]])


def test_strength_0_leaves_the_network_bit_identical_and_another_does_not() -> None:
    plain = _trained(None)
    assert torch.equal(_trained(Adversary(8, 2, 0.0, seed=9)), plain)
    assert not torch.equal(_trained(Adversary(8, 2, 1.0, seed=9)), plain)


def test_making_an_adversary_draws_nothing_from_torchs_generator() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = Adversary(4, 2, 1.0, seed=1)
    assert torch.equal(torch.rand(3), expected)
    second, other = Adversary(4, 2, 1.0, seed=1), Adversary(4, 2, 1.0, seed=2)
    pairs = zip(first.parameters(), second.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a, b) and not torch.equal(a, c) for a, b, c in pairs)
