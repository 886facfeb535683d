"""Oracles: enumeration of the joint by loops, a fine grid over binary inputs, Bell numbers, finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ib_tutorial.information import (
    alternating_step,
    blahut_arimoto,
    contraction_coefficient,
    discretised_gaussian,
    information_plane,
    maximal_correlation,
    partitions,
    variational_bound,
)


def source(seed: int, n_x: int = 5, n_y: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_x * n_y, 0.7)).reshape(n_x, n_y)


def rows(seed: int, n: int, m: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(m), n)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), beta=st.floats(0.01, 3))
def test_the_bound_is_the_lagrangian_plus_both_gaps(seed, beta):
    p, encoder, decoder, prior = source(seed), rows(seed + 1, 5, 4), rows(seed + 2, 4, 3), rows(seed + 3, 1, 4)[0]
    bound = variational_bound(p, encoder, decoder, prior, beta)
    loop = sum(
        p[x, y] * encoder[x, z] * (-math.log(decoder[z, y]) + beta * math.log(encoder[x, z] / prior[z]))
        for x in range(5) for y in range(3) for z in range(4)
    )  # fmt: skip
    assert bound.loss == pytest.approx(loop, abs=1e-12)
    assert bound.loss == pytest.approx(bound.lagrangian + bound.decoder_gap + beta * bound.prior_gap, abs=1e-12)
    assert min(bound.decoder_gap, bound.prior_gap) >= 0


def test_the_information_plane_by_loops():
    p, encoder = source(1, 4, 3), rows(2, 4, 2)
    p_x, p_y, p_z = p.sum(1), p.sum(0), p.sum(1) @ encoder
    p_zy = [[sum(encoder[x, z] * p[x, y] for x in range(4)) for y in range(3)] for z in range(2)]
    i_xz = sum(p_x[x] * encoder[x, z] * math.log(encoder[x, z] / p_z[z]) for x in range(4) for z in range(2))
    i_zy = sum(p_zy[z][y] * math.log(p_zy[z][y] / (p_z[z] * p_y[y])) for z in range(2) for y in range(3))
    assert information_plane(p, encoder) == pytest.approx((i_xz, i_zy), abs=1e-12)


def test_a_decoder_that_rules_out_what_happens_costs_infinity():
    decoder = np.array([[1.0, 0, 0], [0, 1, 0]])
    assert variational_bound(source(0), rows(1, 5, 2), decoder, np.array([0.5, 0.5]), 0.1).loss == math.inf


def test_a_rate_of_weight_zero_adds_nothing_even_if_it_is_infinite():
    bound = variational_bound(source(0), rows(1, 5, 2), rows(2, 2, 3), np.array([0.0, 1.0]), 0.0)
    assert bound.rate == math.inf and bound.loss == bound.cross_entropy


def test_the_gradient_of_the_bound_is_its_finite_difference():
    p = torch.tensor(source(3))
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    decoder, prior = torch.tensor(rows(2, 4, 3)), torch.full((4,), 0.25, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda t: variational_bound(p, torch.softmax(t, 1), decoder, prior, 0.3).loss, logits
    )


def test_shapes_that_disagree_are_named():
    with pytest.raises(ValueError, match="q_y_given_z must have one row for each of the 4 values of z"):
        variational_bound(source(0), rows(0, 5, 4), rows(0, 3, 3), np.full(4, 0.25), 1)
    with pytest.raises(ValueError, match="decoder q_y_given_z must have shape"):
        variational_bound(source(0), rows(0, 5, 4), rows(0, 4, 2), np.full(4, 0.25), 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (dict(q_y_given_z=2 * np.full((2, 3), 1 / 3)), "each row of q_y_given_z must be a distribution"),
        (dict(p_z_given_x=np.ones((5, 2))), "each row of p_z_given_x must be a distribution"),
        (dict(q_z=np.ones(2)), "q_z must sum to 1"),
        (dict(beta=-1.0), "beta must be at least 0 and finite, but is -1"),
    ],
)
def test_a_bound_that_bounds_nothing_is_refused(changed, said):
    sound = dict(p_xy=source(0), p_z_given_x=rows(0, 5, 2), q_y_given_z=rows(0, 2, 3), q_z=np.full(2, 0.5), beta=1.0)
    with pytest.raises(ValueError, match=said):
        variational_bound(**sound | changed)


def test_without_a_price_of_nats_the_loss_is_the_cross_entropy():
    bound = variational_bound(source(0), rows(1, 5, 4), rows(2, 4, 3), rows(3, 1, 4)[0], 0)
    assert bound.loss == bound.cross_entropy and bound.lagrangian == bound.h_y_given_z


def test_a_step_by_loops():
    p, encoder, beta = source(7, 4, 3), rows(8, 4, 2), 0.3
    p_x, p_z, p_zy = p.sum(1), [0.0, 0.0], np.zeros((2, 3))
    for x in range(4):
        for z in range(2):
            p_z[z] += p_x[x] * encoder[x, z]
            p_zy[z] += encoder[x, z] * p[x]
    step = alternating_step(p, encoder, beta)
    for x in range(4):
        weights = []
        for z in range(2):
            kl = sum(p[x, y] / p_x[x] * math.log(p[x, y] / p_x[x] * p_z[z] / p_zy[z, y]) for y in range(3))
            weights.append(p_z[z] * math.exp(-kl / beta))
        assert step[x] == pytest.approx([weight / sum(weights) for weight in weights], abs=1e-12)


def test_a_step_without_a_price_takes_the_best_cluster_for_sure():
    p, encoder = source(7, 4, 3), rows(8, 4, 2)
    decoder = (encoder.T @ p) / (encoder.T @ p).sum(1, keepdims=True)
    best = (p @ np.log(decoder).T).argmax(1)
    assert alternating_step(p, encoder, 1e-300).tolist() == np.eye(2)[best].tolist()


def test_a_step_does_not_make_nan_of_an_x_that_never_occurs():
    p = np.array([[0.5, 0.0], [0.0, 0.0], [0.1, 0.4]])
    q = alternating_step(p, rows(1, 3, 2), 0.3)
    np.testing.assert_allclose(q[[0, 2]], alternating_step(p[[0, 2]], rows(1, 3, 2)[[0, 2]], 0.3), atol=1e-12)
    np.testing.assert_allclose(q[1], p.sum(1) @ rows(1, 3, 2), atol=1e-12)


@pytest.mark.parametrize("beta", [0.0, -0.1, math.inf, math.nan])
def test_a_step_without_a_beta_to_divide_by_is_refused(beta):
    with pytest.raises(ValueError, match="beta must be positive and finite"):
        alternating_step(source(0), rows(0, 5, 4), beta)


def test_a_step_never_raises_the_lagrangian_and_stays_at_the_optimum():
    p, beta = source(4), 0.15
    q, before = rows(5, 5, 5), math.inf
    for _ in range(50):
        i_xz, i_zy = information_plane(p, q)
        assert beta * i_xz - i_zy <= before + 1e-13
        before, q = beta * i_xz - i_zy, alternating_step(p, q, beta)
    best = blahut_arimoto(p, beta).p_z_given_x
    np.testing.assert_allclose(alternating_step(p, best, beta), best, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_contraction_of_a_binary_input_against_a_grid(seed):
    p = source(seed, 2, 3)
    p_x, p_y = p.sum(1), p.sum(0)
    a = np.linspace(1e-6, 1 - 1e-6, 200_001)
    r = np.stack([a, 1 - a], 1)
    r_y = r @ (p / p_x[:, None])
    cost = (r * np.log(r / p_x)).sum(1)
    far = cost > 1e-6
    grid = ((r_y * np.log(r_y / p_y)).sum(1)[far] / cost[far]).max()
    assert contraction_coefficient(p) == pytest.approx(grid, abs=2e-5)
    assert contraction_coefficient(p, n_starts=0) == pytest.approx(grid, abs=2e-5)  # from near each x alone
    assert 0 < contraction_coefficient(p, n_iterations=1) <= grid + 2e-5
    assert contraction_coefficient(np.pad(p, ((0, 1), (1, 0)))) == pytest.approx(grid, abs=2e-5)  # what never occurs


def test_a_search_without_a_step_is_refused():
    with pytest.raises(ValueError, match="n_iterations must be an integer of at least 1"):
        contraction_coefficient(source(0), n_iterations=0)
    with pytest.raises(ValueError, match="n_starts must be an integer of at least 0"):
        contraction_coefficient(source(0), n_starts=-1)


@pytest.mark.slow
def test_contraction_lies_between_the_squared_maximal_correlation_and_one():
    for seed in range(10):
        p = source(seed)
        assert maximal_correlation(p) ** 2 <= contraction_coefficient(p) <= 1
    independent = np.outer([0.2, 0.8], [0.3, 0.7])
    assert contraction_coefficient(independent) == 0 and maximal_correlation(independent) < 1e-7
    assert contraction_coefficient(np.array([[0.2, 0], [0.3, 0], [0, 0.5]])) == pytest.approx(1)


def test_no_encoder_beats_the_contraction_coefficient():
    p = source(6)
    eta = contraction_coefficient(p)
    assert blahut_arimoto(p, eta + 1e-3).i_xz < 1e-9 < blahut_arimoto(p, eta - 1e-3).i_xz


@pytest.mark.parametrize("flips", [0.0, 0.1, 0.3])
def test_the_maximal_correlation_of_a_noisy_bit(flips):
    bit = np.array([[1 - flips, flips], [0.0, 0.0], [flips, 1 - flips]]) / 2
    for table in (bit, bit.T):  # with an x, and with a y, that never occurs
        assert maximal_correlation(table) == pytest.approx(1 - 2 * flips, abs=1e-12)
        assert contraction_coefficient(table) == pytest.approx((1 - 2 * flips) ** 2, abs=1e-6)


def test_a_variable_with_one_value_is_correlated_with_nothing():
    for table in ([[0.4, 0.6]], [[0.4], [0.6]], [[0.4, 0.6], [0.0, 0.0]]):
        assert maximal_correlation(np.array(table)) == contraction_coefficient(np.array(table)) == 0


def test_nothing_can_be_put_into_boxes_in_one_way():
    assert list(partitions(0)) == [[]]
    with pytest.raises(ValueError, match="n must be an integer of at least 0"):
        partitions(-1)


def test_partitions_are_as_many_as_the_bell_numbers_and_all_different():
    assert [len({tuple(labels) for labels in partitions(n)}) for n in range(1, 7)] == [1, 2, 5, 15, 52, 203]


def test_the_discretised_gaussian_against_the_bivariate_distribution_function():
    rho, p = 0.6, discretised_gaussian(0.6, 8, 6, span=2.0)
    edges_x, edges_y = np.linspace(-2, 2, 7), np.linspace(-2, 2, 5)
    joint = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]])
    for i, x in enumerate(edges_x):
        for j, y in enumerate(edges_y):
            assert p[: i + 1, : j + 1].sum() == pytest.approx(joint.cdf([x, y]), abs=1e-6)


@pytest.mark.parametrize("span", [0.5, 3.5, 8.9])
def test_cells_and_tails_of_the_discretised_gaussian_have_normal_masses(span):
    p, edges = discretised_gaussian(-0.3, 3, 4, span), np.array([-np.inf, -span, span, np.inf])
    np.testing.assert_allclose(p.sum(1), np.diff(stats.norm.cdf(edges)), atol=1e-12)
    np.testing.assert_allclose(p.sum(0), np.diff(stats.norm.cdf(np.insert(edges, 2, 0))), atol=1e-12)


@pytest.mark.parametrize(
    "arguments", [(1.0, 8, 8), (-1.0, 8, 8), (0.5, 2, 8), (0.5, 8, 2), (0.5, 8, 8, 0.0), (0.5, 8, 8, 9.0)]
)
def test_what_is_no_grid_for_a_gaussian_is_refused(arguments):
    with pytest.raises(ValueError, match="between -1 and 1"):
        discretised_gaussian(*arguments)
