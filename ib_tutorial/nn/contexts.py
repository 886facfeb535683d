"""Operations on a whole network: they switch its noise on or off, measure batch norm's statistics for either, and gather its costs."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ib_tutorial.nn import batch_norm
from ib_tutorial.nn.dropout import Costly, Deterministic, InformationDropout, NoiseLayer


def noise_layers(network: nn.Module) -> list[NoiseLayer]:
    """Every noise layer of a network, wherever it stands."""
    return [m for m in network.modules() if isinstance(m, NoiseLayer)]


def draws_noise(network: nn.Module) -> bool:
    """Whether any layer of the network draws noise in training mode."""
    return any(not isinstance(layer, Deterministic) for layer in noise_layers(network))


@contextmanager
def noise(module: nn.Module, on: bool = True) -> Iterator[nn.Module]:
    """Within this context every noise layer of `module` draws noise (or none), whatever the training mode.

    Batch norm in training mode uses its batch, as always. In eval mode it uses the statistics of noisy passes with the noise on and those of
    clean passes with the noise off, where they have been measured (`fit` and `recalibrate_batch_norm` do). So
    `with noise(network.eval()):` is the noisy representation at test time that the paper's Fig. 4 calls N.
    """
    layers = noise_layers(module)
    before = [layer.forced for layer in layers]
    for layer in layers:
        layer.forced = on
    try:
        with batch_norm.use(module, "noisy" if on else "clean"):
            yield module
    finally:
        for layer, forced in zip(layers, before, strict=True):
            layer.forced = forced


def modules_in_training(network: nn.Module) -> list[nn.Module]:
    """The modules that `fit` puts in training mode: all but those of frozen parts.

    In a network in training mode, a part that is in eval mode is frozen. In a network in eval mode, a part is frozen if none of its parameters
    takes a gradient although others of the network do.
    """
    if network.training:
        return [m for m in network.modules() if m.training]
    none_moves = not any(p.requires_grad for p in network.parameters())

    def is_frozen(module: nn.Module) -> bool:
        parameters = list(module.parameters())
        return bool(parameters) and not none_moves and not any(p.requires_grad for p in parameters)

    def unfrozen(module: nn.Module) -> Iterator[nn.Module]:
        if not is_frozen(module):
            yield module
            for child in module.children():
                yield from unfrozen(child)

    return list(dict.fromkeys(unfrozen(network)))


def measure_batch_norm(
    network: nn.Module, norms: list[_BatchNorm], batches: Callable[[], Iterable[Tensor]], forward: Callable[[Tensor], object]
) -> None:
    """Measure both sets of statistics of `norms`, each under the switches of a reading: eval mode, and the noise on or off in all layers.

    Args:
        norms: batch norms of the network; the others keep the statistics that they have.
        batches: returns images, batch by batch; called once for each set.
        forward: sends a batch through the network.
    """
    if not norms:
        return
    kinds: Sequence[batch_norm.Kind] = batch_norm.KINDS if draws_noise(network) else ("clean",)
    with batch_norm.modes_restored(network):
        network.eval()
        for kind in kinds:

            def passes() -> None:
                for batch in batches():
                    forward(batch)

            with noise(network, on=kind == "noisy"):
                found = batch_norm.statistics_of_passes(norms, passes)
            for norm, (mean, var) in zip(norms, found, strict=True):
                for each in (kind,) if len(kinds) == 2 else batch_norm.KINDS:
                    batch_norm.store(norm, each, mean, var)


@contextmanager
def collect_kl(network: nn.Module) -> Iterator[list[Float[Tensor, "batch *units"]]]:
    """Within this context the noise layers of any network return z alone, and their costs are gathered in the list it gives.

    So a noise layer can stand in `nn.Sequential` or in somebody's block::

        with collect_kl(network) as kl_terms:
            logits = network(x)
            loss = information_bottleneck_loss(logits, y, kl_terms, beta, n_train)
            loss.backward()

    The list has one tensor of nats for each use of a noise layer, in the order of the uses. A `NoisyNetwork` inside returns its output alone,
    and its costs join the list. A block under `torch.utils.checkpoint(..., use_reentrant=False)` computes its units again in
    the backward pass; its cost counts once, provided that `backward()` is called within the context. `Collected` does the same as a module.
    Under torch.compile, the network's first call must be within the context. The costs of a network that was called before stay out of the
    list.

    Raises:
        ValueError: the network has no noise layer, or its costs are collected already; at the end of the context, a compiled network has left
            the list empty.
    """
    kl_terms: list[Tensor] = []

    def gather(module: nn.Module, inputs: Any, outputs: Any) -> Any:
        return alone(outputs, kl_terms)

    layers = outermost(network)
    handles = [layer.register_forward_hook(gather) for layer in layers]
    for layer in layers:
        layer.collected = True
    try:
        yield kl_terms
        if not kl_terms and is_compiled(network):
            raise ValueError(
                "no cost was collected: the compiled network was called before, outside of collect_kl, or it was not called here. torch does "
                "not notice later that costs are to be gathered; call torch.compiler.reset(), and call the network within collect_kl first"
            )
    finally:
        for layer, handle in zip(layers, handles, strict=True):
            handle.remove()
            layer.collected = False


def is_compiled(network: nn.Module) -> bool:
    """Whether torch.compile, or a module's own compile(), has been applied to the network or to a part of it."""
    return any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None for m in network.modules())


