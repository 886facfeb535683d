r"""Representations of a discrete x: tables of the Markov chain y -> x -> z, and what z keeps of them (section 4).

    I(x;y|z) = sum_z p(z) I(x;y | z)                       conditional_mutual_information
    p(x,...,z) = p(x,...) p(z|x)                           represent, marginal
    T(x) = p(.|x), values numbered                         minimal_sufficient

A representation is its encoder p(z|x), a table with one row per x; a function of x has rows of one 1 (`encoder_of`).
"""

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like
from ib_tutorial.information.discrete import _conditional_entropy

Table = Float[Tensor, "..."] | Float[np.ndarray, "..."]
Nats = float | Float[Tensor, ""]


def conditional_mutual_information(p_xyz: Table) -> Nats:
    r"""I(x;y|z) = H(y|z) - H(y|x,z), in nats: what x and y still tell of each other once z is known.

    p_xyz: [x, y, z], a joint distribution; the third axis is the one that is given. Raises ValueError unless it is
    three-dimensional, non-negative, finite and sums to 1 within 1e-6.
    """
    table = _checks.distribution(p_xyz, "p_xyz", "[x, y, z]")
    given_z = _conditional_entropy(table.sum(0).T)
    given_both = _conditional_entropy(table.transpose(1, 2).reshape(-1, table.shape[1]))
    return like((given_z - given_both).clamp(min=0), p_xyz)


def represent(p: Table, p_z_given_x: Table) -> Table:
    r"""The joint table [x, ..., z] of the chain (...) -> x -> z: p(x, ...) p(z|x), eq. (i) of section 4.

    p: [x, ...], a joint distribution whose first axis is x (so [x, y], or [x, y, n] with a nuisance).
    p_z_given_x: [x, z], rows that sum to 1. Raises ValueError where either is no distribution or they disagree about x.
    """
    table = _checks.distribution(p, "p")
    if table.ndim == 0:
        raise ValueError("p must have x for its first axis, but is a single number")
    encoder = _checks.conditional(p_z_given_x, "p_z_given_x", "x, the first axis of p", len(table)).to(table.device)
    joint = table[..., None] * encoder.reshape(len(table), *[1] * (table.ndim - 1), -1)
    return like(joint, p)


def minimal_sufficient(p_xy: Table, decimals: int = 10) -> Int[np.ndarray, " x"]:
    r"""The posterior map T(x) = p(y|x), its values numbered from 0 in the order in which they appear: [x], integers.

    p_xy: [x, y]. Two x have the same number where their posteriors agree to so many decimals; an x that never
    occurs gets -1.
    Raises ValueError unless p_xy is two-dimensional, non-negative, finite and sums to 1 within 1e-6, and decimals is at least 0.
    """
    table = _checks.distribution(p_xy, "p_xy", "[x, y]").detach().cpu().double().numpy()
    _checks.at_least(0, decimals=decimals)
    numbers: dict[tuple, int] = {}
    labels = np.full(len(table), -1)
    for x in np.flatnonzero(table.sum(1) > 0):
        posterior = tuple(np.round(table[x] / table[x].sum(), decimals) + 0.0)
        labels[x] = numbers.setdefault(posterior, len(numbers))
    return labels


def encoder_of(labels: Int[np.ndarray, " x"]) -> Float[np.ndarray, "x z"]:
    """The encoder p(z|x) of the function z = labels[x]: rows of one 1. A label of -1 (x never occurs) counts as 0.

    Raises ValueError unless labels is a list of integers of at least -1, one for each x.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0 or not np.issubdtype(labels.dtype, np.integer) or labels.min() < -1:
        raise ValueError(f"labels must be integers of at least -1, one for each x, but are {labels!r}")
    labels = np.maximum(labels, 0)
    return np.eye(int(labels.max()) + 1)[labels]


def marginal(p: Table, *axes: int) -> Table:
    """The joint table of some axes of `p`, in the order in which they are named; the others are summed over.

    Raises ValueError unless p is a distribution and each of the axes is one of its own, named once, from 0.
    """
    table = _checks.distribution(p, "p")
    if len(set(axes)) < len(axes) or not set(axes) <= set(range(table.ndim)):
        raise ValueError(f"axes must be different ones of 0 to {table.ndim - 1}, the axes of p, but are {axes}")
    others = tuple(axis for axis in range(table.ndim) if axis not in axes)
    kept = sorted(axes)
    summed = table.sum(others) if others else table
    return like(summed.permute([kept.index(axis) for axis in axes]), p)
