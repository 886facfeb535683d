"""Figures of the chapter `loss`, computed where they are shown. Nats on every axis."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from ib_tutorial.figures.parts import ticks
from ib_tutorial.information import VariationalBound, conditional_entropy, entropy

DECODER, ENCODER, PRIOR, NOBODY = "C1", "C0", "C2", "0.6"
"""Colours by who can lower a part of the bill."""


def bill(p_xy: Float[np.ndarray, "x y"], bound: VariationalBound, beta: float) -> Figure:
    """Both terms of eq. (3), to scale, and the three parts of each, coloured by who can lower them."""
    least = conditional_entropy(p_xy)
    useful = entropy(p_xy.sum(0)) - bound.h_y_given_z
    terms = {
        "cross-entropy": (
            ("noise of the labels", "H(y|x)", least, NOBODY),
            ("the task, forgotten", "I(x;y|z)", bound.h_y_given_z - least, ENCODER),
            ("a wrong decoder", "its gap", bound.decoder_gap, DECODER),
        ),
        "β × divergence": (
            ("the task, kept", "β I(z;y)", beta * useful, ENCODER),
            ("kept for nothing", "β I(x;z|y)", beta * (bound.i_xz - useful), ENCODER),
            ("a wrong prior", "β × its gap", beta * bound.prior_gap, PRIOR),
        ),
    }
    figure, axis = plt.subplots(figsize=(5.6, 4.3))
    row = 0.0
    ticks = {}
    paid = 0.0
    for term, parts in terms.items():
        total = sum(nats for *_, nats, _ in parts)
        axis.barh(row, total, left=paid, height=0.35, color="0.2")
        axis.text(paid + total + 0.012, row, f"{total:.3f}", va="center", weight="bold")
        ticks[row] = term
        for says, symbol, nats, color in parts:
            row += 1
            axis.barh(row, nats, left=paid, height=0.7, color=color)
            axis.text(paid + nats + 0.012, row, f"{nats:.3f}", va="center")
            ticks[row] = f"{says}\n{symbol}"
            paid += float(nats)
        row += 1.4
    axis.set_yticks(list(ticks), list(ticks.values()))
    for label in axis.get_yticklabels():
        if label.get_text() in terms:
            label.set_weight("bold")
    axis.set(xlabel="nats", ylim=(row - 0.8, -0.6), xlim=(0, paid * 1.17))
    axis.grid(axis="y", visible=False)
    who = {"nobody": NOBODY, "encoder": ENCODER, "decoder": DECODER, "prior": PRIOR}
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in who.values()]
    figure.legend(handles, list(who), title="who can lower it", ncols=4, loc="outside lower center")
    return figure


def variational_gaps(betas: Sequence[float], bounds: Sequence[VariationalBound], least: Sequence[float]) -> Figure:
    """What eq. (3) reached, above the least Lagrangian of each beta: encoder, decoder's gap, beta times the prior's gap, stacked."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.5))
    left.plot(betas, [b.loss for b in bounds], "o-", color="C3", ms=4, label="eq. (3), trained")
    left.plot(betas, [b.lagrangian for b in bounds], "s--", color="C0", ms=4, label="eq. (2) of its encoder")
    left.plot(betas, least, color="0.2", lw=1.5, label="least eq. (2)")
    left.set(ylabel="nats", title="the loss")
    parts = {
        "encoder": [b.lagrangian - value for b, value in zip(bounds, least, strict=True)],
        "decoder's gap": [b.decoder_gap for b in bounds],
        "β × prior's gap": [beta * b.prior_gap for beta, b in zip(betas, bounds, strict=True)],
    }
    bottom = np.zeros(len(betas))
    width = 0.7 * min(np.diff(betas))
    for (name, values), color, hatch in zip(parts.items(), (ENCODER, DECODER, PRIOR), ("", "//", ".."), strict=True):
        heights = 1000 * np.array(values)
        right.bar(betas, heights, width, bottom=bottom, color=color, hatch=hatch, edgecolor="white", lw=0.5, label=name)
        bottom = bottom + heights
    right.set(ylabel="above the least (millinats)", title="what the bound adds")
    for axis in (left, right):
        axis.set(xlabel="β (nats per nat)")
        axis.legend()
    return figure


def sample_and_source(
    on_sample: Mapping[int, Sequence[float]], on_source: Mapping[int, Sequence[float]], least: float
) -> Figure:
    """The Lagrangian of encoders that were fitted to N draws, on their draws and on the source: a dot a sample, a line through the means."""
    figure, axis = plt.subplots(figsize=(5.6, 3.1))
    for values, name, color, marker, shift in (
        (on_source, "on the source", "C1", "s", 1.06), (on_sample, "on their own draws", "C0", "o", 0.94),
    ):  # fmt: skip
        for n, each in values.items():
            axis.plot([n * shift] * len(each), each, marker, color=color, ms=4, alpha=0.35, mew=0)
        sizes = [n * shift for n in values]
        axis.plot(sizes, [np.mean(each) for each in values.values()], "-", marker=marker, color=color, lw=2, ms=7, label=name)
    axis.axhline(least, color="0.2", ls="--", lw=1.2, label="least on the source")
    axis.set(xscale="log", xlabel="draws N", ylabel="Lagrangian (nats)")
    ticks(axis.xaxis, on_sample, [f"{n:,}" for n in on_sample])
    axis.legend()
    return figure


def log_n_ceiling(alphas: Sequence[float], paid: Sequence[float], told: Mapping[int, Sequence[float]]) -> Figure:
    """What a unit pays over its noise scale, and what it tells about which of N inputs it saw, below log N (dotted)."""
    figure, axis = plt.subplots(figsize=(5.6, 3.3))
    axis.plot(alphas, paid, color="0.2", lw=2, label="divergence = I(x;z) of the source")
    for index, (n, nats) in enumerate(told.items()):
        style = ("-", "--", "-.")[index % 3]
        axis.plot(alphas, nats, color=f"C{index}", ls=style, lw=2, label=f"I(x;z) under {n:,} draws")
        axis.axhline(math.log(n), color=f"C{index}", ls=":", lw=1.2)
        axis.text(max(alphas), math.log(n) + 0.05, f"log {n:,} = {math.log(n):.1f}", color=f"C{index}", va="bottom")
    axis.set(xscale="log", xlabel="noise scale α (less noise to the right)", ylabel="nats", ylim=(0, None))
    axis.invert_xaxis()
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def kept_and_paid(kept: Sequence[float], paid: Sequence[float]) -> Figure:
    """For each noisy layer the nats about x that it holds, and the nats that the summed loss charges for it; then the sum."""
    figure, axis = plt.subplots(figsize=(5.6, 2.6))
    rows = np.arange(len(paid))
    axis.barh(rows - 0.2, kept, 0.38, color="C0", label="holds: I(x;z) of this layer")
    axis.barh(rows + 0.2, paid, 0.38, color="C1", hatch="//", edgecolor="white", label="pays: its divergence")
    axis.barh(len(paid) + 0.2, sum(paid), 0.38, color="C1", hatch="//", edgecolor="white")
    for row, values in ((rows - 0.2, kept), (rows + 0.2, paid), ([len(paid) + 0.2], [sum(paid)])):
        for at, nats in zip(row, values, strict=True):
            axis.text(nats + 0.03, at, f"{nats:.2f}", va="center")
    axis.set_yticks([*rows, len(paid) + 0.2], [*(f"layer {layer}" for layer in range(1, len(paid) + 1)), "sum"])
    axis.set(xlabel="nats", xlim=(0, 1.12 * sum(paid)))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
