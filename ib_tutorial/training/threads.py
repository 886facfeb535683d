"""The number of threads that torch computes with: one for a small network, all that torch was given for a large one.

Threads wait for each other after every operation. A small network's operations are so short that a second thread gains little
on an idle machine. Beside other programs it loses much, because the others wait for a thread that has no core.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

LARGE = 30_000_000
"""Multiplications in a forward pass from which on all threads are used.

Measured on two idle cores (Xeon, AVX-512), the time of a step on one thread divided by that on two, at batch 100: MLP 3x100 (20
million) 1.1, MLP 3x200 (48 million) 1.3, MLP 3x400 (127 million) 1.5, MLP 3x800 (383 million) 1.5.
"""

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

AT_IMPORT = torch.get_num_threads()
"""The number that torch took by itself, unless the program had called `torch.set_num_threads` before it imported this module."""

sharing: ContextVar[bool] = ContextVar("sharing", default=False)
"""Whether a grid shares out the threads. Then `chosen` is never true, and the networks take what `threads_for` says."""


def threads_for(network: nn.Module, image: Sequence[int], images: int = 100) -> int:
    """The threads that pay for passes of this network: torch's own number if somebody has chosen it, or if the network is large.

    Its multiplications are counted from above: every weight once for each image, that of a convolution once for each pixel too.

    Args:
        image: shape of an image, channels first.
        images: in a pass. An evaluation leaves the default, so that it computes on the threads of training.
    """
    given = torch.get_num_threads()
    weights = list(network.parameters())
    if given == 1 or chosen() or any(weight.is_cuda for weight in weights):
        return given
    pixels = math.prod(image[1:])
    return 1 if images * sum(w.numel() * (pixels if w.dim() > 2 else 1) for w in weights) < LARGE else given


def chosen() -> bool:
    """Whether somebody else has chosen torch's number of threads: by the environment, or by a call since the import of this module."""
    if sharing.get():
        return False
    return torch.get_num_threads() != AT_IMPORT or any(os.environ.get(name) for name in VARIABLES)


@contextmanager
def on_threads(n: int) -> Iterator[None]:
    """Within this context torch computes on n threads; it leaves with the number with which it entered."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def shared_out() -> Iterator[None]:
    """Within this context torch's number of threads is a share of the machine's, and nobody's choice for a network."""
    token = sharing.set(True)
    try:
        yield
    finally:
        sharing.reset(token)
