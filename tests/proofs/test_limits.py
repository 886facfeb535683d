"""What the costs of noisy units bound, what the sample, the zeros and the depth of a network do, and the truncated prior."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_identical, proves
from scipy import integrate, optimize, stats
from torch import nn

from ib_tutorial.information import (
    contraction_coefficient,
    entropy,
    gaussian_mutual_information,
    kl_divergence,
    kl_log_normal,
    kl_truncated_log_uniform,
    mutual_information,
    variational_bound,
)
from ib_tutorial.nn import InformationDropout

CLAIMS = {
    "prop-limits-escape": Claim(
        r"Under the log-uniform prior no constant makes the cost a bound: with $\log f \sim \mathcal{N}(m, s^2)$, $d$ units that copy $f$ tell "
        r"$\frac12\log(1 + d s^2/\alpha^2)$ nats, and their cost does not contain $s$.",
        paper="Prop. 2 with eq. (3)",
    ),
    "prop-limits-log-normal": Claim(
        r"The log-normal prior bounds $I(x;z)$; with the best $\mu$ and $\sigma$ the mean cost is "
        r"$\frac12\log(\mathrm{Var}\log f + \mathbb{E}\alpha^2) - \mathbb{E}\log\alpha$, and equals $I(x;z)$ where $\log z$ is normal.",
        paper="Prop. 3 with eq. (3)",
    ),
    "rem-limits-finite": Claim(
        r"$I(x;z)$ is finite if $\log f$ has finite variance, $\mathbb{E}\alpha^2 < \infty$ and $\mathbb{E}\log\alpha > -\infty$; without "
        r"$\mathbb{E}\alpha^2 < \infty$ it may be infinite although $\alpha \ge 1$."
    ),
    "prop-limits-sample": Claim(
        r"For $x$ uniform over $N$ images $I(x;z) \le \log N$, so of a mean cost $R$ under a proper prior at least $R - \log N$ is the prior's misfit."
    ),
    "prop-limits-zeros": Claim(
        r"A prior with mass $q_0$ at 0 and a proper density elsewhere charges a unit at least $h(\pi)$ on average, $\pi$ the probability of 0.",
        paper="Prop. 2",
    ),
    "prop-limits-truncated": Claim(
        r"A normal distribution of $\log z$, cut to $[a, b]$, has from the uniform one the divergence $\log\frac{b-a}\alpha - "
        r"\frac12\log 2\pi e - \log Z + \frac{A\varphi(A) + B\varphi(B)}{2Z}$; its mean over $x$ is at least $I(x;z)$."
    ),
    "prop-limits-contraction": Claim(
        r"In a chain $x \to z_1 \to \dots \to z_L$, $I(x;z_L) \le \prod_{l \ge 2} \eta_l\, I(x;z_1)$; $\eta_l = 1$ if layer $l$ passes on "
        r"a function of $z_{l-1}$ without error."
    ),
}


def told(p_x, densities, widths):
    """I(x;z), a sum over x and over the cells of a grid: densities is [x, cell]."""
    marginal = p_x @ densities
    ratio = np.log(np.maximum(densities, 1e-300)) - np.log(np.maximum(marginal, 1e-300))
    return p_x @ (densities * ratio * widths).sum(1)


def tensors(*values):
    return [torch.as_tensor(value, dtype=torch.float64) for value in values]


# No constant


@proves("prop-limits-escape", kind="quadrature", scope="special case")
@pytest.mark.parametrize(("s", "alpha"), [(0.5, 0.7), (2.0, 0.3), (6.0, 0.7)])
def test_what_a_unit_tells_is_the_entropy_of_log_z_less_that_of_the_noise(s, alpha):
    node, weight = np.polynomial.hermite_e.hermegauss(180)
    u, step = np.linspace(-12 * s, 12 * s, 6001, retstep=True)
    found = told(weight / weight.sum(), stats.norm.pdf(u, s * node[:, None], alpha), step)
    assert found == pytest.approx(math.log1p((s / alpha) ** 2) / 2, abs=2e-3)


@proves("prop-limits-escape", kind="numerical", scope="general")
def test_copies_tell_what_one_unit_with_less_noise_tells():
    rng = np.random.default_rng(0)
    for d in (1, 2, 5, 40):
        s, alpha = rng.uniform(0.2, 9, 2)
        cov = np.full((d + 1, d + 1), s**2) + np.diag([0.0] + [alpha**2] * d)
        assert gaussian_mutual_information(cov, 1) == pytest.approx(math.log1p(d * (s / alpha) ** 2) / 2, abs=1e-9)


@proves("prop-limits-escape", kind="numerical", scope="special case")
def test_the_layers_cost_does_not_see_how_far_its_units_are_spread():
    class Power(nn.Module):
        def __init__(self, k):
            super().__init__()
            self.k = k

        def forward(self, x):
            return x.abs() ** self.k

    x = torch.randn(50, 4, dtype=torch.float64)
    costs = [InformationDropout(Power(k), nn.Identity(), max_alpha=0.7)(x)[1] for k in (1, 10, 100)]
    assert torch.equal(costs[0], costs[1]) and torch.equal(costs[0], costs[2])
    charged = [InformationDropout(Power(k), nn.Identity(), "log_normal")(x)[1].mean() for k in (1, 3)]
    assert charged[1] > charged[0] + 1


# The log-normal prior


def source(rng, n_x=6):
    """p(x), log f(x), alpha(x) of one unit."""
    return rng.dirichlet(np.ones(n_x)), rng.normal(0, 1.5, n_x), rng.uniform(0.2, 2.0, n_x)


def log_normal_bill(p_x, log_f, alpha, mu, sigma):
    return p_x @ kl_log_normal(*tensors(log_f, alpha, mu, sigma)).numpy()


@proves("prop-limits-log-normal", kind="numerical", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_best_log_normal_prior_has_the_moments_of_log_z_and_bounds_what_it_tells(seed):
    p_x, log_f, alpha = source(np.random.default_rng(seed))
    variance = p_x @ (log_f - p_x @ log_f) ** 2 + p_x @ alpha**2
    formula = math.log(variance) / 2 - p_x @ np.log(alpha)
    assert log_normal_bill(p_x, log_f, alpha, p_x @ log_f, math.sqrt(variance)) == pytest.approx(formula, abs=1e-9)
    found = optimize.minimize(lambda at: log_normal_bill(p_x, log_f, alpha, at[0], math.exp(at[1])), [0.0, 0.0], tol=1e-12)
    assert found.fun == pytest.approx(formula, abs=1e-8)
    u, step = np.linspace(-25, 25, 20_001, retstep=True)
    assert told(p_x, stats.norm.pdf(u, log_f[:, None], alpha[:, None]), step) < formula


@proves("prop-limits-log-normal", kind="symbolic", scope="special case")
def test_where_log_z_is_normal_the_best_bill_is_what_is_told():
    s, alpha = sp.symbols("s alpha", positive=True)
    assert_identical(sp.log(s**2 + alpha**2) / 2 - sp.log(alpha), sp.expand_log(sp.log(1 + s**2 / alpha**2) / 2, force=True))


@proves("rem-limits-finite", kind="numerical", scope="special case")
def test_scales_of_ever_larger_size_are_told_apart_and_can_have_infinite_entropy():
    """log f = 0, alpha = e^(8k): k is log|log eps| / 8, rounded, unless log|n| is off by 4; p_k has a finite sum, -p_k log p_k has not."""
    wrong = stats.norm.cdf(math.exp(-4)) * 2 - 1 + 2 * stats.norm.sf(math.exp(4))
    assert wrong < 0.015
    n = np.random.default_rng(0).standard_normal(100_000)
    for k in (3, 30, 80):
        read = np.round(np.log(np.abs(math.exp(8 * k) * n)) / 8)
        assert (read != k).mean() == pytest.approx(wrong, abs=2e-3)
    t = sp.Symbol("t", positive=True)  # t = log log k; dk = k log k dt
    assert sp.integrate(1 / t**2, (t, 1, sp.oo)) == 1  # the sum of p_k, up to a constant
    assert sp.limit(sp.exp(t) / t**2, t, sp.oo) == sp.oo  # the terms of the same integral for p_k log k, a part of the entropy


# The sample


@proves("prop-limits-sample", kind="enumeration", scope="general")
def test_no_encoder_tells_more_than_which_image_it_was_and_the_rest_of_a_bill_is_misfit():
    rng, closest, tightest = np.random.default_rng(0), math.inf, math.inf
    for _ in range(300):
        n, n_z = rng.integers(2, 7, 2)
        encoder = rng.dirichlet(np.full(n_z, rng.choice([0.02, 1.0])), n).clip(1e-9)
        encoder /= encoder.sum(1, keepdims=True)
        bound = variational_bound(np.full((n, 1), 1 / n), encoder, np.ones((n_z, 1)), rng.dirichlet(np.ones(n_z)), 1.0)
        closest = min(closest, math.log(n) - bound.i_xz)
        tightest = min(tightest, bound.prior_gap - (bound.rate - math.log(n)))
    assert -1e-9 < closest < 1e-3 and -1e-9 < tightest < 1e-3  # held, and reached


# Zeros


@proves("prop-limits-zeros", kind="enumeration", scope="general")
def test_a_proper_prior_charges_for_which_units_are_zero():
    """The positive values are cut into cells; the first cell of each table is the atom."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        p_x, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(7))
        on = np.array([0, 1, 1, 0, 1])
        encoder = np.column_stack([1 - on, on[:, None] * rng.dirichlet(np.ones(6), 5)])
        share = np.array([p_x @ (1 - on), p_x @ on])
        bill = sum(p * kl_divergence(row, q) for p, row in zip(p_x, encoder, strict=True))
        within = sum(p * kl_divergence(row[1:], q[1:] / q[1:].sum()) for p, row, s in zip(p_x, encoder, on, strict=True) if s)
        assert bill == pytest.approx(-share @ np.log([q[0], 1 - q[0]]) + within, abs=1e-9)
        assert bill >= entropy(share) - 1e-9
        assert bill >= mutual_information(p_x[:, None] * encoder) - 1e-9


