"""Figures of the chapter `limits`, computed where they are shown."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.special import ndtr, ndtri

from ib_tutorial.figures.parts import normal_density, ticks
from ib_tutorial.information import kl_log_normal, kl_log_uniform, kl_truncated_log_uniform

PRIORS = {
    "log_uniform": ("log-uniform", "C3", "o"),
    "log_normal": ("log-normal, learned", "C0", "s"),
    "truncated": ("truncated log-uniform", "C2", "^"),
}
"""Name, colour and marker of each prior, the same in every figure of the chapter."""


def told_by(densities: np.ndarray, step: float) -> float:
    """I(x;z) in nats for equally likely x, from the densities p(u|x) on a grid of that step."""
    log_ratio = np.log(np.maximum(densities, 1e-300)) - np.log(np.maximum(densities.mean(0), 1e-300))
    return float((densities * log_ratio).sum(1).mean() * step)


def spread_out(spreads: Sequence[float], alpha: float) -> Figure:
    """One unit at noise scale alpha: what log z looks like for ten inputs whose log f has each of the spreads, and what z tells of them."""
    figure, axes = plt.subplots(1, len(spreads), sharey=True)
    quantiles = ndtri((np.arange(10) + 0.5) / 10)
    quantiles /= quantiles.std()
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.9, 10))
    for axis, spread in zip(axes, spreads, strict=True):
        edge = spread * quantiles.max() + 4 * alpha
        u = np.linspace(-edge, edge, 4001)
        densities = normal_density(u, spread * quantiles[:, None], alpha)
        for density, color in zip(densities, colors, strict=True):
            axis.fill_between(u, density, color=color, alpha=0.35, lw=0)
            axis.plot(u, density, color=color, lw=1)
        axis.set(title=f"cost 0 nats, tells {told_by(densities, u[1] - u[0]):.2f} nats", xlabel="log z (nats)")
    axes[0].set_ylabel("density given x")
    return figure


def three_bills(alpha: float, max_alpha: float, low: float, high: float) -> Figure:
    """Mean cost of one unit under each prior against the spread of log f ~ N(0, s^2), and what z tells; both also for a unit that stays in [low, high]."""
    spread = np.logspace(-1, 1.5, 80)
    told = np.log1p((spread / alpha) ** 2) / 2
    quantiles = ndtri((np.arange(400) + 0.5) / 400)
    log_f, scale = torch.from_numpy(spread[:, None] * quantiles), torch.tensor(alpha, dtype=torch.float64)
    total = torch.from_numpy(np.hypot(spread, alpha))[:, None]
    bills = {
        "log_uniform": kl_log_uniform(scale, max_alpha).expand(len(spread)),
        "log_normal": kl_log_normal(log_f, scale, torch.zeros_like(scale), total).mean(1),
        "truncated": kl_truncated_log_uniform(log_f, scale, low, high).mean(1),
    }
    figure, axis = plt.subplots(figsize=(6.2, 3.2))
    axis.plot(spread, told, color="0.75", lw=7, label="told by z", solid_capstyle="round")
    for prior, bill in bills.items():
        name, color, _ = PRIORS[prior]
        axis.plot(spread, bill, color=color, lw=2, ls="--" if prior == "log_normal" else "-", label=f"cost, {name}")
    u = np.linspace(low, high, 400)
    cut = [np.exp(-(((u - each.clamp(low, high).numpy()[:, None]) / alpha) ** 2) / 2) for each in log_f]
    step = u[1] - u[0]
    told_on_the_interval = [told_by(each / each.sum(1, keepdims=True) / step, step) for each in cut]
    axis.plot(spread, told_on_the_interval, ":", color=PRIORS["truncated"][1], lw=2, label="told by z on the interval")
    axis.set(xscale="log", xlabel="spread s of log f (nats)", ylabel="nats", ylim=(-0.2, None))
    axis.legend(loc="upper left")
    return figure


def sample_ceiling(n_units: Sequence[int], zeros: Sequence[float], positive: Sequence[float], n_images: int) -> Figure:
    """What a layer at the cap tells of n images, by its zeros and by its positive units, against the number of units."""
    figure, axis = plt.subplots(figsize=(6.2, 3))
    axis.axhline(math.log(n_images), color="0.3", ls="--", lw=1)
    axis.text(n_units[0], math.log(n_images) + 0.15, f"log {n_images:,}: no layer tells more", color="0.3", va="bottom")
    axis.plot(n_units, zeros, "o-", color="C1", label="told by which units are zero")
    axis.plot(n_units, positive, "s-", color="C4", label="told by the others, at least")
    axis.plot(n_units, np.zeros(len(n_units)), "-", color="C3", lw=2, label="cost, log-uniform prior")
    axis.set(xscale="log", xlabel="units of the layer", ylabel="nats", ylim=(-0.3, math.log(n_images) + 1.2))
    ticks(axis.xaxis, n_units)
    axis.legend(loc="upper left", bbox_to_anchor=(0, 0.86))
    return figure


def noise_on_an_interval(low: float, high: float, alphas: tuple[float, float], max_alpha: float) -> Figure:
    """Left, log z for three centres and two noise scales, cut to [low, high]. Right, what a unit costs against its noise scale."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.2, 3))
    u = np.linspace(low, high, 800)
    for color, centre in zip(("C0", "C4", "C1"), (low, (low + high) / 2, 0.9 * high), strict=True):
        for scale, style in zip(alphas, ("-", ":"), strict=True):
            mass = np.diff(ndtr((np.array([low, high]) - centre) / scale))
            left.plot(u, normal_density(u, centre, scale) / mass, style, color=color, lw=2)
    left.axhline(1 / (high - low), color="0.5", lw=1)
    left.text(low, 1 / (high - low) + 0.02, " prior", color="0.4", va="bottom")
    for end in (low, high):
        left.axvline(end, color="0.4", ls="--", lw=1)
    left.set(xlabel="log z (nats)", ylabel="density given x", title=f"α = {alphas[0]:g} (solid), {alphas[1]:g} (dotted)")

    alpha = torch.logspace(-2, math.log10(high - low), 200, dtype=torch.float64)
    for centre, color, name in (((low + high) / 2, "C4", "centre in the middle"), (low, "C0", "centre at an end")):
        cost = kl_truncated_log_uniform(torch.tensor(centre, dtype=torch.float64), alpha, low, high)
        right.plot(alpha, cost, color=color, lw=2, label=name)
    right.plot(alpha[alpha <= max_alpha], kl_log_uniform(alpha[alpha <= max_alpha], max_alpha), "--", color="C3", label="log-uniform prior")
    right.set(xscale="log", xlabel="noise scale α (nats)", ylabel="cost (nats)", title="cost of one unit")
    right.legend(fontsize="small")
    return figure


