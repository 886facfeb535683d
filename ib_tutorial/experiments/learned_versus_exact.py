r"""An Information Dropout layer on a source so small that the optimum of eq. (2) is known exactly.

Protocol. x has 12 values, which the network is given one-hot, and y has 3. Every expectation over x and y is a sum; only the
noise is sampled. At each beta the same layer is trained with three objectives:

- `layer` is eq. (3) in expectation: the decoder's cross-entropy + beta KL to one learned log-normal prior.
- `free_prior` is H(y|z) + beta [ I(x;z) + TC(z) ]: eq. (3) with the best decoder and the best factorized prior.
- `exact` is H(y|z) + beta I(x;z), eq. (2) itself: eq. (3) with the best decoder and the best prior.

Several restarts are trained side by side, and the one with the smallest training objective is kept. Its information is then
measured by Monte Carlo under its exact mixture density. The weight of a nat is beta itself (n_train = 1). The optimiser is Adam
and not the paper's gradient descent with momentum, because the question is where the objective has its minimum.
"""

import copy
import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.record import Cell, Record, Row, crossed
from ib_tutorial.information import Bottleneck, Estimate, entropy, information_curve
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences
from ib_tutorial.nn import InformationDropout, NoisyNetwork
from ib_tutorial.training.checkpoint import load, restore_run, save_run
from ib_tutorial.training.optimisers import Adam
from ib_tutorial.training.threads import on_threads

NAME = "learned_versus_exact"

Objective = Literal["layer", "free_prior", "exact"]
OBJECTIVES: tuple[Objective, ...] = ("layer", "free_prior", "exact")

SAVE_EVERY = 100
"""Steps of training between two checkpoints: a second or so."""

COLLAPSED = 0.001
"""Nats of I(x;z) below which an encoder counts as collapsed."""


@dataclass(frozen=True)
class Config:
    """Settings; source 3 was chosen for its exact curve (1 to 9 clusters), before any network was trained on it."""

    source_seed: int = 3
    n_x: int = 12
    n_y: int = 3
    betas: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.475, 0.5, 0.55)
    n_seeds: int = 3
    objectives: tuple[Objective, ...] = OBJECTIVES
    units: int = 4
    hidden: int = 32  # of the decoder
    max_alpha: float = 2.0  # the paper's 0.7 changes nothing as long as sigma is learned, see the chapter
    sigma: float | None = None  # of the prior: learned, or fixed to this value
    restarts: int = 8
    steps: int = 1000
    draws: int = 16  # of the noise, per x and step: 192 noisy inputs
    lr: float = 0.03  # Adam's, falling to 0 along half a cosine
    measured_draws: int = 10_000  # of the noise, per x


PROFILES: dict[str, dict] = {
    "smoke": dict(betas=(0.1, 0.55), n_seeds=2, restarts=2, steps=20, draws=4, measured_draws=200),
    "quick": dict(betas=(0.1, 0.3, 0.45, 0.55), n_seeds=1, restarts=4, steps=400, draws=16, measured_draws=2_000),
    "reduced": dict(),
    "paper": dict(n_seeds=5, restarts=32, steps=5000, draws=128, measured_draws=100_000),
}


def synthetic(seed: int, n_x: int = 12, n_y: int = 3) -> Float[Tensor, "x y"]:
    """A table p(x,y) from the Dirichlet distribution with parameters 1/2: some x say much about y, some little."""
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(n_x * n_y, 0.5)).reshape(n_x, n_y))


def table(settings: Config) -> Float[Tensor, "x y"]:
    return synthetic(settings.source_seed, settings.n_x, settings.n_y)


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    """Name and SHA-256 of the table's bytes (float64, row by row), for the record."""
    name = f"synthetic {settings.n_x} x {settings.n_y}, seed {settings.source_seed}"
    return {"name": name, "sha256": hashlib.sha256(table(settings).numpy().astype("<f8").tobytes()).hexdigest()}


@lru_cache(maxsize=8)
def exact_curve(settings: Config) -> dict[float, Bottleneck]:
    """The exact optimum at each beta."""
    return dict(zip(settings.betas, information_curve(table(settings), settings.betas), strict=True))


def stages(settings: Config) -> list[list[Cell]]:
    return [crossed(seed=range(settings.n_seeds), objective=settings.objectives, beta=settings.betas)]


