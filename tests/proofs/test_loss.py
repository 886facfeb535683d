"""Chapter `loss` and its appendix: the sum over samples, eq. (1), classical penalties, several layers, three readings of noise."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_identical, assert_mean, proves
from scipy import integrate, stats

from ib_tutorial.examples import P_X, SOURCE
from ib_tutorial.information import (
    alternating_step,
    blahut_arimoto,
    entropy,
    information_plane,
    kl_divergence,
    kl_log_uniform,
    kl_standard_normal,
    mutual_information,
    total_correlation,
    variational_bound,
)
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences, told_apart
from ib_tutorial.training import information_bottleneck_loss

CLAIMS = {
    "prop-empirical": Claim(
        r"For fixed networks eq. (3) is an unbiased estimate of a bound of $\mathcal{L}$; its minimum is on average at most the bound's. "
        r"Where all inputs differ, the least is $\beta\hat H(y)$, and reached by memory alone.",
        "eq. (3)",
    ),
    "rem-log-n": Claim(r"Under a sample of $N$ inputs $I(x;z) \le \log N$; what a divergence has above that is the prior's gap."),
    "prop-bayes": Claim(r"Eq. (1) is $-\frac1N\log p(\mathcal{D})$ plus $\frac1N$ times the divergence from the true posterior.", "eq. (1)"),
    "prop-local": Claim(
        r"Gaussian weights give independent Gaussian units, $b_j\sim\mathcal{N}(\sum_i a_i\mu_{ij}, \sum_i a_i^2\sigma_{ij}^2)$. Units drawn "
        r"for each example leave the expected batch loss as it is, and take the covariances out of its variance.",
        "section 3",
    ),
    "prop-l2": Claim(
        r"Up to a constant, a Gaussian of fixed variance costs $\mu^2/2s^2$ against $\mathcal{N}(0, s^2)$, the $L_2$ penalty, and a smoothed "
        r"absolute value against a Laplace prior.",
        "section 4, after eq. (3)",
    ),
    "rem-label-smoothing": Claim(
        r"Label smoothing is the first term of eq. (3) for labels redrawn uniformly with probability $a$; the penalty on confidence is a "
        r"divergence from the uniform distribution."
    ),
    "prop-layers": Claim(
        r"The summed divergence of noisy layers is that of all layers jointly from the product of their priors, $I(x;z_1) + "
        r"\mathrm{TC}(z_1;\dots;z_L)$ plus the priors' gaps. With probability priors the loss bounds $\mathcal{L}_\beta(z_l)$ of every layer and "
        r"$\mathcal{L}_{L\beta}(z_L)$.",
        "sections 6 and 8 sum over layers",
    ),
    "rem-three-readings": Claim(
        r"For a linear map and squared error, noise of variance $\sigma^2$ on the input adds exactly $\sigma^2\lVert w\rVert^2$.", "section 9"
    ),
}


def samples(n: int, repeats: int, seed: int) -> np.ndarray:
    """Empirical tables of n draws of the receptionist's patients: [repeat, x, y]."""
    counts = np.random.default_rng(seed).multinomial(n, SOURCE.ravel() / SOURCE.sum(), repeats)
    return counts.reshape(repeats, 6, 3) / n


def models(seed: int, n_z: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An encoder, a decoder and a prior that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_z), 6), rng.dirichlet(np.ones(3), n_z), rng.dirichlet(np.ones(n_z))


def lagrangian(p_xy: np.ndarray, encoder: np.ndarray, beta: float) -> float:
    i_xz, i_zy = information_plane(p_xy, encoder)
    return entropy(p_xy.sum(0)) - i_zy + beta * i_xz


# What the sample adds


