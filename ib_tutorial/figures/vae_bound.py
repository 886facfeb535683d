"""Figures of the chapter `two_autoencoders`: two autoencoders. Each draws a record; dots are seeds, bars Student's 95 % intervals of the mean."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import vae_bound as experiment
from ib_tutorial.figures.seeds import means
from ib_tutorial.figures.style import LATENTS


def vae_bounds(record: Record) -> Figure:
    """Table 1: the bounds, ours and the published ones (above); Information Dropout's minus the Gaussian's, by seed (below)."""
    ks = record.config["ks"]
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 5.8), sharex=True)
    for index, (latents, (name, color, marker)) in enumerate(LATENTS.items()):
        shift = 0.05 * (2 * index - 1)
        found = {k + shift: experiment.by_seed(record, "bound", stage="final", k=k, latents=latents) for k in ks}
        means(above, found, name, color, marker, lw=0)
        published = {k + shift: values[index] for k, values in experiment.PUBLISHED.items()}
        above.plot(
            list(published),
            list(published.values()),
            marker,
            ls=":",
            lw=1.2,
            color=color,
            mfc="white",
            ms=6,
            label=f"{name}, Table 1",
        )
    above.set(ylabel="bound (nats per test image)", title="evidence lower bound, larger is better")
    margin = experiment.MARGIN
    below.axhspan(-margin, margin, color="C2", alpha=0.15, lw=0, label="similar: within 1.2 nats")
    below.axhline(0, color="0.3", lw=1)
    pairs = [
        (k + 0.05 * (seed - (len(values) - 1) / 2), value)
        for k, values in experiment.gaps(record).items()
        for seed, value in enumerate(values)
    ]
    below.plot(*zip(*pairs, strict=True), "D", color="0.2", ms=5, label="ours, one for each seed")
    below.plot(
        list(experiment.PUBLISHED),
        [b - a for a, b in experiment.PUBLISHED.values()],
        "D",
        color="0.2",
        mfc="white",
        label="Table 1",
    )
    below.set(
        ylabel="nats per test image",
        title="Information Dropout − Gaussian",
        xlabel="k (512 k hidden units, 256 k latents)",
    )
    below.set_xticks(sorted({*ks, *experiment.PUBLISHED}))
    below.legend(fontsize="small")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


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
            for by_epoch in experiment.given_up(record, k, latents):
                above.plot(range(1, len(by_epoch) + 1), by_epoch, color=color, lw=1.2, ls=":")
        for gaussian, information in zip(losses["gaussian"], losses["information"], strict=False):
            difference = [b - a for a, b in zip(gaussian, information, strict=False)]
            below.plot(range(1, len(difference) + 1), difference, color="0.2", lw=1.2, alpha=0.8)
        below.axhspan(-experiment.MARGIN, experiment.MARGIN, color="C2", alpha=0.15, lw=0)
        for axis in (above, below):
            for drop in record.config["drops"]:
                axis.axvline(drop + 0.5, color="0.6", lw=1, ls=":")
        above.set(title=f"k = {k}", yscale="log")
        above.set_yticks([100, 150, 200, 300, 500], ["100", "150", "200", "300", "500"])
        above.minorticks_off()
        below.axhline(0, color="0.3", lw=1)
        below.set(xlabel="epoch")
        below.set_yscale("symlog", linthresh=2.0)
        below.set_yticks([-100, -10, -2, 0, 2, 10, 100], ["−100", "−10", "−2", "0", "2", "10", "100"])
        below.minorticks_off()
    axes[0, 0].set(ylabel="loss (nats per image)")
    axes[1, 0].set(ylabel="difference (nats)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
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
        axis.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
        axis.minorticks_off()
    axes[0, 0].set(ylabel="rate (nats per image)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def vae_sweep(record: Record) -> Figure:
    """Total correlation of the latents against beta, with and without noise, plug-in and bias removed (above); rate (below)."""
    figure, axes = plt.subplots(2, 2, figsize=(6.2, 5.4), sharex=True, sharey="row")
    clean = {"gaussian": "mean of z", "information": "log f"}
    for (above, below), (latents, (name, color, _)) in zip(axes.T, LATENTS.items(), strict=True):
        noisy = "z" if latents == "gaussian" else "log z"
        of = lambda metric, latents=latents: experiment.sweep(record, latents, metric)
        above.plot(*curve_of_means(of("tc_noisy_plug_in")), color=color, ls=":", lw=1.2, label=f"{noisy}, plug-in")
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
        betas = record.config["betas"]
        below.set_xticks(betas, [f"{beta:g}" for beta in betas])
        below.minorticks_off()
    axes[0, 0].set(ylabel="total correlation (nats)")
    axes[1, 0].set(ylabel="rate (nats per image)")
    return figure


def curve_of_means(by_place: Mapping[float, Sequence[float]]) -> tuple[list[float], list[float]]:
    found = {place: float(np.mean(values)) for place, values in by_place.items() if values}
    return list(found), list(found.values())


def vae_digits(rows: Mapping[str, np.ndarray]) -> Figure:
    """Rows of images, each with its name; all arrays [image, pixel], square, in [0, 1]."""
    columns = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), columns, figsize=(6.2, 0.68 * len(rows)), squeeze=False)
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        side = int(np.sqrt(images.shape[1]))
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image.reshape(side, side), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
    return figure
