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


def test_a_saturated_scale_keeps_cost_and_gradient_finite():
    layer = VariationalBottleneck(Fixed(0.0, 0.0), Fixed(-1e4, 1e4))
    _, kl = layer(torch.zeros(2, 1))
    kl.sum().backward()
    assert torch.isfinite(kl).all() and torch.isfinite(layer.spread.row.grad).all()


def test_a_scale_of_another_name_is_refused(unchecked):
    with pytest.raises(ValueError, match="scale is 'sigmoid'; it must be one of 'softplus', 'exp'"):
        VariationalBottleneck(nn.Identity(), nn.Identity(), scale="sigmoid")


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
