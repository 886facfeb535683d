r"""What plots of mutual information in networks show, what estimators can see, and what is measured where the noise is known.

The experiment has three parts, each with its own cells:

- `plane` has networks without noise. It measures the information of rounded activations over training, at several widths of the bins.
- `noise` has a network with one noisy layer. It measures the information on the training images, exact up to draws, beside the cost.
- `estimators` compares estimates with the truth, for Gaussians of 1 to 64 dimensions and for the noisy layer.

The tasks of `plane` are the one of Shwartz-Ziv & Tishby (2017), made anew from their description, and the digits of mnist5k. Twelve points lie
evenly on a sphere. An input says for each point whether it is lit. The label depends on the pattern only through a number that no rotation
and no reflection changes, the power of its first spherical harmonics: how far the lit points pull to one side. It is a coin with the
probability sigmoid(200 (power - threshold)), which gives I(x;y) = 0.99 bits and p(y=1) = 0.5.

Settings and thresholds were chosen on the seeds 0 to 2 of a pilot; the seeds of a record start their networks elsewhere (`START`).
"""

import hashlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise, product
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ib_tutorial.experiments import vision
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.fully_connected import digits
from ib_tutorial.experiments.record import Cell, Record, Row
from ib_tutorial.information import (
    Estimate,
    binned_mutual_information,
    info_nce,
    nearest_neighbour_mutual_information,
    noisy_mutual_information,
    nwj,
)
from ib_tutorial.information.log_normal import LogNormalEncoder
from ib_tutorial.nn import InformationDropout, NoisyNetwork
from ib_tutorial.training import evaluate, fit, initialised
from ib_tutorial.training.threads import on_threads

NAME = "measuring_information"

Activation = Literal["tanh", "relu"]

START = 1000
"""Added to a seed where a network or a critic is initialised, so that no network of the pilot is in a record."""

LEARNED = 0.10
"""A network has learnt if its training error is at most this. Guessing has 0.5 on the sphere and 0.9 on digits."""

HIDDEN = {"sphere": (10, 7, 5, 4, 3), "digits": (100, 30, 10, 5)}
"""Units of the hidden layers: on the sphere those of Shwartz-Ziv & Tishby."""

COARSE, FINE = 1 / 15, 1e-12
"""Widths of bins: 30 of the first fit between -1 and 1, as in the published plots; the second tells almost all numbers apart."""


@dataclass(frozen=True)
class Config:
    """The settings. Tasks, rates and lengths were chosen on the pilot's seeds."""

    data: str = "mnist5k"
    n_train: int = 4_000  # digits
    n_test: int = 1_000
    n_seeds: int = 3
    tasks: tuple[str, ...] = ("sphere", "digits")
    activations: tuple[Activation, ...] = ("tanh", "relu")
    widths: tuple[float, ...] = (COARSE, 0.01, FINE)
    sphere_epochs: int = 400  # of the networks without noise
    digits_epochs: int = 200
    looks: int = 10  # at them, evenly in the logarithm of the epoch
    betas: tuple[float, ...] = (4.0, 12.0, 40.0, 120.0, 400.0, 1_200.0)  # beta / n_train: 0.001 to 0.3
    units: int = 16  # of the noisy layer
    max_alpha: float = 0.7
    lr: float = 0.001  # Adam's, of the noisy network
    batch_size: int = 100  # of the noisy network
    noisy_epochs: int = 30
    noisy_looks: int = 5
    measured: int = 2_000  # training images on which the information is measured: at most log 2,000 = 7.6 nats
    rounds: int = 4  # of the noise, for each image and look
    dimensions: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    rho: float = 0.8  # of each coordinate: 0.51 nats
    samples: int = 1_500  # of an estimate without a critic
    critic_steps: int = 400
    critic_batch: int = 256


