"""Oracles: enumeration of an encoder's joint, L-BFGS with restarts on the encoder's logits, closed forms, a discretised Gaussian."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from ib_tutorial.information import (
    blahut_arimoto,
    bottleneck,
    conditional_entropy,
    entropy,
    gaussian_bottleneck,
    information_curve,
    mutual_information,
)


def noisy_bit(eps: float) -> np.ndarray:
    return np.array([[1 - eps, eps], [eps, 1 - eps]]) / 2


def random_source(seed: int, n_x: int, n_y: int, concentration: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_x, 2.0))[:, None] * rng.dirichlet(np.full(n_y, concentration), size=n_x)


def lagrangian(p_xy: np.ndarray, q: np.ndarray, beta: float) -> float:
    """H(y|z) + beta I(x;z), through the library's plain functionals (enumerated in test_discrete)."""
    return conditional_entropy(q.T @ p_xy) + beta * mutual_information(p_xy.sum(1)[:, None] * q)


def best_of_lbfgs(p_xy: np.ndarray, beta: float, n_clusters: int, n_restarts: int, seed: int = 0) -> float:
    rng, n_x = np.random.default_rng(seed), len(p_xy)
    p_x = torch.tensor(p_xy.sum(1))
    joint = torch.tensor(p_xy)

    def objective(flat):
        logits = torch.tensor(flat.reshape(n_x, n_clusters), requires_grad=True)
        q = torch.softmax(logits, 1)
        p_z, p_zy = p_x @ q, q.T @ joint
        i_xz = (p_x[:, None] * (torch.xlogy(q, q) - torch.xlogy(q, p_z))).sum()
        value = (torch.xlogy(p_zy, p_z[:, None]) - torch.xlogy(p_zy, p_zy)).sum() + beta * i_xz
        value.backward()
        return value.item(), logits.grad.numpy().ravel()

    starts = rng.normal(scale=3, size=(n_restarts, n_x * n_clusters))
    options = {"maxiter": 600, "ftol": 1e-15, "gtol": 1e-10}
    return min(
        optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun for start in starts
    )


