"""Chapter `exact`: the equations, the iteration, the certificate, the two prices, and three sources that can be solved with a pencil."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_identical, proves
from scipy import optimize, special

from ib_tutorial.examples import P_X, P_Y, P_Y_GIVEN_X, SOURCE
from ib_tutorial.information import (
    alternating_step,
    blahut_arimoto,
    contraction_coefficient,
    discretised_gaussian,
    entropy,
    gaussian_bottleneck,
    information_plane,
    maximal_correlation,
    mutual_information,
    partitions,
    variational_bound,
)
from ib_tutorial.information.representation import encoder_of

CLAIMS = {
    "prop-self-consistent": Claim(
        r"At a minimum $p(z\mid x) = p(z)\, e^{-\mathrm{KL}(p(y\mid x)\,\Vert\,p(y\mid z))/\beta} / Z(x)$ for every used $z$.",
        "section 4, cites [2]",
    ),
    "rem-stochastic": Claim(
        r"The algorithm of Tishby et al. finds stochastic encoders: $p(z\mid x) > 0$ for each used $z$ at a finite divergence.",
        'section 4: "the algorithm proposed by [2]" for deterministic z',
    ),
    "prop-variational": Claim(
        r"The expected per-sample loss is $H(y\mid z) + \beta I(x;z)$ plus the decoder's gap plus $\beta$ times the prior's gap.",
        "section 4, before eq. (3), has it with an approximate sign",
    ),
    "prop-descent": Claim("A Blahut-Arimoto step lowers the Lagrangian by exactly three divergences."),
    "prop-certificate": Claim(
        r"No encoder has a Lagrangian below $H(y\mid x) - \beta\,\mathbb{E}\log Z(x) - \beta\log\max_s G(s)$, whatever prior and decoder $G$ is "
        "made from."
    ),
    "prop-transition": Claim(
        r"The constant encoder is optimal exactly for $\beta \ge \eta$, the strong data-processing constant, which is the curve's slope at 0."
    ),
    "prop-stability": Claim(
        r"A Blahut-Arimoto step multiplies small departures from the constant by $\rho_m^2/\beta$ at most; above $\rho_m^2$ the constant "
        r"attracts; and $\rho_m^2 \le \eta$."
    ),
    "prop-noisy-bit": Claim(
        r"For the noisy bit $\min_z \mathcal{L} = \min_\delta h(\varepsilon * \delta) + \beta(\log 2 - h(\delta))$: a symmetric channel is optimal.",
        "remark in section 4",
    ),
    "lem-gerber": Claim(r"$v \mapsto h(\varepsilon * h^{-1}(v))$ is convex."),
    "prop-noise-wins": Claim(
        r"A stochastic $z$ beats both deterministic ones exactly for $0 < \beta < (1-2\varepsilon)^2$. The gain is largest where these two tie.",
        'section 4: "for opportune values"',
    ),
    "prop-deterministic": Claim(
        r"If $y = f(x)$, then $z = y$ is optimal for all $0 < \beta < 1$ and the constant for $\beta > 1$; the curve is $\min(R, H(y))$."
    ),
    "prop-gaussian": Claim(
        r"For a Gaussian pair the curve is $-\frac12\log(1 - \rho^2(1 - e^{-2R}))$, and $R = \frac12\log\frac{(1-\beta)\rho^2}{\beta(1-\rho^2)}$.",
        "section 4 mentions the Gaussian case",
    ),
    "prop-product": Claim(r"The least Lagrangian of independent pairs $(x_i, y_i)$ is the sum of theirs."),
    "prop-gaussian-vector": Claim(
        r"The vector Gaussian bottleneck opens the canonical directions with $\rho_i^2 > \beta$, each as in the scalar case.",
        "section 4 mentions the Gaussian case",
    ),
    "prop-beta-zero": Claim(
        r"For finite $x$, limits of minimisers as $\beta\to0^+$ are minimal sufficient, and $I(x;z_\beta)\to H(T)$.",
        'section 4: "easy to see"',
    ),
    "ex-lag-rare": Claim(r"For a fair bit shown with probability $e$, $\rho_m^2 = e$ and $\eta = \log 2/(\log 2 + \log\frac1e)$ at $e = 0.1$."),
}


def table(seed: int, n_x: int = 5, n_y: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_x * n_y, 0.7)).reshape(n_x, n_y)


def rows(seed: int, n: int, m: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(m), n)


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL of the last axis, element by element of the others."""
    return special.rel_entr(p, q).sum(-1)


