"""The variational autoencoder, eq. (7), and the linear one that can be solved (paper, section 7)."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp
import torch
from proof import Claim, assert_identical, proves
from scipy.integrate import quad
from scipy.optimize import minimize

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

CLAIMS = {
    "prop-ae-degenerate": Claim(
        r"With $y = x$ discrete, $H(y|z) + \beta I(x;z) = H(x) - (1 - \beta)\,I(x;z)$: nothing is traded.", "section 7: eq. (2) at y = x"
    ),
    "prop-ae-elbo": Claim(r"$\log q(x) = \mathrm{ELBO}(x) + \mathrm{KL}(p(z|x)\,\|\,q(z|x))$.", "section 7, the bound"),
    "prop-ae-weights": Claim(
        r"Per image, the KL of an image's own latent weighs 1 and that of a latent shared by $N$ images weighs $1/N$.",
        "eqs. (1) and (7); section 8 divides both",
    ),
    "prop-ae-rate": Claim(
        r"$\mathbb{E}_x\mathrm{KL}(p(z|x)\,\|\,q(z)) = I(x;z) + \mathrm{KL}(p(z)\,\|\,q(z))$, for the densities of an autoencoder.",
        "eq. (3) writes the marginal where eq. (7) writes the prior",
    ),
    "prop-ae-ledger": Claim(r"$D + R = H(x) + \mathrm{KL}(p(x,z)\,\|\,q(x,z))$, in two factorisations."),
    "prop-ae-powerful": Claim(
        r"If a decoder can be $p(x)$ itself, ignoring $z$ is optimal for $\beta \ge 1$; at $\beta = 1$ it ties with every exact fit."
    ),
    "prop-ae-tempered": Claim(
        r"The encoder that minimises $\mathbb{E}[-\log q(x|z)] + \beta\,\mathrm{KL}$ is $q(z)\,q(x|z)^{1/\beta}$, normalised."
    ),
    "prop-ae-linear": Claim(
        r"The linear $\beta$-VAE: $w_i = u_i\sqrt{(\lambda_i - \beta\sigma^2)_+}$, rates $\tfrac12\log_+(\lambda_i/\beta\sigma^2)$."
    ),
    "cor-ae-collapse": Claim(r"Latent $i$ of the linear $\beta$-VAE is unused exactly where $\lambda_i \le \beta\sigma^2$."),
    "prop-ae-frontier": Claim(
        r"For Gaussian $x$ the linear $\beta$-VAE lies on Shannon's rate-distortion function, at slope $-\beta$, and its rate is $I(x;z)$."
    ),
    "prop-ae-rotation": Claim(
        r"Rotating $z$ leaves $\mathrm{KL}(p(z|x)\,\|\,\mathcal{N}(0, I))$ as it is.", 'section 7, "increasingly disentangled"'
    ),
    "prop-ae-diagonal": Claim(
        r"Insisting on uncorrelated posteriors costs $\beta\,\mathrm{TC}$ of a Gaussian with covariance $W^\top W + \beta\sigma^2 I$."
    ),
    "cor-ae-weight": Claim(
        r"Training at weight $\beta$ costs $(\beta - 1 - \log\beta)/2$ nats of the bound per latent that is used at $\beta$ and at 1.",
        "section 8 divides the KL by the number of images",
    ),
    "prop-ae-log-normal": Claim(
        r"A VAE with latents $\varepsilon f(x)$ and prior $\log\mathcal{N}(\mu, \sigma^2)$ is a Gaussian VAE in $(\log z - \mu)/\sigma$.",
        "Table 1",
    ),
    "prop-ae-improper": Claim(
        r"With the log-uniform prior the evidence is infinite, and the 'bound' moves by $\log c$ per unit.", "section 6 with section 7"
    ),
}

SPECTRUM = np.array([3.0, 1.6, 0.9, 0.5, 0.2, 0.05])
seeds = pytest.mark.parametrize("seed", range(5))


def tables(seed, n_x=5, n_z=4):
    """Data p(x), encoder p(z|x), and a model drawn regardless of them: prior q(z), decoder q(x|z), a row per z."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_x)), rng.dirichlet(np.ones(n_z), n_x), rng.dirichlet(np.ones(n_z)), rng.dirichlet(np.ones(n_x), n_z)


