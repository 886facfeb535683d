"""The figures of the two bottlenecks show the numbers of the record."""

import numpy as np
import pytest

from ib_tutorial.experiments import recorded
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.two_bottlenecks import PRICED, at_chosen
from ib_tutorial.figures import (
    added_and_multiplied,
    attacked_digits,
    bought_for_nats,
    calibration,
    correlation_for_nats,
    costs_of_a_unit,
    nuisance_for_nats,
    one_or_many_draws,
    under_attack,
)
from ib_tutorial.figures.two_bottlenecks import STYLES


@pytest.fixture(scope="module")
def record():
    return recorded("two_bottlenecks", ["reduced"])


def lines_of(axis):
    return {line.get_label(): line for line in axis.lines}


def means(record, metric, method, part="digits"):
    return [np.mean(by_seed(record, metric, part=part, method=method, beta=beta)) for beta in sorted(record.config["betas"])]


def test_a_point_is_a_betas_mean_over_the_nats_that_it_pays(record):
    for axis, metric, scale in zip(bought_for_nats(record).axes, ("error_twelve", "cross_entropy_twelve"), (100, 1), strict=True):
        for method in PRICED:
            line = lines_of(axis)[STYLES[method][0]]
            np.testing.assert_allclose(line.get_ydata(), scale * np.array(means(record, metric, method)))
            paid = [np.exp(np.mean(np.log(by_seed(record, "nats", part="digits", method=method, beta=b)))) for b in sorted(record.config["betas"])]
            np.testing.assert_allclose(line.get_xdata(), np.maximum(paid, 1e-3))
        level = lines_of(axis)["no noise, ReLU"].get_ydata()
        assert level[0] == pytest.approx(scale * np.mean(by_seed(record, metric, part="digits", method="none")))


def test_draws_and_nuisances_are_means_over_the_seeds(record):
    for axis, method in zip(one_or_many_draws(record).axes, ("vib", "softplus"), strict=True):
        np.testing.assert_allclose(lines_of(axis)["one draw"].get_ydata(), 100 * np.array(means(record, "error_one", method)))
    left, right = nuisance_for_nats(record).axes
    np.testing.assert_allclose(lines_of(left)["deep VIB"].get_ydata(), means(record, "nuisance_information", "vib", "nuisance"))
    np.testing.assert_allclose(lines_of(right)["deep VIB"].get_ydata(), 100 * np.array(means(record, "error_twelve", "vib", "nuisance")))
    (axis,) = correlation_for_nats(record).axes
    np.testing.assert_allclose(lines_of(axis)["deep VIB"].get_ydata(), means(record, "total_correlation", "vib"))


def test_calibration_and_attacks_are_read_at_the_chosen_beta(record):
    (axis,) = calibration(record).axes
    np.testing.assert_allclose(lines_of(axis)["twelve draws"].get_ydata(), [100 * np.mean(at_chosen(record, "calibration_twelve", m)) for m in STYLES])
    (axis,) = under_attack(record).axes
    for method, (label, *_) in STYLES.items():
        found = [np.mean(at_chosen(record, m, method)) for m in ("error_twelve", *(f"attacked_{s:g}_by_12" for s in sorted(record.config["sizes"])))]
        np.testing.assert_allclose(lines_of(axis)[label].get_ydata(), 100 * np.array(found))


def test_small_figures_draw_what_they_are_given():
    assert len(added_and_multiplied().axes) == 2
    axes = attacked_digits(np.zeros((3, 4, 4)), np.ones((3, 4, 4)), ["7 → 3", "1 → 1", "0 → 6"]).axes
    assert [axis.get_title() for axis in axes[3:]] == ["7 → 3", "1 → 1", "0 → 6"] and axes[3].images[0].get_array().max() == 1
    (axis,) = costs_of_a_unit([0.0, 1.0], {"a": [0.0, 1.0], "b": [0.5, 2.0]}).axes
    assert [list(line.get_ydata()) for line in axis.lines] == [[0.0, 1.0], [0.5, 2.0]]
