"""The noise layers against their definitions, written out in numpy."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ib_tutorial.nn import (
    BinaryDropout,
    Deterministic,
    GaussianDropout,
    InformationDropout,
    LogNormalDropout,
    VariationalBottleneck,
    VariationalDropout,
    _normal,
    noise,
)
from ib_tutorial.nn._normal import standard_normal
from ib_tutorial.nn.precision import MIN_F


class Constant(nn.Module):
    """A module whose output is a given tensor, once per row of its input."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.as_tensor(value, dtype=torch.float32))

    def forward(self, x):
        return self.value.expand(len(x), *self.value.shape)


def pre_activation(alpha, cap=0.7):
    return torch.logit(torch.as_tensor(alpha) / cap)


def layer(f, alpha, **options):
    return InformationDropout(Constant(f), Constant(pre_activation(alpha, options.get("max_alpha", 0.7))), **options)


def test_log_of_the_units_is_normal_with_the_layers_alpha():
    torch.manual_seed(0)
    z, _ = layer([2.0, 0.5], [0.1, 0.6])(torch.zeros(200_000, 1))
    deviation = z.log() - torch.tensor([2.0, 0.5]).log()
    assert torch.allclose(deviation.mean(0), torch.zeros(2), atol=5e-3)
    assert torch.allclose(deviation.std(0), torch.tensor([0.1, 0.6]), rtol=1e-2)


def test_unit_mean_noise_has_mean_one_and_the_papers_does_not():
    torch.manual_seed(0)
    x = torch.zeros(400_000, 1)
    assert layer([1.0], [0.6], noise="unit_mean")(x)[0].mean().item() == pytest.approx(1, abs=5e-3)
    assert layer([1.0], [0.6])(x)[0].mean().item() == pytest.approx(math.exp(0.18), abs=7e-3)


@pytest.mark.parametrize("mean", ["paper", "unit_mean"])
def test_log_uniform_cost(mean):
    _, kl = layer([3.0, 0.0], [0.07, 0.35], noise=mean)(torch.zeros(4, 1))
    assert kl.shape == (4, 2)
    assert torch.allclose(kl[0], torch.tensor([math.log(10), math.log(2)]), atol=1e-5)


@pytest.mark.parametrize(("mean", "shift"), [("paper", 0.0), ("unit_mean", -0.5 * 0.3**2)])
def test_log_normal_cost_contains_the_activation(mean, shift):
    noisy = layer([2.5], [0.3], prior="log_normal", noise=mean)
    with torch.no_grad():
        noisy.mu.fill_(0.2)
        noisy.log_sigma.fill_(math.log(0.8))
    expected = (0.3**2 + (np.log(2.5) + shift - 0.2) ** 2) / (2 * 0.8**2) - np.log(0.3 / 0.8) - 0.5
    assert noisy(torch.zeros(1, 1))[1].item() == pytest.approx(expected, abs=1e-5)


def test_the_unit_itself_teaches_alpha():
    """A layer that draws with sample() in place of rsample() leaves alpha without this gradient."""
    noisy = layer([1.0], [0.3])
    noisy(torch.zeros(5, 1))[0].sum().backward()
    assert noisy.alpha.value.grad.abs().item() > 0


def test_gradient_of_the_noisy_unit_is_that_of_the_formula():
    noisy = layer([1.5], [0.3])
    torch.manual_seed(3)
    z, _ = noisy(torch.zeros(1, 1))
    z.sum().backward()
    n = math.log(z.item() / 1.5) / 0.3
    slope_of_sigmoid = 0.3 * (1 - 0.3 / 0.7)
    assert noisy.alpha.value.grad.item() == pytest.approx(z.item() * n * slope_of_sigmoid, rel=1e-4)


def test_noise_follows_the_mode_and_the_context_overrides_it():
    noisy = layer([1.0], [0.5])
    x = torch.zeros(50, 1)
    assert noisy.train()(x)[0].std() > 0
    assert noisy.eval()(x)[0].std() == 0
    with noise(noisy):
        assert noisy(x)[0].std() > 0
        with noise(noisy, on=False):
            assert noisy(x)[0].std() == 0
        assert noisy(x)[0].std() > 0
    assert noisy(x)[0].std() == 0
    with pytest.raises(RuntimeError), noise(noisy):
        raise RuntimeError
    assert noisy(x)[0].std() == 0


