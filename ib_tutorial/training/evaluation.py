"""Measurements of a trained network: its errors, the nats that its noise layers let through, and the bound of a variational autoencoder.

All of them go through `reading`, which switches the noise and gives batch norm the statistics that belong to it.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ib_tutorial.nn.batch_norm import (
    Kind,
    in_batches,
    is_measured,
    modes_restored,
    norms,
    running,
    statistics_restored,
)
from ib_tutorial.nn.contexts import draws_noise, measure_batch_norm, modules_in_training, noise
from ib_tutorial.nn.precision import precision_of
from ib_tutorial.training.objective import check_binary, check_images, check_labels, kl_per_image, with_costs
from ib_tutorial.training.randomness import derived_seed, generator
from ib_tutorial.training.threads import on_threads, threads_for


class Evaluation(NamedTuple):
    """What `evaluate` measures: the two terms of eq. (3), averaged over images, and the error."""

    error: float  #: share of images whose most probable class is wrong, in [0, 1]
    cross_entropy: float  #: nats per image
    kl: float  #: nats per image, summed over units and layers


@contextmanager
def reading(
    network: nn.Module, images: Float[Tensor, "images *inputs"] | None = None, *, noisy: bool = False, seed: int = 0
) -> Iterator[nn.Module]:
    """Within this context the network is read as it is at test time, with the noise on in all its layers or off in all.

    It sets three things and restores them: eval mode, the noise, and batch norm's statistics, which are those of noisy passes for a noisy
    reading and those of clean passes for a clean one. Every measurement of this library goes through it.

    Args:
        network: statistics measured by `fit` or `recalibrate_batch_norm` are used if no training step was taken since.
        images: training images on which both sets of statistics are measured for this reading, where the network has none.
            Statistics that a frozen part has are used as they are.
        noisy: whether the noise is on (the paper's N) or off (its D).
        seed: of the noise, so that a reading repeats. The caller's random state is left as it was.

    Warns:
        UserWarning: batch norm has running statistics, and it is not known whether the passes they come from were noisy.
    """
    kind: Kind = "noisy" if noisy else "clean"
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    with (
        modes_restored(network),
        nullcontext() if images is None else statistics_restored(network),
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
    ):
        if images is not None:
            recalibrate_batch_norm(network, images)
        elif draws_noise(network) and any(
            running(norm)[2] > 0 and not is_measured(norm, kind) for norm in norms(modules_in_training(network))
        ):
            warnings.warn(
                f"batch norm's statistics of {kind} passes were not measured since the last training step, and a reading with others can be "
                "far off; call recalibrate_batch_norm(network, training_images), or reading(network, training_images)",
                stacklevel=4,
            )
        torch.manual_seed(derived_seed(seed, "reading"))
        network.eval()
        with noise(network, on=noisy):
            yield network


@torch.no_grad()
def evaluate(
    network: nn.Module,
    x: Float[Tensor, "images *inputs"],
    y: Int[Tensor, " images"],
    *,
    noisy: bool = False,
    draws: int = 1,
    batch_size: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Error, cross-entropy and KL over all images.

    Batch norm uses the statistics of the reading's own kind of passes (see `reading`). The network is left as it was.

    Args:
        network: what is measured.
        x: the images.
        y: the class of each image.
        noisy: whether the noise is on (the paper's N) or off (its D).
        draws: noisy passes for each image. The prediction is the average of their probabilities: error and cross-entropy are those of that
            average, which is never worse than the draws' mean cross-entropy. The KL is the draws' mean.
        batch_size: images in a pass.
        seed: of the noise, so that a reading repeats.

    Raises:
        ValueError: no images, not a label for each, fewer draws than one, or several draws without noise.
    """
    if draws < 1 or (draws > 1 and not noisy):
        need = "at least one is needed" if draws < 1 else "without noise they are all alike: give noisy=True, or draws=1"
        raise ValueError(f"draws is {draws}; {need}")
    check_images(x)
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"there are {len(x)} images and {len(y)} labels; there must be at least one image, and a label for each")
    wrong, nats, kl = (torch.zeros((), dtype=torch.float64, device=x.device) for _ in range(3))
    with on_threads(threads_for(network, x.shape[1:])), reading(network, noisy=noisy, seed=seed):
        for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
            passes = []
            for _ in range(draws):
                logits, kl_terms = with_costs(network, x_batch)
                check_labels(y_batch, logits)
                passes.append(logits)
                kl += kl_per_image(kl_terms, n_images=draws).to(x.device)
            logits = averaged(passes)
            wrong += (logits.argmax(1) != y_batch).sum()
            nats += cross_entropy(logits.to(precision_of(logits)), y_batch, reduction="sum")
    return Evaluation(*(total.item() / len(x) for total in (wrong, nats, kl)))


