"""The variational autoencoder, eq. (7), and the linear one that can be solved (paper, section 7)."""

import math

import numpy as np
import sympy as sp
import torch
from scipy.integrate import quad
from scipy.optimize import minimize

from ib_tutorial.claims.check import Check, Claim, Outcome, close, symbolic
from ib_tutorial.claims.dropout import kl_by_quadrature, log_normal_density, u
from ib_tutorial.information import (
    entropy,
    gaussian_mutual_information,
    gaussian_total_correlation,
    kl_divergence,
    kl_log_normal,
    kl_standard_normal,
    linear_vae,
    mutual_information,
)

CHAPTER = "book/autoencoder"

beta, s, v, c, lam, sigma, alpha, f = sp.symbols("beta s v c lambda sigma alpha f", positive=True)
a, m, w, x, mu = sp.symbols("a m w x mu", real=True)
SPECTRUM = np.array([3.0, 1.6, 0.9, 0.5, 0.2, 0.05])


def normal_expectation(quadratic, mean, scale):
    """E[quadratic(u)] for u ~ N(mean, scale^2), from E[u] and E[u^2]; TypeError where u has a power above 2."""
    polynomial = sp.Poly(sp.expand(quadratic), u)
    if polynomial.degree() > 2:
        raise TypeError(f"{quadratic} has degree {polynomial.degree()} in u")
    moments = {0: 1, 1: mean, 2: mean**2 + scale**2}
    return sum(coefficient * moments[power] for (power,), coefficient in polynomial.terms())


def tables(seed: int, n_x: int = 5, n_z: int = 4):
    """Data p(x), encoder p(z|x), and a model drawn regardless of them: prior q(z), decoder q(x|z), a row per z."""
    rng = np.random.default_rng(seed)
    return (
        rng.dirichlet(np.ones(n_x)),
        rng.dirichlet(np.ones(n_z), n_x),
        rng.dirichlet(np.ones(n_z)),
        rng.dirichlet(np.ones(n_x), n_z),
    )


def distortion_and_rate(p_x, encoder, prior, decoder) -> tuple[float, float]:
    """E[-log q(x|z)] and E KL( p(z|x) || q(z) ), by enumeration."""
    joint = p_x[:, None] * encoder
    return -(joint * np.log(decoder.T)).sum(), (joint * np.log(encoder / prior)).sum()


def spectrum_covariance(seed: int) -> np.ndarray:
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6)))[0]
    return (basis * SPECTRUM) @ basis.T


# Reconstruction: the Lagrangian, the bound, and what each latent pays


def reconstruction_symbolic() -> Outcome:
    """A binary source, P(x = 1) = p, through a channel that flips it with probability e."""
    p, e = sp.symbols("p e", positive=True)
    joint = sp.Matrix([[(1 - p) * (1 - e), (1 - p) * e], [p * e, p * (1 - e)]])
    p_z = [joint[0, z] + joint[1, z] for z in (0, 1)]
    p_x = [1 - p, p]
    cells = [(i, j) for i in (0, 1) for j in (0, 1)]
    h_given_z = -sum(joint[i, j] * (sp.log(joint[i, j]) - sp.log(p_z[j])) for i, j in cells)
    information = sum(joint[i, j] * (sp.log(joint[i, j]) - sp.log(p_x[i]) - sp.log(p_z[j])) for i, j in cells)
    h_x = -sum(q * sp.log(q) for q in p_x)
    lagrangian = h_given_z + beta * information
    difference = sp.expand(sp.expand_log(lagrangian - (h_x - (1 - beta) * information), force=True))
    return symbolic(difference, sp.Integer(0))


def reconstruction_enumeration() -> Outcome:
    p_x, encoder, *_ = tables(0)
    joint = p_x[:, None] * encoder
    lagrangian = -(joint * np.log(joint / joint.sum(0))).sum() + 0.7 * mutual_information(joint)
    return close(lagrangian, entropy(p_x) - 0.3 * mutual_information(joint), 1e-12)


def elbo_symbolic() -> Outcome:
    """Prior N(0, 1), decoder N(w z, s), any normal encoder N(m, v^2), integrated; the evidence is N(x; 0, w^2 + s)."""
    log_joint = -(u**2) / 2 - (x - w * u) ** 2 / (2 * s) - sp.log(2 * sp.pi) - sp.log(s) / 2
    log_encoder = -((u - m) ** 2) / (2 * v**2) - sp.log(v) - sp.log(2 * sp.pi) / 2
    log_evidence = -(x**2) / (2 * (w**2 + s)) - sp.log(2 * sp.pi * (w**2 + s)) / 2
    center, spread = w * x / (w**2 + s), s / (w**2 + s)
    log_posterior = -((u - center) ** 2) / (2 * spread) - sp.log(2 * sp.pi * spread) / 2
    elbo = normal_expectation(log_joint - log_encoder, m, v)
    gap = normal_expectation(log_encoder - log_posterior, m, v)
    return symbolic(sp.expand_log(log_evidence - elbo - gap, force=True), sp.Integer(0))


