"""Cluttered MNIST: one whole digit on a large black canvas, among small pieces of other digits.

As the paper has it (and the authors' code): 21 distractors, 8x8 crops at random places of random digits, are added at random
places of a 96x96 canvas; then the digit is added at a random place; the sum is clamped to [0, 255].

    train = load("mnist5k")
    clutter = cluttered(train.images, train.labels, n=1000, seed=0)

Image i is a function of (seed, epoch, i) alone, so a training loop draws what it needs and keeps nothing:

    for start in range(0, n, 128):
        batch = cluttered(train.images, train.labels, n=128, start=start, epoch=epoch, seed=0)
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, Integer, UInt8
from torch import Tensor

from .arguments import images_as_bytes, labels_of, seed_and_epoch, stretch, whole
from .errors import DataError
from .memory import unwritten
from .placing import placed
from .randomness import below, deck, words

MOST_DISTRACTORS = 2**23 - 1  # their bytes, and the digit's, add up to less than 2^31
LARGEST = 2**15  # canvas, in pixels a side
BATCH = 256  # images composed at a time: enough to hide the cost of a call, few enough to stay in a core's cache


class Cluttered(NamedTuple):
    """Cluttered images and what is where in them. Boxes are (top, left, bottom, right), the last two exclusive."""

    images: UInt8[Tensor, "n size size channels"]  #: the canvases
    labels: Int64[Tensor, " n"]  #: of the digits
    box: Int64[Tensor, "n 4"]  #: where the digit's image was added
    distractors: Int64[Tensor, "n n_distractors 4"]  #: where each distractor was added


class ClutterPlan(NamedTuple):
    """Every random choice behind a batch of images, int64 on the CPU."""

    digit: np.ndarray  #: (n,) which image is the digit
    place: np.ndarray  #: (n, 2) its row and column on the canvas
    source: np.ndarray  #: (n, n_distractors) which image each distractor is cut from
    cut: np.ndarray  #: (n, n_distractors, 2) where it is cut
    put: np.ndarray  #: (n, n_distractors, 2) where it is added


def clutter_plan(
    indices: np.ndarray,
    image_shape: tuple[int, int, int],
    *,
    size: int,
    n_distractors: int,
    distractor: int,
    seed: int,
    epoch: int = 0,
) -> ClutterPlan:
    """The random choices for images `indices` of the set, whose pieces come from images of shape (n_images, height, width).

    The digits are dealt as cards, so that n images show n different digits if there are as many. Everything else is independent and
    uniform. Draws 5k .. 5k+4 are distractor k's image, cut and put. The last two draws are the digit's place.
    """
    n_images, height, width = image_shape
    bounds = [n_images, height - distractor + 1, width - distractor + 1] + [size - distractor + 1] * 2
    bounds = bounds * n_distractors + [size - height + 1, size - width + 1]
    draws = below(words(seed, epoch, "clutter", indices, len(bounds)), np.array(bounds))
    pieces = draws[:, :-2].reshape(len(indices), n_distractors, 5)
    return ClutterPlan(
        digit=deck(seed, epoch, "clutter", indices, n_images),
        place=draws[:, -2:],
        source=pieces[..., 0],
        cut=pieces[..., 1:3],
        put=pieces[..., 3:5],
    )


def cluttered(
    images: UInt8[Tensor | np.ndarray, "n_images height width channels"],
    labels: Integer[Tensor | np.ndarray, " n_images"],
    *,
    n: int,
    size: int = 96,
    n_distractors: int = 21,
    distractor: int = 8,
    seed: int,
    start: int = 0,
    epoch: int = 0,
) -> Cluttered:
    """Images `start` to `start + n - 1` of the cluttered set that (seed, epoch) names, on the device of `images`.

    Memory beyond the result is that of a batch.

    Args:
        images: the digits, as bytes (0 to 255), torch or numpy; any number of channels.
        labels: a whole number for each of them.
        n: how many images to make.
        size: the side of the canvas, in pixels.
        n_distractors: how many pieces lie on each canvas.
        distractor: the side of a piece, in pixels.
        seed: names the set, together with `epoch`.
        start: the index of the first image.
        epoch: another epoch puts other clutter around the same digits.

    Returns:
        The images, as bytes, with their labels and with the places of digits and pieces.

    Raises:
        DataError: the images are no bytes in the order (number, height, width, channels), a label is missing, the pieces do not fit, or
            a number is out of its range.
    """
    images = images_as_bytes(images, "images")
    n_images, height, width, channels = images.shape
    device = images.device
    labels = labels_of(labels, "labels", n_images, "images", device)
    if n_images == 0:
        raise DataError("0 images: cluttered() needs at least one image.")
    n, start = stretch(n, start)
    seed, epoch = seed_and_epoch(seed, epoch)
    n_distractors = whole(n_distractors, "n_distractors", 0, MOST_DISTRACTORS)
    of_images = f"since the images have {height}x{width} pixels"
    distractor = whole(distractor, "distractor", 1, min(height, width), of_images)
    size = whole(size, "size", max(height, width), max(height, width, LARGEST), of_images)

    result = Cluttered(
        unwritten(n, size, size, channels, device=device),
        torch.empty(n, dtype=torch.int64, device=device),
        torch.empty(n, 4, dtype=torch.int64, device=device),
        torch.empty(n, n_distractors, 4, dtype=torch.int64, device=device),
    )
    # Sums of k pixels below 256 fit 16 bits up to k = 128, and half the bytes are half the time.
    dtype = torch.int16 if n_distractors < 128 else torch.int32
    # A piece is rows, a row of it an unbroken run of bytes: here is every run of that length in the images.
    down, along = torch.arange(distractor, device=device), torch.arange(distractor * channels, device=device)
    runs = images.flatten().unfold(0, len(along), 1)
    within = (down[:, None] * size * channels + along).flatten()
    room = torch.empty(min(BATCH, n), size * size * channels, dtype=dtype, device=device)
    for first in range(0, n, BATCH):
        here = slice(first, min(first + BATCH, n))
        plan = clutter_plan(
            np.arange(start + here.start, start + here.stop),
            (n_images, height, width),
            size=size,
            n_distractors=n_distractors,
            distractor=distractor,
            seed=seed,
            epoch=epoch,
        )
        digit, place, source, cut, put = (torch.from_numpy(part).to(device) for part in plan)
        canvas = room[: len(digit)].copy_(placed(images.index_select(0, digit), place, size, size).flatten(1))
        row = (source * height + cut[..., 0])[..., None] + down
        pieces = runs.index_select(0, ((row * width + cut[..., 1:]) * channels).flatten())
        corner = (put[..., :1] * size + put[..., 1:]) * channels
        canvas.scatter_add_(1, (corner + within).flatten(1), pieces.view(len(canvas), -1).to(dtype))
        result.images[here] = canvas.clamp_(max=255).view(-1, size, size, channels)
        result.labels[here] = labels[digit]
        result.box[here] = torch.cat([place, place + place.new_tensor([height, width])], dim=-1)
        result.distractors[here] = torch.cat([put, put + distractor], dim=-1)
    return result
