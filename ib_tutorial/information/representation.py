r"""Representations of a discrete x: tables of the Markov chain y -> x -> z, and what z keeps of them (section 4).

    I(x;y|z) = sum_z p(z) I(x;y | z)                       conditional_mutual_information
    p(x,...,z) = p(x,...) p(z|x)                           represent, marginal
    T(x) = p(.|x), values numbered                         minimal_sufficient

A representation is given by its encoder p(z|x), a table with one row per x. `encoder_of` makes the encoder of a function of x.
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

    Args:
        p_xyz: [x, y, z], a joint distribution. The third axis is the one that is given.

    Raises:
        ValueError: p_xyz is not three-dimensional, negative somewhere, not finite, or does not sum to 1 within 1e-6.
    """
    table = _checks.distribution(p_xyz, "p_xyz", "[x, y, z]")
    given_z = _conditional_entropy(table.sum(0).T)
    given_both = _conditional_entropy(table.transpose(1, 2).reshape(-1, table.shape[1]))
    return like((given_z - given_both).clamp(min=0), p_xyz)


def represent(p: Table, p_z_given_x: Table) -> Table:
    r"""The joint table [x, ..., z] of the chain (...) -> x -> z: p(x, ...) p(z|x), eq. (i) of section 4.

    Args:
        p: [x, ...], a joint distribution whose first axis is x, such as [x, y], or [x, y, n] with a nuisance.
        p_z_given_x: [x, z], rows that sum to 1.

    Raises:
        ValueError: one of the two is no distribution, or they have different numbers of x.
    """
    table = _checks.distribution(p, "p")
    if table.ndim == 0:
        raise ValueError("p must have x for its first axis, but is a single number")
    encoder = _checks.conditional(p_z_given_x, "p_z_given_x", "x, the first axis of p", len(table)).to(table.device)
    joint = table[..., None] * encoder.reshape(len(table), *[1] * (table.ndim - 1), -1)
    return like(joint, p)


def minimal_sufficient(p_xy: Table, decimals: int = 10) -> Int[np.ndarray, " x"]:
    r"""The posterior map T(x) = p(y|x), its values numbered from 0 in the order in which they appear: [x], integers.

    Two x have the same number if their posteriors agree. An x that never occurs has -1.

    Args:
        p_xy: [x, y], a joint distribution.
        decimals: to how many decimals posteriors must agree, at least 0.

    Raises:
        ValueError: p_xy is not two-dimensional, negative somewhere, not finite, or does not sum to 1 within 1e-6; or decimals is below 0.
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
    """The encoder p(z|x) of the function z = labels[x]: each row has a single 1.

    Args:
        labels: an integer for each x. A label of -1 (x never occurs) counts as 0.

    Raises:
        ValueError: labels are not integers of at least -1, one for each x.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0 or not np.issubdtype(labels.dtype, np.integer) or labels.min() < -1:
        raise ValueError(f"labels must be integers of at least -1, one for each x, but are {labels!r}")
    labels = np.maximum(labels, 0)
    return np.eye(int(labels.max()) + 1)[labels]


def marginal(p: Table, *axes: int) -> Table:
    """The joint table of some axes of `p`, in the order in which they are named. The other axes are summed over.

    Args:
        p: a distribution, in a table of any shape.
        axes: the numbers of the axes that stay, from 0.

    Raises:
        ValueError: p is no distribution, or an axis is named twice or is none of its own.
    """
    table = _checks.distribution(p, "p")
    if len(set(axes)) < len(axes) or not set(axes) <= set(range(table.ndim)):
        raise ValueError(f"axes must be different ones of 0 to {table.ndim - 1}, the axes of p, but are {axes}")
    others = tuple(axis for axis in range(table.ndim) if axis not in axes)
    kept = sorted(axes)
    summed = table.sum(others) if others else table
    return like(summed.permute([kept.index(axis) for axis in axes]), p)
