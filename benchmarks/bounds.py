"""Measures what the machine can do at most, in the same run, so that our times can be given as shares of it."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .harness import seconds

REPEATS = 5


@dataclass(frozen=True)
class Bounds:
    """Rates of a device: medians of five measurements after a warm-up, on the threads that torch had."""

    float32_gflops: float
    """Floating-point operations of a large matrix product, in billions a second."""
    bfloat16_gflops: float
    copy_gb: float
    """Memory copied, read and written together, in billions of bytes a second."""
    normal_millions: float
    """Standard normal float32 numbers that torch.randn draws, in millions a second."""

    def matrix_product(self, precision: str) -> float:
        """The rate in that precision, in billions a second."""
        return {"float32": self.float32_gflops, "bfloat16": self.bfloat16_gflops}[precision]


@lru_cache
def bounds(device: str, threads: int, size: int | None = None) -> Bounds:
    """The rates of this device with these threads, measured once per process with matrices of `size` (by default one that takes a while)."""
    size = size or (1536 if device == "cpu" else 8192)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        operations = 2 * size**3 / 1e9
        a, b = torch.ones(2, size, size, device=device)
        low_a, low_b = a.bfloat16(), b.bfloat16()
        source, target = torch.ones(2, min(16 * size * size, 2**26), device=device)  # larger than any cache
        numbers = (2 * size, size)
        return Bounds(
            float32_gflops=operations / median_seconds(lambda: a @ b, device),
            bfloat16_gflops=operations / median_seconds(lambda: low_a @ low_b, device),
            copy_gb=2
            * source.numel()
            * source.element_size()
            / 1e9
            / median_seconds(lambda: target.copy_(source), device),
            normal_millions=2 * size**2 / 1e6 / median_seconds(lambda: torch.randn(numbers, device=device), device),
        )
    finally:
        torch.set_num_threads(before)


def operations(build: Callable[[], nn.Module], input_shape: tuple[int, ...]) -> float:
    """Floating-point operations of the matrix products and convolutions of one image, forward and backward, in billions.

    Args:
        build: makes the network, which returns logits and costs. It is called on torch's device "meta", where nothing is computed.
        input_shape: the shape of one image.
    """
    with torch.device("meta"):
        network, x = build(), torch.empty(2, *input_shape)
    with FlopCounterMode(display=False) as counter:
        logits, kl_terms = network(x)
        (logits.sum() + sum(kl.sum() for kl in kl_terms)).backward()
    return counter.get_total_flops() / len(x) / 1e9


def median_seconds(run: Callable[[], Any], device: str = "cpu", repeats: int = REPEATS) -> float:
    """The median time of `run` over some repeats, after a warm-up."""
    run()
    return statistics.median(seconds(run, device) for _ in range(repeats))


def kernels_per_step(train: Callable[[int], Any], steps: int = 10) -> float:
    """How many GPU kernels a training step launches: those of `steps` + 1 steps less those of one, which also prepares."""
    from torch.profiler import ProfilerActivity, profile

    def launched(n: int) -> int:
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as watched:
            train(n)
            torch.cuda.synchronize()
        return launches(watched.key_averages())

    train(1)
    return (launched(steps + 1) - launched(1)) / steps


def launches(events: Iterable[Any]) -> int:
    """Calls among the profiler's events (each with a `key` and a `count`) that put a kernel on the GPU's queue."""
    return sum(event.count for event in events if "LaunchKernel" in event.key)


def gradient_step(network: nn.Module, x: torch.Tensor) -> None:
    """Forward and backward through a network of this library; parameters keep their values."""
    output, kl_terms = network(x)
    (output.float().sum() + sum(kl.sum() for kl in kl_terms)).backward()
    network.zero_grad(set_to_none=True)
