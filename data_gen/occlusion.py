"""Occluded CIFAR: a photograph with a digit painted over it in white, so that two questions can be asked of one image.

The paper says only that the image is occluded by an MNIST digit. Ours: with the digit as m in [0, 1], centred and then shifted by
up to two pixels each way, uniformly,

    image * (1 - m) + m,

which is white where the digit has ink. On 32x32 images a 28x28 digit always lies inside. Train digits go over train images, test
digits over test images: pass the splits that belong together.

    images, digits = load("shapes32"), load("mnist5k")
    both = occluded(images.images, images.labels, digits.images, digits.labels, seed=0)
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, Integer, UInt8
from torch import Tensor

from .arguments import images_as_bytes, labels_of, seed_and_epoch, whole, whole_numbers
from .errors import DataError
from .memory import unwritten
from .placing import placed
from .randomness import below, deck, words

BATCH = 1024


class Occluded(NamedTuple):
    """Occluded images, both labels, and what occludes them."""

    images: UInt8[Tensor, "n height width channels"]  #: the occluded images
    labels: Int64[Tensor, " n"]  #: of what is occluded
    digit_labels: Int64[Tensor, " n"]  #: of what occludes
    mask: UInt8[Tensor, "n height width 1"]  #: 255 m


class OcclusionPlan(NamedTuple):
    """Every random choice behind a batch of images, int64 on the CPU."""

    digit: np.ndarray  #: (n,) which digit
    place: np.ndarray  #: (n, 2) row and column of its top left corner


def occlusion_plan(
    indices: np.ndarray, n_digits: int, centre: tuple[int, int], *, shift: int, seed: int, epoch: int = 0
) -> OcclusionPlan:
    """The digit that goes over each of the images `indices`, and its place. Digits are dealt as cards; shifts are independent and uniform."""
    draws = words(seed, epoch, "occlude", indices, 2)
    return OcclusionPlan(
        deck(seed, epoch, "occlude", indices, n_digits), np.array(centre) - shift + below(draws, 2 * shift + 1)
    )


def occluded(
    images: UInt8[Tensor | np.ndarray, "n_images height width channels"],
    labels: Integer[Tensor | np.ndarray, " n_images"],
    digits: UInt8[Tensor | np.ndarray, "n_digits digit_height digit_width 1"],
    digit_labels: Integer[Tensor | np.ndarray, " n_digits"],
    *,
    seed: int,
    shift: int = 2,
    indices: Integer[Tensor | np.ndarray, " n"] | None = None,
    epoch: int = 0,
) -> Occluded:
    """Images `indices` (None: all, in order) with a digit over each, on the device of `images`.

    The digit of image i follows from (seed, epoch, i) alone, and does not depend on the other indices. Memory beyond the result is that
    of a batch.

    Args:
        images: what is occluded, as bytes (0 to 255), torch or numpy; any number of channels.
        labels: a whole number for each of them.
        digits: what occludes, as bytes in one channel.
        digit_labels: a whole number for each of them.
        seed: names the set, together with `epoch`.
        shift: the digit is off the centre by at most this many pixels each way.
        indices: which images to make.
        epoch: another epoch gives an image another digit.

    Returns:
        The images, as bytes, with both labels and with the mask.

    Raises:
        DataError: images or digits are no bytes in the order (number, height, width, channels), a label is missing, the digit would not
            fit, or a number is out of its range.
    """
    images, digits = images_as_bytes(images, "images"), images_as_bytes(digits, "digits")
    (n_images, height, width, channels), (n_digits, digit_height, digit_width, grey) = images.shape, digits.shape
    labels = labels_of(labels, "labels", n_images, "images", images.device)
    digit_labels = labels_of(digit_labels, "digit_labels", n_digits, "digits", digits.device)
    if n_digits == 0:
        raise DataError("0 digits: occluded() needs at least one digit.")
    if grey != 1:
        raise DataError(f"digits has {grey} channels: a mask has one.")
    seed, epoch = seed_and_epoch(seed, epoch)
    centre = ((height - digit_height) // 2, (width - digit_width) // 2)
    if min(centre) < 0:
        raise DataError(f"a {digit_height}x{digit_width} digit does not fit into a {height}x{width} image.")
    inside = f"so that a {digit_height}x{digit_width} digit stays inside a {height}x{width} image"
    shift = whole(shift, "shift", 0, min(centre), inside)
    wanted = np.arange(n_images) if indices is None else whole_numbers(indices, "indices").cpu().numpy()
    if wanted.size and not 0 <= wanted.min() <= wanted.max() < n_images:
        raise DataError(
            f"indices from {wanted.min()} to {wanted.max()}: there are {n_images} images, 0 to {n_images - 1}."
        )

    device, n = images.device, len(wanted)
    result = Occluded(
        unwritten(n, height, width, channels, device=device),
        torch.empty(n, dtype=torch.int64, device=device),
        torch.empty(n, dtype=torch.int64, device=device),
        unwritten(n, height, width, 1, device=device),
    )
    # Most of the mask has no ink, and there blending changes nothing: we look at up to 8 pixels at a time, one word of the mask.
    group = math.gcd(height * width, 8)
    word = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[group]
    for first in range(0, n, BATCH):
        here = slice(first, first + BATCH)
        which = torch.from_numpy(wanted[here]).to(device)
        plan = occlusion_plan(wanted[here], n_digits, centre, shift=shift, seed=seed, epoch=epoch)
        digit, place = (torch.from_numpy(part).to(device) for part in plan)
        over = digits.index_select(0, digit.to(digits.device)).to(device)
        mask = placed(over, place, height, width, out=result.mask[here])
        pixels = torch.index_select(images, 0, which, out=result.images[here])
        inked = mask.flatten().view(word).nonzero()[:, 0]
        ink, under = (part.view(-1, group, part.shape[-1]).index_select(0, inked) for part in (mask, pixels))
        blended = blend(under, ink).flatten().view(word).view(-1, channels)
        pixels.view(-1).view(word).view(-1, channels).index_copy_(0, inked, blended)
        result.labels[here] = labels[which]
        result.digit_labels[here] = digit_labels[digit.to(digit_labels.device)].to(device)
    return result


def blend(
    image: UInt8[Tensor, "*pixels channels"], mask: UInt8[Tensor, "*pixels 1"]
) -> UInt8[Tensor, "*pixels channels"]:
    """image * (1 - m) + m for m = mask / 255, rounded to the nearest integer: exact on every device.

    For 0 <= x <= 65,025, x / 255 rounded to the nearest integer is (t + (t >> 8)) >> 8 with t = x + 128 (Blinn 1995). t has 16 bits,
    and torch's 16-bit integers have a sign. Their sums and products have the right bits, and after a shift we drop the bits of the sign.
    """
    mask = torch.cat([mask] * image.shape[-1], dim=-1)  # once, as broadcasting along a short last dimension is slow
    t = (~image).to(torch.int16).mul_(mask.to(torch.int16)).add_(128)
    t += (t >> 8).bitwise_and_(255)
    return t.bitwise_right_shift_(8).to(torch.uint8).add_(image)
