"""Total correlation, what a factorized prior charges for, and what the Gaussian formula sees (paper: sections 5 and 8, appendix B)."""

import itertools
import math
from functools import reduce

import numpy as np
import pytest
import torch
from proof import Claim, assert_mean, proves
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import digamma, log_softmax, polygamma
from scipy.stats import chi2, multivariate_normal, norm

from ib_tutorial.examples import shared_scale_tc
from ib_tutorial.information import (
    conditional_entropy,
    conditional_mutual_information,
    gaussian_total_correlation,
    kl_divergence,
    kl_log_normal,
    kl_log_uniform,
    marginal,
    mutual_information,
    total_correlation,
)
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences

CLAIMS = {
    "prop-tc-two-ways": Claim(
        r"$\mathrm{TC}(z) = \KL{p(z)}{\prod_j p_j} = \sum_j H(z_j) - H(z)$; it is 0 exactly on products.", paper="section 5, definition"
    ),
    "rem-interaction": Claim(
        r"On XOR the total correlation is $\log 2$ and the interaction information $-\log 2$; on three copies of a fair bit they are "
        r"$2\log 2$ and $\log 2$.",
        paper='section 5, "or multivariate mutual information"',
    ),
    "prop-tc-chain": Claim(r"$\mathrm{TC}(z) = \sum_{j \ge 2} I(z_j; z_1, \dots, z_{j-1})$."),
    "prop-unit-wise": Claim(
        r"Processing each unit on its own never raises total correlation, and one-to-one maps keep it: "
        r"$\mathrm{TC}(\log z) = \mathrm{TC}(z)$.",
        paper="section 8, used without saying",
    ),
    "prop-three-parts": Claim(
        r"$\mathbb{E}_x \KL{p(z|x)}{\prod_j q_j} = I(x;z) + \mathrm{TC}(z) + \sum_j \KL{p_j}{q_j}$ for every factorized prior.",
        paper="Prop. 1 and 4 treat the free prior only",
    ),
    "prop-unit-by-unit": Claim(
        r"$I(x;z) + \mathrm{TC}(z) = \sum_j I(x;z_j) + \mathbb{E}_x \mathrm{TC}(z|x)$; the last term is 0 where the units' noise is independent."
    ),
    "prop-free-prior": Claim(
        r"Over all factorized priors $\mathbb{E}_x \KL{p(z|x)}{q}$ is least at $q_j = p_j$ only, where it is $I(x;z) + \mathrm{TC}(z)$.",
        paper="Prop. 4; the printed proof swaps p and q and has one multiplier for all factors",
    ),
    "prop-equivalent": Claim(
        r"The problem in $(p, q)$ and the problem in $p$ of Prop. 1 have the same least value and the same encoders.", paper="Prop. 1"
    ),
    "prop-equivalent-local": Claim(r"With finitely many values of $x$ and $z$ the two problems of Prop. 1 have the same local minima."),
    "prop-shared-prior": Claim(
        r"The best single $(\mu, \sigma)$ for a layer leaves $\sum_j \KL{p_j}{\log\mathcal{N}_j} + \tfrac12 \sum_j \log(\sigma^2/s_j^2)$.",
        paper="section 6, Prop. 3 as the code uses it",
    ),
    "prop-log-uniform": Claim(
        r"Under the log-uniform prior a layer with $f > 0$ pays for its noise alone: "
        r"$I(x;z) + \mathrm{TC}(z) - \sum_j [h(\log z_j) + \log c]$ does not contain $f$.",
        paper="Prop. 1 does not cover the prior of Prop. 2",
    ),
    "prop-gamma": Claim(
        r"$\beta I + \gamma\mathrm{TC} = \beta \min_q \mathbb{E}_x\KL{p(z|x)}{q} + (\gamma - \beta)\mathrm{TC}$ over factorized $q$; "
        r"with any such $q$, and also for $\gamma \ge \beta$, the right side bounds $\beta I$ from above.",
        paper="section 5, the loss before Prop. 1",
    ),
    "prop-gaussian-tc": Claim(
        r"For a Gaussian, $\mathrm{TC} = -\tfrac12 \log\det(\Sigma_0^{-1}\Sigma)$.", paper="section 8; printed without the half"
    ),
    "prop-gaussian-gap": Claim(
        r"$\mathrm{TC} = \mathrm{TC}_{\mathrm{G}} + J(u) - \sum_j J(u_j)$, with $J$ the negentropy.", paper="section 8 neglects the difference"
    ),
    "lem-wishart": Claim(
        r"$\det((n-1)S)/\det\Sigma$ is a product of $d$ independent chi-square variables with $n-1, \dots, n-d$ degrees of freedom."
    ),
    "prop-plug-in-bias": Claim(
        r"From $n$ Gaussian samples the plug-in total correlation is too large on average by "
        r"$-\tfrac12 [\sum_{i<d} \psi(\tfrac{n-1-i}{2}) - d\,\psi(\tfrac{n-1}{2})]$, whatever the covariance.",
        paper="section 8 does not mention it; 265 nats at its sizes",
    ),
    "prop-noise-covariance": Claim(
        r"$\mathrm{Cov}(\log z) = \mathrm{Cov}(\log f) + \mathrm{diag}\,\mathbb{E}[\alpha^2]$; noise of unit mean adds "
        r"$-\tfrac12 [\mathrm{Cov}(\log f, \alpha^2) + \mathrm{Cov}(\alpha^2, \log f)] + \tfrac14 \mathrm{Cov}(\alpha^2)$.",
        paper="section 8 measures log z and speaks of the representation",
    ),
    "prop-noise-lowers": Claim(
        r"Adding a non-negative diagonal to a covariance never raises its Gaussian total correlation, and lowers it where it touches a "
        r"correlated unit.",
        paper="Fig. 5",
    ),
    "cor-true-falls": Claim(r"Where each $\alpha_j$ depends on $f_j$ alone, $\mathrm{TC}(z) \le \mathrm{TC}(f)$."),
    "prop-shared-scale": Claim(
        r"Independent units under noise of one shared random scale have $\mathrm{TC} = \sum_j I(u_j;c) - I(u;c) > 0$ and Gaussian total "
        r"correlation 0.",
        paper="Fig. 5",
    ),
    "rem-shared-scale-bias": Claim(r"Under a shared noise scale the bias of the plug-in estimate grows with the noise.", paper="Fig. 5"),
}


