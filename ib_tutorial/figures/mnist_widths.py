"""Fig. 3a: the figures of errors and of what the noise gains, with chosen strengths of noise and with the published ones."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.fully_connected import errors, gains
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
    figure, axes = plt.subplots(2, 2, figsize=(6.0, 4.8), dpi=90, sharex=True)
    for column, shown in enumerate((run, [method for method in run if method != apart])):
        above, below = axes[:, column]
        for method in shown:
            curve = {width: [100 * e for e in errors(record, method, width)] for width in record.config["widths"]}
            draw(above, curve, record, method)
            if method != "information":
                draw(below, gains(record, method), record, method)
        below.axhline(0, color="0.3", lw=1)
    axes[0, 0].set(title="all methods", ylabel="test error (%)")
    axes[0, 1].set_title(f"without {name_of(record, apart)}", fontsize="small")
    axes[1, 0].set(ylabel="error of rival − error of\nInformation Dropout (points)")
    for axis in axes[1]:
        axis.set(xscale="log", xlabel="units in each hidden layer")
        axis.set_xticks(record.config["widths"], [str(width) for width in record.config["widths"]])
        axis.minorticks_off()
    handles = {label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    return figure


def draw(axis: Axes, by_width: dict[int, list[float]], record: Record, method: str) -> None:
    """A method's curve, moved aside a little so that its intervals do not hide another's."""
    dodge = 1.03 ** (list(METHODS).index(method) - 2.5)
    _, color, marker = METHODS[method]
    means(axis, {width * dodge: found for width, found in by_width.items()}, name_of(record, method), color, marker, lw=1.5)


def name_of(record: Record, method: str) -> str:
    """The method's name in a legend, with the drop probability where the record has one for all widths."""
    name = METHODS[method][0]
    return f"{name}, p = {record.config['p']:g}" if method == "binary" and "p" in record.config else name
