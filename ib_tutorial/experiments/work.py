"""The work of a run, counted without doing it, so that `python -m ib_tutorial doctor` can say what it will cost here.

An experiment that wants its cost estimated has a function `work(settings) -> Work`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Work:
    """What training computes: three sums, each with a speed of its own."""

    updates: float = 0.0
    """Parameter tensors updated, over all steps: what a step costs however small its network is."""
    dense_gflop: float = 0.0
    """Floating-point operations of matrix products, forward and backward, in billions."""
    conv_gflop: float = 0.0
    """The same of convolutions."""

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.updates + other.updates, self.dense_gflop + other.dense_gflop, self.conv_gflop + other.conv_gflop
        )

    def __rmul__(self, times: float) -> "Work":
        return Work(self.updates * times, self.dense_gflop * times, self.conv_gflop * times)


def training(
    build: Callable[[], nn.Module], input_shape: tuple[int, ...], *, images: int, batch_size: int, epochs: int
) -> Work:
    """The work of `fit`: `epochs` passes over `images` images of `input_shape` (without the batch).

    build: makes the network (it returns logits and KL terms); called on torch's "meta" device, where nothing is computed.
    """
    with torch.device("meta"):
        network, x = build(), torch.empty(2, *input_shape)
    with FlopCounterMode(display=False) as counter:
        logits, kl_terms = network(x)
        (logits.sum() + sum(kl.sum() for kl in kl_terms)).backward()
    counts = {False: 0, True: 0}
    for operation, count in counter.get_flop_counts()["Global"].items():
        counts["conv" in str(operation)] += count
    steps = epochs * math.ceil(images / batch_size)
    gflop_per_image = epochs * images / len(x) / 1e9
    return Work(
        steps * sum(1 for _ in network.parameters()), counts[False] * gflop_per_image, counts[True] * gflop_per_image
    )
