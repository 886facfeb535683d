"""What a trained layer can and cannot reach, against the exact optimum of eq. (2)."""

import math

import numpy as np
import sympy as sp
import torch

from ib_tutorial.claims.check import Check, Claim, Outcome, close, monte_carlo, symbolic
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

CHAPTER = "book/learned_versus_exact"

alpha, sigma, beta, a, c, cap = sp.symbols("alpha sigma beta a c alpha_max", positive=True)
mu, s, log_f, u = sp.symbols("mu s log_f u", real=True)


def encoder_and_company(rng: np.random.Generator, n_x: int = 5, shape: tuple[int, int] = (3, 4), n_y: int = 3):
    """A random joint table, an encoder into two units of few values, a decoder, and a factorized prior."""
    p_xy = rng.dirichlet(np.ones(n_x * n_y)).reshape(n_x, n_y)
    encoder, decoder = rng.dirichlet(np.ones(math.prod(shape)), n_x), rng.dirichlet(np.ones(n_y), math.prod(shape))
    return p_xy, encoder, decoder, [rng.dirichlet(np.ones(n)) for n in shape]


def random_table() -> np.ndarray:
    """A 12 x 3 joint table, drawn as the chapter's source is."""
    return np.random.default_rng(3).dirichlet(np.full(36, 0.5)).reshape(12, 3)


# What the loss is made of


def excess_symbolic() -> Outcome:
    """Two x, two y, two binary units; every probability a symbol. Terms are collected as coefficients of logarithms."""
    pairs = [(i, j) for i in range(2) for j in range(2)]
    p = {(x, y): sp.Symbol(f"p{x}{y}", positive=True) for x, y in pairs}
    e = {(x, *z): sp.Symbol(f"e{x}{z[0]}{z[1]}", positive=True) for x in range(2) for z in pairs}
    r = {(*z, y): sp.Symbol(f"r{z[0]}{z[1]}{y}", positive=True) for z in pairs for y in range(2)}
    q = {(unit, value): sp.Symbol(f"q{unit}{value}", positive=True) for unit, value in pairs}
    p_x = {x: p[x, 0] + p[x, 1] for x in range(2)}
    p_z = {z: sum(p_x[x] * e[x, *z] for x in range(2)) for z in pairs}
    p_zy = {(*z, y): sum(p[x, y] * e[x, *z] for x in range(2)) for z in pairs for y in range(2)}
    marginal = {(unit, v): sum(p_z[z] for z in pairs if z[unit] == v) for unit, v in pairs}
    posterior = {key: p_zy[key] / p_z[key[:2]] for key in p_zy}

    loss = sum(-p_zy[key] * sp.log(r[key]) for key in p_zy)
    loss += beta * sum(p_x[x] * e[x, i, j] * sp.log(e[x, i, j] / (q[0, i] * q[1, j])) for x, i, j in e)
    parts = sum(-p_zy[key] * sp.log(posterior[key]) + p_zy[key] * sp.log(posterior[key] / r[key]) for key in p_zy)
    parts += beta * sum(p_x[x] * e[x, i, j] * sp.log(e[x, i, j] / p_z[i, j]) for x, i, j in e)
    parts += beta * sum(p_z[i, j] * sp.log(p_z[i, j] / (marginal[0, i] * marginal[1, j])) for i, j in pairs)
    parts += beta * sum(marginal[key] * sp.log(marginal[key] / q[key]) for key in pairs)
    return symbolic(sp.expand(sp.expand_log(loss - parts, force=True)), sp.Integer(0))


def excess_enumeration() -> Outcome:
    p_xy, encoder, decoder, priors = encoder_and_company(np.random.default_rng(0))
    weight = 0.37
    found = variational_bound(p_xy, encoder, decoder, np.outer(*priors).ravel(), weight)
    p_z = (p_xy.sum(1) @ encoder).reshape(3, 4)
    shape = kl_divergence(p_z.sum(1), priors[0]) + kl_divergence(p_z.sum(0), priors[1])
    right = found.lagrangian + found.decoder_gap + weight * (total_correlation(p_z) + shape)
    return close(found.cross_entropy + weight * found.rate, right, 1e-12)