def elbo_quadrature() -> Outcome:
    """A decoder that is not Gaussian: a pixel that is on with probability sigmoid(2 z - 1/2)."""
    z = np.linspace(-12, 12, 6001)
    step = z[1] - z[0]
    log_encoder = -((z - 0.4) ** 2) / (2 * 0.49) - math.log(0.7 * math.sqrt(2 * math.pi))
    log_joint = -(z**2) / 2 - math.log(2 * math.pi) / 2 - np.log1p(np.exp(0.5 - 2 * z))
    log_evidence = math.log(np.exp(log_joint).sum() * step)
    weight = np.exp(log_encoder) * step
    elbo, gap = (weight * (log_joint - log_encoder)).sum(), (weight * (log_encoder - log_joint + log_evidence)).sum()
    cost = kl_standard_normal(*torch.tensor([0.4, math.log(0.49)], dtype=torch.float64))
    by_library = -(weight * np.log1p(np.exp(0.5 - 2 * z))).sum() - cost
    return close(log_evidence - gap, by_library, 1e-9, f"log evidence {log_evidence:.6f}, ELBO {elbo:.6f}")


def paid_once_symbolic() -> Outcome:
    """Three images: KL of the joint normal (z1, z2, z3, w) by the matrix formula, against three small ones and one."""
    m1, m2, m3, b = sp.symbols("m1 m2 m3 b", real=True)
    mean, spread = sp.Matrix([m1, m2, m3, b]), sp.diag(v, v, v, c)
    joint = (spread.trace() + (mean.T * mean)[0] - 4 - sp.log(spread.det())) / 2
    single = lambda location, variance: (location**2 + variance - 1 - sp.log(variance)) / 2
    parts = sum(single(each, v) for each in (m1, m2, m3)) + single(b, c)
    return symbolic(sp.expand_log(joint, force=True), parts)


def paid_once_enumeration() -> Outcome:
    """Two values of each z_i, three of w: the bound of all three images together, summed over its 24 states."""
    rng = np.random.default_rng(3)
    likelihood = rng.uniform(0.1, 0.9, (3, 2, 3))  # image, z, w: the probability of the image that was seen
    q_z, q_w, p_w = np.array([0.3, 0.7]), np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.3, 0.1])
    p_z = rng.dirichlet(np.ones(2), 3)
    whole = 0.0
    for i, j, k, shared in np.ndindex(2, 2, 2, 3):
        p = p_z[0, i] * p_z[1, j] * p_z[2, k] * p_w[shared]
        q = (
            q_z[i]
            * q_z[j]
            * q_z[k]
            * q_w[shared]
            * math.prod(likelihood[n, z, shared] for n, z in enumerate((i, j, k)))
        )
        whole += p * math.log(q / p)
    fit = np.einsum("nz,w,nzw->n", p_z, p_w, np.log(likelihood)).mean()
    per_image = np.mean([kl_divergence(row, q_z) for row in p_z])
    return close(whole / 3, fit - per_image - kl_divergence(p_w, q_w) / 3, 1e-12)


# Averages: what the rate and the bound are made of


def rate_symbolic() -> Outcome:
    """x ~ N(0, lambda), z ~ N(a x, c), prior N(0, 1)."""
    rate = normal_expectation((a**2 * u**2 + c - 1 - sp.log(c)) / 2, 0, sp.sqrt(lam))
    total = a**2 * lam + c
    return symbolic(rate, sp.log(total) / 2 - sp.log(c) / 2 + (total - 1 - sp.log(total)) / 2)


def rate_enumeration() -> Outcome:
    p_x, encoder, prior, decoder = tables(1)
    _, rate = distortion_and_rate(p_x, encoder, prior, decoder)
    return close(rate, mutual_information(p_x[:, None] * encoder) + kl_divergence(p_x @ encoder, prior), 1e-12)