PROFILES: dict[str, dict] = {
    "smoke": dict(n_train=200, n_test=100, n_seeds=2, sphere_epochs=2, digits_epochs=2, looks=2, widths=(COARSE, FINE), betas=(4.0, 60.0), units=4, noisy_epochs=2,
                  noisy_looks=2, measured=100, rounds=2, dimensions=(1, 8), samples=100, critic_steps=3, critic_batch=16),
    "quick": dict(n_train=2_000, tasks=("sphere",), n_seeds=1, sphere_epochs=200, looks=7, betas=(2.0, 60.0, 200.0), noisy_looks=4, measured=500, rounds=2,
                  dimensions=(1, 16), samples=500, critic_steps=100),
    "reduced": dict(),
    "paper": dict(n_seeds=20, rounds=16, critic_steps=5_000, samples=10_000),
}  # fmt: skip


class Task(NamedTuple):
    """Inputs and labels of a task: those that a network trains on, and those that are held out."""

    x: Float[Tensor, "samples inputs"]
    y: Int[Tensor, " samples"]
    x_test: Float[Tensor, "held_out inputs"]
    y_test: Int[Tensor, " held_out"]


# The tasks


def sphere_patterns() -> Float[np.ndarray, "4096 12"]:
    """Every pattern of twelve points, lit (1) or dark (-1)."""
    return 2.0 * ((np.arange(4096)[:, None] >> np.arange(12)) & 1) - 1


def sphere_power() -> Float[np.ndarray, "4096"]:
    """For every pattern the power of its spherical harmonics of degree 1, which no rotation or reflection changes.

    The points are the corners of an icosahedron. By the addition theorem the power is 3/144 sum_ij s_i s_j P_1(cos of the angle between i
    and j), with P_1(c) = c: proportional to the squared length of the sum of the vectors to the points, each with its sign.
    """
    golden = (1 + math.sqrt(5)) / 2
    corners = [p for a, b in product((-1, 1), (-golden, golden)) for p in ((0, a, b), (a, b, 0), (b, 0, a))]
    pull = sphere_patterns() @ (np.array(corners) / math.sqrt(1 + golden**2))
    return np.round(3 / 144 * (pull**2).sum(1), 9)


def sphere_p_y_given_x(steepness: float = 200.0) -> Float[np.ndarray, "4096"]:
    """p(y=1|x) of every pattern. It is near 1 or 0, depending on whether the power exceeds a threshold near its median."""
    power = sphere_power()
    values = np.unique(power)
    at = int(np.argmin([abs((power > value).mean() - 0.5) for value in values]))
    return 1 / (1 + np.exp(-steepness * (power - (values[at] + values[at + 1]) / 2)))


def sphere() -> tuple[Float[Tensor, "4096 12"], Int[Tensor, " 4096"]]:
    """The patterns and their labels, one draw for each."""
    drawn = np.random.default_rng(0).random(4096) < sphere_p_y_given_x()
    return torch.from_numpy(sphere_patterns()).float(), torch.from_numpy(drawn.astype(np.int64))


def task(settings: Config, root: Path | str | None, name: str, seed: int) -> Task:
    """A task's training and held-out parts; the seed decides which samples are trained on. On the sphere these are 80 %."""
    if name == "sphere":
        x, y = sphere()
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(x)))
        train, held_out = order[:3276], order[3276:]
        return Task(x[train], y[train], x[held_out], y[held_out])
    of_train, of_test = digits(settings, root, torch.device("cpu"), seed)
    return Task(of_train.x, of_train.y, of_test.x, of_test.y)


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    """Names and one SHA-256 of the sphere's patterns and labels and of the training digits, for the record."""
    x, y = sphere()
    images = vision.source(settings.data, root)
    digest = hashlib.sha256(x.numpy().astype("<f4").tobytes() + y.numpy().astype("<i8").tobytes() + images["sha256"].encode())
    return {"name": f"patterns on a sphere, and {images['name']}", "sha256": digest.hexdigest()}


def stages(settings: Config) -> list[list[Cell]]:
    """Seed by seed, so that an unfinished record has whole seeds."""

    def of(seed: int) -> Iterator[Cell]:
        yield from (dict(part="plane", task=task, activation=kind, seed=seed) for task, kind in product(settings.tasks, settings.activations))
        yield from (dict(part="noise", beta=beta, seed=seed) for beta in settings.betas)
        yield from (dict(part="estimators", dimensions=dimensions, seed=seed) for dimensions in settings.dimensions)

    return [[cell for seed in range(settings.n_seeds) for cell in of(seed)]]