def excess_monte_carlo() -> Outcome:
    """A log-normal layer: the rate in closed form against I(x;z) + TC(z) + sum_j KL(p_j || q_j) under the mixture."""
    rng = np.random.default_rng(1)
    p_xy = torch.from_numpy(rng.dirichlet(np.ones(15)).reshape(5, 3))
    layer = LogNormalEncoder(torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.uniform(0.2, 1.0, (5, 2))))
    m, t = torch.tensor(0.1).double(), torch.tensor(1.2).double()
    p_x = p_xy.sum(1)
    rate = (p_x * kl_log_normal(layer.log_f, layer.alpha, m, t).sum(1)).sum()
    drawn = torch.from_numpy(rng.choice(5, 200_000, p=p_x.numpy() / p_x.sum().item()))
    u = layer.log_f[drawn] + layer.alpha[drawn] * torch.from_numpy(rng.normal(size=(200_000, 2)))
    found = divergences(layer, p_xy, u)
    log_q = -(((u - m) / t) ** 2) / 2 - torch.log(t) - math.log(2 * math.pi) / 2
    return monte_carlo(
        (found.i_xz + found.total_correlation + (found.log_marginals - log_q).sum(1)).numpy(), rate.item()
    )


# A noisy layer is never exactly optimal


def family_symbolic() -> Outcome:
    """log p(u|x) - log p(u|x') of two normals is a quadratic: its coefficients vanish only where the two are equal."""
    m1, m2 = sp.symbols("m_1 m_2", real=True)
    s1, s2 = sp.symbols("s_1 s_2", positive=True)
    log_density = [-((u - m) ** 2) / (2 * t**2) - sp.log(t) for m, t in ((m1, s1), (m2, s2))]
    coefficients = sp.Poly(sp.expand(log_density[0] - log_density[1]), u).all_coeffs()
    solutions = sp.solve(coefficients[:2], [m1, s1], dict=True)
    return symbolic(
        sum((sol[m1] - m2) ** 2 + (sol[s1] - s2) ** 2 for sol in solutions) + len(solutions) - 1,
        sp.Integer(0),
        f"bounded only for {solutions}",
    )


def family_equality() -> Outcome:
    """With its p(y|z) and p(z) held fixed, the step away from an encoder gains exactly beta E KL(p || p')."""
    p_xy, encoder, _, _ = encoder_and_company(np.random.default_rng(2))
    weight, p_x = 0.2, p_xy.sum(1)
    p_z = p_x @ encoder
    decoder = (encoder.T @ p_xy) / p_z[:, None]
    step = alternating_step(p_xy, encoder, weight)
    losses = [variational_bound(p_xy, each, decoder, p_z, weight).loss for each in (encoder, step)]
    gain = weight * sum(p * kl_divergence(old, new) for p, old, new in zip(p_x, encoder, step, strict=True))
    return close(losses[0] - losses[1], gain, 1e-12)


def family_inequality() -> Outcome:
    """Over 200 random encoders and betas: the Lagrangian falls by at least that gain (shown is the shortfall)."""
    rng = np.random.default_rng(3)
    shortfalls = []
    for _ in range(200):
        p_xy, encoder, _, _ = encoder_and_company(rng)
        weight = rng.uniform(0.05, 0.9)
        step = alternating_step(p_xy, encoder, weight)
        before, after = (
            entropy(p_xy.sum(0)) - i_zy + weight * i_xz
            for i_xz, i_zy in (information_plane(p_xy, q) for q in (encoder, step))
        )
        gain = weight * sum(p * kl_divergence(old, new) for p, old, new in zip(p_xy.sum(1), encoder, step, strict=True))
        shortfalls.append(gain - (before - after))
    return Outcome(max(0.0, max(shortfalls)), 1e-12, f"between {min(shortfalls):.3g} and {max(shortfalls):.3g}")


# Where it collapses


def collapse_symbolic() -> Outcome:
    """The rate of the weak encoder: log f = mu + a sigma g, alpha^2 = sigma^2 (1 - a^2), E g = 0 and E g^2 = 1."""
    g = sp.Symbol("g", real=True)
    posterior_scale = sigma * sp.sqrt(1 - a**2)
    kl = (
        (posterior_scale**2 + (a * sigma * g) ** 2) / (2 * sigma**2)
        - sp.log(posterior_scale / sigma)
        - sp.Rational(1, 2)
    )
    rate = sp.expand(kl).subs(g**2, 1)
    return symbolic(sp.expand_log(rate, force=True), -sp.log(1 - a**2) / 2)


