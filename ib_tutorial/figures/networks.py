"""The all-convolutional networks of Table 2, drawn: where their noise sits, and what a place of each noise layer sees."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.figures.layer import COST, NOISE, SIGNAL


def all_cnn_diagram(filters: Sequence[int], side: int, channels: int = 1) -> Figure:
    """An all-convolutional network from top to bottom: blocks of convolutions in blue, its noise layers in orange.

    Args:
        filters: of each block, as it is trained here. side: of the images, in pixels. channels: of the images.
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
