"""Figures of the chapter `learned_versus_exact`: a trained layer against the exact optimum of a small source."""

from collections.abc import Mapping, Sequence
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ib_tutorial.experiments import Record
from ib_tutorial.experiments import learned_versus_exact as experiment
from ib_tutorial.figures.parts import mosaic, ticks
from ib_tutorial.information import Bottleneck

OBJECTIVES = {
    "layer": ("eq. (3) as the layer has it", "C0", "o"),
    "free_prior": ("free factorized prior", "C1", "s"),
    "exact": ("the Lagrangian itself", "C2", "^"),
}
"""Name, colour and marker of each objective, the same in every figure."""

PARTS = {
    "family": ("encoder: least excess found", "C2"),
    "pull": ("encoder: pull of the bound", "C0"),
    "prior_shape": ("prior: its shape", "C1"),
    "total_correlation": ("prior: total correlation", "C4"),
    "decoder": ("decoder", "C7"),
}

Curve = Sequence[tuple[float, float]]
"""Points (I(x;z), I(z;y)) of the exact information curve, by falling I(x;z), in nats."""


def learned_source(p_xy: Tensor) -> Figure:
    """The table as a mosaic: a column for each x, as wide as p(x), cut in the proportions p(y|x)."""
    order = torch.argsort(p_xy[:, 0] / p_xy.sum(1), descending=True)
    figure, axis = plt.subplots(figsize=(6.2, 2.6))
    mosaic(axis, p_xy[order].numpy(), [f"y = {y}" for y in range(3)], ("", "//", ".."), alpha=0.75)
    axis.set_xlabel("cumulated p(x): one column for each x")
    figure.legend(loc="outside right center")
    return figure


def read(record: Record, objective: experiment.Objective, metric: str) -> np.ndarray:
    """A metric's values, and their standard errors, of all networks of an objective: [2, betas times seeds]."""
    networks = product(record.config["betas"], record.seeds)
    return np.array([experiment.estimate(record, objective, beta, seed, metric) for beta, seed in networks]).T


def learned_plane(record: Record, curve: Curve) -> Figure:
    """Above, networks trained with eq. (3), true values and bounds; below, how far all are under the curve."""
    information, relevant = (np.array(axis)[::-1] for axis in zip(*curve, strict=True))
    figure, (above, below) = plt.subplots(2, 1, figsize=(4.8, 6.6), height_ratios=(1.15, 1))
    above.plot(information, relevant, color="0.2", lw=1.5, label="exact curve", zorder=1)
    names = ("i_xz", "i_zy", "h_y_given_z", "rate", "cross_entropy")
    i_xz, i_zy, (h_y_given_z, _), (rate, _), (cross_entropy, _) = (read(record, "layer", name) for name in names)
    bound = i_zy[0] + h_y_given_z - cross_entropy
    above.plot([i_xz[0], rate], [i_zy[0], bound], color="C3", lw=0.8, alpha=0.6)
    above.plot(rate, bound, ">", color="C3", ms=4.5, mfc="white", label="what eq. (3) reports")
    above.errorbar(i_xz[0], i_zy[0], i_zy[1], i_xz[1], fmt="o", color="C0", ms=4, lw=1, label="measured")
    above.set(xlabel="I(x;z) (nats)", ylabel="I(z;y) (nats)", title="trained with eq. (3)")
    above.legend(loc="lower right")

    for objective in record.config["objectives"]:
        label, color, marker = OBJECTIVES[objective]
        (at, _), (kept, _), (_, errors) = (read(record, objective, name) for name in ("i_xz", "i_zy", "lagrangian"))
        distances = np.interp(at, information, relevant) - kept
        # an error in I(x;z) moves a point along the curve too: across it, the error of the Lagrangian is left
        look = dict(fmt=marker, color=color, ms=4, lw=1, mfc="white", label=label)
        below.errorbar(at, 1000 * distances, yerr=1000 * errors, **look)
    below.axhline(0, color="0.2", lw=1.5)
    below.set(xlabel="I(x;z) (nats)", ylabel="below the curve (millinats)", title="distance from the curve")
    below.legend(loc="upper left", fontsize="small")
    below.set_ylim(top=below.get_ylim()[1] * 1.45)
    return figure


def learned_counts(counted: Mapping[float, float], measured: float, h_x: float) -> Figure:
    """I(x;z) in nats as counting in cells of each width finds it, between H(x) and 0, and as the densities have it."""
    figure, axis = plt.subplots(figsize=(5.4, 3.0))
    axis.plot(list(counted), list(counted.values()), "o-", color="C1", label="counted in cells")
    axis.axhline(measured, color="C0", lw=2, label="from the densities")
    axis.axhline(h_x, color="0.3", ls="--", lw=1.2)
    axis.text(max(counted), h_x, "H(x): all there is to know", ha="right", va="bottom", color="0.25", fontsize="small")
    axis.set(xscale="log", xlabel="width of the cells of log z", ylabel="I(x;z) (nats)", ylim=(0, 1.15 * h_x))
    ticks(axis.xaxis, counted)
    axis.legend(loc="lower left")
    return figure


