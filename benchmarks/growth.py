"""Measures how the cost of a unit of work changes with the size of the work. It should stay flat, or fall, until memory is short."""

from collections.abc import Callable

import torch
from torch import nn

from ib_tutorial.nn import InformationDropout, all_cnn_32
from ib_tutorial.training.precision import autocast, chosen

from .bounds import gradient_step, median_seconds, operations
from .harness import ALL_CORES, Sides, comparison

SIZES = {
    "batch size": (25, 50, 100, 200, 400),
    "share of the filters": (0.125, 0.25, 0.5, 1.0),
    "image size": (16, 32, 64, 96),
    "units": (10_000, 100_000, 1_000_000, 10_000_000),
    "channels of batch norm": (8, 16, 24, 32, 40, 48, 64, 96),
}
SMOKE = {
    "batch size": (1, 2),
    "share of the filters": (0.05, 0.1),
    "image size": (16, 20),
    "units": (10, 100),
    "channels of batch norm": (1, 2),
}


@comparison(
    "growth",
    target=1,
    note="forward and backward of All-CNN-32 with a quarter of its filters, per image: in batches of 400, against batches of 25",
    smoke=dict(sizes=SMOKE, width=0.05),
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def batch_growth(device: str = "cpu", sizes: dict[str, tuple] = SIZES, width: float = 0.25) -> Sides:
    small, large = min(sizes["batch size"]), max(sizes["batch size"])
    network, x, kind = step_of(width, large, 32, device)

    def gradient(parts: list[torch.Tensor]) -> torch.Tensor:
        """Of the mean of the logits with respect to the first weights, noise off and batch norm at rest, over all parts."""
        first = next(network.parameters())
        total = torch.zeros_like(first)
        network.eval()
        for part in parts:
            output, _ = network(part)
            total += torch.autograd.grad(output.sum() / len(x), first)[0]
        network.train()
        return total

    def step(batch: torch.Tensor) -> list[torch.Tensor]:
        with autocast(kind, x.device):
            gradient_step(network, batch)
        return list(x.split(len(batch)))

    def same(whole: list[torch.Tensor], parts: list[torch.Tensor]) -> bool:
        one, other = gradient(whole), gradient(parts)
        return bool((one - other).norm() < 1e-2 * one.norm())

    return Sides(
        ours=lambda: step(x),
        peer=lambda: step(x[:small]),
        same=same,
        ours_units=large,
        peer_units=small,
        rows=lambda: growth(device, sizes),
        note=kind,
    )


def step_of(width: float, batch: int, size: int, device: str) -> tuple[nn.Module, torch.Tensor, str]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = all_cnn_32(width=width, activation="softplus").to(device).to(memory_format=torch.channels_last)
        x = torch.randn(batch, 3, size, size).to(device).contiguous(memory_format=torch.channels_last)
    return network, x, chosen("auto", torch.device(device))


def growth(device: str = "cpu", sizes: dict[str, tuple] = SIZES) -> list[dict]:
    """Rows of `against` (what grows), `value`, `per` (the unit of work) and `seconds` of one such unit.

    A step is a pass forward and backward, in the precision that `fit` would choose. Where the network itself grows, so does its work,
    and the unit is a billion floating-point operations.
    """
    rows = []

    def add(against: str, value: float, per: str, units: float, step: Callable[[], None]) -> None:
        rows.append({"against": against, "value": value, "per": per, "seconds": median_seconds(step, device) / units})

    def cnn(width: float, batch: int, size: int) -> tuple[float, Callable[[], None]]:
        network, x, kind = step_of(width, batch, size, device)
        build = lambda: all_cnn_32(width=width, activation="softplus")

        def step() -> None:
            with autocast(kind, x.device):
                gradient_step(network, x)

        return batch * operations(build, (3, size, size)), step

    for batch in sizes["batch size"]:
        add("batch size", batch, "image", batch, cnn(0.25, batch, 32)[1])
    for width in sizes["share of the filters"]:
        add("share of the filters", width, "GFLOP", *cnn(width, 50, 32))
    for size in sizes["image size"]:
        add("image size", size, "GFLOP", *cnn(0.25, 50, size))
    layer = InformationDropout(nn.ReLU(), nn.Identity()).to(device)
    for units in sizes["units"]:
        x = torch.randn(1, units, device=device).requires_grad_()

        def layer_step(x: torch.Tensor = x) -> None:
            z, kl = layer(x)
            (z.sum() + kl.sum()).backward()

        add("units", units, "unit", units, layer_step)
    for channels in sizes["channels of batch norm"]:
        norm = nn.BatchNorm2d(channels).to(device)
        n_images = 2400 // channels  # as many numbers each time
        x = torch.randn(n_images, channels, 32, 32, device=device)
        x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
        upward = torch.randn_like(x)

        def norm_step(norm: nn.Module = norm, x: torch.Tensor = x, upward: torch.Tensor = upward) -> None:
            torch.autograd.grad(norm(x), (x, *norm.parameters()), upward)

        add("channels of batch norm", channels, "number", x.numel(), norm_step)
    return rows
