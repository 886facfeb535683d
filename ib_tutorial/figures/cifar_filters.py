"""Figures of the chapter `cifar_filters`: the network, errors by share of filters (Fig. 3b), where the nats go (Fig. 6), and what chose beta."""

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import cifar_filters as experiment
from ib_tutorial.experiments.convolutional import by_seed
from ib_tutorial.figures.layer import NOISE, SIGNAL
from ib_tutorial.figures.seeds import means
from ib_tutorial.figures.style import METHODS
from ib_tutorial.nn import NoiseLayer, NoisyNetwork

LAYERS = {1: ("first noise layer, 16×16 places", "C0", "o"), 2: ("second, 8×8 places", "C3", "s")}


def filter_errors(record: Record) -> Figure:
    """Fig. 3b: test error against the share of filters (above), and each rival's error minus Information Dropout's (below)."""
    widths = sorted(record.config["widths"])
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.6), sharex=True)
    run = [method for method in METHODS if experiment.final(record, "test_error", method, widths[0])]
    for index, method in enumerate(run):
        dodge = 1.02 ** (index - len(run) // 2)
        percent = {w * dodge: [100 * e for e in experiment.final(record, "test_error", method, w)] for w in widths}
        means(above, percent, *METHODS[method], lw=1.5)
    above.set(ylabel="test error (%)", title="error")
    for index, rival in enumerate(rival for rival in run if rival != "information"):
        dodge = 1.02 ** (index - 1)
        gains = {width * dodge: points for width, points in experiment.gains(record, rival).items()}
        means(below, gains, *METHODS[rival], lw=1.5)
    below.axhline(0, color="0.3", lw=1)
    below.set(ylabel="percentage points", title="error of rival − error of Information Dropout")
    share_of_filters(below, widths)
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def filter_information(record: Record) -> Figure:
    """Fig. 6: nats per image that each noise layer passes on, in total and per unit, against the share of filters."""
    widths = sorted(experiment.nats(record, "kl_1"))
    figure, panels = plt.subplots(2, 1, figsize=(5.6, 6.2), sharex=True)
    for panel, metric, label in zip(panels, ("kl", "kl_per_unit"), ("nats per image", "nats per unit"), strict=True):
        for layer, look in LAYERS.items():
            means(panel, experiment.nats(record, f"{metric}_{layer}"), *look, lw=1.5)
        panel.set(ylabel=label, ylim=(0, None))
    panels[0].set_title("in total")
    panels[1].set_title("per unit")
    share_of_filters(panels[1], widths)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def share_of_filters(axis: Axes, widths: list[float]) -> None:
    axis.set(xscale="log", xlabel="share of the filters of Table 2")
    axis.set_xticks(widths, [f"{100 * width:.3g}%" for width in widths])
    axis.minorticks_off()


def network_diagram(network: NoisyNetwork, channels: int, side: int) -> Figure:
    """A convolutional network from top to bottom: each layer, the places and units it leaves, and where the noise sits.

    Args:
        network: as `all_cnn` builds it, with Information Dropout or another noise in its noise layers.
        channels: of the input, which is a square of `side` pixels.
    """
    x = torch.zeros(2, channels, side, side)
    rows = [("input", f"{side}×{side} pixels, {channels} channel{'s' if channels > 1 else ''}", "black", "")]
    with torch.no_grad():
        for layer in network.layers:
            x = layer(x)[0] if isinstance(layer, NoiseLayer) else layer(x)
            places = f"{x.shape[2]}×{x.shape[3]}" if x.dim() == 4 else ""
            inside = layer.f if isinstance(layer, NoiseLayer) else layer
            found = [part for part in inside.modules() if isinstance(part, nn.Conv2d)]
            if found:
                (size, _), (stride, _) = found[0].kernel_size, found[0].stride
                text = f"{size}×{size} convolution, {found[0].out_channels} filters" + (", stride 2" if stride == 2 else "")
                rows.append(("noisy" if isinstance(layer, NoiseLayer) else "layer", text, SIGNAL, places))
            elif isinstance(layer, nn.AdaptiveAvgPool2d):
                rows.append(("layer", f"average over the places, {x.shape[1]} logits", "black", ""))
    heights = [2.1 if kind == "noisy" else 1.0 for kind, *_ in rows]
    figure, axis = plt.subplots(figsize=(4.8, 0.43 * sum(heights) + 0.1))
    axis.set(xlim=(0, 10), ylim=(sum(heights) + 0.1, -0.1))
    axis.set_axis_off()
    top, before, n_noisy = 0.0, None, 0
    for (kind, text, color, places), height in zip(rows, heights, strict=True):
        box = boxed(axis, 3.3, top + 0.5, text, color)
        ends = [(before, box)] if before is not None else []
        if kind == "noisy":
            scale = boxed(axis, 8.4, top + 0.5, "noise scale:\n3×3 convolution", NOISE)
            times = boxed(axis, 3.3, top + 1.6, "×", NOISE)
            n_noisy += 1
            factor = boxed(axis, 8.4, top + 1.6, f"noise layer {n_noisy}", NOISE)
            ends += [(before, scale), (box, times), (scale, factor), (factor, times)]
            box = times
        for start, end in ends:
            arrow = {"arrowstyle": "-|>", "lw": 1.3, "color": end.get_color(), "shrinkA": 0, "shrinkB": 0}
            patches = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
            axis.annotate("", xy=end.get_position(), xytext=start.get_position(), arrowprops=arrow | patches)
        if places and kind != "noisy":
            axis.text(7.0, top + 0.5, places, ha="left", va="center", color="0.25", fontsize=10)
        elif places:
            axis.text(2.7, top + 1.6, places, ha="right", va="center", color="0.25", fontsize=10)
        before, top = box, top + height
    return figure


def boxed(axis: Axes, x: float, y: float, text: str, color: str) -> Text:
    box = {"boxstyle": "circle" if text == "×" else "round", "pad": 0.3, "fc": "white", "ec": color, "lw": 1.3}
    return axis.text(x, y, text, ha="center", va="center", color=color, fontsize=10.5, bbox=box)


def early_and_late(record: Record, longer: Record) -> Figure:
    """Error by beta where `record` chose its beta (left, held-out images, one curve a share) and after the longer training of `longer` (right)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.4, 3.2), sharey=True)
    for width, marker, style in zip(record.config["widths"], "v^D", (":", "--", "-")):
        chosen = record.select(stage="selection", method="information", width=width)
        by_beta = sorted((row["beta"], 100 * row["value"]) for row in chosen)
        left.plot(*zip(*by_beta, strict=True), style, marker=marker, color="C0", label=f"{100 * width:.3g}% of the filters")
    means(right, {beta: [100 * e for e in by_seed(longer, "test_error", beta=beta)] for beta in longer.config["betas"]}, "", "C0", "^")
    left.set(title=f"held out, {record.config['selection_epochs']} epochs", ylabel="error (%)")
    right.set_title(f"test, {longer.config['epochs']} epochs,\n{100 * longer.config['width']:.3g}% of the filters")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="β")
        axis.set_xticks([0.001, 0.01, 0.1], ["0.001", "0.01", "0.1"])
        axis.minorticks_off()
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    return figure
