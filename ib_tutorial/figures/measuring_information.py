"""Figures of the chapter `measuring_information`: binned planes, a noisy layer's true information, estimators against a truth."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.measuring_information import COARSE, FINE, HIDDEN, course, estimates
from ib_tutorial.figures.parts import legend, ticks
from ib_tutorial.figures.seeds import by_beta, means

WIDTHS = {COARSE: ("1/15", "C0", "o"), 0.01: ("1/100", "C1", "s"), FINE: ("one trillionth", "C2", "^")}
"""Name, colour and marker of each width of the bins."""

ESTIMATORS = {
    "binned": ("bins of width 0.5", "C4", "D"),
    "neighbours": ("3 nearest neighbours", "C1", "s"),
    "info_nce": ("InfoNCE, trained critic", "C0", "o"),
    "nwj": ("NWJ, trained critic", "C2", "^"),
    "nwj, best critic": ("NWJ, best critic", "C3", "v"),
}


def binned_over_training(record: Record, task: str) -> Figure:
    """For tanh and for ReLU units the binned information of the last hidden layer over training, with bins of several widths."""
    figure, axes = plt.subplots(1, 2, figsize=(6.2, 3.4), sharey=True)
    n = 3276 if task == "sphere" else record.config["n_train"]
    for axis, (activation, name) in zip(axes, {"tanh": "tanh units", "relu": "ReLU units"}.items(), strict=True):
        for width, (label, color, marker) in WIDTHS.items():
            which = dict(task=task, activation=activation, layer=len(HIDDEN[task]), width=width)
            rows = record.select(metric="binned", **which)
            epochs = sorted({row["epoch"] for row in rows})
            found = {epoch: by_seed(record, "binned", epoch=epoch, **which) for epoch in epochs}
            # no intervals: Student's would reach above log n, where no value can be
            means(axis, found, label, color, marker, least=len(record.seeds) + 1)
        axis.axhline(math.log(n), color="0.4", ls="--", lw=1)
        axis.set(title=name, xscale="log", xlabel="epoch", ylim=(0, None))
    axes[0].set_ylabel("binned information, nats")
    axes[0].annotate(f"log {n:,}", (0.02, math.log(n)), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", fontsize="small")
    axes[0].set_ylim(0, math.log(n) * 1.14)
    legend(figure, axes[:1], "outside upper center", title="width of the bins", ncols=3)
    return figure


def clusters(activations: Mapping[str, np.ndarray], y: np.ndarray, width: float) -> Figure:
    """Two units of a layer, a dot for each input and a colour for each label, over the grid of the bins.

    Args:
        activations: by title, [inputs, 2], between -1 and 1.
        y: [inputs], 0 or 1.
        width: of the bins, which are centred on its multiples.
    """
    figure, axes = plt.subplots(1, len(activations), figsize=(6.2, 3.0), sharey=True)
    for axis, (title, units) in zip(axes, activations.items(), strict=True):
        colors = np.where(y == 1, "C1", "C0")
        axis.scatter(*units.T, c=colors, s=3, alpha=0.6, linewidths=0)
        edges = np.arange(-1 - width / 2, 1 + width, width)
        axis.set_xticks(edges, minor=True)
        axis.set_yticks(edges, minor=True)
        axis.grid(True, which="minor", color="0.88", lw=0.4)
        axis.grid(False, which="major")
        axis.set(title=title, xlabel="first unit", xlim=(-1.07, 1.07), ylim=(-1.07, 1.07), aspect="equal")
        axis.tick_params(which="minor", length=0)
    axes[0].set_ylabel("second unit")
    handles = [plt.Line2D([], [], color=color, marker="o", ls="", label=f"y = {label}") for label, color in enumerate(("C0", "C1"))]
    figure.legend(handles=handles, loc="outside right center")
    return figure


def information_and_cost(record: Record) -> Figure:
    """Left, cost and true information of the noisy layer after training, over beta; right, the information over training."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.2, 3.6))
    betas = sorted(record.config["betas"])
    end = max(row["epoch"] for row in record.select(metric="information"))
    for metric, label, color, marker in (("cost", "cost paid", "C1", "s"), ("information", "I(x;z)", "C0", "o")):
        means(left, by_beta(record, metric, epoch=end), label, color, marker)
    measured, classes = record.config["measured"], 10
    for value, label, place in ((math.log(measured), f"log {measured:,}", 0.98), (math.log(classes), "log 10", 0.25)):
        left.axhline(value, color="0.4", ls="--", lw=1)
        left.annotate(label, (place, value), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", ha="right", fontsize="small")
    left.set(xscale="log", yscale="log", xlabel="β", ylabel="nats per image", title="after training")
    left.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    left.legend(loc="upper right", bbox_to_anchor=(1, 0.98))
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(betas)))
    lowest = math.inf  # of the labels so far
    for beta, color in zip(betas, colors, strict=True):
        curves = [course(record, "information", seed, beta=beta) for seed in record.seeds if record.select(metric="information", seed=seed, beta=beta)]
        epochs = sorted({row["epoch"] for row in record.select(metric="information", beta=beta)})
        for curve in curves:
            right.plot(epochs, curve, color=color, lw=0.7, alpha=0.4)
        if curves:
            mean = np.mean(curves, axis=0)
            right.plot(epochs, mean, color=color, marker="o", ms=3)
            lowest = min(mean[-1], lowest - 0.45)
            right.annotate(f"β = {beta:,.0f}", (epochs[-1], lowest), xytext=(4, -3), textcoords="offset points", fontsize="x-small", color=color)
    right.set(xscale="log", xlabel="epoch", ylabel="I(x;z), nats", title="during training", ylim=(0, None))
    right.margins(x=0.32)
    right.set_xlim(left=0.9)
    return figure


