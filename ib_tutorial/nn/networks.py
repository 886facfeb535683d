"""The paper's classifiers. Each returns its logits and, per noise layer, the nats that its units cost.

All parts that the methods share are initialised first, and the networks for alpha (or the gates) last, so that two methods at one
seed start from the same f.

mlp           three fully connected hidden layers                  Fig. 3a
all_cnn_32    Table 2 (a), 32x32 images, two noise layers          Figs 1, 3b, 4, 5, 6
all_cnn_96    Table 2 (b), 96x96 images, four noise layers         Figs 2, 7
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ib_tutorial.nn.contexts import noise_layers, observe_kl, observed_scales
from ib_tutorial.nn.dropout import (
    BinaryDropout,
    Costly,
    Deterministic,
    GaussianDropout,
    InformationDropout,
    LogNormalDropout,
    Noise,
    NoiseLayer,
    Prior,
    VariationalDropout,
)

Dropout = Literal["none", "binary", "binary_gated", "gaussian", "log_normal", "variational", "information"]
Activation = Literal["relu", "softplus"]
Variant = Literal["paper", "code"]

ALL_CNN_32 = (96, 192)
ALL_CNN_96 = (32, 64, 96, 192)
"""Table 2: filters of each block of three 3x3 convolutions, whose last one has stride 2 and is followed by noise."""


class NoisyNetwork(Costly):
    """Layers applied one after another; the cost of every noise layer in them is reported, also of one inside a block of somebody's.

    `forward(x)` returns `(logits, kl_terms)`: kl_terms has one tensor of nats for each use of a noise layer, in the shape of its units.
    """

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        first = layers[0].modules() if layers else ()
        self.channels = next((part.in_channels for part in first if isinstance(part, nn.Conv2d)), None)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Float[Tensor, "batch classes"], list[Tensor]]:
        if self.channels is not None and (x.dim() != 4 or x.shape[1] != self.channels):
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this network takes images of shape (n, {self.channels}, height, width). "
                "Those of data_gen are (n, height, width, channels): x.permute(0, 3, 1, 2)"
            )
        kl_terms: list[Tensor] = []
        for layer in self.layers:
            if isinstance(layer, Costly):
                x, kl = layer(x)
                kl_terms += [kl] if isinstance(layer, NoiseLayer) else kl
            elif noise_layers(layer):
                with observe_kl(layer) as inside:
                    x = layer(x)
                kl_terms += inside
            else:
                x = layer(x)
        return x, kl_terms

    @torch.no_grad()
    def noise_scales(self, x: Float[Tensor, "batch *inputs"]) -> list[Tensor]:
        """alpha(x) of each Information Dropout layer, with the layers below drawing noise or not as they are set to."""
        return observed_scales(self, x)

    @torch.no_grad()
    def representation(
        self, x: Float[Tensor, "batch *inputs"], layer: int = -1
    ) -> tuple[Float[Tensor, "batch *units"], Float[Tensor, "batch *units"]]:
        """(f, z) of a noise layer, counted from 0 (or from the last, -1): its clean units and the units it passes on.

        Both belong to the same input of that layer, with the layers below drawing noise or not as they are set to.
        """
        place, noisy = [(at, module) for at, module in enumerate(self.layers) if isinstance(module, NoiseLayer)][layer]
        for module in self.layers[:place]:
            x = module(x)[0] if isinstance(module, NoiseLayer) else module(x)
        return noisy.clean(x), noisy(x)[0]


def noise_layer(
    f: nn.Module,
    second: Callable[[], nn.Module],
    dropout: str,
    *,
    p: float,
    alpha: float,
    prior: Prior,
    max_alpha: float,
    noise: Noise,
) -> NoiseLayer:
    """The noise layer of kind `dropout` around f; `second` is the network for alpha, or the gate of equal size."""
    if not 0 <= p < 1:
        raise ValueError(f"p is {p}; a drop probability is in [0, 1)")
    for name, value, known in (("prior", prior, Prior), ("noise", noise, Noise)):
        if value not in get_args(known):
            raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, get_args(known)))}")
    if dropout == "none":
        return Deterministic(f)
    if dropout == "binary":
        return BinaryDropout(f, p)
    if dropout == "binary_gated":
        return BinaryDropout(f, p, gate=second())
    if dropout == "gaussian":
        return GaussianDropout(f, p / (1 - p))
    if dropout == "variational":
        return VariationalDropout(f)
    if dropout == "log_normal":
        return LogNormalDropout(f, alpha)
    if dropout == "information":
        return InformationDropout(f, second(), prior, max_alpha, noise)
    raise ValueError(f"dropout is {dropout!r}; it must be one of {', '.join(map(repr, get_args(Dropout)))}")


def mlp(
    width: int,
    dropout: Dropout = "information",
    *,
    n_inputs: int = 784,
    n_classes: int = 10,
    depth: int = 3,
    max_alpha: float = 0.7,
    p: float = 0.5,
    alphas: Sequence[float] | None = None,
    noise: Noise = "paper",
) -> NoisyNetwork:
    """The fully connected ReLU network of Fig. 3a: `depth` hidden layers of `width` units, noise after each.

    Args:
        width: units of each hidden layer.
        dropout: "none"; "binary", with drop probability p; "binary_gated", the same with as many parameters as Information
            Dropout has; "gaussian", with variance p / (1 - p); "variational"; "log_normal", with one constant scale per layer;
            "information", whose alpha network is one linear map of the layer's input.
        n_inputs: numbers in an image.
        n_classes: logits.
        depth: hidden layers.
        max_alpha: cap of the noise of Information Dropout.
        p: drop probability of binary dropout.
        alphas: scales of "log_normal", one per layer; by default max_alpha in each.
        noise: "paper" or "unit_mean", as in `InformationDropout`.

    Raises:
        ValueError: an argument is out of its range.
    """
    if min(width, depth, n_inputs, n_classes) < 1:
        raise ValueError(
            f"width is {width}, depth {depth}, n_inputs {n_inputs} and n_classes {n_classes}; a network needs at least one of each"
        )
    options: dict[str, Any] = dict(p=p, max_alpha=max_alpha, prior="log_uniform", noise=noise)
    sizes = [n_inputs, *[width] * (depth - 1)]
    plain = [nn.Sequential(nn.Linear(n_in, width), nn.ReLU()) for n_in in sizes]
    head = nn.Linear(width, n_classes)
    layers = [
        noise_layer(f, partial(nn.Linear, n_in, width), dropout, alpha=alpha, **options)
        for f, n_in, alpha in zip(plain, sizes, constant_scales(dropout, alphas, max_alpha, depth), strict=True)
    ]
    return NoisyNetwork(nn.Flatten(), *layers, head)


def constant_scales(dropout: str, alphas: Sequence[float] | None, max_alpha: float, n_layers: int) -> Sequence[float]:
    """The scale of each layer of constant log-normal noise: `alphas`, or max_alpha in each. An error names the argument that was given."""
    if alphas is not None and len(alphas) != n_layers:
        raise ValueError(f"alphas has {len(alphas)} values; it needs one for each of the {n_layers} noise layers")
    scales = (max_alpha,) * n_layers if alphas is None else alphas
    if dropout == "log_normal" and not all(0 <= scale < math.inf for scale in scales):
        said = f"max_alpha is {max_alpha}" if alphas is None else f"alphas is {tuple(alphas)}"
        raise ValueError(f"{said}; a constant noise scale is at least 0, and finite")
    return scales


def all_cnn_32(dropout: Dropout = "information", **options) -> NoisyNetwork:
    """All-CNN-32 of Table 2 (a), for 32x32 images: noise at 16x16 and 8x8. Options as in `all_cnn`."""
    return all_cnn(ALL_CNN_32, dropout, **options)


def all_cnn_96(dropout: Dropout = "information", *, channels: int = 1, **options) -> NoisyNetwork:
    """All-CNN-96 of Table 2 (b), for 96x96 images: noise at 48x48, 24x24, 12x12 and 6x6. Options as in `all_cnn`."""
    return all_cnn(ALL_CNN_96, dropout, channels=channels, **options)


def all_cnn(
    filters: Sequence[int],
    dropout: Dropout = "information",
    *,
    width: float = 1.0,
    activation: Activation = "relu",
    channels: int = 3,
    n_classes: int = 10,
    prior: Prior | None = None,
    max_alpha: float = 0.7,
    p: float = 0.5,
    alphas: Sequence[float] | None = None,
    noise: Noise = "paper",
    keep_input: float = 1.0,
    variant: Variant = "paper",
) -> NoisyNetwork:
    """The all-convolutional networks of Table 2: batch norm before every activation, no pooling but the last average.

    Args:
        filters: of each block of three convolutions.
        dropout: as in `mlp`. Each alpha network (or gate) is a convolution of its own, of the shape of the one beside it.
        width: the share of the filters that is kept. The classes are never cut.
        activation: "relu" or "softplus".
        channels: of an image.
        n_classes: logits.
        prior: of Information Dropout; the dropout "log_normal" is something else. By default the one that the paper gives the activation,
            log-uniform for ReLU and log-normal for Softplus.
        max_alpha: cap of the noise of Information Dropout.
        p: drop probability of binary dropout.
        alphas: scales of "log_normal", one per block; by default max_alpha in each.
        noise: "paper" or "unit_mean", as in `InformationDropout`.
        keep_input: probability with which a value of the input is kept. Below 1 the first layer is binary noise on the input, which is
            switched on and off as all other noise and has a cost of zero. The authors' code keeps 0.8 on CIFAR-10, for every dropout.
        variant: "paper" is the table, with the usual batch norm. The authors' "code" has batch norm without a scale, and one
            linear layer from the averages to the classes, which gives the logits the scale back. Without a scale in either place
            a logit would be an average of standardised units, and the cross-entropy of ten classes could not fall below 0.28 nats.

    Raises:
        ValueError: an argument is out of its range.
    """
    if activation not in get_args(Activation):
        raise ValueError(f"activation is {activation!r}; it must be 'relu' or 'softplus'")
    if variant not in get_args(Variant):
        raise ValueError(f"variant is {variant!r}; it must be 'paper' (Table 2) or 'code' (the authors' release)")
    if min(len(filters), channels, n_classes) < 1:
        raise ValueError(
            f"filters is {tuple(filters)}, channels {channels} and n_classes {n_classes}; a network needs at least one of each"
        )
    if not 0 <= 1 - keep_input < 1:
        raise ValueError(f"keep_input is {keep_input}; it is a probability above 1e-16, and 1 keeps the whole input")
    widths = [round(width * n) for n in filters] if 0 < width < math.inf else [0]
    if min(widths) < 1:
        raise ValueError(
            f"width is {width}; it is the share of the filters {tuple(filters)}, and must keep at least one"
        )
    options: dict[str, Any] = dict(
        p=p,
        max_alpha=max_alpha,
        noise=noise,
        prior=prior or ("log_uniform" if activation == "relu" else "log_normal"),
    )
    blocks = []
    for n_in, n_out in zip([channels, *widths], widths):
        first, second = (convolution(n, n_out, 3, activation, variant=variant) for n in (n_in, n_out))
        blocks.append((first, second, convolution(n_out, n_out, 3, activation, stride=2, variant=variant)))
    head = classifier_head(widths[-1], widths[-1], n_classes, activation, variant)
    layers: list[nn.Module] = [] if keep_input == 1 else [BinaryDropout(nn.Identity(), 1 - keep_input)]
    for (*before, f), n, alpha in zip(blocks, widths, constant_scales(dropout, alphas, max_alpha, len(widths)), strict=True):
        layers += [*before, noise_layer(f, partial(alpha_network, n, n), dropout, alpha=alpha, **options)]
    return NoisyNetwork(*layers, *head)


def classifier_head(
    n_in: int, width: int, n_classes: int, activation: Activation = "relu", variant: Variant = "paper"
) -> list[nn.Module]:
    """Table 2's last three convolutions and the spatial average: from a feature map to logits."""
    if min(n_in, width, n_classes) < 1:
        raise ValueError(
            f"n_in is {n_in}, width {width} and n_classes {n_classes}; a convolution needs at least one filter"
        )
    return [
        convolution(n_in, width, 3, activation, variant=variant),
        convolution(width, width, 1, activation, variant=variant),
        convolution(width, n_classes, 1, activation, variant=variant),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        *([nn.Linear(n_classes, n_classes)] if variant == "code" else []),
    ]


def convolution(
    n_in: int, n_out: int, kernel: int, activation: Activation, stride: int = 1, variant: Variant = "paper"
) -> nn.Sequential:
    """Convolution, batch norm (eps 1e-3, as in the authors' code), activation."""
    norm = nn.BatchNorm2d(n_out, eps=1e-3)
    norm.weight.requires_grad_(variant == "paper")
    layers = plain_convolution(n_in, n_out, kernel, stride, bias=False)
    return nn.Sequential(*layers, norm, nn.ReLU() if activation == "relu" else nn.Softplus())


def alpha_network(n_in: int, n_out: int) -> nn.Sequential:
    """A 3x3 convolution of stride 2 with a bias, without batch norm; the layer's sigmoid follows it (authors' code)."""
    return nn.Sequential(*plain_convolution(n_in, n_out, 3, 2, bias=True))


def plain_convolution(n_in: int, n_out: int, kernel: int, stride: int, bias: bool) -> list[nn.Module]:
    """A convolution that keeps the size, or halves it: at stride 2 it reads pixels 1, 3, 5, ..., as TensorFlow's SAME."""
    if stride == 1:
        return [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=bias)]
    return [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(n_in, n_out, kernel, stride=stride, bias=bias)]
