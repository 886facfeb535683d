"""data_gen's generators against plain per-image loops: the loops draw, cut and paste for one image after the other."""

import numpy as np
import torch

from data_gen import cluttered, load, occluded, shapes32

from .harness import Sides, comparison
from .plain_loops import cluttered_loop, crescent_radius, occluded_loop, shape_loop


def _written(n: int, *shapes: tuple[int, ...]) -> None:
    """Allocate and write arrays of bytes of these shapes: the memory's share of the work."""
    for shape in shapes:
        torch.empty(n, *shape, dtype=torch.uint8).fill_(1)


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
        floor=lambda: _written(10_000, (96, 96)),
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
        floor=lambda: _written(50_000, (32, 32, 3), (32, 32)),
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
        floor=lambda: _written(10_000, (32, 32, 3)),
    )