def bills_and_errors(rows: Sequence[Mapping], baseline: Sequence[float]) -> Figure:
    """Left, the cost of trained layers against what they tell, rows of `prior`, `cost`, `told` and `error` (%). Right, their errors."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.2, 3.2))
    for prior, (name, color, marker) in PRIORS.items():
        of_it = [row for row in rows if row["prior"] == prior]
        cost, told, error = ([row[key] for row in of_it] for key in ("cost", "told", "error"))
        options = dict(color=color, marker=marker, ls="none", ms=6, alpha=0.8)
        left.plot(told, np.maximum(cost, 0.01), label=name, **options)
        right.plot(np.maximum(cost, 0.01), error, **options)
    ends = np.array([min(row["told"] for row in rows), max(row["told"] for row in rows)]) * [0.8, 1.1]
    left.plot(ends, ends, color="0.3", lw=1)
    left.fill_between(ends, 0.008, ends, color="0.85", lw=0)
    left.text(ends[0], 0.02, " a bound cannot\n be here", color="0.35")
    left.set(yscale="log", ylim=(0.008, None), xlim=ends, xlabel="z tells of the images (nats)", ylabel="cost (nats)")
    right.axhspan(min(baseline), max(baseline), color="0.85", lw=0)
    right.set(xscale="log", xlabel="cost (nats)", ylabel="test error (%)", title="grey: no noise", ylim=(0, None))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def along_depth(chains: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """For each kind of noise I(x; z_l) and its bound, the product of contraction coefficients times I(x; z_1), layer by layer."""
    figure, axes = plt.subplots(1, len(chains), sharey=True)
    for axis, (name, (told, bound)) in zip(axes, chains.items(), strict=True):
        layers = np.arange(1, len(told) + 1)
        axis.bar(layers, told, color="C0", alpha=0.75, label="I(x; z of layer l)")
        axis.plot(layers, bound, "o-", color="C1", label="its bound")
        axis.set(title=name, xlabel="layer l", xticks=layers)
    axes[0].set_ylabel("nats")
    axes[0].legend()
    return figure
