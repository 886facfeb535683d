r"""Layers that multiply their units by noise, z = eps * f(x), and say what the noisy units cost.

Every layer wraps the sub-network `f` (activation included) that computes its clean units. `forward(x)` returns
`(z, kl)`: the noisy units, and for each unit the divergence KL( p(z|x) || q(z) ) in nats, in the shape of z. The sum over
units bounds the information that the layer passes on about x. A layer whose divergence is infinite or undefined
(binary noise against a density, no noise at all) returns zeros.

Noise is on after `module.train()` and off after `module.eval()`. `noise(module, on=...)` forces it for a whole network, and
`collect_kl(network)` gathers the costs of a network whose `forward` does not return them.
"""

import math
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ib_tutorial.information import kl_log_normal, kl_log_uniform, kl_variational_dropout
from ib_tutorial.nn import _fused
from ib_tutorial.nn._normal import Units, standard_normal
from ib_tutorial.nn.precision import MIN_ALPHA, MIN_F, precision_of

Prior = Literal["log_uniform", "log_normal"]
"""The priors of `InformationDropout`. Every prior except "log_uniform" is normal in log z, with the layer's `mu` and `sigma`."""
Noise = Literal["paper", "unit_mean"]

SOFTPLUS_LOG_MEAN, SOFTPLUS_LOG_STD = -0.441, 0.716
"""Mean and standard deviation of log softplus(n), n ~ N(0, 1): where the log-normal prior starts."""


MAX_LOG_SIGMA = 20.0
"""The largest size of the log-normal prior's log sigma."""


class Costly(nn.Module):
    """A module whose forward returns a pair: its output, and the cost of the noise in it in nats per unit (one tensor, or a list of them)."""

    collected = False
    """Whether a `Collected` or a `collect_kl` takes the cost, so that the output is returned alone."""


class NoiseLayer(Costly):
    """A layer z = eps * f(x). Subclasses say how eps is drawn and what it costs."""

    def __init__(self, f: nn.Module):
        super().__init__()
        if any(isinstance(part, Costly) for part in f.modules()):
            raise ValueError("f holds a noise layer, whose cost would be lost; put noise layers one after another")
        self.f = f
        self.forced: bool | None = None

    def clean(self, x: Float[Tensor, "batch *inputs"]) -> Units:
        """f(x): the units before the noise."""
        return self.f(x)

    @property
    def noisy(self) -> bool:
        """Whether the next forward pass draws noise. `noise(...)` decides; outside of it, training mode draws noise and eval mode does not."""
        return self.training if self.forced is None else self.forced

    def __getstate__(self) -> dict[str, Any]:
        """The state of a copy. What `noise(...)` forces for a while is left out."""
        return self.__dict__ | {"forced": None}


