"""Figures of the chapter on the Lagrangian, computed where they are shown. Nats on every axis."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.special import entr, rel_entr

from ib_tutorial.figures.parts import mosaic
from ib_tutorial.information import Bottleneck, conditional_entropy, entropy, information_plane


def patients(p_xy: np.ndarray, kinds: Sequence[str], answers: Sequence[str]) -> Figure:
    """A joint table as a mosaic: columns are as wide as p(x), their colours as high as p(y|x)."""
    figure, axis = plt.subplots(figsize=(6.4, 3.1))
    mosaic(axis, p_xy, answers, lw=1.2)
    p_x = p_xy.sum(1)
    axis.set_xticks(np.cumsum(p_x) - p_x / 2, kinds, rotation=25, ha="right", rotation_mode="anchor")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right center", reverse=True, title="illness y")
    return figure


def message_costs(p_xy: np.ndarray, encoders: Mapping[str, np.ndarray], beta: float) -> Figure:
    """For each encoder [x, z] a bar of H(y|z) and one of beta I(x;z); their sum is the Lagrangian, written at the end."""
    figure, axis = plt.subplots(figsize=(6.4, 2.7))
    h_y = entropy(p_xy.sum(0))
    points = np.array([information_plane(p_xy, encoder) for encoder in encoders.values()])
    left, paid = h_y - points[:, 1], beta * points[:, 0]
    names = list(encoders)
    axis.barh(names, left, color="C0", height=0.6, label="H(y|z), left unknown of the task")
    axis.barh(names, paid, left=left, color="C1", height=0.6, hatch="//", edgecolor="white", lw=0, label="β I(x;z), paid")
    for name, total in zip(names, left + paid, strict=True):
        axis.text(total + 0.01, name, f"{total:.3f}", va="center", weight="bold" if total == min(left + paid) else "normal")
    axis.axvline(min(left + paid), color="0.3", lw=1, ls=":")
    axis.set(xlabel="nats", xlim=(0, max(left + paid) * 1.1))
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def plane(curve: Sequence[Bottleneck], partitions: np.ndarray, tangent: Bottleneck, beta: float) -> Figure:
    """The information plane: the curve, every deterministic encoder [n, (I(x;z), I(z;y))], and the line of slope beta at `tangent`."""
    figure, axis = plt.subplots(figsize=(6.4, 3.9))
    everything = partitions[partitions[:, 0].argmax()]  # z = x
    points = np.array([(0.0, 0.0), *sorted((b.i_xz, b.i_zy) for b in curve), everything])
    axis.fill_between(points[:, 0], points[:, 1], points[:, 1].max() * 1.25, color="0.93", lw=0)
    axis.plot(*partitions.T, ".", color="C1", ms=4, alpha=0.7, label=f"the {len(partitions)} deterministic encoders")
    axis.plot(*points.T, color="C0", lw=2, label="information curve")
    axis.plot(tangent.i_xz, tangent.i_zy, "o", color="C2", ms=7)
    at = np.array([0.02, 1.5])
    axis.plot(at, tangent.i_zy + beta * (at - tangent.i_xz), "--", color="C2", lw=1.5, label=f"slope β = {beta:g}")
    axis.text(0.06, points[:, 1].max() * 1.1, "out of reach", color="0.4")
    axis.set(xlabel="I(x;z), nats kept of the input", ylabel="I(z;y), nats about the task")
    axis.set(xlim=(0, points[:, 0].max() * 1.03), ylim=(0, points[:, 1].max() * 1.25))
    axis.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none", markerscale=2)
    return figure


def lower_envelope(p_xy: np.ndarray, beta: float, best: Bottleneck, name: str) -> Figure:
    """For two values of x: F(r) = H(y) under r plus beta KL(r || p), over r(x = 1), and the chord between the messages of `best`."""
    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    p_x = p_xy.sum(1)
    channel, p = p_xy / p_x[:, None], p_x[1]
    share = np.linspace(0, 1, 401)
    r = np.stack([1 - share, share], 1)
    value = entr(r @ channel).sum(1) + beta * rel_entr(r, p_x).sum(1)
    axis.plot(share, value, color="C0", lw=2, label="the graph of F")
    ends = np.sort([p * best.p_z_given_x[1, z] / best.p_z[z] for z in np.flatnonzero(best.p_z > 1e-9)])
    heights = np.interp(ends, share, value)
    slope = (heights[1] - heights[0]) / (ends[1] - ends[0])
    line = heights[0] + slope * (share - ends[0])
    axis.plot(share, line, "--", color="C2", lw=1.5, label="the line under the graph")
    axis.plot(ends, heights, "o", color="C2", ms=7, label="the two messages")
    axis.plot([p, p], [best.lagrangian, entropy(p_xy.sum(0))], color="C1", lw=2)
    axis.plot(p, entropy(p_xy.sum(0)), "s", color="C1", ms=6, label="silence, H(y)")
    axis.plot(p, best.lagrangian, "v", color="C1", ms=7, label="the least Lagrangian")
    axis.set_xticks([0, p, 0.5, 1], ["0", f"p(x) = {p:g}", "0.5", "1"])
    axis.set(xlabel=f"r, the probability of {name} after the message", ylabel="nats", xlim=(-0.01, 1.01))
    axis.legend(loc="lower right")
    return figure


def by_price(p_xy: np.ndarray, betas: Sequence[float], curve: Sequence[Bottleneck], encoders: Mapping[str, np.ndarray]) -> Figure:
    """Over beta: both informations of the optimum (left); its Lagrangian under the straight lines of some encoders (right)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.4))
    left.plot(betas, [found.i_xz for found in curve], color="C0", lw=2, label="I(x;z), kept")
    left.plot(betas, [found.i_zy for found in curve], color="C1", lw=2, ls="--", label="I(z;y), useful")
    left.set(ylabel="nats", title="what is bought", ylim=(0, None))
    left.legend()
    grid = np.array([0, max(betas)])
    for index, (name, encoder) in enumerate(encoders.items()):
        start, slope = conditional_entropy(encoder.T @ p_xy), information_plane(p_xy, encoder)[0]
        right.plot(grid, start + slope * grid, color=f"C{index + 2}", lw=1.2, ls=("-", "--", "-.", ":")[index % 4], label=name)
    right.plot(betas, [found.lagrangian for found in curve], color="0.1", lw=2.2, label="the least")
    right.set(ylabel="H(y|z) + β I(x;z)", title="what it costs", ylim=(0.65, 1.1))
    right.legend(loc="lower right")
    for axis in (left, right):
        axis.set(xlabel="β (nats per nat)", xlim=(0, max(betas)))
    return figure
