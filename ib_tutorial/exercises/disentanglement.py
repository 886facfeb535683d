"""Total correlation of a table and of samples, and what noisier copies cost."""

import math

import numpy as np

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import (
    conditional_mutual_information,
    entropy,
    gaussian_total_correlation,
    kl_divergence,
    marginal,
    mutual_information,
    total_correlation,
)


def three_units(rng):
    """Tables [z_1, z_2, z_3] without zeros."""
    for shape in ((2, 2, 2), (2, 3, 4), (4, 2, 3)):
        yield (rng.dirichlet(np.ones(math.prod(shape))).reshape(shape),)


def pairs(p_z):
    return [mutual_information(marginal(p_z, i, j)) for i, j in ((0, 1), (0, 2), (1, 2))]


def product_of_marginals(p_z):
    return np.einsum("i,j,k->ijk", *(marginal(p_z, axis) for axis in range(3)))


TABLE = Exercise(
    name="tc-table",
    asks="a function of p_z [z_1, z_2, z_3] that returns its total correlation, a number, in nats",
    oracle=total_correlation,
    inputs=three_units,
    mistakes={
        "That is interaction information, another quantity of three variables, which may be negative.":
            lambda p_z: mutual_information(marginal(p_z, 0, 1)) - conditional_mutual_information(p_z),
        "You added the information of the three pairs. The chain rule has one term for each unit after the first, "
        "and the last is about all units before it together.":
            lambda p_z: sum(pairs(p_z)),
        "You took the mean over the units; total correlation is a sum.":
            lambda p_z: total_correlation(p_z) / 3,
        "The sign is turned round: the units one by one are more uncertain than all together.":
            lambda p_z: -total_correlation(p_z),
        "That is the sum of the units' entropies; that of all units together is still to be taken off.":
            lambda p_z: sum(entropy(marginal(p_z, axis)) for axis in range(3)),
        "KL's arguments are swapped: the distribution of $z$ stands first, the product of its marginals second.":
            lambda p_z: kl_divergence(product_of_marginals(p_z), p_z),
    },
    hints=(
        "There are three formulas for it in the chapter: a divergence, a difference of entropies, a chain rule.",
        "Entropies are the shortest way; `p_z.sum((1, 2))` is the marginal of the first unit.",
        "Every formula is a sum over units in which one term concerns all of them: be sure that yours has both.",
    ),
)


def samples(rng):
    """Samples [n, d] of Gaussian units, correlated, of different scales, not centred."""
    for n, d in ((30, 5), (60, 20), (200, 40)):
        mixing = np.eye(d) + rng.normal(size=(d, d)) / (2 * d)
        yield (rng.normal(size=(n, d)) @ mixing * rng.uniform(0.5, 2, size=d) + 1,)


def plug_in(samples):
    return gaussian_total_correlation(np.cov(samples.T))


def corrected(samples):
    return gaussian_total_correlation(np.cov(samples.T), n_samples=len(samples))


def corrected_with_mean_known(samples):
    n, d = samples.shape
    of_n, of_n_and_1 = (
        gaussian_total_correlation(np.eye(d), n_samples=each) for each in (n, n + 1)
    )  # minus the bias, since the plug-in value of the identity is 0
    return corrected(samples) - of_n + of_n_and_1


CORRECTED = Exercise(
    name="both-layers",
    asks="a function of samples [n, d] that returns the Gaussian total correlation without its bias, in nats",
    oracle=corrected,
    inputs=samples,
    mistakes={
        "That is the plug-in value. Its bias is still in it.":
            plug_in,
        "You added the bias: the plug-in value is too large, not too small.":
            lambda samples: 2 * plug_in(samples) - corrected(samples),
        "You are too high by a factor of two: the factor 1/2 of a Gaussian's total correlation is missing, "
        "as in the paper.":
            lambda samples: 2 * corrected(samples),
        "The factor 1/2 is missing in the plug-in value, though not in the bias.":
            lambda samples: corrected(samples) + plug_in(samples),
        "Your bias has $n$ degrees of freedom. Taking off the mean of the samples costs one.":
            corrected_with_mean_known,
        "You took off $d^2/4n$, which is the bias only where $d$ is much smaller than $n$.":
            lambda samples: plug_in(samples) - samples.shape[1] ** 2 / (4 * len(samples)),
        "You divided by the number of units, as the authors' code does; the total is asked for.":
            lambda samples: corrected(samples) / samples.shape[1],
        "You took the determinant of the covariance, not of the correlation matrix: the units' own variances count.":
            lambda samples: corrected(samples) - np.log(np.var(samples, axis=0, ddof=1)).sum() / 2,
    },
    hints=(
        "Two steps: the formula for a covariance, at the covariance of the samples; then take off its bias.",
        "`gaussian_total_correlation(np.cov(samples.T))` is the first; the second depends on $n$ and $d$ alone.",
        "The bias is a sum of `digamma` over the degrees of freedom of the chi-square variables in the lemma on determinants.",
    ),
)


def told_by_one(flip):
    return math.log(2) - entropy(np.array([flip, 1 - flip]))


NOISIER_COPIES = Exercise(
    name="noisier-copies",
    asks="the cost of five copies in nats, a number, to three decimals",
    oracle=lambda: 5 * told_by_one(0.3),
    inputs=None,
    mistakes={
        "That is what a single unit costs; the cost is a sum over units.":
            lambda: told_by_one(0.3),
        "That is the cost on the page, with the old noise.":
            lambda: 5 * told_by_one(0.1),
        "You summed how uncertain each unit is given the image. It is charged for what it tells.":
            lambda: 5 * entropy(np.array([0.3, 0.7])),
        "Did you square the probability of an error? Each unit errs once.":
            lambda: 5 * told_by_one(0.3**2),
    },
    hints=(
        "Given the image the units are independent, and so they are under the prior: what does that make of the divergence?",
        "Each unit is a fair bit that differs from the shape with the given probability.",
        "Its divergence from a fair coin is the entropy of the coin minus that of its error.",
    ),
    tolerance=1e-3,
)