def weak_slope(weight: float, scale: float, share: float) -> tuple[float, float]:
    """For log f = mu + a g(x) and noise `scale`, sigma = 1: (loss - loss at a = 0) / a^2 as a -> 0, and rho_m^2.

    share: 1 where alpha^2 falls by a^2, so that the variance of log z stays; 0 where alpha stays.
    The decoder is p(y) exp(b g(y) u) / Z(u).
    """
    p_xy = random_table()
    p_x, p_y = p_xy.sum(1), p_xy.sum(0)
    left = np.linalg.svd(p_xy / np.sqrt(np.outer(p_x, p_y)))[0]
    g = left[:, 1] / np.sqrt(p_x)  # of mean 0 and variance 1, the function of x that says most about y
    g_y = p_xy.T @ g / p_y
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)

    def loss(strength: float) -> float:
        alpha_now = math.sqrt(scale**2 - share * strength**2)
        at = strength * g[:, None] + alpha_now * nodes
        logits = np.log(p_y) + strength * g_y * at[..., None] / scale**2
        log_q = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        cross_entropy = -np.einsum("xy,xny,n->", p_xy, log_q, weights) / weights.sum()
        rate = p_x @ ((alpha_now**2 + (strength * g) ** 2) / 2 - math.log(alpha_now) - 0.5)
        return cross_entropy + weight * rate

    slopes = [(loss(a_now) + loss(-a_now) - 2 * loss(0.0)) / (2 * a_now**2) for a_now in (0.02, 0.01)]
    return (4 * slopes[1] - slopes[0]) / 3, maximal_correlation(p_xy) ** 2


def collapse_quadrature() -> Outcome:
    """Every signal by its own noise: the slope is (beta - rho_m^2) / 2."""
    slope, rho2 = weak_slope(weight=0.3, scale=1.0, share=1.0)
    return close(slope, (0.3 - rho2) / 2, 1e-6)


def collapse_enumeration() -> Outcome:
    """At beta = eta no encoder beats H(y): 2,000 random ones, from nearly constant to nearly deterministic."""
    p_xy, rng = random_table(), np.random.default_rng(4)
    eta = contraction_coefficient(p_xy)
    best = math.inf
    for _ in range(2_000):
        logits = rng.normal(size=4) * 3 + rng.normal(size=(12, 4)) * rng.choice([0.3, 1.0, 3.0])
        i_xz, i_zy = information_plane(p_xy, np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
        best = min(best, eta * i_xz - i_zy)
    return Outcome(min(0.0, best), 1e-12, f"least of eta I(x;z) - I(z;y): {best:.3g}, with eta = {eta:.4f}")


# What a cap on the noise costs


def cap_symbolic() -> Outcome:
    """Prop. 3 after z -> e^s z^c: log f, alpha, mu, sigma become c log f + s, c alpha, c mu + s, c sigma."""

    def cost(at, scale, centre, width):
        return (scale**2 + (at - centre) ** 2) / (2 * width**2) - sp.log(scale / width) - sp.Rational(1, 2)

    return symbolic(cost(c * log_f + s, c * alpha, c * mu + s, c * sigma), cost(log_f, alpha, mu, sigma))


def cap_monte_carlo() -> Outcome:
    """I(x;z) of a layer, and of the same scaled from a cap of 2 down to one of 0.7, from different draws."""
    rng = np.random.default_rng(5)
    p_xy = torch.from_numpy(rng.dirichlet(np.ones(15)).reshape(5, 3))
    at, scale = torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.uniform(0.2, 2.0, (5, 2)))
    found = []
    for factor in (1.0, 0.7 / 2.0):
        layer = LogNormalEncoder(factor * at + 0.3, factor * scale)
        drawn = torch.from_numpy(rng.choice(5, 100_000, p=p_xy.sum(1).numpy()))
        u = layer.log_f[drawn] + layer.alpha[drawn] * torch.from_numpy(rng.normal(size=(100_000, 2)))
        found.append(divergences(layer, p_xy, u).i_xz.numpy())
    return monte_carlo(found[0] - found[1], 0.0)


def floor_symbolic() -> Outcome:
    """Below alpha = sigma the cost falls in alpha: under a cap < sigma its minimum is at the cap, with f = e^mu."""
    cost = alpha**2 / (2 * sigma**2) - sp.log(alpha / sigma) - sp.Rational(1, 2)
    stated = sp.log(sigma / cap) + cap**2 / (2 * sigma**2) - sp.Rational(1, 2)
    slope = (alpha**2 - sigma**2) / (alpha * sigma**2)
    return symbolic(cost.subs(alpha, cap) - stated + sp.diff(cost, alpha) - slope, sp.Integer(0))


def floor_numerical() -> Outcome:
    """The least of the library's cost on a grid of log f and of alpha up to 0.7, with mu = 0 and sigma = 1."""
    at, scale = torch.from_numpy(np.linspace(-2, 2, 401))[:, None], torch.from_numpy(np.linspace(0.001, 0.7, 700))
    least = kl_log_normal(at, scale, torch.zeros(1).double(), torch.ones(1).double()).min()
    return close(least, math.log(1 / 0.7) + 0.7**2 / 2 - 0.5, 1e-9)


