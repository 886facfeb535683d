"""Estimates against what is known: Gaussians, tables, quadrature; and the laws that they keep."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.special import digamma

from ib_tutorial.information import (
    binned_mutual_information,
    entropy,
    info_nce,
    mutual_information,
    nearest_neighbour_mutual_information,
    noisy_mutual_information,
    nwj,
)


def gaussians(n, rho, dimensions=1, seed=0):
    """Pairs whose coordinates have correlation rho, and their information in nats."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dimensions))
    y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, dimensions))
    return x, y, -dimensions / 2 * math.log(1 - rho**2)


def log_ratios(x, y, rho):
    """log p(y_j | x_i) / p(y_j) for every pair of Gaussian samples: the best critic, but for a constant."""
    x, y = torch.from_numpy(x)[:, None], torch.from_numpy(y)[None]
    variance = 1 - rho**2
    return (-((y - rho * x) ** 2) / (2 * variance) + y**2 / 2 - math.log(variance) / 2).sum(-1)


# ---- counts ----


def test_counts_of_symbols_are_the_plug_in_information_of_their_table():
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(12)).reshape(3, 4)
    pairs = rng.choice(12, 500, p=table.flatten())
    x, y = pairs // 4, pairs % 4
    frequencies = np.zeros((3, 4))
    np.add.at(frequencies, (x, y), 1 / 500)
    assert binned_mutual_information(x, y, width=1.0) == pytest.approx(mutual_information(frequencies), abs=1e-12)


def test_numbers_are_rounded_to_the_nearest_multiple_of_the_width():
    x = np.array([[-0.04, 0.0], [0.04, 0.0], [0.96, 0.0], [1.04, 0.0]])  # two bins of width 0.1 around 0 and 1
    assert binned_mutual_information(np.arange(4), x, width=0.1) == pytest.approx(math.log(2))


def test_a_function_of_numbered_samples_has_the_entropy_of_its_bins_and_ends_at_log_n():
    rng = np.random.default_rng(1)
    z = np.tanh(rng.normal(size=(300, 2)))
    found = [binned_mutual_information(np.arange(300), z, width) for width in (1.0, 0.3, 0.1, 1e-6)]
    _, counts = np.unique(np.round(z / 1.0), axis=0, return_counts=True)
    assert found[0] == pytest.approx(entropy(counts / 300)) and found == sorted(found)
    assert found[-1] == pytest.approx(math.log(300))


def test_counts_of_independent_symbols_have_the_bias_that_is_stated():
    rng = np.random.default_rng(2)
    found = [binned_mutual_information(rng.integers(0, 5, 400), rng.integers(0, 4, 400), 1.0) for _ in range(300)]
    assert np.mean(found) == pytest.approx(4 * 3 / (2 * 400), rel=0.1)


def test_bins_in_which_everybody_is_alone_are_refused():
    x, y, _ = gaussians(50, 0.5)
    with pytest.raises(
        ValueError, match=r"width 1e-09 each of the 50 samples is alone .* log\(50\) for any data; give wider bins"
    ):
        binned_mutual_information(x, y, width=1e-9)


def test_two_samples_that_are_alone_are_refused_and_a_single_one_tells_nothing():
    with pytest.raises(ValueError, match="each of the 2 samples is alone"):
        binned_mutual_information(np.array([0.0, 9.0]), np.array([0.0, 9.0]), width=1.0)
    assert binned_mutual_information(np.array([0.3]), np.array([0.7]), width=1.0) == 0


def test_a_width_by_which_numbers_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match="width 4.94066e-324 is too small for x"):
        binned_mutual_information(np.array([1.0]), np.array([1.0]), width=5e-324)


# ---- neighbours ----


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_neighbours_find_the_information_of_two_gaussians(rho):
    found = [nearest_neighbour_mutual_information(*gaussians(500, rho, seed=seed)[:2]) for seed in range(12)]
    error = np.std(found, ddof=1) / math.sqrt(12)
    assert abs(np.mean(found) - gaussians(2, rho)[2]) < 4 * error + 0.01 and error < 0.02


