"""What a classifier's cross-entropy says of I(z;n), and what multiplicative noise cannot hide."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_identical, proves

from ib_tutorial.information import entropy, mutual_information
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences, told_apart

CLAIMS = {
    "prop-reader-bound": Claim(
        r"For any reader $q$, $I(z;n) = H(n) - \mathbb{E}[-\log q(n|z)] + \mathbb{E}_z\mathrm{KL}(p(n|z)\,\|\,q(n|z))$: "
        "entropy minus cross-entropy is a lower bound.",
        paper="Fig. 4 gives errors",
    ),
    "prop-zero-pattern": Claim(
        r"Positive multiplicative noise passes which units are zero, whatever its scale: $I(z;n) = I(s;n) + I(z;n|s) \ge I(s;n)$.",
        paper="section 6: the cost of a ReLU unit depends on its noise alone",
    ),
    "prop-told-apart": Claim(
        r"For $N$ equally likely inputs, $I(x;z) \ge \log N - \log\frac1N\sum_{x,x'}\prod_j B_j(x,x')$, $B_j$ the overlap of two inputs in "
        "unit $j$: noise at the cap passes information."
    ),
}

GRID = np.linspace(-16, 16, 8001)


def normal(mean, scale):
    """A normal density on GRID."""
    return np.exp(-(((GRID - mean) / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))


def integral(values):
    return values.sum() * (GRID[1] - GRID[0])


def differential_entropy(density):
    return -integral(density * np.log(np.maximum(density, 1e-300)))


@proves("prop-reader-bound", kind="quadrature", scope="special case")
def test_information_is_the_bound_plus_the_readers_divergence():
    """Three digits, log z normal given each, a reader of the wrong shape: I(z;n) = h(z) - h(z|n)."""
    p_n, means, scales = np.array([0.5, 0.3, 0.2]), (-1.0, 0.5, 1.2), (0.7, 0.4, 0.6)
    p_zn = p_n[:, None] * np.array([normal(*each) for each in zip(means, scales, strict=True)])
    information = differential_entropy(p_zn.sum(0)) - p_n @ np.log(np.sqrt(2 * math.pi * math.e) * np.array(scales))
    logits = np.outer([-1.0, 0.3, 1.5], GRID) + np.array([[0.2], [0.5], [-1.0]])
    reader = np.exp(logits - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    posterior = p_zn / np.maximum(p_zn.sum(0), 1e-300)
    cross_entropy = -sum(integral(p_zn[n] * np.log(reader[n])) for n in range(3))
    gap = sum(integral(p_zn[n] * np.log(np.maximum(posterior[n], 1e-300) / reader[n])) for n in range(3))
    assert gap > 0.01 and information == pytest.approx(entropy(p_n) - cross_entropy + gap, abs=1e-9)


@proves("prop-reader-bound", kind="enumeration", scope="general")
def test_no_reader_has_a_bound_above_the_information_and_the_posterior_reaches_it():
    rng = np.random.default_rng(0)
    for _ in range(500):
        p_zn = rng.dirichlet(np.full(20, 0.7)).reshape(5, 4)
        posterior = p_zn / p_zn.sum(1, keepdims=True)
        share = rng.choice([0.0, 0.5, 1.0])
        reader = (1 - share) * rng.dirichlet(np.full(4, rng.choice([0.1, 1.0, 30.0])), size=5) + share * posterior
        bound = entropy(p_zn.sum(0)) + np.where(p_zn > 0, p_zn * np.log(reader.clip(1e-300)), 0).sum()
        assert bound <= mutual_information(p_zn) + 1e-12
        assert share < 1 or bound == pytest.approx(mutual_information(p_zn), abs=1e-12)


@proves("prop-zero-pattern", kind="quadrature", scope="special case")
@pytest.mark.parametrize("scale", [0.1, 0.7, 2.0])
def test_information_is_that_of_the_pattern_and_what_is_beyond_it(scale):
    """f in {0, 1, 3}, by class n: I(z;n) by quadrature is I(s;n) by enumeration plus I(z;n|s) by quadrature."""
    p_f = np.array([[0.6, 0.3, 0.1], [0.3, 0.2, 0.5]]) / 2  # [n, f]
    pattern = mutual_information(np.stack([p_f[:, 0], p_f[:, 1:].sum(1)], 1))
    p_nu = p_f[:, 1:] @ np.array([normal(0.0, scale), normal(math.log(3.0), scale)])  # density of log z > -inf, jointly with n
    p_u, p_n, p_n_on = p_nu.sum(0), p_f.sum(1), p_f[:, 1:].sum(1)
    log = lambda p: np.log(np.maximum(p, 1e-300))
    at_zero = (p_f[:, 0] * np.log(p_f[:, 0] / (p_f[:, 0].sum() * p_n))).sum()
    of_z = at_zero + sum(integral(p_nu[n] * (log(p_nu[n]) - log(p_u) - math.log(p_n[n]))) for n in (0, 1))
    beyond = sum(integral(p_nu[n] * (log(p_nu[n]) - log(p_u) - math.log(p_n_on[n] / p_n_on.sum()))) for n in (0, 1))
    assert beyond >= 0 and of_z == pytest.approx(pattern + beyond, abs=1e-7)


@proves("prop-told-apart", kind="symbolic", scope="general")
def test_the_overlap_of_two_log_normal_units():
    """int sqrt(N(u; a, alpha^2) N(u; b, gamma^2)) du, by completing the square, against the formula."""
    a, b, u = sp.symbols("a b u", real=True)
    alpha, gamma = sp.symbols("alpha gamma", positive=True)
    exponent = -((u - a) ** 2) / (4 * alpha**2) - (u - b) ** 2 / (4 * gamma**2)
    two, one, zero = sp.Poly(sp.expand(exponent), u).all_coeffs()
    gaussian = sp.sqrt(sp.pi / -two) * sp.exp(zero - one**2 / (4 * two)) / sp.sqrt(2 * sp.pi * alpha * gamma)
    total = alpha**2 + gamma**2
    formula = sp.sqrt(2 * alpha * gamma / total) * sp.exp(-((a - b) ** 2) / (4 * total))
    assert_identical(sp.expand_log(sp.log(gaussian) - sp.log(formula), force=True), sp.Integer(0))


@proves("prop-told-apart", kind="quadrature", scope="special case")
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0, 3.0])
def test_two_inputs_and_one_unit(shift):
    """I(x;z) by quadrature is never below `told_apart`, nor far above it."""
    for one, other in itertools.product((0.3, 0.7), (0.3, 0.5, 0.7)):
        densities = normal(0.0, one), normal(shift, other)
        information = differential_entropy(sum(densities) / 2) - sum(map(differential_entropy, densities)) / 2
        bound = told_apart(*torch.tensor([[[0.0], [shift]], [[one], [other]]], dtype=torch.float64)).item()
        assert bound - 1e-9 <= information <= bound + 0.15


@proves("prop-told-apart", kind="Monte Carlo", scope="special case")
def test_twenty_inputs_and_six_units_at_the_cap():
    generator = torch.Generator().manual_seed(0)
    log_f = 0.6 * torch.randn(20, 6, generator=generator, dtype=torch.float64)
    encoder = LogNormalEncoder(log_f, torch.full_like(log_f, 0.7))
    draws = encoder.sample(torch.randn(1000, 20, 6, generator=generator, dtype=torch.float64))
    information = divergences(encoder, torch.eye(20, dtype=torch.float64) / 20, draws).i_xz.mean(1)
    error, bound = information.std() / len(information) ** 0.5, told_apart(log_f, encoder.alpha)
    assert 0.5 < bound <= information.mean() + 4 * error
