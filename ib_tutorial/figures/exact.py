"""Figures of the chapter on solving the bottleneck exactly, computed where they are shown. Nats on every axis."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.special import entr

from ib_tutorial.information import Bottleneck, contraction_coefficient, maximal_correlation
from ib_tutorial.information.discrete import entropy, kl_divergence


def best_message(found: Bottleneck, kinds: Sequence[str], answers: Sequence[str]) -> Figure:
    """The encoder p(z|x) of the clusters in use, a bar for each x (left), and p(y|z) of each cluster (right)."""
    alive = found.p_z > 1e-9
    letters = [chr(ord("A") + z) for z in range(alive.sum())]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0), width_ratios=(1.2, 1))
    panels = (
        (left, kinds, found.p_z_given_x[:, alive], letters, 3, "message z, for each kind of patient"),
        (right, letters, found.p_y_given_z[alive], answers, 0, "illness y, for each message"),
    )
    for axis, rows, table, names, first, title in panels:
        start = np.zeros(len(rows))
        for index, (name, column) in enumerate(zip(names, table.T, strict=True)):
            hatch = ("", "//", "..")[index % 3] if first else ""
            axis.barh(rows, column, left=start, color=f"C{first + index}", hatch=hatch, edgecolor="white", lw=0.5, label=name)
            start = start + column
        axis.invert_yaxis()
        axis.set(xlim=(0, 1), xlabel="probability", title=title)
        axis.grid(visible=False)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
    return figure


def encoders(steps: Mapping[int, np.ndarray], kinds: Sequence[str]) -> Figure:
    """Encoders [x, z] after some steps of an iteration, side by side: the darker a cell, the larger p(z|x)."""
    figure, axes = plt.subplots(1, len(steps), figsize=(7.2, 2.4), sharey=True)
    for axis, (step, encoder) in zip(axes, steps.items(), strict=True):
        image = axis.imshow(encoder, cmap="cividis_r", vmin=0, vmax=1)
        axis.set(title="start" if step == 0 else f"step {step}", xlabel="message z")
        axis.set_xticks(range(encoder.shape[1]), range(1, encoder.shape[1] + 1))
        axis.set_yticks(range(len(kinds)), kinds)
        axis.grid(visible=False)
    figure.colorbar(image, ax=axes, label="p(z|x)", shrink=0.8)
    return figure


def scores(s: np.ndarray, panels: Mapping[str, tuple[np.ndarray, np.ndarray]], corners: Sequence[str]) -> Figure:
    """The function G(s) over the triangle of distributions on three outcomes.

    Args:
        s: [n, 3], distributions.
        panels: for each title (G [n], the profiles of the messages in use [z, 3]).
        corners: names of the outcomes.
    """
    to_plane = np.array([[0, 0], [1, 0], [0.5, math.sqrt(3) / 2]])
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.2), sharey=True)
    largest = max(values.max() for values, _ in panels.values())
    for axis, (title, (values, profiles)) in zip(axes, panels.items(), strict=True):
        levels = [*np.linspace(0, 1, 9), *np.linspace(1, largest, 5)[1:]]
        colours = axis.tricontourf(*(s @ to_plane).T, values, levels=levels, cmap="cividis")
        if values.max() > 1 + 1e-3:
            axis.tricontour(*(s @ to_plane).T, values, levels=[1], colors="white", linewidths=1.8)
        axis.plot(*(profiles @ to_plane).T, "o", mfc="white", mec="black", ms=8)
        for corner, name, align in zip(to_plane, corners, ("top", "top", "bottom"), strict=True):
            axis.text(*corner, f" {name} ", ha="center", va=align)
        axis.set(title=title, aspect="equal", ylim=(-0.1, 1.0))
        axis.set_axis_off()
        axis.title.set_visible(True)
    figure.colorbar(colours, ax=axes, label="G(s)", shrink=0.8)
    return figure


def tilts(p_xy: np.ndarray, names: Sequence[str]) -> Figure:
    """KL(r_y || p_y) / KL(r || p) for r between p (t = 0) and certainty about one x (t = 1), with rho_m^2 and eta."""
    p_x, p_y = p_xy.sum(1), p_xy.sum(0)
    channel, t = p_xy / p_x[:, None], np.linspace(0.01, 1, 100)
    figure, axis = plt.subplots(figsize=(6.4, 4.1))
    styles = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
    for x, name in enumerate(names):
        mixed = [(1 - share) * p_x + share * np.eye(len(p_x))[x] for share in t]
        ratio = [kl_divergence(r @ channel, p_y) / kl_divergence(r, p_x) for r in mixed]
        axis.plot(t, ratio, ls=styles[x % len(styles)], color=f"C{x}", lw=1.8, label=name)
    for value, label in ((maximal_correlation(p_xy) ** 2, "ρₘ²"), (contraction_coefficient(p_xy), "η")):
        axis.axhline(value, color="0.25", lw=1, ls=(0, (6, 3)))
        axis.text(1.01, value, label, va="center", color="0.2")
    axis.set(xlim=(0, 1), ylim=(0, None), xlabel="t: from p(x) (0) to certainty about one x (1)", ylabel="nats on y per nat on x")
    figure.legend(ncols=3, loc="outside lower center")
    return figure


def bifurcation(
    betas: Sequence[float], curve: Sequence[Bottleneck], outcome: int, name: str, rho2: float, eta: float
) -> Figure:
    """Against beta: the clusters' p(outcome|z), with areas as p(z) (left), and their effective number (right)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.4))
    for beta, found in zip(betas, curve, strict=True):
        alive = found.p_z > 1e-6
        areas = 3 + 60 * found.p_z[alive]
        left.scatter([beta] * len(areas), found.p_y_given_z[alive, outcome], s=areas, color="C0", alpha=0.6, lw=0)
    left.set(ylabel=f"p({name}|z) of each cluster", title="where the clusters are", ylim=(-0.03, 1.03))
    right.plot(betas, [math.exp(entropy(found.p_z)) for found in curve], color="C0", lw=2)
    right.set(ylabel="exp H(z)", title="effective number of clusters", ylim=(0.9, None))
    for axis in (left, right):
        axis.axvline(rho2, color="0.4", ls=":", lw=1.2)
        axis.axvline(eta, color="0.4", ls="--", lw=1.2)
        axis.set(xlabel="β (nats per nat)", xlim=(0, max(betas) * 1.02))
    top = right.get_ylim()[1]
    right.text(rho2 - 0.01, top * 0.93, "ρₘ²", ha="right", color="0.3")
    right.text(eta + 0.008, top * 0.93, "η", color="0.3")
    return figure


