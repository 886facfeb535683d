"""The noise of Information Dropout and what it costs (paper, section 6 and appendix A)."""

import math

import numpy as np
import sympy as sp
import torch
from scipy.integrate import quad

from ib_tutorial.claims.check import Check, Claim, Outcome, close, monte_carlo, require, symbolic
from ib_tutorial.information import kl_divergence, kl_log_normal, kl_log_uniform

CHAPTER = "book/information_dropout"

alpha, sigma, c, f, k, q0, beta = sp.symbols("alpha sigma c f k q_0 beta", positive=True)
mu, u = sp.symbols("mu u", real=True)


def normal_density(at, mean, scale):
    return sp.exp(-((at - mean) ** 2) / (2 * scale**2)) / (sp.sqrt(2 * sp.pi) * scale)


def normal_expectation(expression, mean, scale):
    """E[expression(u)] for u ~ N(mean, scale^2)."""
    return sp.integrate(sp.expand(expression) * normal_density(u, mean, scale), (u, -sp.oo, sp.oo))


def log_normal_density(z: float, mean: float, scale: float) -> float:
    return math.exp(-((math.log(z) - mean) ** 2) / (2 * scale**2)) / (z * scale * math.sqrt(2 * math.pi))


def kl_by_quadrature(mean: float, scale: float, log_prior) -> float:
    """KL of log N(mean, scale^2) from a prior density, integrated over z itself; log_prior(z) is the log of that density."""

    def integrand(z: float) -> float:
        p = log_normal_density(z, mean, scale)
        return p * (math.log(p) - log_prior(z)) if p > 0 else 0.0

    edges = [math.exp(mean + step * scale) for step in range(-12, 13, 2)]
    return sum(quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12)[0] for low, high in zip(edges, edges[1:]))


# Proposition 2: the cost under the log-uniform prior


def relu_cost_symbolic() -> Outcome:
    log_posterior = sp.expand_log(sp.log(normal_density(u, sp.log(f), alpha)), force=True)
    kl = normal_expectation(log_posterior - sp.log(c), sp.log(f), alpha)
    return symbolic(kl, -sp.log(alpha) - sp.log(2 * sp.pi * sp.E) / 2 - sp.log(c))


def relu_cost_quadrature() -> Outcome:
    a, at, density = 0.35, 2.5, 0.2
    found = kl_by_quadrature(math.log(at), a, lambda z: math.log(density / z))
    return close(found, -math.log(a) - 0.5 * math.log(2 * math.pi * math.e) - math.log(density), 1e-9)


def relu_cost_code() -> Outcome:
    """Between two noise scales the constant drops out, so the library's cost can be compared without one."""
    low, high, cap = 0.05, 0.6, 0.7
    by_quadrature = kl_by_quadrature(0.3, low, lambda z: -math.log(z)) - kl_by_quadrature(
        0.3, high, lambda z: -math.log(z)
    )
    by_library = kl_log_uniform(torch.tensor([low, high], dtype=torch.float64), cap)
    return close(by_quadrature, by_library[0] - by_library[1], 1e-9)


def relu_loss_symbolic() -> Outcome:
    """Eq. (3) with eq. (4) in it, minus the corrected eq. (6), must not depend on alpha."""
    cross_entropy = sp.Symbol("cross_entropy", positive=True)
    eq3 = cross_entropy + beta * (-sp.log(alpha) - sp.log(2 * sp.pi * sp.E) / 2 - sp.log(c))
    eq6 = cross_entropy - beta * sp.log(alpha)
    return symbolic(sp.diff(eq3 - eq6, alpha), sp.Integer(0))


def relu_loss_numerical() -> Outcome:
    """The printed eq. (6), beta log alpha, rises where the divergence it stands for falls: their slopes have opposite signs."""
    a, step = 0.3, 1e-4
    slope = (
        kl_by_quadrature(0.0, a + step, lambda z: -math.log(z))
        - kl_by_quadrature(0.0, a - step, lambda z: -math.log(z))
    ) / (2 * step)
    return close(slope, -1 / a, 1e-5, f"slope of the KL {slope:.4f}, of the printed term {1 / a:+.4f}")


