"""Figures of the chapter `activation_priors`: histograms of log z with both priors fitted, their distances, and what the noise does to them."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.activation_priors import ACTIVATIONS, CLOSE, MIDDLE
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.figures.parts import legend, normal_density
from ib_tutorial.figures.seeds import means

PRIORS = {"uniform": ("log-uniform", "C1", "s"), "normal": ("log-normal", "C0", "o")}


def quantile(places: np.ndarray, density: np.ndarray, share: float) -> float:
    """The place below which `share` of a histogram lies, from the centres of its equal bins, with linear interpolation between edges."""
    width = places[1] - places[0]
    edges = np.append(places - width / 2, places[-1] + width / 2)
    return float(np.interp(share, np.concatenate([[0.0], np.cumsum(density) / density.sum()]), edges))


def activation_histograms(record: Record) -> Figure:
    """A panel for each activation and beta: each seed's density of log z, given z > 0, and both priors fitted to the seeds' mean."""
    panels = [(a, beta) for a in ACTIVATIONS for beta in record.config[f"{a}_betas"]]
    columns = len(panels) // len(ACTIVATIONS)
    figure, axes = plt.subplots(len(ACTIVATIONS), columns, figsize=(3.1 * columns, 5.4), squeeze=False, sharey="row")
    for axis, (activation, beta) in zip(axes.flat, panels, strict=True):
        chosen = dict(activation=activation, beta=beta)
        axis.set(title=f"{ACTIVATIONS[activation]}, β = {beta:g}", xlabel="log z")
        curves = densities(record, "density", "log_z", **chosen)
        steps(axis, curves)
        if not curves:
            continue
        low, high, level, mean, std = fitted(record, curves, **chosen)
        axis.plot([low, low, high, high], [0, level, level, 0], color="C1", lw=1.8, ls="--", label="log-uniform")
        at = np.linspace(axis.get_xlim()[0], axis.get_xlim()[1], 300)
        axis.plot(at, normal_density(at, mean, std), color="C0", lw=1.8, label="log-normal")
    for row in axes:
        row[0].set_ylabel("density")
    legend(figure, axes.flat, ncols=3)
    return figure


def activations_and_logarithms(record: Record) -> Figure:
    """Fig. 1: a row for each activation, at its largest beta. Left the density of z > 0 as the paper draws it, right that of log z.

    Each seed is a line. Both priors are fitted to log z and carried over to z: the log-uniform is c / z there.
    """
    figure, axes = plt.subplots(len(ACTIVATIONS), 2, figsize=(6.4, 5.4))
    for (left, right), (activation, name) in zip(axes, ACTIVATIONS.items(), strict=True):
        chosen = dict(activation=activation, beta=record.config[f"{activation}_betas"][-1])
        on_z, on_log_z = (densities(record, *which, **chosen) for which in (("density_z", "z"), ("density", "log_z")))
        steps(left, on_z)
        steps(right, on_log_z)
        if not on_log_z:
            continue
        low, high, level, mean, std = fitted(record, on_log_z, **chosen)
        at = np.linspace(right.get_xlim()[0], right.get_xlim()[1], 400)
        top, edge = 1.25 * max(density.max() for _, density in on_z or on_log_z), left.get_xlim()[1]
        for axis, place, weight in ((right, lambda v: v, lambda v: 1.0), (left, np.exp, lambda v: np.exp(-v))):
            uniform = np.linspace(low, high, 200)
            ends = place(np.array([low, *uniform, high]))
            axis.plot(ends, [0, *(level * weight(uniform) * np.ones(200)), 0], color="C1", lw=1.8, ls="--", label="log-uniform")
            axis.plot(place(at), normal_density(at, mean, std) * weight(at), color="C0", lw=1.8, label="log-normal")
        left.set(xlim=(0, edge), ylim=(0, top), ylabel="density", title=f"{name}, β = {chosen['beta']:g}")
        right.set(title="the same, by its logarithm")
        zeros = np.mean(by_seed(record, "share_zero", **chosen))
        if zeros > 0:
            left.text(0.97, 0.93, f"{zeros:.0%} of the units are 0", transform=left.transAxes, ha="right", va="top", fontsize="small")
    axes[-1, 0].set_xlabel("z")
    axes[-1, 1].set_xlabel("log z")
    legend(figure, axes.flat, ncols=3)
    return figure


def steps(axis: Axes, curves: Sequence[np.ndarray]) -> None:
    """Draw each seed's histogram as a line of steps."""
    for places, density in curves:
        axis.step(places, density, where="mid", color="0.35", lw=0.8, label="units, one line a seed")


