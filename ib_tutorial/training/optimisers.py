"""torch's SGD and Adam, without the two seconds that the first optimiser of a process takes.

torch marks the methods of its optimisers that are not to be compiled. Such a method imports torch's compiler when it is first
called, and that takes as long as the import of torch itself. We compile no step of an optimiser, so we call the methods unmarked.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch


def unmarked(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method that torch's decorators are wrapped around."""
    return inspect.unwrap(method)


class Unmarked(torch.optim.Optimizer):
    """An optimiser whose steps leave torch's compiler alone."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        unmarked(torch.optim.Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        unmarked(torch.optim.Optimizer.zero_grad)(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return unmarked(torch.optim.Optimizer.state_dict)(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        unmarked(torch.optim.Optimizer.load_state_dict)(self, state_dict)


class SGD(Unmarked, torch.optim.SGD):
    """`torch.optim.SGD`, to the bit."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        return unmarked(torch.optim.SGD.step)(self, closure)


class Adam(Unmarked, torch.optim.Adam):
    """`torch.optim.Adam`, to the bit."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        return unmarked(torch.optim.Adam.step)(self, closure)