@on_threads(1)  # its networks are too small to be shared
def run_cell(cell: Cell, context: Context[Config]) -> list[Row]:
    """Compute one cell: see the module's three parts."""
    settings, root, seed = context.settings, context.root, cell["seed"]
    if cell["part"] == "plane":
        name = cell["task"]
        epochs = {"sphere": settings.sphere_epochs, "digits": settings.digits_epochs}[name]
        data = task(settings, root, name, seed)
        return list(plane(data, cell["activation"], HIDDEN[name], epochs, settings.looks, settings.widths, seed))
    if cell["part"] == "noise":
        return list(noise(settings, task(settings, root, "digits", seed), cell["beta"], seed))
    return list(gaussian_estimates(settings, cell["dimensions"], seed))


def looks_at(epochs: int, looks: int) -> list[int]:
    """The epochs at which the networks are measured: the first, the last, and others evenly spaced in the logarithm."""
    return sorted({round(each) for each in np.geomspace(1, epochs, looks)})


# Networks without noise


class Plain(nn.Module):
    """Fully connected hidden layers of one activation, and a linear output; `hidden` gives the activations of every layer."""

    def __init__(self, inputs: int, hidden: Sequence[int], classes: int, activation: Activation):
        super().__init__()
        kind = {"tanh": nn.Tanh, "relu": nn.ReLU}[activation]
        widths = [inputs, *hidden]
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(a, b), kind()) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1], classes)

    def hidden(self, x: Float[Tensor, "samples inputs"]) -> list[Float[Tensor, "samples _"]]:
        return list(accumulate(self.layers, lambda below, layer: layer(below), initial=x))[1:]

    def forward(self, x: Float[Tensor, "samples inputs"]) -> Float[Tensor, "samples classes"]:
        return self.out(self.hidden(x)[-1])


def trained_plain(
    data: Task, activation: Activation, hidden: Sequence[int], epochs: int, looks: int, seed: int
) -> Iterator[tuple[int, Plain]]:
    """The network at each look, after so many epochs of Adam in batches of 1,024."""
    classes = int(data.y.max()) + 1
    network = initialised(lambda: Plain(data.x.shape[1], hidden, classes, activation), START + seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    order = torch.Generator().manual_seed(START + seed)
    at = looks_at(epochs, looks)
    for epoch in range(1, epochs + 1):
        for batch in torch.randperm(len(data.x), generator=order).split(1024):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(data.x[batch]), data.y[batch]).backward()
            optimiser.step()
        if epoch in at:
            yield epoch, network


def plane(
    data: Task, activation: Activation, hidden: Sequence[int], epochs: int, looks: int, widths: Sequence[float], seed: int
) -> Iterator[Row]:
    """Errors, and for every layer and width the information of the rounded activations about which sample it is, at each look.

    The activations are computed in float64: float32, in which the network trains, rounds a saturated tanh to 1.
    """
    which = torch.arange(len(data.x))
    for epoch, network in trained_plain(data, activation, hidden, epochs, looks, seed):
        with torch.no_grad():
            wrong = {"train_error": network(data.x).argmax(1) != data.y, "test_error": network(data.x_test).argmax(1) != data.y_test}
            activations = network.double().hidden(data.x.double())
            network.float()
        for metric, each in wrong.items():
            yield dict(metric=metric, value=each.double().mean().item(), epoch=epoch)
        for (layer, units), width in product(enumerate(activations, 1), widths):
            yield dict(metric="binned", value=binned_mutual_information(which, units, width), epoch=epoch, layer=layer, width=width)


# A network whose noise is known


