"""The units behind Fig. 1: clean and noisy ones belong together, and those before training have the law that they say."""

import math

import pytest
import torch

from ib_tutorial.experiments.activation_priors import last_units, untrained_log_z
from ib_tutorial.nn import all_cnn_32


def test_clean_and_noisy_units_belong_together_and_are_drawn_alike():
    torch.manual_seed(0)
    network = all_cnn_32(width=0.05, channels=1).eval()
    x = torch.randn(6, 1, 28, 28)
    f, z = last_units(network, x, 10**6, seed=0)
    assert len(f) == len(z) == network.representation(x)[0].numel()
    assert torch.equal(f == 0, z == 0) and (f == 0).any()
    assert (z[f > 0] / f[f > 0]).log().abs().max() < 6 * 0.7  # the noise's scale is below 0.7
    some, noisy = last_units(network, x, 50, seed=0)
    pairs = set(zip(f.tolist(), z.tolist(), strict=True))
    assert len(some) == 50 and set(zip(some.tolist(), noisy.tolist(), strict=True)) <= pairs


def test_a_seed_gives_the_same_units():
    network = all_cnn_32(width=0.05)
    x = torch.randn(4, 3, 32, 32)
    assert all(
        torch.equal(a, b) for a, b in zip(last_units(network, x, 30, 1), last_units(network, x, 30, 1), strict=True)
    )
    assert not torch.equal(last_units(network, x, 30, 1)[1], last_units(network, x, 30, 2)[1])


@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_units_before_training_have_the_moments_of_quadrature(alpha):
    a = torch.linspace(-9, 9, 200_001, dtype=torch.float64)
    weight = torch.exp(-(a**2) / 2)
    on = a > 0
    for activation, log_f, mass in (
        ("relu", a[on].log(), weight[on]),
        ("softplus", torch.nn.functional.softplus(a).log(), weight),
    ):
        mean = (mass * log_f).sum() / mass.sum()
        variance = (mass * (log_f - mean) ** 2).sum() / mass.sum() + alpha**2
        found = untrained_log_z(activation, alpha, n=200_000, seed=0)
        assert len(found) == pytest.approx(200_000 * (0.5 if activation == "relu" else 1), rel=0.01)
        assert found.mean().item() == pytest.approx(mean.item(), abs=5 * math.sqrt(variance / len(found)))
        assert found.var().item() == pytest.approx(variance.item(), rel=0.02)
