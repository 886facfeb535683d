r"""What the chapter on the Lagrangian needs besides the solvers: the bound of eq. (3) with its gaps, a plain step, and contraction.

    sum p(x,y) p(z|x) [-log q(y|z)] + beta E KL( p(z|x) || q(z) )
        = H(y|z) + beta I(x;z) + E_z KL( p(y|z) || q(y|z) ) + beta KL( p(z) || q(z) )            variational_bound
    rho_m^2 = second singular value of p(x,y) / sqrt(p(x) p(y)), squared                         maximal_correlation (rho_m)
    eta     = sup over r != p of KL( r_y || p_y ) / KL( r_x || p_x ),  r_y = sum_x r(x) p(y|x)   contraction_coefficient

All nats; `beta` is the paper's, the weight of I(x;z).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information._arrays import like, to_tensor
from ib_tutorial.information.discrete import _x_log, check_distribution, conditional_entropy, mutual_information
from ib_tutorial.information.representation import represent

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
    p_xy: Table, p_z_given_x: Table, q_y_given_z: Table, q_z: Vector, beta: float | int
) -> VariationalBound:
    r"""The expectation of the per-sample loss, eq. (3), for any encoder, decoder and prior, with everything that it is made of.

    p_xy: [x, y], a joint distribution. p_z_given_x: [x, z] and q_y_given_z: [z, y], rows that sum to 1. q_z: [z], a distribution.
    Each field is computed by its own definition, none as the difference of others; differentiable for torch input; +inf where the
    decoder or the prior rules out what happens. Raises ValueError for what is no distribution, or where shapes disagree.
    """
    joint = to_tensor(p_xy)
    encoder, decoder, prior = (to_tensor(table).to(joint) for table in (p_z_given_x, q_y_given_z, q_z))
    n_z = encoder.shape[-1]
    if decoder.shape != (n_z, joint.shape[-1]) or prior.shape != (n_z,):
        raise ValueError(
            f"with {n_z} values of z and {joint.shape[-1]} of y the decoder must have shape {(n_z, joint.shape[-1])} and the prior "
            f"{(n_z,)}, but they have {tuple(decoder.shape)} and {tuple(prior.shape)}"
        )
    check_distribution(prior, "q_z")
    p_zy, p_xz = represent(joint, encoder).sum(0).T, joint.sum(1)[:, None] * encoder
    p_z = p_zy.sum(1)
    cross_entropy = -_x_log(p_zy, decoder).sum()
    rate = (_x_log(p_xz, encoder) - _x_log(p_xz, prior)).sum()
    decoder_gap = (_x_log(p_zy, p_zy) - _x_log(p_zy, p_z[:, None]) - _x_log(p_zy, decoder)).sum()
    prior_gap = (_x_log(p_z, p_z) - _x_log(p_z, prior)).sum()
    h_y_given_z, i_xz = conditional_entropy(p_zy), mutual_information(p_xz)
    terms = (cross_entropy, rate, h_y_given_z, i_xz, decoder_gap, prior_gap)
    return VariationalBound(*(like(v, p_xy) for v in (*terms, cross_entropy + beta * rate, h_y_given_z + beta * i_xz)))


def information_plane(p_xy: Table, p_z_given_x: Table) -> tuple[Nats, Nats]:
    r"""(I(x;z), I(z;y)) of an encoder, in nats: its place in the information plane.

    p_xy: [x, y], a joint distribution; p_z_given_x: [x, z], rows that sum to 1. Raises ValueError where they are not.
    """
    joint, encoder = to_tensor(p_xy), to_tensor(p_z_given_x)
    p_zy = represent(joint, encoder.to(joint)).sum(0).T
    return like(mutual_information(joint.sum(1)[:, None] * encoder), p_xy), like(mutual_information(p_zy), p_xy)


def alternating_step(p_xy: Table, p_z_given_x: Table, beta: float | int) -> Table:
    r"""One plain step of Blahut-Arimoto: p(z) and p(y|z) of the encoder, then the encoder that is best for these two.

    p_xy: [x, y] with positive p(x); p_z_given_x: [x, z]. It never raises H(y|z) + beta I(x;z). `blahut_arimoto` takes such steps,
    accelerated, and opens clusters where this one would stay at a fixed point that is no minimum.
    """
    joint, encoder = to_tensor(p_xy), to_tensor(p_z_given_x)
    p_x = joint.sum(1)
    p_z, p_zy = p_x @ encoder, encoder.T @ joint
    log_decoder = torch.log(p_zy.clamp(min=1e-300)) - torch.log(p_z.clamp(min=1e-300))[:, None]
    logits = torch.log(p_z.clamp(min=1e-300)) + joint / p_x[:, None] @ log_decoder.T / beta
    return like(torch.softmax(logits, 1), p_xy)


def maximal_correlation(p_xy: Table) -> float:
    r"""rho_m: the largest correlation between a function of x and one of y; 0 only if they are independent (Hirschfeld, Gebelein, Renyi).

    It is the second singular value of p(x,y) / sqrt(p(x) p(y)), of which the first is 1. Raises ValueError unless p_xy is a joint table.
    """
    table = check_distribution(to_tensor(p_xy), "p_xy").double()
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    singular = torch.linalg.svdvals(table / torch.sqrt(table.sum(1, keepdim=True) * table.sum(0, keepdim=True)))
    return singular[1].item() if len(singular) > 1 else 0.0


def contraction_coefficient(p_xy: Table, n_starts: int = 50, seed: int = 0, n_iterations: int = 500) -> float:
    r"""eta: the best constant of the strong data-processing inequality I(z;y) <= eta I(x;z) at this p(x), and the beta of first collapse.

    It is the supremum of KL(r_y || p_y) / KL(r_x || p_x), searched for from near every single x and from random places: each step
    maximises KL(r_y || p_y), made linear at r, minus the present ratio times KL(r_x || p_x), and so never lowers the ratio. Where the
    supremum is the limit r -> p, it is rho_m^2, which is returned if nothing found exceeds it. A lower bound, exact if the best start was among them.
    Raises ValueError unless p_xy is a joint table.
    """
    table = check_distribution(to_tensor(p_xy), "p_xy").double()
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    floor = maximal_correlation(table) ** 2
    if floor < 1e-15 or len(table) == 1:
        return 0.0
    p_x, p_y = table.sum(1), table.sum(0)
    channel = table / p_x[:, None]
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(n_starts, len(p_x), generator=generator, dtype=torch.float64).pow(4)
    r = torch.cat([0.98 * torch.eye(len(p_x), dtype=torch.float64) + 0.02 * p_x, random / random.sum(1, keepdim=True)])
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
    """Every way to put n things into unnamed boxes, as the box of each thing (1, 2, 5, 15, 52, 203, ... ways): all deterministic encoders."""

    def extend(labels: list[int]) -> Iterator[list[int]]:
        if len(labels) == n:
            yield labels
        else:
            for box in range(max(labels, default=-1) + 2):
                yield from extend([*labels, box])

    return extend([])


def discretised_gaussian(rho: float, n_x: int, n_y: int, span: float = 3.5) -> Float[np.ndarray, "{n_x} {n_y}"]:
    r"""The table of a standard normal pair of correlation rho: n - 2 equal cells on [-span, span] and the two tails, each way.

    Cells of x by Gauss-Legendre, of y by the normal distribution function: exact to about 1e-12. Telling only the cell is a function of
    x and of y, so every (I(x;z), I(z;y)) of this table lies on or below the curve of the pair itself.
    Raises ValueError unless -1 < rho < 1 and both n are at least 3.
    """
    if not (-1 < rho < 1 and min(n_x, n_y) >= 3):
        raise ValueError(f"rho must lie between -1 and 1 and both n be at least 3, but they are {rho}, {n_x} and {n_y}")
    edges_x = torch.cat([torch.tensor([-9.0]), torch.linspace(-span, span, n_x - 1), torch.tensor([9.0])]).double()
    edges_y = torch.cat(
        [torch.tensor([-torch.inf]), torch.linspace(-span, span, n_y - 1), torch.tensor([torch.inf])]
    ).double()
    node, weight = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(24))
    half = edges_x.diff()[:, None] / 2
    x = edges_x[:-1, None] + half * (1 + node)  # [cell, node]
    density = half * weight * torch.exp(-(x**2) / 2) / (2 * torch.pi) ** 0.5
    below = torch.special.ndtr((edges_y - rho * x[..., None]) / (1 - rho**2) ** 0.5)
    table = (density[..., None] * below.diff(dim=-1)).sum(1)
    return (table / table.sum()).numpy()