# Proposition 3: the cost under the log-normal prior


def softplus_cost_symbolic() -> Outcome:
    log_ratio = sp.expand_log(
        sp.log(normal_density(u, sp.log(f), alpha)) - sp.log(normal_density(u, mu, sigma)), force=True
    )
    kl = normal_expectation(log_ratio, sp.log(f), alpha)
    return symbolic(kl, (alpha**2 + (sp.log(f) - mu) ** 2) / (2 * sigma**2) - sp.log(alpha / sigma) - sp.Rational(1, 2))


def softplus_cost_quadrature() -> Outcome:
    a, at, m, s = 0.4, 1.7, -0.441, 0.716
    found = kl_by_quadrature(math.log(at), a, lambda z: math.log(log_normal_density(z, m, s)))
    tensors = (torch.tensor(value, dtype=torch.float64) for value in (math.log(at), a, m, s))
    return close(found, kl_log_normal(*tensors), 1e-9)


def softplus_cost_printed() -> Outcome:
    """What the printed Prop. 3 misses: it is right at f = 1 alone (or at log f = 2 mu)."""
    printed = (alpha**2 + mu**2) / (2 * sigma**2) - sp.log(alpha / sigma) - sp.Rational(1, 2)
    correct = (alpha**2 + (sp.log(f) - mu) ** 2) / (2 * sigma**2) - sp.log(alpha / sigma) - sp.Rational(1, 2)
    missing = sp.log(f) * (sp.log(f) - 2 * mu) / (2 * sigma**2)
    return symbolic(correct - printed, missing, f"missing term: {missing}")


# The mean and the variance of the noise


def noise_mean_symbolic() -> Outcome:
    mean = sp.integrate(sp.exp(u) * normal_density(u, 0, alpha), (u, -sp.oo, sp.oo))
    return symbolic(mean, sp.exp(alpha**2 / 2))


def noise_mean_monte_carlo() -> Outcome:
    eps = np.exp(0.7 * np.random.default_rng(0).standard_normal(1_000_000))
    return monte_carlo(eps, math.exp(0.7**2 / 2))


def unit_mean_symbolic() -> Outcome:
    mean = sp.integrate(sp.exp(u) * normal_density(u, -(alpha**2) / 2, alpha), (u, -sp.oo, sp.oo))
    return symbolic(mean, sp.Integer(1))


def unit_mean_quadrature() -> Outcome:
    a, at, m, s = 0.6, 0.8, -0.2, 0.9
    found = kl_by_quadrature(math.log(at) - a**2 / 2, a, lambda z: math.log(log_normal_density(z, m, s)))
    return close(found, (a**2 + (math.log(at) - a**2 / 2 - m) ** 2) / (2 * s**2) - math.log(a / s) - 0.5, 1e-9)


def noise_variance_symbolic() -> Outcome:
    moment = [sp.integrate(sp.exp(n * u) * normal_density(u, 0, alpha), (u, -sp.oo, sp.oo)) for n in (1, 2)]
    return symbolic(moment[1] - moment[0] ** 2, (sp.exp(alpha**2) - 1) * sp.exp(alpha**2))


def noise_variance_numerical() -> Outcome:
    """Relative to its squared mean the variance is e^{alpha^2} - 1; binary dropout's is p / (1 - p); equal at p = 1 - e^{-alpha^2}."""
    a = 0.7
    rng = np.random.default_rng(1)
    eps = np.exp(a * rng.standard_normal(1_000_000))
    p = 1 - math.exp(-(a**2))
    binary = (rng.random(1_000_000) > p) / (1 - p)
    batches = (eps.reshape(1000, -1), binary.reshape(1000, -1))
    relative = [batch.var(axis=1) / batch.mean(axis=1) ** 2 for batch in batches]
    return monte_carlo(relative[0] - relative[1], 0.0)


