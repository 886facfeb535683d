"""Figs 3b and 6: how the strength of the noise is chosen, and what the findings make of errors and nats."""

from dataclasses import replace

import pytest
import torch

from ib_tutorial.experiments import cifar_filters as experiment
from ib_tutorial.experiments import run, vision
from ib_tutorial.experiments.comparisons import RIVALS, final, gains
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.mnist_widths import best_setting
from ib_tutorial.experiments.record import Record, recorded
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.nn import BinaryDropout

SMOKE = config("cifar_filters", "smoke")


@pytest.fixture(scope="module")
def smoke():
    return run("cifar_filters", "smoke", jobs=1, progress=False)


def cells(profile):
    return [cell for stage in experiment.stages(config("cifar_filters", profile)) for cell in stage]


@pytest.mark.parametrize("profile", ["reduced", "paper"])
def test_the_choice_is_made_at_full_length_with_two_seeds_and_equal_budgets(profile):
    settings = config("cifar_filters", profile)
    selection = [cell for cell in cells(profile) if cell["stage"] == "selection"]
    trials = {sum(cell["method"] == method for cell in selection) for method in settings.tuned}
    assert len(trials) == 1 and settings.selection_seeds >= 2
    assert not hasattr(settings, "selection_epochs")


def test_a_method_with_one_value_has_nothing_to_choose():
    for profile in ("quick", "authors"):
        assert not any(cell["stage"] == "selection" for cell in cells(profile))


def test_figure_6_has_one_beta_at_the_authors_weight_of_a_nat():
    for profile in ("reduced", "paper"):
        settings = config("cifar_filters", profile)
        (beta,) = settings.fixed_betas
        assert beta / settings.n_train == pytest.approx(2e-5) and len(settings.fixed_widths) == 3


@pytest.mark.slow
def test_a_smoke_run_grows_its_grid_and_marks_what_stays_on_an_edge(smoke):
    for width in SMOKE.widths:
        tried = {row["beta"] for row in smoke.select(stage="selection", width=width, metric="validation_error")}
        assert len(tried) == 3  # of two values, one is on an edge
    for row in smoke.select(stage="final", metric="test_error"):
        follows = row["method"] in ("information", "log_normal")
        assert row["edge"] == (follows and experiment.on_edge(smoke, row["width"], "information"))
    assert not any(row["edge"] for row in smoke.select(stage="fixed", metric="test_error"))


def test_a_run_has_binary_dropout_at_one_half_and_figure_6_at_its_own_beta(smoke):
    for width in SMOKE.widths:
        assert len(final(smoke, "test_error", "half", width)) == SMOKE.n_seeds
        assert experiment.nats(smoke, "kl_1")[width] == [
            row["value"] for row in smoke.select(stage="fixed", method="information", metric="kl_1", width=width)
        ]
        assert len(final(smoke, "test_error", "none", width)) == SMOKE.control_seeds


def made_up(errors, train_error=0.1, kl=None, seeds=8) -> Record:
    """errors: test errors at the two widths, by method. kl: totals of the layers at three widths."""
    settings = {"widths": [0.125, 0.25], "fixed_widths": [0.125, 0.25, 0.5], "betas": [0.1]}
    record = Record("cifar_filters", "reduced", settings, list(range(seeds)), "", {}, "", {}, "", finished=True)
    for method, by_width in errors.items():
        which = RIVALS.get(method, dict(stage="final", method=method))
        for width, error in zip(settings["widths"], by_width, strict=True):
            for seed in range(3 if method == "binary_gated" else seeds):
                cell = dict(which, width=width, seed=seed)
                shift = 1e-4 * (seed % 3) * (method == "information")
                record.rows += [
                    dict(cell, metric="test_error", value=error + shift),
                    dict(cell, metric="train_error", value=train_error[method] if isinstance(train_error, dict) else train_error),
                ]
    for layer, totals in (kl or {}).items():
        for width, total in zip(settings["fixed_widths"], totals, strict=True):
            for seed in range(3):
                cell = dict(stage="fixed", method="information", beta=0.06, width=width, seed=seed)
                found = {f"kl_{layer}": total + seed, f"kl_per_unit_{layer}": (total + seed) / (layer * width), "train_error": 0.2}
                record.rows += [dict(cell, metric=metric, value=value) for metric, value in found.items()]
    return record


def verdicts(record):
    return {finding.name.split(".")[1]: judge(finding, record).verdict for finding in experiment.FINDINGS}


ERRORS = {"information": (0.40, 0.39), "binary": (0.42, 0.40), "binary_gated": (0.41, 0.40), "half": (0.50, 0.45)}


