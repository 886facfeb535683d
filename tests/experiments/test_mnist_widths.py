"""Fig. 3a, tuned: how the strength of the noise is chosen, and what the findings make of the errors."""

import pytest
import torch

from ib_tutorial.experiments import fully_connected, mnist_widths, run, vision
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.record import Record, recorded
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge

SMOKE = config("mnist_widths", "smoke")


@pytest.fixture(scope="module")
def smoke():
    return run("mnist_widths", "smoke", jobs=1, progress=False)


def selected(by_strength: dict[float, list[float]], method="information", width=50, growth=None) -> Record:
    """A record of validation errors by strength of noise, one for each selection seed."""
    record = Record("mnist_widths", "smoke", {"lr": 0.07, "widths": [width]}, [0], "", {}, "", {}, "")
    add(record, by_strength, method, width, growth)
    return record


def add(record, by_strength, method="information", width=50, growth=None):
    cell = dict(stage="selection", method=method, width=width) | ({} if growth is None else dict(growth=growth))
    name = mnist_widths.STRENGTH[method]
    record.rows += [
        dict(cell, seed=seed, metric="validation_error", value=value) | {name: strength}
        for strength, values in by_strength.items()
        for seed, value in enumerate(values)
    ]


def test_the_findings_follow_the_errors(record_with_errors):
    """Errors by method and width: each finding must turn round when what it claims is turned round."""

    def verdicts(**errors):
        record = record_with_errors(**errors)
        return {f.name.split(".")[1]: judge(f, record).verdict for f in mnist_widths.FINDINGS}

    base = {
        "information": {50: 0.020, 400: 0.015},
        "binary": {50: 0.030, 400: 0.017},
        "binary_gated": {50: 0.027, 400: 0.016},
        "log_normal": {50: 0.024, 400: 0.017},
    }
    names = ["beats_binary", "most_on_small", "adapting_helps", "equal_parameters"]
    assert verdicts(**base) == dict.fromkeys(names, "supported")
    worse = base | {"information": {50: 0.040, 400: 0.020}}
    assert verdicts(**worse) == dict.fromkeys(names, "not supported")
    assert verdicts(**base | {"binary_gated": {50: 0.019, 400: 0.014}})["equal_parameters"] == "not supported"
    flat = base | {"binary": {50: 0.022, 400: 0.025}}
    assert verdicts(**flat)["beats_binary"] == "supported" and verdicts(**flat)["most_on_small"] == "not supported"


def test_equal_budgets():
    for profile in ("quick", "reduced", "paper"):
        settings = config("mnist_widths", profile)
        selection = [c for cells in mnist_widths.stages(settings) for c in cells if c["stage"] == "selection"]
        trials = [sum(cell["method"] == method for cell in selection) for method in mnist_widths.STRENGTH]
        assert len(set(trials)) == 1 and settings.selection_seeds > 1, profile


def test_a_choice_is_made_by_the_mean_over_the_selection_seeds():
    record = selected({0.3: [0.02, 0.08], 3.0: [0.04, 0.04], 30.0: [0.06, 0.05]})
    assert mnist_widths.best_setting(record, 50, "information") == dict(lr=0.07, beta=3.0, p=None)
    assert mnist_widths.best_setting(record, 50, "log_normal")["beta"] == 3.0
    assert mnist_widths.best_setting(record, 50, "none") == dict(lr=0.07, beta=None, p=None)


def test_of_settings_that_tie_the_smallest_is_chosen_whichever_finished_first():
    one, other = ({3.0: [0.02], 0.3: [0.02], 30.0: [0.05]}, {0.3: [0.02], 30.0: [0.05], 3.0: [0.02]})
    assert mnist_widths.best_setting(selected(one), 50, "information")["beta"] == 0.3
    assert mnist_widths.best_setting(selected(other), 50, "information")["beta"] == 0.3


