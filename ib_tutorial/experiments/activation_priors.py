"""Fig. 1: do the noisy units of a trained network have the distribution that its prior assumes?

All-CNN-32 is trained with ReLU units and the log-uniform prior, and with Softplus units and the log-normal one. The units of its last
noise layer are read on test images, with the noise on. The record has the histograms of z and of log z, given z > 0. It also has the
Kolmogorov-Smirnov distance of log z from each prior fitted to it: a normal with its mean and variance, and a uniform over its range. Both
are cut to the middle 90 %, since no finite sample is uniform on a line.

The price of a nat, beta / n_train, is the authors' in the profiles `reduced` and `paper`: 3 / 50,000 for ReLU units and 1 / 50,000 for
Softplus units. At beta = 0 nothing in the loss knows of a prior; those networks are the control.

The first record at `reduced` had three seeds and about half of that price. Every network of it trained on the same 3,000 images, and one
generator drew the order of the images and the noise. Now each seed draws its own training images, and order, noise and initial weights
have generators of their own. So the seeds 0 to 4 of the next record are networks that nobody has seen.

The smallest effect that five seeds can detect is the half-width of their interval: 2.78, Student's quantile, times the standard deviation
over seeds, divided by the root of 5. The first record's standard deviations give, for the four findings in their order, 0.0037, 0.0003,
0.0034 and 0.0018. All its seeds shared their training images, so expect more: perhaps twice that.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.experiments import vision
from ib_tutorial.experiments.comparisons import by_seed, paired_differences
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.record import Cell, Record, Row, rows_of
from ib_tutorial.experiments.vision import Split, splits, trained_all_cnn_32
from ib_tutorial.nn import NoisyNetwork
from ib_tutorial.training import evaluate, reading
from ib_tutorial.training.randomness import generator

NAME = "activation_priors"

ACTIVATIONS = {"relu": "ReLU", "softplus": "Softplus"}
MIDDLE = (0.05, 0.95)
"""The quantiles of log z between which distributions are compared."""

CLOSE = 0.04
"""A Kolmogorov-Smirnov distance under which we call two distributions alike: half of what parts the two priors themselves, 0.078."""

LEARNED = 0.45
"""A network has learned if its training error, noise off, is at most this: half of the 0.9 that guessing gets."""


@dataclass(frozen=True)
class Config:
    """The paper's settings where it states them; beta as in the authors' code (ReLU 3, Softplus 1)."""

    data: str = "cifar10"
    n_train: int = 50_000
    n_test: int = 10_000
    width: float = 1.0
    relu_betas: tuple[float, ...] = (0.0, 3.0)
    softplus_betas: tuple[float, ...] = (0.0, 1.0)
    n_seeds: int = 3
    epochs: int = 200
    drops: tuple[int, ...] = (80, 120, 160)
    lr: float = 0.05
    batch_size: int = 100
    weight_decay: float = 0.0
    max_alpha: float = 0.7
    n_units: int = 1_000_000  # units drawn for the distances; the histogram has them too
    n_bins: int = 80


PROFILES: dict[str, dict] = {
    "smoke": dict(
        data="shapes32", n_train=64, n_test=60, width=0.04, n_seeds=2, epochs=1, drops=(), batch_size=32, n_units=2_000, n_bins=10
    ),
    "quick": dict(
        data="mnist5k/2", n_train=500, n_test=1_000, width=0.0625, relu_betas=(0.0, 0.1), softplus_betas=(0.0, 0.3), n_seeds=1,
        epochs=12, drops=(7, 10), lr=0.1, batch_size=50, n_units=100_000, n_bins=40,
    ),
    "reduced": dict(
        n_train=3_000, width=0.25, relu_betas=(0.0, 0.18), softplus_betas=(0.0, 0.06), n_seeds=5, epochs=30, drops=(15, 24), batch_size=50,
    ),
    "paper": dict(),
}  # fmt: skip


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    return vision.source(settings.data, root)


def stages(settings: Config) -> list[list[Cell]]:
    betas = {"relu": settings.relu_betas, "softplus": settings.softplus_betas}
    return [
        [
            dict(activation=activation, seed=seed, beta=beta)
            for seed in range(settings.n_seeds)
            for activation in ACTIVATIONS
            for beta in betas[activation]
        ]
    ]


def network_of(
    settings: Config, root: Path | str | None, device: torch.device, cell: Cell, checkpoint: Path | None = None
) -> tuple[NoisyNetwork, float, Split, Split]:
    """The trained network of a cell, its last epoch's KL in nats per image, and the training and test images."""
    train, _, test = splits(settings, root, device, cell["seed"])
    network, history = trained_all_cnn_32(
        "information",
        train,
        settings,
        beta=cell["beta"],
        seed=cell["seed"],
        checkpoint=checkpoint,
        width=settings.width,
        activation=cell["activation"],
    )
    return network, history[-1].kl, train, test


