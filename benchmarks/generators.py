"""Compares data_gen's generators with plain loops that draw, cut and paste for one image after the other."""

import numpy as np
import torch

from data_gen import cluttered, load, occluded, shapes32
from data_gen.clutter import clutter_plan
from data_gen.memory import unwritten
from data_gen.occlusion import occlusion_plan

from .harness import ALL_CORES, Sides, comparison
from .plain_loops import cluttered_loop, crescent_radius, occluded_loop, shape_factors, shape_loop


def _written(n: int, *shapes: tuple[int, ...]) -> None:
    """Allocate and write arrays of bytes of these shapes: the memory's share of the work."""
    for shape in shapes:
        unwritten(n, *shape, device=torch.device("cpu")).fill_(1)


def _clutter_floor(n: int, images: torch.Tensor) -> None:
    """Write the result, draw the plans, and add the distractors' pixels where they belong, with indices that cost nothing."""
    batch = 256
    _written(n, (96, 96))
    canvas, pieces = torch.zeros(batch, 96 * 96, dtype=torch.int16), torch.ones(batch, 21 * 64, dtype=torch.int16)
    places = torch.arange(21 * 64).expand(batch, -1).contiguous()
    for first in range(0, n, batch):
        indices = np.arange(first, min(first + batch, n))
        clutter_plan(indices, images.shape[:3], size=96, n_distractors=21, distractor=8, seed=0)
        canvas.scatter_add_(1, places, pieces)


def _occlusion_floor(images: torch.Tensor, n_digits: int) -> None:
    """Draw the plans, copy the images to where the result will be, and write the masks."""
    occlusion_plan(np.arange(len(images)), n_digits, (2, 2), shift=2, seed=0)
    unwritten(*images.shape, device=images.device).copy_(images)
    _written(len(images), (32, 32))


def _shapes_floor(n: int) -> None:
    """Write the result, and pass over a batch's floats as often as the image is defined to: 38 times a pixel, 5 times a colour."""
    _written(n, (32, 32, 3))
    batch = 128
    pixels, colours = torch.ones(batch, 32, 32), torch.ones(3, batch, 32, 32)
    for _ in range(0, n, batch):
        for _ in range(38):
            pixels.mul_(1.0)
        for _ in range(5):
            colours.mul_(1.0)


def _equal(ours: tuple, peer: tuple) -> bool:
    return all(np.array_equal(a.numpy()[: len(b)], b) for a, b in zip(ours, peer))


@comparison(
    "cluttered_mnist",
    target=1,
    note="10,000 images of 96x96, 21 distractors, from mnist5k; bit for bit the same",
    smoke=dict(n=12, n_peer=5),
    threads=ALL_CORES,
)
def cluttered_mnist(n: int = 10_000, n_peer: int = 500) -> Sides:
    digits = load("mnist5k")
    images, labels = digits.images.numpy(), digits.labels.numpy()
    return Sides(
        ours=lambda: cluttered(digits.images, digits.labels, n=n, seed=0),
        peer=lambda: cluttered_loop(images, labels, n=n_peer, seed=0),
        same=_equal,
        ours_units=n,
        peer_units=n_peer,
        floor=lambda: _clutter_floor(n, digits.images),
        floor_is="to write the result, draw the plans and add each pixel of the distractors once (torch's scatter_add)",
    )


@comparison(
    "occluded",
    target=1,
    note="50,000 images of 32x32 under mnist5k digits; bit for bit the same",
    smoke=dict(n=12, n_peer=5),
    threads=ALL_CORES,
)
def occluded_cifar(n: int = 50_000, n_peer: int = 2_000) -> Sides:
    # shapes32 stands in for CIFAR-10, which is not on every machine: speed does not depend on what the images show
    shapes, digits = shapes32(n, seed=0), load("mnist5k")
    arguments = (shapes.images, shapes.labels, digits.images, digits.labels)
    plain = [argument.numpy() for argument in arguments]
    return Sides(
        ours=lambda: occluded(*arguments, seed=0),
        peer=lambda: occluded_loop(*plain, seed=0, n=n_peer),
        same=_equal,
        ours_units=n,
        peer_units=n_peer,
        floor=lambda: _occlusion_floor(shapes.images, len(digits.labels)),
        floor_is="to draw the plans and write image and mask, without any blending,",
    )


@comparison(
    "shapes32",
    target=1,
    note="10,000 images of 32x32; the loop is within a grey level at 98% of values",
    smoke=dict(n=12, n_peer=5),
    threads=ALL_CORES,
)
def shapes(n: int = 10_000, n_peer: int = 500) -> Sides:
    crescent = crescent_radius()
    return Sides(
        ours=lambda: shapes32(n, seed=0).images,
        peer=lambda: shape_loop([shape_factors(i, seed=0) for i in range(n_peer)], crescent),
        same=lambda ours, peer: np.mean(np.abs(ours[:n_peer].numpy().astype(int) - peer) <= 1) > 0.98,
        ours_units=n,
        peer_units=n_peer,
        floor=lambda: _shapes_floor(n),
        floor_is="to write the result and make the passes over floats that the definition asks for",
    )
