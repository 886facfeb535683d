"""Figures of the chapter `representations`: the weather station, costs, the information plane, nuisances, lamps, distance to a Markov chain."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch
from matplotlib.patheffects import withStroke


def station_chain() -> Figure:
    """A diagram without data: weather, battery and colour make the reading, and the reading makes the message."""
    figure, axis = plt.subplots(figsize=(5.2, 2.6))
    nodes = {"y": ((0, 3.1), "weather y", "C0"), "n": ((0, 1.75), "battery n", "C3"), "c": ((0, 0.4), "colour c", "C7"),
             "needle": ((3.2, 3.1), "needle", "white"), "light": ((3.2, 1.75), "light", "white"), "case": ((3.2, 0.4), "case", "white"),
             "z": ((6.8, 1.75), "message z", "C2")}  # fmt: skip
    axis.add_patch(FancyBboxPatch((2.4, -0.3), 1.6, 4.1, boxstyle="round,pad=0.1,rounding_size=0.2", fc="0.93", ec="0.4", lw=1.2))
    for x, text in ((0, "task"), (3.2, "reading x"), (6.8, "")):
        axis.text(x, 4.05, text, ha="center", va="bottom", fontsize=12, color="0.3")
    for (x, y), text, color in nodes.values():
        box = {"boxstyle": "round,pad=0.35", "fc": color, "ec": "0.4", "alpha": 0.9 if color == "white" else 0.3}
        axis.text(x, y, text, ha="center", va="center", fontsize=13, color="none", bbox=box)
        axis.text(x, y, text, ha="center", va="center", fontsize=13)
    for start, end, lower in (("y", "needle", 0), ("n", "needle", 0.3), ("n", "light", 0), ("c", "case", 0)):
        (left, height), (right, end_height) = nodes[start][0], nodes[end][0]
        arrow(axis, (left + 1.0, height), (right - 0.7, end_height - lower))
    arrow(axis, (4.2, 1.75), (5.7, 1.75))
    axis.text(4.95, 2.0, "p(z|x)", ha="center", va="bottom", fontsize=13)
    axis.text(4.95, 1.5, "dice\nallowed", ha="center", va="top", fontsize=11, color="0.3")
    axis.set(xlim=(-1.1, 7.9), ylim=(-0.6, 4.6))
    axis.axis("off")
    return figure


def arrow(axis: plt.Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color="0.25", lw=1.4))


def posteriors(rain: Sequence[float], readings: Sequence[str], classes: Sequence[int]) -> Figure:
    """p(rain | x) of every reading; readings of one class of the posterior map share a colour and a marker."""
    order = np.argsort(rain, kind="stable")
    figure, axis = plt.subplots(figsize=(5.8, 3.2))
    for row, x in enumerate(order):
        color, marker = f"C{classes[x]}", "osD^vP"[classes[x] % 6]
        axis.hlines(row, 0, rain[x], color=color, lw=2)
        axis.plot(rain[x], row, marker, color=color, ms=9)
        axis.annotate(f"{rain[x]:.1f}", (rain[x], row), (9, 0), textcoords="offset points", va="center")
    for row, x in enumerate(order[:-1]):
        if classes[order[row + 1]] != classes[x]:
            axis.axhline(row + 0.5, color="0.75", lw=0.8)
    axis.set(xlim=(0, 1), xlabel="posterior probability of rain, p(y = rain | x)", yticks=range(len(order)))
    axis.set_yticklabels([readings[x] for x in order])
    axis.grid(False, axis="y")
    return figure


def cost_of_a_message(q: Sequence[float], cost: Sequence[float], kept: float, best: float) -> Figure:
    """The mean cost E KL(p(z|x) || q) of a message of two values, against the prior's probability q of one of them.

    Args:
        q: probabilities of that value under the prior.
        cost: the mean cost at each of them, in nats.
        kept: I(x;z), in nats.
        best: the probability of that value under p(z), where the cost is lowest.
    """
    figure, axis = plt.subplots(figsize=(5.8, 2.9))
    axis.axhspan(0, kept, color="C2", alpha=0.25, lw=0)
    axis.text(0.985, kept / 2, "I(x;z), whatever the prior", ha="right", va="center")
    axis.fill_between(q, kept, cost, color="C1", alpha=0.25, lw=0)
    axis.plot(q, cost, color="0.2", lw=2)
    axis.plot(best, kept, "o", color="0.2", ms=8, zorder=3)
    axis.annotate("q = p(z)", (best, kept), (4, -15), textcoords="offset points")
    axis.text(0.72, kept + 0.1, "KL(p(z) ‖ q), the excess", ha="center", va="bottom")
    axis.set(xlim=(0, 1), ylim=(0, 1.5), xlabel="the prior's probability of the alarm, q")
    axis.set_ylabel("mean cost (nats)")
    return figure


def chain_bars() -> Figure:
    """A diagram, not to scale: I(x;y) and I(x;z) as two bars that overlap in I(z;y)."""
    figure, axis = plt.subplots(figsize=(5.2, 1.9))
    axis.barh((1, 0), (6, 7), 1, (0, 3), color="0.92", edgecolor="0.35")
    axis.barh(0.5, 3, 2, 3, color="#9ad3bf", edgecolor="0.35")
    for x, y, text in ((1.5, 1, "lost\nI(x;y|z)"), (4.5, 0.5, "told\nI(z;y)"), (8, 0, "surplus\nI(x;z|y)")):
        axis.text(x, y, text, ha="center", va="center", fontsize=12)
    axis.text(6.2, 1, "I(x;y), what\nx tells of y", ha="left", va="center", fontsize=12)
    axis.text(2.8, 0, "I(x;z), what\nz keeps of x", ha="right", va="center", fontsize=12)
    axis.set(xlim=(-0.1, 10.1), ylim=(-0.6, 1.6))
    axis.axis("off")
    return figure


def representation_plane(named: Mapping[str, tuple], cloud: Sequence[tuple], i_xy: float) -> Figure:
    """(I(x;z), I(z;y)) of named representations and of many random ones, below the two lines of data processing."""
    figure, axis = plt.subplots(figsize=(5.8, 3.4))
    right = max(rate for rate, _ in named.values()) * 1.12
    axis.fill_between([0, i_xy, right], [0, i_xy, i_xy], i_xy * 1.6, color="0.9", lw=0)
    axis.plot([0, i_xy, right], [0, i_xy, i_xy], color="0.35", lw=1.2)
    axis.text(right * 0.985, i_xy * 1.22, "forbidden by data processing", ha="right", va="center", color="0.35")
    axis.plot(*zip(*cloud, strict=True), ".", color="0.7", ms=3, zorder=1)
    places = {"everything": (0, -15), "needle and battery": (0, -15), "colour": (9, 7), "nothing": (9, 7)}
    for i, (name, (rate, kept)) in enumerate(named.items()):
        axis.plot(rate, kept, "osD^vPX"[i % 7], color=f"C{i}", ms=9, zorder=3, clip_on=False)
        place = places.get(name, (9, 4))
        where = "left" if place[0] else "center"
        text = axis.annotate(name, (rate, kept), place, textcoords="offset points", ha=where, va="center", zorder=4)
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axis.set(xlim=(0, right), ylim=(0, i_xy * 1.4), xlabel="I(x;z), what z keeps of the reading (nats)")
    axis.set_ylabel("I(z;y), of the weather (nats)")
    return figure


def nuisance_bounds(rows: Mapping[str, tuple[float, float, float]]) -> Figure:
    """The bound I(x;z) - I(z;y) of each representation, and its information about two nuisances.

    Args:
        rows: for each representation (bound, information about the battery, about the colour), in nats.
    """
    figure, axis = plt.subplots(figsize=(5.8, 3.2))
    bound, battery, colour = np.array(list(rows.values())).T
    places = np.arange(len(rows))
    axis.barh(places, bound, 0.55, color="0.85", edgecolor="0.5", label="bound I(x;z) − I(z;y)")
    axis.plot(battery, places + 0.16, "o", color="C3", ms=9, clip_on=False, zorder=3, label="battery")
    axis.plot(colour, places - 0.16, "D", color="C0", ms=8, clip_on=False, zorder=3, label="colour")
    axis.axvline(math.log(2), color="0.4", ls=":", lw=1)
    axis.set(xlim=(0, None), xlabel="information about a nuisance, and its bound (nats)")
    axis.set_yticks(places, rows)
    axis.invert_yaxis()
    axis.grid(False, axis="y")
    axis.legend(loc="upper center", bbox_to_anchor=(0.4, 1.17), ncols=3)
    return figure


def lamps(panels: Mapping[str, Sequence[Sequence[tuple]]], below: Mapping[str, Sequence], leaf: str) -> Figure:
    """Rings of four lamps, each with the probability of rain that it gives. Images that leave the weather in doubt have a red frame.

    Args:
        panels: for each title rows of images; the place in a row is the nuisance.
        below: for each title the posteriors of rain, likewise.
        leaf: title of the panel in which a leaf lies over the lamps `place` and `place + 1`, which then look dark.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 2.8))
    for axis, (title, rows) in zip(axes, panels.items(), strict=True):
        for row, images in enumerate(rows):
            for place, image in enumerate(images):
                centre, posterior = np.array([2.7 * place, -3.5 * row]), below[title][row][place]
                draw_ring(axis, centre, image, place if title == leaf else None, doubt=posterior not in ("0", "1"))
                axis.text(centre[0], centre[1] - 1.65, posterior, ha="center", va="center", fontsize=10.5)
            axis.text(-1.75, -3.5 * row, ("rain", "dry")[row], ha="right", va="center", fontsize=11)
        for place in range(len(rows[0])):
            axis.text(2.7 * place, 1.55, f"n = {place}", ha="center", va="center", fontsize=9, color="0.35")
        axis.set(xlim=(-3.4, 9.6), ylim=(-5.6, 2.0), aspect="equal", title=title)
        axis.axis("off")
    return figure