@proves("prop-empirical", kind="enumeration", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_sum_over_samples_is_the_bound_of_the_empirical_table(seed):
    encoder, decoder, prior = models(seed)
    draws = np.random.default_rng(seed).integers(0, [6, 3], (20, 2))
    losses = [
        sum(encoder[x, z] * (-math.log(decoder[z, y]) + 0.3 * math.log(encoder[x, z] / prior[z])) for z in range(3)) for x, y in draws
    ]
    table = np.zeros((6, 3))
    np.add.at(table, tuple(draws.T), 1 / 20)
    found = variational_bound(table, encoder, decoder, prior, 0.3)
    assert np.mean(losses) == pytest.approx(found.loss, abs=1e-12)
    assert found.loss >= found.lagrangian >= blahut_arimoto(table, 0.3).lagrangian - 1e-9


@proves("prop-empirical", kind="Monte Carlo", scope="special case")
def test_the_loss_of_a_fixed_network_is_unbiased():
    fixed = (*models(4), 0.2)
    assert_mean(np.array([variational_bound(p, *fixed).loss for p in samples(50, 400, 5)]), variational_bound(SOURCE, *fixed).loss)


@proves("prop-empirical", kind="Monte Carlo", scope="special case")
def test_a_minimum_on_samples_is_optimistic():
    """Five steps from the source's optimum come below the source's least Lagrangian on average, by more than four standard errors."""
    best, reached = blahut_arimoto(SOURCE, 0.2), []
    for p in samples(50, 200, 6):
        seen, q = p.sum(1) > 0, best.p_z_given_x[:, best.p_z > 0]
        p, q = p[seen], q[seen]
        for _ in range(5):
            q = alternating_step(p, q, 0.2)
        reached.append(lagrangian(p, q, 0.2))
    assert np.mean(reached) + 4 * np.std(reached, ddof=1) / math.sqrt(len(reached)) < best.lagrangian


@proves("prop-empirical", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.9])
def test_where_all_inputs_differ_the_best_encoder_remembers_their_labels(beta):
    labels = np.eye(3)[[0, 0, 1, 2, 0, 1, 2]] / 7
    found = blahut_arimoto(labels, beta)
    h_y = entropy(labels.sum(0))
    assert found.lagrangian == pytest.approx(beta * h_y, abs=1e-9)
    assert (found.i_xz, found.i_zy) == pytest.approx((h_y, h_y), abs=1e-6)


@proves("rem-log-n", kind="enumeration", scope="general")
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_no_encoder_tells_more_than_log_n_and_names_tell_that(n):
    tables = np.random.default_rng(n).dirichlet(np.full(9, 0.2), (50, n)) / n
    assert max(map(mutual_information, tables)) <= math.log(n) + 1e-12
    assert mutual_information(np.eye(n) / n) == pytest.approx(math.log(n), abs=1e-12)


@proves("rem-log-n", kind="quadrature", scope="special case")
@pytest.mark.parametrize("alpha", [0.5, 0.2])
def test_the_divergence_above_the_information_is_the_gap_of_the_prior(alpha):
    """The chapter's unit under six draws of log f: the divergence from the source's marginal, I by draws, KL(p^(z) || q) by quadrature."""
    log_f = torch.linspace(-1.5, 1.5, 6, dtype=torch.float64)[:, None]
    unit = LogNormalEncoder(log_f, torch.full_like(log_f, alpha))
    scale = math.sqrt(1 + alpha**2)
    paid = kl_standard_normal(log_f / scale, torch.full_like(log_f, math.log(alpha**2 / scale**2))).mean().item()
    u = torch.linspace(-6, 6, 40_001, dtype=torch.float64)[:, None]
    log_mixture = (torch.logsumexp(unit.log_densities(u)[..., 0], -1) - math.log(6)).numpy()
    gap = integrate.trapezoid(np.exp(log_mixture) * (log_mixture - stats.norm.logpdf(u[:, 0].numpy(), 0, scale)), u[:, 0].numpy())
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((4000, 6, 1)))
    told = divergences(unit, torch.full((6, 1), 1 / 6, dtype=torch.float64), unit.sample(noise)).i_xz.mean(1)
    assert_mean(told.numpy() + gap, paid)
    assert told.mean() <= math.log(6)


# Eq. (1)


@proves("prop-bayes", kind="enumeration", scope="special case")
@pytest.mark.parametrize("seed", range(3))
def test_eq_1_is_the_code_length_plus_the_divergence_from_the_posterior(seed):
    """Logistic regression on four points with one of 50 weights. The library's loss is eq. (1), if every image is charged the divergence."""
    rng = np.random.default_rng(seed)
    x, y, w = torch.tensor([-1.0, 0.5, 1.0, 2.0], dtype=torch.float64), torch.tensor([0, 0, 1, 1]), torch.linspace(-3, 3, 50).double()
    prior, q = (torch.from_numpy(rng.dirichlet(np.ones(50))) for _ in range(2))
    likelihood = torch.stack([torch.sigmoid(w * a * (2 * b - 1)) for a, b in zip(x, y, strict=True)]).prod(0)
    posterior = prior * likelihood / (prior @ likelihood)
    kl = kl_divergence(q, prior).expand(4, 1)
    losses = [information_bottleneck_loss(torch.stack([0 * x, v * x], 1), y, [kl], beta=1.0, n_train=4) for v in w]
    expected = (-torch.log(prior @ likelihood) + kl_divergence(q, posterior)) / 4
    assert (q @ torch.stack(losses)).item() == pytest.approx(expected.item(), abs=1e-12)