def random_table(*shape, seed=0):
    """A joint distribution drawn evenly from all of that shape."""
    return np.random.default_rng(seed).dirichlet(np.ones(math.prod(shape))).reshape(shape)


def random_covariance(d, rng):
    factor = rng.standard_normal((d, d + 2))
    return factor @ factor.T


def units(p):
    return [marginal(p, j) for j in range(p.ndim)]


def product(factors):
    return reduce(np.multiply.outer, factors)


def cost(joint, prior):
    """E_x KL(p(z|x) || prior), row by row, from a joint table [x, z_1, ..., z_d]."""
    return sum(row.sum() * kl_divergence(row / row.sum(), prior) for row in joint)


def i_and_tc(joint):
    return mutual_information(joint.reshape(len(joint), -1)), total_correlation(joint.sum(0))


def h(p):
    return -sum(value * math.log(value) for value in np.ravel(p) if value > 0)


def normal(at, mean, variance):
    return norm.pdf(at, mean, np.sqrt(variance))


def mean_log(p, q, step):
    """The integral of p log q over an even grid."""
    return float(np.where(p > 1e-300, p * np.log(np.maximum(q, 1e-300)), 0).sum()) * step


# Total correlation


@proves("prop-tc-two-ways", kind="enumeration", scope="special case")
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 4), (2, 2, 2, 2)])
def test_total_correlation_is_a_divergence_and_a_difference_of_entropies(shape):
    p = random_table(*shape)
    assert total_correlation(p) == pytest.approx(sum(map(h, units(p))) - h(p), abs=1e-12)
    assert total_correlation(p) == pytest.approx(kl_divergence(p, product(units(p))), abs=1e-12)


