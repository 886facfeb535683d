"""The all-convolutional networks of Table 2, drawn by blocks (`all_cnn_diagram`) or layer by layer (`network_diagram`)."""

from collections.abc import Sequence
from functools import partial

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from ib_tutorial.figures.parts import COST, NOISE, SIGNAL, draw_arrow, draw_box
from ib_tutorial.nn import NoiseLayer, NoisyNetwork


def all_cnn_diagram(filters: Sequence[int], side: int, channels: int = 1) -> Figure:
    """An all-convolutional network by blocks: convolutions in blue, noise layers in orange, and what a place of each sees.

    Args:
        filters: of each block, as it is trained here.
        side: of the images, in pixels.
        channels: of the images.
    """
    rows = 2 * len(filters) + 2
    figure, axis = plt.subplots(figsize=(4.6, 0.5 * rows + 0.3))
    axis.set(xlim=(0, 10), ylim=(-0.5, rows - 0.5))
    axis.set_axis_off()
    heights = iter(range(rows - 1, -1, -1))
    box(axis, next(heights), f"image: {side}×{side} pixels" + (f", {channels} colours" if channels > 1 else ""), "black")
    for block, n in enumerate(filters, start=1):
        places, sees = side // 2**block, min(side, 6 * 2**block - 5)
        box(axis, next(heights), f"two convolutions 3×3, {n} filters", SIGNAL)
        at = next(heights)
        box(axis, at, f"noise layer {block}: f and α, each one\nconvolution 3×3 of stride 2, {n} filters", NOISE)
        axis.text(7.3, at, f"{places}×{places} places,\neach sees\n{sees}×{sees} pixels", va="center", fontsize=10, color=COST)
    box(axis, next(heights), "three convolutions, mean over places:\n10 classes", SIGNAL)
    return figure


def box(axis: Axes, height: float, text: str, color: str) -> None:
    """One part of the network, with an arrow to the part below unless it is the last."""
    style = {"boxstyle": "round", "pad": 0.3, "fc": "white", "ec": color, "lw": 1.6}
    axis.text(3.6, height, text, ha="center", va="center", color=color, fontsize=10, bbox=style, zorder=3)
    if height > 0:
        arrow = {"arrowstyle": "-|>", "lw": 1.4, "color": COST, "shrinkA": 0, "shrinkB": 15}
        axis.annotate("", xy=(3.6, height - 1), xytext=(3.6, height), arrowprops=arrow, zorder=1)


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
    draw = partial(draw_box, axis, fontsize=10.5, pad=0.3, lw=1.3)
    top, before, n_noisy = 0.0, None, 0
    for (kind, text, color, places), height in zip(rows, heights, strict=True):
        box = draw(3.3, top + 0.5, text, color)
        ends = [(before, box)] if before is not None else []
        if kind == "noisy":
            scale = draw(8.4, top + 0.5, "noise scale:\n3×3 convolution", NOISE)
            times = draw(3.3, top + 1.6, "×", NOISE)
            n_noisy += 1
            factor = draw(8.4, top + 1.6, f"noise layer {n_noisy}", NOISE)
            ends += [(before, scale), (box, times), (scale, factor), (factor, times)]
            box = times
        for start, end in ends:
            draw_arrow(axis, start, end, end.get_color(), lw=1.3, shrinkA=0, shrinkB=0)
        if places and kind != "noisy":
            axis.text(7.0, top + 0.5, places, ha="left", va="center", color="0.25", fontsize=10)
        elif places:
            axis.text(2.7, top + 1.6, places, ha="right", va="center", color="0.25", fontsize=10)
        before, top = box, top + height
    return figure