def distortion_and_rate(p_x, encoder, prior, decoder):
    """E[-log q(x|z)] and E KL( p(z|x) || q(z) ), by enumeration."""
    joint = p_x[:, None] * encoder
    return -(joint * np.log(decoder.T)).sum(), (joint * np.log(encoder / prior)).sum()


def covariance(seed):
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6)))[0]
    return (basis * SPECTRUM) @ basis.T


def log_normal_density(z, mean, scale):
    return math.exp(-((math.log(z) - mean) ** 2) / (2 * scale**2)) / (z * scale * math.sqrt(2 * math.pi))


def kl_over_z(mean, scale, log_prior):
    """KL of log N(mean, scale^2) from a prior density, integrated over z itself; log_prior(z) is the log of that density."""

    def integrand(z):
        p = log_normal_density(z, mean, scale)
        return p * (math.log(p) - log_prior(z)) if p > 0 else 0.0

    edges = [math.exp(mean + step * scale) for step in range(-12, 13, 2)]
    return sum(quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12)[0] for low, high in itertools.pairwise(edges))


# Reconstruction: the Lagrangian, the bound, and what each latent pays


@proves("prop-ae-degenerate", kind="enumeration", scope="general")
@seeds
def test_the_lagrangian_of_reconstruction(seed):
    p_x, encoder, *_ = tables(seed)
    joint, beta = p_x[:, None] * encoder, 0.3 + 0.4 * seed
    lagrangian = -(joint * np.log(joint / joint.sum(0))).sum() + beta * mutual_information(joint)
    assert lagrangian == pytest.approx(entropy(p_x) - (1 - beta) * mutual_information(joint), abs=1e-12)


@proves("prop-ae-elbo", kind="quadrature", scope="special case")
@pytest.mark.parametrize(("mean", "scale"), [(0.4, 0.7), (-1.0, 0.3), (0.0, 1.0)])
def test_the_bound_and_its_gap_for_a_pixel(mean, scale):
    """A decoder that is not Gaussian: a pixel that is on with probability sigmoid(2 z - 1/2)."""
    z, step = np.linspace(-12, 12, 6001, retstep=True)
    log_encoder = -((z - mean) ** 2) / (2 * scale**2) - math.log(scale * math.sqrt(2 * math.pi))
    log_joint = -(z**2) / 2 - math.log(2 * math.pi) / 2 - np.log1p(np.exp(0.5 - 2 * z))
    log_evidence, weight = math.log(np.exp(log_joint).sum() * step), np.exp(log_encoder) * step
    gap = (weight * (log_encoder - (log_joint - log_evidence))).sum()
    cost = kl_standard_normal(*torch.tensor([mean, 2 * math.log(scale)], dtype=torch.float64)).item()
    bound = -(weight * np.log1p(np.exp(0.5 - 2 * z))).sum() - cost
    assert gap > 1e-3 and log_evidence == pytest.approx(bound + gap, abs=1e-9)


@proves("prop-ae-weights", kind="enumeration", scope="special case")
@seeds
def test_a_shared_latent_is_paid_once(seed):
    """Three images, two values of each z_i, three of w: the bound of all images together, summed over its 24 states."""
    rng = np.random.default_rng(seed)
    likelihood = rng.uniform(0.1, 0.9, (3, 2, 3))  # image, z, w: the probability of the image that was seen
    q_z, q_w, p_w, p_z = rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2), 3)
    whole = 0.0
    for *own, shared in np.ndindex(2, 2, 2, 3):
        p = p_w[shared] * math.prod(p_z[n, z] for n, z in enumerate(own))
        q = q_w[shared] * math.prod(q_z[z] * likelihood[n, z, shared] for n, z in enumerate(own))
        whole += p * math.log(q / p)
    fit = np.einsum("nz,w,nzw->n", p_z, p_w, np.log(likelihood)).mean()
    per_image = np.mean([kl_divergence(row, q_z) for row in p_z])
    assert whole / 3 == pytest.approx(fit - per_image - kl_divergence(p_w, q_w) / 3, abs=1e-12)