def profiles(p_xy: np.ndarray, encoder: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p(z) and p(y|z)."""
    p_zy = encoder.T @ p_xy
    return p_zy.sum(1), p_zy / p_zy.sum(1, keepdims=True)


def lagrangian(p_xy: np.ndarray, encoder: np.ndarray, beta: float) -> float:
    """H(y|z) + beta I(x;z) from p(z) and p(y|z)."""
    p_z, p_y_given_z = profiles(p_xy, encoder)
    return p_z @ special.entr(p_y_given_z).sum(1) + beta * p_xy.sum(1) @ kl(encoder, p_z)


def distances(p_xy: np.ndarray, s: np.ndarray) -> np.ndarray:
    """KL( p(y|x) || s ), [x, s]."""
    return kl((p_xy / p_xy.sum(1, keepdims=True))[:, None], s)


# The equations and the iteration


@proves("prop-self-consistent", kind="numerical", scope="general")
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_the_lagrangian_is_a_log_ratio_plus_a_divergence(seed):
    p_xy, beta = table(seed), 0.3
    q, p = torch.tensor(rows(seed, 5, 4), requires_grad=True), torch.tensor(p_xy)
    p_zy, p_z = q.T @ p, p.sum(1) @ q
    i_xz = (p.sum(1)[:, None] * q * torch.log(q / p_z)).sum()
    value = -(p_zy * torch.log(p_zy / p_z[:, None])).sum() + beta * i_xz
    (slope,) = torch.autograd.grad(value, q)
    encoder = q.detach().numpy()
    p_z, p_y_given_z = profiles(p_xy, encoder)
    h_y_given_x = special.entr(p_xy / p_xy.sum(1, keepdims=True)).sum(1)[:, None]
    formula = h_y_given_x + distances(p_xy, p_y_given_z) + beta * np.log(encoder / p_z)
    np.testing.assert_allclose(slope.numpy() / p_xy.sum(1)[:, None], formula, atol=1e-10)


@proves("prop-self-consistent", kind="numerical", scope="special case")
@pytest.mark.parametrize("seed", range(4))
def test_the_solvers_encoder_satisfies_the_equations(seed):
    p_xy = table(seed)
    found = blahut_arimoto(p_xy, 0.15)
    used = found.p_z > 1e-9
    weight = found.p_z[used] * np.exp(-distances(p_xy, found.p_y_given_z[used]) / 0.15)
    assert used.sum() > 1
    np.testing.assert_allclose(found.p_z_given_x[:, used], weight / weight.sum(1, keepdims=True), atol=1e-5)


@proves("rem-stochastic", kind="enumeration", scope="special case")
def test_the_best_encoder_is_stochastic_and_beats_all_deterministic_ones():
    best = blahut_arimoto(SOURCE, 0.25)
    codes = min(lagrangian(SOURCE, encoder_of(np.array(labels)), 0.25) for labels in partitions(6))
    assert best.lagrangian < codes - 0.01
    assert best.p_z_given_x[:, best.p_z > 0].min() > 1e-12


@proves("prop-variational", kind="enumeration", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_lagrangian_plus_both_gaps(seed):
    p_xy, encoder, decoder, beta = table(seed), rows(seed, 5, 4), rows(seed + 1, 4, 3), 0.3
    prior = rows(seed + 2, 1, 4)[0]
    loss = sum(
        p_xy[x, y] * encoder[x, z] * (-math.log(decoder[z, y]) + beta * math.log(encoder[x, z] / prior[z]))
        for x, y, z in itertools.product(range(5), range(3), range(4))
    )
    p_z, p_y_given_z = profiles(p_xy, encoder)
    parts = lagrangian(p_xy, encoder, beta), p_z @ kl(p_y_given_z, decoder), kl(p_z, prior)
    bound = variational_bound(p_xy, encoder, decoder, prior, beta)
    assert (bound.lagrangian, bound.decoder_gap, bound.prior_gap) == pytest.approx(parts, abs=1e-12)
    assert bound.loss == pytest.approx(loss, abs=1e-12) and loss == pytest.approx(parts[0] + parts[1] + beta * parts[2], abs=1e-12)
    assert variational_bound(p_xy, encoder, p_y_given_z, p_z, beta).loss == pytest.approx(parts[0], abs=1e-12)


@proves("prop-descent", kind="enumeration", scope="general")
@pytest.mark.parametrize("beta", [0.05, 0.2, 0.6])
def test_a_step_lowers_the_lagrangian_by_three_divergences(beta):
    for seed in range(4):
        p_xy, old = table(seed), rows(seed, 5, 4)
        new = alternating_step(p_xy, old, beta)
        (old_z, old_y), (new_z, new_y) = profiles(p_xy, old), profiles(p_xy, new)
        fall = beta * p_xy.sum(1) @ kl(old, new) + beta * kl(new_z, old_z) + new_z @ kl(new_y, old_y)
        assert lagrangian(p_xy, old, beta) - lagrangian(p_xy, new, beta) == pytest.approx(fall, abs=1e-12)


@proves("prop-descent", kind="symbolic", scope="general")
def test_the_best_encoder_is_found_by_completing_a_logarithm():
    q, prior, d = (sp.symbols(f"{name}_0:3", positive=True) for name in ("q", "r", "d"))
    beta = sp.Symbol("beta", positive=True)
    partition = sum(prior[z] * sp.exp(-d[z] / beta) for z in range(3))
    left = sum(q[z] * (d[z] + beta * (sp.log(q[z]) - sp.log(prior[z]))) for z in range(3))
    to_best = sum(q[z] * (sp.log(q[z]) - sp.log(prior[z]) + d[z] / beta + sp.log(partition)) for z in range(3))
    difference = left - (-beta * sp.log(partition) + beta * to_best)
    assert_identical(sp.expand(difference.subs(q[2], 1 - q[0] - q[1])), sp.Integer(0))


# The certificate


def certificate(p_xy: np.ndarray, prior: np.ndarray, decoder: np.ndarray, beta: float, s: np.ndarray) -> tuple[float, float]:
    """The lower bound of every Lagrangian, and max G, with the maximum taken over the profiles s [n, y]."""
    p_x = p_xy.sum(1)
    partition = np.exp(-distances(p_xy, decoder) / beta) @ prior
    largest = float((p_x / partition @ np.exp(-distances(p_xy, s) / beta)).max())
    h_y_given_x = p_x @ special.entr(p_xy / p_x[:, None]).sum(1)
    return h_y_given_x - beta * p_x @ np.log(partition) - beta * math.log(largest), largest


def triangle(steps: int) -> np.ndarray:
    i, j = np.triu_indices(steps + 1)
    return np.stack([i, j - i, steps - j], 1) / steps


@proves("prop-certificate", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.3, 0.7])
def test_no_encoder_falls_below_the_bound_whatever_it_is_made_from(beta):
    """For two labels a fine grid holds the maximum of G. The solver's optimum is the strongest rival, random encoders are the others."""
    a = np.linspace(0, 1, 20_001)
    s = np.stack([a, 1 - a], 1)
    for seed in range(6):
        p_xy, prior, decoder = table(seed, 5, 2), rows(seed, 1, 3)[0], rows(seed + 9, 3, 2)
        bound, _ = certificate(p_xy, prior, decoder, beta, s)
        best = blahut_arimoto(p_xy, beta)
        reached = [best.lagrangian, *(lagrangian(p_xy, rows(seed + i, 5, 3), beta) for i in range(30))]
        assert min(reached) >= bound - 1e-6
        used = best.p_z > 1e-12
        tight, largest = certificate(p_xy, best.p_z[used], best.p_y_given_z[used], beta, s)
        assert tight == pytest.approx(best.lagrangian, abs=1e-6) and largest == pytest.approx(1, abs=1e-5)


@proves("prop-certificate", kind="enumeration", scope="special case")
def test_a_message_is_missing_at_the_constant_and_none_at_the_optimum():
    s, best = triangle(150), blahut_arimoto(SOURCE, 0.52)
    used = best.p_z > 1e-12
    _, at_optimum = certificate(SOURCE, best.p_z[used], best.p_y_given_z[used], 0.52, s)
    _, at_constant = certificate(SOURCE, np.ones(1), P_Y[None], 0.52, s)
    assert 0.999 < at_optimum < 1 + 1e-6 and at_constant > 1.18


# When nothing is worth telling


@proves("prop-transition", kind="numerical", scope="special case")
@pytest.mark.parametrize("p_xy", [SOURCE, table(1), table(2, 4, 4)], ids=["receptionist", "5 x 3", "4 x 4"])
def test_something_is_kept_exactly_below_eta_and_at_its_price(p_xy):
    eta = contraction_coefficient(p_xy)
    below, above = blahut_arimoto(p_xy, 0.995 * eta), blahut_arimoto(p_xy, 1.005 * eta)
    assert above.i_xz < 1e-9 < below.i_xz
    assert 0.995 * eta <= below.i_zy / below.i_xz <= eta + 1e-9


@proves("prop-transition", kind="enumeration", scope="special case")
def test_no_message_brings_more_than_eta_for_its_price_and_an_alarm_brings_nearly_that():
    eta = contraction_coefficient(SOURCE)
    for encoder in np.random.default_rng(0).dirichlet(np.full(4, 0.3), (200, 6)):
        i_xz, i_zy = information_plane(SOURCE, encoder)
        assert i_zy <= eta * i_xz + 1e-12
    belief = np.array([0.02, 0.02, 0.03, 0.05, 0.33, 0.55])
    alarm = 1e-4 * belief / P_X
    i_xz, i_zy = information_plane(SOURCE, np.stack([alarm, 1 - alarm], 1))
    assert i_zy / i_xz == pytest.approx(kl(belief @ P_Y_GIVEN_X, P_Y) / kl(belief, P_X), abs=2e-3)
    assert i_zy / i_xz > eta - 0.01


def departures(seed: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights w(z), and an encoder w(z) (1 + g_z(x)) that leaves p(z) = w(z), with g of the size given."""
    rng = np.random.default_rng(seed)
    w, g = rng.dirichlet(np.full(4, 3.0)), rng.normal(size=(6, 4))
    g = g - P_X @ g
    g = g - (g @ w)[:, None]
    g = g * size / math.sqrt(w @ (P_X @ g**2))
    return w, w * (1 + g)


def departure_of(encoder: np.ndarray) -> float:
    """The norm of g for the encoder's own p(z)."""
    p_z = P_X @ encoder
    return math.sqrt(p_z @ (P_X @ (encoder / p_z - 1) ** 2))


@proves("prop-stability", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.3, 0.48, 0.7])
def test_a_step_multiplies_departures_by_the_squared_correlation_at_most(beta):
    factor = maximal_correlation(SOURCE) ** 2 / beta
    growth = []
    for seed in range(30):
        _, encoder = departures(seed, 1e-6)
        growth.append(departure_of(alternating_step(SOURCE, encoder, beta)) / 1e-6)
    assert max(growth) <= factor * (1 + 1e-4)
    u, _, _ = np.linalg.svd(SOURCE / np.sqrt(np.outer(P_X, P_Y)))
    along = 1e-6 * u[:, 1] / np.sqrt(P_X)
    start = np.stack([0.3 * (1 + 7 * along), 0.7 * (1 - 3 * along)], 1)
    assert departure_of(alternating_step(SOURCE, start, beta)) / departure_of(start) == pytest.approx(factor, rel=1e-4)


@proves("prop-stability", kind="numerical", scope="special case")
@pytest.mark.parametrize("seed", range(4))
def test_above_the_squared_correlation_the_constant_attracts_and_below_it_does_not(seed):
    rho2 = maximal_correlation(SOURCE) ** 2
    ends = {}
    for beta in (1.15 * rho2, 0.9 * rho2):
        _, encoder = departures(seed, 0.05)
        for _ in range(150):
            encoder = alternating_step(SOURCE, encoder, beta)
        ends[beta] = departure_of(encoder)
    assert 1.15 * rho2 < contraction_coefficient(SOURCE)  # silence attracts here, and is not optimal
    assert ends[1.15 * rho2] < 1e-6 and ends[0.9 * rho2] > 0.3


@proves("prop-stability", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.3, 0.6])
def test_the_lagrangian_changes_by_the_variances_to_second_order(beta):
    for seed in range(4):
        w, encoder = departures(seed, 1e-3)
        g = encoder / w - 1
        told = (SOURCE.T @ g / P_Y[:, None]) ** 2  # E[g|y], squared
        second = w @ (beta * (P_X @ g**2) - P_Y @ told) / 2
        assert lagrangian(SOURCE, encoder, beta) - special.entr(P_Y).sum() == pytest.approx(second, rel=0.02)


