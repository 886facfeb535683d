"""The precision of noise and costs, and the least values that keep both finite."""

import torch
from torch import Tensor

MIN_ALPHA = 1e-6
"""The least noise scale. A saturated sigmoid would give alpha = 0, and no noise costs infinitely many nats."""

MIN_F = 1e-4
"""The least f(x) whose logarithm is taken, as in the authors' code: a unit at 0 has log f = -inf."""


def precision_of(units: Tensor) -> torch.dtype:
    """The precision in which noise and costs are computed: float64 for float64 units, else float32."""
    return torch.promote_types(units.dtype, torch.float32)
