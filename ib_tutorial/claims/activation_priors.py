"""How the logarithm of a ReLU unit must fall off, and how far the two priors are apart."""

import math

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.stats import norm

from ib_tutorial.claims.check import Check, Claim, Outcome, close, symbolic

CHAPTER = "book/activation_priors"

alpha, q = sp.symbols("alpha q", positive=True)
v, n = sp.symbols("v n", real=True)


# The left tail of a ReLU unit


def tail_symbolic() -> Outcome:
    """A standard normal pre-activation: the density of log z, as a mean over the noise n, taken to the limit under the integral."""
    clean = sp.exp(v) * sp.sqrt(2 / sp.pi) * sp.exp(-sp.exp(2 * v) / 2)
    limit = sp.limit(clean.subs(v, v - alpha * n) / sp.exp(v), v, -sp.oo)
    weight = sp.exp(-(n**2) / 2) / sp.sqrt(2 * sp.pi)
    found = sp.integrate(limit * weight, (n, -sp.oo, sp.oo))
    return symbolic(found, sp.exp(alpha**2 / 2) * (1 / sp.sqrt(2 * sp.pi)) / sp.Rational(1, 2))


def tail_quadrature() -> Outcome:
    """At log z = -9, for a ~ N(0.3, 1) and alpha = 0.5; what the limit leaves out is of the order of z."""
    mean, scale, at = 0.3, 0.5, -9.0

    def integrand(shock: float) -> float:
        log_f = at - scale * shock
        return norm.pdf(shock) * math.exp(log_f) * norm.pdf(math.exp(log_f), mean)

    density = quad(integrand, -10, 10, epsabs=1e-15)[0] / norm.cdf(mean)
    limit = math.exp(at + scale**2 / 2) * norm.pdf(0, mean) / norm.cdf(mean)
    return close(density / limit, 1.0, 1e-3)


# How far the two priors are apart


def apart_symbolic() -> Outcome:
    """At the place that the proof names, the two densities are equal, so the gap between the distribution functions is extreme."""
    place = sp.sqrt(-2 * sp.log(sp.Rational(9, 10) * sp.sqrt(2 * sp.pi) / (2 * q)))
    normal = sp.exp(-(place**2) / 2) / sp.sqrt(2 * sp.pi) / sp.Rational(9, 10)
    return symbolic(normal, 1 / (2 * q))


def apart_numerical() -> Outcome:
    """The largest gap on a fine grid, for a normal sample and a uniform fitted to it, against the formula."""
    edge = norm.ppf(0.95)
    grid = np.linspace(-edge, edge, 200_001)
    gaps = np.abs((norm.cdf(grid) - 0.05) / 0.9 - (grid + edge) / (2 * edge))
    place = math.sqrt(-2 * math.log(0.9 * math.sqrt(2 * math.pi) / (2 * edge)))
    return close(gaps.max(), (norm.cdf(place) - 0.5) / 0.9 - place / (2 * edge), 1e-9)


CLAIMS = (
    Claim(
        name="relu-left-tail",
        statement=r"For a ReLU unit whose pre-activation has a density $p_a$ that is bounded, and continuous at 0, the density of "
        r"$\log z$, given $z > 0$, is $e^{v + \alpha^2/2}\, p_a(0) / P(a > 0)$ up to a factor that tends to 1 as $v \to -\infty$.",
        paper="Fig. 1a: said to be approximately uniform",
        proof="prop-relu-left-tail",
        chapter=CHAPTER,
        checks=(
            Check("symbolic", "limit of the density of $\\log z$ over $e^v$, standard normal $a$", tail_symbolic),
            Check("quadrature", "density at $v = -9$ for $a \\sim N(0.3, 1)$ over the formula", tail_quadrature),
        ),
    ),
    Claim(
        name="priors-apart",
        statement=r"Between the quantiles 0.05 and 0.95 of a normal distribution, the largest distance between its distribution "
        r"function, cut there, and that of a uniform is $\frac{\Phi(t) - 1/2}{0.9} - \frac{t}{2q}$, where $\Phi(q) = 0.95$ and "
        r"$\varphi(t) = 0.45/q$.",
        paper="",
        proof="prop-priors-apart",
        chapter=CHAPTER,
        checks=(
            Check("symbolic", "equal densities at $t$", apart_symbolic),
            Check("numerical", "the largest gap on a grid of 200,001 places and the formula", apart_numerical),
        ),
    ),
)
