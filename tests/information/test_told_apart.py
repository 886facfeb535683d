"""The lower bound on how well log-normal units tell inputs apart, against integrals one by one and at its two ends."""

import math

import numpy as np
import pytest
import torch

from ib_tutorial.information.log_normal import told_apart


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
