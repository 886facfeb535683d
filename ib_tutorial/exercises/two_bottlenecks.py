"""The cost of the deep VIB's layer, from means and scales."""

import math

import torch

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import kl_standard_normal


def units(rng):
    """means and scales [images, units], float64."""
    for images, n_units in ((3, 2), (5, 4), (2, 7)):
        mean, scale = rng.normal(size=(images, n_units)), rng.uniform(0.1, 1.6, size=(images, n_units))
        yield torch.from_numpy(mean), torch.from_numpy(scale)


def per_unit(mean, scale):
    """Nats of each unit, [images, units]."""
    return kl_standard_normal(mean, 2 * torch.log(scale))


def cost(mean, scale):
    return per_unit(mean, scale).sum(1).mean()


VIB_COST = Exercise(
    name="vib-cost",
    asks="a function of mean and scale [images, units], torch tensors, that returns the cost of the layer, one number in nats per image",
    oracle=cost,
    inputs=units,
    mistakes={
        "You took the mean over the units. The units are independent given $x$, so their divergences add: sum over units, then the mean over images.":
            lambda mean, scale: per_unit(mean, scale).mean(),
        "You summed over the images; the cost is the mean over them.":
            lambda mean, scale: per_unit(mean, scale).sum(),
        "`scale` is the standard deviation $s$, and you used it as the variance: $\\log s^2 = 2\\log s$.":
            lambda mean, scale: kl_standard_normal(mean, torch.log(scale)).sum(1).mean(),
        "That is the divergence of the prior from the posterior. The layer's cost is the other one, KL(p(z|x) || q(z)): its mean is taken under $p(z|x)$.":
            lambda mean, scale: ((mean**2 + 1) / (2 * scale**2) + torch.log(scale) - 0.5).sum(1).mean(),
        "The $-\\frac12$ of each unit is missing: the prior itself, $m = 0$ and $s = 1$, must cost 0.":
            lambda mean, scale: (per_unit(mean, scale) + 0.5).sum(1).mean(),
        "That is in units of $\\log 10$; the cost is in nats, with natural logarithms.":
            lambda mean, scale: cost(mean, scale) / math.log(10),
    },
    hints=(
        "Write $\\log \\frac{p(z|x)}{q(z)}$ for one unit, with $z = m + s n$, and take the mean over $n$.",
        "One unit costs $\\frac12(m^2 + s^2 - 1) - \\log s$.",
        "Sum that over the units (`.sum(1)`), and take the mean over the images.",
    ),
)