def noisy_bit_losses(eps: float, betas: Sequence[float]) -> Figure:
    """The Lagrangian L(delta) minus that of the better deterministic encoder, against delta, at some betas."""
    figure, axis = plt.subplots(figsize=(6.4, 3.3))
    delta = np.linspace(0, 0.5, 201)
    for index, beta in enumerate(betas):
        loss = binary_entropy(eps + delta * (1 - 2 * eps)) + beta * (math.log(2) - binary_entropy(delta))
        excess = 1000 * (loss - min(loss[0], loss[-1]))
        axis.plot(delta, excess, color=f"C{index}", ls=("-", "--", "-.", ":")[index % 4], lw=1.8, label=f"β = {beta:g}")
        axis.plot(delta[excess.argmin()], excess.min(), "o", color=f"C{index}", ms=6)
    axis.axhline(0, color="0.4", lw=1)
    axis.set(xlabel="δ, how often z flips x", ylabel="above the better of z = x\nand z = constant (millinats)")
    axis.set(xlim=(-0.01, 0.51), ylim=(-30, 60))
    axis.legend(ncols=2, loc="lower right")
    return figure


def noisy_bit_gain(
    gains: Mapping[float, tuple[np.ndarray, np.ndarray]], grid: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Figure:
    """The gain of a noisy encoder over the deterministic ones, against beta (left), and against beta and eps (right).

    Args:
        gains: for some eps (betas, nats).
        grid: (betas, eps, nats [eps, beta]).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.4))
    for index, (eps, (betas, gain)) in enumerate(gains.items()):
        left.plot(betas, 1000 * gain, color=f"C{index}", ls=("-", "--", "-.")[index % 3], lw=1.8, label=f"ε = {eps:g}")
        left.axvline((1 - 2 * eps) ** 2, color=f"C{index}", lw=1, ls=":")
    left.set(
        xlabel="β (nats per nat)", ylabel="gain (millinats)", xlim=(0, 1), ylim=(0, None), title="by noise for some ε"
    )
    left.legend(frameon=True, framealpha=0.9, edgecolor="none")
    betas, flips, gain = grid
    image = right.pcolormesh(betas, flips, 1000 * gain, cmap="cividis", shading="auto", rasterized=True)
    right.plot((1 - 2 * flips) ** 2, flips, color="white", lw=1.5)
    right.plot(1 - binary_entropy(flips) / math.log(2), flips, "--", color="white", lw=1.5)
    right.set(
        xlabel="β (nats per nat)", ylabel="ε", xlim=(betas[0], betas[-1]), ylim=(flips[0], flips[-1]), title="over both"
    )
    figure.colorbar(image, ax=right, label="millinats")
    return figure


def gaussian_curve(
    rho: float, points: Mapping[float, tuple[float, float]], exact: Mapping[float, tuple[float, float]], ceiling: float
) -> Figure:
    """The curve of a Gaussian pair, and the solver's points on a table of cells.

    Args:
        rho: the correlation of the pair.
        points: for some betas (I(x;z), I(z;y)) that the solver finds on the cells.
        exact: for some betas the same of the Gaussian pair.
        ceiling: I(x;y) of the cells, in nats.
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    rate = np.linspace(0, 2.2, 200)
    axis.plot(rate, -0.5 * np.log(1 - rho**2 * (1 - np.exp(-2 * rate))), color="C0", lw=2, label="closed form")
    axis.axhline(-0.5 * math.log(1 - rho**2), color="C0", lw=1, ls="--")
    axis.axhline(ceiling, color="C1", lw=1, ls=":")
    axis.text(0.02, -0.5 * math.log(1 - rho**2) + 0.008, "I(x;y)", color="C0")
    axis.text(0.02, ceiling - 0.008, "I(x;y) of the cells", color="C1", va="top")
    for index, (beta, at) in enumerate(exact.items()):
        axis.plot(*at, "o", mfc="white", mec="C0", ms=8, label="closed form at some β" if index == 0 else None)
        axis.annotate(f"β = {beta:g}", at, textcoords="offset points", xytext=(8, -12), color="0.3")
    axis.plot(*np.array(list(points.values())).T, "x", color="C1", ms=7, mew=2, label="Blahut–Arimoto on cells, same β")
    axis.set(xlabel="I(x;z) (nats)", ylabel="I(z;y) (nats)", xlim=(0, 2.2), ylim=(0, 0.6))
    axis.legend(loc="lower right")
    return figure


def binary_entropy(p: np.ndarray | float) -> np.ndarray:
    """h(p) in nats, element by element."""
    return entr(p) + entr(1 - p)