@proves("prop-tc-two-ways", kind="enumeration", scope="special case")
def test_it_is_zero_on_products_and_at_least_pinskers_bound_elsewhere():
    for seed in range(40):
        p = random_table(2, 3, 2, seed=seed)
        independent = product(units(p))
        assert total_correlation(independent) == pytest.approx(0, abs=1e-12)
        assert total_correlation(p) >= 0.5 * abs(p - independent).sum() ** 2 - 1e-12


@proves("rem-interaction", kind="enumeration", scope="special case")
def test_total_correlation_is_not_interaction_information():
    xor = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4
    copies = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]]) / 2
    found = [(total_correlation(p), mutual_information(p.sum(2)) - conditional_mutual_information(p)) for p in (xor, copies)]
    assert np.allclose(found, math.log(2) * np.array([(1, -1), (2, 1)]), atol=1e-12)


@proves("prop-tc-chain", kind="enumeration", scope="special case")
def test_total_correlation_adds_up_unit_by_unit():
    p = random_table(2, 3, 2, 3)
    before = [p.sum(tuple(range(j, 4))) for j in (2, 3)] + [p]
    steps = [mutual_information(prefix.reshape(-1, prefix.shape[-1])) for prefix in before]
    assert total_correlation(p) == pytest.approx(sum(steps), abs=1e-12)
    assert total_correlation(p.sum(3)) == pytest.approx(sum(steps[:2]), abs=1e-12)  # leaving a unit out drops its step


@proves("prop-unit-wise", kind="enumeration", scope="special case")
def test_unit_wise_channels_never_raise_it_and_relabelling_keeps_it():
    rng = np.random.default_rng(1)
    for _ in range(40):
        p = rng.dirichlet(np.ones(18) / 2).reshape(3, 2, 3)
        channels = [rng.dirichlet(np.ones(4) / 2, size) for size in p.shape]
        assert total_correlation(np.einsum("abc,ai,bj,ck->ijk", p, *channels)) <= total_correlation(p) + 1e-12
        relabelled = p[rng.permutation(3)][:, [1, 0]][..., rng.permutation(3)]
        assert total_correlation(relabelled) == pytest.approx(total_correlation(p), abs=1e-12)


@proves("prop-unit-wise", kind="quadrature", scope="special case")
def test_a_log_normal_pair_has_the_total_correlation_of_its_logarithms():
    r, scale = 0.6, 0.25
    z, step = np.linspace(0.05, 7, 1000, retstep=True)
    first, second = np.meshgrid(np.log(z), np.log(z), indexing="ij")
    alone = normal(np.log(z), 0, scale**2) / z
    joint = normal(first, 0, scale**2) * normal(second, r * first, scale**2 * (1 - r**2)) / np.outer(z, z)
    over_z = mean_log(joint, joint, step**2) - mean_log(joint, np.outer(alone, alone), step**2)
    assert gaussian_total_correlation(scale**2 * np.array([[1, r], [r, 1]])) == pytest.approx(over_z, abs=1e-8)


# The factorized prior


@proves("prop-three-parts", kind="enumeration", scope="special case")
def test_the_cost_has_three_parts():
    joint, priors = random_table(5, 2, 3, 2), [random_table(k, seed=k) for k in (2, 3, 2)]
    mismatch = sum(map(kl_divergence, units(joint.sum(0)), priors))
    assert cost(joint, product(priors)) == pytest.approx(sum(i_and_tc(joint)) + mismatch, abs=1e-12)
    impossible = [*priors[:2], np.array([1.0, 0.0])]
    assert cost(joint, product(impossible)) == kl_divergence(joint.sum((0, 1, 2)), impossible[2]) == math.inf


