"""The comparisons that findings make, on records made up by hand."""

import pytest

from ib_tutorial.experiments.comparisons import (
    chosen_beta,
    gains,
    learned_gains,
    over_widths,
    small_minus_large,
)
from ib_tutorial.experiments.record import Record

LEARNED = 0.10


def sweep(values):
    """A record of one metric for three betas and len(values) seeds."""
    rows = [
        dict(seed=seed, beta=beta, metric="validation_error", value=value)
        for seed, curve in enumerate(values)
        for beta, value in zip((0.1, 1.0, 10.0), curve, strict=True)
    ]
    return Record("x", "smoke", {"betas": [10.0, 0.1, 1.0]}, [0], "", {}, "", {}, "", rows=rows)


def test_the_chosen_beta_is_best_on_average_over_seeds():
    assert chosen_beta(sweep([(0.3, 0.2, 0.25), (0.1, 0.25, 0.3)])) == 0.1
    assert chosen_beta(sweep([(0.3, 0.2, 0.2)])) == 1.0


def test_a_record_that_is_still_growing_can_be_drawn(record_with_errors):
    record = record_with_errors(finished=False)
    record.rows = [row for row in record.rows if (row["method"], row["seed"]) != ("binary", 1)]
    assert {width: len(values) for width, values in gains(record, "binary").items()} == {50: 2, 400: 2}
    assert gains(record, "none") == {50: [], 400: []} and over_widths(gains(record, "none")) == []


def test_only_widths_at_which_every_network_of_both_methods_has_learned_are_judged(record_with_errors):
    widths = dict.fromkeys((50, 100, 400))
    record = record_with_errors(
        information=dict.fromkeys(widths, 0.02), binary={50: 0.90, 100: 0.03, 400: 0.025}, log_normal={}
    )
    record.config["widths"] = list(widths)

    def learn(method, width, error):
        record.rows.append(dict(method=method, width=width, seed=len(record.rows), metric="train_error", value=error))

    learn("binary", 50, 0.05)
    assert small_minus_large(learned_gains(record, "binary", LEARNED))[1] == pytest.approx(87.5)
    learn("binary", 50, LEARNED + 0.001)
    assert small_minus_large(learned_gains(record, "binary", LEARNED))[1] == pytest.approx(0.5)
    assert over_widths(learned_gains(record, "binary", LEARNED))[1] == pytest.approx(0.74, abs=0.02)
    learn("information", 400, 0.5)
    assert over_widths(learned_gains(record, "binary", LEARNED)) == small_minus_large(learned_gains(record, "binary", LEARNED)) == []
    assert all(gains(record, "binary").values())  # a figure draws them all