# Noisy weights, and penalties (appendix)


@proves("prop-local", kind="symbolic", scope="bookkeeping")
def test_a_weighted_gaussian_has_the_generating_function_of_the_formula():
    """For one weight. That of a sum of independent ones is the product."""
    t, a, m, n = sp.symbols("t a mu n", real=True)
    s = sp.Symbol("sigma", positive=True)
    found = sp.integrate(sp.exp(t * a * (m + s * n) - n**2 / 2) / sp.sqrt(2 * sp.pi), (n, -sp.oo, sp.oo))
    assert_identical(sp.expand(sp.log(found), force=True), t * a * m + t**2 * a**2 * s**2 / 2)


@proves("prop-local", kind="Monte Carlo", scope="special case")
@pytest.mark.parametrize("signs", ["alike", "opposite"])
def test_units_drawn_for_each_example_take_the_covariances_out_of_the_variance(signs):
    """Two inputs that are alike, whose losses rise together, and two that are opposite, whose losses partly cancel."""
    rng = np.random.default_rng(1)
    a, mean, scale = np.array([[1.0, 0.5, 2.0], [1.2, 0.4, 1.5]]), rng.normal(size=3), np.full(3, 0.5)
    if signs == "opposite":
        a[1] = -a[1]
    shared = np.logaddexp(0, (mean + scale * rng.normal(size=(100_000, 3))) @ a.T)
    local = np.logaddexp(0, a @ mean + np.sqrt(a**2 @ scale**2) * rng.normal(size=(100_000, 2)))
    assert_mean(shared.mean(1) - local.mean(1), 0.0)
    covariance = np.cov(shared.T) / 4
    assert local.mean(1).var() == pytest.approx(np.trace(covariance), rel=0.02)
    assert np.sign(covariance[0, 1]) == (1 if signs == "alike" else -1)


@proves("prop-l2", kind="quadrature", scope="special case")
@pytest.mark.parametrize("prior", ["normal", "laplace"])
def test_the_divergence_rises_by_the_penalty(prior):
    width, at = 0.3, (0.1, 1.7)
    q = stats.norm(0, 1.2) if prior == "normal" else stats.laplace(0, 1.2)

    def penalty(f: float) -> float:
        smoothed = f * math.erf(f / (width * math.sqrt(2))) + width * math.sqrt(2 / math.pi) * math.exp(-(f**2) / (2 * width**2))
        return f**2 / (2 * 1.2**2) if prior == "normal" else smoothed / 1.2

    def divergence(f: float) -> float:
        p = stats.norm(f, width)
        return integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), f - 3, f + 3, points=[0, f], epsabs=1e-12)[0]

    assert divergence(at[1]) - divergence(at[0]) == pytest.approx(penalty(at[1]) - penalty(at[0]), abs=1e-8)
    if prior == "normal":
        scaled = torch.tensor(at, dtype=torch.float64) / 1.2
        costs = kl_standard_normal(scaled, torch.full_like(scaled, 2 * math.log(width / 1.2)))
        assert costs.tolist() == pytest.approx([divergence(f) for f in at], abs=1e-8)


@proves("rem-label-smoothing", kind="enumeration", scope="special case")
def test_smoothed_targets_are_labels_that_are_redrawn():
    """torch's own label smoothing against a sum over redrawn labels; then the entropy of the answer and its divergence from uniform."""
    logits, y, a = torch.tensor([[1.0, -0.3, 0.4, 0.0]], dtype=torch.float64), torch.tensor([2]), 0.2
    smoothed = torch.nn.functional.cross_entropy(logits, y, label_smoothing=a).item()
    chances = [(1 - a) * (k == 2) + a / 4 for k in range(4)]
    redrawn = sum(c * information_bottleneck_loss(logits, torch.tensor([k]), [], 0.0, 1).item() for k, c in enumerate(chances))
    assert smoothed == pytest.approx(redrawn, abs=1e-12)
    answer = torch.softmax(logits[0], 0)
    assert (math.log(4) - entropy(answer)).item() == pytest.approx(kl_divergence(answer, torch.full_like(answer, 0.25)).item(), abs=1e-12)


