"""What is done to all noise layers of a network at once: switch their noise on or off, and gather their costs."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ib_tutorial.nn import batch_norm
from ib_tutorial.nn.dropout import Costly, Deterministic, NoiseLayer


def noise_layers(network: nn.Module) -> list[NoiseLayer]:
    """Every noise layer of a network, wherever it stands."""
    return [m for m in network.modules() if isinstance(m, NoiseLayer)]


def draws_noise(network: nn.Module) -> bool:
    """Whether any layer of the network draws noise in training mode."""
    return any(not isinstance(layer, Deterministic) for layer in noise_layers(network))


@contextmanager
def noise(module: nn.Module, on: bool = True) -> Iterator[nn.Module]:
    """Within this context every noise layer of `module` draws noise (or none), whatever the training mode.

    Batch norm in training mode uses its batch, as ever. In eval mode it uses the statistics of noisy passes with the noise on and those of
    clean passes with the noise off, where both have been measured (`fit` and `recalibrate_batch_norm` do). So
    `with noise(network.eval()):` is the noisy representation at test time that the paper's Fig. 4 calls N.
    """
    layers = noise_layers(module)
    before = [layer.forced for layer in layers]
    for layer in layers:
        layer.forced = on
    try:
        with batch_norm.statistics(module, "noisy" if on else "clean"):
            yield module
    finally:
        for layer, forced in zip(layers, before, strict=True):
            layer.forced = forced


@contextmanager
def collect_kl(network: nn.Module) -> Iterator[list[Float[Tensor, "batch *units"]]]:
    """Within this context the noise layers of any network return z alone, and their costs are gathered in the list it gives.

    So a noise layer can stand in `nn.Sequential` or in somebody's block:

        with collect_kl(network) as kl_terms:
            logits = network(x)
            loss = information_bottleneck_loss(logits, y, kl_terms, beta, n_train)
            loss.backward()

    The list has one tensor of nats for each use of a noise layer, in the order of the uses. A network of this library that stands inside
    counts as a layer: it returns its output alone. A block under `torch.utils.checkpoint(..., use_reentrant=False)` computes its units again in
    the backward pass; its cost counts once, provided that `backward()` is called within the context. `Collected` is the same as a module.

    Raises:
        ValueError: the network has no noise layer.
    """
    kl_terms: list[Tensor] = []

    def gather(module: nn.Module, inputs: Any, outputs: Any) -> Any:
        return alone(outputs, kl_terms)

    handles = [layer.register_forward_hook(gather) for layer in outermost(network)]
    try:
        yield kl_terms
    finally:
        for handle in handles:
            handle.remove()


class Collected(Costly):
    """Anybody's network with its noise layers' costs: `forward(x)` returns `(output, kl_terms)`, which `fit` and `evaluate` take.

    From here on the network's noise layers return z alone, also to whoever calls the network itself.

    Args:
        network: its forward uses each noise layer as a module from x to z.

    Raises:
        ValueError: the network has no noise layer.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.kl_terms: list[Tensor] = []
        self.with_gradients = False
        for layer in outermost(network):
            layer.register_forward_hook(self.gather)

    def gather(self, layer: nn.Module, inputs: Any, outputs: Any) -> Any:
        """The hook of each noise layer: keeps its cost and passes its units on."""
        if self.with_gradients and not torch.is_grad_enabled() and any(p.requires_grad for p in layer.parameters()):
            warnings.warn(
                f"{type(layer).__name__} runs without gradients inside a pass that has them, so its cost teaches it nothing; under "
                "torch.utils.checkpoint give use_reentrant=False",
                stacklevel=2,
            )
        return alone(outputs, self.kl_terms)

    def forward(self, x: Float[Tensor, "batch *inputs"]) -> tuple[Tensor, list[Tensor]]:
        self.kl_terms, self.with_gradients = [], torch.is_grad_enabled()
        output = self.network(x)
        kl_terms, self.kl_terms, self.with_gradients = self.kl_terms, [], False
        return output, kl_terms


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


def outermost(network: nn.Module) -> list[nn.Module]:
    """The modules of a network that return their cost and stand in no other such module."""
    found: dict[nn.Module, None] = {}

    def look(module: nn.Module) -> None:
        if isinstance(module, Costly):
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