# Averages: what the rate and the bound are made of


@proves("prop-ae-rate", kind="numerical", scope="special case")
@pytest.mark.parametrize(("slope", "noise", "variance"), [(0.8, 0.5, 2.0), (2.0, 0.1, 1.0), (0.1, 1.0, 0.3)])
def test_the_rate_of_a_gaussian_encoder(slope, noise, variance):
    """x ~ N(0, variance), z ~ N(slope x, noise), prior N(0, 1): the library's cost, averaged, and its two parts."""
    x, weight = np.polynomial.hermite_e.hermegauss(40)
    mean, log_var = torch.from_numpy(slope * math.sqrt(variance) * x), torch.full((40,), math.log(noise), dtype=torch.float64)
    rate = (kl_standard_normal(mean, log_var).numpy() * weight).sum() / weight.sum()
    total = slope**2 * variance + noise
    joint = np.array([[variance, slope * variance], [slope * variance, total]])
    assert rate == pytest.approx(gaussian_mutual_information(joint, 1) + (total - 1 - math.log(total)) / 2, abs=1e-10)


@proves("prop-ae-ledger", kind="enumeration", scope="general")
@seeds
def test_both_factorisations_of_the_excess(seed):
    p_x, encoder, prior, decoder = tables(seed)
    joint, model = p_x[:, None] * encoder, (prior[:, None] * decoder).T
    excess = sum(distortion_and_rate(p_x, encoder, prior, decoder)) - entropy(p_x)
    posterior, p_z = model / model.sum(1, keepdims=True), joint.sum(0)
    images = kl_divergence(p_x, model.sum(1)) + p_x @ [kl_divergence(*rows) for rows in zip(encoder, posterior, strict=True)]
    latents = kl_divergence(p_z, prior) + p_z @ [kl_divergence(*rows) for rows in zip((joint / p_z).T, decoder, strict=True)]
    assert excess == pytest.approx(images, abs=1e-12) and excess == pytest.approx(latents, abs=1e-12)


@proves("prop-ae-powerful", kind="enumeration", scope="general")
@pytest.mark.parametrize("beta", [1.0, 1.5, 4.0])
def test_no_model_beats_the_one_that_ignores_its_latents(beta):
    """Random encoders, with their exact decoders and with mismatched ones, against H(x); at beta = 1 the exact ones tie."""
    for seed in range(100):
        p_x, encoder, prior, decoder = tables(seed)
        p_z = p_x @ encoder
        exact = distortion_and_rate(p_x, encoder, p_z, (p_x[:, None] * encoder / p_z).T)
        mismatched = distortion_and_rate(p_x, encoder, prior, decoder)
        assert exact[0] + beta * exact[1] >= entropy(p_x) - 1e-12
        assert mismatched[0] + beta * mismatched[1] > entropy(p_x)
        assert (exact[0] + beta * exact[1] == pytest.approx(entropy(p_x), abs=1e-12)) == (beta == 1)
    ignored = distortion_and_rate(p_x, np.tile(prior, (5, 1)), prior, np.tile(p_x, (4, 1)))
    assert ignored == pytest.approx((entropy(p_x), 0.0), abs=1e-12)


@proves("prop-ae-powerful", kind="enumeration", scope="general")
def test_below_one_an_exact_fit_with_a_rate_beats_the_one_that_ignores_its_latents():
    p_x, encoder, *_ = tables(0)
    p_z = p_x @ encoder
    distortion, rate = distortion_and_rate(p_x, encoder, p_z, (p_x[:, None] * encoder / p_z).T)
    assert rate > 0.1 and distortion + 0.8 * rate < entropy(p_x) - 0.01


