"""The authors' preparation of CIFAR-10: each image standardised by itself, then all of them whitened (ZCA)."""

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

REGULARISER = 0.1
"""This is added to the standard deviation along each direction, in units of an image's own. The authors add 1e-5, with 50,000 images. A few
thousand images leave many directions nearly empty, and 1e-5 would multiply other images' values there by as much as 1e5."""

EMPTY = 1e-9
"""Variance along a direction, as a share of the largest, below which the reference images have none there but rounding."""


def whitened(
    reference: UInt8[Tensor, "n height width channels"], *others: UInt8[Tensor, "_ height width channels"]
) -> list[Float[Tensor, "_ channels height width"]]:
    """Each set of images standardised image by image, then ZCA-whitened by the reference's covariance; NCHW, the reference first.

    Removing each image's mean leaves no variance in the direction of a constant image. Such directions are dropped, and the work is done in
    float64: their rounding errors would otherwise be whitened into noise. Source: the authors' process_cifar.py.
    """
    first = standardised_by_image(reference)
    mean = first.mean(0)
    variance, directions = torch.linalg.eigh((first - mean).T @ (first - mean) / (len(first) - 1))
    kept = variance > EMPTY * variance[-1]
    scaled = directions[:, kept] / (variance[kept].sqrt() + REGULARISER)
    shape = reference.shape[1:]

    def ready(pixels: Float64[Tensor, "n pixels"]) -> Float[Tensor, "n channels height width"]:
        white = (pixels - mean) @ scaled @ directions[:, kept].T
        return white.float().unflatten(1, shape).permute(0, 3, 1, 2)

    return [ready(first), *(ready(standardised_by_image(each)) for each in others)]


def standardised_by_image(images: UInt8[Tensor, "n height width channels"]) -> Float64[Tensor, "n pixels"]:
    """Each image with its own mean removed and divided by its own standard deviation; a constant image becomes 0."""
    pixels = images.flatten(1).double()
    centred = pixels - pixels.mean(1, keepdim=True)
    std = centred.std(1, keepdim=True)
    return centred / torch.where(std > 0, std, 1.0)
