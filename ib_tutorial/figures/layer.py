"""Figures of the chapter `layer`: a drawing of the layer, what leaks through it, two images that it confuses, and its noise by unit and image."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from ib_tutorial.figures.data import bare
from ib_tutorial.figures.parts import COST, NOISE, SIGNAL, draw_arrow, draw_box, normal_density, ticks
from ib_tutorial.figures.seeds import means


def layer_diagram(max_alpha: float = 0.7) -> Figure:
    """The layer from top to bottom: x goes to f and to alpha; alpha sets the scale of the noise, and what the units cost."""
    figure, axis = plt.subplots(figsize=(4.4, 3.7))
    axis.set(xlim=(0, 10), ylim=(0, 9))
    axis.set_axis_off()
    parts = {
        "x": (4.6, 8.5, "input x", "black"),
        "f": (1.9, 6.2, "units f(x)\nlinear map, ReLU", SIGNAL),
        "alpha": (7.2, 6.2, f"noise scale α(x)\nlinear map,\n{max_alpha:g} × sigmoid", NOISE),
        "product": (1.9, 3.2, "×", SIGNAL),
        "factor": (5.5, 3.2, "ε = exp(α n)\nfresh n ~ N(0, 1)", NOISE),
        "z": (1.9, 0.7, "noisy units\nz = ε f(x)", SIGNAL),
        "cost": (8.5, 0.7, f"cost in nats\nlog({max_alpha:g} / α)", COST),
    }
    boxes = {name: draw_box(axis, *part) for name, part in parts.items()}
    for start, end in (
        ("x", "f"), ("x", "alpha"), ("f", "product"), ("alpha", "factor"), ("factor", "product"), ("product", "z"), ("alpha", "cost"),
    ):  # fmt: skip
        color = boxes[end if start == "x" else start].get_color()
        draw_arrow(axis, boxes[start], boxes[end], color, ls="--" if end == "cost" else "-")
    return figure


def leak(rows: Mapping[str, Float[Tensor, "digits 784"]]) -> Figure:
    """Digits side by side, a row for each name: images, and what readers made of the units."""
    figure, axes = plt.subplots(len(rows), 1, figsize=(5.0, 0.86 * len(rows)), squeeze=False)
    for axis, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
        strip = np.concatenate(list(images.reshape(-1, 28, 28).cpu().numpy()), axis=1)
        axis.imshow(strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axis.set_title(name, loc="left", pad=3)
        bare(axis)
    return figure


def overlap(panels: Mapping[str, tuple[Sequence[float], Sequence[float]]], names: Sequence[str]) -> Figure:
    """A panel for each pair of images: the densities of one noisy unit for both, and the share of wrong guesses.

    Args:
        panels: by title, f(x) and alpha(x) of the unit, each for the two images; f is positive.
        names: of the two images.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(4.8, 2.8), sharex=True, squeeze=False)
    every = [value for f, alpha in panels.values() for value in (np.log(f), np.asarray(alpha))]
    reach = 2.6 * max(alpha.max() for alpha in every[1::2])
    log_z = np.linspace(min(f.min() for f in every[::2]) - reach, max(f.max() for f in every[::2]) + reach, 2000)
    for axis, (title, (f, alpha)) in zip(axes[0], panels.items(), strict=True):
        first, second = (normal_density(log_z, math.log(a), b) for a, b in zip(f, alpha, strict=True))
        for density, name, color, style in ((first, names[0], "C0", "-"), (second, names[1], "C1", "--")):
            axis.plot(np.exp(log_z), density, style, color=color, label=name)
        axis.fill_between(np.exp(log_z), np.minimum(first, second), color="0.6")
        axis.set(xscale="log", xlabel="noisy unit z", title=f"{title}\nwrong: {mistaken(f, alpha):.0%}", ylim=(0, None))
        ticks(axis.xaxis, (t for t in (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30) if log_z[0] < math.log(t) < log_z[-1]))
        axis.set_yticks([])
    axes[0, 0].set_ylabel("density of log z")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def mistaken(f: Sequence[float], alpha: Sequence[float]) -> float:
    """Share of wrong guesses by whoever sees one noisy unit and knows both densities, where both images are equally likely.

    Half of the area that the two densities of log z share, summed on a fine grid.
    """
    means, stds = np.log(f), np.asarray(alpha)
    log_z = np.linspace((means - 9 * stds).min(), (means + 9 * stds).max(), 200_001)
    first, second = (normal_density(log_z, mean, std) for mean, std in zip(means, stds, strict=True))
    return float(np.minimum(first, second).mean() * (log_z[-1] - log_z[0])) / 2


def noise_and_leak(
    scales: Mapping[float, Sequence[float]],
    shares: Mapping[float, Sequence[float]],
    lines: Mapping[str, float],
    max_alpha: float,
) -> Figure:
    """Mean noise scale (left) and share of the image in percent that is read back (right), by beta; a value for each seed.

    Args:
        lines: shares to compare with, by name.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(4.8, 3.2))
    places = range(len(scales))
    for axis, values, color, marker in ((left, scales, "C1", "s"), (right, shares, "C0", "o")):
        means(axis, dict(zip(places, values.values(), strict=True)), "Information Dropout", color, marker)
        axis.set_xticks(places, [f"{beta:g}" for beta in values])
        axis.set(xlabel="β", ylim=(0, None), xlim=(-0.4, len(scales) - 0.6))
    left.axhline(max_alpha, color="0.4", ls="--", lw=1)
    left.text(0, max_alpha * 0.97, "cap", va="top", color="0.3")
    left.set(ylabel="mean noise scale α")
    for (name, share), style in zip(lines.items(), cycle(("-", "--", ":"))):
        right.axhline(share, color="0.35", ls=style, lw=1.2, label=name)
    right.set(ylabel="read back (%)")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    return figure


def noise_by_unit(images: Float[Tensor, "digits 784"], alpha: Float[Tensor, "digits units"], max_alpha: float) -> Figure:
    """Noise scale of every unit (columns, in the order given) for every image (rows, beside the image)."""
    n = len(images)
    figure, (left, right) = plt.subplots(1, 2, figsize=(4.8, 0.29 * n + 0.9), width_ratios=(1, 12))
    left.imshow(images.reshape(n * 28, 28).cpu().numpy(), cmap="gray", vmin=0, vmax=1, aspect="auto")
    drawn = right.imshow(alpha.cpu().numpy(), cmap="viridis", vmin=0, vmax=max_alpha, aspect="auto", interpolation="nearest")
    for axis in (left, right):
        bare(axis)
    right.set_xlabel(f"{alpha.shape[1]} units")
    figure.colorbar(drawn, ax=right, label="noise scale α", pad=0.02, ticks=[0, max_alpha / 2, max_alpha])
    return figure
