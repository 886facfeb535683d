"""What a trained network gets wrong, how many nats its noise layers let through, and batch norm's statistics without noise;
what a variational autoencoder reconstructs and pays."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ib_tutorial.nn import noise
from ib_tutorial.training.objective import check_binary, kl_per_image


class Evaluation(NamedTuple):
    """What `evaluate` measures: the two terms of eq. (3), averaged over images, and the error."""

    error: float
    """Share of images whose most probable class is wrong, in [0, 1]."""
    cross_entropy: float
    """Nats per image."""
    kl: float
    """Nats per image, summed over units and layers."""


@torch.no_grad()
def evaluate(
    network: nn.Module,
    x: Float[Tensor, "images *inputs"],
    y: Int[Tensor, " images"],
    *,
    noisy: bool = False,
    batch_size: int = 1000,
) -> Evaluation:
    """Error, cross-entropy and KL over all images, noise off unless `noisy` (the paper's D, and its N).

    Batch norm uses its running statistics; the network's mode is left as it was.
    """
    was_training = network.training
    network.eval()
    wrong, nats, kl = (torch.zeros((), dtype=torch.float64, device=x.device) for _ in range(3))
    with noise(network, on=noisy):
        for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
            logits, kl_terms = network(x_batch)
            wrong += (logits.argmax(1) != y_batch).sum()
            nats += cross_entropy(logits.float(), y_batch, reduction="sum")
            kl += kl_per_image(kl_terms).to(x.device) * len(x_batch)
    network.train(was_training)
    return Evaluation(*(total.item() / len(x) for total in (wrong, nats, kl)))


@torch.no_grad()
def recalibrate_batch_norm(network: nn.Module, x: Float[Tensor, "images *inputs"], *, batch_size: int = 1000) -> None:
    """Replace batch norm's running statistics by those of x without noise, as the authors' code does before it evaluates.

    Training sees noisy units, and their statistics are not those of the clean ones: exp(alpha n) has a mean above 1. Mean
    and variance become the plain averages over the batches. The network's mode is left as it was.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
        norm.train()
    with noise(network, on=False):
        for batch in x.split(batch_size):
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)


class EvidenceBound(NamedTuple):
    """The two terms of eq. (7) at beta = 1, averaged over images."""

    distortion: float
    """E[-log p(x|z)], nats per image."""
    rates: Float[Tensor, " latents"]
    """KL( p(z_j|x) || q(z_j) ) of each latent, nats per image."""

    @property
    def rate(self) -> float:
        return self.rates.sum().item()

    @property
    def bound(self) -> float:
        """The evidence lower bound, as Table 1 prints it: larger is better."""
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
    """The bound of a variational autoencoder, eq. (7), with Bernoulli pixels over all images, noise on, `draws` of it per image.

    The draws are averaged outside the logarithm, so their number changes the precision and not the bound. Sums are taken in
    float64; the network's mode and the caller's random state are left as they were. x: binary, 0 or 1; other pixels raise a ValueError.
    """
    check_binary(x)
    was_training = network.training
    network.eval()
    distortion, rates = torch.zeros((), dtype=torch.float64), []
    with noise(network), torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
        torch.manual_seed(seed)
        for batch in x.split(batch_size):
            for _ in range(draws):
                logits, (kl,) = network(batch)
                nats = binary_cross_entropy_with_logits(logits.float(), batch, reduction="none")
                distortion += nats.double().sum().cpu() / draws
            rates.append(kl.double().sum(0).cpu())
    network.train(was_training)
    return EvidenceBound(distortion.item() / len(x), torch.stack(rates).sum(0) / len(x))