def test_a_grid_grows_beyond_a_best_value_on_its_edge_until_that_is_inside():
    record = selected({0.3: [0.02], 3.0: [0.03]})
    assert mnist_widths.on_edge(record, 50, "information") and mnist_widths.on_edge(record, 50, "log_normal")
    assert mnist_widths.grown(record, 50, "information", 1) == 0.03
    add(record, {0.03: [0.01]}, growth=1)
    assert mnist_widths.grown(record, 50, "information", 1) == 0.03  # a run that resumes within the growth decides alike
    assert mnist_widths.grown(record, 50, "information", 2) == 0.003
    add(record, {0.003: [0.05]}, growth=2)
    assert mnist_widths.grown(record, 50, "information", 3) is None
    assert not mnist_widths.on_edge(record, 50, "information")
    assert mnist_widths.best_setting(record, 50, "information")["beta"] == 0.03


@pytest.mark.parametrize(("values", "beyond"), [({0.1: [0.02], 0.2: [0.03]}, 0.0526), ({0.2: [0.03], 0.5: [0.02]}, 0.667)])
def test_a_grid_of_drop_probabilities_grows_within_0_and_1(values, beyond):
    assert mnist_widths.grown(selected(values, "binary"), 50, "binary", 1) == beyond


def test_a_growth_that_is_not_needed_trains_nothing(monkeypatch):
    monkeypatch.setattr(vision, "trained", lambda *_, **__: pytest.fail("a network was trained"))
    record = selected({0.3: [0.03], 3.0: [0.02], 30.0: [0.03]})
    cell = dict(stage="selection", method="information", width=50, seed=0, growth=1)
    (row,) = mnist_widths.run_cell(cell, Context(SMOKE, None, record, torch.device("cpu")))
    assert row["metric"] == "not_needed"


@pytest.mark.slow
def test_a_choice_on_the_edge_of_its_grid_is_marked_in_the_record(smoke):
    for row in smoke.select(stage="final", metric="test_error"):
        assert row["edge"] == mnist_widths.on_edge(smoke, row["width"], row["method"])
        assert row["method"] != "none" or not row["edge"]
    grids = [
        {row[name] for row in smoke.select(stage="selection", width=width, method=method, metric="validation_error")}
        for width in SMOKE.widths
        for method, name in mnist_widths.STRENGTH.items()
    ]
    assert all(len(grid) == 3 for grid in grids)  # of two values, one is on an edge: each grid has grown


def test_the_first_record_is_still_read():
    """It chose learning rates too, on one seed, and let the gated network choose for itself."""
    record = recorded("mnist_widths", ["reduced"])
    if "lrs" in record.config:
        assert mnist_widths.best_setting(record, 400, "information") == dict(lr=0.02, beta=0.3, p=None)
        assert mnist_widths.best_setting(record, 400, "binary_gated")["p"] == 0.1
        assert mnist_widths.best_setting(record, 200, "none")["lr"] == 0.035
        assert mnist_widths.on_edge(record, 50, "binary") and not mnist_widths.on_edge(record, 200, "information")
    assert all(judge(finding, record).n == len(record.seeds) for finding in mnist_widths.FINDINGS)


def test_selection_never_reads_the_test_set_nor_trains_on_what_it_validates_with(record_with_errors, monkeypatch):
    seen = {}
    monkeypatch.setattr(vision, "fit", lambda network, x, y, **_: seen.update(fit=x) or [])
    real = mnist_widths.evaluate
    monkeypatch.setattr(
        mnist_widths,
        "evaluate",
        lambda network, x, y, **options: seen.setdefault("evaluate", []).append(x) or real(network, x, y),
    )
    cell = mnist_widths.stages(SMOKE)[0][0]
    mnist_widths.run_cell(cell, Context(SMOKE, None, record_with_errors(), torch.device("cpu")))
    train, _ = fully_connected.digits(SMOKE, None, torch.device("cpu"), cell["seed"])
    (validated,) = seen["evaluate"]
    assert torch.equal(validated, train.x[: SMOKE.n_validation])
    assert torch.equal(seen["fit"], train.x[SMOKE.n_validation :])