def averaged(passes: Sequence[Float[Tensor, "batch classes"]]) -> Float[Tensor, "batch classes"]:
    """Logits whose probabilities are the mean of the passes' probabilities. A single pass keeps its logits."""
    if len(passes) == 1:
        return passes[0]
    log_p = torch.stack([logits.to(precision_of(logits)).log_softmax(1) for logits in passes])
    return log_p.logsumexp(0) - math.log(len(passes))


def recalibrate_batch_norm(
    network: nn.Module, x: Float[Tensor, "images *inputs"], *, batch_size: int = 500, seed: int = 0
) -> None:
    """Measure batch norm's statistics on x twice: with the noise on in all layers, and without noise.

    The authors' code does the second before it evaluates: exp(alpha n) has a mean above 1, so the statistics of training are not those of
    the clean units. The running statistics, which a plain pass in eval mode uses, become those of the clean passes. `reading` and `noise` put
    the set in place that belongs to their own passes. Frozen parts keep their statistics, and every module keeps its mode. `fit` calls this
    at its end.

    Mean and variance are those of all units of all images. Each pass normalises by its batch, so the images are taken in random order.

    Args:
        network: whose batch norms are measured, in place.
        x: the training images, at least two.
        batch_size: images in a pass.
        seed: of the order and of the noise. The caller's random state is left as it was.

    Raises:
        ValueError: there are no images.
    """
    check_images(x)
    if len(x) == 0:
        raise ValueError("there are no images; batch norm's statistics are measured on training images")
    measured = norms(modules_in_training(network))
    with (
        on_threads(threads_for(network, x.shape[1:])),
        torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []),
    ):
        torch.manual_seed(derived_seed(seed, "statistics"))
        measure_batch_norm(network, measured, lambda: shuffled(x, batch_size, seed), network)


def shuffled(x: Tensor, batch_size: int, seed: int) -> Iterator[Tensor]:
    """All images in batches, in an order that the seed fixes."""
    order = torch.randperm(len(x), generator=generator(seed, "statistics"), device="cpu").to(x.device)
    return (x[batch] for batch in in_batches(order, batch_size))


class EvidenceBound(NamedTuple):
    """The two terms of eq. (7) at beta = 1, averaged over images."""

    distortion: float  #: E[-log p(x|z)], nats per image
    rates: Float[Tensor, " latents"]  #: KL( p(z_j|x) || q(z_j) ) of each latent, nats per image

    @property
    def rate(self) -> float:
        return self.rates.sum().item()

    @property
    def bound(self) -> float:
        """The evidence lower bound, as Table 1 prints it. Larger is better."""
        return -self.distortion - self.rate


@torch.no_grad()
def evidence_bound(
    network: nn.Module,
    x: Float[Tensor, "images pixels"],
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 1000,
) -> EvidenceBound:
    """The bound of a variational autoencoder, eq. (7), with Bernoulli pixels and the noise on, averaged over all images.

    The draws are averaged outside the logarithm, so their number changes the precision and not the bound. Sums are taken in
    float64. The network's mode and the caller's random state are left as they were.

    Args:
        network: from pixels to the logits of pixels, with one noise layer.
        x: the images, whose pixels are 0 or 1.
        draws: of the noise for each image.
        seed: of the noise.
        batch_size: images in a pass.

    Raises:
        ValueError: a pixel is neither 0 nor 1, or there are no images or no draws.
    """
    check_binary(x)
    if draws < 1 or len(x) == 0:
        raise ValueError(f"there are {len(x)} images and {draws} draws of the noise; there must be at least one of each")
    distortion, rates = torch.zeros((), dtype=torch.float64, device="cpu"), []
    with on_threads(threads_for(network, x.shape[1:])), reading(network, noisy=True, seed=seed):
        for batch in x.split(batch_size):
            for _ in range(draws):
                logits, (kl,) = network(batch)
                nats = binary_cross_entropy_with_logits(logits.to(precision_of(logits)), batch, reduction="none")
                distortion += nats.double().sum().cpu() / draws
            rates.append(kl.double().sum(0).cpu())
    return EvidenceBound(distortion.item() / len(x), torch.stack(rates).sum(0) / len(x))
