"""What a trained layer can and cannot reach, against the exact optimum of eq. (2)."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_mean, proves

from ib_tutorial.information import (
    alternating_step,
    contraction_coefficient,
    entropy,
    information_plane,
    kl_divergence,
    kl_log_normal,
    maximal_correlation,
    total_correlation,
    variational_bound,
)
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences

CLAIMS = {
    "prop-lve-excess": Claim(
        r"The loss (3) exceeds the optimum $L^*$ by the encoder's excess, the decoder's KL, and "
        r"$\beta[\mathrm{TC} + \sum_j \mathrm{KL}(p_j\|q_j)]$.",
        paper="eq. (3), section 5",
    ),
    "prop-lve-family": Claim(
        "A layer with log-normal noise attains the optimum of (2) only where a constant does, if all $p(y|x) > 0$."
    ),
    "prop-lve-collapse": Claim(
        r"Eq. (3) is least at collapse for $\beta > \eta$; for $\beta < \rho_m^2$ a layer of one unit does better."
    ),
    "prop-lve-cap": Claim(
        r"With a learned $\sigma$ a cap on $\alpha$ changes nothing that the loss can see. With a fixed $\sigma > \alpha_{\max}$ each unit costs "
        r"at least $\log(\sigma/\alpha_{\max}) + \alpha_{\max}^2/2\sigma^2 - 1/2$ nats, and the loss does not collapse before "
        r"$\beta = \rho_m^2\sigma^2/\alpha_{\max}^2$.",
        paper="section 8 caps alpha at 0.7",
    ),
}


def random_source(rng, n_x=5, shape=(3, 4), n_y=3):
    """A random joint table, an encoder into two units of few values, a decoder, and a factorized prior."""
    p_xy = rng.dirichlet(np.ones(n_x * n_y)).reshape(n_x, n_y)
    encoder, decoder = rng.dirichlet(np.ones(math.prod(shape)), n_x), rng.dirichlet(np.ones(n_y), math.prod(shape))
    return p_xy, encoder, decoder, [rng.dirichlet(np.ones(n)) for n in shape]


@pytest.fixture(scope="module")
def p_xy():
    """A 12 x 3 joint table, drawn as the chapter's source is."""
    return np.random.default_rng(3).dirichlet(np.full(36, 0.5)).reshape(12, 3)


def layer_of(rng, widest):
    return torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.uniform(0.2, widest, (5, 2)))


def drawn_from(rng, layer, p_xy, n):
    inputs = torch.from_numpy(rng.choice(5, n, p=p_xy.sum(1).numpy()))
    return layer.log_f[inputs] + layer.alpha[inputs] * torch.from_numpy(rng.normal(size=(n, 2)))


# What the loss is made of


