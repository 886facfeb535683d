"""The bound of a batch with Bernoulli pixels, from logits, however large."""

import torch
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import kl_standard_normal


def batches(rng):
    """pixels and logits [images, pixels], mean and log_var [images, latents], as torch tensors; large logits in the last."""
    for images, pixels, latents, large in ((3, 6, 2, False), (2, 8, 3, False), (4, 5, 4, True)):
        x, logits = 1.0 * (rng.uniform(size=(images, pixels)) < 0.4), 2 * rng.normal(size=(images, pixels))
        if large:  # right and wrong, on and off
            x[0, :4], logits[0, :4] = (1, 0, 1, 0), (200, 200, -200, -200)
        mean, log_var = rng.normal(size=(images, latents)), rng.normal(-1, 0.5, size=(images, latents))
        yield tuple(torch.from_numpy(each) for each in (x, logits, mean, log_var))


def bound_with(of_pixels=torch.sum, of_latents=torch.sum, weight=lambda images: 1, sign=1, of_log_var=1, nats=None):
    """The bound of a batch, or a mistaken one; `weight` is the divergence's, `nats` what each pixel pays."""

    def computes(pixels, logits, mean, log_var):
        paid = (nats or binary_cross_entropy_with_logits)(logits, pixels, reduction="none")
        kl = kl_standard_normal(mean, of_log_var * log_var)
        return -sign * (of_pixels(paid, 1).mean() + weight(len(pixels)) * of_latents(kl, 1).mean())

    return computes


def capped(logits, pixels, reduction):
    return binary_cross_entropy(torch.sigmoid(logits), pixels, reduction=reduction)


def only_on(logits, pixels, reduction):
    return pixels * binary_cross_entropy_with_logits(logits, pixels, reduction=reduction)


BATCH_BOUND = Exercise(
    name="vae-batch",
    asks=(
        "a function of pixels and logits [images, pixels], mean and log_var [images, latents] that returns the bound of the "
        "batch, a number, in nats per image, finite and right for logits of 200 too"
    ),
    oracle=bound_with(),
    inputs=batches,
    mistakes={
        "That is the loss, which is the bound with its sign turned round.":
            bound_with(sign=-1),
        "The divergence is added where it has to be taken off.":
            bound_with(weight=lambda images: -1),
        "The divergence is missing: that is the first term of the bound alone.":
            bound_with(weight=lambda images: 0),
        "You took the mean over the pixels where the sum is needed: it would raise beta to the number of pixels.":
            bound_with(of_pixels=torch.mean),
        "You took the mean of the divergence over the latents where the sum is needed.":
            bound_with(of_latents=torch.mean),
        "You took means over pixels and over latents; over both a sum is needed, and a mean over the images alone.":
            bound_with(of_pixels=torch.mean, of_latents=torch.mean),
        "The divergence is divided by the number of images once too often: its mean over the images is all.":
            bound_with(weight=lambda images: 1 / images),
        "You summed the divergence over the images; the mean is needed, as over what the pixels pay.":
            bound_with(weight=lambda images: images),
        "You summed over the images; the bound per image is asked for.":
            lambda pixels, *others: len(pixels) * bound_with()(pixels, *others),
        "You took `log_var` for the logarithm of a standard deviation; it is that of the variance.":
            bound_with(of_log_var=2),
        "The factor 1/2 of the divergence from the standard normal is missing.":
            bound_with(weight=lambda images: 2),
        "Only the pixels that are on are counted; one that is off has a probability too, $1 - p$.":
            bound_with(nats=only_on),
        "No pixel pays more than 100 nats: so torch's `binary_cross_entropy` hides that the logarithm of a rounded "
        "probability can be infinite. Stay with the logits.":
            bound_with(nats=capped),
    },
    hints=(
        "Two terms: the log-probability of the pixels, which are independent given the latents, minus the divergence.",
        "A sigmoid rounds to 1 before its logarithm is taken. Write $-\\log p$ and $-\\log(1-p)$ in terms of the logit first.",
        "`nn.functional.softplus(l)` is $\\log(1 + e^l)$, without overflow. Sum over axis 1 twice, then a mean over the images.",
    ),
    tolerance=1e-5,
)