def run_cell(cell: Cell, context: Context[Config]) -> list[Row]:
    """Train the restarts, keep the best by its training objective, and measure it against the exact optimum."""
    settings = context.settings
    beta, optimum = cell["beta"], exact_curve(settings)[cell["beta"]]
    network, losses = train(settings, beta, cell["objective"], cell["seed"], context.device, context.checkpoint(cell))
    generator = torch.Generator().manual_seed(cell["seed"])
    measured = measure(network, table(settings), beta, settings.measured_draws, generator, cell["objective"] == "layer")
    measured["excess"] = Estimate(measured["lagrangian"].value - float(optimum.lagrangian), measured["lagrangian"].se)
    measured["training_loss"], measured["training_loss_worst"] = Estimate(losses.min().item()), Estimate(losses.max().item())
    for name in ("i_xz", "i_zy", "lagrangian"):
        measured[f"optimal_{name}"] = Estimate(float(getattr(optimum, name)))
    return [dict(metric=metric, value=estimate.value, se=estimate.se) for metric, estimate in measured.items()]


# The network and its objectives


def build(settings: Config) -> NoisyNetwork:
    """One layer of Softplus units on one-hot x, each x with its own f and alpha, and a decoder of one hidden layer."""
    f, alpha = nn.Linear(settings.n_x, settings.units), nn.Linear(settings.n_x, settings.units)
    nn.init.normal_(f.weight)
    nn.init.zeros_(alpha.weight)  # alpha starts at half the cap, so that all inputs overlap:
    nn.init.zeros_(alpha.bias)  # where they do not, no gradient tells two of them to merge
    layer = InformationDropout(nn.Sequential(f, nn.Softplus()), alpha, "log_normal", settings.max_alpha)
    if settings.sigma is not None:
        layer.log_sigma.data.fill_(math.log(settings.sigma))
        layer.log_sigma.requires_grad_(False)
    decoder = nn.Linear(settings.units, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, settings.n_y)
    return NoisyNetwork(layer, *decoder)


def encoder_of(layer: InformationDropout, n_x: int) -> LogNormalEncoder:
    """The encoder that a layer is, for one-hot x."""
    x = torch.eye(n_x, device=layer.mu.device)
    return LogNormalEncoder(layer.f(x).clamp(min=1e-30).log(), layer.noise_scale(x))


def noisy_layer(network: NoisyNetwork) -> InformationDropout:
    """The first layer of a network that `build` made."""
    return cast(InformationDropout, network.layers[0])


class ExpectedLoss(nn.Module):
    """An objective in expectation over x and y, one sample of the noise: `forward()` draws it and returns nats."""

    def __init__(
        self, settings: Config, network: NoisyNetwork, objective: Objective, beta: float, device: torch.device
    ):
        super().__init__()
        self.network, self.objective, self.beta, self.draws = network.to(device), objective, beta, settings.draws
        self.p_xy = table(settings).float().to(device)

    def forward(self) -> Float[Tensor, ""]:
        n_x, p_x = len(self.p_xy), self.p_xy.sum(1)
        if self.objective == "layer":
            x = torch.eye(n_x, device=p_x.device).repeat(self.draws, 1)
            logits, (kl,) = self.network(x)
            log_q = torch.log_softmax(logits, 1).view(self.draws, n_x, -1).mean(0)
            return -(self.p_xy * log_q).sum() + self.beta * (p_x * kl[:n_x].sum(1)).sum()
        encoder = encoder_of(noisy_layer(self.network), n_x)
        u = encoder.sample(torch.randn(self.draws, *encoder.log_f.shape, device=p_x.device))
        terms = divergences(encoder, self.p_xy, u)
        rate = terms.i_xz + terms.total_correlation if self.objective == "free_prior" else terms.i_xz
        return ((terms.h_y_given_z + self.beta * rate) * p_x).sum(1).mean()