@proves("prop-unit-by-unit", kind="enumeration", scope="special case")
def test_the_bill_is_the_units_information_and_what_their_noise_shares():
    joint = random_table(4, 2, 3, 2)
    by_unit = sum(mutual_information(marginal(joint, 0, j)) for j in (1, 2, 3))
    shared_noise = sum(row.sum() * total_correlation(row / row.sum()) for row in joint)
    assert shared_noise > 0.1 and sum(i_and_tc(joint)) == pytest.approx(by_unit + shared_noise, abs=1e-12)
    independent = np.stack([row.sum() * product(units(row / row.sum())) for row in joint])
    assert sum(i_and_tc(independent)) == pytest.approx(by_unit, abs=1e-12)


@proves("prop-free-prior", kind="numerical", scope="special case")
@pytest.mark.parametrize("seed", [0, 1])
def test_a_search_over_factorized_priors_ends_at_the_marginals(seed):
    joint = random_table(4, 2, 3, 2, seed=seed)
    given_x = joint / joint.sum((1, 2, 3), keepdims=True)

    def factors(logits):
        return [log_softmax(part) for part in np.split(logits, [2, 5])]

    def price(logits):
        first, second, third = factors(logits)
        log_q = first[:, None, None] + second[:, None] + third
        return float((joint * (np.log(given_x) - log_q)).sum())

    found = minimize(price, np.random.default_rng(2).standard_normal(7), tol=1e-12)
    assert found.fun == pytest.approx(sum(i_and_tc(joint)), abs=1e-9)
    for log_q, p in zip(factors(found.x), units(joint.sum(0))):
        assert np.exp(log_q) == pytest.approx(p, abs=1e-4)


BETA, P_X = 0.1, torch.tensor([0.6, 0.4], dtype=torch.float64)
PREFERRED = torch.tensor([0.5, -0.3, -0.8, 0.6], dtype=torch.float64)


def problem(v, with_prior):
    """Either side of Prop. 1, and its slope, for a bit x and two units that err at least one time in five.

    F = H(x|z) + 0.004 |v - PREFERRED|^2, so that copies pay and the local minima differ. v: logits of p(z_j = 1|x) for each unit and x, then
    those of q_j(1) in the problem with a prior.
    """
    at = torch.tensor(v, requires_grad=True)
    encoder = 0.2 + 0.6 * torch.stack([-at[:4], at[:4]], -1).softmax(-1).reshape(2, 2, 2)  # [unit, x, value]
    given_x = encoder[0, :, :, None] * encoder[1, :, None]
    joint = P_X[:, None, None] * given_x
    loss = conditional_entropy(joint.reshape(2, 4).T) + 0.004 * (at[:4] - PREFERRED).square().sum()
    if with_prior:
        log_q = torch.stack([-at[4:], at[4:]], -1).log_softmax(-1)
        loss = loss + BETA * (joint * (given_x.log() - log_q[0, :, None] - log_q[1])).sum()
    else:
        loss = loss + BETA * sum(i_and_tc(joint))
    loss.backward()
    return loss.item(), at.grad.numpy()


@pytest.fixture(scope="module")
def minima():
    """Where descents from four starts end, with the prior and without it: rows of the encoder's four logits and the value."""
    starts = [[2 * a, -2 * a, 2 * b, -2 * b, 0, 0] for a, b in itertools.product((1, -1), repeat=2)]
    ends = [
        [minimize(problem, start[:size], (size == 6,), jac=True, options={"gtol": 1e-8}) for start in starts] for size in (6, 4)
    ]
    return [np.array([[*end.x[:4], end.fun] for end in found]) for found in ends]


@proves("prop-equivalent", kind="numerical", scope="special case")
def test_both_problems_have_the_same_least_value_at_the_same_encoder(minima):
    with_prior, without = (found[found[:, 4].argmin()] for found in minima)
    assert with_prior[4] == pytest.approx(without[4], abs=1e-9)
    assert with_prior[:4] == pytest.approx(without[:4], abs=1e-3)


