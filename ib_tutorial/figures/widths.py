"""Fig. 3a: errors and what the noise gains, with chosen strengths of noise and with the published ones; and how a grid becomes a verdict."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.comparisons import final, gains
from ib_tutorial.experiments.fully_connected import mean_gain
from ib_tutorial.experiments.mnist_widths import validation_errors
from ib_tutorial.experiments.verdicts import interval
from ib_tutorial.figures.parts import legend, ticks
from ib_tutorial.figures.seeds import means
from ib_tutorial.figures.style import METHODS


def mnist_widths(record: Record) -> Figure:
    """Fig. 3a with chosen strengths of noise; constant noise at the cap would squash all other curves, and is drawn apart."""
    return over_widths(record, apart="log_normal_cap")


def mnist_published(record: Record) -> Figure:
    """Fig. 3a as published; binary dropout at p = 0.5 would squash all other curves, and is drawn apart."""
    return over_widths(record, apart="binary")


def over_widths(record: Record, apart: str) -> Figure:
    """Above, test errors against width; below, how much lower Information Dropout's error is than each rival's.

    The left column has all methods, the right one all but the method `apart`, on an axis of its own. Seeds and methods that an
    unfinished record lacks are left out.
    """
    run = [method for method in METHODS if record.select(metric="test_error", method=method)]
    figure, axes = plt.subplots(2, 2, figsize=(5.0, 5.0), sharex=True)
    for column, shown in enumerate((run, [method for method in run if method != apart])):
        above, below = axes[:, column]
        for method in shown:
            curve = {width: [100 * e for e in final(record, "test_error", method, width)] for width in record.config["widths"]}
            draw(above, curve, record, method)
            if method != "information":
                draw(below, gains(record, method), record, method)
        below.axhline(0, color="0.3", lw=1)
    axes[0, 0].set(title="all methods", ylabel="test error (%)")
    axes[0, 1].set_title(f"without {name_of(record, apart)}".replace(", ", ",\n"), fontsize="small")
    axes[1, 0].set(ylabel="rival − Information\nDropout (points)")
    for axis in axes[1]:
        axis.set(xscale="log", xlabel="units in each layer")
        ticks(axis.xaxis, record.config["widths"])
    legend(figure, axes.flat, ncols=2, fontsize="small", columnspacing=1.0)
    return figure


def draw(axis: Axes, by_width: dict[float, list[float]], record: Record, method: str) -> None:
    """A method's curve, moved aside a little so that its intervals do not hide another's."""
    dodge = 1.03 ** (list(METHODS).index(method) - 2.5)
    _, color, marker = METHODS[method]
    means(axis, {width * dodge: found for width, found in by_width.items()}, name_of(record, method), color, marker, lw=1.5)


def name_of(record: Record, method: str) -> str:
    """The method's name in a legend, with the drop probability where the record has one for all widths."""
    name = METHODS[method][0]
    return f"{name}, p = {record.config['p']:g}" if method == "binary" and "p" in record.config else name


def by_drop_rate(record: Record) -> Figure:
    """Error on held-out images against width: binary dropout at each drop probability that it could choose, and Information Dropout.

    Each point is the best of its learning rates.
    """
    widths = record.config["widths"]
    figure, axis = plt.subplots(figsize=(4.8, 3.2))

    def least(width: int, method: str, p: float | None = None) -> float:
        found = validation_errors(record, width, method)
        return 100 * min(error for (_, _, rate), error in found.items() if p is None or rate == p)

    _, color, _ = METHODS["binary"]
    for p, style, marker in zip(record.config["drop_rates"], (":", "--", "-"), "v^D"):
        axis.plot(widths, [least(w, "binary", p) for w in widths], style, color=color, marker=marker, label=f"binary dropout, p = {p:g}")
    name, color, marker = METHODS["information"]
    axis.plot(widths, [least(w, "information") for w in widths], color=color, marker=marker, label=name)
    axis.set(xscale="log", xlabel="units in each hidden layer", ylabel="error on held-out images (%)", ylim=(0, None))
    ticks(axis.xaxis, widths)
    axis.legend()
    return figure


def grid_to_verdict(record: Record, rival: str) -> Figure:
    """How a grid of trainings becomes a verdict: a sheet of test errors for each seed, a value for each seed, their interval.

    The test is that of the gain over `rival`, averaged over the widths.
    """
    run = [method for method in METHODS if record.select(metric="test_error", method=method)]
    widths, seeds = record.config["widths"], record.seeds
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(4.6, 5.4), height_ratios=(3.2, 1))
    shift = 0.16
    for behind in reversed(range(len(seeds))):
        x, y = shift * behind, -shift * behind
        top.add_patch(Rectangle((x, y), len(widths), len(run), fc="white", ec="0.3", lw=1.2))
        if behind:
            continue
        for row, method in enumerate(run):
            if method in (rival, "information"):
                top.add_patch(Rectangle((0, row), len(widths), 1, fc=METHODS[method][1], alpha=0.25, ec="none"))
            top.text(-0.15, row + 0.5, METHODS[method][0].replace(", ", ",\n"), ha="right", va="center", fontsize=9)
            for column, width in enumerate(widths):
                top.add_patch(Rectangle((column, row), 1, 1, fc="none", ec="0.7", lw=0.8))
                error = final(record, "test_error", method, width)[0]
                top.text(column + 0.5, row + 0.5, f"{100 * error:.1f}", ha="center", va="center", fontsize=9)
    for column, width in enumerate(widths):
        top.text(column + 0.5, len(run) + 0.1, str(width), ha="center", va="top", fontsize=9)
    top.text(len(widths) / 2, len(run) + 0.62, "units in each hidden layer", ha="center", va="top", fontsize=9)
    top.text(len(widths) + shift * len(seeds), -shift * len(seeds), f"{len(seeds)} seeds", ha="right", va="bottom", fontsize=9)
    top.set(xlim=(-2.5, len(widths) + 1), ylim=(len(run) + 1.1, -shift * len(seeds) - 0.5))
    top.set_axis_off()
    top.set_title("one cell: one network, trained; its test error (%)", fontsize=10)
    values = mean_gain(record, rival)
    mean, low, high = interval(values)
    bottom.axvline(0, color="0.3", lw=1)
    bottom.plot(values, [1] * len(values), "o", color="C0", alpha=0.6)
    bottom.errorbar(mean, 0, xerr=[[mean - low], [high - mean]], fmt="D", color="black", capsize=4, ms=5)
    bottom.set_yticks([1, 0], ["one value\nfor each seed", "mean, and its\n95 % interval"])
    bottom.set(ylim=(-0.7, 1.7), xlabel="tinted rows: rival − Information Dropout,\naveraged over the widths (points)")
    bottom.grid(axis="y", visible=False)
    bottom.locator_params(axis="x", nbins=4)
    said = "above 0: supported" if low > 0 else "below 0: not supported" if high < 0 else "holds 0: inconclusive"
    bottom.set_title(f"the interval {said}", fontsize=10)
    return figure
