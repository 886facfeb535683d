"""How much of a map comes from the image."""

import numpy as np
import torch

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.experiments.reading_maps import share_from_image


def stacks(rng):
    """Maps [images, rows, columns]: a pattern that all share, one of each image's own, and a level of each image's own."""
    for n, rows, columns in ((4, 3, 5), (6, 4, 4), (3, 6, 2)):
        pattern, own = rng.normal(size=(1, rows, columns)), rng.normal(size=(n, rows, columns))
        yield (pattern + own + 2 * rng.normal(size=(n, 1, 1)),)


def share(maps):
    return share_from_image(torch.as_tensor(maps))


def share_with(centred=True, ddof=1, corrected=True):
    """A mistaken share: with the levels of the images in it, with n in place of n - 1, or with the mean map as it is."""

    def computes(maps):
        m = maps.reshape(len(maps), -1)
        m = m - (m.mean(1, keepdims=True) if centred else m.mean())
        image, mean_map = m.var(0, ddof=ddof).mean(), np.square(m.mean(0)).mean()
        return image / (image + mean_map - corrected * image / len(maps))

    return computes


SHARE = Exercise(
    name="maps-share",
    asks="a function of maps [images, rows, columns] that returns the share from the image, a number",
    oracle=share,
    inputs=stacks,
    in_nats=False,
    mistakes={
        "You took the variance of the mean map as it is: it still holds $1/n$ of the images' own variance.":
            share_with(corrected=False),
        "The level of an image, its mean over places, is still in: an image that has more everywhere makes no pattern.":
            share_with(centred=False),
        "The variance over images is to be taken with $n - 1$ (`ddof=1`).":
            share_with(ddof=0),
        "That is the share of the places; the image's is asked for.":
            lambda maps: 1 - share(maps),
        "That is a ratio of standard deviations; variances add, they do not.":
            lambda maps: np.sqrt(share(maps)),
    },
    hints=(
        "Begin by taking each map's own mean away from it.",
        "Two variances: at each place over the images, and over the places of the mean map.",
        "`var(axis=0, ddof=1)` gives the first, place by place. The second needs a correction that shrinks with $n$.",
    ),
)
