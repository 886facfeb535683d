"""What a classifier's cross-entropy says of I(z;n), and what multiplicative noise cannot hide."""

import itertools
import math

import numpy as np
import sympy as sp
import torch

from ib_tutorial.claims.check import Check, Claim, Outcome, close, symbolic
from ib_tutorial.claims.representations import at_most, binary, identity, random_table, symbolic_information
from ib_tutorial.information import entropy, mutual_information
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences, told_apart

CHAPTER = "book/occluded_nuisance"

a, b, alpha, gamma = sp.symbols("a b alpha gamma", positive=True)
u = sp.Symbol("u", real=True)

GRID = np.linspace(-16, 16, 8001)


def normal(mean: float, scale: float) -> np.ndarray:
    """A normal density on GRID."""
    return np.exp(-(((GRID - mean) / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))


def integral(values: np.ndarray) -> float:
    return values.sum() * (GRID[1] - GRID[0])


def differential_entropy(density: np.ndarray) -> float:
    return -integral(density * np.log(np.maximum(density, 1e-300)))


# A reader of the nuisance


def reader_symbolic() -> Outcome:
    """Any table of two bits n, z, and any reader of n: I(z;n) and entropy - cross-entropy + mean divergence."""
    cells = list(itertools.product((0, 1), repeat=2))
    weights = sp.symbols("w0:4", positive=True)
    p = {cell: weight / sum(weights) for cell, weight in zip(cells, weights, strict=True)}
    p_n, p_z = ([sum(p[c] for c in cells if c[axis] == v) for v in (0, 1)] for axis in (0, 1))
    reader = (binary("r"), binary("s"))  # reader[z][n]
    h_n = -sum(q * sp.log(q) for q in map(sp.factor, p_n))
    cross_entropy = -sum(p[n, z] * sp.log(reader[z][n]) for n, z in cells)
    gap = sum(p[n, z] * sp.log(sp.factor(p[n, z] / p_z[z]) / reader[z][n]) for n, z in cells)
    return identity(symbolic_information(p, (0,), (1,)), h_n - cross_entropy + gap)


def reader_quadrature() -> Outcome:
    """Three digits, log z normal given each, a reader of the wrong shape: I(z;n) = h(z) - h(z|n), and the three terms."""
    p_n, means, scales = np.array([0.5, 0.3, 0.2]), (-1.0, 0.5, 1.2), (0.7, 0.4, 0.6)
    p_z_given_n = np.array([normal(*each) for each in zip(means, scales, strict=True)])
    p_zn = p_n[:, None] * p_z_given_n
    information = differential_entropy(p_zn.sum(0)) - p_n @ np.log(np.sqrt(2 * math.pi * math.e) * np.array(scales))
    logits = np.outer([-1.0, 0.3, 1.5], GRID) + np.array([[0.2], [0.5], [-1.0]])
    reader = np.exp(logits - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    posterior = p_zn / np.maximum(p_zn.sum(0), 1e-300)
    cross_entropy = -sum(integral(p_zn[n] * np.log(reader[n])) for n in range(3))
    gap = sum(integral(p_zn[n] * np.log(np.maximum(posterior[n], 1e-300) / reader[n])) for n in range(3))
    found = f"I(z;n) {information:.6f}, bound {entropy(p_n) - cross_entropy:.6f}, gap {gap:.6f}"
    return close(information, entropy(p_n) - cross_entropy + gap, 1e-9, found)


def reader_enumeration() -> Outcome:
    rng, excess = np.random.default_rng(0), -math.inf
    for _ in range(2000):
        p_zn = random_table(rng, 5, 4)
        reader = rng.dirichlet(np.full(4, rng.choice([0.1, 1.0, 30.0])), size=5).clip(1e-12)
        share = rng.choice([0.0, 0.5, 1.0])  # of the true posterior: no reader is better, and many are worse
        reader = (1 - share) * reader + share * p_zn / p_zn.sum(1, keepdims=True).clip(1e-300)
        bound = entropy(p_zn.sum(0)) + np.where(p_zn > 0, p_zn * np.log(reader.clip(1e-300)), 0).sum()
        excess = max(excess, bound - mutual_information(p_zn))
    return at_most(excess, 1e-12, f"largest of bound - I(z;n) for 2,000 readers: {excess:.1e}")


# Zeros


def zeros_symbolic() -> Outcome:
    """Fair bit n, f in {0, a}: I(z;n), integrated over log z, less I(s;n); alpha is a symbol and drops out."""
    on = [sp.Symbol(f"r{n}", positive=True) for n in (0, 1)]  # P(f > 0 | n)
    density = sp.exp(-((u - sp.log(a)) ** 2) / (2 * alpha**2)) / (alpha * sp.sqrt(2 * sp.pi))
    p_off, p_on = sum(1 - r for r in on) / 2, sum(on) / 2
    positive = sum(r / 2 * density * sp.log(sp.simplify(r * density / (p_on * density))) for r in on)
    of_z = sp.integrate(positive, (u, -sp.oo, sp.oo)) + sum((1 - r) / 2 * sp.log((1 - r) / p_off) for r in on)
    joint = {(n, s): (on[n] if s else 1 - on[n]) / 2 for n in (0, 1) for s in (0, 1)}
    of_pattern = sum(p * sp.log(2 * p / (p_on if s else p_off)) for (_, s), p in joint.items())
    return symbolic(sp.simplify(of_z - of_pattern), sp.Integer(0))


def zeros_quadrature() -> Outcome:
    """f in {0, 1, 3}, by class: I(z;n) by quadrature is I(s;n) by enumeration plus I(z;n|s) by quadrature."""
    p_f = np.array([[0.6, 0.3, 0.1], [0.3, 0.2, 0.5]]) / 2  # [n, f]
    pattern = mutual_information(np.stack([p_f[:, 0], p_f[:, 1:].sum(1)], 1))
    worst, found = 0.0, []
    for scale in (0.1, 0.7, 2.0):
        kernels = np.array([normal(0.0, scale), normal(math.log(3.0), scale)])
        p_nu = p_f[:, 1:] @ kernels  # density of log z > -inf, jointly with n
        p_u, p_n = p_nu.sum(0), p_f.sum(1)
        log = lambda p: np.log(np.maximum(p, 1e-300))
        at_zero = (p_f[:, 0] * np.log(p_f[:, 0] / (p_f[:, 0].sum() * p_n))).sum()
        of_z = at_zero + sum(integral(p_nu[n] * (log(p_nu[n]) - log(p_u) - math.log(p_n[n]))) for n in (0, 1))
        p_n_on, on = p_f[:, 1:].sum(1), p_f[:, 1:].sum()
        beyond = sum(integral(p_nu[n] * (log(p_nu[n]) - log(p_u) - math.log(p_n_on[n] / on))) for n in (0, 1))
        worst = max(worst, abs(of_z - pattern - beyond))
        found.append(f"alpha {scale}: {of_z:.4f}")
    return close(worst, 0.0, 1e-7, f"I(s;n) {pattern:.4f}; I(z;n) at {', '.join(found)}")


# Overlaps


def overlap_symbolic() -> Outcome:
    """int sqrt(N(u; a, alpha^2) N(u; b, gamma^2)) du, by completing the square, against the formula."""
    exponent = -((u - a) ** 2) / (4 * alpha**2) - (u - b) ** 2 / (4 * gamma**2)
    two, one, zero = sp.Poly(sp.expand(exponent), u).all_coeffs()
    gaussian = sp.sqrt(sp.pi / -two) * sp.exp(zero - one**2 / (4 * two)) / sp.sqrt(2 * sp.pi * alpha * gamma)
    total = alpha**2 + gamma**2
    formula = sp.sqrt(2 * alpha * gamma / total) * sp.exp(-((a - b) ** 2) / (4 * total))
    return symbolic(sp.expand_log(sp.log(gaussian) - sp.log(formula), force=True), sp.Integer(0))


def overlap_quadrature() -> Outcome:
    """Two inputs, one unit: I(x;z) by quadrature is never below `told_apart`, nor far above it."""
    excess, furthest = -math.inf, 0.0
    for shift, one, other in itertools.product((0.0, 0.3, 1.0, 3.0), (0.3, 0.7), (0.3, 0.5, 0.7)):
        densities = normal(0.0, one), normal(shift, other)
        h_given_x = sum(map(differential_entropy, densities)) / 2
        information = differential_entropy(sum(densities) / 2) - h_given_x
        bound = told_apart(*torch.tensor([[[0.0], [shift]], [[one], [other]]], dtype=torch.float64)).item()
        excess, furthest = max(excess, bound - information), max(furthest, information - bound)
    return at_most(
        max(excess, furthest - 0.15), 1e-9, f"I(x;z) exceeds it by {max(0.0, -excess):.3f} to {furthest:.3f}"
    )


def overlap_monte_carlo() -> Outcome:
    """20 inputs, 6 units: the bound less I(x;z), whose standard error is allowed for four times."""
    generator = torch.Generator().manual_seed(0)
    log_f = 0.6 * torch.randn(20, 6, generator=generator, dtype=torch.float64)
    encoder = LogNormalEncoder(log_f, torch.full_like(log_f, 0.7))
    draws = encoder.sample(torch.randn(1000, 20, 6, generator=generator, dtype=torch.float64))
    information = divergences(encoder, torch.eye(20, dtype=torch.float64) / 20, draws).i_xz.mean(1)
    error, bound = information.std() / len(information) ** 0.5, told_apart(log_f, encoder.alpha)
    found = f"bound {bound:.4f}, I(x;z) {information.mean():.4f} ± {error:.4f}, log 20 = {math.log(20):.4f}"
    return at_most(bound - information.mean(), 4 * error.item(), found)


CLAIMS = (
    Claim(
        "reader-bound",
        r"For any reader $q$, $I(z;n) = H(n) - \mathbb{E}[-\log q(n|z)] + \mathbb{E}_z\mathrm{KL}(p(n|z)\,\|\,q(n|z))$: "
        "entropy minus cross-entropy is a lower bound.",
        "Fig. 4 gives errors",
        "prop-reader-bound",
        CHAPTER,
        (
            Check("symbolic", "I(z;n) of any two bits, and the three terms for any reader", reader_symbolic),
            Check("quadrature", "I(z;n) from differential entropies, and the three terms", reader_quadrature),
            Check("enumeration", "2,000 tables and readers: the bound never exceeds I(z;n)", reader_enumeration),
        ),
    ),
    Claim(
        "zero-pattern",
        r"Positive multiplicative noise passes which units are zero, whatever its scale: "
        r"$I(z;n) = I(s;n) + I(z;n|s) \ge I(s;n)$.",
        "section 6: the cost of a ReLU unit depends on its noise alone",
        "prop-zero-pattern",
        CHAPTER,
        (
            Check("symbolic", "I(z;n) of a unit that is 0 or a, and I(s;n)", zeros_symbolic),
            Check("quadrature", "I(z;n), and I(s;n) + I(z;n|s), at three noise scales", zeros_quadrature),
        ),
    ),
    Claim(
        "told-apart",
        r"For $N$ equally likely inputs, $I(x;z) \ge \log N - \log\frac1N\sum_{x,x'}\prod_j B_j(x,x')$, $B_j$ the overlap of "
        "two inputs in unit $j$: noise at the cap passes information.",
        "",
        "prop-told-apart",
        CHAPTER,
        (
            Check("symbolic", "the overlap of two log-normal units, integrated, and the formula", overlap_symbolic),
            Check("quadrature", "I(x;z) for two inputs, and `told_apart`", overlap_quadrature),
            Check("Monte Carlo", "I(x;z) of 20 inputs at the cap, and `told_apart`", overlap_monte_carlo),
        ),
    ),
)
