"""Figures of the experiment chapters: each draws a record, with every seed and Student's 95 % interval of the mean."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import mnist_widths as widths_experiment
from ib_tutorial.experiments.ledger import interval
from ib_tutorial.figures.style import METHODS


def with_interval(
    axis: Axes, at: Sequence[float], values: Sequence[Sequence[float]], look: tuple[str, str, str], dodge: float = 1.0
) -> None:
    """Means over seeds at each place, joined; their intervals as bars; each seed as a dot.

    look: label, colour and marker, as in `METHODS`. dodge: shifts the places.
    """
    label, color, marker = look
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
    """Fig. 3a: test error against width (above), and how much lower Information Dropout's is than each rival's (below)."""
    widths = sorted(record.config["widths"])
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.6), sharex=True)
    run = [method for method in METHODS if record.select(stage="final", method=method)]
    for index, method in enumerate(run):
        percent = [[100 * e for e in widths_experiment.errors(record, method, width)] for width in widths]
        with_interval(above, widths, percent, METHODS[method], dodge=1.02 ** (index - 2))
    above.set(ylabel="test error (%)", title="error", yscale="log")
    above.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0)))
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_locator(NullLocator())
    for index, rival in enumerate(("none", "binary", "log_normal")):
        gains = widths_experiment.gains(record, rival)
        with_interval(below, widths, [gains[width] for width in widths], METHODS[rival], dodge=1.02 ** (index - 1))
    below.axhline(0, color="0.3", lw=1)
    below.set(ylabel="percentage points", title="error of rival − error of Information Dropout")
    below.set(xscale="log", xlabel="units in each hidden layer")
    below.set_xticks(widths, [str(width) for width in widths])
    below.minorticks_off()
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
