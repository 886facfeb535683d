"""The layer of the deep variational information bottleneck (Alemi et al. 2017), and of variational autoencoders: noise that is added."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from ib_tutorial.information import kl_standard_normal
from ib_tutorial.nn._normal import Units, standard_normal
from ib_tutorial.nn.dropout import NoiseLayer
from ib_tutorial.nn.precision import MIN_ALPHA, precision_of

Scale = Literal["softplus", "exp"]
GaussianPrior = Literal["standard_normal", "learned"]

SHIFT = 5.0
"""Subtracted before the softplus, as in the authors' code: a new layer has s = softplus(-5) = 0.0067, so that it learns before noise matters."""


class VariationalBottleneck(NoiseLayer):
    r"""z = f(x) + s(x) n, n ~ N(0, 1): noise that is added, with a Gaussian prior on z (deep VIB, Alemi et al. 2017).

    The cost of a unit is KL( N(f(x), s(x)^2) || N(m, r^2) ) in nats: `kl_standard_normal` of ((f - m) / r, log(s^2 / r^2)). The prior is a
    probability distribution, so the mean cost of all units is at least I(x;z).

    Args:
        f: module from x to the mean of each unit. It ends without an activation, for the prior reaches over all real numbers.
        spread: module from x to a pre-activation in the shape of f(x).
        scale: "softplus" makes s = softplus(pre-activation - 5), as the deep VIB does; "exp" makes s = exp(pre-activation / 2), so that the
            pre-activation is log s^2, as in Kingma & Welling (2014).
        prior: "standard_normal", m = 0 and r = 1; or "learned", one m and one r for the whole layer.

    Raises:
        ValueError: a scale or a prior of another name; at a call, a pre-activation whose shape is not that of f(x).
    """

    def __init__(
        self, f: nn.Module, spread: nn.Module, scale: Scale = "softplus", prior: GaussianPrior = "standard_normal"
    ):
        super().__init__(f)
        for name, value, known in (("scale", scale, Scale), ("prior", prior, GaussianPrior)):
            if value not in get_args(known):
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, get_args(known)))}")
        self.spread = spread
        self.scale: str = scale
        self.prior: str = prior
        if prior == "learned":
            self.prior_mean = nn.Parameter(torch.zeros(()))
            self.prior_log_scale = nn.Parameter(torch.zeros(()))

    def log_variance(self, x: Float[Tensor, "batch *inputs"]) -> Units:
        """log s(x)^2: in float64 where `spread` returns that, else in float32. s is at least MIN_ALPHA with the scale "softplus"."""
        pre_activation = self.spread(x)
        pre_activation = pre_activation.to(precision_of(pre_activation))
        if self.scale == "exp":
            return pre_activation
        return 2 * softplus(pre_activation - SHIFT).clamp(min=MIN_ALPHA).log()

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        mean, log_var = self.f(x), self.log_variance(x)
        if log_var.shape != mean.shape:
            raise ValueError(f"spread(x) has shape {tuple(log_var.shape)}; it needs that of f(x), {tuple(mean.shape)}")
        noise = torch.exp(log_var / 2) * standard_normal(mean) if self.noisy else torch.zeros_like(log_var)
        return mean + noise.to(mean.dtype), self.cost(mean.to(precision_of(mean)), log_var)

    def cost(self, mean: Units, log_var: Units) -> Units:
        """Nats of each unit."""
        if self.prior == "standard_normal":
            return kl_standard_normal(mean, log_var)
        log_scale = self.prior_log_scale
        return kl_standard_normal((mean - self.prior_mean) * torch.exp(-log_scale), log_var - 2 * log_scale)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, prior={self.prior}"
