"""Batch norm's two sets of statistics: those of noisy passes and those of clean ones.

Training shows batch norm the noisy units, and their mean and variance are not those of the clean units: exp(alpha n) has a mean above 1.
A reading with the noise off therefore needs the statistics of clean passes, and a reading with the noise on those of noisy passes.

Each measured norm holds both sets as buffers beside its running statistics, which are the clean set. `use` says which set a norm takes in
eval mode. A hook puts the set in place at each pass, and takes it out again. So a copy of the norm, its state_dict, or a move to another
device meets the running statistics as they were.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Kind = Literal["noisy", "clean"]
KINDS: tuple[Kind, Kind] = ("noisy", "clean")
RUNNING = ("running_mean", "running_var")

in_use: "WeakKeyDictionary[nn.Module, Kind]" = WeakKeyDictionary()
"""The set that each norm takes, within a `use` context."""


def norms(modules: Iterable[nn.Module]) -> list[_BatchNorm]:
    """The batch norms with running statistics among the modules."""
    return [m for m in modules if isinstance(m, _BatchNorm) and m.running_mean is not None]


def running(norm: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """The running mean and variance, and the number of batches that made them, of one of `norms`."""
    mean, var, tracked = norm.running_mean, norm.running_var, norm.num_batches_tracked
    if mean is None or var is None or tracked is None:
        raise ValueError(f"{norm} has no running statistics; it needs track_running_stats=True")
    return mean, var, tracked


def is_measured(norm: _BatchNorm, kind: Kind) -> bool:
    """Whether the set is known and belongs to the norm as it is: neither its running statistics nor its weights have changed since."""
    if not hasattr(norm, f"{kind}_mean"):
        return False
    mean, var, _ = running(norm)
    same = {"clean_mean": mean, "clean_var": var}
    if norm.affine:
        same |= {"measured_weight": norm.weight, "measured_bias": norm.bias}
    return all(torch.equal(now, getattr(norm, then)) for then, now in same.items())


@contextmanager
def use(network: nn.Module, kind: Kind) -> Iterator[None]:
    """Within this context each measured batch norm of the network takes its "noisy" or its "clean" statistics in eval mode."""
    told = norms(network.modules())
    before = [in_use.get(norm) for norm in told]
    for norm in told:
        in_use[norm] = kind
    try:
        yield
    finally:
        for norm, kind_before in zip(told, before, strict=True):
            if kind_before is None:
                in_use.pop(norm, None)
            else:
                in_use[norm] = kind_before


def take_set(norm: _BatchNorm, inputs: Any) -> None:
    """Put the set in place that the norm is told to take. This is a hook that runs before each pass."""
    kind = in_use.get(norm)
    if kind is not None and not norm.training and is_measured(norm, kind):
        norm.__dict__["own_statistics"] = [norm._buffers[name] for name in RUNNING]
        norm._buffers.update(zip(RUNNING, (norm._buffers[f"{kind}_mean"], norm._buffers[f"{kind}_var"]), strict=True))


def give_back(norm: _BatchNorm, inputs: Any, outputs: Any) -> None:
    """Put the norm's own running statistics back. This is a hook that runs after each pass, also after one that failed."""
    own = norm.__dict__.pop("own_statistics", None)
    if own is not None:
        norm._buffers.update(zip(RUNNING, own, strict=True))


def store(norm: _BatchNorm, kind: Kind, mean: Tensor, var: Tensor) -> None:
    """Store one set. The clean set becomes the running statistics too. Neither set is part of a state_dict."""
    if not hasattr(norm, "clean_mean") and not hasattr(norm, "noisy_mean"):
        norm.register_forward_pre_hook(take_set)
        norm.register_forward_hook(give_back, always_call=True)
    running_mean, running_var, _ = running(norm)
    now = {f"{kind}_mean": mean, f"{kind}_var": var}
    if norm.affine:
        now |= {"measured_weight": norm.weight.detach(), "measured_bias": norm.bias.detach()}
    for name, value in now.items():
        norm.register_buffer(name, value.to(running_mean, copy=True), persistent=False)
    if kind == "clean":
        running_mean.copy_(mean)
        running_var.copy_(var)


@torch.no_grad()
def statistics_of_passes(measured: list[_BatchNorm], passes: Callable[[], None]) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance of everything that each norm is given during `passes`, over all images, places and uses.

    The norms are in training mode meanwhile, so that each normalises by its batch, as in training. Their running statistics do not move.
    """
    count = {norm: 0 for norm in measured}
    total = {norm: running(norm)[0].new_zeros(2, norm.num_features, dtype=torch.float64) for norm in measured}

    def add(norm: _BatchNorm, inputs: tuple[Tensor]) -> None:
        units = inputs[0].double().transpose(0, 1).flatten(1)
        count[norm] += units.shape[1]
        total[norm] += torch.stack([units.sum(1), units.square().sum(1)])

    before = [(norm.training, norm.momentum, running(norm)[2].clone()) for norm in measured]
    hooks = [norm.register_forward_pre_hook(add) for norm in measured]
    try:
        for norm in measured:
            norm.training, norm.momentum = True, 0.0
        passes()
    finally:
        for hook in hooks:
            hook.remove()
        for norm, (training, momentum, tracked) in zip(measured, before, strict=True):
            norm.training, norm.momentum = training, momentum
            running(norm)[2].copy_(tracked)
    found = []
    for norm in measured:
        n = max(count[norm], 2)
        mean, square = total[norm] / n
        found.append((mean, (square - mean**2).clamp(min=0) * n / (n - 1)))
    return found


@contextmanager
def statistics_restored(network: nn.Module) -> Iterator[None]:
    """Each batch norm leaves this context with the statistics with which it entered, whatever was measured within."""
    names = (*RUNNING, "measured_weight", "measured_bias", *(f"{kind}_{what}" for kind in KINDS for what in ("mean", "var")))
    before = [
        (norm, {name: buffer.clone() for name, buffer in norm._buffers.items() if name in names and buffer is not None})
        for norm in norms(network.modules())
    ]
    try:
        yield
    finally:
        for norm, buffers in before:
            for name in names:
                if name in buffers:
                    norm.get_buffer(name).copy_(buffers[name])
                elif name in norm._buffers:
                    del norm._buffers[name]


def kept(network: nn.Module) -> dict[str, Tensor]:
    """The measured statistics of every batch norm, by name, for a file of weights. `restore` puts them back."""
    return {
        f"{name}.{kind}_{what}": getattr(norm, f"{kind}_{what}")
        for name, norm in network.named_modules()
        for kind in KINDS
        if isinstance(norm, _BatchNorm) and is_measured(norm, kind)
        for what in ("mean", "var")
    }


def restore(network: nn.Module, sets: dict[str, Tensor]) -> None:
    """Put back what `kept` returned, into a network that holds the weights of that time."""
    for name, norm in network.named_modules():
        for kind in KINDS:
            if f"{name}.{kind}_mean" in sets:
                store(norm, kind, sets[f"{name}.{kind}_mean"], sets[f"{name}.{kind}_var"])


def in_batches(items: Tensor, size: int) -> list[Tensor]:
    """Consecutive batches of `size`. A last one of a single image joins the one before: batch norm cannot train on one."""
    pieces = list(items.split(size))
    return pieces if size == 1 or len(pieces) == 1 or len(pieces[-1]) > 1 else [*pieces[:-2], torch.cat(pieces[-2:])]


@contextmanager
def modes_restored(network: nn.Module) -> Iterator[None]:
    """Each module leaves this context in the mode in which it entered, whatever happens within."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