def ledger_symbolic() -> Outcome:
    """Data N(0, lambda), encoder N(a x, c), prior N(0, 1), decoder N(w z, s): the excess over h(x), from both sides."""
    expected = lambda second_moment: normal_expectation(second_moment, 0, sp.sqrt(lam))
    distortion = expected(((1 - w * a) ** 2 * u**2 + w**2 * c) / (2 * s)) + sp.log(2 * sp.pi * s) / 2
    rate = expected((a**2 * u**2 + c - 1 - sp.log(c)) / 2)
    kl = lambda square, p, q: ((square + p) / q - 1 + sp.log(q) - sp.log(p)) / 2
    evidence, spread = w**2 + s, s / (w**2 + s)
    gaps = kl(0, lam, evidence) + expected(kl((a - w / evidence) ** 2 * u**2, c, spread))
    entropy_x = sp.log(2 * sp.pi * sp.E * lam) / 2
    return symbolic(sp.expand_log(distortion + rate - entropy_x - gaps, force=True), sp.Integer(0))


def ledger_enumeration() -> Outcome:
    """Both factorisations of KL( p(x,z) || q(x,z) ): through the images, and through the latents."""
    p_x, encoder, prior, decoder = tables(2)
    joint, model = p_x[:, None] * encoder, (prior[:, None] * decoder).T
    excess = sum(distortion_and_rate(p_x, encoder, prior, decoder)) - entropy(p_x)
    posterior = model / model.sum(1, keepdims=True)
    images = kl_divergence(p_x, model.sum(1)) + p_x @ [kl_divergence(*rows) for rows in zip(encoder, posterior)]
    p_z = joint.sum(0)
    latents = kl_divergence(p_z, prior) + p_z @ [kl_divergence(*rows) for rows in zip((joint / p_z).T, decoder)]
    return close(
        abs(excess - images) + abs(excess - latents), 0.0, 1e-12, f"excess {excess:.6f}, {images:.6f}, {latents:.6f}"
    )


def powerful_symbolic() -> Outcome:
    """A decoder that inverts the encoder exactly: D + R is H(x), whatever the flip probability e."""
    p, e = sp.symbols("p e", positive=True)
    joint = sp.Matrix([[(1 - p) * (1 - e), (1 - p) * e], [p * e, p * (1 - e)]])
    p_z, p_x = [joint[0, z] + joint[1, z] for z in (0, 1)], [1 - p, p]
    cells = [(i, j) for i in (0, 1) for j in (0, 1)]
    distortion = -sum(joint[i, j] * sp.log(joint[i, j] / p_z[j]) for i, j in cells)
    rate = sum(joint[i, j] * sp.log(joint[i, j] / p_x[i] / p_z[j]) for i, j in cells)
    return symbolic(
        sp.expand(sp.expand_log(distortion + rate + sum(q * sp.log(q) for q in p_x), force=True)), sp.Integer(0)
    )


def powerful_enumeration() -> Outcome:
    """300 random encoders, each with its exact decoder: D + 1.5 R - H(x) is 0.5 R, where ignoring z has 0."""
    excess = []
    for seed in range(300):
        p_x, encoder, *_ = tables(seed)
        p_z = p_x @ encoder
        distortion, rate = distortion_and_rate(p_x, encoder, p_z, (p_x[:, None] * encoder / p_z).T)
        excess.append(distortion + 1.5 * rate - entropy(p_x) - 0.5 * rate)
    p_x, _, prior, _ = tables(0)
    ignored = distortion_and_rate(p_x, np.tile(prior, (5, 1)), prior, np.tile(p_x, (4, 1)))
    return close(max(map(abs, excess)) + abs(sum(ignored) - entropy(p_x)) + abs(ignored[1]), 0.0, 1e-12)


# The best encoder, and the linear model solved


def tempered_symbolic() -> Outcome:
    """Scalar: the loss of the tempered posterior, integrated, against -beta log of its normaliser, integrated."""
    level = beta * s
    center, spread = w * x / (w**2 + level), level / (w**2 + level)
    loss = (x - w * u) ** 2 / (2 * s) + sp.log(2 * sp.pi * s) / 2 + beta * (u**2 / 2 - (u - center) ** 2 / (2 * spread))
    best = normal_expectation(loss, center, sp.sqrt(spread)) - beta * sp.log(spread) / 2
    quadratic = sp.Poly(sp.expand(-(u**2) / 2 - (x - w * u) ** 2 / (2 * level)), u)
    two, one, zero = (
        quadratic.all_coeffs()
    )  # the integral of exp(two u^2 + one u + zero) is sqrt(pi / -two) exp(zero - one^2 / (4 two))
    log_integral = sp.log(sp.pi / -sp.together(two)) / 2 + zero - one**2 / (4 * two) - sp.log(2 * sp.pi) / 2
    normaliser = log_integral - sp.log(2 * sp.pi * s) / (2 * beta)
    return symbolic(sp.expand_log(sp.simplify(best + beta * normaliser), force=True), sp.Integer(0))