class InformationDropout(NoiseLayer):
    r"""z = exp(alpha(x) n) f(x), n ~ N(0, 1): noise whose scale each unit chooses, for each input (paper, section 6).

    Args:
        f: module from x to the clean units, activation included.
        alpha: module from x to a pre-activation in the shape of f(x). The scale is max_alpha * sigmoid(pre-activation).
        prior: "log_uniform", for ReLU units (Prop. 2, eq. (4)), costs log(max_alpha / alpha), which is 0 at the cap. A unit with
            f(x) = 0 pays the same, as in the authors' code, although its noise changes nothing. "log_normal", for positive units
            such as Softplus (Prop. 3, eq. (5), with the missing f(x) restored), learns one mu and one sigma for the whole layer.
        max_alpha: the cap; 0.7 in the paper.
        noise: "paper" has E[log eps] = 0, so that E[eps] = exp(alpha^2 / 2) > 1. "unit_mean" shifts log eps, so that E[eps] = 1.
        fused: whether noise and cost are computed in one fused operation with a derivative written by hand. By default it is used where
            there are so many units that it is faster. It changes the last digits too. torch.compile and forward-mode derivatives always
            see the formulas.

    Raises:
        ValueError: prior or noise is none of these words, or max_alpha is not above 1e-6 and finite.
    """

    def __init__(
        self,
        f: nn.Module,
        alpha: nn.Module,
        prior: Prior = "log_uniform",
        max_alpha: float = 0.7,
        noise: Noise = "paper",
        fused: bool | None = None,
    ):
        super().__init__(f)
        if prior not in get_args(Prior):
            raise ValueError(
                f"prior is {prior!r}; it must be 'log_uniform' (ReLU units) or 'log_normal' (Softplus units)"
            )
        if noise not in get_args(Noise):
            raise ValueError(f"noise is {noise!r}; it must be 'paper' (median 1) or 'unit_mean' (mean 1)")
        if not MIN_ALPHA < max_alpha < math.inf:
            raise ValueError(
                f"max_alpha is {max_alpha}; it must be finite and above {MIN_ALPHA}: it caps the noise scale"
            )
        self.alpha = alpha
        self.prior: str = prior
        self.max_alpha = max_alpha
        self.unit_mean = noise == "unit_mean"
        self.fused = fused
        if prior == "log_normal":
            self.mu = nn.Parameter(torch.tensor(SOFTPLUS_LOG_MEAN))
            self.log_sigma = nn.Parameter(torch.tensor(math.log(SOFTPLUS_LOG_STD)))

    @property
    def sigma(self) -> Float[Tensor, ""]:
        """Standard deviation of the log-normal prior. Its logarithm is clamped where sigma^2 would leave float32, so the cost stays finite."""
        return self.log_sigma.clamp(-MAX_LOG_SIGMA, MAX_LOG_SIGMA).exp()

    def noise_scale(self, x: Float[Tensor, "batch *inputs"]) -> Units:
        """alpha(x), in [MIN_ALPHA, max_alpha]: in float64 where alpha returns that, else in float32."""
        return self.scale(self.alpha(x))

    def scale(self, pre_activation: Units) -> Units:
        """max_alpha sigmoid(pre_activation), at least MIN_ALPHA, in float32 or float64."""
        return (self.max_alpha * torch.sigmoid(pre_activation.to(precision_of(pre_activation)))).clamp(min=MIN_ALPHA)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f, pre_activation = self.f(x), self.alpha(x)
        if pre_activation.shape != f.shape:
            raise ValueError(
                f"alpha(x) has shape {tuple(pre_activation.shape)}; it needs that of f(x), {tuple(f.shape)}"
            )
        if self.noisy and self.is_fused(f):
            return self.by_fused_operation(f, pre_activation)
        alpha = self.scale(pre_activation)
        shift = -(alpha**2) / 2 if self.unit_mean else 0.0
        if self.prior == "log_uniform":
            kl = kl_log_uniform(alpha, self.max_alpha)
        else:
            log_f = f.to(precision_of(f)).clamp(min=MIN_F).log()
            kl = kl_log_normal(log_f + shift, alpha, self.mu, self.sigma)
        return (multiply(f, alpha, shift) if self.noisy else f), kl

    def is_fused(self, f: Units) -> bool:
        """Whether the next noisy pass over these units takes the fused operation."""
        return (_fused.pays(f) if self.fused is None else self.fused) and _fused.applies()

    def by_fused_operation(self, f: Units, pre_activation: Units) -> tuple[Units, Units]:
        """The noisy units and their cost, as the formulas of `forward` give them."""
        mu, sigma = (None, None) if self.prior == "log_uniform" else (self.mu, self.sigma)
        return _fused.NoisyUnits.apply(
            f, pre_activation, standard_normal(f), mu, sigma, self.max_alpha, self.unit_mean
        )

    def extra_repr(self) -> str:
        return f"prior={self.prior}, max_alpha={self.max_alpha}, noise={'unit_mean' if self.unit_mean else 'paper'}"


def multiply(f: Units, alpha: Tensor, shift: Tensor | float) -> Units:
    """f * exp(shift + alpha n) with fresh n ~ N(0, 1) per unit, in the precision of f."""
    return f * torch.exp(shift + alpha * standard_normal(f)).to(f.dtype)