def check_fields(p_xy: np.ndarray, beta: float, found) -> None:
    """Everything the result says follows from its encoder, and no simple encoder is better."""
    q, n_clusters = found.p_z_given_x, found.p_z.size
    assert q.shape == (len(p_xy), n_clusters) and found.p_y_given_z.shape == (n_clusters, p_xy.shape[1])
    np.testing.assert_allclose(q.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(found.p_y_given_z.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(found.p_z, p_xy.sum(1) @ q, atol=1e-12)
    np.testing.assert_allclose(found.p_y_given_z * found.p_z[:, None], q.T @ p_xy, atol=1e-12)
    scale = max(1, beta)
    assert found.i_xz == pytest.approx(mutual_information(p_xy.sum(1)[:, None] * q), abs=1e-12)
    assert found.i_zy == pytest.approx(mutual_information(q.T @ p_xy), abs=1e-12)
    assert found.lagrangian == pytest.approx(lagrangian(p_xy, q, beta), abs=1e-12 * scale)
    rounded = np.eye(n_clusters)[q.argmax(1)]
    rivals = [np.ones((len(q), 1)), rounded] + ([np.eye(len(q))] if n_clusters >= len(q) else [])
    assert found.lagrangian <= min(lagrangian(p_xy, rival, beta) for rival in rivals) + 1e-12 * scale


@pytest.mark.parametrize("eps", [0.02, 0.1, 0.3])
def test_noise_wins_for_the_noisy_bit_exactly_below_the_squared_correlation(eps):
    critical, p_xy = (1 - 2 * eps) ** 2, noisy_bit(eps)
    identity = lambda beta: lagrangian(p_xy, np.eye(2), beta)
    for beta in (0.3 * critical, 0.9 * critical, 0.99 * critical):
        assert blahut_arimoto(p_xy, beta).lagrangian < min(math.log(2), identity(beta)) - 1e-7
    for beta in (1.0001 * critical, 1.1 * critical, 1.0, 2.0):
        found = blahut_arimoto(p_xy, beta)
        assert found.converged and found.i_xz == 0 and found.lagrangian == pytest.approx(math.log(2), abs=1e-14)


def test_the_noisy_bit_in_closed_form():
    """By symmetry z is x flipped with some probability r: one scalar to minimise over."""
    eps, h2 = 0.1, lambda p: float(special.entr(p) + special.entr(1 - p))
    beta = 1 - h2(eps) / math.log(2)
    flipped = optimize.minimize_scalar(
        lambda r: h2(eps * (1 - r) + (1 - eps) * r) + beta * (math.log(2) - h2(r)),
        bounds=(1e-9, 0.3),
        options={"xatol": 1e-12},
    )
    found = blahut_arimoto(noisy_bit(eps), beta, tolerance=1e-12)
    assert found.lagrangian == pytest.approx(flipped.fun, abs=1e-12)
    assert math.log(2) - found.lagrangian == pytest.approx(0.0269, abs=5e-5)
    np.testing.assert_allclose(found.p_z_given_x, [[1 - flipped.x, flipped.x], [flipped.x, 1 - flipped.x]], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed, n_x, n_y, beta",
    [(0, 3, 2, 0.1), (1, 4, 3, 0.3), (2, 5, 4, 0.15), (3, 4, 4, 0.5), (4, 6, 2, 0.05), (5, 5, 3, 0.7)],
)
def test_an_independent_optimiser_finds_nothing_better(seed, n_x, n_y, beta):
    p_xy = random_source(seed, n_x, n_y)
    found, rival = blahut_arimoto(p_xy, beta), best_of_lbfgs(p_xy, beta, n_x, n_restarts=6)
    assert found.converged
    assert found.lagrangian <= rival + 1e-10
    assert found.lagrangian >= rival - 1e-4  # the oracle is not far off either: both solve the same problem
    check_fields(p_xy, beta, found)


@pytest.mark.parametrize(
    "seed, n_x, n_y, beta, n_clusters, nats, i_xz, i_zy",
    [
        (0, 6, 4, 0.1, None, 1.252323064235, 0.963225523, 0.190811109),
        (0, 6, 4, 0.4, None, 1.346811620579, 0.0, 0.0),
        (0, 6, 4, 0.1, 2, 1.266294344411, 0.587677259, 0.139285002),
        (1, 5, 3, 0.05, None, 0.540233108348, 1.316799068, 0.568113229),
        (2, 20, 10, 0.2, None, 2.105217233936, 1.385889617, 0.395973492),
        (3, 8, 2, 0.3, 3, 0.586008184081, 0.233456585, 0.082333775),
    ],
)
def test_the_solver_that_took_one_beta_at_a_time_found_the_same(seed, n_x, n_y, beta, n_clusters, nats, i_xz, i_zy):
    """The numbers are those of version 0.1.0, at a tolerance of 1e-12 nats."""
    found = blahut_arimoto(random_source(seed, n_x, n_y), beta, n_clusters, tolerance=1e-12)
    assert found.converged
    assert found.lagrangian == pytest.approx(nats, abs=2e-12)
    assert (found.i_xz, found.i_zy) == pytest.approx((i_xz, i_zy), abs=2e-9)


def partition(p_xy: np.ndarray, p_z: np.ndarray, p_y_given_z: np.ndarray, beta: float) -> np.ndarray:
    """Z(x) of the clusters that are alive, from the definition."""
    live = p_z > 0
    return p_z[live] @ np.exp(-divergences(p_xy, p_y_given_z[live]) / beta)


def divergences(p_xy: np.ndarray, s: np.ndarray) -> np.ndarray:
    """KL( p(y|x) || s ), [s, x]."""
    p_y_given_x = p_xy / p_xy.sum(1, keepdims=True)
    return special.rel_entr(p_y_given_x, s[:, None]).sum(-1)


def highest_log_g(p_xy: np.ndarray, z_of_x: np.ndarray, beta: float) -> float:
    """max_s log G(s): on a grid of s for two values of y, by L-BFGS on the logits of s for more."""

    def log_g(s):
        return special.logsumexp(np.log(p_xy.sum(1) / z_of_x) - divergences(p_xy, s) / beta, axis=-1)

    n_y = p_xy.shape[1]
    if n_y == 2:
        first = np.linspace(1e-9, 1 - 1e-9, 20_001)
        return log_g(np.stack([first, 1 - first], 1)).max()
    starts = np.random.default_rng(0).normal(scale=2, size=(40, n_y))
    climb = lambda logits: -log_g(special.softmax(logits)[None])[0]
    return -min(optimize.minimize(climb, start, method="L-BFGS-B").fun for start in starts)


@pytest.mark.slow
@pytest.mark.parametrize("n_x, n_y", [(6, 2), (5, 3), (7, 4)])
def test_no_place_for_another_cluster_is_left(n_x, n_y):
    """G(s) <= 1 everywhere, within the tolerance: that is what `converged` promises."""
    p_xy, betas = random_source(n_x, n_x, n_y), [0.02, 0.1, 0.3, 0.6, 0.95]
    for beta, found in zip(betas, information_curve(p_xy, betas)):
        z_of_x = partition(p_xy, found.p_z, found.p_y_given_z, beta)
        assert found.converged
        assert beta * highest_log_g(p_xy, z_of_x, beta) <= 1e-6  # a result's p(y|z) are one step past its certificate


@pytest.mark.slow
@given(st.integers(0, 10**6), st.floats(0.02, 0.95))
@settings(max_examples=40, deadline=None)
def test_whatever_the_clusters_no_encoder_is_below_their_bound(seed, beta):
    p_xy, rng = random_source(seed, 5, 2), np.random.default_rng(seed)
    p_z, p_y_given_z = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2), size=3)
    z_of_x = partition(p_xy, p_z, p_y_given_z, beta)
    phi = -beta * p_xy.sum(1) @ np.log(z_of_x)
    best = blahut_arimoto(p_xy, beta).lagrangian - conditional_entropy(p_xy)
    assert phi - beta * highest_log_g(p_xy, z_of_x, beta) - 1e-6 <= best <= phi + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("seed, n_clusters, beta", [(0, 2, 0.1), (1, 3, 0.05), (2, 2, 1e-6), (3, 3, 0.3)])