# Several noisy layers


def chain(seed: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Three random channels, the distribution that goes into each, a random prior for each, and the joint table p(x, z1, z2, z3)."""
    rng = np.random.default_rng(seed)
    sizes = (6, 4, 3, 5)
    channels = [rng.dirichlet(np.full(out, 0.4), n) for n, out in itertools.pairwise(sizes)]
    inputs = [P_X, P_X @ channels[0], P_X @ channels[0] @ channels[1]]
    priors = [rng.dirichlet(np.full(out, 3.0)) for out in sizes[1:]]
    return channels, inputs, priors, np.einsum("x,xa,ab,bc->xabc", P_X, *channels)


def charged(channels, inputs, priors) -> list[float]:
    """D_l of each layer, a mean of divergences."""
    return [
        sum(p * kl_divergence(row, q) for p, row in zip(weights, channel, strict=True))
        for weights, channel, q in zip(inputs, channels, priors, strict=True)
    ]


@proves("prop-layers", kind="enumeration", scope="special case")
@pytest.mark.parametrize("seed", range(5))
def test_the_sum_is_the_divergence_of_all_layers_from_a_product(seed):
    channels, inputs, priors, joint = chain(seed)
    product = np.einsum("a,b,c->abc", *priors)
    whole = sum(P_X[x] * kl_divergence(joint[x] / P_X[x], product) for x in range(6))
    marginals = [joint.sum((0, 2, 3)), joint.sum((0, 1, 3)), joint.sum((0, 1, 2))]
    told = mutual_information(joint.reshape(6, -1))
    assert told == pytest.approx(mutual_information(joint.sum((2, 3))), abs=1e-12)
    split = told + total_correlation(joint.sum(0)) + sum(map(kl_divergence, marginals, priors))
    assert sum(charged(channels, inputs, priors)) == pytest.approx(whole, abs=1e-12) == pytest.approx(split, abs=1e-12)


@proves("prop-layers", kind="enumeration", scope="special case")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("beta", [0.05, 0.5])
def test_the_loss_bounds_the_lagrangian_of_every_layer_and_of_the_last_at_a_higher_price(seed, beta):
    channels, inputs, priors, _ = chain(seed)
    paid = charged(channels, inputs, priors)
    encoders = [channels[0], channels[0] @ channels[1], channels[0] @ channels[1] @ channels[2]]
    decoder = np.random.default_rng(seed).dirichlet(np.ones(3), 5)
    cross_entropy = variational_bound(SOURCE, encoders[2], decoder, priors[2], 0).cross_entropy
    loss = cross_entropy + beta * sum(paid)
    assert all(loss >= lagrangian(SOURCE, encoder, beta) for encoder in encoders)
    assert loss >= lagrangian(SOURCE, encoders[2], 3 * beta)
    kept = [mutual_information(P_X[:, None] * encoder) for encoder in encoders]
    assert kept == sorted(kept, reverse=True) and all(d >= i for d, i in zip(paid, kept, strict=True))


@proves("prop-layers", kind="numerical", scope="special case")
def test_a_layer_at_its_cap_pays_nothing_under_the_log_uniform_prior_and_tells_what_it_likes():
    log_f = torch.linspace(-10, 10, 5, dtype=torch.float64)[:, None]
    alpha = torch.full_like(log_f, 0.7)
    assert kl_log_uniform(alpha, 0.7).sum() == 0 and told_apart(log_f, alpha) > math.log(5) - 0.01


# Three readings of noise


@proves("rem-three-readings", kind="symbolic", scope="general")
def test_noise_on_the_input_of_a_linear_map_is_a_ridge_penalty():
    """For any noise: its moments are put in by hand, E n_i = 0 and E n_i n_j = [i = j]."""
    y, s = sp.symbols("y s", real=True)
    x, w, n = (sp.Matrix(sp.symbols(f"{letter}_0:2", real=True)) for letter in "xwn")
    loss = sp.Poly(sp.expand((y - (w.T * (x + s * n))[0]) ** 2), *n)
    moments = {(0, 0): 1, (1, 0): 0, (0, 1): 0, (1, 1): 0, (2, 0): 1, (0, 2): 1}
    mean = sum(moments[power] * coefficient for power, coefficient in loss.terms())
    assert_identical(mean, (y - (w.T * x)[0]) ** 2 + s**2 * (w.T * w)[0])