def noisy_network(settings: Config) -> NoisyNetwork:
    """784 -> 100 ReLU -> one Information Dropout layer of Softplus units -> 10. Only that layer has noise."""
    f, alpha = nn.Sequential(nn.Linear(100, settings.units), nn.Softplus()), nn.Linear(100, settings.units)
    layer = InformationDropout(f, alpha, prior="log_normal", max_alpha=settings.max_alpha)
    return NoisyNetwork(nn.Sequential(nn.Linear(784, 100), nn.ReLU()), layer, nn.Linear(settings.units, 10))


@torch.no_grad()
def encoder_of(network: NoisyNetwork, x: Float[Tensor, "images 784"]) -> LogNormalEncoder:
    """p(log z|x) of the noisy layer for every image, in float64."""
    before, layer = network.layers[0], cast(InformationDropout, network.layers[1])
    h = before(x)
    return LogNormalEncoder(layer.clean(h).double().clamp(min=1e-30).log(), layer.noise_scale(h).double())


def log_density(encoder: LogNormalEncoder) -> Callable[[Float[Tensor, "draws units"]], Float[Tensor, "draws x"]]:
    """The function from draws of log z to log p(log z | x) for every x, up to a constant."""
    precision = encoder.alpha**-2
    linear, constant = encoder.log_f * precision, (encoder.log_f**2 * precision).sum(1) / 2 + encoder.alpha.log().sum(1)
    return lambda u: u @ linear.T - u**2 @ precision.T / 2 - constant


