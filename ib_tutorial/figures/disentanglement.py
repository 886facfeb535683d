"""Figures of the chapter `disentanglement`, on total correlation and the factorized prior."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

PARTS = (
    ("I(x; z), information about the input", "C0", ""),
    ("TC(z), between the units", "C1", "///"),
    (r"$\Sigma_j$ KL($p_j\,\Vert\,q_j$), the prior's mismatch", "C2", "..."),
)


def factorized_bills(bills: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """bills[encoder][prior] = (I, TC, mismatch) in nats: one stacked bar for each, grouped by encoder."""
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
    """excesses[covariance][d] = (plug-in minus truth, corrected minus truth), one entry per data set, in nats."""
    figure, axes = plt.subplots(2, 1, figsize=(4.9, 6.2), sharex=True)
    curve = [d / n_samples for d in units]
    axes[0].plot(curve, formula, color="0.25", lw=1.5, label="formula")
    small = [d for d in units if d <= 0.62 * n_samples]
    axes[0].plot(
        [d / n_samples for d in small],
        [d * (d - 1) / (4 * n_samples) for d in small],
        ":",
        color="0.25",
        label="d(d − 1) / 4n",
    )
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
    """Above: (TC, Gaussian TC) of two units at each loud scale. Below: TC against the number of independent units."""
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
