"""Total correlation, what a factorized prior charges for, what the Gaussian formula sees (paper, 5, 8,
B).
"""

import math
from functools import reduce

import numpy as np
import sympy as sp
import torch
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import digamma, log_softmax
from scipy.stats import chi
from torch import Tensor

from ib_tutorial.claims.check import Check, Claim, Outcome, close, monte_carlo, require, symbolic
from ib_tutorial.information import (
    conditional_entropy,
    entropy,
    gaussian_mutual_information,
    gaussian_total_correlation,
    kl_divergence,
    mutual_information,
    total_correlation,
)

CHAPTER = "book/disentanglement"

# Tools of the checks: random tables, densities on a grid, and the two laws that the last section computes with


def random_table(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A joint distribution drawn evenly from all of that shape."""
    return np.random.default_rng(seed).dirichlet(np.ones(math.prod(shape))).reshape(shape)


def random_covariance(d: int, rng: np.random.Generator) -> np.ndarray:
    factor = rng.standard_normal((d, d + 2))
    return factor @ factor.T


def marginals(p: np.ndarray) -> list[np.ndarray]:
    """The distribution of each axis of a joint table."""
    return [p.sum(tuple(other for other in range(p.ndim) if other != axis)) for axis in range(p.ndim)]


def product(factors: list[np.ndarray]) -> np.ndarray:
    """The joint table of independent components."""
    return reduce(np.multiply.outer, factors)


def xlogy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """p log q, and 0 where p underflows."""
    return np.where(p > 1e-300, p * np.log(np.maximum(q, 1e-300)), 0)


def standard_normal_mean(expression: sp.Expr, *variables: sp.Symbol) -> sp.Expr:
    """The mean of a polynomial in independent standard normal variables: n^k has mean (k - 1)!! for even k, 0 for
    odd.
    """
    for variable in variables:
        terms = sp.Poly(sp.expand(expression), variable).terms()
        expression = sum(coefficient * sp.factorial2(k - 1) for (k,), coefficient in terms if k % 2 == 0)
    return sp.expand(expression)


def normal(at, mean, variance):
    return np.exp(-((at - mean) ** 2) / (2 * variance)) / np.sqrt(2 * math.pi * variance)


def scale_information(d: int, variances: tuple[float, float]) -> float:
    """I(u; c) in nats, c a fair bit that sets the variance of d independent units, u ~ N(0, variances[c] I).

    The length of u is sufficient for c, and sqrt(variance) times a chi variable of d degrees: one integral for each
    value of c.
    """
    lowest, highest = chi.ppf(1e-15, d), chi.isf(1e-15, d)
    information = math.log(2)
    for own, other in (variances, variances[::-1]):

        def missing(r: float) -> float:  # -log p(c|u) at |u|^2 = own r^2
            return chi.pdf(r, d) * np.logaddexp(0, d / 2 * math.log(own / other) + r**2 / 2 * (1 - own / other))

        information -= quad(missing, lowest, highest, limit=200, epsabs=1e-11)[0] / 2
    return information


def shared_scale_tc(d: int, spread: float, quiet: float, loud: float) -> float:
    """TC of log z in nats: d independent log f_j ~ N(0, spread^2), one noise scale for all units, quiet or loud by a
    fair coin.
    """
    variances = (spread**2 + quiet**2, spread**2 + loud**2)
    return d * scale_information(1, variances) - scale_information(d, variances)


def shared_scale_pair(
    spread: float, correlation: float, quiet: float, loud: float, n: int = 901
) -> tuple[float, float]:
    """(TC, Gaussian TC) of two units whose log f correlate, under the same noise as in shared_scale_tc; by a sum over
    a square grid.
    """
    shared = correlation * spread**2
    variances = [spread**2 + alpha**2 for alpha in (quiet, loud)]
    at, step = np.linspace(-8, 8, n, retstep=True)
    at, step = at * math.sqrt(max(variances)), step * math.sqrt(max(variances))
    first, second = np.meshgrid(at, at, indexing="ij")
    # p(u1, u2 | c) = p(u1 | c) p(u2 | u1, c)
    joint = sum(normal(first, 0, v) * normal(second, shared / v * first, v - shared**2 / v) for v in variances) / 2
    alone = sum(normal(at, 0, v) for v in variances) / 2
    true = xlogy(joint, joint).sum() * step**2 - 2 * xlogy(alone, alone).sum() * step
    return float(true), -0.5 * math.log1p(-((shared / np.mean(variances)) ** 2))


# Total correlation


def tc_two_ways_symbolic() -> Outcome:
    """A table of two bits, its last entry fixed by the others."""
    p = sp.symbols("p_00 p_01 p_10", positive=True)
    table = sp.Matrix(2, 2, [*p, 1 - sum(p)])
    rows, columns = [sum(table.row(i)) for i in (0, 1)], [sum(table.col(j)) for j in (0, 1)]
    entropies = [-sum(value * sp.log(value) for value in values) for values in (rows, columns, table)]
    divergence = sum(
        table[i, j] * (sp.log(table[i, j]) - sp.log(rows[i]) - sp.log(columns[j])) for i in (0, 1) for j in (0, 1)
    )
    return symbolic(sp.expand(entropies[0] + entropies[1] - entropies[2] - divergence), sp.Integer(0))


def tc_two_ways_enumeration() -> Outcome:
    p = random_table((2, 3, 4))
    by_entropies = sum(entropy(marginal) for marginal in marginals(p)) - entropy(p)
    return close(by_entropies, kl_divergence(p, product(marginals(p))), 1e-12)


def tc_zero_enumeration() -> Outcome:
    """0 on products; elsewhere at least half the squared L1 distance from the product (Pinsker), hence positive."""
    tables = [random_table((2, 3, 2), seed) for seed in range(200)]
    gaps = [total_correlation(p) - 0.5 * abs(p - product(marginals(p))).sum() ** 2 for p in tables]
    on_products = max(total_correlation(product(marginals(p))) for p in tables)
    return close(max(on_products, -min(gaps)), 0.0, 1e-12, f"largest TC of 200 products {on_products:.0e}")


def tc_zero_symbolic() -> Outcome:
    """Two fair bits that agree with probability (1 + t) / 2: TC is strictly convex in t, and 0 with zero slope at t =
    0.
    """
    t = sp.Symbol("t", real=True)
    tc = 2 * sp.log(2) + sum(2 * p * sp.log(p) for p in ((1 + t) / 4, (1 - t) / 4))
    require(
        sp.simplify(tc.subs(t, 0)) == 0 and sp.simplify(sp.diff(tc, t).subs(t, 0)) == 0,
        "TC or its slope is not 0 at t = 0",
    )
    return symbolic(sp.diff(tc, t, 2), 1 / (1 - t**2), "second derivative 1 / (1 - t^2) > 0")


XOR = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4
"""Two fair bits and their exclusive or."""

COPIES = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]]) / 2
"""Three copies of a fair bit."""


def interaction_information(p: np.ndarray) -> float:
    """I(z1; z2) - I(z1; z2 | z3), in nats."""
    given = sum(weight * mutual_information(p[:, :, k] / weight) for k, weight in enumerate(p.sum((0, 1))))
    return mutual_information(p.sum(2)) - given


def interaction_enumeration() -> Outcome:
    found = [
        total_correlation(XOR),
        interaction_information(XOR),
        total_correlation(COPIES),
        interaction_information(COPIES),
    ]
    worst = max(abs(value - k * math.log(2)) for value, k in zip(found, (1, -1, 2, 1), strict=True))
    return close(worst, 0.0, 1e-12, "XOR {:+.4f} and {:+.4f}, copies {:+.4f} and {:+.4f}".format(*found))


def interaction_symbolic() -> Outcome:
    """Both from exact entropies: sum H_j - H, and H_1 + H_2 + H_3 - H_12 - H_13 - H_23 + H_123; on XOR they are
    opposite.
    """

    def exact_entropy(p: np.ndarray) -> sp.Expr:
        return sum(-sp.Rational(value) * sp.log(sp.Rational(value)) for value in p.ravel() if value)

    one = sum(exact_entropy(marginal) for marginal in marginals(XOR))
    two = sum(exact_entropy(XOR.sum(axis)) for axis in range(3))
    tc, interaction = one - exact_entropy(XOR), one - two + exact_entropy(XOR)
    return symbolic(
        sp.expand_log(tc),
        -sp.expand_log(interaction),
        f"TC = {sp.simplify(tc)}, interaction {sp.simplify(interaction)}",
    )


def chain_enumeration() -> Outcome:
    p = random_table((2, 3, 2, 3))
    prefixes = [p.sum(tuple(range(j, 4))) for j in (2, 3)] + [p]
    steps = sum(mutual_information(prefix.reshape(-1, prefix.shape[-1])) for prefix in prefixes)
    return close(total_correlation(p), steps, 1e-12)


def chain_symbolic() -> Outcome:
    """Three Gaussian units: -1/2 log det against what regression explains, unit by unit, -1/2 log(1 - R^2)."""
    r, s, t = sp.symbols("r s t", real=True)
    correlation = sp.Matrix([[1, r, s], [r, 1, t], [s, t, 1]])
    before = correlation[:2, :2]
    explained = (correlation[2, :2] * before.inv() * correlation[:2, 2])[0]
    return symbolic(
        sp.simplify(correlation.det()), sp.simplify((1 - r**2) * (1 - explained)), "det = product of (1 - R_j^2)"
    )


def unit_wise_enumeration() -> Outcome:
    """200 random channels, one per unit, never raise TC."""
    rng = np.random.default_rng(1)
    rises = []
    for _ in range(200):
        p = rng.dirichlet(np.ones(18) / 2).reshape(3, 2, 3)
        channels = [rng.dirichlet(np.ones(4) / 2, size) for size in p.shape]
        rises.append(total_correlation(np.einsum("abc,ai,bj,ck->ijk", p, *channels)) - total_correlation(p))
    return close(max(0.0, *rises), 0.0, 1e-12, f"changes from {min(rises):.3f} to {max(rises):.5f}")


def unit_wise_symbolic() -> Outcome:
    """Two fair bits with E(-1)^(z1 + z2) = t, flipped with probabilities e_1, e_2: t shrinks to (1 - 2 e_1)(1 - 2 e_2)
    t, and TC grows in |t|.
    """
    t, *e = sp.symbols("t e_1 e_2", real=True)
    cells = [(j, k) for j in (0, 1) for k in (0, 1)]
    before = {(j, k): (1 + (-1) ** (j + k) * t) / 4 for j, k in cells}
    flip = [{0: 1 - each, 1: each} for each in e]
    after = {(j, k): sum(before[a, b] * flip[0][a ^ j] * flip[1][b ^ k] for a, b in cells) for j, k in cells}
    return symbolic(sum((-1) ** (j + k) * after[j, k] for j, k in cells), (1 - 2 * e[0]) * (1 - 2 * e[1]) * t)


def log_invariance_quadrature() -> Outcome:
    """TC of a log-normal pair, integrated over z itself, against -1/2 log(1 - r^2), the TC of log z."""
    r, scale = 0.6, 0.25
    z, step = np.linspace(0.05, 7, 1000, retstep=True)
    first, second = np.meshgrid(np.log(z), np.log(z), indexing="ij")
    alone = normal(np.log(z), 0, scale**2) / z
    joint = normal(first, 0, scale**2) * normal(second, r * first, scale**2 * (1 - r**2)) / np.outer(z, z)
    found = (xlogy(joint, joint) - xlogy(joint, np.outer(alone, alone))).sum() * step**2
    return close(found, -0.5 * math.log(1 - r**2), 1e-8)


def log_invariance_symbolic() -> Outcome:
    """The log-ratio of joint to marginals at z is that of log z: the Jacobian 1 / (z1 z2) cancels."""
    z = sp.symbols("z_1 z_2", positive=True)
    joint, first, second = sp.Function("p"), sp.Function("p_1"), sp.Function("p_2")
    u = [sp.log(each) for each in z]
    of_z = (joint(*u) / (z[0] * z[1])) / ((first(u[0]) / z[0]) * (second(u[1]) / z[1]))
    return symbolic(of_z, joint(*u) / (first(u[0]) * second(u[1])), "the ratios agree")


# The factorized prior


def identity_symbolic() -> Outcome:
    """A fair bit x, two noisy copies of it (flipped with probability e), and two priors q_j(1) = t_j."""
    e, *t = sp.symbols("e t_1 t_2", positive=True)
    unit = {x: (e if x else 1 - e, 1 - e if x else e) for x in (0, 1)}
    cells = [(j, k) for j in (0, 1) for k in (0, 1)]
    prior = {(j, k): (t[0] if j else 1 - t[0]) * (t[1] if k else 1 - t[1]) for j, k in cells}
    half, log = sp.Rational(1, 2), sp.log
    left = sum(
        half * unit[x][j] * unit[x][k] * (log(unit[x][j]) + log(unit[x][k]) - log(prior[j, k]))
        for x in unit
        for j, k in cells
    )
    p_z = {(j, k): half * sum(unit[x][j] * unit[x][k] for x in unit) for j, k in cells}
    h_z = -sum(p * log(p) for p in p_z.values())
    h_z_given_x = -2 * (e * log(e) + (1 - e) * log(1 - e))
    mismatch = sum(half * (log(half) - log(each)) + half * (log(half) - log(1 - each)) for each in t)
    right = (h_z - h_z_given_x) + (2 * log(2) - h_z) + mismatch
    return symbolic(sp.expand(sp.expand_log(left - right, force=True)), sp.Integer(0))


def identity_enumeration() -> Outcome:
    joint, priors = random_table((5, 2, 3, 2)), [random_table((k,), seed=k) for k in (2, 3, 2)]
    p_x, p_z = joint.sum((1, 2, 3)), joint.sum(0)
    left = sum(weight * kl_divergence(row / weight, product(priors)) for weight, row in zip(p_x, joint, strict=True))
    mismatch = sum(kl_divergence(p, q) for p, q in zip(marginals(p_z), priors, strict=True))
    return close(left, mutual_information(joint.reshape(5, -1)) + total_correlation(p_z) + mismatch, 1e-12)


def free_prior_symbolic() -> Outcome:
    """The derivative of -sum p log q + lambda (sum q - 1) in each q(k), set to zero: q = p."""
    p = sp.symbols("p_1 p_2", positive=True)
    q, multiplier = sp.symbols("q_1:4", positive=True), sp.Symbol("lambda", positive=True)
    p = (*p, 1 - sum(p))
    lagrangian = -sum(a * sp.log(b) for a, b in zip(p, q, strict=True)) + multiplier * (sum(q) - 1)
    (solution,) = sp.solve([sp.diff(lagrangian, b) for b in q] + [sum(q) - 1], [*q, multiplier], dict=True)
    distance = sum((solution[b] - a) ** 2 for a, b in zip(p, q, strict=True))
    return symbolic(distance, sp.Integer(0), f"one stationary point, q = p, with multiplier {solution[multiplier]}")


def free_prior_numerical() -> Outcome:
    """Minimise E KL(p(z|x) || q) over the logits of a factorized q with a general optimiser."""
    joint = random_table((4, 2, 3, 2))
    p_x, p_z = joint.sum((1, 2, 3)), joint.sum(0)
    conditional = joint / p_x[:, None, None, None]

    def cost(logits: np.ndarray) -> float:
        parts = [log_softmax(part) for part in np.split(logits, [2, 5])]
        log_q = parts[0][:, None, None] + parts[1][:, None] + parts[2]
        return float((joint * (np.log(conditional) - log_q)).sum())

    best = minimize(cost, np.random.default_rng(2).standard_normal(7), tol=1e-12).fun
    return close(best, mutual_information(joint.reshape(4, -1)) + total_correlation(p_z), 1e-8)


def envelope_symbolic() -> Outcome:
    """A bit x with p(1) = w, one unit that is on with probability s or t: the slope in t of E KL, at q = p(z), is that
    of I.
    """
    w, s, t, q = sp.symbols("w s t q", positive=True)

    def bit_kl(a, b) -> sp.Expr:
        return a * (sp.log(a) - sp.log(b)) + (1 - a) * (sp.log(1 - a) - sp.log(1 - b))

    marginal = (1 - w) * s + w * t
    cost = (1 - w) * bit_kl(s, q) + w * bit_kl(t, q)
    information = (1 - w) * bit_kl(s, marginal) + w * bit_kl(t, marginal)
    return symbolic(sp.diff(cost, t).subs(q, marginal), sp.diff(information, t))


def joint_problem() -> Outcome:
    """Minimise over encoder and prior together, and over the encoder alone with I + TC: the best values agree.

    A bit x with p(1) = 0.4, two units that err at least one time in five, F(p) = H(x|z) plus a little weight decay, so
    that two copies are worth their price; beta = 0.1, both problems from the same six random starts.
    """
    beta, p_x = 0.1, torch.tensor([0.6, 0.4], dtype=torch.float64)

    def losses(v: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # logits of p(z_j = 1|x) for each x, then of q_j(1)
        units = (
            torch.stack([-v, v], -1).reshape(2, 3, 2).softmax(-1) * 0.6 + 0.2
        )  # [unit, x = 0, x = 1 or prior, value]
        units = units.log()
        log_encoder, log_q = units[0, :2, :, None] + units[1, :2, None], units[0, 2, :, None] + units[1, 2]
        joint = p_x[:, None, None] * log_encoder.exp()
        f = conditional_entropy(joint.reshape(2, 4).T) + 0.002 * v.reshape(2, 3)[:, :2].square().sum()
        i_xz, tc = mutual_information(joint.reshape(2, 4)), total_correlation(joint.sum(0))
        return f + beta * (joint * (log_encoder - log_q)).sum(), f + beta * (i_xz + tc), tc

    def best(which: int) -> tuple[float, tuple]:
        def value_and_slope(v: np.ndarray) -> tuple[float, np.ndarray]:
            at = torch.tensor(v, requires_grad=True)
            loss = losses(at)[which]
            loss.backward()
            return loss.item(), at.grad.numpy()

        starts = np.random.default_rng(3).standard_normal((6, 6))
        found = [minimize(value_and_slope, start, jac=True, options={"gtol": 1e-7}) for start in starts]
        return min((each.fun, tuple(each.x)) for each in found)

    (both, at), (alone, _) = best(0), best(1)
    tc = losses(torch.tensor(at, dtype=torch.float64))[2].item()
    require(tc > 0.01, "the optimum should have total correlation")
    return close(both, alone, 1e-9, f"{both:.9f} against {alone:.9f}, with TC {tc:.4f} at the optimum")


def shared_prior_symbolic() -> Outcome:
    """Two normal units: the best shared (mu, sigma^2), and what is left, 1/2 sum_j log(sigma^2 / s_j^2)."""
    m, mu = sp.symbols("m_1 m_2", real=True), sp.Symbol("mu", real=True)
    s, v = sp.symbols("s_1 s_2", positive=True), sp.Symbol("v", positive=True)
    cost = sum(
        (b**2 + (a - mu) ** 2) / (2 * v) - sp.log(b) + sp.log(v) / 2 - sp.Rational(1, 2)
        for a, b in zip(m, s, strict=True)
    )
    mean = sum(m) / 2
    best = sum(b**2 + (a - mean) ** 2 for a, b in zip(m, s, strict=True)) / 2
    at = {mu: mean, v: best}
    require(
        all(sp.simplify(sp.diff(cost, each).subs(at)) == 0 for each in (mu, v)),
        "this mean and this variance should be stationary",
    )
    return symbolic(sp.expand_log(cost.subs(at), force=True), sp.log(best) - sp.log(s[0]) - sp.log(s[1]))


def shared_prior_quadrature() -> Outcome:
    """Two units that are mixtures of normals: KL to the best shared normal, found by search, against the two parts."""
    u, step = np.linspace(-12, 12, 4001, retstep=True)
    units = [0.7 * normal(u, -1, 0.3) + 0.3 * normal(u, 1.5, 0.5), 0.5 * normal(u, 0.4, 0.1) + 0.5 * normal(u, 0, 2.0)]
    moments = [((p * u).sum() * step, (p * u**2).sum() * step - ((p * u).sum() * step) ** 2) for p in units]

    def cost(parameters: np.ndarray) -> float:
        prior = normal(u, parameters[0], math.exp(parameters[1]))
        return float(sum((xlogy(p, p) - xlogy(p, prior)).sum() * step for p in units))

    found = minimize(cost, [0.0, 0.0], tol=1e-12).fun
    shape = sum(
        (xlogy(p, p) - xlogy(p, normal(u, m, v))).sum() * step for p, (m, v) in zip(units, moments, strict=True)
    )
    shared = np.mean([v for _, v in moments]) + np.var([m for m, _ in moments])
    return close(found, shape + 0.5 * sum(math.log(shared / v) for _, v in moments), 1e-7)


def unit_by_unit_symbolic() -> Outcome:
    """Two noisy copies of a fair bit, flipped with probability e: I + TC, and twice what one copy tells of the bit."""
    e = sp.Symbol("e", positive=True)
    same, differ = ((1 - e) ** 2 + e**2) / 2, e * (1 - e)
    h_z = -2 * (same * sp.log(same) + differ * sp.log(differ))
    h_flip = -e * sp.log(e) - (1 - e) * sp.log(1 - e)
    information, tc = h_z - 2 * h_flip, 2 * sp.log(2) - h_z
    return symbolic(sp.expand(information + tc), sp.expand(2 * (sp.log(2) - h_flip)))


def unit_by_unit_enumeration() -> Outcome:
    """A random encoder, whose units are not independent given x either."""
    joint = random_table((4, 2, 3, 2), seed=11)
    p_x = joint.sum((1, 2, 3))
    whole = mutual_information(joint.reshape(4, -1)) + total_correlation(joint.sum(0))
    units = [mutual_information(joint.sum(others)) for others in ((2, 3), (1, 3), (1, 2))]
    given_x = sum(weight * total_correlation(row / weight) for weight, row in zip(p_x, joint, strict=True))
    return close(whole, sum(units) + given_x, 1e-12, f"{whole:.9f} = {sum(units):.4f} + {given_x:.4f}")


def log_uniform_symbolic() -> Outcome:
    """Gaussian log f of any correlation r, spread s, noise a: I + TC - sum h(log z_j), which is free of r and s."""
    r, s, a = sp.Symbol("r", real=True), sp.Symbol("s", positive=True), sp.Symbol("a", positive=True)
    cov = s**2 * sp.Matrix([[1, r], [r, 1]]) + a**2 * sp.eye(2)
    half = sp.Rational(1, 2)
    information = half * (sp.log(cov.det()) - sp.log(a**4))
    tc = half * (sp.log(cov[0, 0]) + sp.log(cov[1, 1]) - sp.log(cov.det()))
    entropies = sum(half * sp.log(2 * sp.pi * sp.E * cov[j, j]) for j in (0, 1))
    return symbolic(sp.expand_log(information + tc - entropies, force=True), -2 * sp.log(a) - sp.log(2 * sp.pi) - 1)


def log_uniform_numerical() -> Outcome:
    """log f ten times as wide, and correlated: I + TC grows by nats, the cost under the log-uniform prior does not."""

    def free_and_fixed(spread: float, r: float, alpha: float = 0.3) -> tuple[float, float]:
        signal = spread**2 * np.array([[1, r], [r, 1]])
        noisy = signal + alpha**2 * np.eye(2)
        information = gaussian_mutual_information(np.block([[signal, signal], [signal, noisy]]), 2)
        i_plus_tc = information + gaussian_total_correlation(noisy)
        return i_plus_tc, i_plus_tc - math.log(2 * math.pi * math.e * noisy[0, 0])

    narrow, wide = free_and_fixed(1.0, 0.0), free_and_fixed(10.0, 0.9)
    require(wide[0] > narrow[0] + 4, "I + TC should grow by more than 4 nats")
    return close(narrow[1], wide[1], 1e-9, f"I + TC {narrow[0]:.3f} and {wide[0]:.3f}, cost {narrow[1]:.6f} both times")


# The Gaussian formula


def gaussian_tc_symbolic() -> Outcome:
    """E[log p(u1, u2) / p(u1) p(u2)] for correlation r, integrated over two independent standard normals."""
    r = sp.Symbol("r", positive=True)
    u, w = sp.symbols("u w", real=True)
    second = r * u + sp.sqrt(1 - r**2) * w
    ratio = (u**2 + second**2) / 2 - (u**2 - 2 * r * u * second + second**2) / (2 * (1 - r**2)) - sp.log(1 - r**2) / 2
    return symbolic(standard_normal_mean(ratio, u, w), -sp.log(1 - r**2) / 2)


def gaussian_tc_quadrature() -> Outcome:
    cov = np.array([[2.0, 0.9], [0.9, 0.7]])
    first, step1 = np.linspace(-16, 16, 801, retstep=True)
    second, step2 = np.linspace(-9, 9, 801, retstep=True)
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), -1)
    joint = np.exp(-0.5 * ((grid @ np.linalg.inv(cov)) * grid).sum(-1)) / (2 * math.pi * math.sqrt(np.linalg.det(cov)))
    alone = np.outer(normal(first, 0, cov[0, 0]), normal(second, 0, cov[1, 1]))
    found = (xlogy(joint, joint) - xlogy(joint, alone)).sum() * step1 * step2
    printed = -math.log(np.linalg.det(cov) / (cov[0, 0] * cov[1, 1]))
    ours = gaussian_total_correlation(cov)
    return close(found, ours, 1e-9, f"{found:.9f} against {ours:.9f}; as printed, {printed:.9f}")


def gaussian_gap_quadrature() -> Outcome:
    """A fair sign and two noisy copies of it. J(u) comes from the rotated pair, where only the sum is not normal."""
    tau = 0.25
    variance = 1 + tau**2
    u, step = np.linspace(-4, 4, 801, retstep=True)

    def negentropy(mean: float, noise: float) -> float:  # of a fair sign times `mean`, plus N(0, noise^2)
        p = (normal(u, mean, noise**2) + normal(u, -mean, noise**2)) / 2
        return 0.5 * math.log(2 * math.pi * math.e * (mean**2 + noise**2)) + xlogy(p, p).sum() * step

    alone = (normal(u, 1, tau**2) + normal(u, -1, tau**2)) / 2
    joint = sum(np.outer(normal(u, sign, tau**2), normal(u, sign, tau**2)) for sign in (1, -1)) / 2
    tc = (xlogy(joint, joint) - xlogy(joint, np.outer(alone, alone))).sum() * step**2
    gaussian = gaussian_total_correlation(np.array([[variance, 1], [1, variance]]))
    gap = negentropy(math.sqrt(2), tau) - 2 * negentropy(1, tau)
    return close(tc - gaussian, gap, 1e-9, f"TC {tc:.4f}, Gaussian {gaussian:.4f}, gap {gap:.4f}")


def gaussian_gap_symbolic() -> Outcome:
    """With h = Gaussian entropy - J for the pair and for each unit, sum h_j - h is the Gaussian TC plus J - sum J_j."""
    a, b, c = sp.symbols("a b c", positive=True)
    negentropies = sp.symbols("J J_1 J_2", positive=True)
    det, e = a * b - c**2, 2 * sp.pi * sp.E
    pair, first, second = (sp.log(x) / 2 - j for x, j in zip((e**2 * det, e * a, e * b), negentropies, strict=True))
    gaussian = -sp.log(det / (a * b)) / 2
    difference = first + second - pair - gaussian - (negentropies[0] - negentropies[1] - negentropies[2])
    return symbolic(sp.expand_log(difference, force=True), sp.Integer(0))


# Finite samples


def determinant_symbolic() -> Outcome:
    """Three columns: the Gram determinant, and the product of squared lengths of what the columns before do not
    span.
    """
    columns = [sp.Matrix(sp.symbols(f"{name}_1:4", real=True)) for name in "uvw"]
    gram = sp.Matrix(3, 3, lambda i, j: columns[i].dot(columns[j]))
    first, second = columns[0], columns[1] - columns[0] * (gram[0, 1] / gram[0, 0])
    normal_to_both = columns[0].cross(columns[1])
    third_squared = columns[2].dot(normal_to_both) ** 2 / normal_to_both.dot(normal_to_both)
    return symbolic(gram.det(), sp.factor(first.dot(first) * second.dot(second)) * third_squared)


def determinant_monte_carlo() -> Outcome:
    """d = 4, n = 9, mean removed: the mean of log det(8 S) - log det Sigma, against logs of chi-squares drawn at 8, 7,
    6, 5.
    """
    rng = np.random.default_rng(12)
    cov = random_covariance(4, rng)
    draws = 3 + rng.standard_normal((40_000, 9, 4)) @ np.linalg.cholesky(cov).T
    centred = draws - draws.mean(1, keepdims=True)
    left = np.linalg.slogdet(centred.transpose(0, 2, 1) @ centred)[1] - np.linalg.slogdet(cov)[1]
    right = np.log(rng.chisquare([8, 7, 6, 5], size=(40_000, 4))).sum(1)
    require(abs(left.var() / right.var() - 1) < 0.05, "the two sides have different variances")
    return monte_carlo(left - right, 0.0)


def bias(d: int, n: int) -> float:
    return -0.5 * (sum(digamma((n - 1 - i) / 2) for i in range(d)) - d * digamma((n - 1) / 2))


def bias_symbolic() -> Outcome:
    """E log chi^2_k, the derivative of E (chi^2_k)^t = 2^t Gamma(k/2 + t) / Gamma(k/2) at t = 0."""
    k, x, t = sp.symbols("k x t", positive=True)
    density = x ** (k / 2 - 1) * sp.exp(-x / 2) / (2 ** (k / 2) * sp.gamma(k / 2))
    moment = sp.integrate(x**t * density, (x, 0, sp.oo), conds="none")
    slope = sp.diff(sp.log(sp.simplify(moment)), t).subs(t, 0)
    return symbolic(slope, sp.digamma(k / 2) + sp.log(2))


def bias_quadrature() -> Outcome:
    """Two independent units: the mean of -1/2 log(1 - r^2) over the exact law of a sample correlation, n = 12."""
    n = 12
    weight = math.exp(math.lgamma((n - 1) / 2) - math.lgamma((n - 2) / 2)) / math.sqrt(math.pi)
    found = quad(lambda r: -0.5 * math.log(1 - r**2) * weight * (1 - r**2) ** ((n - 4) / 2), -1, 1, epsabs=1e-13)[0]
    return close(found, bias(2, n), 1e-10)


def bias_monte_carlo() -> Outcome:
    """Correlated units, d = 8 and n = 20: the corrected estimate is right on average."""
    rng = np.random.default_rng(4)
    cov = random_covariance(8, rng)
    draws = rng.standard_normal((2000, 20, 8)) @ np.linalg.cholesky(cov).T
    corrected = np.array([gaussian_total_correlation(np.cov(draw.T), n_samples=20) for draw in draws])
    return monte_carlo(corrected, gaussian_total_correlation(cov))


def bias_of_the_paper() -> Outcome:
    """d = 3,072 and n = 10,000, summed, against n/2 [k + (1 - k) log(1 - k)] with k = d/n."""
    kappa = 0.3072
    return close(bias(3072, 10_000), 5000 * (kappa + (1 - kappa) * math.log1p(-kappa)), 0.2)


# Noise


def noise_covariance_symbolic() -> Outcome:
    """A fair bit x sets log f and alpha of two units; covariances of the noisy units, for both kinds of noise."""
    mean, a = sp.symbols("l_10 l_11 l_20 l_21", real=True), sp.symbols("a_10 a_11 a_20 a_21", positive=True)
    n = sp.symbols("n_1 n_2", real=True)

    def cov(first: list, second: list) -> sp.Expr:  # lists over the values of the bit
        products = [p * q for p, q in zip(first, second, strict=True)]
        means = [standard_normal_mean(sum(each) / 2, *n) for each in (first, second, products)]
        return sp.expand(means[2] - means[0] * means[1])

    log_f, alpha = [list(mean[:2]), list(mean[2:])], [list(a[:2]), list(a[2:])]
    squares = [[each**2 for each in unit] for unit in alpha]
    error = sp.Integer(0)
    for shift in (0, sp.Rational(1, 2)):  # the paper's noise, and noise of unit mean
        u = [[log_f[j][x] - shift * squares[j][x] + alpha[j][x] * n[j] for x in (0, 1)] for j in (0, 1)]
        for j, k in ((0, 0), (0, 1)):
            extra = -shift * (cov(log_f[j], squares[k]) + cov(squares[j], log_f[k])) + shift**2 * cov(
                squares[j], squares[k]
            )
            error += (cov(u[j], u[k]) - cov(log_f[j], log_f[k]) - int(j == k) * sum(squares[j]) / 2 - extra) ** 2
    return symbolic(sp.expand(error), sp.Integer(0))


def noise_covariance_monte_carlo() -> Outcome:
    """Noise scales that depend on log f; the variance of a random combination of log z, and the formula."""
    rng = np.random.default_rng(5)
    cov = random_covariance(3, rng) / 5
    log_f = rng.standard_normal((400_000, 3)) @ np.linalg.cholesky(cov).T
    alpha = np.where(log_f[:, [1, 2, 1]] > 0, [0.7, 0.5, 0.3], [0.1, 0.2, 0.6])
    mean_square = [(0.49 + 0.01) / 2, (0.25 + 0.04) / 2, (0.09 + 0.36) / 2]
    w = np.array([1.0, -2.0, 0.5])
    log_z = log_f + alpha * rng.standard_normal(log_f.shape)
    return monte_carlo((log_z @ w) ** 2, w @ (cov + np.diag(mean_square)) @ w)


def noise_lowers_symbolic() -> Outcome:
    """The slope of the Gaussian TC in the first variance, against minus what makes its sign plain."""
    s = sp.Matrix(3, 3, sp.symbols("s_11 s_12 s_13 s_12 s_22 s_23 s_13 s_23 s_33"))
    explained = (s[0, 1:] * s[1:, 1:].inv() * s[1:, 0])[0]
    slope = sp.diff(sp.log(s[0, 0]) / 2 - sp.log(s.det()) / 2, s[0, 0])
    return symbolic(slope, -explained / (2 * s[0, 0] * (s[0, 0] - explained)))


def noise_lowers_numerical() -> Outcome:
    rng = np.random.default_rng(6)
    changes = []
    for _ in range(300):
        cov, added = random_covariance(5, rng), np.diag(rng.exponential(size=5) * (rng.random(5) < 0.6))
        changes.append(gaussian_total_correlation(cov + added) - gaussian_total_correlation(cov))
    return close(max(0.0, *changes), 0.0, 1e-12, f"changes from {min(changes):.2f} to {max(changes):.5f}")


def true_tc_falls_symbolic() -> Outcome:
    """Two bits that err with probabilities of their own values: their covariance shrinks by a factor for each unit."""
    p = sp.symbols("p_00 p_01 p_10", positive=True)
    table = {(0, 0): p[0], (0, 1): p[1], (1, 0): p[2], (1, 1): 1 - sum(p)}
    # P(on) is e_0 or 1 - e_1 for the first unit, g_0 or 1 - g_1 for the second
    e = sp.symbols("e_0 e_1 g_0 g_1", positive=True)
    on = [(e[0], 1 - e[1]), (e[2], 1 - e[3])]
    both = sum(w * on[0][j] * on[1][k] for (j, k), w in table.items())
    alone = [sum(w * on[unit][cell[unit]] for cell, w in table.items()) for unit in (0, 1)]
    before = table[1, 1] - (table[1, 0] + table[1, 1]) * (table[0, 1] + table[1, 1])
    return symbolic(both - alone[0] * alone[1], (1 - e[0] - e[1]) * (1 - e[2] - e[3]) * before)


def true_tc_falls_quadrature() -> Outcome:
    """Two log f of correlation 0.6; noise scales that depend on the unit's own log f."""
    at, step = np.linspace(-5, 5, 501, retstep=True)
    signal = normal(at[:, None], 0, 1) * normal(at[None], 0.6 * at[:, None], 1 - 0.36)

    def tc(joint: np.ndarray) -> float:
        joint = joint / joint.sum()
        return total_correlation(joint)

    changes = []
    for loud in (0.3, 0.7, 1.0):
        channel = normal(at[None], at[:, None], np.where(at > 0, loud, 0.1)[:, None] ** 2)  # [log f, log z]
        changes.append(tc(channel.T @ signal @ channel) - tc(signal))
    return close(max(0.0, *changes), 0.0, 1e-12, "TC changes by " + ", ".join(f"{change:.3f}" for change in changes))


def shared_scale_symbolic() -> Outcome:
    """Units u_j = l_j + alpha_c n_j, c a fair bit: uncorrelated, and Cov(u_1^2, u_2^2) = Var(alpha^2), so not
    independent.
    """
    v, a0, a1 = sp.symbols("v a_0 a_1", positive=True)
    variances = [v + a0**2, v + a1**2]  # given c, u_1 and u_2 are independent N(0, variance)
    mean_square = sum(variances) / 2
    covariance_of_squares = sum(each**2 for each in variances) / 2 - mean_square**2
    return symbolic(covariance_of_squares, (a0**4 + a1**4) / 2 - ((a0**2 + a1**2) / 2) ** 2)


def shared_scale_quadrature() -> Outcome:
    """Two units: sum_j I(u_j;c) - I(u;c) by one-dimensional integrals, and the definition on a square grid."""
    by_scale = shared_scale_tc(2, 0.2, 0.05, 0.7)
    by_grid, gaussian = shared_scale_pair(0.2, 0.0, 0.05, 0.7)
    require(gaussian == 0, "the Gaussian formula should find no total correlation")
    return close(
        by_scale, by_grid, 1e-8, f"{by_scale:.9f} against {by_grid:.9f}; the Gaussian formula says {gaussian:.0f}"
    )


def shared_scale_monte_carlo() -> Outcome:
    """Ten units: the mean of log p(u) - sum_j log p(u_j) over draws."""
    rng = np.random.default_rng(8)
    variances = 0.2**2 + np.array([0.05, 0.7]) ** 2
    u = rng.standard_normal((100_000, 10)) * np.sqrt(variances[rng.integers(2, size=(100_000, 1))])
    log_given = [-(u**2) / (2 * v) - 0.5 * math.log(2 * math.pi * v) for v in variances]
    log_joint = np.logaddexp(*(each.sum(1) for each in log_given)) - math.log(2)
    log_alone = (np.logaddexp(*log_given) - math.log(2)).sum(1)
    return monte_carlo(log_joint - log_alone, shared_scale_tc(10, 0.2, 0.05, 0.7))


# gamma different from beta


def gamma_enumeration() -> Outcome:
    """beta I + gamma TC, against the least factorized bound plus (gamma - beta) TC; for gamma < beta the bound alone
    is above.
    """
    joint = random_table((4, 2, 3, 2), seed=9)
    p_x, p_z = joint.sum((1, 2, 3)), joint.sum(0)
    best = product(marginals(p_z))
    bound = sum(weight * kl_divergence(row / weight, best) for weight, row in zip(p_x, joint, strict=True))
    information, tc = mutual_information(joint.reshape(4, -1)), total_correlation(p_z)
    errors = [
        beta * information + gamma * tc - beta * bound - (gamma - beta) * tc
        for beta, gamma in ((1, 0), (1, 4), (0.3, 0.1))
    ]
    require(
        all(beta * bound >= beta * information + gamma * tc for beta, gamma in ((1, 0), (0.3, 0.1))),
        "the bound falls below what it bounds",
    )
    return close(max(map(abs, errors)), 0.0, 1e-12, f"I {information:.4f}, TC {tc:.4f}, bound {bound:.4f}")


def density_ratio_symbolic() -> Outcome:
    """The D that maximises p log D + q log(1 - D) has log D / (1 - D) = log p / q."""
    p, q, d = sp.symbols("p q D", positive=True)
    (best,) = sp.solve(sp.diff(p * sp.log(d) + q * sp.log(1 - d), d), d)
    return symbolic(sp.simplify(best / (1 - best)), p / q, f"D = {best}")


CLAIMS = (
    Claim(
        "tc-two-ways",
        r"$\sum_j H(z_j) - H(\mathbf{z}) = \mathrm{KL}(p(\mathbf{z}) \Vert \prod_j p_j(z_j))$.",
        "section 5, definition",
        "prop-tc-two-ways",
        CHAPTER,
        (
            Check("symbolic", "entropies and divergence of a table of two bits", tc_two_ways_symbolic),
            Check("enumeration", "entropies and divergence of a random 2 x 3 x 4 table", tc_two_ways_enumeration),
        ),
    ),
    Claim(
        "tc-zero",
        "Total correlation is zero exactly on products.",
        "section 5",
        "prop-tc-two-ways",
        CHAPTER,
        (
            Check("symbolic", "curvature along a line through a product, and 1 / (1 - t^2)", tc_zero_symbolic),
            Check("enumeration", "0 on products, above Pinsker's bound elsewhere", tc_zero_enumeration),
        ),
    ),
    Claim(
        "tc-not-interaction",
        r"On XOR the total correlation is $+\log 2$ and the interaction information $-\log 2$; on three copies of a "
        r"fair bit they are "
        r"$2\log 2$ and $+\log 2$.",
        'section 5, "or multivariate mutual information"',
        "rem-interaction",
        CHAPTER,
        (
            Check("symbolic", "TC of XOR, and minus its interaction information", interaction_symbolic),
            Check("enumeration", "the four numbers, and 1, -1, 2, 1 times log 2", interaction_enumeration),
        ),
    ),
    Claim(
        "tc-chain",
        r"$\mathrm{TC}(\mathbf{z}) = \sum_{j \ge 2} I(z_j; z_1, \dots, z_{j-1})$.",
        "",
        "prop-tc-chain",
        CHAPTER,
        (
            Check("symbolic", "the determinant of three Gaussian units, and 1 - R^2 unit by unit", chain_symbolic),
            Check("enumeration", "TC of a random 2 x 3 x 2 x 3 table, and its three steps", chain_enumeration),
        ),
    ),
    Claim(
        "tc-unit-wise",
        r"Processing each unit on its own never raises total correlation.",
        "",
        "prop-unit-wise",
        CHAPTER,
        (
            Check(
                "symbolic",
                "the correlation of two bits after flips, and a product of factors below 1",
                unit_wise_symbolic,
            ),
            Check("enumeration", "TC after random unit-wise channels, and before", unit_wise_enumeration),
        ),
    ),
    Claim(
        "tc-log",
        r"One-to-one maps of single units leave total correlation as it is: $\mathrm{TC}(\log \mathbf{z}) = "
        r"\mathrm{TC}(\mathbf{z})$.",
        "section 8, used without saying",
        "prop-unit-wise",
        CHAPTER,
        (
            Check("symbolic", "the log-ratio at z, and at log z", log_invariance_symbolic),
            Check(
                "quadrature", "a log-normal pair, over z, and the Gaussian formula for log z", log_invariance_quadrature
            ),
        ),
    ),
    Claim(
        "factorized-identity",
        r"$\mathbb{E}_x \mathrm{KL}(p(\mathbf{z}\mid x) \Vert \prod_j q_j) = I(x;\mathbf{z}) + "
        r"\mathrm{TC}(\mathbf{z}) + "
        r"\sum_j "
        r"\mathrm{KL}(p_j \Vert q_j)$ for every factorized prior.",
        "Prop. 1 and 4 treat the free prior only",
        "prop-identity",
        CHAPTER,
        (
            Check("symbolic", "both sides for two noisy copies of a bit", identity_symbolic),
            Check("enumeration", "both sides for a random encoder and a random prior", identity_enumeration),
        ),
    ),
    Claim(
        "free-prior",
        r"Over all factorized priors, $\mathbb{E}_x \mathrm{KL}(p(\mathbf{z}\mid x) \Vert q)$ is least at $q_j = p_j$, "
        r"where it is $I(x;\mathbf{z}) + \mathrm{TC}(\mathbf{z})$.",
        "Prop. 1 and 4; the printed proof swaps p and q and has one multiplier for all factors",
        "prop-free-prior",
        CHAPTER,
        (
            Check("symbolic", "the stationary point of one factor, and its marginal", free_prior_symbolic),
            Check("numerical", "the least cost that a search over q finds, and I + TC", free_prior_numerical),
        ),
    ),
    Claim(
        "two-problems",
        r"Both problems of Prop. 1 have the same least value and the same encoders: whoever minimises over $(p, q)$ "
        r"minimises over $p$.",
        "Prop. 1",
        "prop-equivalent",
        CHAPTER,
        (
            Check("symbolic", "slopes in the encoder, with q at the marginals, of both problems", envelope_symbolic),
            Check("numerical", "best values of the problem in (p, q) and of the problem in p", joint_problem),
        ),
    ),
    Claim(
        "shared-prior",
        r"The best single $(\mu, \sigma)$ for a layer leaves $\sum_j \mathrm{KL}(p_j \Vert \mathcal{N}_j) + \tfrac12 "
        r"\sum_j "
        r"\log(\sigma^2/s_j^2)$.",
        "section 6, Prop. 3 as the code uses it",
        "prop-shared-prior",
        CHAPTER,
        (
            Check("symbolic", "two normal units at the stationary point, and the formula", shared_prior_symbolic),
            Check("quadrature", "two mixtures, minimised by search, and the formula", shared_prior_quadrature),
        ),
    ),
    Claim(
        "unit-by-unit",
        r"$I(x;\mathbf{z}) + \mathrm{TC}(\mathbf{z}) = \sum_j I(x;z_j) + \mathbb{E}_x \mathrm{TC}(p(\mathbf{z}\mid "
        r"x))$; "
        r"the last "
        r"term is 0 where the noise of the units is independent.",
        "",
        "prop-unit-by-unit",
        CHAPTER,
        (
            Check(
                "symbolic",
                "I + TC of two noisy copies of a bit, and twice the information in one",
                unit_by_unit_symbolic,
            ),
            Check("enumeration", "both sides for a random encoder", unit_by_unit_enumeration),
        ),
    ),
    Claim(
        "log-uniform-blind",
        r"Under the log-uniform prior the cost of a layer with $f > 0$ depends on its noise alone, whatever $I + "
        r"\mathrm{TC}$ is.",
        "Prop. 1 does not cover the prior of Prop. 2",
        "prop-log-uniform",
        CHAPTER,
        (
            Check(
                "symbolic",
                "I + TC minus entropies for any correlation and spread, and the noise's entropy",
                log_uniform_symbolic,
            ),
            Check(
                "numerical", "the cost of narrow independent units, and of wide correlated ones", log_uniform_numerical
            ),
        ),
    ),
    Claim(
        "gaussian-tc",
        r"For a Gaussian, $\mathrm{TC} = -\tfrac12 \log\det(\Sigma_0^{-1}\Sigma)$.",
        "section 8; printed without the half",
        "prop-gaussian-tc",
        CHAPTER,
        (
            Check("symbolic", "the integral for two units, and the formula", gaussian_tc_symbolic),
            Check("quadrature", "the integral on a grid, and `gaussian_total_correlation`", gaussian_tc_quadrature),
        ),
    ),
    Claim(
        "gaussian-gap",
        r"$\mathrm{TC} = \mathrm{TC}_{\mathrm{G}} + J(\mathbf{u}) - \sum_j J(u_j)$, with $J$ the negentropy.",
        "section 8 neglects the difference",
        "prop-gaussian-gap",
        CHAPTER,
        (
            Check("symbolic", "the difference of entropies, and the formula", gaussian_gap_symbolic),
            Check(
                "quadrature",
                "two noisy copies of a sign: TC on a grid, and J in rotated coordinates",
                gaussian_gap_quadrature,
            ),
        ),
    ),
    Claim(
        "sample-determinant",
        r"$\det((n-1)S)/\det\Sigma$ is a product of $d$ independent chi-square variables with $n-1, \dots, n-d$ "
        r"degrees of "
        r"freedom.",
        "",
        "lem-wishart",
        CHAPTER,
        (
            Check("symbolic", "a Gram determinant, and squared residual lengths", determinant_symbolic),
            Check("Monte Carlo", "log-determinants of samples, and logs of chi-square draws", determinant_monte_carlo),
        ),
    ),
    Claim(
        "plug-in-bias",
        r"From $n$ Gaussian samples the plug-in total correlation is too large on average by $-\tfrac12 [\sum_{i<d} "
        r"\psi(\tfrac{n-1-i}{2}) "
        r"- d\,\psi(\tfrac{n-1}{2})]$, whatever the covariance.",
        "section 8 does not mention it; 265 nats at its sizes",
        "prop-plug-in-bias",
        CHAPTER,
        (
            Check("symbolic", "the mean of log chi-square, and psi(k/2) + log 2", bias_symbolic),
            Check("quadrature", "two units, over the law of the sample correlation, and the formula", bias_quadrature),
            Check("Monte Carlo", "corrected estimates for eight correlated units, and the truth", bias_monte_carlo),
            Check("numerical", "the sum for the paper's sizes, and its limit", bias_of_the_paper),
        ),
    ),
    Claim(
        "noise-covariance",
        r"$\mathrm{Cov}(\log \mathbf{z}) = \mathrm{Cov}(\log f) + \mathrm{diag}\,\mathbb{E}[\alpha^2]$; noise of unit "
        r"mean adds "
        r"$-\tfrac12 [\mathrm{Cov}(\log f, \alpha^2) + \mathrm{Cov}(\alpha^2, \log f)] + \tfrac14 "
        r"\mathrm{Cov}(\alpha^2)$.",
        "section 8 measures log z and speaks of the representation",
        "prop-noise-covariance",
        CHAPTER,
        (
            Check("symbolic", "covariances of two units over a fair bit, and both formulas", noise_covariance_symbolic),
            Check(
                "Monte Carlo", "variance of a combination of three units, and the formula", noise_covariance_monte_carlo
            ),
        ),
    ),
    Claim(
        "noise-lowers-gaussian-tc",
        r"Adding a non-negative diagonal to a covariance never raises its Gaussian total correlation.",
        "Fig. 5",
        "prop-noise-lowers",
        CHAPTER,
        (
            Check("symbolic", "the slope in one variance, and a negative expression", noise_lowers_symbolic),
            Check("numerical", "300 random covariances, before and after", noise_lowers_numerical),
        ),
    ),
    Claim(
        "true-tc-falls",
        r"Where each $\alpha_j$ depends on $f_j$ alone, $\mathrm{TC}(\mathbf{z}) \le \mathrm{TC}(f)$.",
        "",
        "cor-true-falls",
        CHAPTER,
        (
            Check(
                "symbolic",
                "the covariance of two bits after errors, and two factors times it before",
                true_tc_falls_symbolic,
            ),
            Check("quadrature", "TC of two units on a grid, after noise and before", true_tc_falls_quadrature),
        ),
    ),
    Claim(
        "shared-scale",
        r"Independent units under noise of one shared random scale have $\mathrm{TC} = \sum_j I(u_j;c) - "
        r"I(\mathbf{u};c) > 0$ and Gaussian "
        r"total correlation 0.",
        "Fig. 5",
        "prop-shared-scale",
        CHAPTER,
        (
            Check("symbolic", "the covariance of squares, and the variance of alpha^2", shared_scale_symbolic),
            Check("quadrature", "two units, by one-dimensional integrals and on a grid", shared_scale_quadrature),
            Check(
                "Monte Carlo", "ten units: the mean log-ratio over draws, and the integrals", shared_scale_monte_carlo
            ),
        ),
    ),
    Claim(
        "gamma-not-beta",
        r"$\beta I + \gamma\mathrm{TC} = \beta \min_q \mathbb{E}_x\mathrm{KL}(p(\mathbf{z}\mid x) \Vert q) + (\gamma - "
        r"\beta)\mathrm{TC}$, over "
        r"factorized $q$.",
        "section 5, the loss before Prop. 1",
        "prop-gamma",
        CHAPTER,
        (
            Check("symbolic", "the best classifier's odds, and the density ratio", density_ratio_symbolic),
            Check("enumeration", "both sides for a random encoder and three (beta, gamma)", gamma_enumeration),
        ),
    ),
)
