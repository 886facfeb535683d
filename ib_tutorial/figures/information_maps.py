"""Figures of the chapter `information_maps`: where in an image information flows. Maps and images, or a record, in; a Figure out."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from data_gen import cluttered, load
from ib_tutorial.experiments import Record, recorded
from ib_tutorial.experiments import information_maps as experiment
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.reading_maps import kept_networks, small_middle_large
from ib_tutorial.experiments.vision import standardised
from ib_tutorial.figures.data import bare
from ib_tutorial.figures.seeds import beta_axes, by_beta, means

LAYERS = {1: ("48×48", "C0", "o"), 2: ("24×24", "C1", "s"), 3: ("12×12", "C2", "^"), 4: ("6×6", "C3", "D")}
"""Name, colour and marker of each noise layer of All-CNN-96."""

ERRORS = {
    "train_error": ("training", "C2", "^", "C2"),
    "test_error": ("test, noise off", "C4", "o", "C4"),
    "test_error_noisy": ("test, noise on", "C5", "s", "white"),
}
"""Name, colour, marker and its face of each error."""

COLOURS = "magma"
"""Perceptually uniform, and in order of lightness for every eye and in print."""


def drawn_errors(record: Record) -> dict[str, tuple[str, str, str, str]]:
    """The errors that stand: records of format 1 read those with the noise on with the statistics of clean passes."""
    return {metric: style for metric, style in ERRORS.items() if record.format > 1 or metric != "test_error_noisy"}


def picture(axis: Axes, values: Tensor, box: Int[Tensor, " 4"], **options):
    """An image or a map, its places drawn where they lie in the image of 96x96 pixels, with the digit's box."""
    drawn = axis.imshow(values.numpy(), extent=(0, 96, 96, 0), interpolation="nearest", **options)
    bare(axis)
    top, left, bottom, right = box.tolist()
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec="#56e0ff", lw=1.3))
    return drawn


def colour_scale(maps: Sequence[Tensor]) -> PowerNorm:
    """One scale for all these maps, from 0 to the largest value; colour goes with the square root, so that small values show."""
    return PowerNorm(0.5, vmin=0, vmax=max(each.max().item() for each in maps))


def where_information_flows(
    images: UInt8[Tensor, "n 96 96 1"],
    box: Int[Tensor, "n 4"],
    maps: Mapping[str, Sequence[Float[Tensor, "n _ _"]]],
) -> Figure:
    """Figs 2 and 7: each image with its maps, a row per network (`maps` by its name), a column per noise layer; nats as colour."""
    layers = range(len(next(iter(maps.values()))))
    scales = [colour_scale([each[layer] for each in maps.values()]) for layer in layers]
    n, rows = len(images), len(maps)
    figure = plt.figure(figsize=(6.4, 1.32 * rows * n + 0.95))
    ratios = {"width_ratios": [1.5] + [1] * len(layers), "height_ratios": [1] * (rows * n) + [0.08]}
    grid = figure.add_gridspec(rows * n + 1, len(layers) + 1, **ratios)
    for k in range(n):
        axis = figure.add_subplot(grid[k * rows : (k + 1) * rows, 0])
        picture(axis, images[k, ..., 0], box[k], cmap="gray", vmin=0, vmax=255)
        for row, (name, found) in enumerate(maps.items()):
            for layer in layers:
                axis = figure.add_subplot(grid[k * rows + row, layer + 1])
                drawn = picture(axis, found[layer][k], box[k], cmap=COLOURS, norm=scales[layer])
                if layer == 0:
                    axis.set_ylabel(name)
                if k == row == 0:
                    axis.set_title("×".join([str(found[layer].shape[1])] * 2))
                if k == n - 1 and row == rows - 1:
                    bar = figure.colorbar(drawn, cax=figure.add_subplot(grid[-1, layer + 1]), orientation="horizontal")
                    nats_axis(bar, scales[layer].vmax)
    return figure