# The best encoder, and the linear model solved


@proves("prop-ae-tempered", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.4, 1.0, 2.5])
def test_the_best_encoder_of_an_image(beta):
    """Six values of z: a numerical minimiser over all encoders against the formula, and its minimum."""
    rng = np.random.default_rng(4)
    prior, likelihood = rng.dirichlet(np.ones(6)), rng.uniform(0.01, 1, 6)

    def loss(logits):
        p = np.exp(logits - np.logaddexp.reduce(logits))
        return -(p * np.log(likelihood)).sum() + beta * (p * np.log(p / prior)).sum()

    found = minimize(loss, np.zeros(6), tol=1e-12)
    tempered = prior * likelihood ** (1 / beta)
    assert found.fun == pytest.approx(-beta * math.log(tempered.sum()), abs=1e-8)
    assert np.exp(found.x - np.logaddexp.reduce(found.x)) == pytest.approx(tempered / tempered.sum(), abs=1e-3)


def least_by_lbfgs(cov, n_latents, beta, noise, seed):
    """The least D + beta R that L-BFGS finds from a random start, over W, V and posterior covariances L L^T."""
    generator, data = torch.Generator().manual_seed(seed), torch.from_numpy(cov)
    d = len(cov)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
    free = decoder, encoder, factor = draw(d, n_latents), draw(n_latents, d), draw(n_latents, n_latents)
    settings = dict(max_iter=2000, tolerance_grad=1e-9, tolerance_change=1e-14, line_search_fn="strong_wolfe")
    optimiser = torch.optim.LBFGS(free, **settings)

    def loss():
        optimiser.zero_grad()
        residual, spread = torch.eye(d) - decoder @ encoder, factor @ factor.T
        error = (residual @ data @ residual.T).trace() + (decoder @ spread @ decoder.T).trace()
        kl = (encoder @ data @ encoder.T).trace() + spread.trace() - n_latents - torch.logdet(spread)
        value = d / 2 * math.log(2 * math.pi * noise) + error / (2 * noise) + beta * kl / 2
        value.backward()
        return value

    optimiser.step(loss)
    return loss().item()


@proves("prop-ae-linear", kind="numerical", scope="special case")
@pytest.mark.parametrize(("seed", "beta"), [(0, 0.5), (1, 1.0), (2, 3.0)])
def test_no_optimiser_finds_a_better_linear_autoencoder(seed, beta):
    exact = linear_vae(covariance(seed), 3, beta, 0.3)
    assert least_by_lbfgs(covariance(seed), 3, beta, 0.3, seed) == pytest.approx(exact.distortion + beta * exact.rate, abs=1e-6)


@proves("prop-ae-linear", kind="numerical", scope="special case")
def test_at_beta_one_the_bound_is_the_likelihood_of_the_model():
    cov = covariance(5)
    exact = linear_vae(cov, 3, 1.0, 0.3)
    model = exact.decoder @ exact.decoder.T + 0.3 * np.eye(6)
    log_likelihood = -0.5 * (np.linalg.slogdet(2 * math.pi * model)[1] + np.trace(np.linalg.solve(model, cov)))
    assert -(exact.distortion + exact.rate) == pytest.approx(log_likelihood, abs=1e-11)


@proves("cor-ae-collapse", kind="symbolic", scope="general")
def test_the_slope_of_the_loss_at_an_unused_latent():
    """With the best encoder the loss per direction is beta/2 [log tau + lambda / tau], tau = w^2 + beta s."""
    beta, s, variance = sp.symbols("beta s lambda", positive=True)
    gain, encode, spread, square = sp.symbols("w a c square", positive=True)
    loss = ((1 - gain * encode) ** 2 * variance + gain**2 * spread) / (2 * s) + beta * (
        encode**2 * variance + spread - 1 - sp.log(spread)
    ) / 2
    best = {encode: gain / (gain**2 + beta * s), spread: beta * s / (gain**2 + beta * s)}
    for free in (encode, spread):
        assert_identical(sp.diff(loss, free).subs(best), sp.Integer(0))
    slope = sp.diff(sp.simplify(loss.subs(best)).subs(gain, sp.sqrt(square)), square)
    assert_identical(slope.subs(square, 0), (beta * s - variance) / (2 * beta * s**2))