# The priors and the point mass


def scale_invariant_prior_symbolic() -> Outcome:
    """A density with q(k z) k = q(z) for every k: differentiate in k at 1 and solve."""
    z = sp.Symbol("z", positive=True)
    q = sp.Function("q")
    solution = sp.dsolve(q(z) + z * q(z).diff(z), q(z)).rhs
    return symbolic(sp.diff(solution * z, z), sp.Integer(0), f"q(z) = {solution}")


def scale_invariant_prior_numerical() -> Outcome:
    """The same mass on [1, 2] as on [k, 2k], whatever k."""
    masses = [quad(lambda z: 1 / z, scale, 2 * scale, epsrel=1e-13)[0] for scale in (0.01, 1.0, 300.0)]
    return close(max(masses), min(masses), 1e-10)


def point_mass() -> Outcome:
    """A unit at 0 under q0 delta_0 + (1 - q0) uniform on (0, 1]: the atom has a cell of its own, and the grid of the rest is refined."""
    costs = [kl_divergence(np.eye(1, cells + 1)[0], np.array([0.3] + [0.7 / cells] * cells)) for cells in (1, 10, 1000)]
    return close(max(costs) - min(costs) + costs[0], -math.log(0.3), 1e-12)


def point_mass_symbolic() -> Outcome:
    """The atom has a cell of mass q0; the rest, of mass 1 - q0, is cut into n cells, in which p has mass e -> 0."""
    e, n = sp.symbols("e n", positive=True)
    kl = (1 - e) * sp.log((1 - e) / q0) + e * sp.log(e / n / ((1 - q0) / n))
    return symbolic(sp.limit(kl, e, 0, "+"), -sp.log(q0))


def bernoulli_symbolic() -> Outcome:
    """The atom of mass 1 - p in a cell of width h, where the prior has mass c h: its part of the KL, against -(1 - p) log h, as h -> 0."""
    h, p = sp.symbols("h p", positive=True)
    part = (1 - p) * sp.log((1 - p) / (c * h))
    require(sp.limit(sp.log(1 / h), h, 0, "+") == sp.oo, "-log h should grow without limit")
    return symbolic(sp.expand_log(part, force=True) + (1 - p) * sp.log(h), (1 - p) * (sp.log(1 - p) - sp.log(c)))


def bernoulli_infinite() -> Outcome:
    """Binary noise puts an atom at f / (1 - p), where a density has none: with cells of width h the KL grows like -log h."""

    def kl(h: float, p: float = 0.5, at: float = 1.0) -> float:
        prior_at_zero, density = 0.5, 0.5  # half an atom at 0, half uniform on (0, 1 / 0.5]
        return p * math.log(p / prior_at_zero) + (1 - p) * math.log((1 - p) / (density / (at / (1 - p)) * h))

    return close(
        kl(1e-6) - kl(1e-3), 0.5 * math.log(1e3), 1e-9, f"KL {kl(1e-3):.2f} at h = 1e-3, {kl(1e-6):.2f} at 1e-6"
    )


# The scale of a ReLU network


def scale_invariance_symbolic() -> Outcome:
    """Two layers of one unit each, either sign of the first pre-activation: weights times k, biases times k and k^2."""
    w1, w2, b1, b2, x = sp.symbols("w1 w2 b1 b2 x", real=True)
    on = sp.expand(k * w2 * (k * w1 * x + k * b1) + k**2 * b2 - k**2 * (w2 * (w1 * x + b1) + b2))
    off = sp.expand(k * w2 * 0 + k**2 * b2 - k**2 * (w2 * 0 + b2))
    return symbolic(on**2 + off**2, sp.Integer(0))