def fitted(record: Record, curves: Sequence[np.ndarray], **chosen) -> tuple[float, float, float, float, float]:
    """Both priors fitted to log z: the ends and the height of the uniform density, the mean and standard deviation of the normal one."""
    low, high = (float(np.mean([quantile(places, density, share) for places, density in curves])) for share in MIDDLE)
    mean, std = (float(np.mean(by_seed(record, metric, **chosen))) for metric in ("mean_log_z", "std_log_z"))
    return low, high, (MIDDLE[1] - MIDDLE[0]) / (high - low), mean, std


def densities(record: Record, metric: str, coordinate: str, **chosen) -> list[np.ndarray]:
    """Each seed's histogram as (places, densities)."""
    seeds = sorted({row["seed"] for row in record.select(metric=metric, **chosen)})
    by_seed = [record.select(metric=metric, seed=seed, **chosen) for seed in seeds]
    return [np.array(sorted((row[coordinate], row["value"]) for row in rows)).T for rows in by_seed]


def distances_from_priors(record: Record, untrained: Mapping[str, Mapping[str, float]], apart: float) -> Figure:
    """For each activation and beta, the distance of log z from either prior.

    Args:
        record: of `activation_priors`.
        untrained: for each activation the distances of untrained units, by metric; they are drawn as crosses.
        apart: the distance of the two priors from each other.
    """
    figure, axis = plt.subplots(figsize=(5.6, 3.9))
    groups = [(a, beta) for a in ACTIVATIONS for beta in record.config[f"{a}_betas"]]
    for index, (prior, (name, color, marker)) in enumerate(PRIORS.items()):
        shift = 0.24 * index - 0.12
        metric = f"distance_{prior}"
        found = {k + shift: by_seed(record, metric, activation=a, beta=b) for k, (a, b) in enumerate(groups)}
        means(axis, found, f"from the {name}", color, marker, lw=0)
        crosses = [untrained[a][metric] for a, _ in groups]
        axis.plot([k + shift + 0.07 for k in range(len(groups))], crosses, "x", color=color, ms=6, mew=1.6)
    axis.plot([], [], "x", color="0.3", mew=1.6, label="before training, α = 0.7")
    axis.axhline(CLOSE, color="0.3", lw=1)
    axis.text(len(groups) - 0.52, CLOSE, f"{CLOSE:g}", va="bottom", ha="right", fontsize="small")
    axis.axhline(apart, color="0.3", lw=1, ls=":")
    axis.text(len(groups) - 0.52, apart, f"{apart:.3f}", va="bottom", ha="right", fontsize="small")
    axis.set_xticks(range(len(groups)), [f"{ACTIVATIONS[a]}\nβ = {b:g}" for a, b in groups])
    axis.set(ylabel="Kolmogorov–Smirnov distance", ylim=(0, None), xlim=(-0.5, len(groups) - 0.5))
    axis.grid(visible=False, axis="x")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def before_and_after_noise(units: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """For each activation a panel with the histograms of log f and log z.

    Args:
        units: for each activation (log f, log z) of the same units.
    """
    figure, axes = plt.subplots(1, len(units), figsize=(6.2, 3.1), squeeze=False)
    for axis, (activation, (log_f, log_z)) in zip(axes.flat, units.items(), strict=True):
        low = min(np.quantile(each, 0.002) for each in (log_f, log_z))
        high = max(np.quantile(each, 0.998) for each in (log_f, log_z))
        for values, color, label in ((log_f, "C2", "log f, before the noise"), (log_z, "0.35", "log z, after it")):
            axis.hist(values, 60, (low, high), density=True, histtype="step", color=color, lw=1.5, label=label)
        axis.set(title=ACTIVATIONS[activation], xlabel="log of the unit")
    axes[0, 0].set_ylabel("density")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
