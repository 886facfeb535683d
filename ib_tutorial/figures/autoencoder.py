"""Figures of the chapter `autoencoder`: the variational autoencoder, and the linear one that can be solved."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ib_tutorial.figures.parts import image_rows, ticks


def bound_plane(matched: np.ndarray, mismatched: np.ndarray, entropy: float) -> Figure:
    """Models as points (rate, distortion), above the line D + R = H(x) that no model can cross.

    Args:
        matched: rows (rate, distortion) of models with the decoder p(x|z) and the prior p(z).
        mismatched: the same of models with any decoder and prior.
        entropy: H(x), in nats.
    """
    figure, axis = plt.subplots(figsize=(5.6, 3.6))
    edge = 1.02 * max(mismatched[:, 0].max(), entropy)
    axis.fill_between([0, entropy], [entropy, 0], color="0.85", lw=0)
    axis.plot([0, entropy], [entropy, 0], color="0.3", lw=1.2)
    axis.text(0.05 * entropy, 0.3 * entropy, "impossible:\nD + R < H(x)", color="0.25")
    axis.plot(*mismatched.T, "o", ms=3, color="C1", alpha=0.6, label="any decoder, any prior")
    axis.plot(*matched.T, "s", ms=3.5, color="C0", label="decoder p(x|z), prior p(z)")
    axis.plot([0], [entropy], "*", ms=15, color="C3", mec="white", label="z ignored", clip_on=False, zorder=5)
    axis.set(xlabel="rate R (nats)", ylabel="distortion D (nats)", xlim=(0, edge), ylim=(0, None))
    axis.legend(loc="upper right")
    return figure


def water_filling(
    eigenvalues: Sequence[float], n_latents: int, noise_variance: float, betas: Sequence[float]
) -> Figure:
    """Eigenvalues as bars, with the levels beta times noise_variance below which latents stay unused."""
    figure, axis = plt.subplots()
    shown = np.asarray(eigenvalues)[: n_latents + 8]
    position = np.arange(1, len(shown) + 1)
    axis.bar(position[:n_latents], shown[:n_latents], color="C0", width=0.8, label="within the number of latents")
    axis.bar(position[n_latents:], shown[n_latents:], color="0.75", width=0.8, label="beyond it")
    for index, beta in enumerate(betas):
        level = beta * noise_variance
        axis.axhline(level, color="C1", ls=("-", "--", "-.", ":")[index % 4], lw=1.8)
        axis.text(len(shown) + 0.75, level, f"β = {beta:g}", color="0.15", va="center", ha="left", fontsize="small")
    axis.set(yscale="log", xlabel="component i", ylabel="eigenvalue λ (pixel value²)", xlim=(0.3, len(shown) + 0.7))
    ticks(axis.yaxis, (tick for tick in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0) if 0.8 * shown.min() < tick < 1.2 * shown.max()))
    axis.grid(axis="x", visible=False)
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2)
    return figure


def latent_rates(betas: np.ndarray, exact: np.ndarray, found: Mapping[float, Sequence[float]]) -> Figure:
    """Nats of each latent against beta.

    Args:
        betas: of the lines.
        exact: [beta, latent], drawn as lines.
        found: for some betas the nats of each latent that an optimiser found, drawn as circles.
    """
    figure, axis = plt.subplots()
    for latent, rates in enumerate(exact.T):
        axis.plot(betas, rates, color=plt.cm.viridis(0.9 * latent / exact.shape[1]), lw=1.3)
    for index, (beta, rates) in enumerate(found.items()):
        label = "found by L-BFGS" if index == 0 else None
        axis.plot([beta] * len(rates), rates, "o", ms=4.5, mfc="white", mec="C3", mew=1.2, label=label, zorder=4)
    axis.set(xscale="log", xlabel="β", ylabel="rate of a latent (nats)", ylim=(-0.04, None))
    ticks(axis.xaxis, found)
    axis.legend(loc="upper right")
    return figure


def rate_distortion(curve: np.ndarray, points: Mapping[float, tuple[float, float]]) -> Figure:
    """The frontier of rate and distortion, and models that were found at some betas, each with its tangent of slope -beta.

    Args:
        curve: rows (rate, distortion).
        points: for some betas (rate, distortion).
    """
    figure, axis = plt.subplots(figsize=(6.2, 3.6))
    axis.fill_between(*curve.T, curve[:, 1].min() - 8, color="0.9", lw=0)
    axis.plot(*curve.T, color="C0", label="closed form")
    for index, (beta, (rate, distortion)) in enumerate(points.items()):
        half = min(3.0, 9.0 / beta)
        at = np.array([max(rate - half, 0), rate + half])
        axis.plot(at, distortion - beta * (at - rate), color="C1", lw=1, label="slope −β" if index == 0 else None)
        label = "found by L-BFGS" if index == 0 else None
        axis.plot(rate, distortion, "o", ms=5, mfc="white", mec="C3", mew=1.3, label=label)
        axis.annotate(f"β = {beta:g}", (rate, distortion), xytext=(7, 6), textcoords="offset points", fontsize="small")
    axis.set(xlabel="rate R (nats per image)", ylabel="distortion D (nats per image)")
    axis.set(xlim=(-0.3, curve[:, 0].max()), ylim=(curve[:, 1].min() - 4, curve[:, 1].max() + 4))
    axis.legend(loc="upper right")
    return figure


def reconstructions(images: np.ndarray, rebuilt: Mapping[float, np.ndarray]) -> Figure:
    """Images, and below them their reconstructions at each beta. All arrays are [image, row, column]."""
    by_beta = {f"β = {beta:g}": values for beta, values in rebuilt.items()}
    return image_rows({"original": images, **by_beta}, width=7.2, height=0.78)


def turned_latents(degrees: np.ndarray, diagonal: Mapping[str, np.ndarray], full: np.ndarray) -> Figure:
    """Nats above the optimum, against the angle by which two latents are turned.

    Args:
        degrees: the angles.
        diagonal: for each name the excess with an uncorrelated posterior.
        full: the excess with a correlated posterior.
    """
    figure, axis = plt.subplots(figsize=(6.2, 3.0))
    for (name, values), style, color in zip(diagonal.items(), ("-", "--", ":"), ("C1", "C3", "C4"), strict=False):
        axis.plot(degrees, values, style, color=color, lw=2, label=f"uncorrelated, {name}")
    axis.plot(degrees, full, color="C0", lw=2, label="correlated posterior")
    axis.set(xlabel="latents turned by (degrees)", ylabel="loss above the optimum (nats)", xticks=np.arange(0, 181, 45))
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
    return figure