def test_neighbours_agree_with_counting_them_one_by_one():
    x, y, _ = gaussians(40, 0.7, dimensions=2)
    apart = [np.abs(each[:, None] - each[None]).max(-1) for each in (x, y)]
    for each in apart:
        np.fill_diagonal(each, np.inf)
    k = 4
    radius = np.sort(np.maximum(*apart), 1)[:, k - 1 : k]
    psi = [digamma((each < radius).sum(1) + 1) for each in apart]
    expected = digamma(k) + digamma(40) - (psi[0] + psi[1]).mean()
    assert nearest_neighbour_mutual_information(x, y, k) == pytest.approx(expected, abs=1e-12)


def test_neighbours_do_not_change_when_the_variables_change_places_or_units():
    x, y, _ = gaussians(300, 0.8)
    found = nearest_neighbour_mutual_information(x, y)
    assert nearest_neighbour_mutual_information(y, x) == pytest.approx(found, abs=1e-12)
    assert nearest_neighbour_mutual_information(np.sinh(x), np.exp(y)) == pytest.approx(found, abs=0.1)


@pytest.mark.parametrize("n, k", [(3, 3), (1, 1)])
def test_neighbours_need_more_samples_than_k(n, k):
    x, y, _ = gaussians(n, 0.5)
    with pytest.raises(ValueError, match=f"x and y have {n} samples; this estimate needs at least {k + 1}"):
        nearest_neighbour_mutual_information(x, y, k)


# ---- critics ----


def test_the_bounds_are_those_of_plain_loops():
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    f = scores.numpy()
    contrast = np.mean([math.log(math.exp(f[i, i]) / np.mean(np.exp(f[i]))) for i in range(5)])
    apart = np.mean([math.exp(f[i, j] - 1) for i in range(5) for j in range(5) if i != j])
    assert info_nce(scores).item() == pytest.approx(contrast) and nwj(scores).item() == pytest.approx(
        np.diag(f).mean() - apart
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000), st.floats(0.1, 300))
def test_info_nce_never_exceeds_the_logarithm_of_the_batch(n, seed, scale):
    scores = scale * torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert info_nce(scores).item() <= math.log(n) + 1e-9


@pytest.mark.parametrize("critic", [0.0, 0.5, 1.0])
def test_both_bounds_hold_on_average_for_good_and_bad_critics(critic):
    rho = 0.8
    found = {info_nce: [], nwj: []}
    for seed in range(200):
        x, y, truth = gaussians(64, rho, seed=seed)
        scores = critic * log_ratios(x, y, rho)
        found[info_nce].append(info_nce(scores).item())
        found[nwj].append(nwj(scores + 1).item())
    for values in found.values():
        assert np.mean(values) < truth + 3 * np.std(values) / math.sqrt(200)
    if critic == 1:
        assert np.mean(found[nwj]) == pytest.approx(truth, abs=3 * np.std(found[nwj]) / math.sqrt(200))


def test_the_bounds_are_losses():
    scores = torch.zeros(4, 4, requires_grad=True)
    (-info_nce(scores)).backward()
    assert (scores.grad.diagonal() < 0).all() and scores.grad[0, 1] > 0
    assert torch.autograd.gradcheck(
        lambda s: nwj(s) + info_nce(s), torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    )


@pytest.mark.parametrize("bound", [info_nce, nwj])
def test_a_critic_on_one_sample_or_one_that_diverged_is_refused(bound):
    with pytest.raises(ValueError, match=r"at least two samples, but have shape \(1, 1\)"):
        bound(torch.zeros(1, 1))
    with pytest.raises(ValueError, match="scores must be finite"):
        bound(torch.tensor([[0.0, math.nan], [0.0, 0.0]]))


# ---- the known noise ----

MEANS, SCALES = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64), torch.tensor([0.5, 1.0, 0.3], dtype=torch.float64)


def log_normal(z):
    return torch.distributions.Normal(MEANS, SCALES).log_prob(z)


