"""The variational autoencoder of Table 1, with Gaussian latents as in Kingma & Welling (2014) or with Information Dropout."""

from typing import Literal, get_args

from torch import nn

from ib_tutorial.nn.bottleneck import VariationalBottleneck
from ib_tutorial.nn.dropout import InformationDropout, NoiseLayer
from ib_tutorial.nn.networks import NoisyNetwork

Latents = Literal["gaussian", "information"]


def vae(
    hidden: int, n_latents: int, latents: Latents = "gaussian", *, n_pixels: int = 784, max_alpha: float = 0.7
) -> NoisyNetwork:
    """Pixels to `hidden` tanh units to `n_latents` noisy latents to `hidden` tanh units to the pixels' logits.

    Train it with `fit(network, x, x, likelihood=..., n_train=1, beta=1.0)`, which is eq. (7).

    Args:
        hidden: units of each hidden layer.
        n_latents: noisy units in the middle.
        latents: "gaussian", the layer of Kingma & Welling; or "information", Softplus units with the log-normal prior, whose one mu and one sigma are learned.
            The log-uniform prior of ReLU units is improper, so that the loss would bound nothing; it cannot be chosen.
        n_pixels: of an image.
        max_alpha: cap of the noise of Information Dropout.

    Raises:
        ValueError: a number is below 1, or latents is neither of the two.
    """
    if min(hidden, n_latents, n_pixels) < 1:
        raise ValueError(
            f"hidden is {hidden}, n_latents {n_latents} and n_pixels {n_pixels}; a network needs at least one of each"
        )
    encoder = nn.Flatten(), nn.Linear(n_pixels, hidden), nn.Tanh()
    decoder = nn.Linear(n_latents, hidden), nn.Tanh(), nn.Linear(hidden, n_pixels)
    first, second = nn.Linear(hidden, n_latents), nn.Linear(hidden, n_latents)
    if latents == "gaussian":
        layer: NoiseLayer = VariationalBottleneck(first, second, scale="exp")
    elif latents == "information":
        layer = InformationDropout(nn.Sequential(first, nn.Softplus()), second, "log_normal", max_alpha)
    else:
        raise ValueError(f"latents is {latents!r}; it must be one of {', '.join(map(repr, get_args(Latents)))}")
    return NoisyNetwork(*encoder, layer, *decoder)