@proves("prop-stability", kind="numerical", scope="special case")
def test_the_squared_correlation_is_the_ratio_of_small_changes_and_at_most_eta():
    for seed in range(6):
        p_xy = table(seed)
        p_x, p_y, rho2 = p_xy.sum(1), p_xy.sum(0), maximal_correlation(p_xy) ** 2
        u, _, _ = np.linalg.svd(p_xy / np.sqrt(np.outer(p_x, p_y)))
        tilt = p_x * (1 + 1e-4 * u[:, 1] / np.sqrt(p_x))
        assert kl(p_xy.T @ (tilt / p_x), p_y) / kl(tilt, p_x) == pytest.approx(rho2, rel=2e-3)
        assert rho2 <= contraction_coefficient(p_xy) + 1e-12
    assert maximal_correlation(SOURCE) ** 2 + 0.08 < contraction_coefficient(SOURCE)


@proves("ex-lag-rare", kind="numerical", scope="special case")
def test_a_bit_that_is_rarely_shown_is_worth_more_than_its_correlation():
    shown = np.array([[0.05, 0], [0, 0.05], [0.45, 0.45]])
    assert maximal_correlation(shown) ** 2 == pytest.approx(0.1, abs=1e-12)
    assert contraction_coefficient(shown) == pytest.approx(math.log(2) / (math.log(2) + math.log(10)), abs=1e-6)


