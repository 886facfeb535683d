"""Figures of the experiment chapters: each draws a record, with every seed and Student's 95 % interval of the mean."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import mnist_widths as widths_experiment
from ib_tutorial.experiments.ledger import interval
from ib_tutorial.figures.style import METHODS


def with_interval(
    axis: Axes, at: Sequence[float], values: Sequence[Sequence[float]], method: str, dodge: float = 1.0
) -> None:
    """Means over seeds at each place, joined; their intervals as bars; each seed as a dot. `dodge` shifts the places."""
    label, color, marker = METHODS[method]
    places = [place * dodge for place in at]
    stats = [interval(seeds) for seeds in values]
    means = [mean for mean, _, _ in stats]
    if all(len(seeds) > 1 for seeds in values):
        bars = [[mean - low for mean, low, _ in stats], [high - mean for mean, _, high in stats]]
        axis.errorbar(places, means, yerr=bars, fmt="none", ecolor=color, elinewidth=1.2, capsize=2.5)
    axis.plot(places, means, marker=marker, color=color, label=label, lw=1.5, ms=5)
    for place, seeds in zip(places, values, strict=True):
        axis.plot([place] * len(seeds), seeds, ".", color=color, alpha=0.5, ms=4)


def mnist_widths(record: Record) -> Figure:
    """Fig. 3a: test error against width (left), and how much lower Information Dropout's error is than each rival's (right)."""
    widths = sorted(record.config["widths"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.9))
    for index, method in enumerate(METHODS):
        percent = [[100 * e for e in widths_experiment.errors(record, method, width)] for width in widths]
        with_interval(left, widths, percent, method, dodge=1.03 ** (index - 2))
    left.set(ylabel="test error (%)", title="error")
    for index, rival in enumerate(("none", "binary", "log_normal")):
        gains = widths_experiment.gains(record, rival)
        with_interval(right, widths, [gains[width] for width in widths], rival, dodge=1.03 ** (index - 1))
    right.axhline(0, color="0.3", lw=1)
    right.set(ylabel="percentage points", title="error of rival − Information Dropout")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="units in each hidden layer")
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.minorticks_off()
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
