"""What an image's Softplus units cost, and the loss with the paper's beta and number of training images."""

import numpy as np
import torch

from ib_tutorial.exercises.exercise import Exercise, misread
from ib_tutorial.information import kl_log_normal


def softplus_layers(rng):
    """f and alpha [images, units], mu and sigma, as torch tensors."""
    for images, units in ((3, 4), (2, 7), (5, 2)):
        f, alpha = rng.lognormal(-0.4, 0.7, (images, units)), rng.uniform(0.05, 0.65, (images, units))
        yield tuple(
            torch.from_numpy(np.asarray(each)) for each in (f, alpha, rng.normal(-0.4, 0.3), rng.uniform(0.4, 1.4))
        )


def cost(f, alpha, mu, sigma):
    return kl_log_normal(torch.log(f), alpha, mu, sigma).sum(1)


SOFTPLUS_COST = Exercise(
    name="softplus-program",
    asks="a function of f [images, units], alpha [images, units], mu and sigma that returns nats per image [images]",
    oracle=cost,
    inputs=softplus_layers,
    mistakes={
        "You took the mean over the units where a sum is needed: it would divide beta by their number.":
            lambda f, alpha, mu, sigma: cost(f, alpha, mu, sigma) / f.shape[1],
        "Prop. 3 as printed: $\\log f(x)$ is missing, as if every activation were 1.":
            misread(cost, f=torch.ones_like),
        "You used $f$ where its logarithm is needed: the noise is additive on $\\log f$.":
            misread(cost, f=torch.exp),
        "You took alpha for a variance; it is the standard deviation of $\\log\\varepsilon$.":
            misread(cost, alpha=torch.sqrt),
        "You took sigma for a variance; it is the standard deviation of the prior's logarithm.":
            misread(cost, sigma=torch.sqrt),
        "The logarithm of $\\alpha/\\sigma$ has the wrong sign: more noise must cost less.":
            lambda f, alpha, mu, sigma: cost(f, alpha, mu, sigma) + 2 * torch.log(alpha / sigma).sum(1),
        "The constant term is missing, the minus one half of every unit: a unit with $p(z|x) = q(z)$ costs nothing.":
            lambda f, alpha, mu, sigma: cost(f, alpha, mu, sigma) + f.shape[1] / 2,
        "The quadratic term is twice too large: it stands over $2\\sigma^2$.":
            lambda f, alpha, mu, sigma: (
                cost(f, alpha, mu, sigma) + ((alpha**2 + (f.log() - mu) ** 2) / (2 * sigma**2)).sum(1)
            ),
        "KL's arguments are swapped: the posterior, with $\\log f$ and alpha, stands first and the prior second.":
            lambda f, alpha, mu, sigma: kl_log_normal(mu, sigma, torch.log(f), alpha).sum(1),
    },
    hints=(
        "Which proposition prices a Softplus unit? Use it for every unit of every image.",
        "The formula takes the logarithm of the activation: `torch.log(f)`.",
        "A layer of independent units costs the sum over them: sum over axis 1, and leave the images apart.",
    ),
    tolerance=1e-5,
)


def batches(rng):
    """cross_entropy [batch], kl [batch, units], beta, n_train."""
    for batch, units, n_train in ((4, 3, 50), (6, 5, 1000), (3, 2, 7)):
        yield rng.exponential(1.0, batch), rng.exponential(2.0, (batch, units)), rng.uniform(0.5, 5), n_train


def batch_loss(cross_entropy, kl, beta, n_train):
    return cross_entropy.mean() + beta / n_train * kl.sum(1).mean()


BATCH_LOSS = Exercise(
    name="batch-loss",
    asks=(
        "a function of cross_entropy [batch], kl [batch, units], beta and n_train "
        "that returns the loss, a number, in nats per image"
    ),
    oracle=batch_loss,
    inputs=batches,
    mistakes={
        "You took the mean of the cost over the units where a sum is needed.":
            lambda cross_entropy, kl, beta, n_train: cross_entropy.mean() + beta / n_train * kl.mean(),
        "You summed the cost over the batch: over its images a mean is needed, as for the cross-entropy.":
            lambda cross_entropy, kl, beta, n_train: cross_entropy.mean() + beta / n_train * kl.sum(),
        "The division by the number of training images is missing.":
            lambda cross_entropy, kl, beta, n_train: cross_entropy.mean() + beta * kl.sum(1).mean(),
        "You divided the whole loss by the number of training images; only the divergence is divided.":
            lambda cross_entropy, kl, beta, n_train: (cross_entropy.mean() + beta * kl.sum(1).mean()) / n_train,
        "You divided by the size of the batch in place of the number of training images.":
            lambda cross_entropy, kl, beta, n_train: cross_entropy.mean() + beta / len(kl) * kl.sum(1).mean(),
        "Beta is inverted: it multiplies the divergence.":
            lambda cross_entropy, kl, beta, n_train: cross_entropy.mean() + kl.sum(1).mean() / (beta * n_train),
        "Beta stands in front of the wrong term: it weighs the divergence.":
            lambda cross_entropy, kl, beta, n_train: beta * cross_entropy.mean() + kl.sum(1).mean() / n_train,
        "The divergence has the wrong sign: minimising this loss would let the noise vanish.":
            lambda cross_entropy, kl, beta, n_train: cross_entropy.mean() - beta / n_train * kl.sum(1).mean(),
    },
    hints=(
        "Two terms, both per image; the second is weighed.",
        "For the cost: a sum over one axis, a mean over the other.",
        "The weight on a nat is $\\beta/N$, with $N$ the number of images in the training set, not in the batch.",
    ),
)