def test_too_few_clusters_still_match_the_independent_optimiser(seed, n_clusters, beta):
    p_xy = random_source(seed, 6, 4)
    found = blahut_arimoto(p_xy, beta, n_clusters=n_clusters)
    assert found.p_z_given_x.shape == (6, n_clusters)
    assert found.lagrangian <= best_of_lbfgs(p_xy, beta, n_clusters, n_restarts=12) + 1e-9
    check_fields(p_xy, beta, found)


@pytest.mark.slow
def test_no_deterministic_encoder_is_better():
    p_xy = random_source(8, 4, 3)
    for beta in (1e-6, 0.05, 0.3, 0.9):
        best = min(lagrangian(p_xy, np.eye(4)[list(z)], beta) for z in itertools.product(range(4), repeat=4))
        assert blahut_arimoto(p_xy, beta).lagrangian <= best + 1e-12


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.floats(-6, 1.5))
@settings(max_examples=40, deadline=None)
def test_laws_at_any_table_and_beta(seed, n_x, n_y, log_beta):
    p_xy = random_source(seed, n_x, n_y, concentration=0.3)
    found = blahut_arimoto(p_xy, 10**log_beta)
    check_fields(p_xy, 10**log_beta, found)
    assert found.i_zy <= min(found.i_xz, mutual_information(p_xy)) + 1e-12  # data processing, twice
    assert 0 <= found.i_xz <= entropy(p_xy.sum(1)) + 1e-12


def test_self_consistent_equations_hold_at_the_solution():
    p_xy, beta = random_source(1, 4, 3), 0.2
    found = blahut_arimoto(p_xy, beta)
    live = found.p_z > 0
    p_y_given_x = p_xy / p_xy.sum(1, keepdims=True)
    kl = np.array([[special.rel_entr(row, s).sum() for s in found.p_y_given_z[live]] for row in p_y_given_x])
    expected = special.softmax(np.log(found.p_z[live]) - kl / beta, axis=1)
    np.testing.assert_allclose(found.p_z_given_x[:, live], expected, atol=1e-6)


# Corners

