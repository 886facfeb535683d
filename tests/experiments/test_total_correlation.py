"""Fig. 5: the grid of run D, and what the findings make of a record."""

import pytest

from ib_tutorial.catalogue import RECORDED
from ib_tutorial.experiments import load_record, recorded
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.total_correlation import FINDINGS, stages
from ib_tutorial.experiments.verdicts import judge

BETAS = (0.001, 0.03, 0.3, 3.0)


def made_up(**changed):
    """A record of two seeds in which every claim holds."""
    curves = {
        "train_error": (0.0, 0.05, 0.3, 0.8), "validation_error": (0.43, 0.41, 0.39, 0.8), "validation_error_noisy": (0.43, 0.41, 0.6, 0.9),
        "test_error": (0.43, 0.41, 0.39, 0.8), "test_error_noisy": (0.43, 0.41, 0.6, 0.9), "tc_log_z": (2500, 1700, 300, 2900),
        "tc_log_f": (2500, 2400, 2300, 2900),
    } | changed  # fmt: skip
    rows = [
        dict(seed=seed, beta=beta, metric=metric, value=value + 1e-3 * seed * (beta == 0.001))
        for metric, values in curves.items()
        for seed in (0, 1)
        for beta, value in zip(BETAS, values, strict=True)
    ]
    return Record("total_correlation", "reduced", {"betas": list(BETAS)}, [0, 1], "", {}, "", {}, "", finished=True, rows=rows)


def judged(record):
    return {finding.name.split(".")[1]: judge(finding, record) for finding in FINDINGS}


def test_run_d_has_betas_to_three_and_three_seeds():
    swept, choices = stages(config("total_correlation", "reduced"))
    assert max(cell["beta"] for cell in swept) == 3 and len({cell["seed"] for cell in swept}) == 3
    assert [cell["of_seeds"] for cell in choices] == [3, 3]


def test_every_claim_is_decided_where_networks_have_learnt():
    assert {verdict.verdict for verdict in judged(made_up()).values()} == {"supported"}


def test_total_correlation_is_compared_among_networks_that_do_their_task():
    assert judged(made_up())["falls"].mean == pytest.approx(2500 - 300, abs=0.01)  # and not with the 2,900 of one that does not


@pytest.mark.parametrize(("largest", "verdict"), [(0.51, "supported"), (0.45, "not supported")])
def test_a_rise_is_drastic_beyond_ten_points_above_the_chosen_beta(largest, verdict):
    found = judged(made_up(test_error=(0.43, 0.41, 0.39, largest), train_error=(0.0, 0.05, 0.3, 0.8)))["error_then_rises"]
    assert found.mean == pytest.approx(100 * (largest - 0.39) - 10) and found.verdict == verdict


def test_networks_that_have_not_learnt_decide_nothing():
    assert {verdict.verdict for verdict in judged(made_up(train_error=(0.5, 0.5, 0.5, 0.8))).values()} == {"void"}


def test_the_first_record_decides_nothing_since_its_noisy_readings_had_clean_statistics():
    old = made_up()
    old.format = 1
    assert {verdict.verdict for verdict in judged(old).values()} == {"void"}
    first = load_record(RECORDED / "total_correlation_first.reduced.json")
    assert first.format == 1 and {verdict.verdict for verdict in judged(first).values()} == {"void"}


def test_the_record_says_that_the_noise_makes_the_fall():
    found = judged(recorded("total_correlation", ("reduced",)))
    assert (found["falls"].verdict, found["units_come_apart"].verdict) == ("supported", "not supported")  # the comment beside the first