def tempered_enumeration() -> Outcome:
    """One image, six values of z: a numerical minimiser over all encoders, against the formula."""
    rng, weight = np.random.default_rng(4), 2.5
    prior, likelihood = rng.dirichlet(np.ones(6)), rng.uniform(0.01, 1, 6)

    def loss(logits):
        p = np.exp(logits - np.logaddexp.reduce(logits))
        return -(p * np.log(likelihood)).sum() + weight * (p * np.log(p / prior)).sum()

    found = minimize(loss, np.zeros(6), tol=1e-12).fun
    return close(found, -weight * math.log((prior * likelihood ** (1 / weight)).sum()), 1e-8)


def linear_symbolic() -> Outcome:
    """One latent, a direction of variance lambda: the gradient of D + beta R in w, a, c is zero at the solution."""
    distortion = ((1 - w * a) ** 2 * lam + w**2 * c) / (2 * s)
    loss = distortion + beta * (a**2 * lam + c - 1 - sp.log(c)) / 2
    extra = sp.Symbol("extra", positive=True)  # lambda = level + extra
    at = {
        lam: beta * s + extra,
        w: sp.sqrt(extra),
        a: sp.sqrt(extra) / (beta * s + extra),
        c: beta * s / (beta * s + extra),
    }
    slopes = [sp.simplify(sp.diff(loss, each).subs(at)) for each in (w, a, c)]
    return symbolic(sum(slope**2 for slope in slopes), sp.Integer(0), f"gradient {slopes}")


def fit_by_lbfgs(cov: np.ndarray, n_latents: int, weight: float, noise: float, seed: int) -> float:
    """The least D + beta R that L-BFGS finds from a random start, over W, V and posterior covariances L L^T."""
    generator, covariance = torch.Generator().manual_seed(seed), torch.from_numpy(cov)
    d = len(cov)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
    decoder, encoder, factor = draw(d, n_latents), draw(n_latents, d), draw(n_latents, n_latents)
    optimiser = torch.optim.LBFGS(
        [decoder, encoder, factor],
        max_iter=2000,
        tolerance_grad=1e-9,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def loss():
        optimiser.zero_grad()
        residual, spread = torch.eye(d) - decoder @ encoder, factor @ factor.T
        error = (residual @ covariance @ residual.T).trace() + (decoder @ spread @ decoder.T).trace()
        kl = (encoder @ covariance @ encoder.T).trace() + spread.trace() - n_latents - torch.logdet(spread)
        value = d / 2 * math.log(2 * math.pi * noise) + error / (2 * noise) + weight * kl / 2
        value.backward()
        return value

    optimiser.step(loss)
    return loss().item()


def linear_optimised() -> Outcome:
    gaps = []
    for seed, weight in enumerate((0.5, 1.0, 3.0)):
        cov = spectrum_covariance(seed)
        exact = linear_vae(cov, 3, weight, 0.3)
        gaps.append(fit_by_lbfgs(cov, 3, weight, 0.3, seed) - exact.distortion - weight * exact.rate)
    return close(max(map(abs, gaps)), 0.0, 1e-6, f"largest difference {max(map(abs, gaps)):.1e} nats at beta 0.5, 1, 3")


def linear_evidence() -> Outcome:
    """At beta = 1 the bound is tight: minus D + R is the mean log-likelihood of N(0, W W^T + s I)."""
    cov = spectrum_covariance(5)
    exact = linear_vae(cov, 3, 1.0, 0.3)
    model = exact.decoder @ exact.decoder.T + 0.3 * np.eye(6)
    log_likelihood = -0.5 * (np.linalg.slogdet(2 * math.pi * model)[1] + np.trace(np.linalg.solve(model, cov)))
    return close(-(exact.distortion + exact.rate), log_likelihood, 1e-11)


def collapse_symbolic() -> Outcome:
    """With the best encoder the loss per direction is beta/2 [log tau + lambda / tau], tau = w^2 + beta s."""
    square = sp.Symbol("square", nonnegative=True)
    profile = beta / 2 * (sp.log(square + beta * s) + lam / (square + beta * s))
    return symbolic(sp.diff(profile, square).subs(square, 0), (beta * s - lam) / (2 * beta * s**2))


def collapse_numerical() -> Outcome:
    """Scalar, level 0.6: for lambda 2 % below and 2 % above it, the best w^2 that a search over (w, a, c) finds."""
    level, noise, found = 0.6, 0.3, []
    for variance in (0.98 * level, 1.02 * level):

        def loss(parameters, variance=variance):
            gain, encode, log_c = parameters
            error = (1 - gain * encode) ** 2 * variance + gain**2 * math.exp(log_c)
            return error / (2 * noise) + (encode**2 * variance + math.exp(log_c) - 1 - log_c)  # beta = 2

        options = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 4000}
        found.append(minimize(loss, [0.3, 0.3, -0.1], method="Nelder-Mead", options=options).x[0] ** 2)
    detail = f"w^2 = {found[0]:.1e} below, {found[1]:.5f} above"
    return close(abs(found[0]) + abs(found[1] - 0.02 * level), 0.0, 1e-5, detail)


