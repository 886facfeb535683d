"""Times the Information Dropout layer itself: its noise and its KL, forward and backward."""

import math
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ib_tutorial.information import kl_log_normal
from ib_tutorial.nn import InformationDropout
from ib_tutorial.nn._normal import standard_normal
from ib_tutorial.nn.precision import MIN_F
from ib_tutorial.training.precision import chosen

from .bounds import median_seconds
from .harness import ALL_CORES, Sides, comparison
from .usual import MAX_ALPHA, UsualInformationDropout, copy_state

STANDARD_ERRORS = 5
SMOKE = dict(batch=8, filters=6, size=8)


class Passed(NamedTuple):
    """What a pass forward and backward computed, the gradient being that of the sum of all entries of the first two."""

    z: Tensor
    kl: Tensor
    gradient: Tensor


@comparison(
    "information_dropout_layer",
    target=2,
    note="the layer's own arithmetic (Softplus, alpha, noise, KL), forward and backward, 3 million units: LogNormal.rsample and "
    "kl_divergence of torch.distributions",
    smoke=SMOKE,
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def layer(device: str = "cpu", batch: int = 128, filters: int = 96, size: int = 16) -> Sides:
    x = random_input(batch, filters, size, device)
    ours = InformationDropout(nn.Softplus(), nn.Identity(), prior="log_normal", max_alpha=MAX_ALPHA).to(device)
    usual = UsualInformationDropout(nn.Softplus(), nn.Identity(), log_normal_prior=True).to(device)
    copy_state(ours, usual)
    last = x.contiguous(memory_format=torch.channels_last)
    like = torch.empty_like(last)
    return Sides(
        ours=lambda: passed(ours, last),
        peer=lambda: passed(usual, x),
        same=lambda mine, theirs: all(as_defined(side, x, ours.mu, ours.log_sigma.exp()) for side in (mine, theirs)),
        floor=lambda: torch.randn(x.numel(), device=device),
        floor_is="to draw the normal numbers",
        rows=lambda: draws(like, device),
    )


def random_input(batch: int, filters: int, size: int, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, filters, size, size, generator=generator).to(device)


def passed(module: nn.Module, x: Tensor) -> Passed:
    x = x.detach().requires_grad_()
    z, kl = module(x)
    ones = torch.ones_like(z)
    torch.autograd.backward([z, kl], [ones, ones])
    module.zero_grad(set_to_none=True)
    return Passed(z.detach(), kl.detach(), x.grad)


def as_defined(side: Passed, x: Tensor, mu: Tensor, sigma: Tensor) -> bool:
    """Whether z is f(x) exp(alpha n) with standard normal n, the KL that of Prop. 3, and the gradient that of both for these n.

    Computed from the definition in float64, with the n that z itself reveals; f, alpha and the noise are told apart by that.
    """
    x = x.double().requires_grad_()
    mu, sigma = mu.detach().double(), sigma.detach().double()
    f, alpha = functional.softplus(x), MAX_ALPHA * torch.sigmoid(x)
    n = ((side.z.double() / f).log() / alpha).detach()
    kl = kl_log_normal(f.clamp(min=MIN_F).log(), alpha, mu, sigma)
    (gradient,) = torch.autograd.grad((f * torch.exp(alpha * n) + kl).sum(), x)
    return (
        standard_normal_independent(n)
        and torch.allclose(side.kl.double(), kl, rtol=1e-3, atol=1e-4)
        and torch.allclose(side.gradient.double(), gradient, rtol=1e-2, atol=1e-3)
    )


def standard_normal_independent(n: Tensor) -> bool:
    """Whether the numbers have mean 0 and variance 1, and the second half is uncorrelated with the first, each within its sampling error.

    A draw that is reused for several images has the right mean and variance, and is found by the third.
    """
    half = n.numel() // 2
    first, second = n.flatten()[:half], n.flatten()[half : 2 * half]
    return bool(
        n.mean().abs() < STANDARD_ERRORS / math.sqrt(n.numel())
        and (n.var() - 1).abs() < STANDARD_ERRORS * math.sqrt(2 / n.numel())
        and (first * second).mean().abs() < STANDARD_ERRORS / math.sqrt(half)
    )


def draws(like: Tensor, device: str) -> list[dict]:
    """Seconds to draw noise for a channels_last tensor in two orders, and to write as many numbers without drawing them."""
    kinds = {
        "drawn in the order of memory (ours)": lambda: standard_normal(like),
        "torch.randn_like": lambda: torch.randn_like(like),
        "written only": lambda: torch.full_like(like, 1.0),
    }
    return [{"numbers": kind, "seconds": median_seconds(draw, device)} for kind, draw in kinds.items()]


@comparison(
    "layer_against_dropout",
    target=1 / 1.3,
    note="the same layer with its alpha convolution, against nn.Dropout of the same units plus that convolution",
    smoke=SMOKE,
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def against_dropout(device: str = "cpu", batch: int = 128, filters: int = 96, size: int = 16) -> Sides:
    # 16x16 places of 96 filters are those behind the stride-2 convolutions of All-CNN-32, whose cost this 3x3 convolution has
    kind = chosen("auto", torch.device(device))
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    x = random_input(batch, filters, size, device).contiguous(memory_format=torch.channels_last).to(dtype)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        convolution = nn.Conv2d(filters, filters, 3, padding=1).to(device).to(memory_format=torch.channels_last)
    ours = InformationDropout(nn.Softplus(), convolution, prior="log_normal", max_alpha=MAX_ALPHA).to(device)
    usual = DropoutAndConvolution(convolution).to(device)
    autocast = lambda: torch.autocast(x.device.type, torch.bfloat16) if kind == "bfloat16" else nullcontext()

    def in_precision(module: nn.Module) -> Passed:
        with autocast():
            return passed(module, x)

    def same(mine: Passed, theirs: Passed) -> bool:
        """Each is f(x) times its noise; our KL is that of the alpha that their convolution computed."""
        f, alpha = functional.softplus(x).float(), MAX_ALPHA * torch.sigmoid(theirs.kl.float())
        kl = kl_log_normal(f.clamp(min=MIN_F).log(), alpha, ours.mu, ours.log_sigma.exp())
        kept = (theirs.z.float() / f).round(decimals=1)
        near = dict(rtol=0.05, atol=0.02)
        return (
            standard_normal_about((mine.z.float() / f).log() / alpha)
            and torch.allclose(mine.kl.float(), kl, **near)
            and set(kept.unique().tolist()) == {0.0, 2.0}
        )

    return Sides(
        ours=lambda: in_precision(ours),
        peer=lambda: in_precision(usual),
        same=same,
        note=f"{kind} on both sides",
    )


def standard_normal_about(n: Tensor) -> bool:
    """Whether the numbers have mean 0 and variance 1, as far as units in bfloat16 show it."""
    return bool(n.mean().abs() < 0.1 and (n.var() - 1).abs() < 0.2)


class DropoutAndConvolution(nn.Module):
    """Binary dropout of Softplus units, and the convolution that Information Dropout would need besides."""

    def __init__(self, convolution: nn.Module):
        super().__init__()
        self.convolution = convolution
        self.activation, self.dropout = nn.Softplus(), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.dropout(self.activation(x)), self.convolution(x)
