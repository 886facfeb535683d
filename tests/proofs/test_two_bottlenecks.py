"""What a unit of the deep VIB costs, beside one of Information Dropout."""

import math

import numpy as np
import pytest
import torch
from proof import Claim, proves
from scipy import stats
from scipy.integrate import quad

from ib_tutorial.information import kl_log_uniform, kl_standard_normal

CLAIMS = {
    "eq-tb-cost": Claim(r"A unit $f + s\,n$ with a standard normal prior costs $\frac12(f^2 + s^2 - 1) - \log s$ nats."),
    "prop-tb-unit": Claim(
        r"A Gaussian unit of the deep VIB costs $I(x;z)$ and $\frac12(\tau^2 - 1 - \log\tau^2)$ above it; the log-uniform prior charges "
        r"$\log(\alpha_{\max}/\alpha)$, which may be less than $I(x;z)$."
    ),
}

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
"""Means over a standard normal, exact for polynomials."""


@proves("eq-tb-cost", kind="quadrature", scope="general")
@pytest.mark.parametrize(("f", "s"), [(0.0, 1.0), (1.3, 0.2), (-2.0, 0.9), (0.4, 3.0)])
def test_the_cost_is_the_integral_of_the_log_ratio(f, s):
    posterior, prior = stats.norm(f, s), stats.norm()
    integral, _ = quad(lambda z: posterior.pdf(z) * (posterior.logpdf(z) - prior.logpdf(z)), f - 12 * s, f + 12 * s)
    assert (f**2 + s**2 - 1) / 2 - math.log(s) == pytest.approx(integral, abs=1e-8)
    assert kl_standard_normal(torch.tensor(f), torch.tensor(2 * math.log(s), dtype=torch.float64)).item() == pytest.approx(integral, abs=1e-6)


def differential_entropy(distribution):
    low, high = distribution.ppf(1e-13), distribution.ppf(1 - 1e-13)
    points = distribution.ppf([0.01, 0.3, 0.5, 0.7, 0.99])
    return quad(lambda z: -distribution.pdf(z) * distribution.logpdf(z), low, high, points=points, limit=400)[0]


@proves("prop-tb-unit", kind="quadrature", scope="general")
@pytest.mark.parametrize(("v", "s"), [(1.0, 0.5), (0.2, 1.0), (4.0, 0.1), (0.75, 0.5)])
def test_the_deep_vibs_unit_costs_its_information_and_the_misfit_of_its_variance(v, s):
    f = math.sqrt(v) * torch.from_numpy(NODES)
    cost = (kl_standard_normal(f, torch.tensor(2 * math.log(s), dtype=torch.float64)).numpy() * WEIGHTS).sum()
    information = differential_entropy(stats.norm(0, math.sqrt(v + s**2))) - differential_entropy(stats.norm(0, s))
    assert information == pytest.approx(math.log(1 + v / s**2) / 2, abs=1e-6)
    tau2 = v + s**2
    assert cost - information == pytest.approx((tau2 - 1 - math.log(tau2)) / 2, abs=1e-6)
    assert cost >= information - 1e-6 and (abs(tau2 - 1) > 1e-9 or cost == pytest.approx(information, abs=1e-6))


@proves("prop-tb-unit", kind="quadrature", scope="general")
@pytest.mark.parametrize(("v", "alpha", "cheaper"), [(4.0, 0.5, True), (0.01, 0.3, False), (1.0, 0.69, True)])
def test_the_log_uniform_prior_charges_the_same_however_far_the_units_spread(v, alpha, cheaper):
    """The information is that of z itself: the entropies of log-normal densities, in which the logarithm's derivative cancels."""
    of_z = differential_entropy(stats.lognorm(math.sqrt(v + alpha**2)))
    given = [differential_entropy(stats.lognorm(alpha, scale=math.exp(math.sqrt(v) * node))) for node in NODES[20:40]]
    weights = WEIGHTS[20:40] / WEIGHTS[20:40].sum()
    information = of_z - (np.array(given) * weights).sum()
    assert information == pytest.approx(math.log(1 + v / alpha**2) / 2, abs=1e-4)
    cost = kl_log_uniform(torch.tensor(alpha, dtype=torch.float64), 0.7).item()
    assert cost == pytest.approx(math.log(0.7 / alpha)) and (cost < information) == cheaper
