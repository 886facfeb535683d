"""Figs 1, 3a and 3b: each method is drawn once, a growing record as far as it is, and diagrams show what is in a network or a record."""

import pytest

from ib_tutorial.catalogue import RECORDED
from ib_tutorial.experiments import load_record, recorded, run
from ib_tutorial.experiments import mnist_widths as tuned
from ib_tutorial.experiments.comparisons import final
from ib_tutorial.experiments.fully_connected import mean_gain
from ib_tutorial.figures import (
    activations_and_logarithms,
    by_drop_rate,
    early_and_late,
    grid_to_verdict,
    mnist_published,
    mnist_widths,
    network_diagram,
)
from ib_tutorial.nn import NoiseLayer, all_cnn_32, all_cnn_96


@pytest.mark.slow
@pytest.mark.parametrize(("name", "draw"), [("mnist_published", mnist_published), ("mnist_widths", mnist_widths)])
def test_the_method_that_squashes_the_others_is_in_the_left_column_alone(name, draw):
    record = run(name, "smoke", jobs=1, progress=False)
    left, right = draw(record).axes[:2]
    labels = [set(axis.get_legend_handles_labels()[1]) for axis in (left, right)]
    methods = {row["method"] for row in record.select(metric="test_error")}
    assert len(labels[0]) == len(methods) and len(labels[0] - labels[1]) == 1
    assert right.get_title().replace("\n", " ") == f"without {(labels[0] - labels[1]).pop()}"


@pytest.mark.slow
def test_a_record_with_one_method_of_one_seed_is_drawn():
    record = run("mnist_published", "smoke", jobs=1, progress=False)
    record.rows = record.select(method="information", seed=0)
    left, right = mnist_published(record).axes[:2]
    assert len(left.get_legend_handles_labels()[1]) == len(right.get_legend_handles_labels()[1]) == 1


@pytest.mark.slow
def test_fig_1_draws_z_and_its_logarithm_with_both_priors():
    record = run("activation_priors", "smoke", jobs=1, progress=False)
    axes = activations_and_logarithms(record).axes
    assert len(axes) == 4
    for axis in axes:
        assert set(axis.get_legend_handles_labels()[1]) == {"units, one line a seed", "log-uniform", "log-normal"}
    assert axes[0].texts and not axes[2].texts  # ReLU units have a point mass at 0, Softplus units have none


def test_a_grid_has_the_errors_of_the_first_seed_and_a_value_for_each_seed():
    record = recorded("mnist_widths", ["reduced"])
    top, bottom = grid_to_verdict(record, "binary").axes
    written = [text.get_text() for text in top.texts]
    for width in record.config["widths"]:
        first, *_ = final(record, "test_error", "binary", width)
        assert f"{100 * first:.1f}" in written and str(width) in written
    assert f"{len(record.seeds)} seeds" in written
    assert list(bottom.lines[1].get_xdata()) == mean_gain(record, "binary")
    assert bottom.get_title() == "the interval holds 0: inconclusive"


def test_each_drop_probability_has_its_curve_of_held_out_errors():
    record = recorded("mnist_widths", ["reduced"])
    (axis,) = by_drop_rate(record).axes
    curves = {line.get_label(): list(line.get_ydata()) for line in axis.lines}
    assert set(curves) == {"Information Dropout", *(f"binary dropout, p = {p}" for p in record.config["drop_rates"])}
    found = tuned.validation_errors(record, 50, "binary")
    assert curves["binary dropout, p = 0.5"][0] == 100 * min(error for (_, _, p), error in found.items() if p == 0.5)


@pytest.mark.parametrize(("build", "channels", "side"), [(all_cnn_32, 3, 32), (all_cnn_96, 1, 96)])
def test_a_network_is_drawn_with_its_noise_where_it_sits(build, channels, side):
    network = build("information", channels=channels)
    (axis,) = network_diagram(network, channels, side).axes
    boxes = {text.get_bbox_patch(): text.get_text() for text in axis.texts if text.get_bbox_patch()}
    n_noisy = sum(isinstance(layer, NoiseLayer) for layer in network.layers)
    assert list(boxes.values()).count("×") == n_noisy
    assert sum("convolution, " in text for text in boxes.values()) == 3 * n_noisy + 3
    arrows = [text.arrow_patch for text in axis.texts if getattr(text, "arrow_patch", None)]
    into = {boxes[arrow.patchA] for arrow in arrows if boxes[arrow.patchB] == "×"}
    assert {text for text in into if "noise layer" in text} == {f"noise layer {n + 1}" for n in range(n_noisy)}
    assert all("stride 2" in text for text in into if "noise layer" not in text)


def test_what_chose_beta_and_what_came_later_stand_side_by_side():
    left, right = early_and_late(recorded("cifar_filters"), load_record(RECORDED / "total_correlation_first.reduced.json")).axes
    assert len(left.lines) == 3 and left.get_title() == "held out, 20 epochs"
    assert right.get_title().startswith("test, 60 epochs")
