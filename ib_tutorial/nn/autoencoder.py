"""The variational autoencoder of Table 1, with Gaussian latents as in Kingma & Welling (2014) or with Information Dropout."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import nn

from ib_tutorial.information import kl_standard_normal
from ib_tutorial.nn._normal import Units, standard_normal
from ib_tutorial.nn.dropout import InformationDropout, NoiseLayer
from ib_tutorial.nn.networks import NoisyNetwork
from ib_tutorial.nn.precision import precision_of

Latents = Literal["gaussian", "information"]


class GaussianLatents(NoiseLayer):
    """z = f(x) + s(x) n, n ~ N(0, 1), with the prior N(0, 1): the latents of Kingma & Welling (2014).

    f, log_var: modules from x to the mean and to log s^2, in equal shapes. kl is that of `kl_standard_normal`.
    """

    def __init__(self, f: nn.Module, log_var: nn.Module):
        super().__init__(f)
        self.log_var = log_var

    def forward(self, x: Float[torch.Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        mean, log_var = self.f(x), self.log_var(x)
        log_var = log_var.to(precision_of(log_var))
        if log_var.shape != mean.shape:
            raise ValueError(f"log_var(x) has shape {tuple(log_var.shape)}; it needs that of f(x), {tuple(mean.shape)}")
        kl = kl_standard_normal(mean.to(precision_of(mean)), log_var)
        noise = torch.exp(log_var / 2) * standard_normal(mean) if self.noisy else torch.zeros_like(log_var)
        return mean + noise.to(mean.dtype), kl


def vae(
    hidden: int, n_latents: int, latents: Latents = "gaussian", *, n_pixels: int = 784, max_alpha: float = 0.7
) -> NoisyNetwork:
    """Pixels to `hidden` tanh units to `n_latents` noisy latents to `hidden` tanh units to the pixels' logits.

    Train it with `fit(network, x, x, likelihood=..., n_train=1, beta=1.0)`, which is eq. (7).
    latents: "gaussian"; or "information", Softplus units with the log-normal prior, whose one mu and one sigma are learned.
        The log-uniform prior of ReLU units is not on offer: it is improper, so that the loss would bound nothing.
    max_alpha: cap of the noise of Information Dropout.
    """
    if min(hidden, n_latents, n_pixels) < 1:
        raise ValueError(
            f"hidden is {hidden}, n_latents {n_latents} and n_pixels {n_pixels}; a network needs at least one of each"
        )
    encoder = nn.Flatten(), nn.Linear(n_pixels, hidden), nn.Tanh()
    decoder = nn.Linear(n_latents, hidden), nn.Tanh(), nn.Linear(hidden, n_pixels)
    first, second = nn.Linear(hidden, n_latents), nn.Linear(hidden, n_latents)
    if latents == "gaussian":
        layer: NoiseLayer = GaussianLatents(first, second)
    elif latents == "information":
        layer = InformationDropout(nn.Sequential(first, nn.Softplus()), second, "log_normal", max_alpha)
    else:
        raise ValueError(f"latents is {latents!r}; it must be one of {', '.join(map(repr, get_args(Latents)))}")
    return NoisyNetwork(*encoder, layer, *decoder)