def estimators_against_truth(record: Record) -> Figure:
    """Each estimate of the information of Gaussians against its true value: medians, and a dot for each seed; those below the axis lie on it."""
    figure, axis = plt.subplots(figsize=(5.4, 4.4))
    dimensions = sorted(record.config["dimensions"])
    truth = {d: by_seed(record, "truth", dimensions=d)[0] for d in dimensions if record.select(metric="truth", dimensions=d)}
    low, high = min(truth.values()) / 1.5, max(truth.values()) * 1.5
    for name, (label, color, marker) in ESTIMATORS.items():
        found = {truth[d]: estimates(record, name, d) for d in truth if estimates(record, name, d)}
        axis.plot(list(found), [median(values) for values in found.values()], color=color, marker=marker, ms=5, label=label)
        for true, values in found.items():
            axis.plot([true] * len(values), np.clip(values, low * 1.04, None), ".", color=color, alpha=0.5, ms=4)
    axis.plot([low, high], [low, high], color="0.2", lw=1)
    axis.axhline(math.log(record.config["critic_batch"]), color="C0", ls=":", lw=1)
    axis.annotate(
        f"log of the batch, {record.config['critic_batch']}", (0.02, math.log(record.config["critic_batch"])),
        xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", fontsize="small", color="C0",
    )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), xlabel="true I(x;y), nats", ylabel="estimate, nats")
    for either in (axis.xaxis, axis.yaxis):
        ticks(either, (0.5, 1, 2, 5, 10, 20))
    top = axis.secondary_xaxis("top")
    top.set_xticks(list(truth.values()), [str(d) for d in truth])
    top.set_xlabel("dimensions")
    legend(figure, [axis], ncols=2)
    return figure


def error_and_bound(sizes: Sequence[int], errors: Mapping[str, Sequence[float]], bounds: Mapping[str, Sequence[float]]) -> Figure:
    """The error of estimated informations in samples of several sizes, and what bounds it: solid and dashed, a colour for each message.

    Args:
        sizes: of the samples.
        errors: by message, the error that 95 % of the samples stay below, in nats, for each size.
        bounds: by message, the bound on it.
    """
    figure, axis = plt.subplots(figsize=(5.4, 3.4))
    for (name, values), color in zip(errors.items(), ("C0", "C1", "C2"), strict=False):
        axis.plot(sizes, values, color=color, marker="o", ms=4, label=f"{name}: error")
        axis.plot(sizes, bounds[name], color=color, ls="--", label=f"{name}: bound")
    axis.set(xscale="log", yscale="log", xlabel="samples", ylabel="nats")
    figure.legend(loc="outside upper center", ncols=len(errors))
    return figure


def squared_bottleneck(h_y: float, linear: Sequence[tuple[float, float]], squared: Sequence[tuple[float, float]]) -> Figure:
    """The curve of a function y of x, and the optima of two objectives on it: points (I(x;z), I(z;y)) in nats."""
    figure, axes = plt.subplots(1, 2, figsize=(6.2, 2.9), sharey=True)
    named = (("H(y|z) + β I(x;z)", linear, "C1", "s"), ("H(y|z) + β I(x;z)²", squared, "C0", "o"))
    for axis, (name, points, color, marker) in zip(axes, named, strict=True):
        axis.plot([0, h_y, 1.6 * h_y], [0, h_y, h_y], color="0.2", lw=1.5)
        axis.plot(*zip(*points, strict=True), marker, color=color, ms=6, alpha=0.8)
        axis.set(title=name, xlabel="I(x;z), nats")
    axes[0].set_ylabel("I(z;y), nats")
    return figure


def coded_pairs(curve: Sequence[tuple[float, float]], codes: Sequence[tuple[float, float]], drawn: tuple[float, float]) -> Figure:
    """What a code of a finite source costs and leaves unknown: the bottleneck's curve, the deterministic codes, and one curve point.

    Args:
        curve: (nats per symbol, H(y|z)) along the curve.
        codes: the same of every deterministic code.
        drawn: the same of the code that the page names.
    """
    figure, axis = plt.subplots(figsize=(5.0, 3.2))
    axis.plot(*zip(*sorted(curve), strict=True), color="0.2", lw=1.5, label="rate-distortion curve")
    axis.plot(*zip(*codes, strict=True), ".", color="C1", ms=4, label="a deterministic code")
    axis.plot(*drawn, "o", color="C0", ms=8, mfc="none", mew=2, label="cold or flu?")
    axis.set(xlabel="rate I(x;z), nats per patient", ylabel="mean log loss, nats")
    axis.legend()
    return figure
