"""Conversions for the public functions, which compute on tensors: numpy input gives numpy output, and torch input torch output."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def to_tensor(array: Tensor | np.ndarray) -> Tensor:
    """The array as a floating-point tensor: a floating tensor itself (so that gradients flow), anything else a float64 copy."""
    if isinstance(array, Tensor):
        return array if array.is_floating_point() else array.double()
    return torch.from_numpy(np.array(array, dtype=np.float64, order="C"))


def like(value: Tensor, given: Tensor | np.ndarray) -> Any:  # the type follows `given` and the number of axes
    """`value` as the caller expects it: a tensor of `given`'s dtype and device, or a float (0-d) or array for numpy input."""
    value = value + 0.0  # -0.0 is what rounding or a sign may leave of 0, and prints as such
    if isinstance(given, Tensor):
        return value.to(given) if given.is_floating_point() else value
    return value.item() if value.ndim == 0 else value.numpy()
