"""Oracles: the loss written out term by term, sampling, and other autoencoders that may not be better."""

import math

import numpy as np
import pytest
import torch

from ib_tutorial.information import gaussian_mutual_information, linear_vae, linear_vae_terms


def random_covariance(seed: int, d: int = 5) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(d, d))
    return factor @ factor.T / d


def loss(cov, decoder, encoder, variance, beta, noise):
    """D + beta R, with matrices multiplied out."""
    residual = np.eye(len(cov)) - decoder @ encoder
    error = np.trace(residual @ cov @ residual.T) + np.trace(decoder @ np.diag(variance) @ decoder.T)
    kl = np.trace(encoder @ cov @ encoder.T) + (variance - 1 - np.log(variance)).sum()
    return len(cov) / 2 * math.log(2 * math.pi * noise) + error / (2 * noise) + beta * kl / 2


@pytest.mark.parametrize("beta", [0.1, 1.0, 4.0])
def test_the_values_are_those_of_the_matrices_returned(beta):
    cov = random_covariance(0)
    model = linear_vae(cov, 3, beta, 0.2)
    expected = loss(cov, model.decoder, model.encoder, model.posterior_variance, beta, 0.2)
    assert model.distortion + beta * model.rate == pytest.approx(expected, abs=1e-12)
    assert model.rate == pytest.approx(model.rates.sum(), abs=1e-14)


def test_no_neighbour_and_no_stranger_is_better():
    cov, rng = random_covariance(1), np.random.default_rng(2)
    model = linear_vae(cov, 2, 0.7, 0.2)
    least = model.distortion + 0.7 * model.rate
    for scale in [1e-3] * 100 + [1.0] * 100:
        shift = lambda array, scale=scale: array + scale * rng.normal(size=array.shape)
        variance = model.posterior_variance * np.exp(scale * rng.normal(size=2))
        assert loss(cov, shift(model.decoder), shift(model.encoder), variance, 0.7, 0.2) >= least - 1e-12


def test_the_terms_are_those_of_the_matrices():
    rng, cov = np.random.default_rng(7), random_covariance(8)
    decoder, encoder, log_var = (rng.normal(size=shape) for shape in [(5, 2), (2, 5), (2,)])
    distortion, rates = linear_vae_terms(*(torch.from_numpy(array) for array in (cov, decoder, encoder, log_var)), 0.3)
    for beta in (0.0, 1.7):
        expected = loss(cov, decoder, encoder, np.exp(log_var), beta, 0.3)
        assert (distortion + beta * rates.sum()).item() == pytest.approx(expected, abs=1e-12)


def test_rounding_below_zero_is_no_negative_eigenvalue():
    model = linear_vae(np.diag([1e6, 0.0, -0.1]), 3, 1.0, 0.5)
    assert model.rate == pytest.approx(0.5 * math.log(2e6))


def test_the_terms_are_those_of_samples():
    rng = np.random.default_rng(3)
    cov = random_covariance(4)
    decoder, encoder, log_var = (rng.normal(size=shape) for shape in [(5, 2), (2, 5), (2,)])
    distortion, rates = linear_vae_terms(*(torch.from_numpy(array) for array in (cov, decoder, encoder, log_var)), 0.3)
    x = rng.multivariate_normal(np.zeros(5), cov, size=400_000)
    mean = x @ encoder.T
    z = mean + np.exp(log_var / 2) * rng.normal(size=mean.shape)
    each = ((x - z @ decoder.T) ** 2).sum(1) / 0.6 + 2.5 * math.log(2 * math.pi * 0.3)
    kl = (mean**2 + np.exp(log_var) - 1 - log_var) / 2
    for exact, sampled in [(distortion, each), *zip(rates, kl.T, strict=True)]:
        assert abs(exact.item() - sampled.mean()) < 5 * sampled.std() / len(x) ** 0.5


def test_unused_latents_are_silent_and_their_number_is_that_of_eigenvalues_below_the_level():
    model = linear_vae(np.diag([2.0, 0.5, 0.5, 0.1]), 4, 5.0, 0.1)  # two eigenvalues stand exactly at the level
    assert (model.rates > 0).tolist() == [True, False, False, False]
    assert not model.decoder[:, 1:].any() and not model.encoder[1:].any() and (model.posterior_variance[1:] == 1).all()


def test_a_singular_covariance_is_no_obstacle_and_beta_above_the_largest_eigenvalue_leaves_nothing():
    cov = np.diag([1.0, 0.0, 0.0])
    assert linear_vae(cov, 3, 0.01, 0.5).rate == pytest.approx(0.5 * math.log(1 / 0.005))
    assert linear_vae(cov, 3, 2.0, 0.5).rate == 0
    assert linear_vae(np.zeros((2, 2)), 1, 1.0, 0.5).rate == 0


def test_the_rate_is_the_information_that_a_gaussian_source_gives_away():
    cov = random_covariance(5)
    model = linear_vae(cov, 2, 0.3, 0.2)
    cross = model.encoder @ cov
    joint = np.block([[cov, cross.T], [cross, cross @ model.encoder.T + np.diag(model.posterior_variance)]])
    assert model.rate == pytest.approx(gaussian_mutual_information(joint, 5), abs=1e-12)


def test_torch_in_torch_out():
    cov = torch.from_numpy(random_covariance(6)).float()
    model = linear_vae(cov, 2, 1.0, 0.2)
    assert model.decoder.dtype == torch.float32 and isinstance(model.rate, torch.Tensor)
    assert model.rate.item() == pytest.approx(linear_vae(cov.double().numpy(), 2, 1.0, 0.2).rate, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(2), 3, 1.0, 0.1), "n_latents must be between 1 and the 2"),
        ((np.eye(2), 0, 1.0, 0.1), "n_latents"),
        ((np.eye(2), 1, 0.0, 0.1), "beta must be positive"),
        ((np.eye(2), 1, 1.0, math.inf), "noise_variance must be positive"),
        ((np.array([[1.0, 0.5], [0.0, 1.0]]), 1, 1.0, 0.1), "symmetric"),
        ((np.array([[1.0, 2.0], [2.0, 1.0]]), 1, 1.0, 0.1), "negative eigenvalue"),
        ((np.diag([2.0, 1.0, -1.0]), 1, 1.0, 0.1), "negative eigenvalue"),
        ((np.array([[math.nan, 0.0], [0.0, 1.0]]), 1, 1.0, 0.1), "finite"),
    ],
)
def test_what_is_no_problem_to_solve_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        linear_vae(*arguments)
