"""The paper's networks. Each returns its logits and, per noise layer, the nats that its units cost."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ib_tutorial.nn.dropout import BinaryDropout, Deterministic, InformationDropout, LogNormalDropout, NoiseLayer

Dropout = Literal["none", "binary", "log_normal", "information"]


class NoisyNetwork(nn.Module):
    """Layers applied one after another; those that are noise layers also report their KL.

    `forward(x)` returns `(logits, kl_terms)`: kl_terms has one tensor of nats per noise layer, in the shape of its units.
    """

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Float[Tensor, "batch classes"], list[Tensor]]:
        kl_terms = []
        for layer in self.layers:
            if isinstance(layer, NoiseLayer):
                x, kl = layer(x)
                kl_terms.append(kl)
            else:
                x = layer(x)
        return x, kl_terms

    @torch.no_grad()
    def noise_scales(self, x: Float[Tensor, "batch *inputs"]) -> list[Tensor]:
        """alpha(x) of each Information Dropout layer, with the layers below drawing noise or not as they are set to."""
        scales = []
        for layer in self.layers:
            if isinstance(layer, InformationDropout):
                scales.append(layer.noise_scale(x))
            x = layer(x)[0] if isinstance(layer, NoiseLayer) else layer(x)
        return scales


def mlp(
    width: int,
    dropout: Dropout = "information",
    *,
    n_inputs: int = 784,
    n_classes: int = 10,
    depth: int = 3,
    max_alpha: float = 0.7,
    p: float = 0.5,
    alphas: tuple[float, ...] | None = None,
) -> NoisyNetwork:
    """The fully connected ReLU network of Fig. 3a: `depth` hidden layers of `width` units, noise after each.

    dropout: "none"; "binary", with drop probability p; "log_normal", with one constant scale per layer, `alphas` (by
        default max_alpha in each); "information", whose alpha network is one linear map of the layer's input.
    """
    if width < 1 or depth < 1:
        raise ValueError(f"width is {width} and depth {depth}; a network needs at least one unit and one hidden layer")
    alphas = (max_alpha,) * depth if alphas is None else alphas
    if len(alphas) != depth:
        raise ValueError(f"alphas has {len(alphas)} values; it needs one for each of the {depth} hidden layers")

    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, constant_alpha in zip((n_inputs,) + (width,) * (depth - 1), alphas, strict=True):
        f = nn.Sequential(nn.Linear(n_in, width), nn.ReLU())
        if dropout == "none":
            layers.append(Deterministic(f))
        elif dropout == "binary":
            layers.append(BinaryDropout(f, p))
        elif dropout == "log_normal":
            layers.append(LogNormalDropout(f, constant_alpha))
        elif dropout == "information":
            layers.append(InformationDropout(f, nn.Linear(n_in, width), "log_uniform", max_alpha))
        else:
            raise ValueError(f"dropout is {dropout!r}; it must be 'none', 'binary', 'log_normal' or 'information'")
    return NoisyNetwork(*layers, nn.Linear(width, n_classes))
