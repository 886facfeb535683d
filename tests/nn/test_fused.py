"""The fused operation against autograd through the formulas that it stands for."""

import math

import pytest
import torch
from torch import func, nn
from torch.autograd import forward_ad
from torch.func import functional_call, stack_module_state, vmap

from ib_tutorial.information import kl_log_normal, kl_log_uniform
from ib_tutorial.nn import InformationDropout, _normal
from ib_tutorial.nn._fused import NoisyUnits
from ib_tutorial.nn.precision import MIN_ALPHA, MIN_F

CAP = 0.7
KINDS = [(prior, unit_mean) for prior in ("log_uniform", "log_normal") for unit_mean in (False, True)]


def by_the_formulas(f, pre_activation, n, mu, sigma, max_alpha, unit_mean):
    alpha = (max_alpha * torch.sigmoid(pre_activation.to(n.dtype))).clamp(min=MIN_ALPHA)
    shift = -(alpha**2) / 2 if unit_mean else 0.0
    z = f * torch.exp(shift + alpha * n).to(f.dtype)
    if mu is None:
        return z, kl_log_uniform(alpha, max_alpha)
    return z, kl_log_normal(f.to(n.dtype).clamp(min=MIN_F).log() + shift, alpha, mu, sigma)


def prior_of(prior, dtype):
    if prior == "log_uniform":
        return None, None
    return tuple(torch.tensor(value, dtype=dtype, requires_grad=True) for value in (-0.441, 0.716))


def both(f, pre_activation, n, prior, unit_mean, weights=(1.0, 1.0), cap=CAP):
    """(z, kl, gradients) of the operation and of the formulas; the outputs weigh `weights` in what is differentiated."""
    generator = torch.Generator().manual_seed(1)
    of_z, of_kl = (
        weight * torch.randn(f.shape, generator=generator, dtype=torch.float64).to(n.dtype) for weight in weights
    )
    results = []
    for compute in (NoisyUnits.apply, by_the_formulas):
        mu, sigma = prior_of(prior, n.dtype)
        leaves = [f.detach().requires_grad_(), pre_activation.detach().requires_grad_()]
        z, kl = compute(*leaves, n, mu, sigma, cap, unit_mean)
        leaves += [] if mu is None else [mu, sigma]
        gradients = torch.autograd.grad([z, kl], leaves, [of_z.to(z.dtype), of_kl])
        results.append((z.detach(), kl.detach(), *gradients))
    return results


