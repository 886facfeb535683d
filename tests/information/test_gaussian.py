"""Oracles: sampled covariances (Wishart) for the bias, quadrature over a grid and conditional variances for the values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from ib_tutorial.information import (
    gaussian_bottleneck,
    gaussian_mutual_information,
    gaussian_total_correlation,
    mutual_information,
)


def random_covariance(seed: int, d: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(d, d + 2))
    return factor @ factor.T


def test_one_correlation_in_closed_form():
    rho = 0.8
    cov = np.array([[4.0, 2 * rho], [2 * rho, 1.0]])
    expected = -0.5 * math.log(1 - rho**2)
    assert gaussian_mutual_information(cov, 1) == pytest.approx(expected, abs=1e-14)
    assert gaussian_total_correlation(cov) == pytest.approx(expected, abs=1e-14)


def test_mutual_information_is_that_of_the_density_on_a_grid():
    rho, u = 0.6, np.linspace(-8, 8, 401)
    density = np.exp(-(u[:, None] ** 2 + u**2 - 2 * rho * u[:, None] * u) / (2 * (1 - rho**2)))
    on_grid = mutual_information(density / density.sum())  # the trapezoid rule is spectrally accurate for a Gaussian
    assert gaussian_mutual_information(np.array([[1, rho], [rho, 1]]), 1) == pytest.approx(on_grid, abs=1e-10)


@pytest.mark.parametrize("seed, d, n_x", [(0, 3, 1), (1, 5, 2), (2, 6, 5)])
def test_mutual_information_by_conditional_entropy(seed, d, n_x):
    cov = random_covariance(seed, d)
    x, y, xy = cov[:n_x, :n_x], cov[n_x:, n_x:], cov[:n_x, n_x:]
    expected = 0.5 * (np.linalg.slogdet(y)[1] - np.linalg.slogdet(y - xy.T @ np.linalg.inv(x) @ xy)[1])
    assert gaussian_mutual_information(cov, n_x) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("seed, d", [(0, 2), (1, 5), (2, 12)])
def test_total_correlation_is_a_chain_of_mutual_informations(seed, d):
    cov = random_covariance(seed, d)
    chain = sum(gaussian_mutual_information(np.ascontiguousarray(cov[:k, :k]), k - 1) for k in range(2, d + 1))
    assert gaussian_total_correlation(cov) == pytest.approx(chain, abs=1e-10)


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_laws(seed, d):
    cov = random_covariance(seed, d)
    scale = np.exp(np.random.default_rng(seed).normal(scale=5, size=d))
    total = gaussian_total_correlation(cov)
    assert total >= 0
    assert gaussian_total_correlation(cov * scale[:, None] * scale) == pytest.approx(total, abs=1e-9)
    assert gaussian_total_correlation(np.diag(np.diag(cov))) == pytest.approx(0, abs=1e-14)
    assert gaussian_mutual_information(cov, 1) <= total + 1e-12  # it is one term of the chain
    noisy = cov + np.diag(np.diag(cov))  # independent noise lowers both
    assert gaussian_total_correlation(noisy) <= total + 1e-12
    assert gaussian_mutual_information(noisy, 1) <= gaussian_mutual_information(cov, 1) + 1e-12


@pytest.mark.slow
def test_the_bias_is_removed_whatever_the_covariance():
    rng = np.random.default_rng(0)
    n, d, repeats = 40, 8, 2000
    for cov in (np.eye(d), random_covariance(3, d)):
        samples = rng.normal(size=(repeats, n, d)) @ np.linalg.cholesky(cov).T
        estimates = np.array([gaussian_total_correlation(np.cov(sample.T), n_samples=n) for sample in samples])
        error = estimates.std() / math.sqrt(repeats)
        assert abs(estimates.mean() - gaussian_total_correlation(cov)) < 4 * error
        assert error < 0.02  # the bias itself is 0.83 nats here


@pytest.mark.parametrize("n", [3, 4, 11])
def test_the_bias_of_two_units_is_an_integral(n):
    """The squared correlation r^2 of n samples of two independent units has a beta distribution."""
    density = lambda r: stats.beta.pdf((1 + r) / 2, n / 2 - 1, n / 2 - 1) / 2  # of r itself
    expected = integrate.quad(lambda r: -density(r) * math.log1p(-(r**2)) / 2, -1, 1, limit=200)[0]
    bias = gaussian_total_correlation(np.eye(2)) - gaussian_total_correlation(np.eye(2), n_samples=n)
    assert bias == pytest.approx(expected, abs=1e-7)


@pytest.mark.slow
def test_the_bias_at_the_size_of_the_paper():
    """265 nats for 10,000 images and 3,072 units: what the plug-in would report of units that are independent."""
    bias = gaussian_total_correlation(np.eye(3072)) - gaussian_total_correlation(np.eye(3072), n_samples=10_000)
    assert bias == pytest.approx(264.98, abs=0.4)


def test_torch_in_torch_out_and_gradients():
    cov = torch.tensor(random_covariance(0, 4))
    factor = torch.linalg.cholesky(cov).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: gaussian_total_correlation(a @ a.T, n_samples=9), (factor,))
    assert torch.autograd.gradcheck(lambda a: gaussian_mutual_information(a @ a.T, 2), (factor,))
    single = gaussian_total_correlation(cov.float())
    assert single.dtype == torch.float32 and single.shape == ()
    assert single.item() == pytest.approx(gaussian_total_correlation(cov.numpy()), abs=1e-4)


def test_a_singular_covariance_is_refused_with_its_reason():
    samples = np.random.default_rng(0).normal(size=(10, 20))
    with pytest.raises(ValueError, match="n_samples must exceed the 20 dimensions"):
        gaussian_total_correlation(np.cov(samples.T), n_samples=10)
    with pytest.raises(ValueError, match="n_samples must exceed the 20 dimensions.*at least 21 samples"):
        gaussian_total_correlation(np.eye(20), n_samples=20)
    with pytest.raises(ValueError, match="linear functions of others"):
        gaussian_total_correlation(np.cov(samples.T))
    with pytest.raises(ValueError, match="linear functions of others"):
        gaussian_total_correlation(torch.cov(torch.tensor(samples.T, dtype=torch.float32)))
    with pytest.raises(ValueError, match="linear functions of others"):
        gaussian_mutual_information(np.ones((2, 2)), 1)
    with pytest.raises(ValueError, match="number 1.*dead units"):
        gaussian_total_correlation(np.diag([1.0, 0.0, 2.0]))


@pytest.mark.parametrize(
    "cov, complaint",
    [
        ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
        ([[1.0, math.nan], [math.nan, 1.0]], "finite"),
        ([[1.0, 2.0], [2.0, 1.0]], "singular|definite"),
    ],
)
def test_what_is_no_covariance_is_refused(cov, complaint):
    with pytest.raises(ValueError, match=complaint):
        gaussian_total_correlation(np.array(cov))
    with pytest.raises(ValueError, match=complaint):
        gaussian_mutual_information(np.array(cov), 1)


def test_rounding_is_no_asymmetry():
    cov = np.array([[2.0, 0.5], [0.5 + 1e-9, 1.0]])
    assert gaussian_total_correlation(cov) == pytest.approx(-math.log(1 - 0.125) / 2, abs=1e-8)
    with pytest.raises(ValueError, match="symmetric"):
        gaussian_total_correlation(cov + [[0, 0], [1e-6, 0]])


def test_a_unit_that_others_determine_to_its_last_digits_is_refused():
    """In float64, Cholesky's algorithm does not fail here: what is left of the last variance is positive, but below float32's rounding."""
    cov = torch.tensor([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8], [0.6, 0.8, 1 + 2.4e-7]])
    with pytest.raises(ValueError, match="linear functions of others"):
        gaussian_total_correlation(cov)
    apart = gaussian_total_correlation(cov + torch.diag(torch.tensor([0.0, 0.0, 1e-3])))
    assert apart.item() == pytest.approx(-math.log(1e-3) / 2, abs=0.01)


def test_the_least_precise_of_three_covariances_decides_what_is_singular():
    cov_x, cov_y, cov_xy = np.array([[1, 1], [1, 1 + 2.4e-7]]), np.eye(1), np.zeros((2, 1))
    assert gaussian_bottleneck(cov_x, cov_y, cov_xy, 0.5).i_xz == 0
    with pytest.raises(ValueError, match="linear functions of others, to the precision of 1e-07"):
        gaussian_bottleneck(cov_x.astype(np.float32), cov_y, cov_xy, 0.5)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (4,), (0, 0)])
def test_what_is_no_square_table_is_refused(shape, unchecked):
    with pytest.raises(ValueError, match="must be a square covariance matrix"):
        gaussian_total_correlation(np.ones(shape))


def test_n_x_must_leave_both_sides_something():
    for n_x in (0, 2, -1):
        with pytest.raises(ValueError, match="n_x"):
            gaussian_mutual_information(np.eye(2), n_x)
