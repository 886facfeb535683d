"""Oracles: loops over every cell; slices instead of differences of entropies."""

import math

import numpy as np
import pytest
import torch

from ib_tutorial.information import entropy, mutual_information
from ib_tutorial.information.representation import (
    conditional_mutual_information,
    encoder_of,
    marginal,
    minimal_sufficient,
    represent,
)


def random_table(seed: int, *shape: int, zeros: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.gamma(0.5, size=shape) * (rng.random(shape) >= zeros)
    table.flat[0] += 0.1
    return table / table.sum()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("as_input", [np.asarray, torch.tensor])
def test_conditional_information_is_the_mean_of_that_of_the_slices(seed, as_input):
    p = random_table(seed, 4, 3, 5)
    slices = sum(
        p[:, :, z].sum() * mutual_information(p[:, :, z] / p[:, :, z].sum()) for z in range(5) if p[:, :, z].sum() > 0
    )
    assert float(conditional_mutual_information(as_input(p))) == pytest.approx(slices, abs=1e-12)


def test_the_chain_multiplies_cell_by_cell():
    p, encoder = random_table(0, 4, 3, 2), random_table(1, 4, 5, zeros=0)
    encoder /= encoder.sum(1, keepdims=True)
    joint = represent(p, encoder)
    assert joint.shape == (4, 3, 2, 5)
    for cell in np.ndindex(joint.shape):
        assert joint[cell] == pytest.approx(p[cell[:3]] * encoder[cell[0], cell[3]], abs=1e-15)
    assert type(represent(torch.tensor(p), torch.tensor(encoder))) is torch.Tensor


def test_a_distribution_of_x_alone_can_be_represented():
    assert represent(np.array([0.4, 0.6]), np.array([[0.5, 0.5], [1.0, 0.0]])).tolist() == [[0.2, 0.2], [0.6, 0.0]]


def test_given_its_x_the_representation_tells_nothing_of_y():
    p, encoder = random_table(2, 4, 3), random_table(3, 4, 5, zeros=0)
    joint = represent(p, encoder / encoder.sum(1, keepdims=True))
    assert conditional_mutual_information(joint.transpose(1, 2, 0)) == pytest.approx(0, abs=1e-12)


def test_marginals_keep_the_order_that_is_asked_for():
    p = random_table(4, 2, 3, 4, 5)
    assert np.allclose(marginal(p, 3, 1), np.einsum("abcd->db", p), atol=1e-15)
    assert np.allclose(marginal(p, 0, 1, 2, 3), p, atol=0)
    assert type(marginal(torch.tensor(p), 2)) is torch.Tensor


def test_equal_posteriors_share_a_number_and_unseen_values_have_none():
    p_xy = np.array([[0.1, 0.3], [0.0, 0.0], [0.05, 0.15], [0.3, 0.1]])
    assert minimal_sufficient(p_xy).tolist() == [0, -1, 0, 1]
    assert entropy(represent(p_xy, encoder_of(minimal_sufficient(p_xy))).sum((0, 1))) == pytest.approx(
        -0.6 * math.log(0.6) - 0.4 * math.log(0.4), abs=1e-12
    )


def test_zero_and_negative_zero_are_one_posterior():
    assert minimal_sufficient(np.array([[0.5, 0.0], [0.5, -0.0]])).tolist() == [0, 0]


def test_posteriors_count_as_equal_to_the_decimals_that_are_asked_for():
    p_xy = np.array([[0.35, 0.15], [0.4, 0.1]])
    assert minimal_sufficient(p_xy).tolist() == [0, 1]
    assert minimal_sufficient(p_xy, decimals=0).tolist() == [0, 0]


def test_the_encoder_of_a_function_has_one_1_in_each_row():
    assert encoder_of(np.array([2, -1, 0])).tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: represent(np.array(1.0), np.eye(1)), "p must have x for its first axis"),
        (lambda: encoder_of(np.array([0, -2])), "labels must be integers of at least -1"),
        (lambda: encoder_of(np.array([], dtype=int)), "labels must be integers of at least -1"),
        (lambda: marginal(np.full((2, 2), 0.25), 0, 0), "different ones of 0 to 1"),
        (lambda: marginal(np.full((2, 2), 0.25), 2), "different ones of 0 to 1"),
        (lambda: minimal_sufficient(np.full((2, 2), 0.25), decimals=-1), "decimals must be an integer of at least 0"),
        (lambda: conditional_mutual_information(np.full((2, 2), 0.25)), "three dimensions.*in this order"),
        (lambda: represent(np.full((2, 2), 0.25), np.eye(3)), "one row for each of the 2 values"),
        (lambda: represent(np.full((2, 2), 0.25), np.ones((2, 2))), "each row of p_z_given_x must be a distribution"),
        (lambda: minimal_sufficient(np.full(4, 0.25)), "two dimensions"),
    ],
)
def test_refusals_say_what_is_needed(call, says):
    with pytest.raises(ValueError, match=says):
        call()