@proves("cor-ae-collapse", kind="numerical", scope="special case")
@pytest.mark.parametrize("share", [0.98, 1.02])
def test_a_latent_opens_at_the_threshold(share):
    used = linear_vae(np.diag([share * 0.6, 0.01]), 1, 2.0, 0.3).decoder[0, 0] ** 2
    assert used == pytest.approx(max(0.0, share - 1) * 0.6, abs=1e-12)


@proves("prop-ae-frontier", kind="numerical", scope="special case")
def test_the_rate_is_shannons_at_that_error_and_all_information():
    """Shannon's rate is minimised over how much error each component is left with."""
    exact = linear_vae(np.diag(SPECTRUM), 6, 2.0, 0.3)
    error = 2 * 0.3 * (exact.distortion - 3 * math.log(2 * math.pi * 0.3))
    found = minimize(
        lambda left: 0.5 * np.log(SPECTRUM / left).sum(),
        SPECTRUM * error / SPECTRUM.sum(),
        bounds=[(1e-6, variance) for variance in SPECTRUM],
        constraints={"type": "eq", "fun": lambda left: left.sum() - error},
        method="SLSQP",
        tol=1e-14,
    )
    assert exact.rate == pytest.approx(found.fun, abs=1e-6)
    cov = covariance(6)
    exact = linear_vae(cov, 4, 2.0, 0.3)
    encoder, spread = exact.encoder[:3], np.diag(exact.posterior_variance[:3])
    joint = np.block([[cov, (encoder @ cov).T], [encoder @ cov, encoder @ cov @ encoder.T + spread]])
    assert exact.rate == pytest.approx(gaussian_mutual_information(joint, 6), abs=1e-10)


@proves("prop-ae-frontier", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_the_slope_of_the_frontier_is_minus_beta(beta):
    near = [linear_vae(covariance(1), 6, beta + step, 0.3) for step in (-1e-4, 1e-4)]
    slope = (near[1].distortion - near[0].distortion) / (near[1].rate - near[0].rate)
    assert slope == pytest.approx(-beta, rel=1e-4)


# Rotations


@proves("prop-ae-rotation", kind="numerical", scope="general")
def test_a_rotation_changes_no_divergence_from_the_prior():
    rng, kl = np.random.default_rng(7), torch.distributions.kl_divergence
    prior = torch.distributions.MultivariateNormal(torch.zeros(4).double(), torch.eye(4).double())
    for _ in range(20):
        mean, factor, turn = (torch.from_numpy(rng.standard_normal(shape)) for shape in (4, (4, 4), (4, 4)))
        turn, spread = torch.linalg.qr(turn)[0], factor @ factor.T + 0.1 * torch.eye(4)
        posterior = torch.distributions.MultivariateNormal(mean, spread)
        turned = torch.distributions.MultivariateNormal(turn @ mean, turn @ spread @ turn.T)
        assert kl(posterior, prior).item() == pytest.approx(kl(turned, prior).item(), abs=1e-10)


@proves("prop-ae-diagonal", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.7, 1.5])
def test_uncorrelated_posteriors_cost_a_total_correlation(beta):
    """A rotated optimal decoder: the least loss over diagonal posteriors, by search, minus the optimum."""
    cov, noise = np.diag(SPECTRUM), 0.3
    exact = linear_vae(cov, 3, beta, noise)
    turn = np.linalg.qr(np.random.default_rng(8).standard_normal((3, 3)))[0]
    decoder, encoder = exact.decoder @ turn, turn.T @ exact.encoder
    residual = np.eye(6) - decoder @ encoder
    fixed = np.trace(residual @ cov @ residual.T) / (2 * noise) + beta / 2 * np.trace(encoder @ cov @ encoder.T)

    def loss(log_c):
        spread = (decoder**2).sum(0) @ np.exp(log_c) / (2 * noise) + beta / 2 * (np.exp(log_c) - 1 - log_c).sum()
        return 3 * math.log(2 * math.pi * noise) + fixed + spread

    gap = minimize(loss, np.zeros(3), tol=1e-12).fun - exact.distortion - beta * exact.rate
    curvature = decoder.T @ decoder + beta * noise * np.eye(3)
    assert gap == pytest.approx(beta * gaussian_total_correlation(curvature), abs=1e-8)


