r"""What independent log-normal units say about a finite x, exactly: a mixture density, and Bayes, in log space.

    log z_j | x ~ N( log f_j(x), alpha_j(x)^2 )        p(z) = sum_x p(x) p(z|x)        p(x|z) = p(x) p(z|x) / p(z)

I(x;z) is the mean over z of KL( p(x|z) || p(x) ), and H(y|z) is the mean of the entropy of p(y|z). `divergences` returns both for each
draw of z, so that only the means need Monte Carlo. Everything is in nats, and computed for u = log z. That map is one-to-one, so it changes
no divergence.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class LogNormalEncoder:
    """p(z|x) of a layer on a finite x: log z_j ~ N(log_f[x, j], alpha[x, j]^2), independent given x."""

    log_f: Float[Tensor, "x units"]
    alpha: Float[Tensor, "x units"]

    def sample(self, standard_normal: Float[Tensor, "*draws x units"]) -> Float[Tensor, "*draws x units"]:
        """log z for each x, from standard normal draws."""
        return self.log_f + self.alpha * standard_normal

    def log_densities(self, u: Float[Tensor, "*draws units"]) -> Float[Tensor, "*draws x units"]:
        """log p(u_j | x) for every x and unit j."""
        standardised = (u[..., None, :] - self.log_f) / self.alpha
        return -(standardised**2) / 2 - torch.log(self.alpha) - math.log(2 * math.pi) / 2


class Divergences(NamedTuple):
    """What one draw of z says. Over draws from p(z) the first three have the means H(y|z), I(x;z) and TC(z)."""

    h_y_given_z: Float[Tensor, "*draws"]
    i_xz: Float[Tensor, "*draws"]
    total_correlation: Float[Tensor, "*draws"]
    p_y_given_z: Float[Tensor, "*draws y"]
    log_marginals: Float[Tensor, "*draws units"]  # log p_j(u_j)


def divergences(encoder: LogNormalEncoder, p_xy: Float[Tensor, "x y"], u: Float[Tensor, "*draws units"]) -> Divergences:
    """What each draw says, by Bayes' rule from the mixture p(z) = sum_x p(x) p(z|x). It is computed in log space and is differentiable."""
    p_x = p_xy.sum(1)
    log_p_x, p_y_given_x = torch.log(p_x), p_xy / p_x[:, None]
    log_densities = encoder.log_densities(u)
    log_joint = log_p_x + log_densities.sum(-1)
    log_p_u = torch.logsumexp(log_joint, -1)
    log_posterior = log_joint - log_p_u[..., None]
    posterior = torch.exp(log_posterior)
    p_y = posterior @ p_y_given_x
    log_marginals = torch.logsumexp(log_p_x[:, None] + log_densities, -2)
    return Divergences(
        h_y_given_z=-(p_y * torch.log(p_y.clamp(min=1e-30))).sum(-1),
        i_xz=(posterior * (log_posterior.clamp(min=-80) - log_p_x)).sum(-1),  # 0 log 0 = 0, in float32 too
        total_correlation=log_p_u - log_marginals.sum(-1),
        p_y_given_z=p_y,
        log_marginals=log_marginals,
    )


def told_apart(log_f: Float[Tensor, "x units"], alpha: Float[Tensor, "x units"]) -> Float[Tensor, ""]:
    r"""A lower bound on I(x;z), in nats, for x equally likely among the rows: log N - log( 1/N sum_{x,x'} prod_j B_j(x,x') ).

    The units are z_j = eps_j f_j(x) with independent log eps_j ~ N(0, alpha_j(x)^2). B_j is the overlap
    int sqrt( p(z_j|x) p(z_j|x') ) dz_j of two inputs in unit j (Bhattacharyya's coefficient). The bound is that of Kolchinsky & Tracey
    (2017). It takes N^2 x units operations and memory for N x units numbers.

    Args:
        log_f: the logarithms of the clean units, -inf for a unit at zero. If a unit is at zero for either input, its overlap counts as 1.
            The bound then shows what the noise leaves of the positive units, and nothing of which units are zero.
        alpha: the scales of the noise.
    """
    log_overlaps = []
    for one, scale in zip(log_f, alpha, strict=True):
        variances = scale**2 + alpha**2
        overlap = torch.log(2 * scale * alpha / variances) / 2 - (one - log_f) ** 2 / (4 * variances)
        both_positive = torch.isfinite(one) & torch.isfinite(log_f)
        log_overlaps.append(torch.where(both_positive, overlap, 0).sum(-1))
    return 2 * math.log(len(log_f)) - torch.logsumexp(torch.cat(log_overlaps), 0)