def test_the_context_does_not_touch_the_mode_of_batch_norm():
    network = nn.Sequential(nn.BatchNorm1d(3), BinaryDropout(nn.Identity(), 0.5)).eval()
    with noise(network):
        assert not network[0].training


@pytest.mark.parametrize("prior", ["log_uniform", "log_normal"])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e4, 1e30])
def test_units_and_costs_stay_finite(prior, size):
    torch.manual_seed(0)
    noisy = InformationDropout(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(4, 3), prior)
    x = size * torch.randn(64, 4)
    z, kl = noisy(x)
    assert torch.isfinite(z).all() and torch.isfinite(kl).all()
    (z.clamp(max=1e3).sum() + kl.clamp(max=1e3).sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in noisy.alpha.parameters())


@pytest.mark.parametrize("log_sigma", [-200.0, -60.0, 60.0, 200.0])
def test_the_cost_is_finite_however_narrow_or_wide_the_prior_has_become(log_sigma):
    noisy = InformationDropout(nn.Sequential(nn.Linear(4, 3), nn.Softplus()), nn.Linear(4, 3), "log_normal")
    noisy.log_sigma.data.fill_(log_sigma)
    z, kl = noisy(torch.randn(8, 4))
    assert torch.isfinite(z).all() and torch.isfinite(kl).all()


def test_half_precision_units_keep_float32_costs():
    noisy = InformationDropout(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(4, 3), "log_normal").bfloat16()
    z, kl = noisy(torch.randn(8, 4, dtype=torch.bfloat16))
    assert z.dtype == torch.bfloat16 and kl.dtype == torch.float32
    assert torch.isfinite(kl).all()


DOUBLE = {
    "information": lambda f, g: InformationDropout(f, g),
    "log_normal prior": lambda f, g: InformationDropout(f, g, "log_normal", noise="unit_mean"),
    "fused": lambda f, g: InformationDropout(f, g, fused=True),
    "fused, log_normal prior": lambda f, g: InformationDropout(f, g, "log_normal", noise="unit_mean", fused=True),
    "log_normal": lambda f, g: LogNormalDropout(f),
    "binary, gated": lambda f, g: BinaryDropout(f, gate=g),
    "gaussian": lambda f, g: GaussianDropout(f),
    "variational": lambda f, g: VariationalDropout(f),
    "none": lambda f, g: Deterministic(f),
    "latents": lambda f, g: VariationalBottleneck(f, g),
}


@pytest.mark.parametrize("build", DOUBLE.values(), ids=DOUBLE)
def test_double_precision_is_not_cut_to_single(build):
    torch.manual_seed(0)
    f = nn.Sequential(nn.Linear(3, 4), nn.Softplus())
    noisy, x = build(f, nn.Linear(3, 4)).double(), torch.randn(2, 3, dtype=torch.float64, requires_grad=True)

    def of(x):
        torch.manual_seed(1)
        return noisy(x)

    assert [tensor.dtype for tensor in of(x)] == [torch.float64, torch.float64]
    assert torch.autograd.gradcheck(of, x)


def test_a_unit_at_zero_pays_for_the_floor_of_its_logarithm():
    noisy = layer([0.0], [0.7 * (1 - 1e-6)], prior="log_normal")
    kl = noisy(torch.zeros(1, 1))[1].item()
    mu, sigma = noisy.mu.item(), noisy.log_sigma.exp().item()
    expected = (0.7**2 + (math.log(MIN_F) - mu) ** 2) / (2 * sigma**2) - math.log(0.7 / sigma) - 0.5
    assert kl == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"prior": "normal"}, "log_uniform"), ({"noise": "mean"}, "unit_mean"), ({"max_alpha": 0.0}, "max_alpha is 0.0")],
)
def test_options_that_do_not_exist_are_refused(unchecked, options, said):
    with pytest.raises(ValueError, match=said):
        InformationDropout(nn.Identity(), nn.Identity(), **options)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"alpha\(x\) has shape \(2, 3\)"):
        InformationDropout(nn.Linear(4, 5), nn.Linear(4, 3))(torch.zeros(2, 4))