# The noisy bit


def h(p: float) -> float:
    return float(special.entr(p) + special.entr(1 - p))


def noisy_bit(flip: float) -> np.ndarray:
    return np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2


def symmetric(eps: float, delta: float, beta: float) -> float:
    return h(eps * (1 - delta) + delta * (1 - eps)) + beta * (math.log(2) - h(delta))


def least(eps: float, beta: float) -> float:
    options = {"xatol": 1e-12}
    return optimize.minimize_scalar(lambda d: symmetric(eps, d, beta), bounds=(0, 0.5), method="bounded", options=options).fun


def gain(eps: float, beta: float) -> float:
    return min(symmetric(eps, 0, beta), symmetric(eps, 0.5, beta)) - least(eps, beta)


@proves("prop-noisy-bit", kind="numerical", scope="special case")
@pytest.mark.parametrize(("eps", "beta"), [(0.1, 0.3), (0.1, 0.6), (0.2, 0.2), (0.02, 0.7)])
def test_no_encoder_beats_the_best_symmetric_channel(eps, beta):
    for delta in (0.0, 0.03, 0.2, 0.5):
        channel = np.array([[1 - delta, delta], [delta, 1 - delta]])
        assert lagrangian(noisy_bit(eps), channel, beta) == pytest.approx(symmetric(eps, delta, beta), abs=1e-12)
    assert blahut_arimoto(noisy_bit(eps), beta).lagrangian == pytest.approx(least(eps, beta), abs=1e-8)