def frontier_symbolic() -> Outcome:
    """One open direction: D = const + beta/2 and R = 1/2 log(lambda / (beta s)); dD/d beta = -beta dR/d beta."""
    rate, distortion = sp.log(lam / (beta * s)) / 2, (beta * s) / (2 * s)
    return symbolic(sp.diff(distortion, beta), -beta * sp.diff(rate, beta))


def frontier_optimised() -> Outcome:
    """Shannon's rate at the same squared error, minimised over how much error each component is left with."""
    exact = linear_vae(np.diag(SPECTRUM), 6, 2.0, 0.3)
    error = 2 * 0.3 * (exact.distortion - 3 * math.log(2 * math.pi * 0.3))
    rate = lambda left: 0.5 * np.log(SPECTRUM / left).sum()
    constraint = {"type": "eq", "fun": lambda left: left.sum() - error}
    bounds = [(1e-6, variance) for variance in SPECTRUM]
    found = minimize(
        rate, SPECTRUM * error / SPECTRUM.sum(), bounds=bounds, constraints=constraint, method="SLSQP", tol=1e-14
    )
    return close(exact.rate, found.fun, 1e-6)


def frontier_information() -> Outcome:
    """For Gaussian x the rate is all information: I(x;z) from the joint covariance of x and the open latents."""
    cov = spectrum_covariance(6)
    exact = linear_vae(cov, 4, 2.0, 0.3)
    encoder, spread = exact.encoder[:3], np.diag(exact.posterior_variance[:3])
    cross = encoder @ cov
    joint = np.block([[cov, cross.T], [cross, cross @ encoder.T + spread]])
    return close(exact.rate, gaussian_mutual_information(joint, 6), 1e-10)


# Rotations


def rotation_numerical() -> Outcome:
    """KL( N(m, C) || N(0, I) ) by torch.distributions, for 20 random posteriors, before and after a random rotation."""
    rng, largest = np.random.default_rng(7), 0.0
    for _ in range(20):
        mean, factor = torch.from_numpy(rng.standard_normal(4)), torch.from_numpy(rng.standard_normal((4, 4)))
        turn = torch.from_numpy(np.linalg.qr(rng.standard_normal((4, 4)))[0])
        spread, prior = (
            factor @ factor.T + 0.1 * torch.eye(4),
            torch.distributions.MultivariateNormal(torch.zeros(4).double(), torch.eye(4).double()),
        )
        posterior = torch.distributions.MultivariateNormal(mean, spread)
        turned = torch.distributions.MultivariateNormal(turn @ mean, turn @ spread @ turn.T)
        kl = torch.distributions.kl_divergence
        largest = max(largest, abs(kl(posterior, prior) - kl(turned, prior)).item())
    return close(largest, 0.0, 1e-10, f"largest difference {largest:.1e}")


def rotation_symbolic() -> Outcome:
    """Two latents turned by phi, any mean and covariance: the KL by the formula for normals, before and after."""
    phi, m1, m2, c12, c11, c22 = sp.symbols("phi m1 m2 c12 c11 c22", real=True)
    turn = sp.Matrix([[sp.cos(phi), -sp.sin(phi)], [sp.sin(phi), sp.cos(phi)]])
    mean, spread = sp.Matrix([m1, m2]), sp.Matrix([[c11, c12], [c12, c22]])

    def kl(mean, spread):
        return ((mean.T * mean)[0] + spread.trace() - 2 - sp.log(sp.simplify(spread.det()))) / 2

    return symbolic(kl(turn * mean, turn * spread * turn.T), kl(mean, spread))


def diagonal_symbolic() -> Outcome:
    """Variances that minimise 1/2 sum [M_jj c_j / level - log c_j], against the full covariance level M^-1."""
    m11, m22, m12, c1, c2 = sp.symbols("m11 m22 m12 c1 c2", positive=True)
    level = sp.Symbol("level", positive=True)
    objective = (m11 * c1 / level - sp.log(c1) + m22 * c2 / level - sp.log(c2)) / 2
    best = objective.subs({each: sp.solve(sp.diff(objective, each), each)[0] for each in (c1, c2)})
    full = (2 - sp.log(level**2 / (m11 * m22 - m12**2))) / 2
    total_correlation = (sp.log(m11) + sp.log(m22) - sp.log(m11 * m22 - m12**2)) / 2
    return symbolic(sp.expand_log(best - full - total_correlation, force=True), sp.Integer(0))


