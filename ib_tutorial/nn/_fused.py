r"""Information Dropout's noise and its cost as one operation, with a derivative written by hand.

The formulas are those of `InformationDropout.forward` and `ib_tutorial.information.kl`; the tests compare values and gradients with
them. Under autograd each of their some twenty steps writes a tensor as large as all units, keeps it for the derivative, and reads it
again there. This operation works in place, keeps only its inputs, and computes again what the derivative needs, because new memory costs
more here than an exponential. It takes the units a piece at a time, so that each piece reuses the memory of the one before.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import kl_log_normal, kl_log_uniform
from ib_tutorial.nn._normal import pieces
from ib_tutorial.nn.precision import MIN_ALPHA, MIN_F

PAYS_FROM = 2**17
"""Units from which this operation is faster than autograd, whose steps on fewer stay in the cache by themselves."""


def pays(f: Float[Tensor, "batch *units"]) -> bool:
    """Whether this operation is the faster one for so many units."""
    return f.numel() >= PAYS_FROM


class NoisyUnits(torch.autograd.Function):
    r"""(z, kl) of the units f: z = f exp(shift + alpha n), with alpha = max_alpha sigmoid(pre_activation), and its cost in nats.

    The shift is -alpha^2 / 2 if `unit_mean`, else 0. n holds standard normal numbers, one per unit. Everything is computed in the precision
    of n, and z has the precision of f. mu and sigma are those of a log-normal prior, learned or constant, and None for the log-uniform one.

    Gradients flow to all tensors but n. Where they are differentiated again, autograd takes the steps of `by_autograd`.
    """

    @staticmethod
    def forward(
        f: Float[Tensor, "batch *units"],
        pre_activation: Float[Tensor, "batch *units"],
        n: Float[Tensor, "batch *units"],
        mu: Float[Tensor, ""] | None,
        sigma: Float[Tensor, ""] | None,
        max_alpha: float,
        unit_mean: bool,
    ) -> tuple[Float[Tensor, "batch *units"], Float[Tensor, "batch *units"]]:
        z, kl = torch.empty_like(f), torch.empty_like(n)
        for f_, pre_activation_, n_, z_, kl_ in pieces(f, pre_activation, n, z, kl):
            alpha = noise_scale(pre_activation_, n, max_alpha)
            if mu is None or sigma is None:
                torch.div(alpha, max_alpha, out=kl_).log_().neg_()
            else:
                from_mean = torch.clamp(f_.to(n.dtype), min=MIN_F, out=kl_).log_().sub_(mu)
                if unit_mean:
                    from_mean.addcmul_(alpha, alpha, value=-0.5)
                squares = from_mean.mul_(from_mean).addcmul_(alpha, alpha)
                squares.mul_(0.5 / sigma**2).add_(torch.log(sigma) - 0.5)
                kl_.sub_(alpha.log())
            z_.copy_(log_noise(alpha, n_, unit_mean, out=room(z_, n)).exp_().mul_(f_))
        return z, kl

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        *tensors, ctx.max_alpha, ctx.unit_mean = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, of_z: Tensor, of_kl: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled() or is_batched(of_z) or is_batched(of_kl) or not applies():
            return differentiable_backward(ctx, of_z, of_kl)
        f, pre_activation, n, mu, sigma = ctx.saved_tensors
        of_f, of_pre_activation = torch.empty_like(f), torch.empty_like(pre_activation)
        sums = []
        for f_, pre_activation_, n_, of_z_, of_kl_, of_f_, of_pre_activation_ in pieces(
            f, pre_activation, n, of_z, of_kl, of_f, of_pre_activation
        ):
            alpha = noise_scale(pre_activation_, n, ctx.max_alpha)
            log_eps = log_noise(alpha, n_, ctx.unit_mean, out=room(of_pre_activation_, n))
            through_z = torch.exp(log_eps, out=room(of_f_, n)).mul_(of_z_)
            if ctx.unit_mean:
                log_eps.addcmul_(alpha, alpha, value=-0.5)  # now alpha n - alpha^2, its own derivative by log alpha
            of_log_alpha = log_eps.mul_(through_z).mul_(f_).sub_(of_kl_)
            if mu is None or sigma is None:
                of_f_.copy_(through_z)
            else:
                from_mean, floored = log_floored(f_, n)
                from_mean.sub_(mu)
                if ctx.unit_mean:
                    from_mean.addcmul_(alpha, alpha, value=-0.5)
                weights = of_kl_ * sigma**-2
                of_log_f = from_mean * weights
                if ctx.unit_mean:
                    of_log_alpha.addcmul_(alpha * alpha, of_log_f, value=-1)
                weighted_squares = weights.mul_(alpha).mul_(alpha)
                of_log_alpha.add_(weighted_squares)
                weighted_squares.addcmul_(from_mean, of_log_f)
                sums.append(torch.stack([of_log_f.sum(), weighted_squares.sum(), of_kl_.sum()]))
                of_f_.copy_(through_z.addcdiv_(zero_unless_above(MIN_F, floored, of_log_f), floored))
            zero_unless_above(MIN_ALPHA, alpha, of_log_alpha)
            of_pre_activation_.copy_(of_log_alpha.addcmul_(of_log_alpha, alpha.div_(ctx.max_alpha), value=-1))
        if mu is None or sigma is None:
            return of_f, of_pre_activation, None, None, None, None, None
        of_log_f, weighted_squares, of_kl = torch.stack(sums).sum(0)
        return of_f, of_pre_activation, None, -of_log_f, (of_kl - weighted_squares) / sigma, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        """Compute a stack of layers, one after another."""
        of_each = [
            NoisyUnits.apply(
                *(
                    given if dim is None else given.select(dim, place)
                    for given, dim in zip(inputs, in_dims, strict=True)
                )
            )
            for place in range(info.batch_size)
        ]
        z, kl = zip(*of_each, strict=True)
        return (torch.stack(z), torch.stack(kl)), (0, 0)


def by_autograd(
    f: Float[Tensor, "batch *units"],
    pre_activation: Float[Tensor, "batch *units"],
    n: Float[Tensor, "batch *units"],
    mu: Float[Tensor, ""] | None,
    sigma: Float[Tensor, ""] | None,
    max_alpha: float,
    unit_mean: bool,
) -> tuple[Float[Tensor, "batch *units"], Float[Tensor, "batch *units"]]:
    """(z, kl) as `NoisyUnits` computes them, in steps of which autograd knows every derivative."""
    alpha = (max_alpha * torch.sigmoid(pre_activation.to(n.dtype))).clamp(min=MIN_ALPHA)
    shift = -(alpha**2) / 2 if unit_mean else 0.0
    z = f * torch.exp(shift + alpha * n).to(f.dtype)
    if mu is None or sigma is None:
        return z, kl_log_uniform(alpha, max_alpha)
    return z, kl_log_normal(log_floored(f, n)[0] + shift, alpha, mu, sigma)


def differentiable_backward(ctx: Any, of_z: Tensor, of_kl: Tensor) -> tuple[Tensor | None, ...]:
    """What `NoisyUnits.backward` returns, in steps that can be differentiated again and taken for many gradients at once."""
    with torch.enable_grad():
        # views of their own: a tensor that is given twice, as f and as pre_activation, gets a gradient for each
        inputs: list[Any] = [None if given is None else given.view_as(given) for given in ctx.saved_tensors]
        outputs = by_autograd(*[*inputs, ctx.max_alpha, ctx.unit_mean])
        wanted = [place for place in range(len(inputs)) if ctx.needs_input_grad[place] and inputs[place] is not None]
        gradients = torch.autograd.grad(outputs, [inputs[place] for place in wanted], (of_z, of_kl), create_graph=True)
    found = dict(zip(wanted, gradients, strict=True))
    return tuple(found.get(place) for place in range(len(ctx.needs_input_grad)))


def applies() -> bool:
    """Whether `NoisyUnits` may take the place of its formulas. A compiler fuses them by itself, and forward mode needs their steps."""
    return not torch.compiler.is_compiling() and torch.autograd.forward_ad._current_level < 0


def is_batched(gradient: Tensor) -> bool:
    """Whether it holds many gradients that are taken at once (vmap, is_grads_batched). In-place steps have no room for them."""
    return torch._C._functorch.is_batchedtensor(gradient) or torch._C._functorch.is_legacy_batchedtensor(gradient)


def noise_scale(pre_activation: Tensor, like: Tensor, max_alpha: float) -> Tensor:
    """alpha, a new tensor in the precision of `like`."""
    return torch.sigmoid(pre_activation.to(like.dtype)).mul_(max_alpha).clamp_(min=MIN_ALPHA)


def log_noise(alpha: Tensor, n: Tensor, unit_mean: bool, out: Tensor | None = None) -> Tensor:
    """log eps = shift + alpha n."""
    log_eps = torch.mul(alpha, n, out=out)
    return log_eps.addcmul_(alpha, alpha, value=-0.5) if unit_mean else log_eps


def room(out: Tensor, like: Tensor) -> Tensor | None:
    """`out` if it has the precision of `like`, so that it can hold intermediate results too; else None."""
    return out if out.dtype == like.dtype else None


def log_floored(f: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """log max(f, MIN_F) and max(f, MIN_F), in the precision of `like`."""
    floored = f.to(like.dtype).clamp(min=MIN_F)
    return floored.log(), floored


def zero_unless_above(least: float, x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient, in place, with zeros where x is at its least value, clamped or (unlike autograd) by itself."""
    return torch.ops.aten.threshold_backward(gradient, x, least, grad_input=gradient)  # one pass, without a mask