class LogNormalDropout(NoiseLayer):
    """z = eps * f(x), log eps ~ N(0, alpha^2) with one constant alpha: Information Dropout whose noise does not adapt."""

    alpha: Tensor

    def __init__(self, f: nn.Module, alpha: float = 0.7):
        super().__init__(f)
        if not 0 <= alpha < math.inf:
            raise ValueError(f"alpha is {alpha}; a noise scale is at least 0, and finite")
        self.register_buffer("alpha", torch.tensor(float(alpha)))

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f = self.f(x)
        return (multiply(f, self.alpha, 0.0) if self.noisy else f), torch.zeros_like(f, dtype=precision_of(f))

    def extra_repr(self) -> str:
        return f"alpha={self.alpha.item():.3g}"


class BinaryDropout(NoiseLayer):
    """z = eps * f(x), eps = 0 with probability `p`, else 1 / (1 - p): dropout (Srivastava et al. 2014).

    Args:
        f: module from x to the clean units, activation included.
        p: the drop probability, in [0, 1).
        gate: where given, the clean units are 2 sigmoid(gate(x)) f(x). A gate that is built like an alpha network makes a control: as many
            parameters in the same place, and noise that does not adapt.

    Raises:
        ValueError: p is out of its range.
    """

    def __init__(self, f: nn.Module, p: float = 0.5, gate: nn.Module | None = None):
        super().__init__(f)
        if not 0 <= p < 1:
            raise ValueError(f"p is {p}; a drop probability is in [0, 1)")
        self.p = p
        self.gate = gate

    def clean(self, x: Float[Tensor, "batch *inputs"]) -> Units:
        f = self.f(x)
        return f if self.gate is None else f * (2 * torch.sigmoid(self.gate(x).to(precision_of(f)))).to(f.dtype)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f = self.clean(x)
        return nn.functional.dropout(f, self.p, training=self.noisy), torch.zeros_like(f, dtype=precision_of(f))

    def extra_repr(self) -> str:
        return f"p={self.p}"


class GaussianDropout(NoiseLayer):
    """z = eps * f(x), eps ~ N(1, alpha) with a constant variance alpha (Srivastava et al. 2014, section 10).

    alpha = p / (1 - p) has the mean and the variance of binary dropout with drop probability p.
    """

    def __init__(self, f: nn.Module, alpha: float = 1.0):
        super().__init__(f)
        if not 0 <= alpha < math.inf:
            raise ValueError(f"alpha is {alpha}; here it is the variance of the noise, at least 0, and finite")
        self.alpha = alpha

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f = self.f(x)
        z = add_noise(f, math.sqrt(self.alpha)) if self.noisy else f
        return z, torch.zeros_like(f, dtype=precision_of(f))

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:.3g}"


class VariationalDropout(NoiseLayer):
    """z = eps * f(x), eps ~ N(1, alpha) with one *learned* variance alpha in (0, 1) for the layer (Kingma et al. 2015, type A).

    The KL is `kl_variational_dropout(alpha)` for every unit, the same for all images: it is the divergence of a posterior
    over weights, which counts once for the whole data set. At beta = 1 the paper's weight beta / n_train of a KL per image
    is just that.
    """

    def __init__(self, f: nn.Module, alpha: float = 0.5):
        super().__init__(f)
        if not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha}; the variance starts between 0 and 1, where its cost is known")
        self.pre_activation = nn.Parameter(torch.tensor(math.log(alpha / (1 - alpha))))

    def variance(self) -> Float[Tensor, ""]:
        return torch.sigmoid(self.pre_activation.to(precision_of(self.pre_activation))).clamp(min=MIN_ALPHA)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f = self.f(x)
        alpha = self.variance()
        z = add_noise(f, alpha.sqrt()) if self.noisy else f
        return z, kl_variational_dropout(alpha).expand(f.shape)


def add_noise(f: Units, scale: Float[Tensor, ""] | float) -> Units:
    """f * (1 + scale * n) with fresh n ~ N(0, 1) per unit, in the precision of f."""
    return f * (1 + scale * standard_normal(f)).to(f.dtype)


class Deterministic(NoiseLayer):
    """z = f(x): a layer without noise that returns `(z, kl)` too, so that a network can be built with no noise."""

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f = self.f(x)
        return f, torch.zeros_like(f, dtype=precision_of(f))
