r"""Information between jointly Gaussian variables, from their covariance, in nats; and the optimal bottleneck between two.

    I(x;y) = 1/2 [ log det Sigma_x + log det Sigma_y - log det Sigma ]
    TC(z)  = 1/2 [ sum_j log Sigma_jj - log det Sigma ] = -1/2 log det(Sigma_0^-1 Sigma),  Sigma_0 = diag(Sigma)

The paper's section 8 drops the 1/2. Neither quantity changes when a coordinate is rescaled, so both are computed from the correlations.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like, to_tensor

Covariance = Float[Tensor, "d d"] | Float[np.ndarray, "d d"]
Nats = float | Float[Tensor, ""]


@dataclass(frozen=True)
class GaussianBottleneck:
    r"""The optimal z = projection x + N(0, identity) of a Gaussian bottleneck, and what it achieves, in nats."""

    projection: Float[Tensor, "d_x d_x"] | Float[np.ndarray, "d_x d_x"]  #: rows in falling order of correlation; unused ones are zero
    i_xz: Nats  #: I(x;z)
    i_zy: Nats  #: I(z;y)
    lagrangian: Nats  #: h(y|z) + beta I(x;z); h is differential, may be negative and depends on the unit of y


def gaussian_mutual_information(cov: Covariance, n_x: int) -> Nats:
    r"""I(x;y) of a joint Gaussian, x its first n_x coordinates and y the rest, in nats.

    It is computed in float64, and is differentiable for torch input.

    Args:
        cov: [d, d], the joint covariance.
        n_x: how many coordinates belong to x, from 1 to d - 1.

    Raises:
        ValueError: n_x is out of its range, or cov is not finite, symmetric and positive definite. If x determines a combination of the
            coordinates of y, the information is infinite.
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

    It is computed in float64, and is differentiable for torch input.

    A covariance that was estimated from n samples gives a value that is too large on average, by
    `-1/2 [ sum_{i<d} psi((n-1-i)/2) - d psi((n-1)/2) ]`. That bias is the same for every Gaussian (Wishart distribution): 265 nats for
    n = 10,000 and d = 3,072. With `n_samples` it is subtracted. The result is then unbiased and may be negative; for other distributions
    the correction is approximate.

    Args:
        cov: [d, d], the covariance of z.
        n_samples: how many independent samples cov was estimated from; None where it is known exactly.

    Raises:
        ValueError: cov is not finite, symmetric and positive definite, or n_samples is not above d.
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


def gaussian_bottleneck(
    cov_x: Float[Tensor, "d_x d_x"] | Float[np.ndarray, "d_x d_x"],
    cov_y: Float[Tensor, "d_y d_y"] | Float[np.ndarray, "d_y d_y"],
    cov_xy: Float[Tensor, "d_x d_y"] | Float[np.ndarray, "d_x d_y"],
    beta: float,
) -> GaussianBottleneck:
    r"""The optimum of h(y|z) + beta I(x;z) for jointly Gaussian x, y, in closed form (Chechik, Globerson, Tishby & Weiss 2005).

    Let cov_x = L_x L_x^T, and let rho_i and u_i be the canonical correlations and left directions of L_x^-1 cov_xy L_y^-T. The encoder is
    z_i = a_i u_i^T L_x^-1 x + N(0, 1), with a_i^2 = max(0, (rho_i^2 / beta - 1) / (1 - rho_i^2)). So component i opens at
    beta = rho_i^2. (Their lambda_i is 1 - rho_i^2, and their beta is 1/beta.) Summed over the open components::

        I(x;z) = 1/2 sum log( (1 - beta) rho_i^2 / (beta (1 - rho_i^2)) )
        I(z;y) = 1/2 sum log( (1 - beta) / (1 - rho_i^2) )

    It is computed in float64 and returned in the type of cov_x, without a gradient.

    Args:
        cov_x: the covariance of x.
        cov_y: the covariance of y.
        cov_xy: the covariances of the coordinates of x with those of y.
        beta: the price of a nat of I(x;z), positive.

    Raises:
        ValueError: the shapes disagree, beta is not positive, or the joint covariance is not finite, symmetric and positive definite.
    """
    beta = _checks.weight(beta)
    x, y, xy = (to_tensor(cov).detach() for cov in (cov_x, cov_y, cov_xy))
    if xy.ndim != 2 or x.shape != (len(xy), len(xy)) or y.shape != (xy.shape[1], xy.shape[1]):
        raise ValueError(
            "cov_x [d_x, d_x], cov_y [d_y, d_y] and cov_xy [d_x, d_y] must agree, but have shapes "
            f"{tuple(x.shape)}, {tuple(y.shape)} and {tuple(xy.shape)}"
        )
    joint = _checks.square(
        torch.cat([torch.cat([x, xy], 1), torch.cat([xy.T, y], 1)]), "the joint covariance of x and y"
    )
    check_covariance(joint, "the joint covariance of x and y", max(map(_checks.rounding, (cov_x, cov_y, cov_xy))))
    factor_x, factor_y = torch.linalg.cholesky(x.double()), torch.linalg.cholesky(y.double())
    half = torch.linalg.solve_triangular(factor_x, xy.double(), upper=False)
    directions, rho, _ = torch.linalg.svd(torch.linalg.solve_triangular(factor_y, half.T, upper=False).T)
    rho2 = torch.cat([rho.square(), rho.new_zeros(len(x) - len(rho))])
    is_open = rho2 > beta
    gain2 = torch.where(is_open, (rho2 / beta - 1) / (1 - rho2), 0)
    projection = gain2.sqrt()[:, None] * torch.linalg.solve_triangular(factor_x.T, directions, upper=True).T
    i_xz = torch.log1p(gain2).sum() / 2
    i_zy = torch.where(is_open, torch.log((1 - beta) / (1 - rho2)), 0).sum() / 2
    h_y = len(y) / 2 * math.log(2 * math.pi * math.e) + torch.log(factor_y.diagonal()).sum()
    return GaussianBottleneck(*(like(value, cov_x) for value in (projection, i_xz, i_zy, h_y - i_zy + beta * i_xz)))


def check_covariance(cov: Float[Tensor, "d d"], name: str, eps: float) -> Float[Tensor, "d d"]:
    """The correlation matrix of a covariance, in float64.

    Args:
        cov: finite and square.
        name: what the caller knows it as.
        eps: of the precision in which `cov` was estimated.

    Raises:
        ValueError: cov is not symmetric, or not positive definite to that precision.
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
    residual = factor.diagonal().square().min().item()  # the share of a coordinate's variance that those before it do not explain
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