@proves("prop-equivalent-local", kind="numerical", scope="special case")
def test_both_problems_have_the_same_local_minima(minima):
    with_prior, without = minima
    assert with_prior == pytest.approx(without, abs=1e-3) and with_prior[:, 4] == pytest.approx(without[:, 4], abs=1e-9)
    assert np.diff(np.sort(without[:, 4])).min() > 0.01, "the four minima should differ"


@proves("prop-shared-prior", kind="quadrature", scope="special case")
def test_what_one_prior_leaves_of_two_mixtures():
    u, step = np.linspace(-12, 12, 4001, retstep=True)
    laws = [0.7 * normal(u, -1, 0.3) + 0.3 * normal(u, 1.5, 0.5), 0.5 * normal(u, 0.4, 0.1) + 0.5 * normal(u, 0, 2.0)]
    means = [(p * u).sum() * step for p in laws]
    variances = [(p * u**2).sum() * step - m**2 for p, m in zip(laws, means)]

    def price(at):
        return sum(mean_log(p, p, step) - mean_log(p, normal(u, at[0], math.exp(at[1])), step) for p in laws)

    found = minimize(price, [0.0, 0.0], tol=1e-12)
    best = np.mean(variances) + np.var(means)
    assert found.x == pytest.approx([np.mean(means), math.log(best)], abs=1e-4)
    shape = sum(mean_log(p, p, step) - mean_log(p, normal(u, m, v), step) for p, m, v in zip(laws, means, variances))
    assert found.fun == pytest.approx(shape + 0.5 * np.log(best / np.array(variances)).sum(), abs=1e-7)


@proves("prop-shared-prior", kind="numerical", scope="special case")
def test_what_one_prior_leaves_of_log_normal_units():
    rng = np.random.default_rng(0)
    m, s = torch.tensor(rng.normal(size=5)), torch.tensor(rng.uniform(0.2, 2, size=5))
    best = (s**2 + (m - m.mean()) ** 2).mean()

    def price(mu, variance):
        return kl_log_normal(m, s, mu, variance.sqrt()).sum().item()

    least = price(m.mean(), best)
    assert least == pytest.approx(0.5 * (best / s**2).log().sum().item(), abs=1e-12)
    assert all(price(m.mean() + a, best * math.exp(b)) > least for a, b in rng.normal(scale=0.1, size=(200, 2)))


def grid_of_two_units(log_f, alpha):
    """Nats at every point of a square grid over (log z_1, log z_2) for equally likely inputs, and p(log z), which sums to 1."""
    at, step = np.linspace(-7, 7, 501, retstep=True)
    p_u = np.mean([np.outer(*(normal(at, m, a**2) for m, a in zip(*row))) for row in zip(log_f, alpha)], axis=0) * step**2
    u = torch.tensor(np.stack(np.meshgrid(at, at, indexing="ij"), -1))
    encoder = LogNormalEncoder(torch.tensor(log_f), torch.tensor(alpha))
    return divergences(encoder, torch.eye(len(log_f), dtype=torch.float64) / len(log_f), u), torch.tensor(p_u)


@proves("prop-log-uniform", kind="quadrature", scope="special case")
@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_under_the_log_uniform_prior_a_layer_pays_for_its_noise_alone(spread):
    log_f = spread * np.array([[-1.0, 0.8], [0.1, 0.9], [1.0, -0.7]])
    alpha = np.array([[0.7, 0.2], [0.3, 0.5], [0.4, 0.6]])
    found, p_u = grid_of_two_units(log_f, alpha)
    information, tc = ((p_u * each).sum().item() for each in (found.i_xz, found.total_correlation))
    units_entropies = -sum((p_u * found.log_marginals[..., j]).sum().item() for j in (0, 1))
    costs = kl_log_uniform(torch.tensor(alpha), 0.7).sum(1).mean().item()  # 0 at the cap: what c = 1 leaves there comes off
    assert information + tc - units_entropies == pytest.approx(costs - 2 * norm(0, 0.7).entropy(), abs=1e-6)
    assert tc == pytest.approx(total_correlation(p_u / p_u.sum()).item(), abs=1e-6)
    assert spread < 3 or information == pytest.approx(math.log(3), abs=0.01)