@proves("lem-gerber", kind="symbolic", scope="bookkeeping")
def test_the_slopes_derivative_has_the_sign_of_a_difference():
    c, t = sp.symbols("c t", positive=True)
    slope = c * sp.atanh(c * t) / sp.atanh(t)
    k = lambda u: (1 - u**2) * sp.atanh(u) / u
    positive = sp.atanh(t) ** 2 * (1 - t**2) * (1 - c**2 * t**2) / c
    assert_identical(sp.diff(slope, t) * positive, c * t * (k(t) - k(c * t)))
    entropy_of = lambda p: -p * sp.log(p) - (1 - p) * sp.log(1 - p)
    by_chain = sp.diff(entropy_of((1 - c * t) / 2), t) / sp.diff(entropy_of((1 - t) / 2), t)
    assert_identical(sp.expand_log((by_chain - slope).rewrite(sp.log).simplify(), force=True).simplify(), sp.Integer(0))


@proves("lem-gerber", kind="numerical", scope="special case")
@pytest.mark.parametrize("eps", [0.02, 0.1, 0.3])
def test_the_noisy_entropy_is_convex_in_the_entropy(eps):
    v = np.linspace(0, math.log(2), 101)[1:-1]
    inverse = [optimize.brentq(lambda d, at=level: h(d) - at, 1e-12, 0.5) for level in v]
    assert np.diff([symmetric(eps, d, 0) for d in inverse], 2).min() > 0