DETERMINISTIC = np.repeat(np.eye(3), 2, axis=0) / 6
NEARLY_DETERMINISTIC = np.repeat(np.eye(3) * (1 - 2e-12) + (1 - np.eye(3)) * 1e-12, 2, axis=0) / 6
CORNERS = {
    "zero cells": np.array([[0.2, 0, 0.1], [0, 0.3, 0], [0.1, 0, 0.3]]),
    "an x that never occurs": np.array([[0.3, 0.1], [0, 0], [0.1, 0.5]]),
    "a y that never occurs": np.array([[0.3, 0, 0.1], [0.1, 0, 0.5]]),
    "one x": np.array([[0.3, 0.7]]),
    "one y": np.array([[0.3], [0.7]]),
    "independent": np.outer([0.2, 0.3, 0.5], [0.6, 0.4]),
    "deterministic": DETERMINISTIC,
    "nearly deterministic": NEARLY_DETERMINISTIC,
    "tiny masses": np.array([[1 - 1e-12, 0], [0.5e-12, 0.5e-12]]),
}


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("beta", [1e-6, 1e-2, 0.5, 0.999999, 1.0, 1e6])
def test_corners(name, beta):
    for n_clusters in (None, 1, 2, 7):
        found = blahut_arimoto(CORNERS[name], beta, n_clusters=n_clusters)
        assert found.converged
        check_fields(CORNERS[name], beta, found)


def test_an_x_that_never_occurs_gets_the_marginal():
    found = blahut_arimoto(CORNERS["an x that never occurs"], 0.05)
    np.testing.assert_allclose(found.p_z_given_x[1], found.p_z, atol=1e-15)


def test_dead_clusters_stand_last_and_say_so():
    found = blahut_arimoto(noisy_bit(0.1), 0.9)
    np.testing.assert_array_equal(found.p_z, [1, 0])
    np.testing.assert_array_equal(found.p_y_given_z, np.full((2, 2), 0.5))


def test_x_that_say_the_same_of_y_are_not_told_apart():
    found = blahut_arimoto(DETERMINISTIC, 1e-6)
    assert found.i_xz == pytest.approx(math.log(3), abs=1e-12)
    np.testing.assert_allclose(found.p_z_given_x[:, :3], np.repeat(np.eye(3), 2, axis=0), atol=1e-12)


def test_rare_x_that_say_different_things_are_told_apart():
    p_xy = np.array([[0.25 - 1e-7, 0.25 - 1e-7], [2e-7, 0], [0, 2e-7], [0.25, 0.25]])
    found = blahut_arimoto(p_xy, 1e-3, tolerance=1e-12)
    assert found.lagrangian <= lagrangian(p_xy, np.eye(4), 1e-3) + 1e-14
    assert np.abs(found.p_z_given_x[1] - found.p_z_given_x[2]).max() > 0.99
    np.testing.assert_allclose(found.p_z_given_x[0], found.p_z_given_x[3], atol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 1.5, 40.0])
def test_from_a_price_of_one_on_the_constant_is_returned_without_a_search(beta):
    """For deterministic labels the identity is as good as the constant at a price of 1."""
    found = blahut_arimoto(DETERMINISTIC, beta)
    assert found.i_xz == found.i_zy == found.n_iterations == 0 and found.converged


@pytest.mark.parametrize("total", [1 - 9e-7, 1 + 9e-7])
def test_a_sum_within_the_tolerance_of_one_is_made_one(total):
    p_xy = random_source(0, 4, 3)
    found, exact = blahut_arimoto(p_xy * total, 0.2), blahut_arimoto(p_xy, 0.2)
    assert found.lagrangian == pytest.approx(exact.lagrangian, abs=1e-9)
    assert found.p_z.sum() == pytest.approx(1, abs=1e-12)


def test_a_search_may_do_without_random_places_and_not_with_fewer():
    p_xy = random_source(0, 5, 3)
    found, usual = (blahut_arimoto(p_xy, 0.2, n_restarts=n) for n in (0, 16))
    assert found.converged and found.lagrangian == pytest.approx(usual.lagrangian, abs=1e-9)
    assert blahut_arimoto(p_xy, 0.2, n_clusters=2, n_restarts=0).converged
    with pytest.raises(ValueError, match="n_restarts must be an integer of at least 0"):
        blahut_arimoto(p_xy, 0.2, n_restarts=-1)


def test_for_deterministic_labels_the_curve_has_one_corner():
    for found in information_curve(DETERMINISTIC, [0.01, 0.5, 0.99]):
        assert (found.i_xz, found.i_zy) == pytest.approx((math.log(3), math.log(3)), abs=1e-9)
    assert blahut_arimoto(DETERMINISTIC, 1.01).i_xz == 0


def test_a_limit_that_is_hit_is_said():
    p_xy = random_source(0, 6, 4)
    assert not blahut_arimoto(p_xy, 0.1, max_iterations=3).converged
    assert not blahut_arimoto(p_xy, 0.1, n_clusters=2, max_iterations=3).converged
    assert blahut_arimoto(p_xy, 0.1).converged