@proves("prop-gamma", kind="enumeration", scope="special case")
@pytest.mark.parametrize(("beta", "gamma"), [(1, 0), (0.3, 0.1), (1, 1), (1, 4), (0.3, 2)])
def test_a_weight_of_its_own_keeps_the_bound(beta, gamma):
    rng = np.random.default_rng(9)
    joint = random_table(4, 2, 3, 2, seed=9)
    information, tc = i_and_tc(joint)
    free = product(units(joint.sum(0)))
    target = beta * information + gamma * tc
    assert target == pytest.approx(beta * cost(joint, free) + (gamma - beta) * tc, abs=1e-12)
    for prior in [free, *(product([rng.dirichlet(np.ones(k)) for k in (2, 3, 2)]) for _ in range(50))]:
        paid = beta * cost(joint, prior)
        assert paid + (gamma - beta) * tc >= target - 1e-12
        assert paid + max(gamma - beta, 0) * tc >= max(target, beta * information) - 1e-12


# The Gaussian formula


@proves("prop-gaussian-tc", kind="numerical", scope="general")
@pytest.mark.parametrize("d", [2, 3, 7])
def test_the_formula_is_the_units_entropies_less_that_of_all(d):
    cov = random_covariance(d, np.random.default_rng(d))
    by_unit = sum(norm(0, math.sqrt(variance)).entropy() for variance in cov.diagonal())
    assert gaussian_total_correlation(cov) == pytest.approx(by_unit - multivariate_normal(cov=cov).entropy(), abs=1e-10)


@proves("prop-gaussian-tc", kind="quadrature", scope="special case")
def test_the_formula_is_the_integral_of_the_log_ratio():
    cov = np.array([[2.0, 0.9], [0.9, 0.7]])
    (first, step_1), (second, step_2) = np.linspace(-16, 16, 801, retstep=True), np.linspace(-9, 9, 801, retstep=True)
    joint = multivariate_normal(cov=cov).pdf(np.stack(np.meshgrid(first, second, indexing="ij"), -1))
    alone = np.outer(normal(first, 0, cov[0, 0]), normal(second, 0, cov[1, 1]))
    on_grid = mean_log(joint, joint, step_1 * step_2) - mean_log(joint, alone, step_1 * step_2)
    assert gaussian_total_correlation(cov) == pytest.approx(on_grid, abs=1e-9)


@proves("prop-gaussian-gap", kind="quadrature", scope="special case")
@pytest.mark.parametrize("tau", [0.25, 0.6])
def test_what_the_formula_leaves_out_of_two_noisy_copies_of_a_sign(tau):
    u, step = np.linspace(-8, 8, 1201, retstep=True)

    def negentropy(mean, noise):  # of a fair sign times `mean`, plus N(0, noise^2)
        p = (normal(u, mean, noise**2) + normal(u, -mean, noise**2)) / 2
        return norm(0, math.hypot(mean, noise)).entropy() + mean_log(p, p, step)

    joint = sum(np.outer(normal(u, sign, tau**2), normal(u, sign, tau**2)) for sign in (1, -1)) / 2
    formula = gaussian_total_correlation(np.array([[1 + tau**2, 1], [1, 1 + tau**2]]))
    # turned by 45 degrees, the pair is a sign times sqrt 2 plus noise, and noise alone
    gap = negentropy(math.sqrt(2), tau) - 2 * negentropy(1, tau)
    assert total_correlation(joint / joint.sum()) - formula == pytest.approx(gap, abs=1e-9)
    assert abs(gap) > 0.05


# Finite samples