# Weights other than 1, and latents that are multiplied


@proves("cor-ae-weight", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [1e-3, 0.5, 1.4])
def test_what_another_weight_loses_of_the_bound(beta):
    """Three latents, open at both weights: D + R of the best model at weight beta, minus that of the best at 1."""
    models = [linear_vae(covariance(9), 3, weight, 0.3) for weight in (beta, 1.0)]
    lost = models[0].distortion + models[0].rate - models[1].distortion - models[1].rate
    assert lost == pytest.approx(3 * (beta - 1 - math.log(beta)) / 2, abs=1e-9)


@proves("prop-ae-log-normal", kind="quadrature", scope="special case")
@pytest.mark.parametrize(("scale", "at", "mean", "sigma"), [(0.4, 1.7, -0.3, 0.8), (0.5, 1.2, 0.2, 0.9), (0.2, 0.1, 0.0, 2.0)])
def test_the_cost_and_the_bound_are_those_of_the_standardised_latent(scale, at, mean, sigma):
    """A pixel that is on with probability z / (1 + z): the bound over z, and over log z standardised."""
    over_z = kl_over_z(math.log(at), scale, lambda z: math.log(log_normal_density(z, mean, sigma)))
    center, spread = (math.log(at) - mean) / sigma, scale / sigma
    standardised = kl_standard_normal(*torch.tensor([center, 2 * math.log(spread)], dtype=torch.float64)).item()
    tensors = (torch.tensor(value, dtype=torch.float64) for value in (math.log(at), scale, mean, sigma))
    assert over_z == pytest.approx(standardised, abs=1e-9) and kl_log_normal(*tensors).item() == pytest.approx(standardised)
    fit = quad(lambda z: math.log(z / (1 + z)) * log_normal_density(z, math.log(at), scale), 1e-6, 60, limit=400, epsabs=1e-12)[0]
    n, step = np.linspace(-9, 9, 4001, retstep=True)
    weight = np.exp(-(n**2) / 2) / math.sqrt(2 * math.pi) * step
    fit_standardised = -(weight * np.log1p(np.exp(-(mean + sigma * (center + spread * n))))).sum()
    assert fit == pytest.approx(fit_standardised, abs=1e-7)


@proves("prop-ae-improper", kind="symbolic", scope="special case")
def test_the_evidence_of_a_pixel_has_no_limit():
    """Prior c/z on [1/T, T], a pixel with q(1|z) = z / (1 + z): its 'evidence' is c log T."""
    z, top, c = sp.symbols("z T c", positive=True)
    primitive = sp.integrate(c / (1 + z), z)  # (c / z) z / (1 + z)
    evidence = primitive.subs(z, top) - primitive.subs(z, 1 / top)
    assert sp.simplify(sp.logcombine(evidence - c * sp.log(top), force=True)) == 0


@proves("prop-ae-improper", kind="quadrature", scope="special case")
def test_the_bound_moves_with_the_constant_until_it_says_more_than_certain():
    fit = quad(lambda z: math.log(z / (1 + z)) * log_normal_density(z, 0.0, 0.5), 1e-6, 60, limit=400)[0]
    bounds = [fit - kl_over_z(0.0, 0.5, lambda z, log_c=log_c: log_c - math.log(z)) for log_c in (0.0, 6.0)]
    assert bounds[1] - bounds[0] == pytest.approx(6.0, abs=1e-9) and bounds[1] > 0
