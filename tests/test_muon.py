"""Muon: filter banks move by orthogonal steps of one length, everything else as AdamW moves it."""

import math

import numpy as np
import pytest
import torch

from evenlight.models.optimizers import AdamW, Muon, orthogonal


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def step_by_step(matrix: torch.Tensor) -> torch.Tensor:
    """The iteration as it is published, on the whole matrix."""
    matrix = matrix / matrix.norm()
    for _ in range(3):
        products = matrix @ matrix.T
        matrix = 3.4445 * matrix + (-4.7750 * products + 2.0315 * products @ products) @ matrix
    return matrix


@pytest.mark.parametrize("shape", [(6, 6), (8, 30), (30, 8)])
class TestOrthogonal:
    def test_it_is_the_published_iteration(self, shape):
        matrix = random(*shape)
        wide = matrix if shape[0] <= shape[1] else matrix.T
        found = orthogonal(matrix) if wide is matrix else orthogonal(matrix).T
        np.testing.assert_allclose(found, step_by_step(wide), atol=1e-5)

    def test_directions_stay_and_sizes_become_one(self, shape):
        left, _, right = torch.linalg.svd(random(*shape), full_matrices=False)
        matrix = left @ torch.diag(torch.linspace(1, 0.3, min(shape))) @ right
        sizes = left.T @ orthogonal(1000 * matrix) @ right.T
        np.testing.assert_allclose(sizes - torch.diag(sizes.diag()), 0, atol=1e-5)
        assert 0.6 < float(sizes.diag().min()) <= float(sizes.diag().max()) < 1.25


def test_no_gradient_is_no_step():
    assert torch.equal(orthogonal(torch.zeros(4, 9)), torch.zeros(4, 9))


class TestMuon:
    def test_a_bank_of_one_length_moves_by_an_orthogonal_step(self):
        bank = torch.nn.Parameter(random(6, 2, 3, 3))
        optimizer, slopes = Muon([bank], momentum=0.5, weight_decay=0.1), (random(6, 2, 3, 3, seed=1),) * 2
        expected, velocity = bank.detach().clone(), torch.zeros(6, 2, 3, 3)
        for rate, slope in zip([0.2, 0.1], slopes, strict=True):
            bank.grad = slope.clone()
            optimizer.step(rate)
            velocity = 0.5 * velocity + slope
            expected *= math.sqrt(6) / expected.norm()
            expected -= rate * step_by_step((slope + 0.5 * velocity).flatten(1)).view(6, 2, 3, 3)
        np.testing.assert_allclose(bank.detach(), expected, atol=1e-5)
        assert bank.grad is None

    def test_all_else_is_adamw_at_a_24th_of_the_rate(self):
        ours, theirs = ([torch.nn.Parameter(random(5, 3)), torch.nn.Parameter(random(5))] for _ in range(2))
        muon, adamw = Muon(ours, 0.6, 0.1), AdamW(theirs, 0.6, 0.1)
        for seed in range(3):
            for one, other in zip(ours, theirs, strict=True):
                one.grad, other.grad = random(*one.shape, seed=seed), random(*one.shape, seed=seed)
            muon.step(0.24)
            adamw.step(0.01)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one.detach(), other.detach(), rtol=1e-5)

    def test_its_state_is_all_that_the_next_step_depends_on(self):
        def after(interrupted: bool) -> torch.Tensor:
            parameters = [torch.nn.Parameter(random(4, 1, 2, 2)), torch.nn.Parameter(random(4))]
            optimizer = Muon(parameters, 0.6, 0.0)
            for seed in range(3):
                if interrupted and seed == 2:
                    stored, optimizer = optimizer.state, Muon(parameters, 0.6, 0.0)
                    for value, earlier in zip(optimizer.state, stored, strict=True):
                        value.copy_(earlier)
                for parameter in parameters:
                    parameter.grad = random(*parameter.shape, seed=seed)
                optimizer.step(0.1)
            return torch.cat([parameter.detach().flatten() for parameter in parameters])

        assert torch.equal(after(interrupted=True), after(interrupted=False))
