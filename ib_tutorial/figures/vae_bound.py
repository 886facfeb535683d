"""Figures of the chapter `two_autoencoders`: two autoencoders. Each draws a record; dots are seeds, bars Student's 95 % intervals of the mean."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MultipleLocator

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import vae_bound as experiment
from ib_tutorial.figures.parts import COST, NOISE, SIGNAL, draw_arrow, draw_box, image_rows, legend, ticks
from ib_tutorial.figures.seeds import means
from ib_tutorial.figures.style import LATENTS


def vae_diagram() -> Figure:
    """The two autoencoders, from top to bottom: one encoder and one decoder, and two kinds of latents between them."""
    figure, axis = plt.subplots(figsize=(4.8, 5.4))
    axis.set(xlim=(0, 10), ylim=(0, 12))
    axis.set_axis_off()
    parts = {
        "x": (5, 11.5, "image x: 784 pixels, 0 or 1", "black"),
        "encoder": (5, 9.9, "encoder: 512 k tanh units", "black"),
        "mean": (2.2, 7.6, "mean m, scale s\nlinear maps", NOISE),
        "f": (7.8, 7.6, "Softplus units f\nscale α < 0.7", SIGNAL),
        "gaussian": (2.2, 5.2, "Gaussian latents\nz = m + s n", NOISE),
        "information": (7.8, 5.2, "Information\nDropout\nz = f exp(α n)", SIGNAL),
        "decoder": (5, 1.6, "decoder: 512 k tanh units", "black"),
        "pixels": (5, 0.2, "784 probabilities", "black"),
    }
    boxes = {name: draw_box(axis, *part) for name, part in parts.items()}
    for height, words in ((7.7, "one or\nthe other"), (5.6, "fresh\nn ~ N(0, 1)"), (3.85, "rate: nats\nof z")):
        axis.text(5, height, words, ha="center", va="center", color=COST, fontsize=11)
    for start, end in (
        ("x", "encoder"), ("encoder", "mean"), ("encoder", "f"), ("mean", "gaussian"), ("f", "information"),
        ("gaussian", "decoder"), ("information", "decoder"), ("decoder", "pixels"),
    ):  # fmt: skip
        draw_arrow(axis, boxes[start], boxes[end], boxes[end if start == "encoder" else start].get_color())
    for name, at in (("gaussian", 4.4), ("information", 5.6)):
        dashed = dict(arrowstyle="-|>", lw=1.8, ls="--", color=COST, shrinkA=1, patchA=boxes[name].get_bbox_patch())
        axis.annotate("", xy=(at, 4.3), xytext=parts[name][:2], arrowprops=dashed)
    return figure


def vae_bounds(record: Record) -> Figure:
    """Table 1 by seeds, ours and the published one (above); Information Dropout's bound minus the Gaussian's (below).

    An axis is broken where its values fall into two groups that are far apart.
    """
    found = lambda k, latents: experiment.by_seed(record, "bound", stage="final", k=k, latents=latents)
    ours = {k: list(zip(*(found(k, latents) for latents in LATENTS), strict=True)) for k in record.config["ks"]}
    margin, published = experiment.MARGIN, experiment.PUBLISHED
    ks = sorted({*ours, *published})
    figure = plt.figure(figsize=(5.4, 6.6))
    above, below = figure.subfigures(2, 1, height_ratios=(1.5, 1))
    every = [value for pairs in (*ours.values(), published.values()) for pair in pairs for value in pair]
    upper = add_axes(above, every)
    for axis in upper:
        for k, pairs in ours.items():
            for pair in pairs:
                axis.plot((k - 0.16, k + 0.16), pair, color="0.6", lw=1.2, zorder=1)
        for k, pair in published.items():
            axis.plot((k - 0.16, k + 0.16), pair, color="0.3", lw=1.2, ls=":", zorder=1)
        for index, (name, color, marker) in enumerate(LATENTS.values()):
            side = 0.16 * (2 * index - 1)
            points = [(k + side, pair[index]) for k, pairs in ours.items() for pair in pairs]
            axis.plot(*zip(*points, strict=True), marker, color=color, ms=6, label=f"{name}: ours, one for each seed")
            points = [(k + side, pair[index]) for k, pair in published.items()]
            axis.plot(*zip(*points, strict=True), marker, color=color, mfc="white", ms=6, label=f"{name}: the paper")
    above.supylabel("bound (nats per image)", fontsize="medium")
    above.legend(*upper[0].get_legend_handles_labels(), loc="outside upper center", ncols=1, fontsize="small")
    differences = [b - a for pairs in (*ours.values(), published.values()) for a, b in pairs]
    lower = add_axes(below, [*differences, -margin, margin])
    for axis in lower:
        axis.axhspan(-margin, margin, color="C2", alpha=0.2, lw=0, label=f"counts as similar: within {margin:g} nats")
        axis.axhline(0, color="0.3", lw=1)
        for k, pairs in ours.items():
            places = [k + 0.08 * (seed - (len(pairs) - 1) / 2) for seed in range(len(pairs))]
            axis.plot(places, [b - a for a, b in pairs], "D", color="0.2", ms=5, label="ours" if k == min(ours) else None)
        of_paper = [b - a for a, b in published.values()]
        axis.plot(list(published), of_paper, "D", color="0.2", mfc="white", ms=5, label="the paper")
    for axis in (*upper, *lower):
        axis.set_xticks(ks, [f"k = {k}" for k in ks])
        axis.set_xlim(ks[0] - 0.45, ks[-1] + 0.45)
        axis.grid(axis="x", visible=False)
    below.supylabel("Information Dropout\n− Gaussian (nats)", fontsize="medium", ha="center")
    below.legend(*lower[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    return figure


def add_axes(figure: FigureBase, values: Sequence[float], pad: float = 1.2) -> list[Axes]:
    """Add axes to a figure, from top to bottom, that show all values at one scale: two where the largest gap is over 0.4 of the range, else one."""
    ordered = sorted(values)
    gaps = [after - before for before, after in pairwise(ordered)]
    at = int(np.argmax(gaps)) + 1
    groups = [ordered[at:], ordered[:at]] if gaps[at - 1] > 0.4 * (ordered[-1] - ordered[0]) else [ordered]
    windows = [(group[0] - pad, group[-1] + pad) for group in groups]
    heights = [high - low for low, high in windows]
    axes = figure.subplots(len(windows), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axis, window in zip(axes, windows, strict=True):
        axis.set_ylim(window)
        axis.yaxis.set_major_locator(MultipleLocator(2))
    for axis, edge in zip(axes, ("bottom", "top") if len(axes) == 2 else ()):
        axis.spines[edge].set_visible(False)
        slanted = dict(marker=[(-1, -0.5), (1, 0.5)], ms=9, ls="none", color="0.3", mew=1.2, clip_on=False)
        axis.plot([0, 1], [edge == "top"] * 2, transform=axis.transAxes, **slanted)
    return list(axes)


def vae_training(record: Record) -> Figure:
    """The loss over training for each k, a line for each seed (above); Information Dropout's minus the Gaussian's (below).

    A broken run that was retried is drawn dotted, up to where it ended; its retry takes its place.
    """
    ks = record.config["ks"]
    figure, axes = plt.subplots(2, len(ks), figsize=(6.2, 4.6), sharex=True, sharey="row", squeeze=False)
    for (above, below), k in zip(axes.T, ks, strict=True):
        losses = {latents: seeds_of(experiment.curve(record, k, latents)) for latents in LATENTS}
        for latents, (name, color, _) in LATENTS.items():
            for index, by_epoch in enumerate(losses[latents]):
                epochs = range(1, len(by_epoch) + 1)
                above.plot(epochs, by_epoch, color=color, lw=1.2, alpha=0.8, label=name if index == 0 else None)
            for broken in experiment.given_up(record, k, latents):
                above.plot(range(1, len(broken) + 1), broken, color=color, lw=1.2, ls=":")
        for gaussian, information in zip(losses["gaussian"], losses["information"], strict=False):
            difference = [b - a for a, b in zip(gaussian, information, strict=False)]
            below.plot(range(1, len(difference) + 1), difference, color="0.2", lw=1.2, alpha=0.8)
        below.axhspan(-experiment.MARGIN, experiment.MARGIN, color="C2", alpha=0.15, lw=0)
        for axis in (above, below):
            for drop in record.config["drops"]:
                axis.axvline(drop + 0.5, color="0.6", lw=1, ls=":")
        above.set(title=f"k = {k}", yscale="log")
        ticks(above.yaxis, (100, 150, 200, 300, 500))
        below.axhline(0, color="0.3", lw=1)
        below.set(xlabel="epoch")
        below.set_yscale("symlog", linthresh=2.0)
        ticks(below.yaxis, (-100, -10, -2, 0, 2, 10, 100), ("−100", "−10", "−2", "0", "2", "10", "100"))
    axes[0, 0].set(ylabel="loss (nats per image)")
    axes[1, 0].set(ylabel="difference (nats)")
    legend(figure, [axes[0, 0]], ncols=2)
    return figure


def seeds_of(by_epoch: Mapping[int, Sequence[float]]) -> list[tuple[float, ...]]:
    """One curve per seed, from the seeds' values at each epoch."""
    return list(zip(*(values for values in by_epoch.values() if values), strict=True))


