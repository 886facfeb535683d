"""How the logarithm of a ReLU unit falls off, and how far apart the two priors are."""

import math

import numpy as np
import pytest
import sympy as sp
from proof import Claim, assert_identical, proves
from scipy.integrate import quad
from scipy.stats import norm

CLAIMS = {
    "prop-priors-apart": Claim(
        r"Between the quantiles 0.05 and 0.95 of a normal distribution, the largest distance between its distribution function, cut "
        r"there, and that of a uniform is $\frac{\Phi(t) - 1/2}{0.9} - \frac{t}{2q}$, where $\Phi(q) = 0.95$ and $\varphi(t) = 0.45/q$."
    ),
    "prop-relu-left-tail": Claim(
        r"For a ReLU unit whose pre-activation has a density $p_a$ that is bounded, and continuous at 0, the density of $\log z$, given "
        r"$z > 0$, is $e^{v + \alpha^2/2}\, p_a(0) / P(a > 0)$ up to a factor that tends to 1 as $v \to -\infty$.",
        paper="Fig. 1a: said to be approximately uniform",
    ),
}

alpha = sp.Symbol("alpha", positive=True)
v, n = sp.symbols("v n", real=True)


@proves("prop-relu-left-tail", kind="symbolic", scope="special case")
def test_the_limit_for_a_standard_normal_pre_activation():
    """The density of log z is a mean over the noise n; the limit is taken under the integral."""
    clean = sp.exp(v) * sp.sqrt(2 / sp.pi) * sp.exp(-sp.exp(2 * v) / 2)
    limit = sp.limit(clean.subs(v, v - alpha * n) / sp.exp(v), v, -sp.oo)
    weight = sp.exp(-(n**2) / 2) / sp.sqrt(2 * sp.pi)
    found = sp.integrate(limit * weight, (n, -sp.oo, sp.oo))
    assert_identical(found, sp.exp(alpha**2 / 2) * (1 / sp.sqrt(2 * sp.pi)) / sp.Rational(1, 2))


@proves("prop-relu-left-tail", kind="quadrature", scope="special case")
@pytest.mark.parametrize(("mean", "scale"), [(0.3, 0.5), (-0.8, 0.7)])
def test_the_density_far_out_is_the_formulas(mean, scale):
    at = -9.0  # what the limit leaves out is of the order of z

    def integrand(shock):
        log_f = at - scale * shock
        return norm.pdf(shock) * math.exp(log_f) * norm.pdf(math.exp(log_f), mean)

    density = quad(integrand, -10, 10, epsabs=1e-15)[0] / norm.cdf(mean)
    assert density == pytest.approx(math.exp(at + scale**2 / 2) * norm.pdf(0, mean) / norm.cdf(mean), rel=2e-3)


@proves("prop-priors-apart", kind="numerical", scope="general")
def test_the_largest_gap_on_a_grid_is_the_formulas():
    edge = norm.ppf(0.95)
    grid = np.linspace(-edge, edge, 200_001)
    gaps = np.abs((norm.cdf(grid) - 0.05) / 0.9 - (grid + edge) / (2 * edge))
    place = math.sqrt(-2 * math.log(0.9 * math.sqrt(2 * math.pi) / (2 * edge)))
    assert norm.pdf(place) == pytest.approx(0.45 / edge)
    assert gaps.max() == pytest.approx((norm.cdf(place) - 0.5) / 0.9 - place / (2 * edge), abs=1e-9)
