r"""Entropies of tables: every function takes one probability distribution as an array and returns nats.

    H(p)       = -sum p log p                                          entropy
    H(y|x)     = -sum p(x,y) log p(y|x)                                conditional_entropy
    KL(p || q) =  sum p log(p / q)                                     kl_divergence
    I(x;y)     =  KL( p(x,y) || p(x) p(y) )                            mutual_information
    TC(z)      =  KL( p(z) || prod_j p(z_j) )                          total_correlation

A table must sum to 1 within 1e-6, or within 4 sqrt(n) eps for n entries of precision eps, where that is more. A float32 softmax of a
million entries is off by 6e-5. All functions take 0 log 0 as 0.

numpy input gives a float. torch input gives a 0-d tensor of its dtype and device, differentiable, with a zero gradient at zero cells.
The true gradient is infinite there, and a softmax that underflows would turn into NaN.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like

Table = Float[Tensor, "..."] | Float[np.ndarray, "..."]
Nats = float | Float[Tensor, ""]


def entropy(p: Table) -> Nats:
    r"""Shannon entropy H(p) = -sum p log p of the whole table, in nats.

    Args:
        p: one distribution, in a table of any shape.

    Raises:
        ValueError: p is negative somewhere, not finite, or does not sum to 1 within 1e-6.
    """
    table = _checks.distribution(p, "p")
    return like((-_x_log(table, table).sum()).clamp(min=0), p)  # here and below, clamp undoes rounding: no information is negative


def conditional_entropy(p_xy: Table) -> Nats:
    r"""H(y|x) = H(x,y) - H(x) = -sum p(x,y) log p(y|x), in nats: how uncertain y is, on average, once x is known.

    Args:
        p_xy: [x, y], a joint distribution. A row of zeros adds nothing.

    Raises:
        ValueError: p_xy is not two-dimensional, negative somewhere, not finite, or does not sum to 1 within 1e-6.
    """
    return like(_conditional_entropy(_checks.distribution(p_xy, "p_xy", "[x, y]")), p_xy)


def kl_divergence(p: Table, q: Table) -> Nats:
    r"""KL(p || q) = sum p log(p / q), in nats; +inf where q = 0 < p.

    Args:
        p: a distribution, in a table of any shape.
        q: a distribution of the same shape.

    Raises:
        ValueError: the shapes differ, or one of the two is negative somewhere, not finite, or does not sum to 1 within 1e-6.
    """
    first, second = _checks.distribution(p, "p"), _checks.distribution(q, "q")
    if first.shape != second.shape:
        raise ValueError(
            f"p and q must be distributions over the same outcomes, but have shapes {tuple(first.shape)} and {tuple(second.shape)}: "
            "expand the smaller one (q.expand(p.shape) for torch, numpy.broadcast_to) and normalise it"
        )
    second = second.to(first.device)
    return like((_x_log(first, first) - _x_log(first, second)).sum().clamp(min=0), p if isinstance(p, Tensor) else q)


def mutual_information(p_xy: Table) -> Nats:
    r"""I(x;y) = KL( p(x,y) || p(x) p(y) ), in nats.

    Args:
        p_xy: [x, y], a joint distribution.

    Raises:
        ValueError: p_xy is not two-dimensional, negative somewhere, not finite, or does not sum to 1 within 1e-6.
    """
    return like(_divergence_from_marginals(_checks.distribution(p_xy, "p_xy", "[x, y]")), p_xy)


def total_correlation(p_z: Table) -> Nats:
    r"""TC(z) = KL( p(z) || prod_j p(z_j) ) = sum_j H(z_j) - H(z), in nats: 0 exactly when the components are independent (section 5).

    For d = 2 it is the mutual information. The paper also calls it multivariate mutual information, a name that usually means another
    quantity, the interaction information.

    Args:
        p_z: [z_1, ..., z_d], the joint distribution of d components, one axis each.

    Raises:
        ValueError: p_z is negative somewhere, not finite, or does not sum to 1 within 1e-6.
    """
    return like(_divergence_from_marginals(_checks.distribution(p_z, "p_z")), p_z)


def _conditional_entropy(p_xy: Float[Tensor, "x y"]) -> Float[Tensor, ""]:
    return (_x_log(p_xy, p_xy.sum(1, keepdim=True)) - _x_log(p_xy, p_xy)).sum().clamp(min=0)


def _divergence_from_marginals(p: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """KL between p and the product of its marginals. Logarithms are summed, because the product may underflow where p does not."""
    axes = range(p.ndim)
    marginals = [p.sum([other for other in axes if other != axis], keepdim=True) if p.ndim > 1 else p for axis in axes]
    return (_x_log(p, p) - sum(_x_log(p, marginal) for marginal in marginals)).sum().clamp(min=0)


def _x_log(p: Float[Tensor, "..."], q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """p log q, with 0 log q = 0 and no gradient where p = 0 (the inner `where` keeps log 0 out of the backward pass)."""
    return torch.where(p > 0, p * torch.log(torch.where(p > 0, q, 1)), 0)