def learned_anatomy(record: Record) -> Figure:
    """What the training loss has above the exact optimum, as stacked bars over beta."""
    betas = record.config["betas"]
    parts = [experiment.anatomy(record, beta) for beta in betas]
    figure, axis = plt.subplots(figsize=(5.4, 3.8))
    bottom = np.zeros(len(betas))
    for name, (label, color) in PARTS.items():
        heights = 1000 * np.array([getattr(part, name) for part in parts])
        heights = np.where(np.abs(heights) < 0.02, 0, heights)  # below the Monte Carlo error
        axis.bar(range(len(betas)), heights, 0.75, bottom, color=color, label=label, ec="white", lw=0.5)
        bottom += heights
    axis.set_xticks(range(len(betas)), [f"{beta:g}" for beta in betas])
    axis.set(xlabel="β (weight on a nat of I(x;z))", ylabel="above the optimum (millinats)")
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper right")
    return figure


def learned_excess(record: Record, rho2: float, eta: float) -> Figure:
    """Excess of the Lagrangian at the true informations, by beta and objective; the exact collapse is marked."""
    betas = record.config["betas"]
    figure, axis = plt.subplots(figsize=(5.4, 3.6))
    for index, objective in enumerate(record.config["objectives"]):
        label, color, marker = OBJECTIVES[objective]
        places = np.array(betas) + 0.003 * (index - 1)
        values, errors = 1000 * read(record, objective, "excess")
        at = np.repeat(places, len(record.seeds))
        axis.errorbar(at, values, yerr=errors, fmt=marker, color=color, ms=3.5, lw=1, alpha=0.75)
        axis.plot(places, values.reshape(len(betas), -1).mean(1), color=color, lw=1.3)
        axis.plot([], [], color=color, lw=1.3, marker=marker, ms=4, label=label)
    limit = 20  # millinats
    axis.axhline(limit, color="0.5", ls=":", lw=1)
    axis.set_ylim(top=max(axis.get_ylim()[1], 1.12 * limit))
    axis.text(betas[-1], limit, "limit of test 1", ha="right", va="bottom", color="0.35", fontsize="small")
    axis.axvspan(rho2, eta, color="C3", alpha=0.35, lw=0)
    axis.axvspan(eta, betas[-1] + 0.02, color="0.5", alpha=0.12, lw=0)
    height = 0.3 * axis.get_ylim()[1]
    axis.text(eta + 0.008, height, "the constant is optimal", rotation=90, va="center", color="0.3", fontsize="small")
    axis.axhline(0, color="0.2", lw=1)
    axis.set(xlabel="β", ylabel="excess Lagrangian (millinats)", xlim=(betas[0] - 0.02, betas[-1] + 0.02))
    axis.legend(loc="upper right", bbox_to_anchor=(0.83, 0.75))
    return figure


def corners(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distributions over three values as points of a triangle: y = 0 left, 1 right, 2 on top."""
    return p[..., 1] + p[..., 2] / 2, p[..., 2] * np.sqrt(3) / 2


def draw_triangle(axis: Axes) -> None:
    x, y = corners(np.eye(3)[[0, 1, 2, 0]])
    axis.plot(x, y, color="0.4", lw=1)
    for label, at, side in (
        ("y = 0", (-0.04, -0.07), "left"),
        ("y = 1", (1.04, -0.07), "right"),
        ("y = 2", (0.5, 0.89), "center"),
    ):
        axis.text(*at, label, ha=side, color="0.3")
    axis.set(aspect="equal", xlim=(-0.08, 1.08), ylim=(-0.1, 0.96))
    axis.axis("off")


def learned_codewords(p_xy: Tensor, optimum: Bottleneck, clouds: Mapping[str, Tensor]) -> Figure:
    """p(y|z) in the triangle of distributions over y: the optimum's few values, and draws from trained layers."""
    figure, axes = plt.subplots(1, len(clouds), figsize=(6.2, 3.1))
    p_y_given_x = (p_xy / p_xy.sum(1, keepdim=True)).numpy()
    alive = np.asarray(optimum.p_z) > 1e-6
    for axis, (objective, cloud) in zip(axes, clouds.items(), strict=True):
        label, color, _ = OBJECTIVES[objective]
        draw_triangle(axis)
        axis.plot(*corners(cloud.numpy()), ".", color=color, ms=5, mew=0, alpha=0.08)
        axis.plot(*corners(p_y_given_x), "x", color="0.25", ms=5, mew=1.2)
        sizes = 500 * np.asarray(optimum.p_z)[alive]
        axis.scatter(*corners(np.asarray(optimum.p_y_given_z)[alive]), s=sizes, fc="none", ec="C3", lw=2, zorder=3)
        axis.set_title(label)
    return figure