# The truncated prior

LOW, HIGH = -2.5, 1.5


@proves("prop-limits-truncated", kind="symbolic", scope="general")
def test_the_mean_square_of_a_truncated_normal():
    t, a, b = sp.symbols("t a b", real=True)
    density = sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)
    mass, square = (sp.integrate(g * density, (t, -a, b)) for g in (1, t**2))
    assert_identical(square, mass - a * density.subs(t, a) - b * density.subs(t, b))


@proves("prop-limits-truncated", kind="quadrature", scope="general")
def test_the_truncated_cost_is_the_mean_log_ratio_of_the_densities():
    rng = np.random.default_rng(1)
    for m, alpha in zip(rng.uniform(LOW, HIGH, 12), rng.uniform(0.1, 6, 12), strict=True):
        mass = stats.norm.cdf(HIGH, m, alpha) - stats.norm.cdf(LOW, m, alpha)
        density = lambda u: stats.norm.pdf(u, m, alpha) / mass  # noqa: B023
        cost, _ = integrate.quad(lambda u: density(u) * math.log(density(u) * (HIGH - LOW)), LOW, HIGH, epsabs=1e-11, limit=300)  # noqa: B023
        assert kl_truncated_log_uniform(*tensors(m, alpha), LOW, HIGH).item() == pytest.approx(cost, abs=1e-8)