@pytest.mark.parametrize("relative_distance", [1e-2, 1e-3, 1e-4])
def test_just_below_the_critical_beta_the_branch_is_found(relative_distance):
    """Where the plain iteration needs ~1 / distance steps per digit; the gain shrinks with the distance squared."""
    beta = 0.64 * (1 - relative_distance)
    found = blahut_arimoto(noisy_bit(0.1), beta)
    assert found.converged
    assert math.log(2) - found.lagrangian > 1e-0 * relative_distance**2
    assert found.n_iterations < 5000


def test_the_same_seed_gives_the_same_result_and_torch_gives_torch():
    p_xy = random_source(0, 5, 3)
    one, two = (blahut_arimoto(p_xy, 0.1, n_clusters=2, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.p_z_given_x, two.p_z_given_x)
    assert type(one.i_xz) is float and isinstance(one.p_z, np.ndarray)
    single = blahut_arimoto(torch.tensor(p_xy, dtype=torch.float32), 0.1, n_clusters=2)
    assert single.p_z.dtype == torch.float32 and single.lagrangian.shape == ()
    assert single.lagrangian.item() == pytest.approx(one.lagrangian, abs=1e-6)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.i_xz = 0.0


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan, math.inf])
def test_beta_must_be_positive_and_finite(beta):
    for call in (lambda: blahut_arimoto(noisy_bit(0.1), beta), lambda: information_curve(noisy_bit(0.1), [0.5, beta])):
        with pytest.raises(ValueError, match="beta must be positive"):
            call()


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="sums to 4"):
        blahut_arimoto(np.ones((2, 2)), 0.1)
    with pytest.raises(ValueError, match="n_clusters"):
        blahut_arimoto(noisy_bit(0.1), 0.1, n_clusters=0)


# The curve


@pytest.mark.slow
def test_the_curve_comes_in_the_order_of_beta_is_concave_and_has_slope_beta():
    p_xy = random_source(3, 6, 4)
    betas = np.concatenate([np.linspace(0.02, 0.9, 60)[::-1], [0.3]])
    curve = information_curve(p_xy, betas)
    for beta, found in zip(betas, curve):
        assert found.converged
        assert found.lagrangian == pytest.approx(blahut_arimoto(p_xy, float(beta)).lagrangian, abs=1e-8)
    ordered = sorted(zip(betas, curve), key=lambda pair: pair[0])
    for (low, fine), (high, coarse) in itertools.pairwise(ordered):
        if (kept := fine.i_xz - coarse.i_xz) > 1e-6:
            assert low - 1e-3 <= (fine.i_zy - coarse.i_zy) / kept <= high + 1e-3
    values = np.array([found.lagrangian for _, found in ordered])
    slopes = np.diff(values) / np.diff([beta for beta, _ in ordered]).clip(1e-12)
    assert (np.diff(values) >= -1e-12).all()  # the minimum of functions linear in beta: rising and concave in it
    assert (np.diff(slopes) <= 1e-9)[[i for i in range(len(slopes) - 1) if ordered[i + 1][0] > ordered[i][0]]].all()


@pytest.mark.parametrize("batch", [1, bottleneck.BATCH])
def test_a_batch_is_its_rows_one_by_one(monkeypatch, batch):
    monkeypatch.setattr(bottleneck, "BATCH", batch)
    p_xy, betas = random_source(3, 6, 4), [0.9, 0.05, 1.5, 0.2, 0.05, 0.33, 0.338, 0.34]
    for beta, together in zip(betas, information_curve(p_xy, betas), strict=True):
        (alone,) = information_curve(p_xy, [beta])
        assert together.converged and alone.converged
        assert together.lagrangian == pytest.approx(alone.lagrangian, abs=1e-9)
        np.testing.assert_allclose(together.p_z_given_x, alone.p_z_given_x, atol=1e-4)
        check_fields(p_xy, beta, together)


def test_a_curve_of_no_betas_is_empty():
    assert information_curve(noisy_bit(0.1), []) == []


@pytest.mark.slow
def test_a_large_table_is_solved():
    p_xy = random_source(0, 1000, 100, concentration=0.1)
    for beta in (1e-6, 0.6, 1e6):
        found = blahut_arimoto(p_xy, beta)
        assert found.converged
        identity = lagrangian(p_xy, np.eye(1000), beta)
        assert found.lagrangian <= min(entropy(p_xy.sum(0)), identity) + 1e-10 * max(1, beta)