def run_cell(cell: Cell, context: Context[Config]) -> list[Row]:
    """Train one network; measure the distribution of its last noisy units."""
    settings = context.settings
    network, kl, train, test = network_of(settings, context.root, context.device, cell, context.checkpoint(cell))
    _, z = last_units(network, test.x, settings.n_units, cell["seed"])
    log_z = z[z > 0].log()
    measured = {
        "effective_beta": cell["beta"] / settings.n_train,
        "train_error": evaluate(network, *train).error,
        "test_error": evaluate(network, *test).error,
        "train_kl": kl,
        "share_zero": (z == 0).double().mean().item(),
        "mean_log_z": log_z.mean().item(),
        "std_log_z": log_z.std().item(),
        **distances(log_z),
    }
    return [
        *rows_of(measured),
        *bins("density", "log_z", *histogram(log_z, settings.n_bins)),
        *bins("density_z", "z", *histogram(z[z > 0], settings.n_bins, (0.0, 0.99))),
    ]


def bins(
    metric: str, coordinate: str, density: Float[Tensor, " n_bins"], edges: Float[Tensor, " edges"]
) -> list[Row]:
    """A histogram as rows: the density of each bin, with the bin's centre under the name `coordinate`."""
    centres = (edges[1:] + edges[:-1]) / 2
    return [
        {"metric": metric, coordinate: float(f"{place:.5g}"), "value": value}
        for place, value in zip(centres.tolist(), density.tolist(), strict=True)
    ]