def rounds(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [(MEANS + SCALES * torch.randn(3, generator=generator, dtype=torch.float64))[:, None] for _ in range(n)]


@pytest.mark.slow
@pytest.mark.parametrize("p_x", [None, torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)])
def test_the_information_of_known_noise_is_the_integral_of_its_mixture(p_x):
    weights = np.full(3, 1 / 3) if p_x is None else p_x.numpy()

    def integrand(z):
        densities = stats.norm(MEANS.numpy(), SCALES.numpy()).pdf(z)
        return weights @ (densities * np.log(np.maximum(densities, 1e-300) / (weights @ densities)))

    exact = quad(integrand, -8, 8, limit=300)[0]
    found = noisy_mutual_information(log_normal, rounds(4_000), p_x)
    assert abs(found.value - exact) < 4 * found.se < 0.05


@pytest.mark.slow
def test_its_standard_error_is_the_spread_of_repetitions():
    found = [noisy_mutual_information(log_normal, rounds(20, seed)) for seed in range(150)]
    spread = np.std([each.value for each in found])
    assert np.mean([each.se for each in found]) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_its_standard_error_is_that_of_a_mean_over_x_and_over_draws(n):
    tables = [torch.randn(3, 3, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(n)]
    each = torch.stack([t.diagonal() - torch.logsumexp(t, 1) + math.log(3) for t in tables]).numpy()  # [rounds, x]
    of_x = each.var(0, ddof=1) / n if n > 1 else (each[0] - each.mean()) ** 2
    draws = iter(tables)
    found = noisy_mutual_information(lambda z: next(draws), [torch.zeros(3, 1)] * n)
    assert found == pytest.approx((each.mean(), math.sqrt(of_x.sum() / 9)))


def test_a_single_x_tells_nothing():
    assert noisy_mutual_information(lambda z: torch.zeros(1, 1), [torch.zeros(1, 1)]) == (0.0, 0.0)


def test_no_noise_to_speak_of_tells_all_and_equal_densities_tell_nothing():
    identity = torch.full((4, 4), -math.inf, dtype=torch.float64).fill_diagonal_(0.0)
    assert noisy_mutual_information(lambda z: identity, [torch.zeros(4, 1)]) == pytest.approx((math.log(4), 0.0))
    assert noisy_mutual_information(lambda z: torch.zeros(4, 4), [torch.zeros(4, 1)] * 2) == (0.0, 0.0)


def test_a_table_that_does_not_fit_the_draws_or_an_impossible_draw_is_refused():
    with pytest.raises(
        ValueError, match=r"shape \(2, 3\); it needs a row for each draw and a column for each x, both 2"
    ):
        noisy_mutual_information(lambda z: torch.zeros(2, 3), [torch.zeros(2, 1)])
    with pytest.raises(ValueError, match="not finite for a z and the x that it was drawn from"):
        noisy_mutual_information(lambda z: torch.full((2, 2), -math.inf), [torch.zeros(2, 1)])
    with pytest.raises(ValueError, match="there are no draws"):
        noisy_mutual_information(log_normal, [])


# ---- laws ----


@pytest.mark.parametrize(
    "estimate", [lambda x, y: binned_mutual_information(x, y, 0.5), nearest_neighbour_mutual_information]
)
def test_estimates_refuse_what_is_no_sample_of_pairs(estimate):
    x, y, _ = gaussians(20, 0.5)
    with pytest.raises(ValueError, match="x has 20 samples and y has 19"):
        estimate(x, y[1:])
    x[3] = np.nan
    with pytest.raises(ValueError, match="x must be finite"):
        estimate(x, y)


def test_processing_never_adds_counted_information():
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, y = rng.integers(0, 6, 200), rng.integers(0, 6, 200)
        y = np.where(rng.random(200) < 0.6, x, y)
        coarse = y // 2
        assert binned_mutual_information(x, coarse, 1.0) <= binned_mutual_information(x, y, 1.0) + 1e-12
        relabelled = rng.permutation(6)[y]
        assert binned_mutual_information(x, relabelled, 1.0) == pytest.approx(
            binned_mutual_information(x, y, 1.0), abs=1e-12
        )
        assert binned_mutual_information(y, x, 1.0) == pytest.approx(binned_mutual_information(x, y, 1.0), abs=1e-12)
