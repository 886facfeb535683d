"""Checks of the generators' arguments: whole numbers in a range, images of bytes, a label for each image."""

import operator
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from .errors import DataError

MOST_CHANNELS_OF_PLANES = 4  # (n, c, height, width) has at most so many; a last dimension that is larger is then a width
LAST_INDEX = 2**62  # of an image in a set: what is computed from it fits 64 bits
SEEDS = 2**64


def whole(value: Any, name: str, low: int, high: int, why: str = "") -> int:
    """`value` as a Python integer. Raises DataError unless it is a whole number from `low` to `high`; `why` gives the reason for the range."""
    try:
        number = operator.index(value)
    except TypeError:
        raise DataError(f"{name}={value!r}: it must be a whole number.") from None
    if not low <= number <= high:
        raise DataError(f"{name}={number}: it must be {low} to {high}{why and ', ' + why}.")
    return number


def seed_and_epoch(seed: object, epoch: object) -> tuple[int, int]:
    """Both as integers. Raises DataError unless they lie from 0 to 2^64 - 1, where different numbers name different draws."""
    return whole(seed, "seed", 0, SEEDS - 1), whole(epoch, "epoch", 0, SEEDS - 1)


def stretch(n: object, start: object) -> tuple[int, int]:
    """How many images and the index of the first, as integers. Raises DataError unless both are 0 or more."""
    start = whole(start, "start", 0, LAST_INDEX)
    return whole(n, "n", 0, LAST_INDEX - start), start


def images_as_bytes(images: object, name: str) -> UInt8[Tensor, "n height width channels"]:
    """`images`, torch or numpy, as a tensor with the same memory where that is possible.

    Raises DataError unless they are uint8 in the order (number, height, width, channels); it says how to make them so.
    """
    if not isinstance(images, Tensor | np.ndarray):
        raise DataError(f"{name} is a {type(images).__name__}: it must be a tensor of torch or an array of numpy.")
    kind = str(images.dtype).removeprefix("torch.")
    if kind != "uint8":
        raise DataError(
            f"{name} holds {kind}: it must hold bytes (uint8, 0 to 255), as load() returns them. Make floats of the result instead, "
            f"or turn floats from 0 to 1 back into bytes: ({name} * 255).round() as uint8."
        )
    shape = tuple(images.shape)
    if len(shape) != 4:
        advice = f" One grey channel is added by {name}[..., None]." if len(shape) == 3 else ""
        raise DataError(
            f"{name} has the shape {shape}: it needs four dimensions (number, height, width, channels).{advice}"
        )
    if shape[1] <= MOST_CHANNELS_OF_PLANES < min(shape[2:]):
        order = "permute" if isinstance(images, Tensor) else "transpose"
        raise DataError(
            f"{name} has the shape {shape}, which looks like (number, channels, height, width). It needs (number, height, width, "
            f"channels): {name}.{order}(0, 2, 3, 1)."
        )
    if 0 in shape[1:]:
        raise DataError(f"{name} has the shape {shape}: an image needs at least one pixel and one channel.")
    return _tensor(images)


def whole_numbers(values: object, name: str) -> Int64[Tensor, " n"]:
    """`values`, torch or numpy, as int64. Raises DataError unless they are integers in one dimension."""
    if not isinstance(values, Tensor | np.ndarray):
        raise DataError(f"{name} is a {type(values).__name__}: it must be a tensor of torch or an array of numpy.")
    kind = str(values.dtype).removeprefix("torch.") if isinstance(values, Tensor) else values.dtype.name
    if len(values.shape) != 1 or not kind.startswith(("int", "uint")):
        raise DataError(f"{name} has the shape {tuple(values.shape)} and holds {kind}: it must be one row of integers.")
    return _tensor(values if isinstance(values, Tensor) else values.astype(np.int64, copy=False)).long()


def labels_of(labels: object, name: str, n: int, whose: str, device: torch.device) -> Int64[Tensor, " n"]:
    """`labels` as int64 on `device`. Raises DataError unless there is a whole number for each of the `n` images in `whose`."""
    found = whole_numbers(labels, name)
    if len(found) != n:
        raise DataError(f"{n} {whose} and {len(found)} {name}: there must be a label for each.")
    return found.to(device)


def _tensor(array: Tensor | np.ndarray) -> Tensor:
    """A tensor over the array's memory, or over a copy of it if the array is read-only or has negative steps, which torch cannot use."""
    if isinstance(array, Tensor):
        return array
    plain = array.flags.writeable and min(array.strides, default=0) >= 0 and array.dtype.isnative
    return torch.from_numpy(array if plain else np.array(array, array.dtype.newbyteorder("="), order="C"))
