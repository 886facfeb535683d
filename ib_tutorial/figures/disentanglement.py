"""Figures of the chapter `disentanglement`, on total correlation and the factorized prior."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.figures.parts import normal_density, ticks

PARTS = (
    ("I(x; z), information about the input", "C0", ""),
    ("TC(z), between the units", "C1", "///"),
    (r"$\Sigma_j$ KL($p_j\,\Vert\,q_j$), the prior's mismatch", "C2", "..."),
)


def copied_shape(costs: Mapping[int, tuple[float, float]]) -> Figure:
    """The running example, with the cost that it pays and the information that it holds, by the number of copies.

    Args:
        costs: for each number of copies (cost, I(x;z)), in nats.
    """
    figure, (layer, bill) = plt.subplots(1, 2, figsize=(6.2, 3.0), width_ratios=(1, 1.25))
    _draw_layer(layer)
    paid, told = zip(*costs.values(), strict=True)
    places = range(len(costs))
    bill.bar(places, paid, color="C3", hatch="\\\\\\", edgecolor="white", width=0.7, label="cost")
    bill.bar(places, told, color="C0", edgecolor="white", width=0.7, label="of it, I(x; z)")
    for place, cost in zip(places, paid, strict=True):
        bill.text(place, cost + 0.02, f"{cost:.2f}", ha="center", fontsize="small")
    bill.axhline(math.log(2), color="0.25", ls="--", lw=1.2, label="all there is to tell")
    bill.set_xticks(places, list(costs))
    bill.set(xlabel="copies of the shape", ylabel="nats per image", title="what the layer pays", ylim=(0, 1.1 * max(paid)))
    bill.grid(visible=False, axis="x")
    bill.legend(loc="upper left")
    return figure


def _draw_layer(axis: Axes) -> None:
    """Draw four images in a row, and under each the values of the three units that copy its shape. Two of the values are wrong."""
    for column, (circle, color) in enumerate([(True, "C3"), (True, "C0"), (False, "C3"), (False, "C0")]):
        axis.plot(column, 0, "o" if circle else "s", color=color, ms=15)
        for unit in range(3):
            wrong = (column, unit) in ((1, 0), (2, 2))
            value = int(circle) ^ 1 ^ wrong
            place = -1.15 - 0.8 * unit
            box = {"boxstyle": "square,pad=0.35", "fc": "0.85" if value else "white", "ec": "C1" if wrong else "0.5", "lw": 2.2 if wrong else 1}
            axis.text(column, place, value, ha="center", va="center", bbox=box)
    for unit in range(3):
        axis.text(-0.75, -1.15 - 0.8 * unit, f"$z_{unit + 1}$", ha="center", va="center")
    axis.text(-0.75, 0, "$x$", ha="center", va="center")
    axis.set(xlim=(-1.1, 3.5), ylim=(-3.2, 0.55), title="three copies, two slips")
    axis.set_axis_off()


def joint_tables(tables: Mapping[str, tuple[np.ndarray, float]]) -> Figure:
    """For each layer the joint table of two units (above), and the product of its marginals (below).

    Args:
        tables: for each layer (p(z_1, z_2), its total correlation in nats).
    """
    figure, axes = plt.subplots(2, len(tables), figsize=(6.2, 3.5), sharex=True, sharey=True)
    for column, (name, (joint, tc)) in zip(axes.T, tables.items(), strict=True):
        product = np.outer(joint.sum(1), joint.sum(0))
        for axis, table in zip(column, (joint, product), strict=True):
            axis.imshow(table, cmap="Blues", vmin=0, vmax=0.7)
            for place, value in np.ndenumerate(table):
                axis.text(*place[::-1], f"{value:.2f}".lstrip("0"), ha="center", va="center")
            axis.set(xticks=(0, 1), yticks=(0, 1))
            axis.grid(visible=False)
        column[0].set_title(f"{name}\nTC {tc:.3f} nats")
        column[1].set_xlabel("$z_2$")
    axes[0, 0].set_ylabel("$p(z)$\n$z_1$")
    axes[1, 0].set_ylabel("$p_1\\,p_2$\n$z_1$")
    return figure


def shared_prior(m: Sequence[float], s: Sequence[float], mu: float, sigma: float) -> Figure:
    """Normal densities of log z for units of mean m[j] and standard deviation s[j], and the one prior of the layer, of mean mu and sigma."""
    figure, axis = plt.subplots(figsize=(4.9, 2.9))
    u = np.linspace(mu - 3.2 * sigma, mu + 3.2 * sigma, 400)
    for unit, (mean, scale) in enumerate(zip(m, s, strict=True)):
        axis.plot(u, normal_density(u, mean, scale), ("-", "--", ":")[unit % 3], color=f"C{unit}", lw=2, label=f"unit {unit + 1}")
    axis.fill_between(u, normal_density(u, mu, sigma), color="0.8", label="the shared prior")
    axis.set(xlabel="log z (nats)", ylabel="density (per nat)", ylim=(0, None))
    axis.legend()
    return figure


def batch_total_correlation(estimates: Mapping[int, np.ndarray]) -> Figure:
    """Total correlations that were estimated in batches of several sizes, where the true value is 0.

    Args:
        estimates: for each size of a batch the estimates, in nats.
    """
    figure, axis = plt.subplots(figsize=(4.9, 2.8))
    sizes = np.array(list(estimates))
    means = np.array([each.mean() for each in estimates.values()])
    bars = [2 * each.std(ddof=1) / len(each) ** 0.5 for each in estimates.values()]
    axis.errorbar(sizes, means, yerr=bars, fmt="o", color="C1", capsize=2.5, label="mean estimate")
    axis.plot(sizes, means[-1] * sizes[-1] / sizes, ":", color="0.25", label="one over the batch")
    axis.set(xscale="log", yscale="log", xlabel="images in the batch", ylabel="TC (nats), truth 0")
    ticks(axis.xaxis, sizes)
    axis.legend()
    return figure


def factorized_bills(bills: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """The parts of the cost as a stacked bar for each prior, grouped by encoder.

    Args:
        bills: for each encoder and prior (I(x;z), total correlation, mismatch of the marginals), in nats.
    """
    figure, axis = plt.subplots(figsize=(5.4, 5.4))
    ticks, names, place = [], [], 0.0
    for encoder, by_prior in bills.items():
        axis.text(0.01, place - 0.75, encoder, weight="bold", va="center")
        for prior, parts in by_prior.items():
            left = 0.0
            for value, (label, color, hatch) in zip(parts, PARTS, strict=True):
                axis.barh(place, value, left=left, height=0.72, color=color, hatch=hatch, edgecolor="white", lw=0.8)
                left += value
            axis.text(left + 0.02, place, f"{left:.2f}", va="center", fontsize="small")
            ticks.append(place)
            names.append(prior)
            place += 0.9
        place += 0.95
    axis.set_yticks(ticks, names)
    axis.set(xlabel="cost of the layer (nats per image)", ylim=(place - 1.2, -1.5))
    axis.grid(visible=False, axis="y")
    axis.set_xlim(0, 1.1 * max(sum(parts) for by_prior in bills.values() for parts in by_prior.values()))
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=c, hatch=h, edgecolor="white") for _, c, h in PARTS]
    figure.legend(handles, [label for label, _, _ in PARTS], loc="outside upper left", ncols=1)
    return figure


def plug_in_bias(
    n_samples: int,
    units: Sequence[int],
    formula: Sequence[float],
    excesses: Mapping[str, Mapping[int, tuple[np.ndarray, np.ndarray]]],
) -> Figure:
    """The error of the plug-in estimate of total correlation, and of the corrected one, against the number of units.

    Args:
        n_samples: of each data set.
        units: numbers of units.
        formula: the bias that the formula gives for each, in nats.
        excesses: for each covariance and number of units (plug-in minus truth, corrected minus truth), one entry per data set, in nats.
    """
    figure, axes = plt.subplots(2, 1, figsize=(4.9, 6.2), sharex=True)
    curve = [d / n_samples for d in units]
    axes[0].plot(curve, formula, color="0.25", lw=1.5, label="formula")
    small = [d for d in units if d <= 0.62 * n_samples]
    approximation = [d * (d - 1) / (4 * n_samples) for d in small]
    axes[0].plot([d / n_samples for d in small], approximation, ":", color="0.25", label="d(d − 1) / 4n")
    for index, (name, by_units) in enumerate(excesses.items()):
        shift = 0.006 * (2 * index - len(excesses) + 1)
        for axis, column in zip(axes, (0, 1), strict=True):
            values = [pair[column] for pair in by_units.values()]
            means = [v.mean() for v in values]
            bars = [2 * v.std(ddof=1) / len(v) ** 0.5 for v in values]
            places = [d / n_samples + shift for d in by_units]
            axis.errorbar(
                places, means, yerr=bars, fmt="os"[index % 2], color=f"C{index}", ms=4.5, capsize=2.5, label=name
            )
    axes[1].axhline(0, color="0.25", lw=1)
    axes[0].set(title="plug-in estimate", ylabel="mean estimate − truth (nats)")
    axes[1].set(title="bias subtracted", ylabel="mean estimate − truth (nats)")
    widest = max(abs(limit) for limit in axes[1].get_ylim())
    axes[1].set_ylim(-widest, widest)
    axes[1].set(xlabel="units per sample, d / n", xlim=(0, 1))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def noise_and_total_correlation(
    loud: Sequence[float],
    pairs: Sequence[tuple[float, float]],
    units: Sequence[int],
    by_spread: Mapping[float, Sequence[float]],
) -> Figure:
    """The total correlation of units that share a noise scale: of two correlated units (above), and of many with independent log f (below).

    Args:
        loud: the larger one of the two noise scales.
        pairs: (total correlation, Gaussian total correlation) of two units at each loud scale, in nats.
        units: numbers of units.
        by_spread: for each spread of log f the total correlation at each number of units, in nats.
    """
    figure, (above, below) = plt.subplots(2, 1, figsize=(4.9, 6.4), layout="constrained")
    figure.get_layout_engine().set(hspace=0.06)
    true, gaussian = zip(*pairs, strict=True)
    above.plot(loud, true, color="C0", lw=2, label="true TC")
    above.plot(loud, gaussian, "--", color="C1", lw=2, label="Gaussian formula")
    above.set(
        xlabel="noise scale α of dark images", ylabel="TC of log z (nats)", ylim=(0, None), title="two correlated units"
    )
    above.legend()
    for index, (spread, values) in enumerate(by_spread.items()):
        style = ("-", "--", ":")[index]
        below.plot(units, values, style, color="C0", lw=2, label=f"true TC, spread {spread:g}")
    below.set(xscale="log", yscale="log", xlabel="units d, independent log f", ylabel="TC of log z (nats)")
    below.set(title="Gaussian formula: 0 for every d")
    below.legend()
    return figure
