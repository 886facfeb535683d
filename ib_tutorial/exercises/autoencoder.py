"""Which latents the linear beta-VAE uses, and the bound of an image."""

import math

import numpy as np

from ib_tutorial.exercises.exercise import Exercise, misread
from ib_tutorial.information import linear_vae


def spectra(rng):
    """eigenvalues [pixels] in falling order, beta, n_latents, noise_variance."""
    for pixels, n_latents in ((6, 3), (9, 5), (8, 2), (7, 7)):
        eigenvalues = np.sort(rng.exponential(1.0, pixels))[::-1].copy()
        noise_variance = rng.uniform(0.05, 0.15)
        yield eigenvalues, np.median(eigenvalues) * rng.uniform(0.6, 1.4) / noise_variance, n_latents, noise_variance


def used_and_error(eigenvalues, beta, n_latents, noise_variance):
    """From the closed form: a latent is used where its rate is positive, and the distortion holds the squared error."""
    model = linear_vae(np.diag(eigenvalues), n_latents, beta, noise_variance)
    constant = len(eigenvalues) / 2 * math.log(2 * math.pi * noise_variance)
    return np.array([(model.rates > 0).sum(), 2 * noise_variance * (model.distortion - constant)])


def error_of(used_part, rest):
    """A mistake in the error: `used_part` of the kept eigenvalues and the level, `rest` of the discarded ones."""

    def computes(eigenvalues, beta, n_latents, noise_variance):
        used, _ = used_and_error(eigenvalues, beta, n_latents, noise_variance)
        kept, discarded = eigenvalues[:n_latents], eigenvalues[n_latents:]
        return np.array([used, used_part(kept, beta * noise_variance) + rest(discarded)])

    return computes


USED_AND_ERROR = Exercise(
    name="ae-count",
    asks=(
        "a function of eigenvalues [pixels] (falling), beta, n_latents and noise_variance "
        "that returns two numbers: how many latents are used, and the squared error per image"
    ),
    oracle=used_and_error,
    inputs=spectra,
    in_nats=False,
    mistakes={
        "Beta is missing from the level, which you put at $\\sigma^2$.":
            misread(used_and_error, beta=lambda beta: 1.0),
        "Beta is inverted: the dearer a nat, the higher the level, and the fewer latents.":
            misread(used_and_error, beta=lambda beta: 1 / beta),
        "You used the standard deviation of the decoder's noise where its variance is needed.":
            misread(used_and_error, noise_variance=math.sqrt),
        "You counted the error of what is not coded. A used latent leaves an error too: the level.":
            error_of(lambda kept, level: kept[kept <= level].sum(), np.sum),
        "The eigenvalues beyond the latents are missing from the error: nothing codes them.":
            error_of(lambda kept, level: np.minimum(kept, level).sum(), lambda discarded: 0.0),
        "You let the model have as many latents as pixels; it has `n_latents`.":
            lambda eigenvalues, beta, _, noise_variance: used_and_error(eigenvalues, beta, len(eigenvalues), noise_variance),
        "You took the mean of the error over the pixels where the sum is asked for.":
            lambda eigenvalues, *others: used_and_error(eigenvalues, *others) / [1, len(eigenvalues)],
    },
    hints=(
        "The level $s$ decides: which eigenvalues lie above it?",
        "Three kinds of directions: used, unused though there is a latent for them, and without a latent.",
        "The first kind leaves the error $s$ each, the two others their whole eigenvalue.",
    ),
    tolerance=1e-5,
)


def images_and_codes(rng):
    """x and reconstruction [images, pixels], mean and log_var [images, latents], noise_variance."""
    for images, pixels, latents in ((3, 5, 2), (2, 8, 3), (4, 6, 4)):
        x, mean = rng.uniform(size=(images, pixels)), rng.normal(size=(images, latents))
        reconstruction, log_var = x + 0.3 * rng.normal(size=x.shape), rng.normal(-1, 0.5, size=mean.shape)
        yield x, reconstruction, mean, log_var, rng.uniform(0.05, 0.4)


def bound_with(mean_pixels=False, mean_latents=False, half=0.5, constant=True, sign=1, of_kl=-1, of_log_var=1, power=1):
    """The bound of each image, or a mistaken one."""

    def computes(x, reconstruction, mean, log_var, noise_variance):
        variance, log_var = noise_variance**power, of_log_var * log_var
        squared = (x - reconstruction) ** 2 / variance + constant * math.log(2 * math.pi * variance)
        distortion = (squared.mean(1) if mean_pixels else squared.sum(1)) / 2
        kl = half * (mean**2 + np.exp(log_var) - log_var - 1)
        return sign * (-distortion + of_kl * (kl.mean(1) if mean_latents else kl.sum(1)))

    return computes


BOUND = Exercise(
    name="ae-bound",
    asks=(
        "a function of x and reconstruction [images, pixels], mean and log_var [images, latents] and noise_variance "
        "that returns the bound of each image, [images], in nats"
    ),
    oracle=bound_with(),
    inputs=images_and_codes,
    mistakes={
        "That is the negative bound, the loss.":
            bound_with(sign=-1),
        "The divergence is added where it has to be taken off.":
            bound_with(of_kl=1),
        "You took the mean over the pixels where the sum is needed: it would change beta without notice.":
            bound_with(mean_pixels=True),
        "You took the mean of the divergence over the latents where the sum is needed.":
            bound_with(mean_latents=True),
        "The decoder's normalising constant is missing, $\\frac12\\log 2\\pi\\sigma^2$ for each pixel: "
        "without it bounds with different noise cannot be compared.":
            bound_with(constant=False),
        "You took `log_var` for the logarithm of a standard deviation; it is that of the variance.":
            bound_with(of_log_var=2),
        "The factor 1/2 of the divergence from the standard normal is missing.":
            bound_with(half=1.0),
        "You took the noise variance for a standard deviation and squared it.":
            bound_with(power=2),
    },
    hints=(
        "The bound is the expected log-density of the image minus the divergence; one sample of $z$ was taken already.",
        "The decoder is $\\mathcal N(\\hat x, \\sigma^2 I)$: write the logarithm of its density at $x$, constant and all.",
        "`kl_standard_normal` is the divergence of each latent (it wants torch: write it out); sum over pixels and latents.",
    ),
)