def diagonal_numerical() -> Outcome:
    """A rotated optimal decoder: the least loss over diagonal posteriors, by search, minus the optimum."""
    cov, weight, noise = np.diag(SPECTRUM), 1.5, 0.3
    exact = linear_vae(cov, 3, weight, noise)
    turn = np.linalg.qr(np.random.default_rng(8).standard_normal((3, 3)))[0]
    decoder, encoder = exact.decoder @ turn, turn.T @ exact.encoder
    residual = np.eye(6) - decoder @ encoder
    fixed = np.trace(residual @ cov @ residual.T) / (2 * noise) + weight / 2 * np.trace(encoder @ cov @ encoder.T)

    def loss(log_c):
        spread = (decoder**2).sum(0) @ np.exp(log_c) / (2 * noise) + weight / 2 * (np.exp(log_c) - 1 - log_c).sum()
        return 3 * math.log(2 * math.pi * noise) + fixed + spread

    gap = minimize(loss, np.zeros(3), tol=1e-12).fun - exact.distortion - weight * exact.rate
    curvature = decoder.T @ decoder + weight * noise * np.eye(3)
    return close(gap, weight * gaussian_total_correlation(curvature), 1e-8)


# Weights other than 1, and latents that are multiplied


def wrong_weight_symbolic() -> Outcome:
    """Bound lost, per open direction, by training at beta and reporting at 1: D + R at beta, minus D + R at 1."""
    bound = lambda b: b / 2 + sp.log(lam / (b * s)) / 2
    return symbolic(sp.expand_log(bound(beta) - bound(1), force=True), (beta - 1 - sp.log(beta)) / 2)


def wrong_weight_optimised() -> Outcome:
    """Three latents, open at both weights: D + R of the best model at weight 1/1000, minus that of the best at 1."""
    bounds = []
    for weight in (1e-3, 1.0):
        model = linear_vae(spectrum_covariance(9), 3, weight, 0.3)
        bounds.append(model.distortion + model.rate)
    return close(bounds[0] - bounds[1], 3 * (1e-3 - 1 - math.log(1e-3)) / 2, 1e-9)


def log_normal_vae_symbolic() -> Outcome:
    """KL of the standardised Gaussian latent, integrated over u, against the corrected Prop. 3."""
    mean, scale = (sp.log(f) - mu) / sigma, alpha / sigma
    log_ratio = u**2 / 2 - (u - mean) ** 2 / (2 * scale**2) - sp.log(scale)
    prop3 = (alpha**2 + (sp.log(f) - mu) ** 2) / (2 * sigma**2) - sp.log(alpha / sigma) - sp.Rational(1, 2)
    return symbolic(sp.expand_log(normal_expectation(log_ratio, mean, scale) - prop3, force=True), sp.Integer(0))


def log_normal_vae_quadrature() -> Outcome:
    """The multiplied latent, integrated over z itself, against the Gaussian VAE's function on the standardised one."""
    scale, at, m_, s_ = 0.4, 1.7, -0.3, 0.8
    by_quadrature = kl_by_quadrature(math.log(at), scale, lambda z: math.log(log_normal_density(z, m_, s_)))
    mean, log_var = torch.tensor([(math.log(at) - m_) / s_, 2 * math.log(scale / s_)], dtype=torch.float64)
    return close(by_quadrature, kl_standard_normal(mean, log_var), 1e-9)


def log_normal_vae_bound() -> Outcome:
    """A pixel that is on with probability z / (1 + z): the bound over z, and over log z standardised."""
    scale, at, m_, s_ = 0.5, 1.2, 0.2, 0.9
    hit = lambda z: math.log(z / (1 + z)) * log_normal_density(z, math.log(at), scale)
    over_z = quad(hit, 1e-6, 60, limit=400, epsabs=1e-12)[0]
    tensors = (torch.tensor(value, dtype=torch.float64) for value in (math.log(at), scale, m_, s_))
    mean, spread = (math.log(at) - m_) / s_, scale / s_
    n, step = np.linspace(-9, 9, 4001, retstep=True)
    weight = np.exp(-(n**2) / 2) / math.sqrt(2 * math.pi) * step
    over_u = -(weight * np.log1p(np.exp(-(m_ + s_ * (mean + spread * n))))).sum()
    gaussian_kl = 0.5 * (mean**2 + spread**2 - 1 - math.log(spread**2))
    return close(over_z - kl_log_normal(*tensors), over_u - gaussian_kl, 1e-8)


