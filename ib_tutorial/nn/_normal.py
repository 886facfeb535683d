"""Standard normal numbers for many units at once, and how many units a CPU works on at a time."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.nn.precision import precision_of

Units = Float[Tensor, "batch *units"]

PIECE = 2**20
"""Units that a CPU works on at a time. Fewer would stay in a smaller cache. But torch's threads wait for each other after every step, so
smaller pieces make them wait more often, and waiting is slow where other programs take the processor from one of them."""


def standard_normal(like: Units) -> Units:
    """A standard normal number per unit, in float32 (float64 for float64 units), in the memory format of `like`.

    The numbers are drawn into the default format and then permuted. On a CPU torch draws into any other format one number at a time,
    several times slower.
    """
    device, dtype = like.device, precision_of(like)
    if like.dim() == 4 and like.is_contiguous(memory_format=torch.channels_last):
        return drawn(like.permute(0, 2, 3, 1).shape, device, dtype).permute(0, 3, 1, 2)
    return drawn(like.shape, device, dtype)


def drawn(shape: torch.Size, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The numbers of torch.randn. Many numbers are drawn a piece at a time: one thread draws, but all can write to new memory."""
    if shape.numel() <= PIECE or device.type != "cpu" or torch.compiler.is_compiling():
        return torch.randn(shape, device=device, dtype=dtype)
    n = torch.randn(0, device=device, dtype=dtype).new_empty(shape)  # new_empty makes one for each layer of a stack (vmap), empty does not
    for (piece,) in pieces(n):
        piece.copy_(torch.randn(piece.shape, device=device, dtype=dtype))
    return n


def pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of the tensors, a few images at a time on a CPU, all images at once elsewhere."""
    first = tensors[0]
    n_pieces = math.ceil(first.numel() / PIECE) if first.device.type == "cpu" else 1
    images = math.ceil(len(first) / max(1, n_pieces))
    return zip(*(tensor.split(max(1, images)) for tensor in tensors), strict=True)