@proves("lem-wishart", kind="Monte Carlo", scope="special case")
def test_the_log_determinant_of_a_sample_covariance_has_the_moments_of_the_product():
    rng, n, d = np.random.default_rng(12), 9, 4
    cov = random_covariance(d, rng)
    draws = 3 + rng.standard_normal((40_000, n, d)) @ np.linalg.cholesky(cov).T
    centred = draws - draws.mean(1, keepdims=True)
    log_det = np.linalg.slogdet(centred.transpose(0, 2, 1) @ centred)[1] - np.linalg.slogdet(cov)[1]
    degrees = np.array([8, 7, 6, 5])
    mean = (digamma(degrees / 2) + math.log(2)).sum()
    assert_mean(log_det, mean)
    assert_mean((log_det - mean) ** 2, polygamma(1, degrees / 2).sum())


def bias(d, n):
    """What the library takes off: minus its corrected value for units whose plug-in value is 0."""
    return -gaussian_total_correlation(np.eye(d), n_samples=n)


@proves("prop-plug-in-bias", kind="quadrature", scope="special case")
@pytest.mark.parametrize(("d", "n"), [(1, 5), (2, 12), (5, 6), (8, 40)])
def test_the_bias_is_that_of_logarithms_of_chi_squares(d, n):
    logs = [chi2(n - 1 - i).expect(np.log, epsabs=1e-11) for i in range(d)]
    assert bias(d, n) == pytest.approx(-0.5 * (sum(logs) - d * logs[0]), abs=1e-6)


@proves("prop-plug-in-bias", kind="quadrature", scope="special case")
def test_the_bias_of_two_units_over_the_law_of_a_sample_correlation():
    n = 12
    weight = math.exp(math.lgamma((n - 1) / 2) - math.lgamma((n - 2) / 2)) / math.sqrt(math.pi)
    mean = quad(lambda r: -0.5 * math.log(1 - r**2) * weight * (1 - r**2) ** ((n - 4) / 2), -1, 1, epsabs=1e-13)[0]
    assert bias(2, n) == pytest.approx(mean, abs=1e-10)


@proves("prop-plug-in-bias", kind="Monte Carlo", scope="special case")
@pytest.mark.parametrize("seed", [4, 5])
def test_the_corrected_estimate_is_right_on_average(seed):
    rng = np.random.default_rng(seed)
    cov = random_covariance(8, rng)
    draws = rng.standard_normal((1000, 20, 8)) @ np.linalg.cholesky(cov).T
    corrected = np.array([gaussian_total_correlation(np.cov(draw.T), n_samples=20) for draw in draws])
    assert_mean(corrected, gaussian_total_correlation(cov))


# Noise


@proves("prop-noise-covariance", kind="quadrature", scope="special case")
@pytest.mark.parametrize("shift", [0, 0.5], ids=["the paper's noise", "noise of unit mean"])
def test_what_noise_adds_to_the_covariance(shift):
    rng = np.random.default_rng(5)
    log_f, alpha, p_x = rng.normal(size=(4, 3)), rng.uniform(0.1, 1, size=(4, 3)), rng.dirichlet(np.ones(4))
    node, weight = np.polynomial.hermite_e.hermegauss(3)  # exact for the polynomials of degree 2 that are averaged
    log_z, weights = [], []
    for x, places in itertools.product(range(4), itertools.product(range(3), repeat=3)):
        log_z.append(log_f[x] - shift * alpha[x] ** 2 + alpha[x] * node[list(places)])
        weights.append(p_x[x] * weight[list(places)].prod())

    def covariance(first, second, w=p_x):
        return np.cov(first.T, second.T, aweights=w, ddof=0)[:3, 3:]

    squares = alpha**2
    added = np.diag(p_x @ squares) - shift * (covariance(log_f, squares) + covariance(squares, log_f)) + shift**2 * covariance(squares, squares)
    found = covariance(np.array(log_z), np.array(log_z), np.array(weights))
    assert found == pytest.approx(covariance(log_f, log_f) + added, abs=1e-12)