class Collected(Costly):
    """Anybody's network with its noise layers' costs: `forward(x)` returns `(output, kl_terms)`, which `fit` and `evaluate` take.

    From here on the network's noise layers return z alone, also to whoever calls the network itself. It starts in the network's mode.

    Args:
        network: its forward uses each noise layer as a module from x to z.

    Raises:
        ValueError: the network has no noise layer, or its costs are collected already.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.kl_terms: list[Tensor] | None = None
        self.with_gradients = False
        for layer in outermost(network):
            layer.register_forward_hook(self.gather)
            layer.collected = True
        self.training = network.training

    def gather(self, layer: nn.Module, inputs: Any, outputs: Any) -> Any:
        """The hook of each noise layer: keeps its cost during `forward`, and passes its units on."""
        if self.kl_terms is None:
            return outputs[0]
        if self.with_gradients and not torch.is_grad_enabled() and any(p.requires_grad for p in layer.parameters()):
            warnings.warn(
                f"{type(layer).__name__} runs without gradients inside a pass that has them, so its cost does not change its weights; under "
                "torch.utils.checkpoint give use_reentrant=False",
                stacklevel=2,
            )
        return alone(outputs, self.kl_terms)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Tensor, list[Tensor]]:
        self.kl_terms, self.with_gradients = [], torch.is_grad_enabled()
        try:
            return self.network(x), self.kl_terms
        finally:
            self.kl_terms = None

    @torch.no_grad()
    def noise_scales(self, x: Float[Tensor, "batch *inputs"]) -> list[Tensor]:
        """alpha(x) of each Information Dropout layer, with the layers below drawing noise or not as they are set to."""
        return observed_scales(self, x)


def observed_scales(network: nn.Module, x: Float[Tensor, "batch *inputs"]) -> list[Tensor]:
    """alpha(x) of each Information Dropout layer in one pass of the network, in the order of their uses."""
    scales: list[Tensor] = []

    def note(layer: InformationDropout, inputs: tuple[Tensor]) -> None:
        scales.append(layer.noise_scale(*inputs))

    layers = [layer for layer in noise_layers(network) if isinstance(layer, InformationDropout)]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    return scales


@contextmanager
def observe_kl(network: nn.Module) -> Iterator[list[Float[Tensor, "batch *units"]]]:
    """Within this context the cost of each use of a noise layer of `network` is noted in the list it gives; nothing else changes."""
    kl_terms: list[Tensor] = []

    def note(layer: nn.Module, inputs: Any, outputs: tuple[Tensor, Tensor]) -> None:
        alone(outputs, kl_terms)

    handles = [layer.register_forward_hook(note, prepend=True) for layer in noise_layers(network)]
    try:
        yield kl_terms
    finally:
        for handle in handles:
            handle.remove()


def outermost(network: nn.Module) -> list[Costly]:
    """The modules of a network that return their cost and stand in no other such module."""
    found: dict[Costly, None] = {}

    def look(module: nn.Module) -> None:
        if isinstance(module, Costly):
            if module.collected:
                raise ValueError(f"the cost of {type(module).__name__} is collected already, by a Collected or collect_kl around it")
            found[module] = None
        else:
            for child in module.children():
                look(child)

    look(network)
    if not found:
        raise ValueError(
            f"{type(network).__name__} has no noise layer whose cost could be collected; put in one of ib_tutorial.nn, such as InformationDropout"
        )
    return list(found)


def alone(outputs: tuple[Tensor, Tensor | list[Tensor]], kl_terms: list[Tensor]) -> Tensor:
    """The output without its cost, which joins `kl_terms` unless the backward pass is computing it again."""
    output, kl = outputs
    if not in_backward():
        kl_terms.extend([kl] if isinstance(kl, Tensor) else kl)
    return output


def in_backward() -> bool:
    """Whether autograd is running a backward pass in this thread; torch.utils.checkpoint asks the same way."""
    return torch._C._current_graph_task_id() != -1
