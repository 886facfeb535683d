"""The lower bound on how well log-normal units tell inputs apart, against integrals one by one and at its two ends."""

import math

import numpy as np
import pytest
import torch

from ib_tutorial.information import mutual_information
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences, told_apart


def overlap(one, other):
    """int sqrt(p q) of two normal densities (mean, scale), by summing over a grid."""
    u = np.linspace(-20, 20, 20001)
    densities = [np.exp(-(((u - m) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi)) for m, s in (one, other)]
    return np.sqrt(densities[0] * densities[1]).sum() * (u[1] - u[0])


def test_against_a_loop_over_pairs_and_units():
    generator = torch.Generator().manual_seed(0)
    log_f = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    log_f[0, 1] = log_f[2, 1] = log_f[2, 0] = -math.inf  # a unit at zero counts for nothing
    alpha = 0.2 + 0.5 * torch.rand(4, 3, generator=generator, dtype=torch.float64)
    f, a, total = log_f.numpy(), alpha.numpy(), 0.0
    for i in range(4):
        for k in range(4):
            units = [j for j in range(3) if f[i, j] > -math.inf and f[k, j] > -math.inf]
            total += math.prod(overlap((f[i, j], a[i, j]), (f[k, j], a[k, j])) for j in units)
    assert told_apart(log_f, alpha).item() == pytest.approx(math.log(4) - math.log(total / 4), abs=1e-6)


def test_equal_inputs_tell_nothing_and_distant_ones_everything():
    same = torch.zeros(5, 2, dtype=torch.float64)
    assert told_apart(same, torch.full_like(same, 0.7)).item() == pytest.approx(0, abs=1e-12)
    distant = 100 * torch.arange(5, dtype=torch.float64)[:, None]
    assert told_apart(distant, torch.full_like(distant, 0.7)).item() == pytest.approx(math.log(5), abs=1e-12)


def test_zeros_alone_count_for_nothing():
    zeros = torch.where(torch.eye(4, dtype=torch.float64) > 0, 0.0, -math.inf)
    assert told_apart(zeros, torch.full_like(zeros, 0.7)).item() == pytest.approx(0, abs=1e-12)


def test_the_means_over_a_grid_are_the_informations_of_its_table():
    """Three inputs, two units: the means of what each u says, against I(x;u), H(y|u) and TC(u) of the joint table on the grid."""
    log_f = torch.tensor([[0.0, 1.0], [0.5, -0.5], [-1.0, 0.2]], dtype=torch.float64)
    alpha = torch.tensor([[0.6, 0.9], [0.8, 0.7], [0.7, 0.5]], dtype=torch.float64)
    p_xy = torch.tensor([[0.2, 0.1], [0.1, 0.2], [0.05, 0.35]], dtype=torch.float64)
    line = torch.linspace(-6, 7, 131, dtype=torch.float64)
    u = torch.cartesian_prod(line, line)
    density = torch.ones(3, len(u), dtype=torch.float64)
    for x in range(3):
        for j in range(2):
            density[x] *= torch.exp(-(((u[:, j] - log_f[x, j]) / alpha[x, j]) ** 2) / 2) / alpha[x, j]
    joint = p_xy.sum(1)[:, None] * density / density.sum(1, keepdim=True)
    p_u, found = joint.sum(0), divergences(LogNormalEncoder(log_f, alpha), p_xy, u)
    p_yu = p_xy.T @ (density / density.sum(1, keepdim=True))
    h_y_given_u = -(p_yu * torch.log(p_yu / p_u)).sum().item()
    assert (p_u @ found.i_xz).item() == pytest.approx(mutual_information(joint).item(), abs=1e-9)
    assert (p_u @ found.h_y_given_z).item() == pytest.approx(h_y_given_u, abs=1e-9)
    table = p_u.reshape(len(line), -1)
    assert (p_u @ found.total_correlation).item() == pytest.approx(mutual_information(table).item(), abs=1e-9)
    assert found.p_y_given_z.sum(1).numpy() == pytest.approx(1, abs=1e-12)
    one = torch.exp(found.log_marginals.reshape(len(line), len(line), 2)[:, 0, 0]) * (line[1] - line[0])
    assert one.numpy() == pytest.approx(table.sum(1).numpy(), abs=1e-9)


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (1, 2, 3)])
def test_draws_may_come_in_any_shape(shape):
    encoder = LogNormalEncoder(
        torch.tensor([[0.0, 1.0], [0.5, -0.5]]).double(), torch.tensor([[0.6, 0.9], [0.8, 0.7]]).double()
    )
    u = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(6, 2)
    p_xy = torch.tensor([[0.2, 0.1, 0.1], [0.1, 0.2, 0.3]], dtype=torch.float64)
    flat, shaped = divergences(encoder, p_xy, u), divergences(encoder, p_xy, u[: math.prod(shape)].reshape(*shape, 2))
    for one, other in zip(flat, shaped, strict=True):
        np.testing.assert_allclose(other, one[: math.prod(shape)].reshape(other.shape), atol=1e-14)
        assert other.shape[: len(shape)] == shape


def test_a_draw_is_the_logarithm_of_the_unit_plus_its_noise():
    encoder = LogNormalEncoder(torch.tensor([[1.0], [-2.0]]), torch.tensor([[0.5], [0.25]]))
    assert encoder.sample(torch.tensor([[[2.0], [-4.0]]])).tolist() == [[[2.0], [-3.0]]]
