"""Fig. 3a: each method is drawn once, the one that squashes the others in the left column alone, and a growing record as far as it is."""

import matplotlib.pyplot as plt
import pytest

from ib_tutorial.experiments import run
from ib_tutorial.figures import activations_and_logarithms, mnist_published, mnist_widths


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize(("name", "draw"), [("mnist_published", mnist_published), ("mnist_widths", mnist_widths)])
def test_the_method_that_squashes_the_others_is_in_the_left_column_alone(name, draw):
    record = run(name, "smoke", jobs=1, progress=False)
    left, right = draw(record).axes[:2]
    labels = [set(axis.get_legend_handles_labels()[1]) for axis in (left, right)]
    methods = {row["method"] for row in record.select(metric="test_error")}
    assert len(labels[0]) == len(methods) and len(labels[0] - labels[1]) == 1
    assert right.get_title() == f"without {(labels[0] - labels[1]).pop()}"


def test_a_record_with_one_method_of_one_seed_is_drawn():
    record = run("mnist_published", "smoke", jobs=1, progress=False)
    record.rows = record.select(method="information", seed=0)
    left, right = mnist_published(record).axes[:2]
    assert len(left.get_legend_handles_labels()[1]) == len(right.get_legend_handles_labels()[1]) == 1


def test_fig_1_draws_z_and_its_logarithm_with_both_priors():
    record = run("activation_priors", "smoke", jobs=1, progress=False)
    axes = activations_and_logarithms(record).axes
    assert len(axes) == 4
    for axis in axes:
        assert set(axis.get_legend_handles_labels()[1]) == {"units, one line a seed", "log-uniform", "log-normal"}
    assert axes[0].texts and not axes[2].texts  # ReLU units have a point mass at 0, Softplus units have none