@proves("prop-limits-truncated", kind="quadrature", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_truncated_bill_is_never_below_what_the_unit_tells(seed):
    p_x, log_f, alpha = source(np.random.default_rng(seed))
    log_f = np.clip(log_f, LOW, HIGH)
    edges = np.linspace(LOW, HIGH, 4001)
    u, step = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    densities = stats.norm.pdf(u, log_f[:, None], alpha[:, None])
    densities /= densities.sum(1, keepdims=True) * step
    bill = p_x @ kl_truncated_log_uniform(*tensors(log_f, alpha), LOW, HIGH).numpy()
    misfit = (p_x @ densities * np.log(p_x @ densities * (HIGH - LOW)) * step).sum()
    assert bill == pytest.approx(told(p_x, densities, step) + misfit, abs=1e-4) and misfit > 0


# Depth


def chain(rng, n, layers):
    """p(x) and the channels of a chain of tables; some nearly noiseless, some nearly blind."""
    return rng.dirichlet(np.ones(n)), [rng.dirichlet(np.full(n, rng.choice([0.2, 1.0, 5.0])), n) for _ in range(layers)]


@proves("prop-limits-contraction", kind="enumeration", scope="general")
def test_what_is_told_contracts_from_layer_to_layer():
    rng, most = np.random.default_rng(0), 0.0
    for _ in range(25):
        p_x, channels = chain(rng, 4, 4)
        encoder, bound, ratios = np.eye(4), None, []
        for place, channel in enumerate(channels):
            pair = (p_x @ encoder)[:, None] * channel  # p(z_{l-1}, z_l)
            encoder = encoder @ channel
            told_here = mutual_information(p_x[:, None] * encoder)
            bound = told_here if place == 0 else contraction_coefficient(pair, n_starts=20, n_iterations=200) * bound
            assert told_here <= bound + 1e-9
            ratios.append(told_here / bound)
        most = max(most, ratios[1])
    assert most > 0.5  # a coefficient that is too large by half would not be noticed otherwise


@proves("prop-limits-contraction", kind="numerical", scope="general")
def test_no_smaller_coefficient_will_do():
    """A rare x that makes z_1 likely to be where the coefficient is attained loses just that share."""
    p_1, channel = np.array([0.7, 0.2, 0.1]), np.array([[0.9, 0.1], [0.5, 0.5], [0.05, 0.95]])
    eta = contraction_coefficient(p_1[:, None] * channel)
    rare, best = 1e-6, 0.0
    for r in np.random.default_rng(0).dirichlet(np.full(3, 0.5), 300):
        p_x_given_1 = rare * r / p_1  # p(x = 1 | z_1): x is made from z_1 by Bayes
        pair = np.column_stack([1 - p_x_given_1, p_x_given_1]) * p_1[:, None]
        best = max(best, mutual_information(pair.T @ channel) / mutual_information(pair))
    assert 0.99 * eta < best < eta + 1e-4


@proves("prop-limits-contraction", kind="enumeration", scope="special case")
def test_zeros_that_pass_without_error_stop_the_contraction():
    blocks = np.kron(np.eye(2), np.full((2, 2), 0.5))  # noise within the zero units and within the others
    assert contraction_coefficient(np.full(4, 0.25)[:, None] * blocks) == pytest.approx(1, abs=1e-6)
    assert mutual_information(blocks @ blocks @ blocks / 4) == pytest.approx(math.log(2), abs=1e-9)