@proves("prop-lve-excess", kind="enumeration", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_lagrangian_and_its_gaps(seed):
    rng = np.random.default_rng(seed)
    p_xy, encoder, decoder, priors = random_source(rng)
    weight = rng.uniform(0.05, 2)
    found = variational_bound(p_xy, encoder, decoder, np.outer(*priors).ravel(), weight)
    p_z = (p_xy.sum(1) @ encoder).reshape(3, 4)
    shape = kl_divergence(p_z.sum(1), priors[0]) + kl_divergence(p_z.sum(0), priors[1])
    right = found.lagrangian + found.decoder_gap + weight * (total_correlation(p_z) + shape)
    assert found.cross_entropy + weight * found.rate == pytest.approx(right, abs=1e-12)


@proves("prop-lve-excess", kind="Monte Carlo", scope="special case")
def test_the_rate_of_a_log_normal_layer_is_its_three_parts():
    """In closed form, and as I(x;z) + TC(z) + sum_j KL(p_j || q_j) under the mixture."""
    rng = np.random.default_rng(1)
    p_xy = torch.from_numpy(rng.dirichlet(np.ones(15)).reshape(5, 3))
    layer = LogNormalEncoder(*layer_of(rng, 1.0))
    m, t = torch.tensor(0.1).double(), torch.tensor(1.2).double()
    rate = (p_xy.sum(1) * kl_log_normal(layer.log_f, layer.alpha, m, t).sum(1)).sum()
    u = drawn_from(rng, layer, p_xy, 100_000)
    found = divergences(layer, p_xy, u)
    log_q = -(((u - m) / t) ** 2) / 2 - torch.log(t) - math.log(2 * math.pi) / 2
    assert_mean((found.i_xz + found.total_correlation + (found.log_marginals - log_q).sum(1)).numpy(), rate.item())


# A noisy layer is never exactly optimal


@proves("prop-lve-family", kind="symbolic", scope="general")
def test_the_log_ratio_of_two_normal_densities_is_bounded_only_where_they_are_equal():
    m1, m2, u = sp.symbols("m_1 m_2 u", real=True)
    s1, s2 = sp.symbols("s_1 s_2", positive=True)
    log_density = [-((u - m) ** 2) / (2 * t**2) - sp.log(t) for m, t in ((m1, s1), (m2, s2))]
    coefficients = sp.Poly(sp.expand(log_density[0] - log_density[1]), u).all_coeffs()
    assert sp.solve(coefficients[:2], [m1, s1], dict=True) == [{m1: m2, s1: s2}]


@proves("prop-lve-family", kind="enumeration", scope="general")
@pytest.mark.parametrize("beta", [0.1, 0.4, 0.8])
def test_the_optimum_of_a_finite_source_has_bounded_ratios(p_xy, beta):
    """At a fixed point p(z|x) / p(z|x') lies between m^(1/beta) and its inverse, where m bounds the ratios of p(y|x)."""
    encoder = np.random.default_rng(0).dirichlet(np.ones(4), 12)
    for _ in range(400):
        encoder = alternating_step(p_xy, encoder, beta)
    decoder = (encoder.T @ p_xy) / (encoder.T @ p_xy).sum(1, keepdims=True)
    ratio = (p_xy.T / p_xy.sum(1)).T
    spread = np.abs(np.log(ratio[:, None] / ratio[None])).max()
    used = p_xy.sum(1) @ encoder > 1e-6
    logs = np.log(encoder[:, used])
    assert decoder.min() > 0 and np.ptp(logs, axis=0).max() <= 2 * spread / beta + 1e-9


@proves("prop-lve-family", kind="enumeration", scope="general")
def test_what_a_step_gains():
    """With decoder and prior held fixed exactly beta E KL(p || p'); in the Lagrangian at least that."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        p_xy, encoder, _, _ = random_source(rng)
        weight, p_x = rng.uniform(0.05, 0.9), p_xy.sum(1)
        p_z, step = p_x @ encoder, alternating_step(p_xy, encoder, weight)
        decoder = (encoder.T @ p_xy) / p_z[:, None]
        gain = weight * sum(p * kl_divergence(old, new) for p, old, new in zip(p_x, encoder, step, strict=True))
        held = [variational_bound(p_xy, each, decoder, p_z, weight).loss for each in (encoder, step)]
        planes = [information_plane(p_xy, each) for each in (encoder, step)]
        before, after = (entropy(p_xy.sum(0)) - i_zy + weight * i_xz for i_xz, i_zy in planes)
        assert held[0] - held[1] == pytest.approx(gain, abs=1e-12) and gain > 0
        assert before - after >= gain - 1e-12


# Where it collapses


def weak_slope(p_xy, weight, scale, share):
    """For log f = mu + a g(x) and noise `scale`, sigma = 1: (loss - loss at a = 0) / a^2 as a -> 0.

    share: 1 where alpha^2 falls by a^2, so that the variance of log z stays; 0 where alpha stays.
    The decoder is p(y) exp(a g(y) u / scale^2) / Z(u).
    """
    p_x, p_y = p_xy.sum(1), p_xy.sum(0)
    left = np.linalg.svd(p_xy / np.sqrt(np.outer(p_x, p_y)))[0]
    g = left[:, 1] / np.sqrt(p_x)  # of mean 0 and variance 1, the function of x that says most about y
    g_y = p_xy.T @ g / p_y
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)

    def loss(strength):
        alpha_now = torch.tensor(math.sqrt(scale**2 - share * strength**2)).double()
        at = strength * g[:, None] + alpha_now.item() * nodes
        logits = np.log(p_y) + strength * g_y * at[..., None] / scale**2
        log_q = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        cross_entropy = -np.einsum("xy,xny,n->", p_xy, log_q, weights) / weights.sum()
        zero, one = torch.zeros(1).double(), torch.ones(1).double()
        return cross_entropy + weight * p_x @ kl_log_normal(torch.from_numpy(strength * g), alpha_now, zero, one).numpy()

    slopes = [(loss(a) + loss(-a) - 2 * loss(0.0)) / (2 * a**2) for a in (0.02, 0.01)]
    return (4 * slopes[1] - slopes[0]) / 3


@proves("prop-lve-collapse", kind="quadrature", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.3, 0.7])
def test_a_weak_signal_pays_below_the_squared_maximal_correlation(p_xy, beta):
    """Every signal by its own noise: the slope of the loss in a^2 is (beta - rho_m^2) / 2."""
    slope = weak_slope(p_xy, weight=beta, scale=1.0, share=1.0)
    assert slope == pytest.approx((beta - maximal_correlation(p_xy) ** 2) / 2, abs=1e-6)


@proves("prop-lve-collapse", kind="enumeration", scope="special case")
def test_at_the_contraction_coefficient_no_encoder_beats_a_constant(p_xy):
    """Random encoders, from nearly constant to nearly deterministic; at a price 20 % lower one does."""
    rng, eta, best = np.random.default_rng(4), contraction_coefficient(p_xy), 0.0
    for _ in range(2_000):
        logits = rng.normal(size=4) * 3 + rng.normal(size=(12, 4)) * rng.choice([0.3, 1.0, 3.0])
        i_xz, i_zy = information_plane(p_xy, np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
        assert eta * i_xz >= i_zy - 1e-12
    r = p_xy.sum(1)
    for x in range(12):  # a message that is sent for one x alone, and rarely
        encoder = np.tile([1.0, 0.0], (12, 1))
        encoder[x] = [0.999, 0.001]
        i_xz, i_zy = information_plane(p_xy, encoder)
        best = max(best, i_zy / i_xz)
    assert r.min() > 0 and 0.5 * eta < best <= eta


# What a cap on the noise costs


@proves("prop-lve-cap", kind="numerical", scope="general")
def test_a_change_of_scale_changes_neither_the_cost_nor_the_information():
    """z -> e^s z^c: log f, alpha, mu, sigma become c log f + s, c alpha, c mu + s, c sigma."""
    rng = np.random.default_rng(5)
    at, scale, centre, width = (torch.from_numpy(rng.uniform(0.2, 2.0, 100)) for _ in range(4))
    for c, s in ((0.35, 0.3), (2.0, -1.0)):
        moved = kl_log_normal(c * at + s, c * scale, c * centre + s, c * width)
        assert torch.allclose(moved, kl_log_normal(at, scale, centre, width), atol=1e-12)


@proves("prop-lve-cap", kind="Monte Carlo", scope="special case")
def test_a_layer_scaled_down_to_a_lower_cap_has_the_same_information():
    rng = np.random.default_rng(5)
    p_xy = torch.from_numpy(rng.dirichlet(np.ones(15)).reshape(5, 3))
    at, scale = layer_of(rng, 2.0)
    found = []
    for factor in (1.0, 0.7 / 2.0):
        layer = LogNormalEncoder(factor * at + 0.3, factor * scale)
        found.append(divergences(layer, p_xy, drawn_from(rng, layer, p_xy, 100_000)).i_xz.numpy())
    assert_mean(found[0] - found[1], 0.0)


@proves("prop-lve-cap", kind="numerical", scope="special case")
@pytest.mark.parametrize(("cap", "sigma"), [(0.7, 1.0), (0.7, 1.5), (0.3, 0.5)])
def test_the_least_cost_under_a_cap(cap, sigma):
    at, scale = torch.linspace(-2, 2, 401, dtype=torch.float64)[:, None], torch.linspace(0.001, cap, 700, dtype=torch.float64)
    least = kl_log_normal(at, scale, torch.zeros(1).double(), torch.tensor([sigma]).double()).min().item()
    assert least == pytest.approx(math.log(sigma / cap) + cap**2 / (2 * sigma**2) - 0.5, abs=1e-9)


@proves("prop-lve-cap", kind="quadrature", scope="special case")
def test_a_cap_subsidises_a_weak_signal(p_xy):
    """sigma = 1, alpha = 0.7: per a^2, in units of alpha^2, the loss changes by (0.49 beta - rho_m^2) / 2."""
    slope = weak_slope(p_xy, weight=0.6, scale=0.7, share=0.0)
    assert slope * 0.7**2 == pytest.approx((0.7**2 * 0.6 - maximal_correlation(p_xy) ** 2) / 2, abs=1e-6)
