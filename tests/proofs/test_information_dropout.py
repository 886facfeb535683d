"""Chapter `information_dropout`: the noise, its two costs, the gradient through it, and scale. The oracles integrate over z itself."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_identical, assert_mean, proves
from scipy import integrate, stats
from torch import nn

from ib_tutorial.information import kl_divergence, kl_log_normal, kl_log_uniform
from ib_tutorial.nn import BinaryDropout, InformationDropout, LogNormalDropout
from ib_tutorial.training import information_bottleneck_loss

CLAIMS = {
    "prop-scale-invariant": Claim(
        r"The densities on $(0, \infty)$ that no rescaling of $z$ changes are $q(z) = c/z$, and none can be normalised.", "section 6"
    ),
    "prop-relu-cost": Claim(
        r"With $z = \varepsilon f(x)$, $f(x) > 0$ and $q(z) = q_0\,\delta_0(z) + c/z$: $\mathrm{KL} = -H(\log\varepsilon) - \log c$, for "
        r"log-normal noise $-\log\alpha - \tfrac12\log 2\pi e - \log c$. A unit at 0 costs $-\log q_0$.",
        "Prop. 2, eq. (4); printed with + log c",
    ),
    "eq-relu-loss": Claim(r"The ReLU loss is $\mathbb{E}[-\log p(y|z)] - \beta\log\alpha$.", "eq. (6); printed with both signs flipped"),
    "prop-softplus-cost": Claim(
        r"With $q = \log\mathcal{N}(\mu, \sigma^2)$: $\mathrm{KL} = [\alpha^2 + (\log f(x) - \mu)^2] / 2\sigma^2 - \log(\alpha/\sigma) - \tfrac12$.",
        "Prop. 3, eq. (5); printed without f(x)",
    ),
    "rem-unit-mean": Claim(
        r"Noise $\log\mathcal{N}(0, \alpha^2)$ has mean $e^{\alpha^2/2}$. Noise $\log\mathcal{N}(-\alpha^2/2, \alpha^2)$ has mean 1, and its costs "
        r"have $\log f - \alpha^2/2$ for $\log f$.",
        "section 6 asks for unit mean",
    ),
    "rem-variance": Claim(
        r"The noise's variance is $(e^{\alpha^2} - 1)e^{\alpha^2}$; relative to its squared mean it is that of binary dropout with "
        r"$p = 1 - e^{-\alpha^2}$.",
        'section 8, "the same as binary dropout"',
    ),
    "rem-zero-units": Claim(r"A unit with $f(x) = 0$ is charged $-\log\alpha$ by the layer, and only this charge moves its $\alpha$."),
    "rem-bernoulli": Claim(
        "Binary dropout noise has infinite KL against any prior that is a density away from 0.", "section 6 treats it as a special case"
    ),
    "eq-reparametrisation": Claim(
        r"The gradient of $\mathbb{E}[g(\varepsilon f)]$ in $\alpha$ is the mean of the gradient of $g(e^{\alpha n} f)$.", "section 6, after eq. (6)"
    ),
    "rem-scale": Claim(
        r"Multiplying the weights of a ReLU network by $k$ and the biases of layer $\ell$ by $k^\ell$ multiplies its logits by "
        r"$k^{\text{depth}}$.",
        "section 6; printed for all weights and biases alike",
    ),
}

PLACES = [(0.5, 0.1), (2.5, 0.1), (2.5, 0.65)]  # f and alpha


def double(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def divergence(p, log_prior) -> float:
    """KL of a distribution on (0, inf) from a density, proper or not, by quadrature over z; log_prior(z) is the density's logarithm."""
    edges = p.ppf([1e-15, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6, 1 - 1e-12])
    return sum(
        integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - log_prior(z)), a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(edges)
    )


class Given(nn.Module):
    """A sub-network that returns what it was made with, one copy for each input."""

    def __init__(self, value: torch.Tensor):
        super().__init__()
        self.value = nn.Parameter(value)

    def forward(self, x):
        return self.value.expand(len(x), -1)