def assert_close(mine, theirs, **near):
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, **near)


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
def test_its_derivative_is_that_of_its_value(prior, unit_mean):
    torch.manual_seed(0)
    f = (torch.rand(3, 4, dtype=torch.float64) + 0.1).requires_grad_()
    pre_activation = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    n = torch.randn(3, 4, dtype=torch.float64)
    mu, sigma = prior_of(prior, torch.float64)
    compute = lambda *tensors: NoisyUnits.apply(*tensors[:2], n, *(tensors[2:] or (None, None)), CAP, unit_mean)
    assert torch.autograd.gradcheck(compute, (f, pre_activation, *([] if mu is None else [mu, sigma])))


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("cap", [CAP, 1.3])
def test_value_and_gradient_are_those_of_the_formulas(prior, unit_mean, weights, cap):
    torch.manual_seed(0)
    f, pre_activation, n = torch.randn(3, 50, 20, dtype=torch.float64)
    assert_close(*both(f.relu(), 4 * pre_activation, n, prior, unit_mean, weights, cap), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
def test_so_they_are_in_float32_at_the_extremes(prior, unit_mean):
    """Units at 0, about the floor of the logarithm and huge; alpha at its floor, near it, at the cap, with sigmoids of exactly 0 and 1."""
    units = torch.tensor([0.0, 1e-30, 0.5 * MIN_F, 2 * MIN_F, 1.0, 1e10, 1e30])
    floor = math.log(MIN_ALPHA / CAP)
    scales = torch.tensor([-math.inf, -1e4, -200.0, floor - 0.1, floor + 0.1, 0.0, 20.0, 200.0, math.inf])
    f, pre_activation = (grid.contiguous() for grid in torch.meshgrid(units, scales, indexing="ij"))
    for n in (-5.0, 0.0, 5.0):
        mine, theirs = both(f, pre_activation, torch.full_like(f, n), prior, unit_mean)
        assert all(torch.isfinite(tensor).all() for tensor in mine)
        assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
        assert not mine[3][:, :4].any() and not mine[3][:, -2:].any()  # clamped, or saturated: nothing to learn there
        if prior == "log_normal":
            assert mine[2][0].abs().max() < 1e3  # a unit at 0 is not divided by


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
def test_half_precision_units_keep_a_float32_cost(prior, unit_mean):
    torch.manual_seed(0)
    f, pre_activation = torch.randn(2, 40, 30).bfloat16()
    mine, theirs = both(f.relu(), pre_activation, torch.randn(40, 30), prior, unit_mean)
    assert [tensor.dtype for tensor in mine] == [tensor.dtype for tensor in theirs]
    assert mine[0].dtype == torch.bfloat16 and mine[1].dtype == torch.float32
    torch.testing.assert_close(mine[1], theirs[1])
    assert_close(mine, theirs, rtol=0.02, atol=0.02)  # of the formulas, each step rounds to 8 bits


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
def test_half_precision_units_are_rounded_once(prior, unit_mean):
    """What leaves is the float32 result to 8 bits: nothing on the way is computed in half precision."""
    torch.manual_seed(0)
    f, pre_activation, n = torch.rand(200, 30).bfloat16(), torch.randn(200, 30).bfloat16(), 3 * torch.randn(200, 30)
    results = []
    for compute, dtype in ((NoisyUnits.apply, torch.bfloat16), (by_the_formulas, torch.float32)):
        leaves = [tensor.to(dtype).requires_grad_() for tensor in (f, pre_activation)]
        z, kl = compute(*leaves, n, *prior_of(prior, torch.float32), CAP, unit_mean)
        results.append([z.detach(), *torch.autograd.grad(z.sum(dtype=torch.float32) + kl.sum(), leaves)])
    assert_close([tensor.float() for tensor in results[0]], results[1], rtol=2**-8, atol=1e-5)


@pytest.mark.parametrize("prior", ["log_uniform", "log_normal"])
@pytest.mark.parametrize("shape", [(1, 700), (64, 7), (7, 3, 5, 4), (0, 6), (6, 0)])
def test_it_does_not_matter_how_the_units_are_cut_and_laid_out(monkeypatch, prior, shape):
    monkeypatch.setattr(_normal, "PIECE", 64)
    torch.manual_seed(0)
    f, pre_activation, n = torch.randn(3, *shape, dtype=torch.float64)
    if len(shape) == 4:
        f, n = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (f, n))
    mine, theirs = both(f.relu(), pre_activation, n, prior, True)
    assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    assert mine[0].stride() == f.stride()


@pytest.fixture
def in_pieces(monkeypatch):
    """Cut layers of any size into several pieces."""
    monkeypatch.setattr(_normal, "PIECE", 16)


def network_of(prior, mean, fused=True):
    torch.manual_seed(2)
    activation = nn.ReLU() if prior == "log_uniform" else nn.Softplus()
    f, alpha = nn.Sequential(nn.Linear(4, 8), activation), nn.Linear(4, 8)
    return InformationDropout(f, alpha, prior, max_alpha=0.9, noise=mean, fused=fused)


@pytest.mark.parametrize("prior", ["log_uniform", "log_normal"])
@pytest.mark.parametrize("mean", ["paper", "unit_mean"])
def test_a_fused_layer_computes_what_a_plain_one_does(monkeypatch, prior, mean):
    layer, x = network_of(prior, mean), torch.randn(30, 4)
    results = []
    for layer.fused in (True, False, True):
        monkeypatch.setattr(_normal, "PIECE", 16)
        torch.manual_seed(3)
        z, kl = layer(x)
        gradients = torch.autograd.grad(z.square().sum() + kl.sum(), list(layer.parameters()))
        results.append((z, kl, *gradients))
    assert "NoisyUnits" in results[0][0].grad_fn.name() and "NoisyUnits" not in results[1][0].grad_fn.name()
    assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(results[0], results[2], strict=True))


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
def test_stacked_layers_are_differentiated_each_by_itself(in_pieces, prior, unit_mean):
    layers = [network_of(prior, "unit_mean" if unit_mean else "paper") for _ in range(3)]
    with torch.no_grad():
        for place, layer in enumerate(layers):
            for parameter in layer.parameters():
                parameter.add_(0.1 * place)
    parameters, buffers = stack_module_state(layers)
    x = torch.randn(3, 10, 4)
    of_each = vmap(lambda p, b, x: functional_call(layers[0], (p, b), (x,)), randomness="different")
    z, kl = of_each(parameters, buffers, x)
    gradients = torch.autograd.grad((z.log1p() * z + kl).sum(), list(parameters.values()))
    for place, layer in enumerate(layers):
        alpha, f = layer.noise_scale(x[place]), layer.f(x[place])
        alive = f > 0
        shift = -(alpha**2) / 2 if unit_mean else 0.0
        n = torch.where(alive, ((z[place] / f).log() - shift) / alpha, torch.zeros(())).detach()
        mu, sigma = (layer.mu, layer.log_sigma.exp()) if prior == "log_normal" else (None, None)
        own_z, own_kl = by_the_formulas(f, layer.alpha(x[place]), n, mu, sigma, layer.max_alpha, unit_mean)
        torch.testing.assert_close(kl[place], own_kl)
        own = torch.autograd.grad((own_z.log1p() * own_z + own_kl).sum(), list(layer.parameters()))
        names = [name for name, _ in layer.named_parameters()]
        assert_close(
            [dict(zip(parameters, gradients, strict=True))[name][place] for name in names], own, rtol=1e-3, atol=1e-4
        )
    assert not torch.equal(z[0] / z[0].mean(), z[1] / z[1].mean())


