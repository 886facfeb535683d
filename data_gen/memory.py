"""Memory for images that are about to be made."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor


def unwritten(*shape: int, device: torch.device) -> UInt8[Tensor, "..."]:
    """Memory for results, whose bytes have no particular value.

    On a CPU numpy allocates it, because numpy asks for huge pages and torch does not. The system then hands 100 MB over in dozens of
    pieces rather than in thousands, and the first write to them is twice as fast.
    """
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, np.uint8))
    return torch.empty(shape, dtype=torch.uint8, device=device)