def scale_invariance_numerical() -> Outcome:
    """Weights times k; biases of layer l times k^l: the logits are multiplied by k^depth. (The printed version, biases times k, is not.)"""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(6, 6, generator=generator, dtype=torch.float64) for _ in range(3)]
    biases = [torch.randn(6, generator=generator, dtype=torch.float64) for _ in range(3)]
    x = torch.randn(20, 6, generator=generator, dtype=torch.float64)

    def network(bias_power) -> torch.Tensor:
        h = x
        for depth, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
            h = h @ (2.0 * w).T + 2.0 ** bias_power(depth) * b
            h = h.relu() if depth < 3 else h
        return h

    plain = x
    for depth, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        plain = plain @ w.T + b
        plain = plain.relu() if depth < 3 else plain
    right = (network(lambda depth: depth) - 8 * plain).abs().max()
    printed = (network(lambda depth: 1) - 8 * plain).abs().max()
    require(printed > 1.0, "the printed rule should not be an invariance")
    return close(right, 0.0, 1e-10, f"largest deviation {right:.1e}; with every bias times k, {printed:.1f}")


def reparametrisation_monte_carlo() -> Outcome:
    """d/d alpha of E[g(eps f)], g(z) = z^2, by differentiating inside the expectation, against the closed form f^2 e^{2 alpha^2}."""
    a, at = torch.tensor(0.4, dtype=torch.float64), 1.3
    n = torch.from_numpy(np.random.default_rng(2).standard_normal(400_000))
    gradients = 2 * (torch.exp(a * n) * at) * (torch.exp(a * n) * at * n)
    return monte_carlo(gradients.numpy(), at**2 * 4 * 0.4 * math.exp(2 * 0.4**2))


def reparametrisation_symbolic() -> Outcome:
    second_moment = f**2 * sp.integrate(sp.exp(2 * alpha * u) * normal_density(u, 0, 1), (u, -sp.oo, sp.oo))
    inside = sp.integrate(sp.diff((f * sp.exp(alpha * u)) ** 2, alpha) * normal_density(u, 0, 1), (u, -sp.oo, sp.oo))
    return symbolic(sp.diff(second_moment, alpha), inside)


