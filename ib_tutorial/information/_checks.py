"""Checks of the public functions' input. Each returns what may be computed on, or raises a ValueError that says what was given, what is
needed and how to get it."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information._arrays import to_tensor

SUM_TOLERANCE = 1e-6


def distribution(given: Tensor | np.ndarray, name: str, axes: str | None = None) -> Tensor:
    """One probability distribution as a floating-point tensor.

    Args:
        given: the table.
        name: what the caller knows it as.
        axes: the axes that it must have, as in "[x, y]"; any, if left out.
    """
    table = to_tensor(given)
    if axes is not None and table.ndim != (n_axes := axes.count(",") + 1):
        raise ValueError(
            f"{name} must be a table {axes} of {('one', 'two', 'three')[n_axes - 1]} dimensions, but has shape {tuple(table.shape)}: "
            "reshape it so that each axis is one variable, in this order"
        )
    if table.numel() == 0:
        raise ValueError(f"{name} must be a probability distribution, but is empty (shape {tuple(table.shape)})")
    if not torch.isfinite(table).all():
        raise ValueError(f"{name} must be finite, but holds NaN or infinity: look for a 0 / 0 where it was normalised")
    if (lowest := table.min().item()) < 0:
        raise ValueError(
            f"{name} must be non-negative, but its smallest entry is {lowest:g}: pass probabilities, not their logarithms"
        )
    allowed = sum_tolerance(given, table.numel())
    if abs((total := table.sum(dtype=torch.float64).item()) - 1) > allowed:
        raise ValueError(
            f"{name} must sum to 1 within {allowed:.2g} over all its entries (one distribution, not a batch), but sums to {total:.9g}: "
            f"divide it by its sum, {name} / {name}.sum()"
        )
    return table


def conditional(given: Tensor | np.ndarray, name: str, rows: str, n_rows: int) -> Float[Tensor, "rows outcomes"]:
    """A table with one distribution in each of its n_rows rows, one for each value of `rows`."""
    table = to_tensor(given)
    if table.ndim != 2 or len(table) != n_rows:
        raise ValueError(
            f"{name} must have one row for each of the {n_rows} values of {rows}, but has shape {tuple(table.shape)}"
        )
    allowed = sum_tolerance(given, table.shape[1])
    if not (table >= 0).all() or not ((table.sum(1, dtype=torch.float64) - 1).abs() <= allowed).all():
        raise ValueError(
            f"each row of {name} must be a distribution: non-negative, and of sum 1 within {allowed:.2g}; "
            f"divide the rows by their sums, {name} / {name}.sum(1)[:, None]"
        )
    return table


def square(given: Tensor | np.ndarray, name: str) -> Float[Tensor, "d d"]:
    """A finite square matrix of at least one row."""
    matrix = to_tensor(given)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 0:
        raise ValueError(
            f"{name} must be a square covariance matrix [d, d], but has shape {tuple(matrix.shape)}; "
            "numpy.cov of one variable has none: reshape it to (1, 1)"
        )
    if not torch.isfinite(matrix).all():
        raise ValueError(
            f"{name} must be finite, but holds NaN or infinity: a logarithm of a zero activation gives one"
        )
    return matrix


def sum_tolerance(given: Tensor | np.ndarray, n_entries: int) -> float:
    """How far from 1 a sum may be: 1e-6, or what the rounding of so many entries explains.

    A softmax is normalised by a sum that is itself rounded. In float32 its entries sum to 1 within 1e-6 up to some 10^4 entries. With
    10^6 entries the sum was 6e-5 off, and with 10^8 entries 2.5e-3 (torch 2.12, CPU). All of these are below 4 sqrt(n) eps.
    """
    return max(SUM_TOLERANCE, 4 * math.sqrt(n_entries) * rounding(given))


def rounding(given: Tensor | np.ndarray) -> float:
    """eps of the precision in which the numbers were given: more digits now do not add to what they say."""
    if isinstance(given, Tensor):
        return torch.finfo(given.dtype if given.is_floating_point() else torch.float64).eps
    dtype = np.asarray(given).dtype
    return float(np.finfo(dtype if np.issubdtype(dtype, np.floating) else np.float64).eps)


def at_least(least: int, **counts: int) -> None:
    for name, count in counts.items():
        if not (count >= least and count == int(count)):
            raise ValueError(f"{name} must be an integer of at least {least}, but is {count}")


def positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, but is {value}")


def weight(beta: float) -> float:
    """beta where it divides. Below 1e-300 the quotients are too large for float64."""
    if not 1e-300 <= beta < math.inf:
        raise ValueError(
            f"beta must be positive and finite, at least 1e-300, but is {beta}: it multiplies I(x;z); for the limit of no compression pass a small one, 1e-6"
        )
    return float(beta)