def drawn(encoder: LogNormalEncoder, rounds: int, seed: int) -> Iterator[Float[Tensor, "x units"]]:
    """Rounds of log z, one draw for each x."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(rounds):
        yield encoder.sample(torch.randn(encoder.log_f.shape, generator=generator, dtype=torch.float64))


def noise(settings: Config, data: Task, beta: float, seed: int) -> Iterator[Row]:
    """Errors, cost and true information of a noisy network at each look, and at the end what the estimators say of its layer.

    The information is about which of the first `measured` training images was shown, all equally likely, and the cost is of the same images.
    """
    network = initialised(lambda: noisy_network(settings), START + seed)
    measured_on = data.x[: settings.measured]
    encoder = encoder_of(network, measured_on)
    with tempfile.TemporaryDirectory() as folder:
        for epochs in looks_at(settings.noisy_epochs, settings.noisy_looks):
            fit(
                network, data.x, data.y, epochs=epochs, lr=settings.lr, optimiser="adam", beta=beta, batch_size=settings.batch_size,
                seed=START + seed, precision="float32", progress=False, checkpoint=Path(folder) / "network.safetensors",
            )  # fmt: skip
            encoder = encoder_of(network, measured_on)
            information = noisy_mutual_information(log_density(encoder), drawn(encoder, settings.rounds, START + seed))
            noisy = evaluate(network, measured_on, data.y[: settings.measured], noisy=True)
            measured = {
                "train_error": evaluate(network, data.x, data.y).error,
                "cross_entropy": noisy.cross_entropy,
                "cost": noisy.kl,
                "test_error": evaluate(network, data.x_test, data.y_test).error,
            }
            yield from (dict(metric=metric, value=value, epoch=epochs) for metric, value in measured.items())
            yield dict(metric="information", value=information.value, se=information.se, epoch=epochs)
    yield from layer_estimates(settings, encoder, seed)


# Estimators against a truth

Pairs = tuple[Float[Tensor, "batch x_units"], Float[Tensor, "batch y_units"]]
Scores = Float[Tensor, "batch batch"]


class Critic(nn.Module):
    """Scores of all pairs of a batch: inner products of the output of one small network on x with that of another on y."""

    def __init__(self, x_units: int, y_units: int, hidden: int = 128):
        super().__init__()
        self.of_x, self.of_y = (
            nn.Sequential(nn.Linear(units, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 32))
            for units in (x_units, y_units)
        )

    def forward(self, x: Float[Tensor, "batch x_units"], y: Float[Tensor, "batch y_units"]) -> Scores:
        return self.of_x(x) @ self.of_y(y).T


def critic_estimate(
    bound: Callable[[Scores], Float[Tensor, ""]], pairs: Callable[[], Pairs], steps: int, seed: int, batches: int = 40
) -> Estimate:
    """A lower bound after training a critic on fresh pairs, averaged over fresh batches, with its standard error over them."""
    x, y = pairs()
    critic = initialised(lambda: Critic(x.shape[1], y.shape[1]), START + seed)
    optimiser = torch.optim.Adam(critic.parameters(), lr=0.002)
    for _ in range(steps):
        optimiser.zero_grad()
        (-bound(critic(*pairs()))).backward()
        nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        return over_batches([bound(critic(*pairs())) for _ in range(batches)])


def over_batches(values: list[Float[Tensor, ""]]) -> Estimate:
    found = torch.stack(values).double()
    return Estimate(found.mean().item(), (found.std() / math.sqrt(len(found))).item())


def timed(estimators: dict[str, Callable[[], Estimate | float]]) -> Iterator[Row]:
    """A row for each estimator: its value, standard error and seconds. An estimator that refuses its samples, or diverges, has no row."""
    for name, estimate in estimators.items():
        start = time.perf_counter()
        try:
            found = estimate()
        except ValueError:
            continue
        value, se = found if isinstance(found, Estimate) else (found, 0.0)
        if math.isfinite(value):
            yield dict(metric="estimate", estimator=name, value=value, se=se, seconds=time.perf_counter() - start)


def gaussian_estimates(settings: Config, dimensions: int, seed: int) -> Iterator[Row]:
    """The estimate of each estimator for two Gaussian vectors whose coordinates have the correlation rho, and the true value."""
    generator = torch.Generator().manual_seed(START + seed)
    rho, variance = settings.rho, 1 - settings.rho**2

    def pairs(n: int) -> Pairs:
        x = torch.randn(n, dimensions, generator=generator)
        return x, rho * x + math.sqrt(variance) * torch.randn(n, dimensions, generator=generator)

    def ratios(x: Tensor, y: Tensor) -> Tensor:
        """log p(y_j|x_i) / p(y_j) for every pair: the best critic, up to a constant."""
        squared = (x**2).sum(1)[:, None] * rho**2 - 2 * rho * x @ y.T + (y**2).sum(1)
        return -squared / (2 * variance) + (y**2).sum(1) / 2 - dimensions / 2 * math.log(variance)

    x, y = pairs(settings.samples)
    batch, steps = settings.critic_batch, settings.critic_steps
    yield dict(metric="truth", value=-dimensions / 2 * math.log(variance))
    yield from timed(
        {
            "binned": lambda: binned_mutual_information(x, y, 0.5),
            "neighbours": lambda: nearest_neighbour_mutual_information(x, y),
            "info_nce": lambda: critic_estimate(info_nce, lambda: pairs(batch), steps, seed),
            "nwj": lambda: critic_estimate(nwj, lambda: pairs(batch), steps, seed),
            "info_nce, best critic": lambda: over_batches([info_nce(ratios(*pairs(batch))) for _ in range(40)]),
            "nwj, best critic": lambda: over_batches([nwj(1 + ratios(*pairs(batch))) for _ in range(40)]),
            "known noise": lambda: noisy_mutual_information(lambda z: ratios(x.double(), z).T, [y.double()]),
        }
    )


def layer_estimates(settings: Config, encoder: LogNormalEncoder, seed: int) -> Iterator[Row]:
    """The estimate of each estimator for the noisy layer: between log z and its parameters, log f and log alpha, each standardised."""
    generator = torch.Generator().manual_seed(START + seed)
    n = len(encoder.log_f)
    density = log_density(encoder)
    given = torch.hstack([encoder.log_f, encoder.alpha.log()])
    given = ((given - given.mean(0)) / given.std(0).clamp(min=1e-6)).float()
    mean, std = encoder.log_f.mean(0), encoder.log_f.std(0).clamp(min=1e-6)

    def draws(which: Int[Tensor, " batch"]) -> Float[Tensor, "batch units"]:
        normal = torch.randn(len(which), encoder.log_f.shape[1], generator=generator, dtype=torch.float64)
        return encoder.log_f[which] + encoder.alpha[which] * normal

    def pairs(batch: int) -> Pairs:
        which = torch.randint(n, (batch,), generator=generator)
        return given[which], ((draws(which) - mean) / std).float()

    def best(batch: int) -> Scores:
        """log p(z_j|x_i) / p(z_j) of a batch."""
        which = torch.randint(n, (batch,), generator=generator)
        of_all = density(draws(which))
        return (of_all[:, which] - torch.logsumexp(of_all, 1, keepdim=True) + math.log(n)).T

    z = draws(torch.arange(n))
    batch, steps = min(settings.critic_batch, n), settings.critic_steps
    kept = slice(0, settings.samples)
    yield from timed(
        {
            "binned": lambda: binned_mutual_information(torch.arange(n), z, 0.5),
            "neighbours": lambda: nearest_neighbour_mutual_information(given[kept], ((z - mean) / std)[kept]),
            "info_nce": lambda: critic_estimate(info_nce, lambda: pairs(batch), steps, seed),
            "nwj": lambda: critic_estimate(nwj, lambda: pairs(batch), steps, seed),
            "info_nce, best critic": lambda: over_batches([info_nce(best(batch)) for _ in range(40)]),
            "nwj, best critic": lambda: over_batches([nwj(1 + best(batch)) for _ in range(40)]),
        }
    )


# Reading a record


def course(record: Record, metric: str, seed: int, **which) -> list[float]:
    """One metric over training, in the order of the looks."""
    rows = sorted(record.select(metric=metric, seed=seed, **which), key=lambda row: row["epoch"])
    return [row["value"] for row in rows]


def fall(values: Sequence[float]) -> float:
    """The largest value minus the last one: 0 where the last is the largest."""
    return max(values) - values[-1]


def has_learnt(record: Record, seed: int, **which) -> bool:
    return course(record, "train_error", seed, **which)[-1] <= LEARNED


def falls(record: Record, activation: Activation, width: float) -> list[list[float]]:
    """By seed and task, the fall of the last hidden layer's binned information; none where a network has not learnt."""
    def of_task(seed: int, name: str) -> float:
        return fall(course(record, "binned", seed, task=name, activation=activation, layer=len(HIDDEN[name]), width=width))

    tasks = record.config["tasks"]
    if not all(has_learnt(record, seed, task=name, activation=activation) for seed, name in product(record.seeds, tasks)):
        return []
    return [[of_task(seed, name) for name in tasks] for seed in record.seeds]