def layer(f: torch.Tensor, alpha: torch.Tensor, **settings) -> InformationDropout:
    """The library's layer with units f and noise scales alpha, whatever its input: the sigmoid is undone."""
    return InformationDropout(Given(f), Given(torch.logit(alpha / 0.7)), **settings)


# The prior without a scale


@proves("prop-scale-invariant", kind="symbolic", scope="general")
def test_the_densities_that_no_rescaling_changes():
    """The derivative of k q(k z) = q(z) in k, at k = 1, is an equation for q. Its solutions are c/z, they are invariant, and not finite."""
    z, k, a, b = sp.symbols("z k a b", positive=True)
    q = sp.Function("q")
    condition = sp.diff(k * q(k * z), k).doit().subs(k, 1).doit()
    solution = sp.dsolve(condition, q(z)).rhs
    (c,) = solution.free_symbols - {z}
    assert_identical(solution, c / z)
    assert_identical(k * solution.subs(z, k * z), solution)
    assert sp.limit(sp.integrate(1 / z, (z, a, b)), b, sp.oo) == sp.oo == sp.limit(sp.integrate(1 / z, (z, a, b)), a, 0, "+")


@proves("prop-scale-invariant", kind="numerical", scope="special case")
def test_only_the_log_uniform_prior_charges_the_same_at_every_scale():
    """The costs of the layer for f and for 300 f: the log-uniform prior has no scale, the log-normal one does."""
    f, alpha = torch.rand(5, dtype=torch.float64) + 0.1, torch.rand(5, dtype=torch.float64) / 2 + 0.1
    costs = {
        prior: [layer(k * f, alpha, prior=prior)(torch.zeros(1, 1))[1] for k in (1.0, 300.0)] for prior in ("log_uniform", "log_normal")
    }
    assert torch.equal(*costs["log_uniform"]) and (costs["log_normal"][1] > costs["log_normal"][0] + 1).all()


# Proposition 2