def test_the_findings_on_errors_turn_round_with_the_errors():
    names = ["no_worse_than_binary", "most_with_few_filters", "equal_parameters", "beats_half", "half_most_with_few_filters"]
    assert all(verdicts(made_up(ERRORS))[name] == "supported" for name in names)
    turned = ERRORS | {"information": (0.60, 0.47)}
    assert all(verdicts(made_up(turned))[name] == "not supported" for name in names)


def test_controls_with_fewer_seeds_are_paired_with_their_own():
    record = made_up(ERRORS)
    assert [len(points) for points in gains(record, "binary_gated").values()] == [3, 3]
    assert [len(points) for points in gains(record, "binary").values()] == [8, 8]


def test_a_rival_that_has_not_learned_makes_its_findings_void_and_no_others():
    record = made_up(ERRORS, train_error=dict.fromkeys(ERRORS, 0.1) | {"half": 0.41})
    found = verdicts(record)
    assert found["beats_half"] == found["half_most_with_few_filters"] == "void"
    assert found["no_worse_than_binary"] == found["equal_parameters"] == "supported"


def test_the_findings_on_nats_follow_them():
    found = verdicts(made_up({}, kl={1: (1000, 1100, 1200), 2: (700, 800, 900)}))
    assert found["total_constant"] == found["second_layer_less_in_total"] == "supported"
    assert found["fewer_filters_more_per_unit"] == "supported" and found["second_layer_more_per_unit"] == "not supported"
    assert verdicts(made_up({}, kl={1: (1000, 1100, 1200), 2: (300, 500, 900)}))["total_constant"] == "not supported"


def test_nats_of_networks_that_have_not_learned_are_void():
    record = made_up({}, kl={1: (1000, 1100, 1200), 2: (700, 800, 900)})
    record.select(metric="train_error")[0]["value"] = 0.5
    assert verdicts(record)["total_constant"] == verdicts(record)["fewer_filters_more_per_unit"] == "void"


def test_the_first_record_is_still_read_and_its_noisy_readings_are_void():
    record = recorded("cifar_filters", ["reduced"])
    if record.format == 1:
        found = verdicts(record)
        readings = ("total_constant", "second_layer_less_in_total", "second_layer_more_per_unit", "fewer_filters_more_per_unit")
        assert all(found[name] == "void" for name in (*readings, "beats_half"))
        assert found["no_worse_than_binary"] == found["equal_parameters"] == "inconclusive"
        assert best_setting(record, 0.25, "information")["beta"] == 0.001
        assert best_setting(record, 0.25, "none")["lr"] in record.config["plain_lrs"]
        assert set(experiment.nats(record, "kl_1")) == {0.125, 0.25, 0.5}


def test_the_authors_setting_is_what_their_code_has():
    settings, ours = config("cifar_filters", "authors"), config("cifar_filters", "reduced")
    assert (settings.preparation, settings.weight_decay, settings.keep_input, settings.variant) == ("whitened", 1e-3, 0.8, "code")
    assert settings.betas[0] / settings.n_train == pytest.approx(2e-5) and settings.fixed_drop_rates == (0.5,)
    assert (settings.n_train, settings.epochs, settings.widths) == (ours.n_train, ours.epochs, ours.widths)
    assert {(cell["stage"], cell["method"]) for cell in cells("authors")} == {
        ("final", "information"), ("final", "none"), ("fixed", "binary"),
    }  # fmt: skip


@pytest.mark.slow
def test_a_cell_of_the_authors_setting_runs_and_the_noise_on_the_input_is_no_layer_of_figure_6(monkeypatch):
    seen = {}
    real = vision.trained
    monkeypatch.setattr(vision, "trained", lambda build, data, settings, **how: seen.update(
        network=build(), decay=settings.weight_decay) or real(build, data, settings, **how))  # fmt: skip
    settings = replace(SMOKE, preparation="whitened", weight_decay=1e-3, keep_input=0.8, variant="code")
    record = Record("cifar_filters", "authors", {}, [0], "", {}, "", {}, "")
    cell = dict(stage="fixed", method="information", beta=0.1, width=0.04, seed=0)
    found = experiment.run_cell(cell, Context(settings, None, record, torch.device("cpu")))
    rows = {row["metric"]: row["value"] for row in found}
    assert isinstance(seen["network"].layers[0], BinaryDropout) and seen["decay"] == 1e-3
    assert rows["kl_1"] > 0 and "kl_3" not in rows
    assert rows["kl_1"] / rows["kl_per_unit_1"] == pytest.approx(4 * 16 * 16)
