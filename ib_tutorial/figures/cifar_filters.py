"""Figures of the chapter `cifar_filters`: errors by share of filters (Fig. 3b), where the nats go (Fig. 6), and what chose beta."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import cifar_filters as experiment
from ib_tutorial.experiments.comparisons import final, gains
from ib_tutorial.figures.parts import ticks
from ib_tutorial.figures.seeds import by_beta, means
from ib_tutorial.figures.style import METHODS

LAYERS = {1: ("first noise layer", "C0", "o"), 2: ("second noise layer", "C3", "s")}


def filter_errors(record: Record) -> Figure:
    """Fig. 3b: test error against the share of filters (above), and each rival's error minus Information Dropout's (below)."""
    widths = sorted(record.config["widths"])
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.6), sharex=True)
    run = [method for method in METHODS if final(record, "test_error", method, widths[0])]
    for index, method in enumerate(run):
        dodge = 1.02 ** (index - len(run) // 2)
        percent = {w * dodge: [100 * e for e in final(record, "test_error", method, w)] for w in widths}
        means(above, percent, *METHODS[method], lw=1.5)
    above.set(ylabel="test error (%)", title="error")
    for index, rival in enumerate(rival for rival in run if rival != "information"):
        dodge = 1.02 ** (index - 1)
        gained = {width * dodge: points for width, points in gains(record, rival).items()}
        means(below, gained, *METHODS[rival], lw=1.5)
    below.axhline(0, color="0.3", lw=1)
    below.set(ylabel="percentage points", title="error of rival − error of Information Dropout")
    share_of_filters(below, widths)
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def filter_information(record: Record) -> Figure:
    """Fig. 6: nats per image that each noise layer passes on, in total and per unit, against the share of filters."""
    widths = sorted(experiment.nats(record, "kl_1"))
    figure, panels = plt.subplots(2, 1, figsize=(5.6, 6.2), sharex=True)
    for panel, metric, label in zip(panels, ("kl", "kl_per_unit"), ("nats per image", "nats per unit"), strict=True):
        for layer, look in LAYERS.items():
            means(panel, experiment.nats(record, f"{metric}_{layer}"), *look, lw=1.5)
        panel.set(ylabel=label, ylim=(0, None))
    panels[0].set_title("in total")
    panels[1].set_title("per unit")
    share_of_filters(panels[1], widths)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def share_of_filters(axis: Axes, widths: list[float]) -> None:
    axis.set(xscale="log", xlabel="share of the filters of Table 2")
    ticks(axis.xaxis, widths, [f"{100 * width:.3g}%" for width in widths])


def early_and_late(record: Record, longer: Record) -> Figure:
    """Error by beta where `record` chose its beta (left, held-out images, one curve a share) and after the longer training of `longer` (right)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.4, 3.2), sharey=True)
    for width, marker, style in zip(record.config["widths"], "v^D", (":", "--", "-")):
        chosen = record.select(stage="selection", method="information", width=width)
        curve = sorted((row["beta"], 100 * row["value"]) for row in chosen)
        left.plot(*zip(*curve, strict=True), style, marker=marker, color="C0", label=f"{100 * width:.3g}% of the filters")
    means(right, by_beta(longer, "test_error", 100), "", "C0", "^")
    left.set(title=f"held out, {record.config['selection_epochs']} epochs", ylabel="error (%)")
    right.set_title(f"test, {longer.config['epochs']} epochs,\n{100 * longer.config['width']:.3g}% of the filters")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="β")
        ticks(axis.xaxis, (0.001, 0.01, 0.1))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    return figure