@proves("prop-noise-wins", kind="numerical", scope="special case")
@pytest.mark.parametrize("eps", [0.02, 0.1, 0.3])
def test_noise_wins_exactly_below_the_squared_correlation(eps):
    end = (1 - 2 * eps) ** 2
    assert min(gain(eps, share * end) for share in (0.3, 0.7, 0.97)) > 1e-9 and gain(eps, 1.01 * end) < 1e-12
    assert maximal_correlation(noisy_bit(eps)) ** 2 == pytest.approx(end, abs=1e-12)
    assert contraction_coefficient(noisy_bit(eps)) == pytest.approx(end, abs=1e-6)
    assert blahut_arimoto(noisy_bit(eps), 1.001 * end).i_xz == 0


@proves("prop-noise-wins", kind="numerical", scope="special case")
@pytest.mark.parametrize("eps", [0.05, 0.1, 0.2])
def test_the_gain_is_largest_where_the_deterministic_encoders_tie(eps):
    tie, grid = 1 - h(eps) / math.log(2), np.linspace(0.01, 0.99, 99)
    assert all(gain(eps, beta) < gain(eps, tie) for beta in grid if abs(beta - tie) > 1e-3)
    if eps == 0.1:
        assert (tie, gain(eps, tie)) == (pytest.approx(0.531, abs=5e-4), pytest.approx(0.0269, abs=5e-5))


@proves("prop-noise-wins", kind="symbolic", scope="general")
def test_the_slope_runs_from_zero_to_the_squared_correlation():
    c, t = sp.Rational(4, 5), sp.Symbol("t", positive=True)
    slope = c * sp.atanh(c * t) / sp.atanh(t)
    assert sp.limit(slope, t, 0) == c**2 and sp.limit(slope, t, 1, "-") == 0


# Deterministic labels, Gaussians, and the vanishing price


@proves("prop-deterministic", kind="enumeration", scope="special case")
@pytest.mark.parametrize("beta", [0.05, 0.5, 0.95, 1.0, 1.2])
def test_a_label_that_is_a_function_costs_its_entropy_up_to_the_price_one(beta):
    p_xy = np.zeros((5, 3))
    p_xy[range(5), [0, 0, 1, 2, 2]] = [0.3, 0.1, 0.25, 0.2, 0.15]
    h_y = entropy(p_xy.sum(0))
    found = blahut_arimoto(p_xy, beta)
    assert found.lagrangian == pytest.approx(min(beta, 1) * h_y, abs=1e-9)
    if beta != 1:
        assert (found.i_xz, found.i_zy) == pytest.approx((h_y, h_y) if beta < 1 else (0, 0), abs=1e-6)
    for encoder in np.random.default_rng(0).dirichlet(np.full(3, 0.3), (60, 5)):
        assert lagrangian(p_xy, encoder, beta) >= min(beta, 1) * h_y
    label = p_xy / p_xy.sum(1, keepdims=True)
    shown = np.concatenate([0.4 * label, np.full((5, 1), 0.6)], 1)
    assert information_plane(p_xy, shown) == pytest.approx((0.4 * h_y, 0.4 * h_y), abs=1e-12)


def gaussian_curve(rho: float, rate: float) -> float:
    return -0.5 * math.log(1 - rho**2 * (1 - math.exp(-2 * rate)))


