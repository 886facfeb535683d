"""The beta that a seed is judged at, on records made up by hand."""

import pytest

from ib_tutorial.experiments import choice
from ib_tutorial.experiments.record import Record

BETAS = (0.1, 1.0, 10.0)


def sweep(**curves):
    """A record of some metrics, each with a curve over three betas for every seed."""
    rows = [
        dict(seed=seed, beta=beta, metric=metric, value=value)
        for metric, seeds in curves.items()
        for seed, curve in enumerate(seeds)
        for beta, value in zip(BETAS, curve, strict=True)
    ]
    return Record("x", "smoke", {"betas": [10.0, 0.1, 1.0]}, [0, 1, 2], "", {}, "", {}, "", rows=rows)


LUCKY_SEED = [(0.5, 0.4, 0.0), (0.5, 0.4, 0.45), (0.5, 0.4, 0.45)]
"""On average over the seeds the largest beta is best, and only because of the first seed."""


def test_a_lucky_seed_does_not_choose_the_beta_that_it_is_judged_at():
    record = sweep(validation_error=LUCKY_SEED, test_error=LUCKY_SEED, train_error=[(0, 0, 0)] * 3)
    assert choice.chosen(record, "validation_error") == {0: 1.0, 1: 10.0, 2: 10.0}
    assert choice.gain(record, "test_error") == pytest.approx([10.0, 5.0, 5.0])


def test_ties_go_to_the_smaller_beta_and_a_single_seed_chooses_for_itself():
    assert choice.chosen(sweep(validation_error=[(0.3, 0.2, 0.2)]), "validation_error") == {0: 1.0}


def test_what_is_read_with_the_noise_on_is_chosen_with_the_noise_on():
    falling, rising = [(0.3, 0.2, 0.1)] * 3, [(0.1, 0.2, 0.3)] * 3
    record = sweep(
        validation_error=falling, validation_error_noisy=rising, test_error=falling, test_error_noisy=rising, train_error=[(0, 0, 0)] * 3
    )
    assert choice.gain(record, "test_error") == pytest.approx([20.0] * 3)
    assert choice.gain(record, "test_error_noisy") == pytest.approx([0.0] * 3)
    assert choice.rise(record, "test_error_noisy") == pytest.approx([20.0] * 3)


def test_a_choice_on_an_edge_of_the_grid_is_said():
    record = sweep(validation_error=[(0.3, 0.2, 0.1)] * 3, validation_error_noisy=[(0.3, 0.1, 0.2)] * 3)
    assert choice.edges(record) == (
        "With the noise off, held-out images choose beta 10 (edge of the grid: 10). "
        "With the noise on, held-out images choose beta 1 (no edge of the grid)."
    )
    assert [(row["seed"], row["value"], row["edge"]) for row in choice.rows(record, "validation_error")] == [
        (seed, 10.0, True) for seed in range(3)
    ]


def test_networks_that_have_not_learnt_decide_nothing():
    curves = dict(validation_error=[(0.3, 0.2, 0.4)] * 2, test_error=[(0.3, 0.2, 0.4)] * 2)
    assert choice.gain(sweep(**curves, train_error=[(0.0, 0.1, 0.9)] * 2), "test_error") == pytest.approx([10.0, 10.0])
    assert choice.gain(sweep(**curves, train_error=[(0.0, 0.1, 0.9), (0.0, 0.41, 0.9)]), "test_error") == []
    assert choice.gain(sweep(**curves, train_error=[(0.9, 0.1, 0.1)] * 2), "test_error") == []


def test_a_fall_ends_at_the_largest_beta_that_has_learnt():
    nats = [(9.0, 5.0, 1.0), (8.0, 5.0, 1.0)]
    assert choice.fall(sweep(tc=nats, train_error=[(0.0, 0.1, 0.2), (0.0, 0.1, 0.9)]), "tc") == [4.0, 3.0]
    assert choice.fall(sweep(tc=nats, train_error=[(0.0, 0.1, 0.2)] * 2), "tc") == [8.0, 7.0]
    assert choice.fall(sweep(tc=nats, train_error=[(0.0, 0.9, 0.9)] * 2), "tc") == []
    assert choice.fall(sweep(tc=nats, train_error=[(0.9, 0.1, 0.1)] * 2), "tc") == []


def test_a_record_without_held_out_errors_says_so():
    with pytest.raises(ValueError, match="no validation_error_noisy; .* n_validation must not be 0"):
        choice.chosen(sweep(validation_error=[(0.1, 0.2, 0.3)]), "validation_error_noisy")
