"""Figures of the chapter `information_dropout`, computed where they are shown."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ib_tutorial.figures.parts import normal_density
from ib_tutorial.information import kl_log_normal, kl_log_uniform


def noise_family(alpha: float) -> Figure:
    """The factor of binary, Gaussian and log-normal noise whose variance, relative to the squared mean, is e^{alpha^2} - 1."""
    relative_variance = math.expm1(alpha**2)
    p = relative_variance / (1 + relative_variance)
    figure, axes = plt.subplots(1, 3, sharex=True)
    axes[0].vlines([0, 1 / (1 - p)], 0, [p, 1 - p], lw=3, color="C1")
    axes[0].plot([0, 1 / (1 - p)], [p, 1 - p], "o", color="C1")
    axes[0].set(title=f"binary, p = {p:.2f}", ylabel="probability", ylim=(0, 1))
    eps = np.linspace(-1.5, 4, 500)
    gaussian = normal_density(eps, 1.0, math.sqrt(relative_variance))
    positive = eps[eps > 0.005]
    log_normal = normal_density(np.log(positive), 0.0, alpha) / positive
    for axis, title, at, density, color in (
        (axes[1], "Gaussian, mean 1", eps, gaussian, "C2"),
        (axes[2], f"log-normal, α = {alpha}", positive, log_normal, "C0"),
    ):
        axis.plot(at, density, color=color)
        axis.fill_between(at, density, alpha=0.2, color=color)
        axis.set(title=title, ylabel="density", ylim=(0, 0.95))
    for axis in axes:
        axis.axvline(0, color="0.4", lw=0.8)
        axis.set(xlabel="factor ε", xlim=(-1.5, 4))
    return figure


def unit_costs(max_alpha: float, mu: float, sigma: float) -> Figure:
    """Nats that one unit pays: under the log-uniform prior against alpha, under the log-normal one against log f."""
    figure, (left, right) = plt.subplots(1, 2)
    alpha = torch.logspace(-2, math.log10(max_alpha), 200, dtype=torch.float64)
    left.plot(alpha, kl_log_uniform(alpha, max_alpha), color="C0")
    left.axvline(max_alpha, color="0.4", ls="--", lw=1)
    left.text(max_alpha * 0.92, 3.4, "cap", ha="right", color="0.3")
    left.set(
        xscale="log", xlabel="noise scale α", ylabel="cost above the cap (nats)", title="ReLU unit, log-uniform prior"
    )

    log_f = torch.linspace(-4, 2, 200, dtype=torch.float64)
    tensors = [torch.tensor(value, dtype=torch.float64) for value in (mu, sigma)]
    for color, scale in zip(("C0", "C1", "C2"), (0.05, 0.3, 0.7), strict=True):
        cost = kl_log_normal(log_f, torch.tensor(scale, dtype=torch.float64), *tensors)
        right.plot(log_f, cost, color=color, label=f"α = {scale}")
    printed = kl_log_normal(torch.zeros_like(log_f), torch.tensor(0.3, dtype=torch.float64), *tensors)
    right.plot(log_f, printed, ":", color="C1", label="α = 0.3, as printed")
    right.axvline(mu, color="0.4", ls="--", lw=1)
    right.text(mu + 0.1, 11, "μ", color="0.3")
    right.set(xlabel="log f(x)", ylabel="cost (nats)", title="Softplus unit, log-normal prior", ylim=(0, 12))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize="small")
    return figure


def noise_over_training(scales: Mapping[float, Sequence[Sequence[float]]], max_alpha: float) -> Figure:
    """Mean alpha of each layer against the epoch.

    Args:
        scales: for each beta, of each epoch, the mean alpha of each layer.
    """
    figure, axes = plt.subplots(1, len(scales), sharey=True, squeeze=False)
    for axis, (beta, by_epoch) in zip(axes[0], scales.items(), strict=True):
        for layer, (values, style) in enumerate(zip(np.array(by_epoch).T, ("-", "--", ":"), strict=True), start=1):
            axis.plot(range(1, len(values) + 1), values, style, color=f"C{layer - 1}", lw=2, label=f"layer {layer}")
        axis.axhline(max_alpha, color="0.4", ls="--", lw=1)
        axis.set(title=f"β = {beta:g}", xlabel="epoch", ylim=(0, max_alpha * 1.05))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("mean noise scale α")
    axes[0, -1].legend(loc="lower right")
    return figure


def noise_by_digit(alpha: Float[Tensor, "images units"], labels: Int[Tensor, " images"], max_alpha: float) -> Figure:
    """Mean noise scale of each unit (columns, from the quietest) for each digit (rows); then every image, for the unit that differs most."""
    means = torch.stack([alpha[labels == digit].mean(0) for digit in range(10)])
    figure, (left, right) = plt.subplots(2, 1, figsize=(5.6, 4.6))
    ordered = means[:, means.mean(0).argsort()]
    drawn = left.imshow(ordered.numpy(), cmap="viridis", vmin=0, vmax=max_alpha, aspect="auto", interpolation="nearest")
    figure.colorbar(drawn, ax=left, label="noise scale α", pad=0.02)
    left.set(xlabel=f"{alpha.shape[1]} units", ylabel="digit", xticks=[], title="mean for each unit and digit")
    left.set_yticks(range(0, 10, 3))
    left.grid(visible=False)
    unit = means.std(0).argmax()
    beside = (torch.arange(len(alpha)) % 21 - 10) / 30  # so that the dots of a digit do not hide each other
    right.plot(labels + beside, alpha[:, unit], ".", color="C0", ms=3, alpha=0.5)
    right.plot(range(10), means[:, unit], "_", color="0.1", ms=22, mew=2)
    right.axhline(max_alpha, color="0.4", ls="--", lw=1)
    right.set(xlabel="digit", ylabel="noise scale α", ylim=(0, max_alpha * 1.05), title="one unit: each image, and the means")
    right.set_xticks(range(10))
    return figure
