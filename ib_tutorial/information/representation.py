r"""Representations of a discrete x: tables of the Markov chain y -> x -> z, and what z keeps of them (section 4).

    I(x;y|z) = sum_z p(z) I(x;y | z)                       conditional_mutual_information
    p(x,...,z) = p(x,...) p(z|x)                           represent, marginal
    T(x) = p(.|x), values numbered                         minimal_sufficient

A representation is its encoder p(z|x), a table with one row per x; a function of x has rows of one 1 (`encoder_of`).
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ib_tutorial.information._arrays import like, to_tensor
from ib_tutorial.information.discrete import check_distribution, conditional_entropy

Table = Float[Tensor, "..."] | Float[np.ndarray, "..."]
Nats = float | Float[Tensor, ""]


def conditional_mutual_information(p_xyz: Table) -> Nats:
    r"""I(x;y|z) = H(y|z) - H(y|x,z), in nats: what x and y still tell of each other once z is known.

    p_xyz: [x, y, z], a joint distribution; the third axis is the one that is given. Raises ValueError unless it is
    three-dimensional, non-negative, finite and sums to 1 within 1e-6.
    """
    table = to_tensor(p_xyz)
    if table.ndim != 3:
        raise ValueError(
            f"p_xyz must be a joint table [x, y, z] of three dimensions, but has shape {tuple(table.shape)}: "
            "reshape it so that each axis is one variable, the given one last"
        )
    check_distribution(table, "p_xyz")
    given_z = conditional_entropy(table.sum(0).T)
    given_both = conditional_entropy(table.transpose(1, 2).reshape(-1, table.shape[1]))
    return like((given_z - given_both).clamp(min=0), p_xyz)


def represent(p: Table, p_z_given_x: Table) -> Table:
    r"""The joint table [x, ..., z] of the chain (...) -> x -> z: p(x, ...) p(z|x), eq. (i) of section 4.

    p: [x, ...], a joint distribution whose first axis is x (so [x, y], or [x, y, n] with a nuisance).
    p_z_given_x: [x, z], rows that sum to 1. Raises ValueError where either is no distribution or they disagree about x.
    """
    table, encoder = to_tensor(p), to_tensor(p_z_given_x)
    check_distribution(table, "p")
    if encoder.ndim != 2 or len(encoder) != len(table):
        raise ValueError(
            f"p_z_given_x must have one row for each of the {len(table)} values of x, the first axis of p, "
            f"but has shape {tuple(encoder.shape)}"
        )
    if not (encoder >= 0).all() or (encoder.sum(1) - 1).abs().max() > 1e-6:
        raise ValueError(
            "each row of p_z_given_x must be a distribution over z: non-negative, and of sum 1 within 1e-6"
        )
    joint = table[..., None] * encoder.reshape(len(table), *[1] * (table.ndim - 1), -1)
    return like(joint, p)


def minimal_sufficient(p_xy: Table, decimals: int = 10) -> Int[np.ndarray, " x"]:
    r"""The posterior map T(x) = p(y|x), its values numbered from 0 in the order in which they appear: [x], integers.

    p_xy: [x, y]. Two x have the same number where their posteriors agree to so many decimals; an x that never
    occurs gets -1.
    Raises ValueError unless p_xy is two-dimensional, non-negative, finite and sums to 1 within 1e-6.
    """
    table = to_tensor(p_xy)
    if table.ndim != 2:
        raise ValueError(f"p_xy must be a joint table [x, y] of two dimensions, but has shape {tuple(table.shape)}")
    table = check_distribution(table, "p_xy").detach().cpu().double().numpy()
    numbers: dict[tuple, int] = {}
    labels = np.full(len(table), -1)
    for x in np.flatnonzero(table.sum(1) > 0):
        posterior = tuple(np.round(table[x] / table[x].sum(), decimals) + 0.0)
        labels[x] = numbers.setdefault(posterior, len(numbers))
    return labels


def encoder_of(labels: Int[np.ndarray, " x"]) -> Float[np.ndarray, "x z"]:
    """The encoder p(z|x) of the function z = labels[x]: rows of one 1. A label of -1 (x never occurs) counts as 0."""
    labels = np.maximum(labels, 0)
    return np.eye(int(labels.max()) + 1)[labels]


def marginal(p: Table, *axes: int) -> Table:
    """The joint table of some axes of `p`, in the order in which they are named; the others are summed over."""
    table = to_tensor(p)
    others = tuple(axis for axis in range(table.ndim) if axis not in axes)
    kept = sorted(axes)
    summed = table.sum(others) if others else table
    return like(summed.permute([kept.index(axis) for axis in axes]), p)
