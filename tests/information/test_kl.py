"""Oracle: adaptive quadrature of p log(p/q), and finite differences for the gradients."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from ib_tutorial.information import (
    kl_log_normal,
    kl_log_uniform,
    kl_standard_normal,
    kl_truncated_log_uniform,
    kl_variational_dropout,
)

MAX_ALPHA = 0.7


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal_kl_by_quadrature(mean: float, std: float, prior_mean: float, prior_std: float) -> float:
    """Over e = (u - mean) / std: where mean = -30 and std = 1e-6, u itself has too few digits."""

    def log_ratio(e):
        return stats.norm.logpdf(e) - math.log(std) - stats.norm.logpdf(mean + std * e, prior_mean, prior_std)

    return expectation(log_ratio)


def expectation(of) -> float:
    """E of(e), e ~ N(0, 1)."""
    return integrate.quad(lambda e: stats.norm.pdf(e) * of(e), -14, 14, epsabs=1e-13, epsrel=1e-13, limit=200)[0]


def log_normal_kl_by_quadrature(log_f: float, alpha: float, mu: float, sigma: float) -> float:
    """Over z itself, not log z: that the Jacobians cancel is part of what is checked."""
    p, q = stats.lognorm(alpha, scale=math.exp(log_f)), stats.lognorm(sigma, scale=math.exp(mu))
    edges = math.exp(log_f - 12 * alpha), math.exp(log_f + 12 * alpha)
    middle = [math.exp(log_f + k * alpha) for k in (-6, -3, -1, 0, 1, 3, 6)]
    integrand = lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z))
    return integrate.quad(integrand, *edges, points=middle, epsabs=1e-13, epsrel=1e-13, limit=500)[0]


@pytest.mark.parametrize(
    "log_f, alpha, mu, sigma", [(0, 0.7, 0, 1), (-2, 0.3, -0.441, 0.716), (1.5, 0.05, 0.5, 2), (0.1, 0.7, 0.1, 0.7)]
)
def test_the_log_normal_cost_is_the_integral_over_z(log_f, alpha, mu, sigma):
    ours = kl_log_normal(t(log_f), t(alpha), t(mu), t(sigma)).item()
    assert ours == pytest.approx(log_normal_kl_by_quadrature(log_f, alpha, mu, sigma), abs=1e-10)


@pytest.mark.parametrize("log_f, alpha", [(-30.0, 1e-6), (-30.0, MAX_ALPHA), (3.0, 1e-6)])
def test_the_log_normal_cost_at_its_corners(log_f, alpha):
    ours = kl_log_normal(t(log_f), t(alpha), t(-0.441), t(0.716)).item()
    assert ours == pytest.approx(normal_kl_by_quadrature(log_f, alpha, -0.441, 0.716), rel=1e-11)


@pytest.mark.parametrize("mean, log_var", [(0, 0), (1.3, -2), (-3, 1.5), (1e-5, 1e-7), (0.2, -20)])
def test_the_standard_normal_cost_is_the_integral(mean, log_var):
    ours = kl_standard_normal(t(mean), t(log_var)).item()
    assert ours == pytest.approx(normal_kl_by_quadrature(mean, math.exp(log_var / 2), 0, 1), abs=1e-10)


@pytest.mark.parametrize("alpha", [1e-6, 0.01, 0.35, MAX_ALPHA])
def test_the_log_uniform_cost_is_a_difference_of_integrals_and_zero_at_the_cap(alpha):
    def negative_entropy(std):  # KL against the density 1 of log z
        return expectation(lambda e: stats.norm.logpdf(e) - math.log(std))

    expected = negative_entropy(alpha) - negative_entropy(MAX_ALPHA)
    assert kl_log_uniform(t(alpha), MAX_ALPHA).item() == pytest.approx(expected, abs=1e-10)
    assert kl_log_uniform(t(MAX_ALPHA), MAX_ALPHA).item() == 0
    assert kl_log_uniform(torch.tensor(MAX_ALPHA), MAX_ALPHA).item() == 0  # float32 too


def test_gradients_agree_with_finite_differences():
    a, b, c, d = (t(*values).requires_grad_() for values in ((-1.0, 0.4), (0.3, 0.69), (0.1, -0.5), (0.7, 1.3)))
    assert torch.autograd.gradcheck(kl_log_normal, (a, b, c, d))
    assert torch.autograd.gradcheck(lambda alpha: kl_log_uniform(alpha, MAX_ALPHA), (b,))
    assert torch.autograd.gradcheck(kl_standard_normal, (a, c))


def test_small_alpha_keeps_a_finite_gradient_in_float32():
    alpha = torch.tensor(1e-30, requires_grad=True)
    kl_log_uniform(alpha, MAX_ALPHA).backward()
    assert alpha.grad.item() == pytest.approx(-1e30, rel=1e-5)


def test_shapes_broadcast_and_dtype_stays():
    log_f, scalar = torch.zeros(5, 3), torch.ones(())
    assert kl_log_normal(log_f, torch.full((3,), 0.5), scalar, scalar).shape == (5, 3)
    assert kl_standard_normal(log_f, torch.zeros(5, 1)).shape == (5, 3)
    assert kl_log_uniform(torch.full((4,), 0.1), MAX_ALPHA).dtype == torch.float32


@given(st.floats(-30, 5), st.floats(1e-6, 0.7), st.floats(-3, 3), st.floats(0.1, 3))
def test_costs_are_never_negative(log_f, alpha, mu, sigma):
    assert kl_log_normal(t(log_f), t(alpha), t(mu), t(sigma)).item() >= -1e-12
    assert kl_log_uniform(t(alpha), MAX_ALPHA).item() >= 0
    assert kl_standard_normal(t(mu), t(2 * np.log(alpha))).item() >= -1e-12


def truncated_kl_by_quadrature(log_f: float, alpha: float, low: float, high: float) -> float:
    """Over z itself: the density of a log-normal that is cut to [e^low, e^high] and scaled up, against c / z."""
    mass = stats.norm.cdf(high, log_f, alpha) - stats.norm.cdf(low, log_f, alpha)

    def integrand(z):
        p = stats.norm.pdf(math.log(z), log_f, alpha) / (mass * z)
        return p * math.log(p * z * (high - low)) if p > 0 else 0.0

    inside = (
        math.exp(log_f + k * alpha) for k in (-12, -9, -6, -3, -1, 0, 1, 3, 6, 9, 12) if low < log_f + k * alpha < high
    )
    edges = [math.exp(low), *inside, math.exp(high)]
    pieces = itertools.pairwise(edges)
    return sum(integrate.quad(integrand, *piece, epsabs=1e-13, epsrel=1e-13, limit=500)[0] for piece in pieces)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.7, 2.0, 50.0])
@pytest.mark.parametrize("log_f", [-3.0, -2.5, -0.4, 1.99, 2.0])
def test_the_truncated_cost_is_the_integral_over_z(log_f, alpha):
    expected = truncated_kl_by_quadrature(log_f, alpha, -3.0, 2.0)
    assert kl_truncated_log_uniform(t(log_f), t(alpha), -3, 2).item() == pytest.approx(expected, abs=1e-9)
    assert kl_truncated_log_uniform(t(log_f).float(), t(alpha).float(), -3, 2).item() == pytest.approx(
        expected, abs=1e-5
    )


def test_the_truncated_cost_of_narrow_and_of_wide_noise():
    narrow = [kl_truncated_log_uniform(t(log_f), t(1e-6), -3, 2).item() for log_f in (-0.4, 2.0)]
    inside = math.log(5 / 1e-6) - math.log(2 * math.pi * math.e) / 2
    assert narrow == pytest.approx([inside, inside + math.log(2)], abs=1e-9)  # half of the noise is left at an end
    assert kl_truncated_log_uniform(t(-3.0, 0.1, 2.0), t(1e9), -3, 2).tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_a_centre_outside_counts_as_the_nearer_end():
    log_f, ends = t(-math.inf, -4.0, 2.1, math.inf), t(-3.0, -3.0, 2.0, 2.0)
    assert torch.equal(kl_truncated_log_uniform(log_f, t(0.4), -3, 2), kl_truncated_log_uniform(ends, t(0.4), -3, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_truncated_cost_and_its_gradient_are_numbers_whatever_comes_in(dtype):
    log_f = torch.tensor([-math.inf, -1e30, -30.0, -3.0, 0.0, 2.0, 1e30, math.inf], dtype=dtype, requires_grad=True)
    alpha = torch.tensor([1e-37, 1e-20, 1e-6, 0.7, 1e6, 1e20, 1e37], dtype=dtype, requires_grad=True)
    cost = kl_truncated_log_uniform(log_f, alpha[:, None], -3, 2)
    assert cost.dtype == dtype and torch.isfinite(cost).all() and (cost > -1e-6).all()
    cost.sum().backward()
    assert torch.isfinite(log_f.grad).all() and torch.isfinite(alpha.grad).all()


def test_gradients_of_the_truncated_cost_agree_with_finite_differences():
    log_f, alpha = t(-2.9, -0.3, 1.5).requires_grad_(), t(0.05, 0.7, 4.0)[:, None].requires_grad_()
    assert torch.autograd.gradcheck(lambda log_f, alpha: kl_truncated_log_uniform(log_f, alpha, -3, 2), (log_f, alpha))


@given(st.floats(-5, 5), st.floats(0.01, 3))
def test_a_posterior_equal_to_its_prior_costs_nothing(mean, std):
    assert kl_log_normal(t(mean), t(std), t(mean), t(std)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("alpha", [1e-4, 0.01, 0.1, 0.3, 0.6, 0.9, 1.0])
def test_variational_cost_is_within_a_few_hundredths_of_a_nat_of_the_integral(alpha):
    """-log(alpha)/2 + E log|eps| for eps ~ N(1, alpha), up to a constant."""

    def exact(alpha):
        s = alpha**0.5
        edges = sorted({1 - 12 * s, 1.0, 1 + 12 * s} | ({0.0} if 12 * s > 1 else set()))
        density = stats.norm(1, s).pdf
        pieces = itertools.pairwise(edges)
        expected = sum(integrate.quad(lambda e: density(e) * np.log(abs(e)), *piece, limit=400)[0] for piece in pieces)
        return -np.log(alpha) / 2 + expected

    assert kl_variational_dropout(t(alpha)).item() == pytest.approx(exact(alpha) - exact(1.0), abs=0.04)
