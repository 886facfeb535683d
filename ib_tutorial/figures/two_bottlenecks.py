"""Figures of the chapter `two_bottlenecks`: added noise and multiplied noise, and what each layer buys for its nats.

Dots are seeds, bars Student's 95 % intervals of the mean.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.two_bottlenecks import DRAWS, FREE, PRICED, at_chosen
from ib_tutorial.figures.parts import ticks
from ib_tutorial.figures.seeds import by_beta, means
from ib_tutorial.figures.style import METHODS

STYLES = {
    "vib": ("deep VIB", "C3", "v"),
    "softplus": ("Information Dropout, Softplus", "C0", "o"),
    "relu": ("Information Dropout, ReLU", "C5", "D"),
    "binary": METHODS["binary"],
    "none": ("no noise, ReLU", *METHODS["none"][1:]),
    "linear": ("no noise, linear", "0.25", "P"),
}
"""Name, colour and marker of each method; those that other chapters have are the same there."""

READINGS = {"clean": ("noise off", "C2", "^"), "one": ("one draw", "C1", "s"), "twelve": ("twelve draws", "C0", "o")}


def added_and_multiplied() -> Figure:
    """One unit of both layers: p(z|x) of three inputs, in colour, and the prior, dashed."""
    from scipy.stats import lognorm, norm  # here alone: it takes a second to import, which every chapter would wait for

    figure, (left, right) = plt.subplots(1, 2, figsize=(6.2, 2.8))
    z = np.linspace(-3.4, 3.4, 500)
    for (mean, scale), color in zip(((-1.6, 0.35), (0.1, 0.9), (1.5, 0.35)), ("C0", "C1", "C2"), strict=True):
        left.plot(z, norm.pdf(z, mean, scale), color=color)
    left.plot(z, norm.pdf(z), color="0.3", ls="--", label="prior")
    left.set(title="noise is added: f(x) + s(x) n", xlabel="z")
    z = np.linspace(1e-3, 5.5, 500)
    for (f, alpha), color in zip(((0.6, 0.35), (1.1, 0.6), (3.0, 0.25)), ("C0", "C1", "C2"), strict=True):
        right.plot(z, lognorm.pdf(z, alpha, scale=f), color=color)
    right.plot(z, lognorm.pdf(z, 0.9, scale=1.0), color="0.3", ls="--", label="prior")
    right.set(title="noise is multiplied: f(x) exp(α(x) n)", xlabel="z", ylim=(0, 2))
    left.set_ylabel("density")
    for axis in (left, right):
        axis.set_yticks([])
    left.legend(loc="upper right", fontsize="small")
    return figure


def against_nats(axis: Axes, record: Record, metric: str, methods: Sequence[str], part: str, scale: float = 1.0) -> None:
    """A metric of methods with a cost against the nats that they pay: a point for each beta, dots for the seeds."""
    for method in methods:
        label, color, marker = STYLES[method]
        path = []
        for beta in sorted(record.config["betas"]):
            where = dict(part=part, method=method, beta=beta)
            nats, values = by_seed(record, "nats", **where), by_seed(record, metric, **where)
            if nats:
                axis.plot(nats, [scale * value for value in values], ".", color=color, alpha=0.5, ms=4)
                path.append((np.exp(np.mean(np.log(np.maximum(nats, 1e-3)))), scale * np.mean(values)))
        axis.plot(*zip(*path, strict=True), color=color, marker=marker, ms=5, lw=1.4, label=label)
    axis.set(xscale="log", xlabel="nats paid per image")


def levels(axis: Axes, record: Record, metric: str, methods: Sequence[str], part: str, scale: float = 1.0) -> None:
    """A metric of methods without a cost, as lines across."""
    for method, dash in zip(methods, ("--", ":", "-."), strict=False):
        label, color, _ = STYLES[method]
        values = by_seed(record, metric, part=part, method=method)
        axis.axhline(scale * sum(values) / len(values), color=color, ls=dash, lw=1.3, label=label)


def bought_for_nats(record: Record) -> Figure:
    """Test error and cross-entropy on digits, averaged over twelve draws, against the nats paid."""
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 4.0))
    for axis, (metric, scale, name) in zip(axes, (("error_twelve", 100, "test error (%)"), ("cross_entropy_twelve", 1, "test cross-entropy (nats)")), strict=True):
        against_nats(axis, record, metric, PRICED, "digits", scale)
        levels(axis, record, metric, FREE, "digits", scale)
        axis.set_ylabel(name)
        cap(axis, record, metric, scale)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize="small")
    return figure


def cap(axis: Axes, record: Record, metric: str, scale: float, times: float = 2.5) -> None:
    """Ends the axis at some times the largest value without a cost, so that a collapse does not squash the rest."""
    without = scale * max(sum(found) / len(found) for found in (by_seed(record, metric, part="digits", method=method) for method in FREE))
    low, high = axis.get_ylim()
    if high > times * without:
        axis.set_ylim(low, times * without)


def one_or_many_draws(record: Record) -> Figure:
    """Test error without noise, with one draw and averaged over twelve, for each beta, of the deep VIB and of Information Dropout."""
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.2), sharey=True)
    for axis, method in zip(axes, ("vib", "softplus"), strict=True):
        for reading, (label, color, marker) in READINGS.items():
            found = by_beta(record, f"error_{reading}", 100, part="digits", method=method)
            means(axis, found, label, color, marker, least=99, lw=1.4)
        axis.set(xscale="log", xlabel="β", title=STYLES[method][0])
        cap(axis, record, "error_one", 100, 3.0)
    axes[0].set_ylabel("test error (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(DRAWS))
    return figure


def calibration(record: Record) -> Figure:
    """The expected calibration error of each method at its chosen beta, by reading."""
    figure, axis = plt.subplots(figsize=(5.6, 3.2))
    methods = list(STYLES)
    for shift, (reading, look) in zip((-0.2, 0, 0.2), READINGS.items(), strict=True):
        found = {at + shift: [100 * value for value in at_chosen(record, f"calibration_{reading}", method)] for at, method in enumerate(methods)}
        means(axis, found, *look, ls="none")
    axis.set_xticks(range(len(methods)), ["deep VIB", "Softplus", "ReLU", "binary", "no noise,\nReLU", "no noise,\nlinear"], fontsize="small")
    axis.set(ylabel="expected calibration\nerror (points)", ylim=(0, None))
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def under_attack(record: Record) -> Figure:
    """Error under fast gradient attacks, against their size, of each method at its chosen beta."""
    figure, axis = plt.subplots(figsize=(5.6, 3.6))
    sizes = sorted(record.config["sizes"])
    for method, (label, color, marker) in STYLES.items():
        found = {0.0: [100 * value for value in at_chosen(record, "error_twelve", method)]}
        found |= {size: [100 * value for value in at_chosen(record, f"attacked_{size:g}_by_12", method)] for size in sizes}
        means(axis, found, label, color, marker, least=99, lw=1.3)
    axis.set(xlabel="size of the attack, as a share of the range of a pixel", ylabel="error (%)", ylim=(0, 100))
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize="small")
    return figure


def attacked_digits(digits: np.ndarray, attacked: np.ndarray, labels: Sequence[str]) -> Figure:
    """Digits above, and the same after an attack below, each with what the network takes it for.

    Args:
        digits, attacked: [images, 28, 28].
        labels: for each image, "before → after".
    """
    n = len(digits)
    figure, axes = plt.subplots(2, n, figsize=(0.9 * n + 0.3, 2.5))
    for row, pictures in zip(axes, (digits, attacked), strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture, cmap="gray")
            axis.set_axis_off()
    for axis, label in zip(axes[1], labels, strict=True):
        axis.set_title(label, fontsize="small", y=-0.32)
    return figure


def nuisance_for_nats(record: Record) -> Figure:
    """What a reader proves in z about the digit on top, and the error on the picture below it, against the nats paid."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.6))
    both = ("vib", "softplus")
    against_nats(left, record, "nuisance_information", both, "nuisance")
    levels(left, record, "nuisance_information", ("none",), "nuisance")
    all_there_is = by_seed(record, "nuisance_information", method="raw picture")
    left.axhline(sum(all_there_is) / len(all_there_is), color="C2", ls="-.", label="read from the raw picture")
    left.set(ylabel="nats about the digit on top", ylim=(0, None))
    against_nats(right, record, "error_twelve", both, "nuisance", 100)
    levels(right, record, "error_twelve", ("none",), "nuisance", 100)
    right.set(ylabel="error on the picture (%)", ylim=(0, None))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize="small")
    return figure


def correlation_for_nats(record: Record) -> Figure:
    """The Gaussian total correlation of z on test digits, against the nats paid: for each method a point for each beta."""
    figure, axis = plt.subplots(figsize=(5.0, 3.2))
    against_nats(axis, record, "total_correlation", PRICED, "digits")
    axis.set(yscale="log", ylabel="total correlation of z (nats)")
    ticks(axis.yaxis, (1, 2, 5, 10, 20, 50, 100))
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize="small")
    return figure


def costs_of_a_unit(informations: Sequence[float], costs: Mapping[str, Sequence[float]]) -> Figure:
    """What one unit costs under several priors against the information in it, both in nats."""
    figure, axis = plt.subplots(figsize=(5.4, 3.4))
    top = max(informations)
    for (label, values), color, dash in zip(costs.items(), ("C0", "C2", "C1", "C3"), ("-", "--", "-", ":"), strict=False):
        axis.plot(informations, values, color=color, ls=dash, lw=1.6, label=label)
    axis.set(xlabel="I(x;z) of the unit, nats", ylabel="its cost, nats", ylim=(0, 1.9 * top))
    axis.legend(fontsize="small")
    return figure