def at_end(record: Record, metric: str, beta: float) -> list[float]:
    """By seed, a metric of the noisy network after training; none where a network has not learnt."""
    if not all(has_learnt(record, seed, beta=beta) for seed in record.seeds):
        return []
    return [course(record, metric, seed, beta=beta)[-1] for seed in record.seeds]


def middle_beta(record: Record) -> float:
    """The middle value of the grid, the smaller one of two."""
    betas = sorted(record.config["betas"])
    return betas[(len(betas) - 1) // 2]


def shares(record: Record, beta: float) -> list[float]:
    """By seed, the true information divided by the cost, after training."""
    return [kept / paid for kept, paid in zip(at_end(record, "information", beta), at_end(record, "cost", beta), strict=True)]


def estimates(record: Record, estimator: str, dimensions: int) -> list[float]:
    """By seed, what an estimator said of the Gaussians; empty where it refused their samples."""
    return by_seed(record, "estimate", estimator=estimator, dimensions=dimensions)


def regime(record: Record) -> str:
    """How far the networks of a record were trained, each after its last epoch; the share of those that have not learnt."""
    last = {}
    for row in sorted(record.select(metric="train_error"), key=lambda row: row["epoch"]):
        last[tuple(row.get(name) for name in ("task", "activation", "beta", "seed"))] = row["value"]
    learnt = sum(error <= LEARNED for error in last.values())
    return f"{learnt} of {len(last)} networks learnt to a training error of at most {LEARNED:.0%}"


CONDITION = f"Learnt: every network of the comparison has a training error of at most {LEARNED:.0%}."

of_networks = partial(finding, unit="nats", condition=CONDITION, published="not in the paper", regime=regime)
"""A finding about networks that have learnt."""


@of_networks(
    where="Shwartz-Ziv & Tishby (2017)",
    statement="In a tanh network the binned information of the last hidden layer falls during training.",
    scale=0.5,
    published="two phases, on the sphere's task",
)
def tanh_falls(record: Record) -> list[float]:
    """For each seed and task: the largest binned information during training minus the last one, with bins of 1/15. The
    claim holds if the smaller of the two tasks' falls is above 0.5 nats. The value shown is that fall minus 0.5."""
    return [min(of_task) - 0.5 for of_task in falls(record, "tanh", COARSE)]


@of_networks(
    where="Saxe et al. (2018)",
    statement="It falls less in a ReLU network.",
    published="no fall with ReLU units",
)
def relu_falls_less(record: Record) -> list[float]:
    """For each seed: the fall of the tanh network minus that of the ReLU network, with bins of 1/15, averaged over the
    tasks. The claim holds if this is above 0."""
    pairs = zip(falls(record, "tanh", COARSE), falls(record, "relu", COARSE), strict=False)
    return [sum(tanh) / len(tanh) - sum(relu) / len(relu) for tanh, relu in pairs]


@of_networks(
    where="Goldfeld et al. (2019)",
    statement="The fall is made by the bins: the same activations of the tanh networks, in narrow bins, show none.",
    scale=0.1,
    published="binning measures clustering",
)
def bins_decide(record: Record) -> list[float]:
    """For each seed: the larger of the two tasks' falls, with bins of 1e-12. The claim holds if this is below 0.1 nats.
    The value shown is 0.1 minus the fall."""
    return [0.1 - max(of_task) for of_task in falls(record, "tanh", FINE)]


@of_networks(
    where="section 6",
    statement="With Information Dropout the true information of the noisy layer falls during training.",
    scale=0.2,
)
def noise_forgets(record: Record) -> list[float]:
    """For each seed, at the middle beta of the grid: the largest true information during training minus the last one.
    The claim holds if this is above 0.2 nats. The value shown is the fall minus 0.2."""
    beta = middle_beta(record)
    if not at_end(record, "information", beta):
        return []
    return [fall(course(record, "information", seed, beta=beta)) - 0.2 for seed in record.seeds]


@of_networks(
    where="eq. (3)",
    statement="A larger beta leaves less true information in the layer.",
    scale=2.0,
)
def price_buys(record: Record) -> list[float]:
    """For each seed: the information after training at the smallest beta minus that at the largest beta. The claim
    holds if this is above 2 nats. The value shown is the difference minus 2."""
    low, high = (at_end(record, "information", beta) for beta in (min(record.config["betas"]), max(record.config["betas"])))
    return [a - b - 2 for a, b in zip(low, high, strict=False)]


@of_networks(
    where="eq. (3)",
    statement="The share of the cost that is information is larger at a large beta.",
    unit="share of the cost",
    scale=0.25,
)
def share_rises(record: Record) -> list[float]:
    """For each seed, after training: the true information divided by the cost at the largest beta, minus the same ratio
    at the smallest beta. The claim holds if this is above 0.25. The value shown is the difference minus 0.25."""
    low, high = (shares(record, beta) for beta in (min(record.config["betas"]), max(record.config["betas"])))
    return [b - a - 0.25 for a, b in zip(low, high, strict=False)]


@finding(
    where="Kraskov et al. (2004)",
    statement="Nearest neighbours find less than half of the information of Gaussians in 16 dimensions.",
    unit="nats",
    published="not in the paper",
    regime=lambda record: "nothing is trained",
)
def neighbours_miss(record: Record) -> list[float]:
    """For each seed, at 16 dimensions: half of the true information minus the estimate from 3 neighbours. The claim
    holds if this is above 0."""
    pairs = zip(by_seed(record, "truth", dimensions=16), estimates(record, "neighbours", 16), strict=True)
    return [true / 2 - found for true, found in pairs]


FINDINGS = (tanh_falls, relu_falls_less, bins_decide, noise_forgets, price_buys, share_rises, neighbours_miss)
