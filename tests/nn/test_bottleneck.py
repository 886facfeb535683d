"""The deep VIB's layer against torch.distributions, and its loss against that of public code."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from ib_tutorial.nn import NoisyNetwork, VariationalBottleneck
from ib_tutorial.training import information_bottleneck_loss


class Fixed(nn.Module):
    """A module whose output is a given row, once per row of its input."""

    def __init__(self, *row):
        super().__init__()
        self.row = nn.Parameter(torch.tensor(row))

    def forward(self, x):
        return self.row.expand(len(x), -1)


def test_units_have_the_mean_the_scale_and_the_cost_that_the_paper_gives_them():
    torch.manual_seed(0)
    mean, pre_activation = (1.5, -0.5, 0.0), (3.0, 5.0, 8.0)
    layer = VariationalBottleneck(Fixed(*mean), Fixed(*pre_activation))
    z, kl = layer(torch.zeros(200_000, 1))
    scale = torch.tensor([math.log1p(math.exp(each - 5)) for each in pre_activation])
    torch.testing.assert_close(z.mean(0), torch.tensor(mean), atol=2e-2, rtol=0)
    torch.testing.assert_close(z.std(0), scale, atol=0, rtol=2e-2)
    torch.testing.assert_close(kl[0], kl_divergence(Normal(torch.tensor(mean), scale), Normal(0.0, 1.0)))


def test_a_learned_prior_costs_the_divergence_from_it_and_is_taught():
    layer = VariationalBottleneck(Fixed(1.5, -0.5), Fixed(3.0, 5.0), prior="learned")
    x = torch.zeros(1, 1)
    torch.testing.assert_close(layer(x)[1], VariationalBottleneck(layer.f, layer.spread)(x)[1])  # it starts as the standard normal
    with torch.no_grad():
        layer.prior_mean.fill_(0.4)
        layer.prior_log_scale.fill_(-0.7)
    posterior = Normal(layer.f(x), torch.exp(layer.log_variance(x) / 2))
    _, kl = layer(x)
    torch.testing.assert_close(kl, kl_divergence(posterior, Normal(torch.tensor(0.4), torch.tensor(-0.7).exp())))
    kl.sum().backward()
    assert layer.prior_mean.grad.abs() > 0 and layer.prior_log_scale.grad.abs() > 0


def test_the_best_learned_prior_has_the_mean_and_the_variance_of_the_units():
    """The cost averaged over images is least at the moments of the mixture, and there it is their Gaussian bound on I(x;z)."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(500, 1, generator=generator) * 0.8 + 0.3
    layer = VariationalBottleneck(nn.Identity(), Constant(4.0), prior="learned")
    s = math.log1p(math.exp(-1.0))
    mean, variance = means.mean().item(), means.var(correction=0).item() + s**2
    optimiser = torch.optim.LBFGS([layer.prior_mean, layer.prior_log_scale], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        cost = layer(means)[1].mean()
        cost.backward()
        return cost

    optimiser.step(closure)
    assert layer.prior_mean.item() == pytest.approx(mean, abs=1e-3)
    assert layer.prior_log_scale.exp().item() ** 2 == pytest.approx(variance, rel=1e-3)
    assert layer(means)[1].mean().item() == pytest.approx(math.log(variance / s**2) / 2, rel=1e-4)


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return torch.full_like(x, self.value)


def test_a_saturated_scale_keeps_cost_and_gradient_finite():
    layer = VariationalBottleneck(Fixed(0.0, 0.0), Fixed(-1e4, 1e4))
    _, kl = layer(torch.zeros(2, 1))
    kl.sum().backward()
    assert torch.isfinite(kl).all() and torch.isfinite(layer.spread.row.grad).all()


def test_names_that_mean_nothing_are_refused(unchecked):
    with pytest.raises(ValueError, match="scale is 'sigmoid'; it must be one of 'softplus', 'exp'"):
        VariationalBottleneck(nn.Identity(), nn.Identity(), scale="sigmoid")
    with pytest.raises(ValueError, match="prior is 'laplace'; it must be one of 'standard_normal', 'learned'"):
        VariationalBottleneck(nn.Identity(), nn.Identity(), prior="laplace")


PUBLIC = dict(class_loss=0.5585298018580581, info_loss=1.8241202403285492, total_loss=1.105765873956623)
"""What the three lines of the loss in 1Konny/VIB-pytorch (solver.py, commit dad74f7, beta 0.3) gave for the numbers of the test below."""


def test_the_loss_of_public_code_is_ours_in_bits():
    """Both its terms are divided by log 2, so its beta is our beta / n_train; its sum over units and mean over images are ours."""
    mean = torch.tensor([[0.2, -1.0, 0.5], [1.0, 0.0, -0.3]])
    scale = torch.tensor([[0.5, 0.8, 1.2], [0.3, 1.0, 0.6]])
    logits, y = torch.tensor([[1.0, 0.2], [-0.4, 0.3]]), torch.tensor([0, 1])
    kl = kl_divergence(Normal(mean, scale), Normal(0.0, 1.0))
    beta, n_train = 30.0, 100
    bits = information_bottleneck_loss(logits, y, [kl], beta, n_train).item() / math.log(2)
    assert bits == pytest.approx(PUBLIC["total_loss"], rel=1e-6)
    assert kl.sum(1).mean().item() / math.log(2) == pytest.approx(PUBLIC["info_loss"], rel=1e-6)


def test_it_stands_in_a_network_as_the_other_layers_do():
    torch.manual_seed(0)
    layer = VariationalBottleneck(nn.Linear(6, 4), nn.Linear(6, 4))
    network = NoisyNetwork(layer, nn.Linear(4, 2))
    x, y = torch.randn(5, 6), torch.tensor([0, 1, 1, 0, 1])
    logits, kl_terms = network(x)
    information_bottleneck_loss(logits, y, kl_terms, 1.0, n_train=5).backward()
    assert [kl.shape for kl in kl_terms] == [(5, 4)] and all(p.grad.abs().sum() > 0 for p in network.parameters())
