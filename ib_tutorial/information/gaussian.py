r"""Information between jointly Gaussian variables, from their covariance, in nats.

    I(x;y) = 1/2 [ log det Sigma_x + log det Sigma_y - log det Sigma ]
    TC(z)  = 1/2 [ sum_j log Sigma_jj - log det Sigma ] = -1/2 log det(Sigma_0^-1 Sigma),  Sigma_0 = diag(Sigma)

(the paper's section 8 drops the 1/2). Neither changes when a coordinate is rescaled, so both are computed from the correlations.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like

Covariance = Float[Tensor, "d d"] | Float[np.ndarray, "d d"]
Nats = float | Float[Tensor, ""]


def gaussian_mutual_information(cov: Covariance, n_x: int) -> Nats:
    r"""I(x;y) of a joint Gaussian, x its first n_x coordinates and y the rest, in nats.

    cov: [d, d], the joint covariance; computed in float64, differentiable for torch input. Raises ValueError unless 0 < n_x < d and cov
    is finite, symmetric and positive definite (where x determines a combination of y the information is infinite).
    """
    correlations = check_covariance(_checks.square(cov, "cov"), "cov", _checks.rounding(cov))
    if not 0 < n_x < len(correlations):
        raise ValueError(
            f"n_x must leave coordinates for both x and y: between 1 and {len(correlations) - 1} here, but is {n_x}"
        )
    log_dets = [_log_det(block) for block in (correlations[:n_x, :n_x], correlations[n_x:, n_x:], correlations)]
    return like(((log_dets[0] + log_dets[1] - log_dets[2]) / 2).clamp(min=0), cov)


def gaussian_total_correlation(cov: Covariance, n_samples: int | None = None) -> Nats:
    r"""TC(z) = -1/2 log det of the correlation matrix, in nats (section 8, with its missing 1/2).

    cov: [d, d]; computed in float64, differentiable for torch input.
    n_samples: give it when cov was estimated from that many independent samples. The plug-in value is then too large on average by
    `-1/2 [ sum_{i<d} psi((n-1-i)/2) - d psi((n-1)/2) ]` (265 nats for n = 10,000 and d = 3,072), the same for every Gaussian
    (Wishart distribution), and this is subtracted: the result is unbiased, and may be negative. Approximate where z is not Gaussian.
    Raises ValueError unless cov is finite, symmetric and positive definite, and n_samples > d.
    """
    covariance = _checks.square(cov, "cov")
    d = len(covariance)
    if n_samples is not None and n_samples <= d:
        raise ValueError(
            f"n_samples must exceed the {d} dimensions of cov, but is {n_samples}: the covariance of n samples has rank n - 1 at most, so "
            f"this one is singular and its total correlation infinite; use at least {d + 1} samples, or fewer units"
        )
    plug_in = -_log_det(check_covariance(covariance, "cov", _checks.rounding(cov))) / 2
    return like(plug_in.clamp(min=0) if n_samples is None else plug_in - _plug_in_bias(d, n_samples), cov)


def check_covariance(cov: Float[Tensor, "d d"], name: str, eps: float) -> Float[Tensor, "d d"]:
    """The correlation matrix of `cov`, a finite square one, in float64, or a ValueError that says why it is no positive definite covariance.

    eps: of the precision in which `cov` was estimated.
    """
    cov = cov.double()
    variances = cov.diagonal()
    if (variances <= 0).any():
        dead = (variances <= 0).nonzero().flatten().tolist()
        raise ValueError(
            f"{name} is singular: {len(dead)} of {len(cov)} coordinates have no variance (the first is number {dead[0]}, with "
            f"{variances[dead[0]].item():g}); drop constant coordinates (dead units) first"
        )
    scale = torch.rsqrt(variances)
    correlations = cov * scale[:, None] * scale
    if (asymmetry := (correlations - correlations.T).abs().max().item()) > eps**0.5:
        raise ValueError(
            f"{name} must be symmetric, but its correlations differ from their mirror by up to {asymmetry:g}"
        )
    factor, failed = torch.linalg.cholesky_ex(correlations.detach())
    residual = (
        factor.diagonal().square().min().item()
    )  # the share of a coordinate's variance that those before it do not explain
    if failed or residual < len(cov) * eps:
        raise ValueError(
            f"{name} is singular or not positive definite: some coordinates are linear functions of others, to the precision of "
            f"{eps:.0e}, so their information is infinite; drop such coordinates, or, if {name} was estimated, use more samples than its {len(cov)} dimensions and float64"
        )
    return correlations


def _log_det(matrix: Float[Tensor, "d d"]) -> Float[Tensor, ""]:
    return 2 * torch.log(torch.linalg.cholesky(matrix).diagonal()).sum()


def _plug_in_bias(d: int, n_samples: int) -> float:
    """E[plug-in TC] - TC: by Bartlett, log det S - log det Sigma is a sum of log chi^2 with n-1, ..., n-d degrees of freedom."""
    degrees = n_samples - 1 - torch.arange(d, dtype=torch.float64, device="cpu")
    return -0.5 * (torch.digamma(degrees / 2) - torch.digamma(degrees[0] / 2)).sum().item()
