"""Random numbers with a generator for each purpose, so that initialisation, order of the images and noise do not change each other."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose, such as ("noise", epoch), that tells nothing about those for others. In [0, 2^63)."""
    name = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator of its own for one purpose."""
    return torch.Generator().manual_seed(derived_seed(seed, *purpose))


def initialised(build: Callable[[], Network], seed: int) -> Network:
    """The network that `build` makes, its weights drawn from the seed. The caller's random state is left as it was.

    The library's networks draw all that methods share first: at one seed, networks that differ in their noise alone start from the same f.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "initialisation"))
        return build()