@proves("prop-noise-lowers", kind="numerical", scope="general")
def test_a_diagonal_lowers_the_formula_where_it_touches_a_correlated_unit():
    rng = np.random.default_rng(6)
    for _ in range(100):
        cov, added = random_covariance(5, rng), rng.exponential(size=5) * (rng.random(5) < 0.6)
        cov[4, :4] = cov[:4, 4] = 0  # the last unit is correlated with none
        change = gaussian_total_correlation(cov + np.diag(added)) - gaussian_total_correlation(cov)
        assert change < 0 if added[:4].any() else change == pytest.approx(0, abs=1e-12)


@proves("cor-true-falls", kind="quadrature", scope="special case")
@pytest.mark.parametrize("loud", [0.3, 0.7, 1.0])
def test_noise_that_depends_on_its_own_unit_lowers_the_true_total_correlation(loud):
    at = np.linspace(-5, 5, 401)
    signal = normal(at[:, None], 0, 1) * normal(at[None], 0.6 * at[:, None], 1 - 0.36)
    channel = normal(at[None], at[:, None], np.where(at > 0, loud, 0.1)[:, None] ** 2)  # [log f, log z]
    noisy = channel.T @ signal @ channel
    assert total_correlation(noisy / noisy.sum()) < total_correlation(signal / signal.sum()) - 0.01


SPREAD, VARIANCES = 0.2, 0.2**2 + np.array([0.05, 0.7]) ** 2


def under_shared_scale(d):
    """log z given c, the bit that sets the noise scale of all units."""
    return LogNormalEncoder(torch.zeros(2, d, dtype=torch.float64), torch.tensor(VARIANCES).sqrt()[:, None].repeat(1, d))


@proves("prop-shared-scale", kind="quadrature", scope="special case")
def test_two_units_under_a_shared_scale_on_a_grid():
    found, p_u = grid_of_two_units(np.zeros((2, 2)), np.sqrt(VARIANCES)[:, None].repeat(2, 1))
    by_scale = shared_scale_tc(2, SPREAD, 0.05, 0.7)
    assert total_correlation(p_u / p_u.sum()).item() == pytest.approx(by_scale, abs=1e-8)
    assert (p_u * found.total_correlation).sum().item() == pytest.approx(by_scale, abs=1e-8)
    assert by_scale > 0.05


@proves("prop-shared-scale", kind="Monte Carlo", scope="special case")
@pytest.mark.parametrize("d", [2, 10, 100])
def test_many_units_under_a_shared_scale(d):
    generator = torch.Generator().manual_seed(d)
    encoder = under_shared_scale(d)
    u = encoder.sample(torch.randn(20_000, 2, d, generator=generator, dtype=torch.float64)).reshape(-1, d)
    found = divergences(encoder, torch.eye(2, dtype=torch.float64) / 2, u)
    assert_mean(found.total_correlation.numpy(), shared_scale_tc(d, SPREAD, 0.05, 0.7))
    each = divergences(under_shared_scale(1), torch.eye(2, dtype=torch.float64) / 2, u[:, :1]).i_xz.mean().item()
    assert shared_scale_tc(d, SPREAD, 0.05, 0.7) > d * each - math.log(2) - 0.01 * d
    covariance = np.cov(u.T)
    assert abs(covariance - np.diag(covariance.diagonal())).max() < 0.01  # the formula would say 0


@proves("rem-shared-scale-bias", kind="Monte Carlo", scope="special case")
@pytest.mark.parametrize(("alpha", "expected"), [(0.05, 5.3), (0.7, 9.5)])
def test_the_bias_grows_with_a_shared_scale(alpha, expected):
    rng, d, n = np.random.default_rng(0), 100, 500
    found = []
    for _ in range(60):
        noise = np.where(rng.random((n, 1)) < 0.5, 0.05, alpha)
        found.append(gaussian_total_correlation(np.cov((np.hypot(SPREAD, noise) * rng.standard_normal((n, d))).T)))
    assert np.mean(found) == pytest.approx(expected, abs=0.25)
