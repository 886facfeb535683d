"""The truncated layer against scipy's truncated normal, and against the untruncated layer where nothing is cut."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from ib_tutorial.information import kl_truncated_log_uniform
from ib_tutorial.nn import InformationDropout, NoisyNetwork, TruncatedInformationDropout, noise
from ib_tutorial.nn import truncated as module

LEAST, MOST = 0.1, 5.0


class Constant(nn.Module):
    """A module whose output is a given tensor, once per row of its input."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.as_tensor(value, dtype=torch.float64))

    def forward(self, x):
        return self.value.expand(len(x), *self.value.shape)


def layer(f, alpha, max_alpha=9.0):
    pre_activation = torch.logit(torch.tensor(alpha, dtype=torch.float64) / max_alpha)
    return TruncatedInformationDropout(Constant(f), Constant(pre_activation), LEAST, MOST, max_alpha)


@pytest.mark.parametrize("alpha", [0.05, 0.7, 6.0])
@pytest.mark.parametrize("f", [0.1, 0.15, 1.0, 4.9, 5.0])
def test_the_log_of_a_unit_is_a_truncated_normal(f, alpha):
    torch.manual_seed(0)
    z, _ = layer([f], [alpha])(torch.zeros(20_000, 1))
    a, b = ((math.log(end) - math.log(f)) / alpha for end in (LEAST, MOST))
    assert stats.kstest(z.log().flatten().detach().numpy(), stats.truncnorm(a, b, math.log(f), alpha).cdf).pvalue > 1e-3
    assert LEAST * (1 - 1e-12) <= z.min() and z.max() <= MOST * (1 + 1e-12)


def test_the_cost_is_that_of_the_library_and_hides_nothing_in_a_constant():
    noisy = layer([0.0, 0.1, 1.0, 70.0], [0.3, 0.3, 0.5, 8.0])
    kl = noisy(torch.zeros(1, 1))[1][0]
    log_f, alpha = torch.tensor([0.1, 0.1, 1.0, 5.0]).log().double(), torch.tensor([0.3, 0.3, 0.5, 8.0]).double()
    assert torch.allclose(kl, kl_truncated_log_uniform(log_f, alpha, math.log(LEAST), math.log(MOST)), atol=1e-7)
    assert kl[-1] < 0.01  # next to no cost only where next to nothing is told


def test_a_unit_that_is_off_is_noisy_like_the_others():
    torch.manual_seed(0)
    noisy = layer([0.0], [0.7])
    z = noisy(torch.zeros(1000, 1))[0]
    assert z.log().std() > 0.3
    with noise(noisy, on=False):
        assert (noisy(torch.zeros(3, 1))[0] == LEAST).all() and (noisy.clean(torch.zeros(3, 1)) == LEAST).all()


def test_far_from_the_ends_it_is_the_layer_without_truncation():
    f, alpha = Constant([0.6, 0.9]), Constant([-3.0, -4.0])
    results = []
    for noisy in (InformationDropout(f, alpha, max_alpha=0.7), TruncatedInformationDropout(f, alpha, 1e-6, 1e6, 0.7)):
        torch.manual_seed(3)
        results.append(noisy(torch.zeros(50, 1))[0])
    assert torch.allclose(*results, atol=1e-9)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    f = nn.Sequential(nn.Linear(3, 4), nn.Softplus())
    noisy, x = TruncatedInformationDropout(f, nn.Linear(3, 4)).double(), torch.randn(5, 3, dtype=torch.float64, requires_grad=True)

    def of(x):
        torch.manual_seed(1)
        return noisy(x)

    assert torch.autograd.gradcheck(of, x)
    of(x)[0].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in noisy.parameters())


@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e4, 1e30])
def test_units_costs_and_gradients_stay_finite(size):
    torch.manual_seed(0)
    noisy = TruncatedInformationDropout(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(4, 3))
    z, kl = noisy(size * torch.randn(64, 4))
    assert torch.isfinite(z).all() and torch.isfinite(kl).all() and (kl > -1e-6).all()
    (z.sum() + kl.sum()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in noisy.parameters())


@pytest.mark.parametrize("n", [-30.0, 30.0])
@pytest.mark.parametrize("deviations", [0.0, 4.9, 5.2, 40.0])
def test_the_rarest_draw_stays_inside_and_has_a_gradient(monkeypatch, n, deviations):
    """In float32, where the distribution function of such a draw is rounded to 0, to 1, or to less than its distance from the end."""
    monkeypatch.setattr(module, "standard_normal", lambda like: torch.full_like(like, n))
    alpha = 0.05
    ends = (LEAST * math.exp(deviations * alpha), MOST * math.exp(-deviations * alpha))
    noisy = layer(ends, [alpha, alpha]).float()
    z, _ = noisy(torch.zeros(1, 1))
    z.sum().backward()
    assert LEAST * (1 - 1e-6) <= z.min() and z.max() <= MOST * (1 + 1e-6)
    assert all(torch.isfinite(parameter.grad).all() for parameter in noisy.parameters())


def test_at_the_default_cap_a_unit_is_nearly_free():
    noisy = TruncatedInformationDropout(nn.Identity(), nn.Identity())
    low, high = math.log(noisy.least), math.log(noisy.most)
    assert kl_truncated_log_uniform(torch.linspace(low, high, 101), torch.tensor(noisy.max_alpha), low, high).max() < 0.02


def test_a_network_reports_its_scales_and_a_stack_draws_for_each():
    noisy = TruncatedInformationDropout(nn.Identity(), nn.Identity())
    scales = NoisyNetwork(noisy, nn.Linear(4, 2)).noise_scales(torch.ones(3, 4))
    assert [scale.shape for scale in scales] == [(3, 4)]
    z, _ = torch.func.vmap(noisy, randomness="different")(torch.ones(2, 50, 4))
    assert z.unique().numel() == z.numel()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"least": 0.0}, "least is 0.0 and most is 10.0"),
        ({"least": 2.0, "most": 1.0}, "least is 2.0 and most is 1.0"),
        ({"max_alpha": 0.0}, "max_alpha is 0.0"),
    ],
)
def test_an_interval_that_is_none_is_refused(unchecked, options, said):
    with pytest.raises(ValueError, match=said):
        TruncatedInformationDropout(nn.Identity(), nn.Identity(), **options)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"alpha\(x\) has shape \(2, 3\)"):
        TruncatedInformationDropout(nn.Linear(4, 5), nn.Linear(4, 3))(torch.zeros(2, 4))
