"""Checkpoints: one safetensors file that holds a run's tensors and, in its header, the rest as JSON. No pickle is read or written.

One file that is renamed into place is whole or absent, whenever the process is killed. Two files, for tensors and JSON, could
disagree. A checkpoint holds all that a run needs to resume to the same bits: weights, optimiser, epoch, history, random state.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_safetensors
from torch import Tensor, nn

from ib_tutorial.atomic import write_whole

FORMAT = 2
"""The format of the files that `save` writes. It rises when the random state of a run no longer means what it meant."""


def save(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors and state (anything JSON can hold) to `path`, whole or not at all. Raises OSError where it cannot be written."""
    whole = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    write_whole(path, as_safetensors(whole, {"state": json.dumps(state), "format": str(FORMAT)}))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save` wrote.

    Weights load from a file of any format up to ours. The state of a run, which `save_run` wrote, loads from our format alone.

    Raises:
        ValueError: the file is no checkpoint, or the run in it was begun under another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- safe_open is no mapping
            header = file.metadata()
        state, made_as = json.loads(header["state"]), int(header.get("format", 1))
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path.name} is not a checkpoint of this library ({error}); delete it to start anew"
        ) from error
    is_run = any(name.startswith("random.") for name in tensors)
    if made_as > FORMAT or is_run and made_as != FORMAT:
        raise ValueError(
            f"{path.name} was made with another generator layout (format {made_as}, here {FORMAT}), "
            "so its run cannot go on to the same numbers; delete it to start anew"
        )
    return tensors, state


def save_run(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Write the state of training, from which `restore_run` resumes to the same bits."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, slots in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in slots.items() if value is not None}
    tensors["random.cpu"] = torch.random.get_rng_state()
    device = next(network.parameters()).device
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(device)
    save(path, tensors, state)


def restore_run(tensors: dict[str, Tensor], network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Put weights, optimiser and random state back, in place. Every tensor keeps the memory format it has in the network."""
    state = {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
    network.load_state_dict(state)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, slot = name.split(".", 2)
            parameter = parameters[int(index)]
            like = parameter if value.dim() else parameter.new_empty(())  # Adam counts its steps in a scalar
            optimiser.state[parameter][slot] = torch.empty_like(like).copy_(value)
    torch.random.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], next(network.parameters()).device)
