"""Oracles: loops over every cell for the values, finite differences for the gradients; hypothesis for the laws."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ib_tutorial.information import (
    conditional_entropy,
    entropy,
    information_plane,
    kl_divergence,
    mutual_information,
    total_correlation,
    variational_bound,
)


def random_table(seed: int, *shape: int, zeros: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.gamma(0.5, size=shape) * (rng.random(shape) >= zeros)
    table.flat[0] += 0.1
    return table / table.sum()


def total_correlation_by_enumeration(table: np.ndarray) -> float:
    total = 0.0
    for cell in itertools.product(*map(range, table.shape)):
        if table[cell] > 0:
            product = math.prod(np.take(table, index, axis).sum() for axis, index in enumerate(cell))
            total += table[cell] * math.log(table[cell] / product)
    return total


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("as_input", [np.asarray, torch.tensor])
def test_values_by_enumeration(seed, as_input):
    p, q = random_table(seed, 4, 3), random_table(seed + 100, 4, 3, zeros=0)
    cells = list(itertools.product(range(4), range(3)))
    h = -sum(p[c] * math.log(p[c]) for c in cells if p[c] > 0)
    kl = sum(p[c] * math.log(p[c] / q[c]) for c in cells if p[c] > 0)
    h_y_given_x = -sum(p[x, y] * math.log(p[x, y] / p[x].sum()) for x, y in cells if p[x, y] > 0)
    assert float(entropy(as_input(p))) == pytest.approx(h, abs=1e-12)
    assert float(kl_divergence(as_input(p), as_input(q))) == pytest.approx(kl, abs=1e-12)
    assert float(conditional_entropy(as_input(p))) == pytest.approx(h_y_given_x, abs=1e-12)
    assert float(mutual_information(as_input(p))) == pytest.approx(total_correlation_by_enumeration(p), abs=1e-12)


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2), (2, 2, 2, 2, 2)])
def test_total_correlation_by_enumeration_at_any_rank(shape):
    p = random_table(7, *shape)
    assert total_correlation(p) == pytest.approx(total_correlation_by_enumeration(p), abs=1e-12)


def test_numpy_gives_floats_and_torch_gives_scalars_of_its_dtype():
    p = random_table(0, 3, 3)
    for functional in (entropy, conditional_entropy, mutual_information, total_correlation):
        assert type(functional(p)) is float
        single = functional(torch.tensor(p, dtype=torch.float32))
        assert single.shape == () and single.dtype == torch.float32
        assert single.item() == pytest.approx(functional(p), abs=1e-6)


def test_nats_not_bits():
    assert entropy(np.full(2, 0.5)) == pytest.approx(math.log(2), abs=1e-15)
    assert mutual_information(np.eye(4) / 4) == pytest.approx(math.log(4), abs=1e-15)


def test_kl_is_infinite_where_only_q_is_zero():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])
    assert kl_divergence(p, q) == math.inf
    assert kl_divergence(q, p) == pytest.approx(math.log(2), abs=1e-15)
    assert kl_divergence(q, q) == 0


def test_information_survives_products_that_underflow():
    tiny = 1e-200  # p(x) p(y) = 1e-400 is 0 in floating point, where p(x, y) is not
    assert mutual_information(np.diag([1 - tiny, tiny])) == pytest.approx(0, abs=1e-150)
    assert math.isfinite(total_correlation(np.diag([0.5, 0.5 - tiny, tiny])))


@pytest.mark.parametrize("functional", [entropy, conditional_entropy, mutual_information, total_correlation])
def test_gradients_agree_with_finite_differences(functional):
    logits = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: functional(torch.softmax(a.flatten(), 0).view(3, 4)), (logits,))


def test_gradients_stay_finite_where_a_softmax_underflows():
    logits = torch.tensor([0.0, 1.0, -2000.0], dtype=torch.float64, requires_grad=True)
    entropy(torch.softmax(logits, 0)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("functional", [entropy, conditional_entropy, mutual_information, total_correlation])
@pytest.mark.parametrize(
    "table, complaint",
    [
        ([[0.5, 0.6]], "sums to 1.1"),
        ([[1.5, -0.5]], "non-negative"),
        ([[float("nan"), 1.0]], "finite"),
        ([[float("inf"), 0.0]], "finite"),
        (np.empty((0, 2)), "empty"),
    ],
)
def test_what_is_no_distribution_is_refused_with_its_reason(functional, table, complaint):
    with pytest.raises(ValueError, match=complaint):
        functional(np.array(table))
    with pytest.raises(ValueError, match=complaint):
        functional(torch.tensor(np.array(table)))


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="two dimensions"):
        mutual_information(np.full(4, 0.25))
    with pytest.raises(ValueError, match="same outcomes"):
        kl_divergence(np.full(4, 0.25), np.full((2, 2), 0.25))
    with pytest.raises(ValueError, match="q must sum to 1"):
        kl_divergence(np.full(2, 0.5), np.full(2, 0.6))


@pytest.mark.parametrize("table", [np.ones(1), np.ones((1, 1)), np.diag([0.0, 1.0]), np.ones(1, np.float32)])
def test_a_point_mass_has_no_negative_entropy_to_print(table):
    for value in (entropy(table), entropy(torch.tensor(table)).item()):
        assert f"{value:.3f}" == "0.000"


@pytest.mark.parametrize("n", [10**4, 10**6])
@pytest.mark.parametrize("convert", [lambda p: p, lambda p: p.numpy()], ids=["torch", "numpy"])
def test_a_large_float32_softmax_is_a_distribution(n, convert):
    p = convert(torch.softmax(torch.zeros(n), 0))
    assert float(entropy(p)) == pytest.approx(math.log(n), rel=1e-3)
    assert float(mutual_information(p.reshape(-1, 100))) == pytest.approx(0, abs=1e-3)
    with pytest.raises(ValueError, match="must sum to 1 within"):
        entropy(p * 1.001)


def test_a_sum_that_float32_explains_is_accepted_and_one_that_float64_does_not_explain_is_refused():
    p = np.full(10**6, (1 + 2e-4) / 10**6)
    assert entropy(p.astype(np.float32)) == pytest.approx(math.log(10**6), rel=1e-3)
    with pytest.raises(ValueError, match="must sum to 1 within 1e-06"):
        entropy(p)


def test_what_is_inside_the_tolerance_together_is_not_refused_further_in():
    p, q = np.full((4, 2), (1 + 9e-7) / 8), np.full((4, 3), (1 + 9e-7) / 3)
    assert information_plane(p, q) == pytest.approx((0, 0), abs=1e-5)
    bound = variational_bound(p, q, np.full((3, 2), 0.5), np.full(3, 1 / 3), 1.0)
    assert bound.cross_entropy == pytest.approx(math.log(2), rel=1e-5)


# The laws

seeds, sizes = st.integers(0, 10**6), st.integers(1, 5)


@pytest.mark.slow
@given(seeds, sizes, sizes)
def test_entropies_are_non_negative_and_conditioning_reduces_entropy(seed, n_x, n_y):
    p = random_table(seed, n_x, n_y)
    assert 0 <= entropy(p) <= math.log(p.size) + 1e-12
    assert 0 <= conditional_entropy(p) <= entropy(p.sum(0)) + 1e-12
    assert mutual_information(p) >= 0
    assert kl_divergence(p, random_table(seed + 1, n_x, n_y, zeros=0)) >= 0


@pytest.mark.slow
@given(seeds, sizes, sizes)
def test_chain_rules(seed, n_x, n_y):
    p = random_table(seed, n_x, n_y)
    assert entropy(p) == pytest.approx(entropy(p.sum(1)) + conditional_entropy(p), abs=1e-12)
    assert mutual_information(p) == pytest.approx(entropy(p.sum(0)) - conditional_entropy(p), abs=1e-12)
    assert mutual_information(p) == pytest.approx(mutual_information(np.ascontiguousarray(p.T)), abs=1e-12)


@given(seeds, sizes, sizes, sizes)
def test_processing_never_adds_information(seed, n_x, n_y, n_z):
    p_xy = random_table(seed, n_x, n_y)
    rng = np.random.default_rng(seed)
    p_z_given_x = rng.dirichlet(np.full(n_z, 0.5), size=n_x)
    assert mutual_information(p_z_given_x.T @ p_xy) <= mutual_information(p_xy) + 1e-12


@pytest.mark.slow
@given(seeds, sizes, sizes, sizes)
def test_total_correlation_is_zero_on_products_and_chains_elsewhere(seed, n_1, n_2, n_3):
    parts = [random_table(seed + i, n) for i, n in enumerate((n_1, n_2, n_3))]
    assert total_correlation(np.einsum("i,j,k->ijk", *parts)) == pytest.approx(0, abs=1e-12)
    p = random_table(seed, n_1, n_2, n_3)
    pair, rest = p.sum(2), p.reshape(n_1 * n_2, n_3)
    assert total_correlation(p) == pytest.approx(mutual_information(pair) + mutual_information(rest), abs=1e-12)


@given(seeds)
def test_total_correlation_is_positive_off_products(seed):
    p = random_table(seed, 2, 2, zeros=0)
    gap = abs(p[0, 0] * p[1, 1] - p[0, 1] * p[1, 0])
    assert total_correlation(p) >= 2 * gap**2 - 1e-12  # Pinsker: the four cells differ from the product by +-gap