def subsidy_symbolic() -> Outcome:
    """A signal log f = mu + a alpha g(x), E g = 0 and E g^2 = 1, adds alpha^2 a^2 / (2 sigma^2) to the floor."""
    g = sp.Symbol("g", real=True)
    cost = (alpha**2 + (a * alpha * g) ** 2) / (2 * sigma**2) - sp.log(alpha / sigma) - sp.Rational(1, 2)
    floor = sp.log(sigma / alpha) + alpha**2 / (2 * sigma**2) - sp.Rational(1, 2)
    return symbolic(sp.expand_log(sp.expand(cost).subs(g**2, 1) - floor, force=True), alpha**2 * a**2 / (2 * sigma**2))


def subsidy_quadrature() -> Outcome:
    """sigma = 1, alpha = 0.7: per a^2 (in units of alpha^2) the loss changes by (0.49 beta - rho_m^2) / 2."""
    slope, rho2 = weak_slope(weight=0.6, scale=0.7, share=0.0)
    return close(slope * 0.7**2, (0.7**2 * 0.6 - rho2) / 2, 1e-6)


CLAIMS = (
    Claim(
        "learned-excess",
        r"The loss (3) exceeds the optimum $L^*$ by the encoder's excess, the decoder's KL, and "
        r"$\beta[\mathrm{TC} + \sum_j \mathrm{KL}(p_j\|q_j)]$.",
        "eq. (3), section 5",
        "prop-lve-excess",
        CHAPTER,
        (
            Check("symbolic", "both sides, two binary units, every probability a symbol", excess_symbolic),
            Check("enumeration", "both sides, 12 values of z, random tables", excess_enumeration),
            Check("Monte Carlo", "closed-form rate, and its three parts under the mixture", excess_monte_carlo),
        ),
    ),
    Claim(
        "learned-family",
        r"A layer with log-normal noise attains the optimum of (2) only where a constant does, if all $p(y|x) > 0$.",
        "",
        "prop-lve-family",
        CHAPTER,
        (
            Check("symbolic", "where the log-ratio of two normal densities is bounded", family_symbolic),
            Check("enumeration", "what a step gains for fixed decoder and prior", family_equality),
            Check("enumeration", "what it gains at least in the Lagrangian", family_inequality),
        ),
    ),
    Claim(
        "learned-collapse",
        r"Eq. (3) is least at collapse for $\beta > \eta$; for $\beta < \rho_m^2$ a layer of one unit does better.",
        "",
        "prop-lve-collapse",
        CHAPTER,
        (
            Check("symbolic", "the rate of the weak encoder", collapse_symbolic),
            Check("quadrature", "the slope of its loss in $a^2$, and $(\\beta - \\rho_m^2)/2$", collapse_quadrature),
            Check("enumeration", "random encoders at $\\beta = \\eta$", collapse_enumeration),
        ),
    ),
    Claim(
        "learned-cap",
        r"With a learned $\sigma$ a cap on $\alpha$ changes nothing that the loss can see.",
        "section 8 caps alpha at 0.7",
        "prop-lve-cap",
        CHAPTER,
        (
            Check("symbolic", "Prop. 3 before and after the change of scale", cap_symbolic),
            Check("Monte Carlo", "I(x;z) before and after", cap_monte_carlo),
        ),
    ),
    Claim(
        "learned-floor",
        r"With $\sigma > \alpha_{\max}$ fixed, each unit costs at least "
        r"$\log(\sigma/\alpha_{\max}) + \alpha_{\max}^2/2\sigma^2 - 1/2$ nats.",
        "section 8 caps alpha at 0.7",
        "prop-lve-cap",
        CHAPTER,
        (
            Check("symbolic", "slope below sigma, value at the cap", floor_symbolic),
            Check("numerical", "the least cost on a grid", floor_numerical),
        ),
    ),
    Claim(
        "learned-subsidy",
        r"With $\sigma > \alpha_{\max}$ fixed, the loss does not collapse before "
        r"$\beta = \rho_m^2\sigma^2/\alpha_{\max}^2$.",
        "section 8 caps alpha at 0.7",
        "prop-lve-cap",
        CHAPTER,
        (
            Check("symbolic", "what a weak signal adds to the floor", subsidy_symbolic),
            Check("quadrature", "the slope of its loss, at $\\alpha = 0.7$", subsidy_quadrature),
        ),
    ),
)
