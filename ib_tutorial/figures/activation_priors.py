"""Figures of chapter 6: histograms of log z with both priors fitted, their distances, and what the noise does to them."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.activation_priors import ACTIVATIONS, CLOSE, MIDDLE
from ib_tutorial.experiments.convolutional import by_seed
from ib_tutorial.figures.seeds import means

PRIORS = {"uniform": ("log-uniform", "C1", "s"), "normal": ("log-normal", "C0", "o")}


def quantile(places: np.ndarray, density: np.ndarray, share: float) -> float:
    """The place below which `share` of a histogram lies, from the centres of its equal bins; between edges, by a straight line."""
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
        seeds = sorted({row["seed"] for row in record.select(metric="density", **chosen)})
        curves = [record.select(metric="density", seed=seed, **chosen) for seed in seeds]
        curves = [np.array(sorted((row["log_z"], row["value"]) for row in curve)).T for curve in curves]
        for places, density in curves:
            axis.step(places, density, where="mid", color="0.35", lw=0.8, label="units, one line a seed")
        if not curves:
            continue
        low, high = (np.mean([quantile(*curve, share) for curve in curves]) for share in MIDDLE)
        level = (MIDDLE[1] - MIDDLE[0]) / (high - low)
        axis.plot([low, low, high, high], [0, level, level, 0], color="C1", lw=1.8, ls="--", label="log-uniform")
        mean, std = (np.mean(by_seed(record, metric, **chosen)) for metric in ("mean_log_z", "std_log_z"))
        at = np.linspace(*axis.get_xlim(), 300)
        normal = np.exp(-(((at - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
        axis.plot(at, normal, color="C0", lw=1.8, label="log-normal")
    for row in axes:
        row[0].set_ylabel("density")
    handles = {label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


def distances_from_priors(record: Record, untrained: Mapping[str, Mapping[str, float]], apart: float) -> Figure:
    """For each activation and beta, the distance of log z from either prior; crosses: `untrained[activation]["distance_..."]`."""
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
    """units[activation] = (log f, log z) of the same units: their two histograms in one panel."""
    figure, axes = plt.subplots(1, len(units), figsize=(6.2, 3.1), squeeze=False)
    for axis, (activation, (log_f, log_z)) in zip(axes.flat, units.items(), strict=True):
        low = min(np.quantile(each, 0.002) for each in (log_f, log_z))
        high = max(np.quantile(each, 0.998) for each in (log_f, log_z))
        for values, color, label in ((log_f, "C2", "log f, before the noise"), (log_z, "0.35", "log z, after it")):
            axis.hist(
                values, bins=60, range=(low, high), density=True, histtype="step", color=color, lw=1.5, label=label
            )
        axis.set(title=ACTIVATIONS[activation], xlabel="log of the unit")
    axes[0, 0].set_ylabel("density")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