# Gaussian


def canonical(rhos, d_x, d_y, seed):
    """A joint Gaussian with these canonical correlations, in coordinates that hide them."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(d_x, d_x)), rng.normal(size=(d_y, d_y))
    core = np.zeros((d_x, d_y))
    np.fill_diagonal(core, rhos)
    return a @ a.T, b @ b.T, a @ core @ b.T


@pytest.mark.parametrize(
    "d_x, d_y, beta", [(3, 2, 0.1), (2, 3, 0.3), (3, 3, 0.7), (2, 2, 1.5), (3, 2, 1e-6), (2, 2, 1e6)]
)
def test_the_gaussian_encoder_achieves_what_it_says_and_cannot_be_improved(d_x, d_y, beta):
    cov_x, cov_y, cov_xy = canonical([0.9, 0.5, 0.2][: min(d_x, d_y)], d_x, d_y, seed=1)

    def achieved(a):
        """I(x;z) and I(z;y) of z = a x + N(0, 1), from determinants."""
        cov_z = a @ cov_x @ a.T + np.eye(len(a))
        given_y = cov_z - a @ cov_xy @ np.linalg.inv(cov_y) @ cov_xy.T @ a.T
        return np.linalg.slogdet(cov_z)[1] / 2, (np.linalg.slogdet(cov_z)[1] - np.linalg.slogdet(given_y)[1]) / 2

    h_y = np.linalg.slogdet(2 * math.pi * math.e * cov_y)[1] / 2
    value = lambda a: h_y - achieved(a)[1] + beta * achieved(a)[0]
    found = gaussian_bottleneck(cov_x, cov_y, cov_xy, beta)
    scale = max(1, beta)
    assert (found.i_xz, found.i_zy) == pytest.approx(achieved(found.projection), abs=1e-9)
    assert found.lagrangian == pytest.approx(value(found.projection), abs=1e-9 * scale)
    if beta >= 1:
        assert found.i_xz == found.i_zy == 0 and (found.projection == 0).all()
    if 1e-3 < beta < 1e3:
        rng = np.random.default_rng(0)
        starts = rng.normal(size=(4, d_x * d_x))
        rival = min(optimize.minimize(lambda a: value(a.reshape(d_x, d_x)), s, method="BFGS").fun for s in starts)
        assert found.lagrangian <= rival + 1e-9
        assert found.lagrangian >= rival - 1e-5


def test_gaussian_components_open_at_their_squared_correlations():
    cov = canonical([0.9, 0.5], 2, 2, seed=0)
    n_open = lambda beta: int((np.abs(gaussian_bottleneck(*cov, beta).projection).sum(1) > 0).sum())
    assert [n_open(beta) for beta in (0.82, 0.80, 0.26, 0.24)] == [0, 1, 1, 2]


def test_the_gaussian_bottleneck_is_the_limit_of_discretised_ones():
    rho, beta, n = 0.9, 0.3, 41
    u = np.linspace(-4, 4, n)
    p_xy = np.exp(-(u[:, None] ** 2 + u**2 - 2 * rho * u[:, None] * u) / (2 * (1 - rho**2)))
    found = blahut_arimoto(
        p_xy / p_xy.sum(), beta, tolerance=1e-5
    )  # a continuum of near-optima: the last digits come slowly
    exact = gaussian_bottleneck(np.eye(1), np.eye(1), np.full((1, 1), rho), beta)
    assert found.converged
    assert beta * found.i_xz - found.i_zy == pytest.approx(beta * exact.i_xz - exact.i_zy, abs=2e-3)
    assert (found.i_xz, found.i_zy) == pytest.approx((exact.i_xz, exact.i_zy), abs=2e-2)


def test_gaussian_input_is_checked():
    with pytest.raises(ValueError, match="singular"):
        gaussian_bottleneck(np.eye(1), np.eye(1), np.eye(1), 0.5)
    with pytest.raises(ValueError, match="beta must be positive"):
        gaussian_bottleneck(np.eye(1), np.eye(1), np.full((1, 1), 0.5), 0.0)
    found = gaussian_bottleneck(*(torch.tensor(a) for a in canonical([0.5], 1, 2, seed=0)), 0.1)
    assert isinstance(found.projection, torch.Tensor) and found.i_xz.shape == ()
