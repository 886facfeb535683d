r"""Information Dropout on an interval: a proper prior for units whose scale should not matter.

    log z ~ N(log f(x), alpha(x)^2), given that least <= z <= most                   the noisy unit
    log z uniform on [log least, log most]                                          its prior
    cost: `ib_tutorial.information.kl_truncated_log_uniform`                         a divergence of two probability distributions
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ib_tutorial.information import kl_truncated_log_uniform
from ib_tutorial.nn._normal import Units, standard_normal
from ib_tutorial.nn.dropout import InformationDropout
from ib_tutorial.nn.precision import MIN_ALPHA, precision_of


class TruncatedInformationDropout(InformationDropout):
    r"""z = eps f(x) with log-normal noise that keeps z in [least, most], and the log-uniform prior on that interval.

    Under `InformationDropout(prior="log_uniform")` the prior is no probability distribution, so the cost bounds no information. Here it is
    one, and the mean cost over the inputs is at least I(x;z), in nats. A clean unit outside of the interval is put on the nearer end: a
    ReLU unit that is off sits at `least` and has noise like every other unit.

    The truncated noise is that of Neklyudov et al. (2017), who have one scale for each unit, and pay for it once for the whole training set.
    Here each input has its own, and pays for it.

    Args:
        f: module from x to the clean units, activation included.
        alpha: module from x to a pre-activation in the shape of f(x); the scale is max_alpha * sigmoid(pre-activation).
        least: the least value of a unit, above 0.
        most: its largest value, above `least`.
        max_alpha: the cap. By default log(most / least), the length of the interval: at this cap a unit is nearly uniform on it, tells
            almost nothing and costs 0.02 nats at most.

    Raises:
        ValueError: least and most are no interval of positive numbers, or `InformationDropout` refuses the cap.
    """

    def __init__(
        self,
        f: nn.Module,
        alpha: nn.Module,
        least: float = 0.1,
        most: float = 10.0,
        max_alpha: float | None = None,
    ):
        if not 0 < least < most < math.inf:
            raise ValueError(f"least is {least} and most is {most}; they need 0 < least < most, and most finite")
        length = math.log(most) - math.log(least)  # most / least may overflow
        if max_alpha is None and not length > MIN_ALPHA:
            raise ValueError(f"least is {least} and most is {most}; their logarithms must be more than {MIN_ALPHA} apart")
        super().__init__(f, alpha, max_alpha=length if max_alpha is None else max_alpha)
        self.prior = "truncated_log_uniform"
        self.least, self.most = least, most

    def clean(self, x: Float[Tensor, "batch *inputs"]) -> Units:
        """f(x), put into the interval: the units before the noise."""
        return self.f(x).clamp(self.least, self.most)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Units, Units]:
        f, alpha = self.clean(x), self.noise_scale(x)
        if alpha.shape != f.shape:
            raise ValueError(f"alpha(x) has shape {tuple(alpha.shape)}; it needs that of f(x), {tuple(f.shape)}")
        log_f, low, high = f.to(precision_of(f)).log(), math.log(self.least), math.log(self.most)
        kl = kl_truncated_log_uniform(log_f, alpha, low, high)
        if not self.noisy:
            return f, kl
        n = truncated(standard_normal(f), (low - log_f) / alpha, (high - log_f) / alpha)
        return torch.exp((log_f + alpha * n).clamp(low, high)).to(f.dtype), kl


def truncated(n: Units, a: Units, b: Units) -> Units:
    """Standard normal numbers n mapped into [a, b], a <= 0 <= b, so that they follow the truncated normal distribution there.

    The map goes through the distribution function and its inverse.
    """
    below, above = torch.special.ndtr(a), torch.special.ndtr(b)
    p = below + (above - below) * torch.special.ndtr(n)
    least = torch.finfo(p.dtype).eps  # at p = 0 or 1 the derivative would be infinity times 0
    return torch.special.ndtri(p.clamp(least, 1 - least))
