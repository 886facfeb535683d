"""ZCA: white along every direction that the images have, nothing along the others."""

import numpy as np
import torch

from data_gen import load
from ib_tutorial.experiments.whitening import REGULARISER, standardised_by_image, whitened


def pixels(n=40):
    return torch.randint(0, 256, (n, 3, 3, 2), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_against_the_authors_singular_value_decomposition():
    """The same computation as their process_cifar.py, images in columns, with our regulariser."""
    reference, other = pixels(), pixels(47)[40:]
    columns, others = (standardised_by_image(each).numpy().T for each in (reference, other))
    mean = columns.mean(1, keepdims=True)
    u, s, _ = np.linalg.svd((columns - mean) / np.sqrt(len(reference) - 1), full_matrices=False)
    u, s = u[:, :-1], s[:-1]  # the last is the direction of a constant image
    transform = u @ np.diag(1 / (s + REGULARISER)) @ u.T
    for found, wanted in zip(whitened(reference, other), (columns, others), strict=True):
        plain = (transform @ (wanted - mean)).T.reshape(-1, 3, 3, 2).transpose(0, 3, 1, 2)
        assert np.allclose(found.numpy(), plain, atol=1e-5)


def test_a_direction_that_no_image_has_is_not_amplified():
    x, other = whitened(pixels(10), pixels(30)[10:])  # 10 images, 18 pixels: half of the directions are empty
    assert x.flatten(1).sum(1).abs().max() < 1e-4 and other.flatten(1).sum(1).abs().max() < 1e-4
    assert other.flatten(1).norm(dim=1).max() < 3 * x.flatten(1).norm(dim=1).max()


def test_white_images_have_no_correlations_and_a_constant_one_is_finite():
    images = load("shapes32", "train").images[:2_000, ::8, ::8]
    images = torch.cat([images, torch.full((1, 4, 4, 3), 7, dtype=torch.uint8)])
    (white,) = whitened(images)
    covariance = white.flatten(1).T.cov()
    variance = covariance.diagonal()
    assert torch.isfinite(white).all() and 0.3 < variance.mean() <= 1
    assert (covariance - torch.diag(variance)).abs().mean() < 0.05