def vae_rates(record: Record) -> Figure:
    """The rate of a latent against its rank, the most used first."""
    ks = record.config["ks"]
    figure, axes = plt.subplots(1, len(ks), figsize=(6.2, 3.2), sharey=True, squeeze=False)
    for axis, k in zip(axes[0], ks, strict=True):
        for latents, (name, color, marker) in LATENTS.items():
            means(axis, experiment.rates_by_rank(record, k, latents), name, color, marker, lw=1.2)
        axis.axhline(experiment.USED, color="0.4", lw=1, ls="--")
        axis.set(xscale="log", yscale="log", xlabel="rank of the latent", title=f"k = {k}")
        axis.set_xlim(0.8, 1.3 * k * record.config["n_latents"])
        ticks(axis.xaxis, (1, 4, 16, 64, 256))
    axes[0, 0].set(ylabel="rate (nats per image)")
    legend(figure, [axes[0, 0]], ncols=2)
    return figure


def vae_sweep(record: Record) -> Figure:
    """Total correlation of the latents against beta, with and without noise, plug-in and bias removed (above); rate (below)."""
    figure, axes = plt.subplots(2, 2, figsize=(6.2, 5.4), sharex=True, sharey="row")
    clean = {"gaussian": "mean of z", "information": "log f"}
    for (above, below), (latents, (name, color, _)) in zip(axes.T, LATENTS.items(), strict=True):
        noisy = "z" if latents == "gaussian" else "log z"
        of = lambda metric, latents=latents: experiment.sweep(record, latents, metric)
        plug_in = {beta: np.mean(values) for beta, values in of("tc_noisy_plug_in").items() if values}
        above.plot(list(plug_in), list(plug_in.values()), color=color, ls=":", lw=1.2, label=f"{noisy}, plug-in")
        means(above, of("tc_noisy"), f"{noisy}, bias removed", color, "o", lw=1.5)
        means(above, of("tc_clean"), f"{clean[latents]}, all latents", "C7", "^", lw=1.2)
        means(above, of("tc_clean_used"), f"{clean[latents]}, used latents", "C3", "v", lw=1.2)
        above.set(title=name, xscale="log")
        above.set_yscale("symlog", linthresh=1.0)
        above.set_ylim(-0.5, None)
        above.set_yticks([0, 1, 3, 10, 30, 100, 300], ["0", "1", "3", "10", "30", "100", "300"])
        above.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.02))
        means(below, of("rate"), "rate", color, "o", lw=1.5)
        below.set(xlabel="β", ylim=(0, None))
        ticks(below.xaxis, record.config["betas"])
    axes[0, 0].set(ylabel="total correlation (nats)")
    axes[1, 0].set(ylabel="rate (nats per image)")
    return figure


def vae_digits(rows: Mapping[str, np.ndarray]) -> Figure:
    """Rows of digits, each with its name; all arrays [image, 784], in [0, 1]."""
    pictures = {name: images.reshape(len(images), 28, 28) for name, images in rows.items()}
    return image_rows(pictures, width=6.2, height=0.68, fontsize="small")