def on_two_scales(
    image: UInt8[Tensor, "96 96 1"], box: Int[Tensor, " 4"], maps: Mapping[str, Sequence[Float[Tensor, "rows columns"]]]
) -> Figure:
    """Fig. 2 for one image, a row per network and a column per noise layer, drawn in two ways.

    Left, one colour scale for each layer. Right, each map from its own minimum to its own maximum, as the authors draw it.
    """
    layers = range(len(next(iter(maps.values()))))
    common = [colour_scale([found[layer] for found in maps.values()]) for layer in layers]
    figure = plt.figure(figsize=(5.6, 0.86 * len(maps) + 2.1))
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.45, 0.86 * len(maps) + 0.5])
    axis = top.subplots()
    picture(axis, image[..., 0], box, cmap="gray", vmin=0, vmax=255)
    halves = bottom.subfigures(1, 2)
    for half, title in zip(halves, ("one scale for each layer", "each map on its own scale"), strict=True):
        axes = half.subplots(len(maps), len(layers), squeeze=False)
        half.suptitle(title, fontsize="medium")
        for row, (name, found) in zip(axes, maps.items(), strict=True):
            for layer, axis in zip(layers, row, strict=True):
                low, high = found[layer].min().item(), found[layer].max().item()
                norm = common[layer] if half is halves[0] else PowerNorm(1.0, vmin=low, vmax=high)
                picture(axis, found[layer], box, cmap=COLOURS, norm=norm)
                if row is axes[0]:
                    axis.set_title("×".join([str(len(found[layer]))] * 2), fontsize="small")
            if half is halves[0]:
                row[0].set_ylabel(name)
    return figure


def nats_axis(bar, top: float) -> None:
    """Three round ticks on a colour bar: none, a tenth or so, and nearly the most."""
    most = round_below(top)
    bar.set_ticks([0, most / 10, most], labels=["0", f"{most / 10:g}", f"{most:g}"])
    bar.minorticks_off()
    bar.set_label("nats per place", fontsize="small")
    bar.ax.tick_params(labelsize="small")


def round_below(value: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... (and their tenths) that is not above a positive value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(digit * power for digit in (5, 2, 1) if digit * power <= value))


def tailored_noise(
    images: UInt8[Tensor, "n 96 96 1"], box: Int[Tensor, "n 4"], maps: Mapping[str, Float[Tensor, "n rows columns"]]
) -> Figure:
    """Images in the first row; below, one row of maps of one layer for each kind of noise, all on one colour scale."""
    scale = colour_scale(list(maps.values()))
    n = len(images)
    figure, axes = plt.subplots(1 + len(maps), n, figsize=(6.4, 1.12 * (1 + len(maps)) + 0.5), squeeze=False)
    for k in range(n):
        picture(axes[0, k], images[k, ..., 0], box[k], cmap="gray", vmin=0, vmax=255)
        for axis, each in zip(axes[1:, k], maps.values(), strict=True):
            drawn = picture(axis, each[k], box[k], cmap=COLOURS, norm=scale)
    for axis, name in zip(axes[:, 0], ("image", *maps), strict=True):
        axis.set_ylabel(name)
    nats_axis(figure.colorbar(drawn, ax=axes[1:], orientation="horizontal", aspect=50, pad=0.03), scale.vmax)
    return figure


def map_scores(record: Record, blind: Mapping[int, float]) -> Figure:
    """AUROC of the maps of three layers (above) and errors (below) against beta. `blind`: by layer, the best score of a fixed map."""
    cap = record.config["max_alpha"]
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.8), sharex=True)
    for layer in experiment.SHOWN_LAYERS:
        name, color, marker = LAYERS[layer]
        means(above, by_beta(record, f"auroc_{layer}", cap=cap), name, color, marker, lw=1.5)
    best = sum(blind.values()) / len(blind)
    above.axhline(best, color="0.35", ls="--", lw=1, label="best blind map")
    above.axhline(0.5, color="0.35", ls=":", lw=1, label="chance")
    above.set(ylabel="AUROC of the map", ylim=(0.2, 1.0))
    for metric, (name, color, marker, face) in drawn_errors(record).items():
        means(below, by_beta(record, metric, 100, cap=cap), name, color, marker, lw=1.5, mfc=face)
    below.axhline(100 * experiment.LEARNED, color="C3", ls="--", lw=1, label="training error below: learnt")
    clean = [100 * error for error in by_seed(record, "test_error", method="none")]
    if clean:
        below.axhline(sum(clean) / len(clean), color="0.35", ls="-.", lw=1, label="test, network without noise")
    below.set(ylabel="error (%)", ylim=(0, None))
    beta_axes(record, above, below)
    for axis in (above, below):
        shade_what_does_not_count(axis, record)
    above.legend(fontsize="small", loc="lower left", bbox_to_anchor=(0.08, 0))
    below.legend(fontsize="small", loc="upper left")
    return figure