@on_threads(1)  # its operations are too small to be shared
def train(
    settings: Config,
    beta: float,
    objective: Objective,
    seed: int,
    device: torch.device | str = "cpu",
    checkpoint: Path | None = None,
) -> tuple[NoisyNetwork, Float[Tensor, "restarts"]]:
    """The restart with the least objective, and the objective that each reached (1,024 fresh draws per x or more).

    A run that was killed resumes from `checkpoint`, which is written every `SAVE_EVERY` steps.
    """
    torch.manual_seed(seed)
    losses = [
        ExpectedLoss(settings, build(settings), objective, beta, torch.device(device)) for _ in range(settings.restarts)
    ]
    parameters, _ = stack_module_state(losses)
    restarts = nn.ParameterList(parameters.values())
    stacked = dict(zip(parameters, restarts, strict=True))
    skeleton = copy.deepcopy(losses[0])
    of_each = vmap(lambda parameters: functional_call(skeleton, parameters, ()), randomness="different")

    frozen = () if settings.sigma is None else ("network.layers.0.log_sigma",)
    optimiser = Adam([p for name, p in stacked.items() if name not in frozen], lr=settings.lr, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    done = resume(checkpoint, restarts, optimiser, schedule) if checkpoint is not None and checkpoint.exists() else 0
    for step in range(done, settings.steps):
        optimiser.zero_grad()
        of_each(stacked).sum().backward()  # restarts do not touch each other: each gets the gradient of its own loss
        optimiser.step()
        schedule.step()
        if checkpoint is not None and (step + 1) % SAVE_EVERY == 0:
            save_run(checkpoint, restarts, optimiser, {"schedule": schedule.state_dict()})
    with torch.no_grad():
        repeats = math.ceil(1024 / settings.draws)
        reached = sum(of_each(stacked) for _ in range(repeats)) / repeats
    best = int(reached.argmin())
    losses[best].load_state_dict({name: parameter[best].detach() for name, parameter in stacked.items()})
    return losses[best].network.cpu(), reached.cpu()


def resume(
    checkpoint: Path, restarts: nn.Module, optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> int:
    """Put the checkpoint's state in place, and return how many steps were taken."""
    tensors, state = load(checkpoint)
    restore_run(tensors, restarts, optimiser)
    schedule.load_state_dict(state["schedule"])
    for group, lr in zip(optimiser.param_groups, schedule.get_last_lr(), strict=True):
        group["lr"] = lr
    return schedule.last_epoch


# What a trained network achieves


@torch.no_grad()
def measure(
    network: NoisyNetwork,
    p_xy: Float[Tensor, "x y"],
    beta: float,
    n_draws: int,
    generator: torch.Generator,
    with_bounds: bool,
) -> dict[str, Estimate]:
    """Information and Lagrangian of a trained network in nats, in float64, with n_draws of the noise per x.

    Args:
        network: with one Information Dropout layer.
        p_xy: the source, a joint distribution.
        beta: the price of a nat.
        n_draws: of the noise, for each x.
        generator: of the noise.
        with_bounds: whether to add the terms of eq. (3), which are the rate (in closed form) and the cross-entropy of the network's
            decoder, and the gaps between them and the true terms: decoder, total correlation, shape of the prior.
    """
    layer, n_x, p_x = noisy_layer(network), len(p_xy), p_xy.sum(1)
    found = encoder_of(layer, n_x)
    encoder = LogNormalEncoder(found.log_f.double(), found.alpha.double())
    mu, sigma = layer.mu.double(), layer.log_sigma.double().exp()
    decoder = nn.Sequential(*network.layers[1:])

    samples: dict[str, list[Tensor]] = {}
    for start in range(0, n_draws, 1000):
        size = (min(1000, n_draws - start), *encoder.log_f.shape)
        u = encoder.sample(
            torch.randn(size, generator=generator, dtype=torch.float64, device=generator.device).to(p_x.device)
        )
        terms = divergences(encoder, p_xy, u)
        found_here = {
            "h_y_given_z": terms.h_y_given_z,
            "i_xz": terms.i_xz,
            "i_zy": entropy(p_xy.sum(0)) - terms.h_y_given_z,
            "lagrangian": terms.h_y_given_z + beta * terms.i_xz,
        }
        if with_bounds:
            log_q = -(((u - mu) / sigma) ** 2) / 2 - torch.log(sigma) - math.log(2 * math.pi) / 2
            cross_entropy = -(terms.p_y_given_z * decoder(u.exp().float()).double().log_softmax(-1)).sum(-1)
            found_here |= {
                "cross_entropy": cross_entropy,
                "decoder_gap": cross_entropy - terms.h_y_given_z,
                "total_correlation": terms.total_correlation,
                "prior_shape": (terms.log_marginals - log_q).sum(-1),
            }
        for name, values in found_here.items():
            samples.setdefault(name, []).append(values)
    estimates = {name: stratified(torch.cat(values), p_x) for name, values in samples.items()}
    if with_bounds:
        kl = layer(torch.eye(n_x, device=layer.mu.device))[1].double().sum(1)
        estimates["rate"] = Estimate((p_x * kl).sum().item())
        decoded = estimates["cross_entropy"]
        estimates["loss"] = Estimate(decoded.value + beta * estimates["rate"].value, decoded.se)
    return estimates


def stratified(values: Float[Tensor, "draws x"], p_x: Float[Tensor, "x"]) -> Estimate:
    """The mean over p(x) and over equally many draws for each x, and its standard error."""
    error = (p_x**2 * values.var(0) / len(values)).sum().sqrt()
    return Estimate((values.mean(0) * p_x).sum().item(), error.item())


# Reading a record


def estimate(record: Record, objective: Objective, beta: float, seed: int, metric: str) -> Estimate:
    """One number of one trained network."""
    (row,) = record.select(objective=objective, beta=beta, seed=seed, metric=metric)
    return Estimate(row["value"], row["se"])


def by_seed(record: Record, objective: Objective, beta: float, metric: str) -> list[float]:
    return [estimate(record, objective, beta, seed, metric).value for seed in record.seeds]


def worst_excess(record: Record, objective: Objective) -> list[float]:
    """By seed: the largest over beta of Lagrangian at the true informations minus optimum, in nats."""
    per_beta = [by_seed(record, objective, beta, "excess") for beta in record.config["betas"]]
    return [max(values) for values in zip(*per_beta, strict=True)]


class Anatomy(NamedTuple):
    """What the training loss has above the exact optimum, in nats; the parts add up to it."""

    family: float  # the least excess of any encoder found: what the layer cannot do, or nobody found
    pull: float  # further excess of the encoder that minimises eq. (3)
    prior_shape: float  # beta sum_j KL(p_j || q_j)
    total_correlation: float  # beta TC(z)
    decoder: float  # E KL( p(y|z) || q(y|z) )


def anatomy(record: Record, beta: float) -> Anatomy:
    """Means over the seeds, for the networks trained with eq. (3)."""

    def mean(metric: str) -> float:
        values = by_seed(record, "layer", beta, metric)
        return sum(values) / len(values)

    family = min(min(by_seed(record, objective, beta, "excess")) for objective in record.config["objectives"])
    prior = beta * mean("prior_shape"), beta * mean("total_correlation")
    return Anatomy(family, mean("excess") - family, *prior, mean("decoder_gap"))


own_finding = partial(finding, unit="millinats", published="not in the paper")


@own_finding(
    where="eq. (3)",
    statement="A layer trained with eq. (3) comes within 20 millinats of the optimal Lagrangian at every beta.",
    scale=20.0,
)
def close(record: Record) -> list[float]:
    """The excess is the layer's Lagrangian, at its true informations, minus the optimal one. For each seed: the largest
    excess among the betas. The claim holds if this is below 20 millinats. The value shown is 20 minus the excess."""
    return [20 - 1000 * worst for worst in worst_excess(record, "layer")]


@own_finding(
    where="eq. (3), section 5",
    statement="With a free factorized prior, the same layer comes within 8 millinats at every beta.",
    scale=8.0,
)
def free_prior_close(record: Record) -> list[float]:
    """The excess is that of a layer that was trained with the best decoder and the best factorized prior. For each
    seed: the largest excess among the betas. The claim holds if this is below 8 millinats. The value shown is 8 minus
    the excess."""
    return [8 - 1000 * worst for worst in worst_excess(record, "free_prior")]


@own_finding(
    where="eq. (3), section 5",
    statement="Most of the layer's excess is there because its prior is one log-normal distribution.",
)
def prior_explains(record: Record) -> list[float]:
    """For each seed: half of the layer's excess minus the excess with a free factorized prior, averaged over the betas.
    The claim holds if this is above 0."""
    betas = record.config["betas"]
    layer, free = (
        [by_seed(record, objective, beta, "excess") for beta in betas] for objective in ("layer", "free_prior")
    )
    per_beta = [[1000 * (a / 2 - b) for a, b in zip(*pair, strict=True)] for pair in zip(layer, free, strict=True)]
    return [sum(values) / len(values) for values in zip(*per_beta, strict=True)]


@own_finding(where="eq. (3)", statement="The layer collapses where the exact solution does.", unit="betas")
def collapse(record: Record) -> list[float]:
    """For each seed: the number of betas at which exactly one of the two, the layer or the exact solution, has I(x;z)
    below 1 millinat. The claim holds if this is below 1. The value shown is 1 minus the number."""

    def differ(beta: float, seed: int) -> bool:
        learned, exact = (estimate(record, "layer", beta, seed, name).value for name in ("i_xz", "optimal_i_xz"))
        return (learned < COLLAPSED) != (exact < COLLAPSED)

    return [1 - float(sum(differ(beta, seed) for beta in record.config["betas"])) for seed in record.seeds]


FINDINGS = (close, free_prior_close, prior_explains, collapse)
