"""Fig. 3a: chapter 7's figure of errors and of what the noise gains."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import mnist_widths as experiment
from ib_tutorial.figures.seeds import means
from ib_tutorial.figures.style import METHODS


def mnist_widths(record: Record) -> Figure:
    """Fig. 3a: test error against width (above), and how much lower Information Dropout's is than each rival's (below)."""
    widths = sorted(record.config["widths"])
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.6), sharex=True)
    run = [method for method in METHODS if record.select(stage="final", method=method)]
    for index, method in enumerate(run):
        dodge = 1.02 ** (index - 2)
        percent = {width * dodge: [100 * e for e in experiment.errors(record, method, width)] for width in widths}
        means(above, percent, *METHODS[method], lw=1.5)
    above.set(ylabel="test error (%)", title="error", yscale="log")
    above.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0)))
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_locator(NullLocator())
    for index, rival in enumerate(("none", "binary", "binary_gated", "log_normal")):
        dodge = 1.02 ** (index - 1)
        gains = {width * dodge: points for width, points in experiment.gains(record, rival).items()}
        means(below, gains, *METHODS[rival], lw=1.5)
    below.axhline(0, color="0.3", lw=1)
    below.set(ylabel="percentage points", title="error of rival − error of Information Dropout")
    below.set(xscale="log", xlabel="units in each hidden layer")
    below.set_xticks(widths, [str(width) for width in widths])
    below.minorticks_off()
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