def shade_what_does_not_count(axis: Axes, record: Record) -> None:
    """A grey ground under each beta that has been run and whose maps do not count."""
    counting = experiment.counting_betas(record)
    axis.set_xlim(*axis.get_xlim())  # the ground shall not widen the axis
    for beta in by_beta(record, "test_error", cap=record.config["max_alpha"]):
        if beta not in counting:
            axis.axvspan(beta / 1.6, beta * 1.6, color="0.9", lw=0, zorder=0)


def map_caps(record: Record) -> Figure:
    """Training and test error against the cap on alpha, at one beta."""
    beta, usual = record.config["cap_beta"], record.config["max_alpha"]
    caps = sorted([*record.config["caps"], usual])
    figure, axis = plt.subplots(figsize=(5.6, 3.4))
    for metric, (name, color, marker, face) in drawn_errors(record).items():
        found = {cap: [100 * error for error in by_seed(record, metric, beta=beta, cap=cap)] for cap in caps}
        means(axis, found, name, color, marker, lw=1.5, mfc=face)
    axis.set(xlabel="cap on α(x)", ylabel="error (%)", xlim=(0, 1.1 * max(caps)), ylim=(0, None))
    axis.set_xticks(caps, [f"{cap:g}" for cap in caps])
    axis.legend()
    return figure


def maps_against_ink(scores: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> Figure:
    """scores[question][what is read] has (mean, standard error) of an AUROC for each of the layers 48x48, 24x24, 12x12.

    One panel per question; bars are two standard errors. What is read from networks is drawn joined and in colour, ink in grey.
    """
    figure, panels = plt.subplots(1, len(scores), figsize=(6.4, 4.4), sharey=True)
    for axis, (question, by_source) in zip(panels, scores.items(), strict=True):
        for index, (name, values) in enumerate(by_source.items()):
            grey = name.startswith("ink")
            color = str(0.25 + 0.3 * index) if grey else f"C{index - 2}"
            at = np.arange(len(values)) + 0.05 * (index - len(by_source) / 2)
            bars = [2 * error for _, error in values]
            line = {"marker": "s" if grey else "o", "ls": ":" if grey else "-", "lw": 1.2, "ms": 5, "capsize": 2}
            axis.errorbar(at, [mean for mean, _ in values], yerr=bars, color=color, label=name, **line)
        axis.axhline(0.5, color="0.35", ls=":", lw=1)
        axis.set_xticks(range(len(values)), [LAYERS[layer][0] for layer in experiment.SHOWN_LAYERS])
        axis.set(title=question, xlabel="noise layer")
    panels[0].set_ylabel("AUROC")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def front_page() -> Figure:
    """One image of the chapter `information_maps` with its maps for the smallest, the middle and the largest beta whose maps count, from the record.

    Writes book/_static/information-maps.png:
    python -c "from ib_tutorial import figures as f; f.use_style(); f.front_page().savefig('book/_static/information-maps.png', dpi=150)"
    """
    record, digits = recorded(experiment.NAME), load("mnist5k", "test")
    clutter = cluttered(digits.images, digits.labels, n=300, seed=0)
    (x,) = standardised(clutter.images)
    networks = kept_networks(record)
    maps = {
        f"β = {beta:g}": experiment.information_maps(networks[beta], x[:1])[: len(experiment.SHOWN_LAYERS)]
        for beta in small_middle_large(record, networks)
    }
    return where_information_flows(clutter.images[:1], clutter.box[:1], maps)
