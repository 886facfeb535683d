"""The figures of measuring information show the numbers of the record, and an estimate that is off the axis stays in sight."""

import math

import numpy as np
import pytest

from ib_tutorial.experiments import recorded
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.measuring_information import at_end, estimates
from ib_tutorial.figures import (
    binned_over_training,
    clusters,
    coded_pairs,
    error_and_bound,
    estimators_against_truth,
    information_and_cost,
    squared_bottleneck,
)


@pytest.fixture(scope="module")
def record():
    return recorded("measuring_information", ["reduced"])


@pytest.mark.slow
@pytest.mark.parametrize("task, n", [("sphere", 3276), ("digits", 4000)])
def test_a_line_for_each_width_and_the_logarithm_of_the_images(record, task, n):
    axes = binned_over_training(record, task).axes
    assert [axis.get_title() for axis in axes] == ["tanh units", "ReLU units"]
    for axis in axes:
        assert axis.get_legend_handles_labels()[1] == ["1/15", "1/100", "one trillionth"]
        assert any(np.allclose(line.get_ydata(), math.log(n)) and line.get_ls() == "--" for line in axis.lines)


@pytest.mark.slow
def test_cost_and_information_are_the_means_over_the_seeds(record):
    left, right = information_and_cost(record).axes
    lines = {line.get_label(): line for line in left.lines}
    for label, metric in (("cost paid", "cost"), ("I(x;z)", "information")):
        means = [np.mean(at_end(record, metric, beta)) for beta in sorted(record.config["betas"])]
        np.testing.assert_allclose(lines[label].get_ydata(), means)
    assert len([text for text in right.texts if text.get_text().startswith("β")]) == len(record.config["betas"])


@pytest.mark.slow
def test_estimates_are_medians_and_those_below_the_axis_lie_on_it(record):
    axis = estimators_against_truth(record).axes[0]
    lines = {line.get_label(): line for line in axis.lines}
    dimensions = [d for d in record.config["dimensions"] if estimates(record, "nwj", d)]
    np.testing.assert_allclose(lines["NWJ, trained critic"].get_xdata(), [by_seed(record, "truth", dimensions=d)[0] for d in dimensions])
    np.testing.assert_allclose(lines["NWJ, trained critic"].get_ydata(), [np.median(estimates(record, "nwj", d)) for d in dimensions])
    low, _ = axis.get_ylim()
    assert all(min(line.get_ydata()) > low for line in axis.lines if line.get_marker() == ".")
    assert min(min(estimates(record, "nwj", d)) for d in dimensions) < low, "the record has one that would be out of sight"


def test_small_figures_draw_what_they_are_given():
    axes = clusters({"early": np.zeros((4, 2)), "late": np.ones((4, 2))}, np.array([0, 1, 0, 1]), 0.5).axes
    assert [axis.get_title() for axis in axes] == ["early", "late"] and len(axes[0].collections[0].get_offsets()) == 4
    (axis,) = error_and_bound([10, 100], {"a": [0.1, 0.01], "b": [1, 1]}, {"a": [2, 1], "b": [3, 2]}).axes
    assert [list(line.get_ydata()) for line in axis.lines] == [[0.1, 0.01], [2, 1], [1, 1], [3, 2]]
    left, right = squared_bottleneck(1.0, [(1.0, 1.0)], [(0.2, 0.2), (0.4, 0.4)]).axes
    assert list(left.lines[1].get_xdata()) == [1.0] and list(right.lines[1].get_ydata()) == [0.2, 0.4]
    (axis,) = coded_pairs([(0, 1), (1, 0.5)], [(0.5, 0.9)], (0.5, 0.9)).axes
    assert list(axis.lines[0].get_xdata()) == [0, 1]
