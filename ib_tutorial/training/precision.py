"""The precision of matrix products: bfloat16 where a measurement finds the device fast at it, else float32."""

import time
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Literal

import torch
from torch import nn

Precision = Literal["auto", "float32", "bfloat16"]

WORTH_IT = 1.3
"""How many times faster than float32 the convolution of the probe must be for bfloat16 to be chosen."""


def chosen(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """The precision that "auto" means on this device. Any other precision is returned as it is."""
    if precision == "auto":
        return "bfloat16" if bfloat16_gain(str(device)) > WORTH_IT else "float32"
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision is {precision!r}; it must be 'auto', 'float32' or 'bfloat16'")
    return precision


def autocast(precision: Literal["float32", "bfloat16"], device: torch.device) -> AbstractContextManager:
    """Within this context matrix products and convolutions run in `precision`; parameters and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


@lru_cache
def bfloat16_gain(device: str) -> float:
    """Time in float32 over time in bfloat16 of a small convolution, forward and backward; once per process.

    The caller's random state is left as it was, so that no number depends on whether the probe was made before.
    """
    with torch.random.fork_rng(devices=[]):
        convolution = nn.Conv2d(48, 48, 3, padding=1)
    convolution = convolution.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
    x = torch.zeros(64, 48, 16, 16, device=device).to(memory_format=torch.channels_last)
    return seconds("float32", convolution, x) / seconds("bfloat16", convolution, x)


def seconds(precision: Literal["float32", "bfloat16"], network: nn.Module, x: torch.Tensor, repeats: int = 7) -> float:
    """The least of `repeats` times of one forward and backward pass, after a warm-up.

    On a CPU it is the processor's time, which other programs on the machine disturb less than the clock on the wall.
    """
    clock = time.perf_counter if x.device.type == "cuda" else time.process_time

    def step() -> float:
        start = clock()
        with autocast(precision, x.device):
            y = network(x)
        y.float().sum().backward()
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        return clock() - start

    step()
    return min(step() for _ in range(repeats))
