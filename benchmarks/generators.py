"""data_gen's generators against plain per-image loops: the loops draw, cut and paste for one image after the other."""

import numpy as np
import torch

from data_gen import cluttered, load, occluded, shapes32
from data_gen.cluttered import clutter_plan
from data_gen.occluded import occlusion_plan

from .harness import Sides, comparison
from .plain_loops import cluttered_loop, crescent_radius, occluded_loop, shape_loop


def _written(n: int, *shapes: tuple[int, ...]) -> None:
    """Allocate and write arrays of bytes of these shapes: the memory's share of the work."""
    for shape in shapes:
        torch.empty(n, *shape, dtype=torch.uint8).fill_(1)


def _clutter_floor(n: int, images: torch.Tensor) -> None:
    """Write the result, draw the plans, and read and add each pixel of the pieces through torch, with indices that cost nothing."""
    batch, geometry = 256, {"size": 96, "n_distractors": 21, "distractor": 8, "seed": 0}
    _written(n, (96, 96))
    plan = clutter_plan(np.arange(batch), images.shape[:3], **geometry)
    window = lambda first, width, side: first[..., None, None] + np.arange(side)[:, None] * width + np.arange(side)
    source = window(plan.source * 784 + plan.cut @ [28, 1], 28, 8), window(plan.digit * 784, 28, 28)
    image = np.arange(batch) * 96 * 96
    target = window(image[:, None] + plan.put @ [96, 1], 96, 8), window(image + plan.place @ [96, 1], 96, 28)
    source, target = (
        torch.from_numpy(np.concatenate([part.ravel() for part in side])).int() for side in (source, target)
    )
    canvas, flat = torch.zeros(batch * 96 * 96, dtype=torch.int16), images.flatten()
    for first in range(0, n, batch):
        clutter_plan(np.arange(first, min(first + batch, n)), images.shape[:3], **geometry)
        canvas.index_add_(0, target, flat.index_select(0, source).to(torch.int16))


def _occlusion_floor(images: torch.Tensor, n_digits: int) -> None:
    """Draw the plans, copy the images to where the result will be, and write the masks."""
    occlusion_plan(np.arange(len(images)), n_digits, (2, 2), shift=2, seed=0)
    images.clone()
    _written(len(images), (32, 32))


def _shapes_floor(n: int) -> None:
    """Write the result, and pass over a batch's floats as often as the image is defined to: 38 times a pixel, 9 times a colour."""
    _written(n, (32, 32, 3))
    batch = 128
    pixels, colours = torch.ones(batch, 32, 32), torch.ones(batch, 3, 32, 32)
    for _ in range(0, n, batch):
        for _ in range(38):
            pixels.mul_(1.0)
        for _ in range(9):
            colours.mul_(1.0)


def _equal(ours: tuple, peer: tuple) -> bool:
    return all(np.array_equal(a.numpy()[: len(b)], b) for a, b in zip(ours, peer))


@comparison(
    "cluttered_mnist", target=20, note="10,000 images of 96x96, 21 distractors, from mnist5k; bit for bit the same"
)
def cluttered_mnist() -> Sides:
    digits = load("mnist5k")
    images, labels = digits.images.numpy(), digits.labels.numpy()
    return Sides(
        ours=lambda: cluttered(digits.images, digits.labels, n=10_000, seed=0),
        peer=lambda: cluttered_loop(images, labels, n=500, seed=0),
        same=_equal,
        ours_units=10_000,
        peer_units=500,
        floor=lambda: _clutter_floor(10_000, digits.images),
        floor_is="to write the result, draw the plans and read and add each pixel of the pieces once through a torch index",
    )


@comparison("occluded", target=20, note="50,000 images of 32x32 under mnist5k digits; bit for bit the same")
def occluded_cifar() -> Sides:
    # shapes32 stands in for CIFAR-10, which is not on every machine: speed does not depend on what the images show
    shapes, digits = shapes32(50_000, seed=0), load("mnist5k")
    arguments = (shapes.images, shapes.labels, digits.images, digits.labels)
    plain = [argument.numpy() for argument in arguments]
    return Sides(
        ours=lambda: occluded(*arguments, seed=0),
        peer=lambda: occluded_loop(*plain, seed=0, n=2_000),
        same=_equal,
        ours_units=50_000,
        peer_units=2_000,
        floor=lambda: _occlusion_floor(shapes.images, len(digits.labels)),
        floor_is="to draw the plans and write image and mask, without any blending,",
    )


@comparison(
    "shapes32",
    target=20,
    note="10,000 images of 32x32; the loop is given the factors, and is within a grey level at 98% of values",
)
def shapes() -> Sides:
    n, crescent = 500, crescent_radius()
    factors = shapes32(n, seed=0).factors
    described = [{name: values[i].tolist() for name, values in factors._asdict().items()} for i in range(n)]
    return Sides(
        ours=lambda: shapes32(10_000, seed=0).images,
        peer=lambda: shape_loop(described, crescent),
        same=lambda ours, peer: np.mean(np.abs(ours[:n].numpy().astype(int) - peer) <= 1) > 0.98,
        ours_units=10_000,
        peer_units=n,
        floor=lambda: _shapes_floor(10_000),
        floor_is="to write the result and make the passes over floats that the definition asks for",
    )