def improper_symbolic() -> Outcome:
    """Prior c/z on [1/T, T], a pixel with q(1|z) = z / (1 + z): its 'evidence' is c log T, without limit."""
    z, top = sp.symbols("z T", positive=True)
    primitive = sp.integrate(c / (1 + z), z)  # (c / z) z / (1 + z)
    return symbolic(
        sp.simplify(sp.logcombine(primitive.subs(z, top) - primitive.subs(z, 1 / top) - c * sp.log(top), force=True)),
        sp.Integer(0),
    )


def improper_quadrature() -> Outcome:
    """The same pixel's 'bound' for two values of c, integrated over z: at c = e^6 it exceeds 0, log of certainty."""
    bound = []
    for log_c in (0.0, 6.0):
        fit = quad(lambda z: math.log(z / (1 + z)) * log_normal_density(z, 0.0, 0.5), 1e-6, 60, limit=400)[0]
        bound.append(fit - kl_by_quadrature(0.0, 0.5, lambda z, log_c=log_c: log_c - math.log(z)))
    detail = f"log of a probability 'at least' {bound[0]:.2f} with c = 1, {bound[1]:.2f} with c = e^6"
    return close(bound[1] - bound[0], 6.0, 1e-9, detail)


CLAIMS = (
    Claim(
        "reconstruction-lagrangian",
        r"With $y = x$ discrete, $H(y|z) + \beta I(x;z) = H(x) - (1 - \beta)\,I(x;z)$: nothing is traded.",
        "section 7: eq. (2) at y = x",
        "prop-ae-degenerate",
        CHAPTER,
        (
            Check("symbolic", "both sides for a binary source through a binary channel", reconstruction_symbolic),
            Check("enumeration", "both sides for a random encoder", reconstruction_enumeration),
        ),
    ),
    Claim(
        "elbo-identity",
        r"$\log q(x) = \mathrm{ELBO}(x) + \mathrm{KL}(p(z|x)\,\|\,q(z|x))$.",
        "section 7, the bound",
        "prop-ae-elbo",
        CHAPTER,
        (
            Check("symbolic", "evidence, bound and gap of a Gaussian model, integrated", elbo_symbolic),
            Check(
                "quadrature",
                "evidence minus gap, and the bound with `kl_standard_normal`, for a Bernoulli pixel",
                elbo_quadrature,
            ),
        ),
    ),
    Claim(
        "paid-once",
        r"Per image, the KL of an image's own latent weighs 1 and that of a latent shared by $N$ images weighs $1/N$.",
        "eqs. (1) and (7); section 8 divides both",
        "prop-ae-weights",
        CHAPTER,
        (
            Check("symbolic", "the KL of the joint posterior, three images", paid_once_symbolic),
            Check(
                "enumeration", "the whole bound over all states divided by N, and the formula", paid_once_enumeration
            ),
        ),
    ),
    Claim(
        "rate-decomposition",
        r"$\mathbb{E}_x\mathrm{KL}(p(z|x)\,\|\,q(z)) = I(x;z) + \mathrm{KL}(p(z)\,\|\,q(z))$.",
        "eq. (3) writes the marginal where eq. (7) writes the prior",
        "prop-ae-rate",
        CHAPTER,
        (
            Check("symbolic", "both sides for a Gaussian encoder", rate_symbolic),
            Check("enumeration", "both sides for random tables", rate_enumeration),
        ),
    ),
    Claim(
        "bound-ledger",
        r"$D + R = H(x) + \mathrm{KL}(p(x,z)\,\|\,q(x,z))$, in two factorisations.",
        "",
        "prop-ae-ledger",
        CHAPTER,
        (
            Check("symbolic", "D + R and entropy plus gaps, Gaussian", ledger_symbolic),
            Check("enumeration", "D + R - H(x), and both sums of gaps", ledger_enumeration),
        ),
    ),
    Claim(
        "powerful-decoder",
        r"If a decoder can be $p(x)$ itself, ignoring $z$ is optimal for $\beta \ge 1$; at $\beta = 1$ it ties with "
        "every exact fit.",
        "",
        "prop-ae-powerful",
        CHAPTER,
        (
            Check("symbolic", "D + R of a binary channel with its exact inverse, and H(x)", powerful_symbolic),
            Check("enumeration", "300 encoders with exact inverses, and the one that is ignored", powerful_enumeration),
        ),
    ),
    Claim(
        "tempered-posterior",
        r"The encoder that minimises $\mathbb{E}[-\log q(x|z)] + \beta\,\mathrm{KL}$ is $q(z)\,q(x|z)^{1/\beta}$, "
        "normalised.",
        "",
        "prop-ae-tempered",
        CHAPTER,
        (
            Check("symbolic", "its loss and -beta log of the normaliser, Gaussian", tempered_symbolic),
            Check("numerical", "a numerical minimum over all encoders, and the formula", tempered_enumeration),
        ),
    ),
    Claim(
        "linear-vae",
        r"The linear $\beta$-VAE: $w_i = u_i\sqrt{(\lambda_i - \beta\sigma^2)_+}$, "
        r"rates $\tfrac12\log_+(\lambda_i/\beta\sigma^2)$.",
        "",
        "prop-ae-linear",
        CHAPTER,
        (
            Check("symbolic", "the gradient at the solution", linear_symbolic),
            Check("numerical", "the least loss found by L-BFGS, and `linear_vae`", linear_optimised),
            Check("numerical", "the bound at beta = 1, and the log-likelihood of the model", linear_evidence),
        ),
    ),
    Claim(
        "collapse-threshold",
        r"Latent $i$ of the linear $\beta$-VAE is unused exactly where $\lambda_i \le \beta\sigma^2$.",
        "",
        "cor-ae-collapse",
        CHAPTER,
        (
            Check("symbolic", "the slope of the loss at an unused latent", collapse_symbolic),
            Check("numerical", "a search 2 % below and above the threshold, and the formula", collapse_numerical),
        ),
    ),
    Claim(
        "rate-distortion-frontier",
        r"For Gaussian $x$ the linear $\beta$-VAE lies on Shannon's rate-distortion function, at slope $-\beta$, and "
        "its rate is $I(x;z)$.",
        "",
        "prop-ae-frontier",
        CHAPTER,
        (
            Check("symbolic", "slope of D against R, and -beta", frontier_symbolic),
            Check("numerical", "the rate, and the least rate for that error by constrained search", frontier_optimised),
            Check("numerical", "the rate, and I(x;z) from the joint covariance", frontier_information),
        ),
    ),
    Claim(
        "latent-rotation",
        r"Rotating $z$ leaves $\mathrm{KL}(p(z|x)\,\|\,\mathcal{N}(0, I))$ as it is.",
        'section 7, "increasingly disentangled"',
        "prop-ae-rotation",
        CHAPTER,
        (
            Check("symbolic", "what the KL is made of, two latents, before and after", rotation_symbolic),
            Check("numerical", "20 random posteriors, before and after", rotation_numerical),
        ),
    ),
    Claim(
        "diagonal-posterior",
        r"Insisting on uncorrelated posteriors costs $\beta\,\mathrm{TC}$ of a Gaussian with covariance "
        r"$W^\top W + \beta\sigma^2 I$.",
        "",
        "prop-ae-diagonal",
        CHAPTER,
        (
            Check(
                "symbolic",
                "least loss over variances, minus that of the full covariance, two latents",
                diagonal_symbolic,
            ),
            Check(
                "numerical",
                "a search over variances at a rotated decoder, and `gaussian_total_correlation`",
                diagonal_numerical,
            ),
        ),
    ),
    Claim(
        "divided-weight",
        r"Training at weight $\beta$ costs $(\beta - 1 - \log\beta)/2$ nats of the bound per latent that is used at "
        r"$\beta$ and at 1.",
        "section 8 divides the KL by the number of images",
        "cor-ae-weight",
        CHAPTER,
        (
            Check("symbolic", "the difference of two bounds, and the formula", wrong_weight_symbolic),
            Check(
                "numerical",
                "`linear_vae` at weight 1/1000 and at 1, both judged at 1, and the formula",
                wrong_weight_optimised,
            ),
        ),
    ),
    Claim(
        "log-normal-vae",
        r"A VAE with latents $\varepsilon f(x)$ and prior $\log\mathcal{N}(\mu, \sigma^2)$ is a Gaussian VAE in "
        r"$(\log z - \mu)/\sigma$.",
        "Table 1",
        "prop-ae-log-normal",
        CHAPTER,
        (
            Check("symbolic", "the KL of the standardised latent, and Prop. 3 as corrected", log_normal_vae_symbolic),
            Check("quadrature", "the KL over z, and `kl_standard_normal`", log_normal_vae_quadrature),
            Check("quadrature", "the whole bound over z, and over the standardised latent", log_normal_vae_bound),
        ),
    ),
    Claim(
        "improper-bound",
        r"With the log-uniform prior the evidence is infinite, and the 'bound' moves by $\log c$ per unit.",
        "section 6 with section 7",
        "prop-ae-improper",
        CHAPTER,
        (
            Check("symbolic", "the evidence on [1/T, T], and c log T", improper_symbolic),
            Check("quadrature", "the 'bound' for two values of c, and the difference of log c", improper_quadrature),
        ),
    ),
)
