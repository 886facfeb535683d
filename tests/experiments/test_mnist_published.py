"""Fig. 3a as published: its settings, the order of its cells, and its findings."""

import math

import pytest

from ib_tutorial.experiments import mnist_published, run
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge


@pytest.fixture(scope="module")
def smoke():
    return run("mnist_published", "smoke", jobs=1, progress=False)


@pytest.mark.slow
def test_smoke_runs_end_to_end_and_networks_that_have_not_learned_are_not_judged(smoke):
    assert smoke.finished and all(math.isfinite(row["value"]) for row in smoke.rows)
    assert {judge(finding, smoke).n for finding in mnist_published.FINDINGS} == {0}
    assert len(smoke.select(metric="test_error")) == 4 * len(smoke.config["widths"]) * len(smoke.seeds)


def test_the_paper_profile_has_the_papers_settings():
    paper = config("mnist_published", "paper")
    assert (paper.epochs, paper.drops, paper.lr, paper.n_seeds, paper.n_train) == (80, (30, 70), 0.07, 3, 60_000)
    assert (paper.p, paper.beta, paper.max_alpha) == (0.5, 3.0, 0.7)


def test_each_finished_seed_is_a_whole_figure():
    settings = config("mnist_published", "paper")
    cells = [cell for stage in mnist_published.stages(settings) for cell in stage]
    assert [cell["seed"] for cell in cells] == sorted(cell["seed"] for cell in cells)
    first = [cell for cell in cells if cell["seed"] == 0]
    assert {(cell["method"], cell["width"]) for cell in first} == {
        (method, width) for method in ("none", "binary", "information", "log_normal") for width in settings.widths
    }
    methods = list(dict.fromkeys(cell["method"] for cell in first))
    assert methods.index("information") < methods.index("log_normal")


def test_the_findings_follow_the_errors(record_with_errors):
    def verdicts(**errors):
        return [judge(finding, record_with_errors(**errors)).verdict for finding in mnist_published.FINDINGS]

    base = {
        "information": {50: 0.020, 400: 0.015},
        "binary": {50: 0.060, 400: 0.022},
        "log_normal": {50: 0.024, 400: 0.017},
    }
    assert verdicts(**base) == ["supported"] * 3
    assert verdicts(**base | {"binary": {50: 0.022, 400: 0.060}}) == ["supported", "not supported", "supported"]
    assert verdicts(**base | {"information": {50: 0.070, 400: 0.030}})[::2] == ["not supported", "not supported"]
