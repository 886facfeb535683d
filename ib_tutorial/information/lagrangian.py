r"""What the chapter on the Lagrangian needs besides the solvers: the bound of eq. (3) with its gaps, a plain step, and contraction.

    sum p(x,y) p(z|x) [-log q(y|z)] + beta E KL( p(z|x) || q(z) )
        = H(y|z) + beta I(x;z) + E_z KL( p(y|z) || q(y|z) ) + beta KL( p(z) || q(z) )            variational_bound
    rho_m^2 = second singular value of p(x,y) / sqrt(p(x) p(y)), squared                         maximal_correlation (rho_m)
    eta     = sup over r != p of KL( r_y || p_y ) / KL( r_x || p_x ),  r_y = sum_x r(x) p(y|x)   contraction_coefficient

All nats; `beta` is the paper's, the weight of I(x;z).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like
from ib_tutorial.information.discrete import _conditional_entropy, _divergence_from_marginals, _x_log

Table = Float[Tensor, "_ _"] | Float[np.ndarray, "_ _"]
Vector = Float[Tensor, "_"] | Float[np.ndarray, "_"]
Nats = float | Float[Tensor, ""]


@dataclass(frozen=True)
class VariationalBound:
    r"""Eq. (3) in expectation, term by term, in nats: `loss` = H(y|z) + beta I(x;z) + decoder_gap + beta prior_gap."""

    cross_entropy: Nats  #: E[-log q(y|z)]
    rate: Nats  #: E_x KL( p(z|x) || q(z) )
    h_y_given_z: Nats  #: H(y|z)
    i_xz: Nats  #: I(x;z)
    decoder_gap: Nats  #: E_z KL( p(y|z) || q(y|z) )
    prior_gap: Nats  #: KL( p(z) || q(z) )
    loss: Nats  #: cross_entropy + beta rate
    lagrangian: Nats  #: H(y|z) + beta I(x;z), eq. (2)


def variational_bound(
    p_xy: Table, p_z_given_x: Table, q_y_given_z: Table, q_z: Vector, beta: float
) -> VariationalBound:
    r"""The expectation of the per-sample loss, eq. (3), for any encoder, decoder and prior, with everything that it is made of.

    Each field is computed by its own definition, and none as the difference of others. It is +inf where the decoder or the prior gives
    probability 0 to something that happens. Torch input is differentiated.

    Args:
        p_xy: [x, y], a joint distribution.
        p_z_given_x: [x, z], the encoder; rows that sum to 1.
        q_y_given_z: [z, y], the decoder; rows that sum to 1.
        q_z: [z], the prior.
        beta: the weight of the rate, at least 0 and finite.

    Raises:
        ValueError: one of the tables is no distribution, the shapes disagree, or beta is out of its range.
    """
    if not 0 <= beta < math.inf:
        raise ValueError(f"beta must be at least 0 and finite, but is {beta}: it multiplies the rate")
    joint, encoder = _joint_and_encoder(p_xy, p_z_given_x)
    prior = _checks.distribution(q_z, "q_z", "[z]").to(joint)
    decoder = _checks.conditional(q_y_given_z, "q_y_given_z", "z, the columns of p_z_given_x", encoder.shape[1]).to(
        joint
    )
    if decoder.shape[1] != joint.shape[1] or len(prior) != encoder.shape[1]:
        raise ValueError(
            f"with {encoder.shape[1]} values of z and {joint.shape[1]} of y the decoder q_y_given_z must have shape "
            f"{(encoder.shape[1], joint.shape[1])} and the prior q_z {(encoder.shape[1],)}, but they have {tuple(decoder.shape)} and "
            f"{tuple(prior.shape)}"
        )
    p_zy, p_xz = encoder.T @ joint, joint.sum(1)[:, None] * encoder
    p_z = p_zy.sum(1)
    cross_entropy = -_x_log(p_zy, decoder).sum()
    rate = (_x_log(p_xz, encoder) - _x_log(p_xz, prior)).sum()
    decoder_gap = (_x_log(p_zy, p_zy) - _x_log(p_zy, p_z[:, None]) - _x_log(p_zy, decoder)).sum()
    prior_gap = (_x_log(p_z, p_z) - _x_log(p_z, prior)).sum()
    h_y_given_z, i_xz = _conditional_entropy(p_zy), _divergence_from_marginals(p_xz)
    terms = (cross_entropy, rate, h_y_given_z, i_xz, decoder_gap, prior_gap)
    loss = cross_entropy + beta * rate if beta > 0 else cross_entropy  # a rate of inf counts for nothing where its weight is 0
    return VariationalBound(*(like(v, p_xy) for v in (*terms, loss, h_y_given_z + beta * i_xz)))


def information_plane(p_xy: Table, p_z_given_x: Table) -> tuple[Nats, Nats]:
    r"""(I(x;z), I(z;y)) of an encoder, in nats: its place in the information plane.

    Args:
        p_xy: [x, y], a joint distribution.
        p_z_given_x: [x, z], rows that sum to 1.

    Raises:
        ValueError: one of the two is no distribution, or they have different numbers of x.
    """
    joint, encoder = _joint_and_encoder(p_xy, p_z_given_x)
    i_xz = _divergence_from_marginals(joint.sum(1)[:, None] * encoder)
    return like(i_xz, p_xy), like(_divergence_from_marginals(encoder.T @ joint), p_xy)


def _joint_and_encoder(p_xy: Table, p_z_given_x: Table) -> tuple[Float[Tensor, "x y"], Float[Tensor, "x z"]]:
    joint = _checks.distribution(p_xy, "p_xy", "[x, y]")
    return joint, _checks.conditional(p_z_given_x, "p_z_given_x", "x, the rows of p_xy", len(joint)).to(joint)


def alternating_step(p_xy: Table, p_z_given_x: Table, beta: float) -> Table:
    r"""One plain step of Blahut-Arimoto: p(z) and p(y|z) of the encoder, then the encoder that is best for these two.

    The step never raises H(y|z) + beta I(x;z). An x that never occurs gets p(z). `blahut_arimoto` accelerates such steps, and opens
    clusters where plain steps would stay at a fixed point that is no minimum.

    Args:
        p_xy: [x, y], a joint distribution.
        p_z_given_x: [x, z], rows that sum to 1.
        beta: the price of a nat of I(x;z), positive and finite.

    Raises:
        ValueError: one of the two is no distribution, or beta is out of its range.
    """
    beta = _checks.weight(beta)
    joint, encoder = (table.double() for table in _joint_and_encoder(p_xy, p_z_given_x))
    p_x = joint.sum(1)
    p_y_given_x = torch.where(p_x > 0, joint.T / p_x, 0).T
    p_z, p_zy = p_x @ encoder, encoder.T @ joint
    log_p_z = torch.log(p_z.clamp(min=1e-300))
    log_decoder = torch.log(p_zy.clamp(min=1e-300)) - log_p_z[:, None]
    fit = p_y_given_x @ log_decoder.T
    return like(torch.softmax(log_p_z + (fit - fit.amax(1, keepdim=True)) / beta, 1), p_xy)


def maximal_correlation(p_xy: Table) -> float:
    r"""rho_m: the largest correlation between a function of x and one of y; 0 only if they are independent (Hirschfeld, Gebelein, Renyi).

    It is the second singular value of p(x,y) / sqrt(p(x) p(y)), of which the first is 1.

    Args:
        p_xy: [x, y], a joint distribution.

    Raises:
        ValueError: p_xy is no joint distribution of two variables.
    """
    table = _checks.distribution(p_xy, "p_xy", "[x, y]").double()
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    singular = torch.linalg.svdvals(table / torch.sqrt(table.sum(1, keepdim=True) * table.sum(0, keepdim=True)))
    return singular[1].item() if len(singular) > 1 else 0.0


def contraction_coefficient(p_xy: Table, n_starts: int = 50, seed: int = 0, n_iterations: int = 500) -> float:
    r"""eta: the best constant of the strong data-processing inequality I(z;y) <= eta I(x;z) at this p(x), and the beta of first collapse.

    It is the supremum of KL(r_y || p_y) / KL(r_x || p_x). The search starts near every single x and at random places. Each step
    maximises KL(r_y || p_y), made linear at r, minus the present ratio times KL(r_x || p_x), so the ratio never falls. The limit r -> p
    gives rho_m^2, which is returned if the search finds nothing larger. The result is a lower bound, and exact if one of the starts leads
    to the supremum.

    Args:
        p_xy: [x, y], a joint distribution.
        n_starts: how many random places the search starts from besides those near each x, at least 0.
        seed: of the random places.
        n_iterations: steps from each start, at least 1.

    Raises:
        ValueError: p_xy is no joint distribution of two variables, or another argument is out of its range.
    """
    _checks.at_least(0, n_starts=n_starts)
    _checks.at_least(1, n_iterations=n_iterations)
    table = _checks.distribution(p_xy, "p_xy", "[x, y]").double()
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    floor = maximal_correlation(table) ** 2
    if floor < 1e-15 or len(table) == 1:
        return 0.0
    p_x, p_y = table.sum(1), table.sum(0)
    channel = table / p_x[:, None]
    generator = torch.Generator().manual_seed(seed)
    random = (
        torch.rand(n_starts, len(p_x), generator=generator, dtype=torch.float64, device="cpu").pow(4).to(table.device)
    )
    r = torch.cat([0.98 * torch.diag(torch.ones_like(p_x)) + 0.02 * p_x, random / random.sum(1, keepdim=True)])
    best = floor
    for _ in range(n_iterations):
        r_y = r @ channel
        cost = (torch.xlogy(r, r / p_x) - r + p_x).sum(1)
        ratio = torch.where(cost > 1e-7, (torch.xlogy(r_y, r_y / p_y) - r_y + p_y).sum(1) / cost, 0)
        best = max(best, ratio.max().item())
        tilt = torch.log((r_y / p_y).clamp(min=1e-300)) @ channel.T
        r = torch.softmax(torch.log(p_x) + tilt / ratio.clamp(min=floor / 2)[:, None], 1)
    return min(best, 1.0)


def partitions(n: int) -> Iterator[list[int]]:
    """Every way to put n things into unnamed boxes, as the box of each thing: all deterministic encoders of n values.

    There are 1, 2, 5, 15, 52, 203, ... ways.

    Raises:
        ValueError: n is no integer of at least 0.
    """
    _checks.at_least(0, n=n)

    def extend(labels: list[int]) -> Iterator[list[int]]:
        if len(labels) == n:
            yield labels
        else:
            for box in range(max(labels, default=-1) + 2):
                yield from extend([*labels, box])

    return extend([])


def discretised_gaussian(rho: float, n_x: int, n_y: int, span: float = 3.5) -> Float[np.ndarray, "{n_x} {n_y}"]:
    r"""The table of a standard normal pair (x, y) of correlation rho, each cut into cells.

    Each variable has n - 2 equal cells on [-span, span], and two for the tails. The cell is a function of x, or of y, so every
    (I(x;z), I(z;y)) of this table lies on or below the curve of the pair itself. Probabilities are integrals over x by Gauss-Legendre and
    over y by the normal distribution function, exact to about 1e-12.

    Args:
        rho: the correlation, between -1 and 1.
        n_x: cells of x, at least 3.
        n_y: cells of y, at least 3.
        span: where the tails begin, in standard deviations, between 0 and 9.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not (-1 < rho < 1 and min(n_x, n_y) >= 3 and 0 < span < 9):
        raise ValueError(
            f"rho must lie between -1 and 1, both n be at least 3 and span between 0 and 9, but they are {rho}, {n_x}, {n_y} and {span}"
        )
    inner_x, inner_y = (np.linspace(-span, span, n - 1) for n in (n_x, n_y))
    edges_x = torch.from_numpy(np.concatenate([[-9.0], inner_x, [9.0]]))
    edges_y = torch.from_numpy(np.concatenate([[-np.inf], inner_y, [np.inf]]))
    node, weight = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(24))
    half = edges_x.diff()[:, None] / 2
    x = edges_x[:-1, None] + half * (1 + node)  # [cell, node]
    density = half * weight * torch.exp(-(x**2) / 2) / (2 * torch.pi) ** 0.5
    below = torch.special.ndtr((edges_y - rho * x[..., None]) / (1 - rho**2) ** 0.5)
    table = (density[..., None] * below.diff(dim=-1)).sum(1)
    return (table / table.sum()).numpy()