@proves("prop-gaussian", kind="numerical", scope="general")
@pytest.mark.parametrize(("rho", "beta"), [(0.8, 0.1), (0.8, 0.6), (0.8, 0.7), (-0.4, 0.05), (0.99, 0.9)])
def test_the_scalar_optimum_is_the_best_point_of_the_curve(rho, beta):
    one = np.eye(1)
    found = gaussian_bottleneck(one, one, rho * one, beta)
    best = optimize.minimize_scalar(
        lambda rate: beta * rate - gaussian_curve(rho, rate), bounds=(0, 9), method="bounded", options={"xatol": 1e-10}
    )
    gain2 = float(found.projection[0, 0] ** 2)
    assert found.i_xz == pytest.approx(best.x, abs=1e-6) and found.i_zy == pytest.approx(gaussian_curve(rho, best.x), abs=1e-6)
    told = np.array([[1, math.sqrt(gain2) * rho], [math.sqrt(gain2) * rho, 1 + gain2]])  # covariance of y and z
    assert found.i_xz == pytest.approx(0.5 * math.log(1 + gain2), abs=1e-12)
    assert found.i_zy == pytest.approx(0.5 * math.log((1 + gain2) / np.linalg.det(told)), abs=1e-12)


@proves("prop-gaussian", kind="numerical", scope="special case")
def test_the_solver_on_cells_stays_below_the_curve_and_near_it():
    for beta in (0.3, 0.5):
        found = blahut_arimoto(discretised_gaussian(0.8, 16, 12, 3.0), beta, tolerance=1e-4)
        assert 0 <= gaussian_curve(0.8, found.i_xz) - found.i_zy < 0.02


@proves("prop-product", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.2, 0.5])
def test_two_independent_pairs_solved_as_one_table_and_each_by_itself(beta):
    one, two = noisy_bit(0.1), table(3, 3, 2)
    together = blahut_arimoto(np.kron(one, two), beta).lagrangian
    assert together == pytest.approx(blahut_arimoto(one, beta).lagrangian + blahut_arimoto(two, beta).lagrangian, abs=1e-7)


@proves("prop-gaussian-vector", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.3])
def test_no_linear_encoder_of_gaussian_vectors_beats_the_closed_form(beta):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 5))
    cov = root @ root.T + 0.5 * np.eye(5)
    x, y, xy = cov[:3, :3], cov[3:, 3:], cov[:3, 3:]

    def objective(flat: np.ndarray) -> float:
        a = flat.reshape(3, 3)
        of_z, cross = a @ x @ a.T + np.eye(3), a @ xy
        y_given_z = y - cross.T @ np.linalg.solve(of_z, cross)
        return 0.5 * np.linalg.slogdet(2 * math.pi * math.e * y_given_z)[1] + beta * 0.5 * np.linalg.slogdet(of_z)[1]

    found = min(optimize.minimize(objective, rng.normal(size=9), tol=1e-12).fun for _ in range(4))
    closed = gaussian_bottleneck(x, y, xy, beta)
    rho2 = np.linalg.svd(np.linalg.inv(np.linalg.cholesky(x)) @ xy @ np.linalg.inv(np.linalg.cholesky(y)).T)[1] ** 2
    rho2 = rho2[rho2 > beta]
    assert closed.lagrangian == pytest.approx(found, abs=1e-6)
    assert closed.i_xz == pytest.approx(0.5 * np.log((1 - beta) * rho2 / (beta * (1 - rho2))).sum(), abs=1e-10)
    assert closed.i_zy == pytest.approx(0.5 * np.log((1 - beta) / (1 - rho2)).sum(), abs=1e-10)


@proves("prop-beta-zero", kind="numerical", scope="special case")
def test_as_the_price_vanishes_the_minimiser_becomes_minimal_sufficient():
    """Two kinds have the same posterior; merging them gives the receptionist's table back."""
    twins = np.concatenate([SOURCE[:1] * 4 / 7, SOURCE[1:], SOURCE[:1] * 3 / 7])
    h_t, everything = entropy(P_X), mutual_information(twins)
    for beta in (0.05, 0.01, 0.001):
        found = blahut_arimoto(twins, beta)
        assert -1e-12 <= everything - found.i_zy <= beta * (h_t - found.i_xz) + 1e-9
        np.testing.assert_allclose(found.p_z_given_x[0], found.p_z_given_x[-1], atol=1e-9)
    assert (found.i_xz, found.i_zy) == pytest.approx((h_t, everything), abs=1e-4) and h_t < entropy(twins.sum(1))