CLAIMS = (
    Claim(
        "relu-cost",
        r"With $z = \varepsilon f(x)$, $f(x) > 0$, and $q(z) = c/z$: $\mathrm{KL} = -H(\log\varepsilon) - \log c "
        r"= -\log\alpha - \tfrac12\log 2\pi e - \log c$.",
        "Prop. 2, eq. (4); printed with + log c",
        "prop-relu-cost",
        CHAPTER,
        (
            Check("symbolic", "the integral over log z, and the formula", relu_cost_symbolic),
            Check("quadrature", "the integral over z, and the formula", relu_cost_quadrature),
            Check("quadrature", "two noise scales, integrated, and `kl_log_uniform`", relu_cost_code),
        ),
    ),
    Claim(
        "relu-loss",
        r"The ReLU loss is $\mathbb{E}[-\log p(y|z)] - \beta\log\alpha$.",
        "eq. (6); printed with both signs flipped",
        "eq-relu-loss",
        CHAPTER,
        (
            Check("symbolic", "eq. (3) minus the corrected eq. (6) does not depend on alpha", relu_loss_symbolic),
            Check("numerical", "slope of the integrated KL in alpha, and -1/alpha", relu_loss_numerical),
        ),
    ),
    Claim(
        "point-mass",
        r"A unit with $f(x) = 0$ costs $-\log q_0$, relative to $\delta_0$ plus Lebesgue measure, whatever $\alpha$.",
        "Prop. 2, last part",
        "prop-relu-cost",
        CHAPTER,
        (
            Check("symbolic", "the limit of the KL as all mass goes to 0, and -log q0", point_mass_symbolic),
            Check("enumeration", "the KL on three grids, and -log q0", point_mass),
        ),
    ),
    Claim(
        "softplus-cost",
        r"With $q = \log\mathcal{N}(\mu, \sigma^2)$: $\mathrm{KL} = [\alpha^2 + (\log f(x) - \mu)^2] / 2\sigma^2 "
        r"- \log(\alpha/\sigma) - \tfrac12$.",
        "Prop. 3, eq. (5); printed without f(x)",
        "prop-softplus-cost",
        CHAPTER,
        (
            Check("symbolic", "the integral over log z, and the formula", softplus_cost_symbolic),
            Check("quadrature", "the integral over z, and `kl_log_normal`", softplus_cost_quadrature),
            Check("symbolic", "corrected minus printed, and the term that is missing", softplus_cost_printed),
        ),
    ),
    Claim(
        "noise-mean",
        r"Noise $\log\mathcal{N}(0, \alpha^2)$ has mean $e^{\alpha^2/2} > 1$, not 1.",
        "section 6 asks for unit mean",
        "rem-unit-mean",
        CHAPTER,
        (
            Check("symbolic", "the mean, integrated, and the formula", noise_mean_symbolic),
            Check("Monte Carlo", "a million draws at alpha = 0.7, and the formula", noise_mean_monte_carlo),
        ),
    ),
    Claim(
        "unit-mean",
        r"Noise $\log\mathcal{N}(-\alpha^2/2, \alpha^2)$ has mean 1, and Prop. 3 then has $\log f - \alpha^2/2$ for $\log f$.",
        "",
        "rem-unit-mean",
        CHAPTER,
        (
            Check("symbolic", "the mean, integrated, and 1", unit_mean_symbolic),
            Check("quadrature", "the cost, integrated over z, and the formula", unit_mean_quadrature),
        ),
    ),
    Claim(
        "noise-variance",
        r"The noise's variance is $(e^{\alpha^2} - 1)e^{\alpha^2}$; relative to its squared mean it is that of binary "
        r"dropout with $p = 1 - e^{-\alpha^2}$.",
        'section 8, "the same as binary dropout"',
        "rem-variance",
        CHAPTER,
        (
            Check("symbolic", "the variance, integrated, and the formula", noise_variance_symbolic),
            Check("Monte Carlo", "relative variances of both noises", noise_variance_numerical),
        ),
    ),
    Claim(
        "scale-invariant-prior",
        r"The densities on $(0, \infty)$ that no rescaling of $z$ changes are $q(z) = c/z$, and none can be normalised.",
        "section 6",
        "prop-scale-invariant",
        CHAPTER,
        (
            Check("symbolic", "the general solution of (z q)' = 0, and a constant", scale_invariant_prior_symbolic),
            Check("quadrature", "the mass of [k, 2k] for three k", scale_invariant_prior_numerical),
        ),
    ),
    Claim(
        "scale-invariance",
        r"Multiplying the weights of a ReLU network by $k$ and the biases of layer $\ell$ by $k^\ell$ multiplies its logits "
        r"by $k^{\text{depth}}$.",
        "section 6; printed for all weights and biases alike",
        "rem-scale",
        CHAPTER,
        (
            Check("symbolic", "two layers, the first unit on or off", scale_invariance_symbolic),
            Check("numerical", "a network of three layers, k = 2", scale_invariance_numerical),
        ),
    ),
    Claim(
        "bernoulli-infinite",
        "Binary dropout noise has infinite KL against any prior that is a density away from 0.",
        "section 6 treats it as a special case",
        "rem-bernoulli",
        CHAPTER,
        (
            Check("symbolic", "the atom's part of the KL on a cell of width h, less its -log h", bernoulli_symbolic),
            Check("enumeration", "the KL on cells of width h: growth from h = 1e-3 to 1e-6", bernoulli_infinite),
        ),
    ),
    Claim(
        "reparametrisation",
        r"The gradient of $\mathbb{E}[g(\varepsilon f)]$ in $\alpha$ is the mean of the gradient of $g(e^{\alpha n} f)$.",
        "section 6, after eq. (6)",
        "eq-reparametrisation",
        CHAPTER,
        (
            Check("symbolic", "both orders, for g(z) = z^2", reparametrisation_symbolic),
            Check("Monte Carlo", "the mean of the gradient, and the closed form", reparametrisation_monte_carlo),
        ),
    ),
)