@pytest.mark.parametrize(("prior", "unit_mean"), KINDS)
def test_it_is_differentiated_twice_and_for_many_gradients_at_once(prior, unit_mean):
    torch.manual_seed(0)
    f = (torch.rand(2, 3, dtype=torch.float64) + 0.1).requires_grad_()
    pre_activation = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    n = torch.randn(2, 3, dtype=torch.float64)
    of_prior = [] if prior == "log_uniform" else prior_of(prior, torch.float64)
    compute = lambda *tensors: NoisyUnits.apply(*tensors[:2], n, *(tensors[2:] or (None, None)), CAP, unit_mean)
    inputs = (f, pre_activation, *of_prior)
    assert torch.autograd.gradcheck(compute, inputs, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(compute, inputs, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(lambda twice: compute(twice, twice, *of_prior), (f,))


def second_derivative(loss, x):
    (gradient,) = torch.autograd.grad(loss(x), x, create_graph=True)
    return torch.autograd.grad(gradient.square().sum(), x)[0]


def directional(loss, x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(loss(forward_ad.make_dual(x, torch.ones_like(x)))).tangent


DERIVATIVES = {
    "create_graph": second_derivative,
    "torch.func.grad": lambda loss, x: func.grad(loss)(x),
    "grad of grad": lambda loss, x: func.grad(lambda x: func.grad(loss)(x).square().sum())(x),
    "jvp": lambda loss, x: func.jvp(loss, (x,), (torch.ones_like(x),))[1],
    "forward over reverse": lambda loss, x: func.jacfwd(func.jacrev(loss), randomness="same")(x),
    "reverse over reverse": lambda loss, x: func.jacrev(func.jacrev(loss))(x),
    "forward over forward": lambda loss, x: func.jacfwd(func.jacfwd(loss, randomness="same"), randomness="same")(x),
    "reverse over forward": lambda loss, x: func.jacrev(func.jacfwd(loss, randomness="same"))(x),
    "dual numbers": directional,
    "vectorised hessian": lambda loss, x: torch.autograd.functional.hessian(loss, x, vectorize=True),
    "each image's gradient": lambda loss, x: vmap(func.grad(lambda row: loss(row[None])), randomness="same")(x),
}


@pytest.mark.parametrize("derivative", DERIVATIVES.values(), ids=DERIVATIVES)
@pytest.mark.parametrize(("prior", "unit_mean"), [KINDS[0], KINDS[3]])
def test_what_can_be_differentiated_does_not_depend_on_the_batch_size(derivative, prior, unit_mean):
    layer = network_of(prior, "unit_mean" if unit_mean else "paper").double()
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    def loss(x):
        torch.manual_seed(3)
        z, kl = layer(x)
        return (z.square() + z * kl).sum()

    results = []
    for layer.fused in (True, False):
        results.append(derivative(loss, x).detach())
    torch.testing.assert_close(*results)
    assert results[0].any()


def test_a_compiler_sees_the_formulas(in_pieces, monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert "NoisyUnits" not in network_of("log_normal", "paper")(torch.randn(6, 4))[0].grad_fn.name()


def test_by_default_a_layer_is_fused_where_its_units_are_many():
    layer = network_of("log_uniform", "paper", fused=None)
    for images, fused in ((10, False), (2**17 // 8, True)):
        z, _ = layer(torch.randn(images, 4))
        assert ("NoisyUnits" in z.grad_fn.name()) == fused == layer.is_fused(z)
