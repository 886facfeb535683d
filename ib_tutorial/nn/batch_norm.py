"""Batch norm's two sets of statistics: those of noisy passes and those of clean ones.

Training shows batch norm the noisy units, and their mean and variance are not those of the clean units: exp(alpha n) has a mean above 1.
A reading with the noise off therefore needs the statistics of clean passes, and a reading with the noise on those of noisy passes.
`measure` takes both from images and keeps them beside the running statistics; `statistics` puts one of them in place for a while.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

KINDS = ("noisy", "clean")


def norms(modules: Iterable[nn.Module]) -> list[_BatchNorm]:
    """Those of the modules that are batch norms with running statistics."""
    return [m for m in modules if isinstance(m, _BatchNorm) and m.running_mean is not None]


def is_measured(norm: _BatchNorm, kind: str) -> bool:
    """Whether the set is known and no training step has been taken since."""
    return hasattr(norm, f"{kind}_mean") and norm.measured_at == norm.num_batches_tracked.item()


@contextmanager
def statistics(network: nn.Module, kind: str) -> Iterator[None]:
    """Within this context each batch norm in eval mode that was measured uses its "noisy" or its "clean" statistics."""
    replaced = [norm for norm in norms(network.modules()) if not norm.training and is_measured(norm, kind)]
    before = [(norm.running_mean, norm.running_var) for norm in replaced]
    for norm in replaced:
        norm.running_mean, norm.running_var = getattr(norm, f"{kind}_mean"), getattr(norm, f"{kind}_var")
    try:
        yield
    finally:
        for norm, (mean, var) in zip(replaced, before, strict=True):
            norm.running_mean, norm.running_var = mean, var


@torch.no_grad()
def measure(
    network: nn.Module,
    trained: Iterable[nn.Module],
    batches: Callable[[], Iterable[Tensor]],
    forward: Callable[[Tensor], object],
    noisy_differs: bool,
) -> None:
    """Measure both sets of the batch norms among `trained`, and leave the clean one in their running statistics.

    Args:
        network: its modules' modes are changed here, and restored by the caller.
        trained: the modules that training moves. For noisy passes they are in training mode and all others in eval mode.
        batches: returns the images, batch by batch; called once for each set.
        forward: sends a batch through the network.
        noisy_differs: False where the network draws no noise, so that one set of passes serves for both.
    """
    trained = list(trained)
    measured = norms(trained)
    if not measured:
        return
    found = {"clean": passed(network, measured, measured, batches, forward)}
    found["noisy"] = passed(network, measured, trained, batches, forward) if noisy_differs else found["clean"]
    for place, norm in enumerate(measured):
        for kind in KINDS:
            keep(norm, kind, *found[kind][place])
        norm.running_mean.copy_(norm.clean_mean)
        norm.running_var.copy_(norm.clean_var)


def passed(
    network: nn.Module,
    measured: list[_BatchNorm],
    training: list[nn.Module],
    batches: Callable[[], Iterable[Tensor]],
    forward: Callable[[Tensor], object],
) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance of each norm's input over all batches, each batch weighing as many images as it has."""
    before = [(n.running_mean.clone(), n.running_var.clone(), n.num_batches_tracked.clone(), n.momentum) for n in measured]
    network.eval()
    for module in training:
        module.training = True
    try:
        images = 0
        for batch in batches():
            images += len(batch)
            for norm in measured:
                norm.momentum = len(batch) / images  # makes the running average that over all images so far
            forward(batch)
        return [(norm.running_mean.clone(), norm.running_var.clone()) for norm in measured]
    finally:
        for norm, (mean, var, tracked, momentum) in zip(measured, before, strict=True):
            norm.momentum = momentum
            for own, value in ((norm.running_mean, mean), (norm.running_var, var), (norm.num_batches_tracked, tracked)):
                own.copy_(value)


def keep(norm: _BatchNorm, kind: str, mean: Tensor, var: Tensor) -> None:
    """Store one set as buffers that move and are copied with the module, but are no part of its state_dict."""
    norm.measured_at = norm.num_batches_tracked.item()
    for name, value in ((f"{kind}_mean", mean), (f"{kind}_var", var)):
        norm.register_buffer(name, value.clone(), persistent=False)


@contextmanager
def statistics_restored(network: nn.Module) -> Iterator[None]:
    """Each batch norm leaves this context with the statistics with which it entered, whatever was measured within."""
    names = ("running_mean", "running_var", *(f"{kind}_{what}" for kind in KINDS for what in ("mean", "var")))
    before = [
        (norm, getattr(norm, "measured_at", None), {n: norm._buffers[n].clone() for n in names if n in norm._buffers})
        for norm in norms(network.modules())
    ]
    try:
        yield
    finally:
        for norm, measured_at, buffers in before:
            norm.measured_at = measured_at
            for name in names:
                if name in buffers:
                    norm._buffers[name].copy_(buffers[name])
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
    """Put back what `kept` returned."""
    for name, norm in network.named_modules():
        for kind in KINDS:
            if f"{name}.{kind}_mean" in sets:
                keep(norm, kind, sets[f"{name}.{kind}_mean"], sets[f"{name}.{kind}_var"])


def in_batches(items: Tensor, size: int) -> list[Tensor]:
    """Consecutive batches of `size`. A last one of a single image joins the one before: batch norm cannot train on one."""
    pieces = list(items.split(size))
    return pieces if size == 1 or len(pieces) == 1 or len(pieces[-1]) > 1 else [*pieces[:-2], torch.cat(pieces[-2:])]


def trained_modules(network: nn.Module) -> list[nn.Module]:
    """The modules that training moves; those of a frozen part, which stay in eval mode, are left out.

    A part is frozen if it is in eval mode inside a network in training mode. In a network that is in eval mode as a whole, a part is frozen if
    none of its parameters takes a gradient.
    """
    if network.training:
        return [m for m in network.modules() if m.training]

    def is_frozen(module: nn.Module) -> bool:
        parameters = list(module.parameters())
        return bool(parameters) and not any(p.requires_grad for p in parameters)

    def unfrozen(module: nn.Module) -> Iterator[nn.Module]:
        if not is_frozen(module):
            yield module
            yield from chain.from_iterable(map(unfrozen, module.children()))

    return list(dict.fromkeys(unfrozen(network)))


@contextmanager
def modes_restored(network: nn.Module) -> Iterator[None]:
    """Each module leaves this context in the mode in which it entered, whatever happens within."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