def test_constant_noise():
    torch.manual_seed(0)
    z, kl = LogNormalDropout(Constant([2.0]), 0.4)(torch.zeros(200_000, 1))
    assert (z.log() - math.log(2)).std().item() == pytest.approx(0.4, rel=1e-2)
    assert not kl.any()
    with pytest.raises(ValueError, match="alpha is -1"):
        LogNormalDropout(nn.Identity(), -1.0)


def test_binary_noise():
    torch.manual_seed(0)
    z, kl = BinaryDropout(Constant([2.0]), 0.25)(torch.zeros(200_000, 1))
    assert z.unique().tolist() == pytest.approx([0.0, 2 / 0.75])
    assert (z == 0).float().mean().item() == pytest.approx(0.25, abs=5e-3)
    assert not kl.any()
    with pytest.raises(ValueError, match="p is 1"):
        BinaryDropout(nn.Identity(), 1.0)


def test_without_noise_the_layer_is_its_function():
    x = torch.randn(5, 3)
    z, kl = Deterministic(nn.ReLU())(x)
    assert torch.equal(z, x.relu()) and kl.shape == z.shape and not kl.any()


def test_gaussian_noise_has_the_mean_and_variance_of_binary_noise():
    torch.manual_seed(0)
    z, kl = GaussianDropout(Constant([2.0]), 0.25 / 0.75)(torch.zeros(400_000, 1))
    assert z.mean().item() == pytest.approx(2, rel=5e-3)
    assert z.var().item() == pytest.approx(4 * 0.25 / 0.75, rel=2e-2)
    assert not kl.any()
    with pytest.raises(ValueError, match="alpha is -0.1"):
        GaussianDropout(nn.Identity(), -0.1)


def test_variational_noise_learns_its_variance_from_cost_and_unit():
    torch.manual_seed(0)
    layer = VariationalDropout(Constant([2.0]), 0.3)
    z, kl = layer(torch.zeros(400_000, 1))
    assert z.var().item() == pytest.approx(4 * 0.3, rel=2e-2)
    assert kl.shape == z.shape and kl.unique().numel() == 1
    for term in (kl.mean(), z.square().mean()):
        (gradient,) = torch.autograd.grad(term, layer.pre_activation, retain_graph=True)
        assert gradient.abs().item() > 1e-3
    with pytest.raises(ValueError, match="alpha is 1"):
        VariationalDropout(nn.Identity(), 1.0)


@pytest.mark.parametrize("piece", [10**9, 4000])
@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 6, 5)])
def test_noise_drawn_in_memory_order_is_standard_normal_per_unit_and_independent(monkeypatch, shape, piece):
    monkeypatch.setattr(_normal, "PIECE", piece)
    like = torch.zeros(2000, *shape[1:])
    if like.dim() == 4:
        like = like.to(memory_format=torch.channels_last)
    torch.manual_seed(0)
    n = standard_normal(like)
    assert n.shape == like.shape and n.stride() == like.stride() and n.dtype == torch.float32
    flat = n.flatten(1)
    assert (flat.mean(0).abs() < 5 / 2000**0.5).all()
    covariance = flat.T @ flat / 2000
    assert (covariance - torch.eye(len(covariance))).abs().max() < 6 / 2000**0.5 * 2**0.5


@pytest.mark.parametrize("piece", [10**9, 40])
def test_each_network_of_a_stack_draws_its_own(monkeypatch, piece):
    monkeypatch.setattr(_normal, "PIECE", piece)
    draw = torch.func.vmap(lambda _: standard_normal(torch.zeros(50, 4)), randomness="different")
    n = draw(torch.zeros(3))
    assert n.shape == (3, 50, 4) and n.unique().numel() == n.numel()