@proves("prop-relu-cost", kind="quadrature", scope="special case")
@pytest.mark.parametrize("log_noise", [stats.laplace(0, 0.3), stats.norm(0.2, 0.4), stats.logistic(0, 0.2)], ids=lambda d: d.dist.name)
def test_the_cost_is_minus_the_entropy_of_the_noise_whatever_its_kind(log_noise):
    """z has the density p(log z - log f) / z; its divergence from c/z is integrated over z."""
    f, c = 2.5, 0.2
    density = lambda z: log_noise.pdf(math.log(z / f)) / z
    edges = f * np.exp(log_noise.ppf([1e-14, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6, 1 - 1e-13]))
    found = sum(
        integrate.quad(lambda z: density(z) * math.log(density(z) * z / c), a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(edges)
    )
    assert found == pytest.approx(-log_noise.entropy() - math.log(c), abs=1e-8)


@proves("prop-relu-cost", kind="quadrature", scope="special case")
@pytest.mark.parametrize("f,alpha", PLACES)
def test_the_layer_charges_the_divergence_above_that_at_the_cap(f, alpha):
    charged = layer(double([f]), double([alpha]))(torch.zeros(1, 1))[1].item()
    above = divergence(stats.lognorm(alpha, scale=f), lambda z: -math.log(z)) - divergence(stats.lognorm(0.7), lambda z: -math.log(z))
    assert charged == pytest.approx(above, abs=1e-8)
    assert kl_log_uniform(double(alpha), 0.7).item() == pytest.approx(above, abs=1e-8)


@proves("prop-relu-cost", kind="enumeration", scope="special case")
@pytest.mark.parametrize("cells", [1, 10, 1000])
def test_a_unit_at_zero_costs_minus_the_logarithm_of_the_mass_there(cells):
    """The atom has a cell of its own, and the rest of the prior is spread over a grid that is refined."""
    found = kl_divergence(np.eye(1, cells + 1)[0], np.array([0.3] + [0.7 / cells] * cells))
    assert found == pytest.approx(-math.log(0.3), abs=1e-12)


@proves("rem-zero-units", kind="numerical", scope="special case")
def test_only_the_charge_moves_the_noise_of_a_unit_at_zero():
    unit = layer(double([0.0, 1.0]), double([0.3, 0.3]))
    z, kl = unit(torch.zeros(1, 1))
    assert z[0, 0] == 0 and kl[0, 0] == kl[0, 1] > 0
    (by_prediction,) = torch.autograd.grad(z.exp().sum(), unit.alpha.value, retain_graph=True)
    (by_charge,) = torch.autograd.grad(kl.sum(), unit.alpha.value)
    assert by_prediction[0] == 0 != by_prediction[1] and (by_charge < 0).all()


@proves("eq-relu-loss", kind="quadrature", scope="special case")
def test_the_loss_falls_with_the_noise_as_the_divergence_does():
    """The slope of the library's loss in alpha, against the slope of the integrated divergence: the printed term has the opposite sign."""
    beta, n, at, step = 3.0, 50, 0.3, 1e-3
    alpha = double([[at]]).requires_grad_()
    logits = torch.zeros(1, 2, dtype=torch.float64)
    information_bottleneck_loss(logits, torch.tensor([0]), [kl_log_uniform(alpha, 0.7)], beta, n).backward()
    ends = [divergence(stats.lognorm(a), lambda z: -math.log(z)) for a in (at - step, at + step)]
    assert alpha.grad.item() == pytest.approx(beta / n * (ends[1] - ends[0]) / (2 * step), rel=1e-4)


# Proposition 3


@proves("prop-softplus-cost", kind="symbolic", scope="general")
def test_the_cost_under_the_log_normal_prior_with_symbols():
    n, mu = sp.symbols("n mu", real=True)
    alpha, sigma, f = sp.symbols("alpha sigma f", positive=True)
    log_z = sp.log(f) + alpha * n
    log_ratio = -(n**2) / 2 - sp.log(alpha) + (log_z - mu) ** 2 / (2 * sigma**2) + sp.log(sigma)
    kl = sp.integrate(sp.expand(log_ratio) * sp.exp(-(n**2) / 2) / sp.sqrt(2 * sp.pi), (n, -sp.oo, sp.oo))
    assert_identical(sp.expand_log(kl), (alpha**2 + (sp.log(f) - mu) ** 2) / (2 * sigma**2) - sp.log(alpha) + sp.log(sigma) - sp.Rational(1, 2))


@proves("prop-softplus-cost", kind="quadrature", scope="special case")
@pytest.mark.parametrize("f,alpha", PLACES)
def test_the_layer_charges_the_divergence_from_its_log_normal_prior(f, alpha):
    unit = layer(double([f]), double([alpha]), prior="log_normal")
    mu, sigma = unit.mu.item(), unit.sigma.item()
    found = divergence(stats.lognorm(alpha, scale=f), stats.lognorm(sigma, scale=math.exp(mu)).logpdf)
    assert kl_log_normal(*map(double, (math.log(f), alpha, mu, sigma))).item() == pytest.approx(found, abs=1e-8)
    assert unit(torch.zeros(1, 1))[1].item() == pytest.approx(found, abs=1e-6)  # mu and sigma are single precision


# The mean and the variance of the noise


@proves("rem-unit-mean", kind="Monte Carlo", scope="special case")
@pytest.mark.parametrize("noise,mean", [("paper", math.exp(0.6**2 / 2)), ("unit_mean", 1.0)])
def test_the_mean_of_the_layers_noise(noise, mean):
    torch.manual_seed(0)
    z = layer(double([2.0]), double([0.6]), noise=noise)(torch.zeros(400_000, 1))[0]
    assert_mean(z.detach().numpy()[:, 0] / 2, mean)


@proves("rem-unit-mean", kind="quadrature", scope="special case")
def test_noise_of_unit_mean_costs_as_a_shifted_unit():
    unit = layer(double([0.8]), double([0.6]), prior="log_normal", noise="unit_mean")
    prior = stats.lognorm(unit.sigma.item(), scale=math.exp(unit.mu.item()))
    found = divergence(stats.lognorm(0.6, scale=0.8 * math.exp(-(0.6**2) / 2)), prior.logpdf)
    assert unit(torch.zeros(1, 1))[1].item() == pytest.approx(found, abs=1e-6)


@proves("rem-variance", kind="symbolic", scope="general")
def test_the_variance_of_log_normal_noise():
    n, alpha = sp.Symbol("n", real=True), sp.Symbol("alpha", positive=True)
    first, second = (
        sp.integrate(sp.exp(k * alpha * n - n**2 / 2) / sp.sqrt(2 * sp.pi), (n, -sp.oo, sp.oo)) for k in (1, 2)
    )
    assert_identical(second - first**2, (sp.exp(alpha**2) - 1) * sp.exp(alpha**2))


@proves("rem-variance", kind="Monte Carlo", scope="special case")
def test_binary_dropout_of_the_same_relative_variance():
    torch.manual_seed(0)
    ones = torch.ones(1000, 1000)
    layers = LogNormalDropout(nn.Identity(), 0.7), BinaryDropout(nn.Identity(), 1 - math.exp(-(0.7**2)))
    relative = [(z.var(1) / z.mean(1) ** 2).numpy() for z in (each(ones)[0] for each in layers)]
    assert_mean(relative[0] - relative[1], 0.0)
    assert relative[0].mean() == pytest.approx(math.expm1(0.7**2), rel=0.02)


@proves("rem-bernoulli", kind="enumeration", scope="special case")
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_divergence_of_binary_noise_grows_without_end_as_cells_shrink(p):
    """A prior with half its mass at 0 and half on a density over (0, 2/(1-p)), cut into cells: the noisy unit is in one of them, or at 0."""

    def kl(cells: int) -> float:
        table = np.zeros(cells + 1)
        table[0], table[cells // 2] = p, 1 - p
        return kl_divergence(table, np.array([0.5] + [0.5 / cells] * cells))

    assert kl(10_000) - kl(100) == pytest.approx((1 - p) * math.log(100), abs=1e-9)
    assert BinaryDropout(nn.Identity(), p)(torch.ones(3, 4))[1].abs().max() == 0


# The gradient, and scale


@proves("eq-reparametrisation", kind="Monte Carlo", scope="special case")
@pytest.mark.parametrize("f", [0.5, 2.0])
def test_the_gradient_through_the_layer_is_unbiased(f):
    """For g(z) = log(1 + e^(1 - z)), a cross-entropy: the derivative of E g by Gauss-Hermite, and one draw of the layer for each input."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    mean = lambda a: weights @ np.logaddexp(0, 1 - f * np.exp(a * nodes)) / weights.sum()
    torch.manual_seed(0)
    pre_activation = torch.zeros(200_000, 1, dtype=torch.float64, requires_grad=True)  # alpha = 0.35, whose slope in it is 0.175
    z, _ = InformationDropout(Given(double([f])), nn.Identity())(pre_activation)
    nn.functional.softplus(1 - z).sum().backward()
    assert_mean(pre_activation.grad.numpy()[:, 0], 0.175 * (mean(0.35 + 1e-4) - mean(0.35 - 1e-4)) / 2e-4)


@proves("rem-scale", kind="numerical", scope="special case")
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_weights_times_k_and_biases_times_its_powers_scale_the_logits(depth):
    rng, k = np.random.default_rng(depth), 2.0
    layers = [(rng.normal(size=(6, 6)), rng.normal(size=6)) for _ in range(depth)]

    def logits(scale: float, power) -> np.ndarray:
        h = np.random.default_rng(0).normal(size=(20, 6))
        for level, (w, b) in enumerate(layers, start=1):
            h = h @ (scale * w) + scale ** power(level) * b
            h = np.maximum(h, 0) if level < depth else h
        return h

    assert logits(k, lambda level: level) == pytest.approx(k**depth * logits(1.0, lambda level: 0), abs=1e-10)
    as_printed = np.abs(logits(k, lambda level: 1) - k**depth * logits(1.0, lambda level: 0)).max()
    assert depth == 1 or as_printed > 1
