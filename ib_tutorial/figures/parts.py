"""Parts that figures of several chapters share: ticks, one legend for all panels, boxes with arrows, rows of images, a mosaic, a density."""

import math
from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

SIGNAL, NOISE, COST = "#0173b2", "#b35c00", "#555555"
"""Colours of the branch of f, of the branch of alpha, and of the cost: each has a contrast of 4.5 or more on white."""


def ticks(axis: Axis, places: Iterable[float], names: Iterable[str] | None = None) -> None:
    """Put ticks at these places of an `Axes.xaxis` or `Axes.yaxis` and nowhere else, with their numbers or with names."""
    places = list(places)
    axis.set_ticks(places, [f"{place:g}" for place in places] if names is None else names)
    axis.axes.minorticks_off()


def legend(figure: Figure, axes: Iterable[Axes], loc: str = "outside lower center", **options) -> None:
    """One legend for all these panels, with each label once."""
    named = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), loc=loc, **options)


def draw_box(axis: Axes, x: float, y: float, text: str, color: str, fontsize: float = 12, pad: float = 0.35, lw: float = 1.8) -> Text:
    """A part of a diagram: a text in a box, or in a circle if it is a product's sign."""
    box = {"boxstyle": "circle" if text == "×" else "round", "pad": pad, "fc": "white", "ec": color, "lw": lw}
    return axis.text(x, y, text, ha="center", va="center", color=color, fontsize=fontsize, bbox=box)


def draw_arrow(axis: Axes, start: Text, end: Text, color: str, **style) -> None:
    """An arrow from the edge of one box to the edge of another."""
    patches = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
    look = {"arrowstyle": "-|>", "lw": 1.8, "color": color, "shrinkA": 1, "shrinkB": 1, **style, **patches}
    axis.annotate("", xy=end.get_position(), xytext=start.get_position(), arrowprops=look)


def image_rows(rows: Mapping[str, np.ndarray], width: float, height: float, **label) -> Figure:
    """Rows of images [image, row, column] in [0, 1], each with its name to the left; `height` is that of a row, in inches."""
    columns = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), columns, figsize=(width, height * len(rows)), squeeze=False)
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", **label)
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
    return figure


def mosaic(axis: Axes, p_xy: np.ndarray, names: Sequence[str], hatches: Sequence[str] = ("",), **style) -> None:
    """Draw a joint table: a column for each x, as wide as p(x), cut in the proportions p(y|x), with a name for each y."""
    p_x = p_xy.sum(1)
    bottom = np.zeros(len(p_x))
    for y, name in enumerate(names):
        look = {"color": f"C{y}", "edgecolor": "white", "hatch": hatches[y % len(hatches)], "label": name, **style}
        axis.bar(np.cumsum(p_x) - p_x, p_xy[:, y] / p_x, p_x, bottom, align="edge", **look)
        bottom = bottom + p_xy[:, y] / p_x
    axis.set(xlim=(0, 1), ylim=(0, 1), ylabel="p(y|x)")
    axis.grid(visible=False)


def normal_density(u: np.ndarray, mean: float | np.ndarray, std: float) -> np.ndarray:
    """The density of N(mean, std^2) at u. That of `scipy.stats` is the same, and takes a second to import."""
    return np.exp(-(((u - mean) / std) ** 2) / 2) / (math.sqrt(2 * math.pi) * std)
