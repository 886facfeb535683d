"""How many of a layer's nats pay for the means of its units."""

import numpy as np
import torch

from ib_tutorial.exercises.exercise import Exercise, misread
from ib_tutorial.information import kl_log_normal


def convolutional_layers(rng):
    """f and alpha [images, filters, rows, columns], mu and sigma, as torch tensors: units whose means differ."""
    for shape in ((3, 2, 2, 3), (4, 3, 2, 2), (5, 2, 3, 1)):
        filters = rng.normal(size=(shape[1], 1, 1))
        log_f = -0.4 + filters + 0.5 * rng.normal(size=shape[1:]) + 0.5 * rng.normal(size=shape)
        alpha = rng.uniform(0.1, 0.65, shape)
        yield tuple(
            torch.from_numpy(np.asarray(each))
            for each in (np.exp(log_f), alpha, rng.normal(-0.4, 0.3), rng.uniform(0.6, 1.4))
        )


def nats(log_f, alpha, mu, sigma):
    """Per image: the sum over the units, the mean over the images."""
    return kl_log_normal(log_f, alpha, mu, sigma).sum((1, 2, 3)).mean().item()


def total_and_means(f, alpha, mu, sigma):
    log_f = f.log()
    total = nats(log_f, alpha, mu, sigma)
    return np.array([total, total - nats(log_f, alpha, log_f.mean(0), sigma)])  # the best mu of a unit is its mean


def part(squared_distance):
    """A mistake in the second number: the sum over the units of a wrong squared distance to mu, over 2 sigma^2."""

    def computes(f, alpha, mu, sigma):
        total, _ = total_and_means(f, alpha, mu, sigma)
        distance = torch.broadcast_to(squared_distance(f, mu), f.shape)
        return np.array([total, (distance.mean(0) / (2 * sigma**2)).sum().item()])

    return computes


def numbers_changed(change):
    """A mistake in what becomes of the two right numbers; `change` is given them and f."""
    return lambda f, alpha, mu, sigma: np.array(change(*total_and_means(f, alpha, mu, sigma), f))


TOTAL_AND_MEANS = Exercise(
    name="filters-means",
    asks=(
        "a function of f and alpha [images, filters, rows, columns], mu and sigma that returns two numbers, in nats "
        "per image: what the layer pays in total, and what it would save if each unit had a mu of its own"
    ),
    oracle=total_and_means,
    inputs=convolutional_layers,
    mistakes={
        "Those are nats per unit: over filters, rows and columns a sum is needed.":
            numbers_changed(lambda total, means, f: (total / f[0].numel(), means / f[0].numel())),
        "You took the mean over the filters; their nats add, as those of the places do.":
            numbers_changed(lambda total, means, f: (total / f.shape[1], means / f.shape[1])),
        "Your total is the sum over the images; the mean is needed.":
            numbers_changed(lambda total, means, f: (total * len(f), means)),
        "Your second number is what is left to pay; what is saved is asked for.":
            numbers_changed(lambda total, means, f: (total, total - means)),
        "Your second number is a share of the first; nats are asked for.":
            numbers_changed(lambda total, means, f: (total, means / total)),
        "The total is to come first.":
            numbers_changed(lambda total, means, f: (means, total)),
        "Your second number is twice too large: the square stands over $2\\sigma^2$.":
            numbers_changed(lambda total, means, f: (total, 2 * means)),
        "You squared before taking the mean over the images: that also holds how $\\log f$ varies from image to image, "
        "for which a unit would go on paying.":
            part(lambda f, mu: (f.log() - mu) ** 2),
        "You took the mean over the places too: that is the mean of a filter, and a unit is a filter at one place.":
            part(lambda f, mu: (f.log().mean((0, 2, 3), keepdim=True) - mu) ** 2),
        "You took each image's mean over the units; each unit's mean over the images is needed.":
            part(lambda f, mu: (f.log().mean((1, 2, 3), keepdim=True) - mu) ** 2),
        "You took the logarithm of the mean activation; the mean of the logarithm is needed, which is smaller.":
            part(lambda f, mu: (f.mean(0).log() - mu) ** 2),
        "You measured from the mean of all units; a unit pays for its distance from the prior's $\\mu$.":
            part(lambda f, mu: (f.log().mean(0) - f.log().mean()) ** 2),
        "You used $f$ where its logarithm is needed: the prior is that of $\\log z$.":
            misread(total_and_means, f=torch.exp),
        "You took sigma for a variance; it is a standard deviation.":
            misread(total_and_means, sigma=torch.sqrt),
        "You took alpha for a variance; it is the standard deviation of $\\log\\varepsilon$.":
            misread(total_and_means, alpha=torch.sqrt),
    },
    hints=(
        "What does a Softplus unit pay, averaged over the images? In which of its terms does $\\mu$ stand?",
        "The mean of a square is a variance plus the square of a mean. Which of the two can a better $\\mu$ take away?",
        "`f.log().mean(0)` has a number for each unit, and so has its distance from $\\mu$; sum over the units last.",
    ),
    tolerance=1e-5,
)
