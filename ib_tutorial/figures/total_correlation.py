"""Figures of the chapter `total_correlation`: error and total correlation over a sweep of beta, what the bias and the noise do, and a control."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from ib_tutorial.experiments import Record, choice
from ib_tutorial.experiments.comparisons import paired_differences
from ib_tutorial.figures.seeds import beta_axes, by_beta, means

AUTHORS_WEIGHT = 1.0 / 50_000
"""What a nat weighs in the authors' code for CIFAR-10 with Softplus units: beta = 1, divided by 50,000 images."""

ERRORS = {
    "train_error": ("training, noise off", "C7", "s"),
    "test_error": ("test, noise off", "C0", "o"),
    "test_error_noisy": ("test, noise on", "C1", "^"),
}
SIDES = {"log_f": ("log f, before the noise", "C2", "v"), "log_z": ("log z, after it", "C0", "o")}


def on_beta_axis(record: Record, *axes: Axes) -> None:
    """A logarithmic axis of beta, with the place where a nat weighs what it weighs in the authors' code."""
    axes[-1].set(xscale="log", xlabel="β")
    axes[-1].xaxis.set_major_locator(LogLocator())
    authors = AUTHORS_WEIGHT * record.config["n_train"]
    if min(record.config["betas"]) <= authors <= max(record.config["betas"]):
        for axis in axes:
            axis.axvline(authors, color="0.5", lw=1, ls=":")


def fit_to_seeds(axis: Axes) -> None:
    """Limits that hold 0 and every seed."""
    values = [value for line in axis.get_lines() if line.get_marker() == "." for value in line.get_ydata()]
    low, high = min(0.0, *values), max(0.0, *values)
    axis.set_ylim(low - 0.03 * (high - low), high + 0.1 * (high - low))


def mark_unlearnt(record: Record, *axes: Axes) -> None:
    """A grey ground under the betas above the last one at which every network has learnt; no tests compare networks there."""
    betas, learnt = sorted(record.config["betas"]), choice.learnt(record)
    if not learnt or learnt[-1] == betas[-1]:
        return
    first = betas[betas.index(learnt[-1]) + 1]
    for axis in axes:
        axis.axvspan(math.sqrt(learnt[-1] * first), axis.get_xlim()[1], color="0.5", alpha=0.15, lw=0)
    axes[0].annotate("not learnt", (0.98, 0.04), xycoords="axes fraction", ha="right", color="0.4", fontsize="small")


def error_and_total_correlation(record: Record) -> Figure:
    """Fig. 5: errors (above) and the Gaussian total correlation of the last noise layer, bias removed (below), against beta."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.6), sharex=True)
    for metric, (label, color, marker) in ERRORS.items():
        means(above, by_beta(record, metric, 100.0), label, color, marker, lw=1.5)
    above.set(ylabel="error (%)")
    for side, (label, color, marker) in SIDES.items():
        means(below, by_beta(record, f"tc_{side}"), label, color, marker, lw=1.5)
    below.set(ylabel="nats", title="Gaussian total correlation, last noise layer")
    below.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    on_beta_axis(record, above, below)
    for axis in (above, below):
        fit_to_seeds(axis)
        axis.legend()
        axis.set_xlim(axis.get_xlim())
    mark_unlearnt(record, above, below)
    beta_axes(record, above, below)
    return figure


def bias_and_dilution(record: Record) -> Figure:
    """Plug-in and corrected estimates (above); what this layer's noise takes off, TC of log f minus TC of log z (below)."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.2), sharex=True)
    for side, (label, color, marker) in SIDES.items():
        means(above, by_beta(record, f"tc_{side}_plug_in"), f"{label}: plug-in", color, marker, lw=1.2, ls="--")
        means(above, by_beta(record, f"tc_{side}"), f"{label}: bias removed", color, marker, lw=1.5)
    above.axhline(0, color="0.3", lw=1)
    above.set(ylabel="nats", title="Gaussian total correlation")
    fit_to_seeds(above)
    log_f, log_z = (by_beta(record, f"tc_{side}") for side in SIDES)
    taken = {beta: paired_differences(log_f[beta], log_z[beta]) for beta in log_f}
    means(below, taken, "log f minus log z", "C3", "D", lw=1.5)
    below.axhline(0, color="0.3", lw=1)
    below.set(ylabel="nats", title="taken off by this layer's noise")
    fit_to_seeds(below)
    on_beta_axis(record, above, below)
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return figure


def noise_dial(of_f: float, by_alpha: Mapping[float, tuple[float, float]], own: tuple[float, float]) -> Figure:
    """One network's units f, never changed, under noise of growing scale: (measured, predicted) total correlation of log z."""
    figure, axis = plt.subplots(figsize=(5.4, 3.6))
    alphas: Sequence[float] = list(by_alpha)
    measured, predicted = zip(*by_alpha.values(), strict=True)
    axis.axhline(of_f, color="C2", lw=1.5, label="log f, the same throughout")
    axis.plot(alphas, predicted, "-", color="0.35", lw=1.5, label="predicted from the covariance of log f")
    axis.plot(alphas, measured, "o", color="C0", ms=5, label="measured on log z, noise drawn")
    axis.plot(*own, "D", color="C1", ms=7, label="the network's own noise")
    axis.set(xlabel="noise scale α (root mean square)", ylabel="Gaussian TC (nats)", xlim=(-0.03, None))
    figure.legend(loc="outside lower center", ncols=1)
    return figure
