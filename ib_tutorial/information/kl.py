r"""What a noisy unit costs: closed-form Kullback-Leibler divergences between its posterior and its prior.

    log-uniform prior (ReLU)        log(max_alpha / alpha)                                                   Prop. 2
    log-normal prior (Softplus)     [alpha^2 + (log f - mu)^2] / (2 sigma^2) - log(alpha / sigma) - 1/2      Prop. 3, corrected
    truncated log-uniform prior     log((high - low) / alpha) - log(2 pi e) / 2 - log Z + (a phi(a) + b phi(b)) / (2 Z)
                                    a = (log f - low) / alpha, b = (high - log f) / alpha, Z = Phi(a) + Phi(b) - 1    Neklyudov et al. 2017
    standard normal prior (VAE)     [mean^2 + var - log var - 1] / 2                                         Kingma & Welling 2014
    log-uniform prior (Gaussian)    -[log alpha / 2 + c1 alpha + c2 alpha^2 + c3 alpha^3] + c1 + c2 + c3     Kingma et al. 2015

Every function is element-wise, differentiable in all its tensors, broadcasts, keeps the dtype and device it is given, and returns
nats per unit: the layer decides how to sum. They run at each step of training, so they check shapes (in the signature) and no values.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def kl_log_uniform(
    alpha: Float[Tensor, "*#units"], max_alpha: float | Float[Tensor, "*#units"]
) -> Float[Tensor, "*units"]:
    r"""KL( log N(log f, alpha^2) || log-uniform ) up to its constant, chosen so that the cost is 0 at the cap; in nats, element-wise.

    It is log(max_alpha) - log(alpha): the cost of a noisy ReLU unit z = eps f(x), log eps ~ N(0, alpha^2), for any f(x) > 0 (Prop. 2,
    eq. (4); the paper prints "+ log c" for the constant, and its proof has -log c). The log-uniform prior is improper, so only
    differences of this cost mean anything. For 0 < alpha <= max_alpha the cost is at least 0.

    Shapes broadcast. Gradients flow. No value is refused.

    Args:
        alpha: the scale of the noise, positive; alpha = 0 costs +inf.
        max_alpha: the cap, positive.
    """
    # the quotient first: exactly 0 at the cap, and the gradient stays -1/alpha down to tiny alpha
    return 0.0 - torch.log(alpha / max_alpha)  # -log(1) would be -0.0


def kl_log_normal(
    log_f: Float[Tensor, "*#units"],
    alpha: Float[Tensor, "*#units"],
    mu: Float[Tensor, "*#units"],
    sigma: Float[Tensor, "*#units"],
) -> Float[Tensor, "*units"]:
    r"""KL( log N(log f, alpha^2) || log N(mu, sigma^2) ), in nats, element-wise.

    The cost of a noisy Softplus unit z = eps f(x), log eps ~ N(0, alpha^2) (Prop. 3, eq. (5); the paper's statement omits log f).
    For noise of unit mean, log eps ~ N(-alpha^2/2, alpha^2), pass log_f - alpha**2 / 2 as log_f.

    Shapes broadcast. Gradients flow to all four arguments. No value is refused.

    Args:
        log_f: the logarithm of the clean unit f(x).
        alpha: the standard deviation of log eps, positive.
        mu: the prior's mean of log z.
        sigma: the prior's standard deviation of log z, positive.
    """
    # one division and two logarithms of sigma, which is often one number for many units
    return (alpha**2 + (log_f - mu) ** 2) * (0.5 / sigma**2) - torch.log(alpha) + (torch.log(sigma) - 0.5)


def kl_truncated_log_uniform(
    log_f: Float[Tensor, "*#units"], alpha: Float[Tensor, "*#units"], low: float, high: float
) -> Float[Tensor, "*units"]:
    r"""KL of a truncated log-normal from the log-uniform distribution on [e^low, e^high], in nats, element-wise.

    log z is N(log f, alpha^2) given that it lies in [low, high]; under the prior it is uniform there. Both are probability distributions,
    so the mean of this cost over the inputs is at least I(x;z). The formula is that of Neklyudov et al. (2017, "Structured Bayesian Pruning
    via Log-Normal Multiplicative Noise"). Their two distributions are those of a unit's noise; ours are those of the unit itself.

    Args:
        log_f: where the normal distribution is centred, in nats. A centre outside of [low, high], such as the log f = -inf of a unit at
            zero, counts as the nearer end. Both terms of Z are then positive, and no digits cancel.
        alpha: its standard deviation before the truncation, in nats; positive.
        low: log of the least z.
        high: log of the largest z; above low.

    Returns:
        nats, in the broadcast shape of log_f and alpha: 0 for alpha -> infinity, and about log((high - low) / alpha) - 1.42 for a small
        alpha. Gradients flow to log_f, where it lies inside, and to alpha. No value is refused.
    """
    centre = log_f.clamp(low, high)
    divisor = alpha.clamp(min=1e-12)  # so that its square, in the gradient, is not 0 in float32
    a, b = (centre - low) / divisor, (high - centre) / divisor
    mass = (torch.erf(a / math.sqrt(2)) + torch.erf(b / math.sqrt(2))) / 2
    at_the_ends = (a * torch.exp(-(a**2) / 2) + b * torch.exp(-(b**2) / 2)) / math.sqrt(2 * math.pi)
    entropy = torch.log(alpha * mass) + (math.log(2 * math.pi * math.e) - at_the_ends / mass) / 2
    return math.log(high - low) - entropy


def kl_standard_normal(mean: Float[Tensor, "*#units"], log_var: Float[Tensor, "*#units"]) -> Float[Tensor, "*units"]:
    r"""KL( N(mean, exp(log_var)) || N(0, 1) ), in nats, element-wise: the Gaussian VAE's cost per latent (Kingma & Welling 2014, app. B).

    Summed over the latents it is the second term of eq. (7). Shapes broadcast. Gradients flow to both arguments. No value is refused.
    """
    return (mean**2 + torch.expm1(log_var) - log_var) / 2  # expm1: no cancellation where the posterior nears the prior


VARIATIONAL_C1, VARIATIONAL_C2, VARIATIONAL_C3 = 1.16145124, -1.50204118, 0.58629921
"""The cubic of Kingma, Salimans & Welling (2015, eq. 14), fitted for 0 < alpha <= 1."""


def kl_variational_dropout(alpha: Float[Tensor, "*units"]) -> Float[Tensor, "*units"]:
    r"""KL( N(1, alpha) || log-uniform ) up to its constant, chosen so that it is 0 at alpha = 1; in nats, element-wise.

    It is the cost of Gaussian multiplicative noise in variational dropout. The exact value has no closed form. This is the cubic
    approximation of Kingma, Salimans & Welling (2015), within 0.04 nats of it. Gradients flow. No value is refused.

    Args:
        alpha: the *variance* of the noise, in (0, 1].
    """
    c1, c2, c3 = VARIATIONAL_C1, VARIATIONAL_C2, VARIATIONAL_C3
    return -(torch.log(alpha) / 2 + c1 * alpha + c2 * alpha**2 + c3 * alpha**3) + (c1 + c2 + c3)