def draw_ring(axis: plt.Axes, centre: np.ndarray, image: tuple, leaf: int | None, doubt: bool) -> None:
    """Draw a ring. Lamp 0 is at the upper left, and the others follow clockwise."""
    corners = 0.52 * np.array([(-1, 1), (1, 1), (1, -1), (-1, -1)])
    edge, width = ("C3", 2.2) if doubt else ("0.6", 0.8)
    box = "round,pad=0.05,rounding_size=0.3"
    axis.add_patch(FancyBboxPatch(centre - 1.0, 2.0, 2.0, boxstyle=box, fc="0.97", ec=edge, lw=width))
    for corner, lit in zip(corners, image, strict=True):
        axis.add_patch(Circle(centre + corner, 0.36, fc="#f2b705" if lit else "0.35", ec="0.15", lw=0.8))
    if leaf is not None:
        first, second = corners[leaf], corners[(leaf + 1) % 4]
        across = second - first
        width, height = (2.1, 1.0) if across[0] else (1.0, 2.1)
        axis.add_patch(Ellipse(centre + (first + second) / 2, width, height, fc="#7fb58a", ec="#2f6b3c", lw=1.2))


def distance_to_markov(
    noise: Sequence[float], lost: Sequence[float], found_at: Sequence[float], found: Sequence[float]
) -> Figure:
    """I(x;y|z) of a reading that is replaced by noise with some probability, and the least KL that a search found."""
    figure, axis = plt.subplots(figsize=(5.8, 2.9))
    axis.plot(noise, lost, color="C0", lw=2, label="I(x;y|z)")
    axis.plot(found_at, found, "o", mfc="none", mec="C3", mew=1.8, ms=9, label="least KL(p ‖ q) found by descent")
    axis.axhline(max(lost), color="0.4", ls="--", lw=1)
    axis.text(0.02, max(lost) * 1.03, "I(x;y): all is lost", color="0.3", va="bottom")
    axis.set(xlim=(-0.02, 1.02), ylim=(0, max(lost) * 1.22), xlabel="probability that z is replaced by a random value")
    axis.set_ylabel("nats")
    axis.legend(loc="lower right")
    return figure