@torch.no_grad()
def last_units(
    network: NoisyNetwork, x: Float[Tensor, "images *inputs"], n_units: int, seed: int, batch_size: int = 500
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """f and z of n_units of the last noise layer on x, noise on, drawn evenly from images and places (all, where there are fewer)."""
    with reading(network, noisy=True, seed=seed):
        batches = [network.representation(batch) for batch in x.split(batch_size)]
    f, z = (torch.cat([units.float().flatten() for units in side]) for side in zip(*batches, strict=True))
    drawn = torch.randperm(len(z), generator=generator(seed, "units"))[:n_units].to(z.device)
    return f[drawn], z[drawn]


def untrained_log_z(activation: str, alpha: float, n: int = 1_000_000, seed: int = 0) -> Float[Tensor, " n"]:
    """log z, given z > 0, for standard normal pre-activations, as batch norm makes them, and noise of one constant scale."""
    generator = torch.Generator().manual_seed(seed)
    a, shock = torch.randn(2, n, generator=generator, dtype=torch.float64)
    f = torch.relu(a) if activation == "relu" else torch.nn.functional.softplus(a)
    return f[f > 0].log() + alpha * shock[f > 0]


def distances(log_z: Float[Tensor, " n"]) -> dict[str, float]:
    """Kolmogorov-Smirnov distances of log z, within its middle 90%, from a uniform and from a normal cut to the same range.

    The normal has the mean and standard deviation of all of log z; nothing else is fitted.
    """
    x = log_z.double().sort().values
    low, high = (x[int(q * (len(x) - 1))] for q in MIDDLE)
    middle = x[(x >= low) & (x <= high)]
    empirical = torch.arange(1, len(middle) + 1, dtype=torch.float64, device=x.device) / len(middle)
    uniform = (middle - low) / (high - low)
    normal = torch.special.ndtr((middle - x.mean()) / x.std())
    first, last = torch.special.ndtr((torch.stack([low, high]) - x.mean()) / x.std())
    cut = (normal - first) / (last - first)
    return {
        "distance_uniform": largest_gap(empirical, uniform),
        "distance_normal": largest_gap(empirical, cut),
    }


def largest_gap(empirical: Float[Tensor, " n"], cdf: Float[Tensor, " n"]) -> float:
    """The greatest distance between an empirical distribution function, at its steps and just before, and another."""
    before = empirical - 1 / len(empirical)
    return max((empirical - cdf).abs().max().item(), (before - cdf).abs().max().item())


def histogram(
    values: Float[Tensor, " n"], n_bins: int, between: tuple[float, float] = (0.001, 0.999)
) -> tuple[Float[Tensor, " n_bins"], Float[Tensor, " edges"]]:
    """Density of the values in equal bins between two of their quantiles, and the bins' edges. It integrates to the share between them."""
    x = values.sort().values
    low, high = (x[int(share * (len(x) - 1))].item() for share in between)
    edges = torch.linspace(low, high, n_bins + 1)
    counts = torch.histogram(x.float().cpu(), edges).hist
    return counts / len(x) / (edges[1] - edges[0]), edges


def last_beta(record: Record, activation: str) -> float:
    return record.config[f"{activation}_betas"][-1]


def distance(record: Record, activation: str, prior: str) -> list[float]:
    """By seed, the distance from a prior at the activation's largest beta."""
    return by_seed(record, f"distance_{prior}", activation=activation, beta=last_beta(record, activation))


def learned(record: Record, activation: str, values: list[float]) -> list[float]:
    """The values where every network with this activation, at its largest beta, has learned; none otherwise: the finding is void."""
    errors = by_seed(record, "train_error", activation=activation, beta=last_beta(record, activation))
    return values if max(errors) <= LEARNED else []


distance_finding = partial(
    finding,
    unit="Kolmogorov-Smirnov distance",
    scale=CLOSE,
    condition=f"The finding is void if one of these networks has a training error above {LEARNED:.0%}.",
)
"""A finding about the distance of trained units from a prior."""


@distance_finding(
    where="Fig. 1a",
    statement="Post-noise ReLU units, given z > 0, look log-uniform.",
    comment="The cost under this prior does not contain f (Prop. 2), so nothing pulls the units towards it. Untrained "
    "units, rectified normal numbers under noise at the cap, have about the same histogram.",
)
def relu_log_uniform(record: Record) -> list[float]:
    """For each seed, at the larger beta: the distance of the middle 90 % of log z from a uniform distribution. The
    claim holds if this is below {CLOSE}. The value shown is {CLOSE} minus the distance."""
    return learned(record, "relu", [CLOSE - d for d in distance(record, "relu", "uniform")])


@distance_finding(
    where="Fig. 1a",
    statement="For ReLU units the log-uniform is the better of the two priors.",
    comment="Neither is close. Small positive values give log z a long tail to the left, which a normal has in part and a "
    "uniform not at all.",
)
def relu_not_log_normal(record: Record) -> list[float]:
    """For each seed, at the larger beta: the distance of the middle 90 % of log z from a fitted normal minus its
    distance from a uniform distribution. The claim holds if this is above 0."""
    apart = paired_differences(distance(record, "relu", "normal"), distance(record, "relu", "uniform"))
    return learned(record, "relu", apart)


@distance_finding(
    where="Fig. 1b",
    statement="Post-noise Softplus units look log-normal.",
    comment="Every seed is well below what counts as close, where a nat has the weight of the authors' code. So is an untrained layer "
    "under noise at the cap, but its log z is wider.",
)
def softplus_log_normal(record: Record) -> list[float]:
    """For each seed, at the larger beta: the distance of the middle 90 % of log z from a fitted normal. The claim holds
    if this is below {CLOSE}. The value shown is {CLOSE} minus the distance."""
    return learned(record, "softplus", [CLOSE - d for d in distance(record, "softplus", "normal")])


@distance_finding(
    where="Fig. 1b",
    statement="For Softplus units the log-normal is the better of the two priors.",
    comment="This holds without the prior in the loss as well, by less. The cost contains f, and pulls its logarithm towards "
    "the prior's mean.",
)
def softplus_not_log_uniform(record: Record) -> list[float]:
    """For each seed, at the larger beta: the distance of the middle 90 % of log z from a uniform distribution minus its
    distance from a fitted normal. The claim holds if this is above 0."""
    apart = paired_differences(distance(record, "softplus", "uniform"), distance(record, "softplus", "normal"))
    return learned(record, "softplus", apart)


FINDINGS = (relu_log_uniform, relu_not_log_normal, softplus_log_normal, softplus_not_log_uniform)
