r"""The deep VIB's layer beside Information Dropout, binary dropout and no noise: one encoder, one task, one measure for each question.

- `digits`: error, cross-entropy, calibration, one draw against twelve, fast gradient attacks, total correlation.
- `nuisance`: pictures under a digit, and what a reader still finds of the digit in z.

The encoder is that of Alemi et al. (2017): two layers of 1,024 ReLU units, then 256 units with noise, then one linear layer to the classes;
Adam with beta_1 = 0.5, a rate that falls by 3 % every two epochs, and the average of the weights over the steps. Their settings are
those of the authors' code (github.com/alexalemi/vib_demo). The layers differ in what follows the encoder:

- `vib`: VariationalBottleneck, which has additive noise and a standard normal prior.
- `softplus`: InformationDropout of Softplus units, with the log-normal prior.
- `relu`: InformationDropout of ReLU units, with the log-uniform prior.
- `binary`: BinaryDropout of ReLU units.
- `none`: ReLU units without noise.
- `linear`: linear units without noise, which is the deep VIB's network with neither noise nor cost.

Every layer with a cost has the same loss, eq. (3), and the same grid of beta. A beta weighs nats that are counted from another zero in each
layer, so a beta of one is not compared with a beta of another. What is compared are networks at the beta that held-out images choose, and
errors at equal nats.

At `reduced` the pictures are MNIST's digits at half their brightness, with another digit over each: a small network learns them in a
minute. There are five classes, for with ten such a network errs on every second test picture. `paper` has CIFAR-10's pictures. Rates, lengths
and the grid were chosen on seed 100, which is in no record.

One thread takes 60 to 80 seconds for a network on digits with its measurements and 90 for one on pictures with its reader (20 epochs). So
`reduced` takes about 1.2 core-hours. At `paper` one network needs 57 minutes for its 200 epochs.

The smallest effect that a run can detect is the half-width of its interval: with three seeds 2.48 standard deviations of the difference over
seeds. On the pilot's seed alone no deviation is known; a difference of 0.1 points between two networks on 10,000 test images has a standard
error of sampling of about 0.14 points, so no difference below 0.3 points in error is likely to be found with three seeds.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ib_tutorial.experiments import choice, occluded_nuisance, vision
from ib_tutorial.experiments.comparisons import by_seed, paired_differences
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.record import Cell, Record, Row, rows_of
from ib_tutorial.experiments.vision import Split, splits
from ib_tutorial.information import gaussian_total_correlation
from ib_tutorial.nn import (
    BinaryDropout,
    Deterministic,
    InformationDropout,
    NoiseLayer,
    NoisyNetwork,
    VariationalBottleneck,
    noise,
)
from ib_tutorial.training import information_bottleneck_loss, initialised
from ib_tutorial.training.checkpoint import load as load_checkpoint
from ib_tutorial.training.checkpoint import restore_run, save_run
from ib_tutorial.training.evaluation import averaged
from ib_tutorial.training.optimisers import Adam
from ib_tutorial.training.randomness import derived_seed, generator
from ib_tutorial.training.threads import on_threads

NAME = "two_bottlenecks"

PRICED, FREE = ("vib", "softplus", "relu"), ("none", "linear", "binary")
"""The layers that have a cost, and so a beta; and those that have none."""

LEARNED = 0.05
"""A network has learnt if its training error, noise off, is at most this. Guessing has 0.9."""

READS = 0.10
"""The digit can be read if the reader's error on the raw picture is under this."""

DRAWS = {"clean": 0, "one": 1, "twelve": 12}
"""The readings: how many draws of the noise a prediction is averaged over; 0 is a pass without noise."""

MIDDLE = 0.1
"""The size of the attacks that the finding is about, and of those that follow the gradient of one draw; a share of the range of a pixel."""

PUBLISHED = {"none": 1.38, "binary": 1.34, "vib": 1.13}
"""Alemi et al. (2017), table 1: per cent of MNIST's test digits that are wrong, after 200 epochs of all 60,000 training digits."""


@dataclass(frozen=True)
class Config:
    """The settings of Alemi et al. where they state them. They train on all 60,000 digits; ours hold some out to choose beta on."""

    data: str = "mnist"
    n_train: int = 50_000
    n_validation: int = 10_000  # of the training images, to choose beta on
    n_test: int = 10_000
    hidden: int = 1_024
    latents: int = 256
    betas: tuple[float, ...] = (5.0, 50.0, 500.0, 5_000.0)  # beta / n_train: 1e-4 to 1e-1; theirs is 1e-3
    n_seeds: int = 3
    epochs: int = 200
    lr: float = 1e-4
    decay: float = 0.97  # of the rate, every two epochs
    average: float = 0.999  # weight of the past in the average of the weights
    batch_size: int = 100
    p: float = 0.5
    max_alpha: float = 0.7
    sizes: tuple[float, ...] = (0.05, 0.1, 0.2)  # of an attack, as shares of the range of grey values
    n_attacked: int = 2_000  # test images
    pictures: str = "cifar10"  # with digits over them
    classes: int = 10  # pictures and digits whose label is below this are used
    n_test_pictures: int = 10_000
    n_reader: int = 10_000  # pictures for the readers alone, under fresh digits in each epoch; 0 leaves pictures out
    reader_epochs: int = 20
    reader_lr: float = 0.05


PROFILES: dict[str, dict] = {
    "smoke": dict(data="mnist5k", n_train=200, n_validation=100, n_test=100, hidden=16, latents=8, betas=(0.2, 20.0), n_seeds=2, epochs=2, lr=0.001, average=0.9,
                  sizes=(0.1,), n_attacked=20, pictures="mnist5k", n_test_pictures=100, n_reader=100, reader_epochs=1),
    "quick": dict(data="mnist5k", n_train=1_500, n_validation=500, n_test=1_000, hidden=256, latents=64, betas=(0.25, 2.5, 25.0), n_seeds=1, epochs=16, lr=0.001, average=0.98,
                  sizes=(0.1,), n_attacked=500, pictures="mnist5k", n_reader=0),
    "reduced": dict(n_train=10_000, n_validation=2_000, n_test_pictures=5_000, betas=(1.0, 10.0, 100.0, 1_000.0), epochs=15, lr=5e-4, average=0.99, pictures="mnist",
                    classes=5, n_reader=5_000),
    "paper": dict(),
}  # fmt: skip


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    """Names and SHA-256 of the digits, and of the pictures under digits."""
    digits, below = vision.source(settings.data, root), occluded_nuisance.source(of_pictures(settings), root)
    return {"name": f"{digits['name']}; {below['name']}", "sha256": f"{digits['sha256']} {below['sha256']}"}


def stages(settings: Config) -> list[list[Cell]]:
    """Seed by seed, so that an unfinished record has whole seeds."""
    found: list[Cell] = []
    for seed in range(settings.n_seeds):
        free: list[Cell] = [dict(method=method) for method in FREE]
        priced: list[Cell] = [dict(method=method, beta=beta) for method in PRICED for beta in settings.betas]
        raw = [dict(part="nuisance", method="raw picture")]
        under = [dict(part="nuisance", **cell) for cell in (*free, *priced) if cell["method"] in ("none", "vib", "softplus")]
        on_digits = [dict(part="digits", **cell) for cell in (*free, *priced)]
        on_pictures = [*raw, *under] if settings.n_reader else []
        found += [dict(seed=seed, **cell) for cell in (*on_digits, *on_pictures)]
    return [found]


@on_threads(1)  # as in the record; on a laptop two threads would wait for each other
def run_cell(cell: Cell, context: Context[Config]) -> list[Row]:
    """Train one network and measure it; or train a reader on raw pictures."""
    if cell["part"] == "digits":
        return rows_of(on_digits(cell, context))
    return rows_of(of_nuisance(cell, context))


# The networks and their training


def network_of(settings: Config, method: str, n_inputs: int) -> NoisyNetwork:
    """Pixels to two hidden layers, to the units of the layer, to the logits.

    What all methods share is initialised first, so that they start from the same weights at one seed.
    """
    h, k = settings.hidden, settings.latents
    encoder = nn.Sequential(linear(n_inputs, h), nn.ReLU(), linear(h, h), nn.ReLU())
    first, head = linear(h, k), linear(k, 10)
    return NoisyNetwork(encoder, layer_of(settings, method, first, lambda: linear(h, k)), head)


def linear(n_in: int, n_out: int) -> nn.Linear:
    """A linear map with the authors' weights at the start: Glorot's, and biases of 0."""
    made = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(made.weight)
    nn.init.zeros_(made.bias)
    return made


def layer_of(settings: Config, method: str, first: nn.Module, second: Callable[[], nn.Module]) -> NoiseLayer:
    """The layer of a method: `first` gives its units, `second` makes what gives their noise."""
    softplus, relu = nn.Sequential(first, nn.Softplus()), nn.Sequential(first, nn.ReLU())
    if method == "vib":
        return VariationalBottleneck(first, second())
    if method == "softplus":
        return InformationDropout(softplus, second(), prior="log_normal", max_alpha=settings.max_alpha)
    if method == "relu":
        return InformationDropout(relu, second(), prior="log_uniform", max_alpha=settings.max_alpha)
    if method == "binary":
        return BinaryDropout(relu, settings.p)
    return Deterministic(relu if method == "none" else first)


def trained(
    settings: Config, method: str, data: Split, beta: float, seed: int, checkpoint: Path | None = None
) -> NoisyNetwork:
    """The average of the weights over the steps of Adam on eq. (3), in eval mode.

    A run that is killed goes on from its checkpoint, to the same bits. Each epoch has an order and noise of its own, which follow from the
    seed, so that all methods see the same order.
    """
    network = initialised(lambda: network_of(settings, method, data.x.shape[1]), seed).to(data.x.device)
    mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    both = nn.ModuleList([network, mean])
    optimiser = Adam(network.parameters(), lr=settings.lr, betas=(0.5, 0.999))
    done = 0
    if checkpoint is not None and checkpoint.exists():
        tensors, state = load_checkpoint(checkpoint)
        restore_run(tensors, both, optimiser)
        done = state["epochs"]
    with torch.random.fork_rng(devices=[data.x.device] if data.x.is_cuda else []):
        for epoch in range(done, settings.epochs):
            torch.manual_seed(derived_seed(seed, "noise", epoch))
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * settings.decay ** (epoch // 2)
            for batch in torch.randperm(len(data.x), generator=generator(seed, "order", epoch)).split(settings.batch_size):
                logits, kl_terms = network(data.x[batch])
                loss = information_bottleneck_loss(logits, data.y[batch], kl_terms, beta, n_train=len(data.x))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                mean.update_parameters(network)
            if checkpoint is not None:
                save_run(checkpoint, both, optimiser, {"epochs": epoch + 1})
    return cast(NoisyNetwork, mean.module).eval()


# Digits: what a network predicts, how sure it is, and how easily it is fooled


def on_digits(cell: Cell, context: Context[Config]) -> dict[str, float]:
    """Train a network on digits, and measure its predictions in each reading."""
    settings, seed, beta = context.settings, cell["seed"], cell.get("beta", 0.0)
    train, validation, test = digits(settings, context.root, context.device, seed)
    network = trained(settings, cell["method"], train, beta, seed, context.checkpoint(cell)).requires_grad_(False)
    torch.manual_seed(derived_seed(seed, "reading"))
    measured = {
        "train_error": error(log_predictive(network, train.x, 0), train.y),
        "validation_error": error(log_predictive(network, validation.x, 12), validation.y),
    }
    for name, draws in DRAWS.items():
        log_p = log_predictive(network, test.x, draws)
        measured |= {
            f"error_{name}": error(log_p, test.y),
            f"cross_entropy_{name}": nn.functional.nll_loss(log_p, test.y).item(),
            f"calibration_{name}": calibration_error(log_p, test.y),
        }
    read = slice(settings.n_attacked)
    for size, draws in ((MIDDLE, 1), *((size, 12) for size in settings.sizes)):
        x = attacked(network, test.x[read], test.y[read], size, draws)
        measured[f"attacked_{size:g}_by_{draws}"] = error(log_predictive(network, x, 12), test.y[read])
    z, kl = units_of(network, test.x)
    return measured | {"nats": kl, "total_correlation": total_correlation(z)}


@lru_cache(maxsize=2)
def digits(settings: Config, root: Path | str | None, device: torch.device, seed: int) -> tuple[Split, Split, Split]:
    """Training, validation and test digits as rows of pixels in [-1, 1]."""
    first, second, third = (Split(2 * split.x - 1, split.y) for split in splits(settings, root, device, seed, vision.flat))
    return first, second, third


def log_predictive(network: NoisyNetwork, x: Float[Tensor, "images pixels"], draws: int) -> Float[Tensor, "images 10"]:
    """The logarithm of the class probabilities, averaged over draws of the noise; with 0 draws those of a pass without noise."""
    encoder, layer, head = network.layers
    h = encoder(x)
    with noise(network, on=draws > 0):
        return averaged([head(layer(h)[0]) for _ in range(max(1, draws))]).log_softmax(1)


def error(log_p: Float[Tensor, "images classes"], y: Int[Tensor, " images"]) -> float:
    """Share of images whose most probable class is wrong."""
    return (log_p.argmax(1) != y).double().mean().item()


def calibration_error(log_p: Float[Tensor, "images classes"], y: Int[Tensor, " images"], bins: int = 15) -> float:
    """The expected calibration error (Guo et al. 2017): mean over images of |accuracy - confidence| of their bin.

    The confidence is the probability of the most probable class; the bins are equally wide. 0 for predictions that are right as often
    as they say.
    """
    confidence, guess = log_p.double().exp().max(1)
    surplus = (guess == y).double() - confidence
    at = (confidence * bins).long().clamp(max=bins - 1)
    return torch.zeros(bins, dtype=torch.float64, device=at.device).index_add(0, at, surplus).abs().sum().item() / len(y)


def attacked(
    network: NoisyNetwork, x: Float[Tensor, "images pixels"], y: Int[Tensor, " images"], size: float, draws: int
) -> Float[Tensor, "images pixels"]:
    """The images after one step of the fast gradient sign method (Goodfellow et al. 2015), still in [-1, 1].

    The step goes up the gradient of the averaged prediction's log odds against the true class. Its sign is that of the cross-entropy's gradient,
    since one grows with the other, and it does not underflow where the prediction is sure.

    Args:
        size: of the step, as a share of the range of a pixel.
        draws: of the noise, over which the prediction is averaged before the gradient. The gradient of one draw points partly at the noise.
    """
    x = x.clone().requires_grad_()
    log_p = log_predictive(network, x, draws)
    true = nn.functional.one_hot(y, log_p.shape[1]).bool()
    odds = log_p.masked_fill(true, -math.inf).logsumexp(1) - log_p[true]
    (gradient,) = torch.autograd.grad(odds.sum(), x)
    return (x + 2 * size * gradient.sign()).clamp(-1, 1).detach()


@torch.no_grad()
def units_of(network: NoisyNetwork, x: Float[Tensor, "images pixels"]) -> tuple[Float[Tensor, "images units"], float]:
    """One draw of z for each image, and the mean cost in nats per image."""
    with noise(network, on=True):
        z, kl = network.layers[1](network.layers[0](x))
    return z, kl.double().sum(1).mean().item()


def total_correlation(z: Float[Tensor, "images units"]) -> float:
    """The Gaussian total correlation of the units that vary, in nats, with the bias of the sample removed."""
    varying = z[:, z.std(0) > 1e-6].double()
    return float(gaussian_total_correlation(varying.T.cov(), n_samples=len(z)))


# Nuisance: pictures under a digit


def of_pictures(settings: Config) -> occluded_nuisance.Config:
    """Those of our settings that say which pictures are read, and how many."""
    alike = ("pictures", "classes", "n_train", "n_validation", "n_reader", "batch_size")
    same = {name: getattr(settings, name) for name in alike}
    return occluded_nuisance.Config(digits=settings.data, n_test=settings.n_test_pictures, **same)


def flattened(x: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images pixels"]:
    """Rows of pixels; of grey pictures, whose channels are equal, one channel."""
    grey = bool((x[:, :1] == x).all())
    return (x[:, :1] if grey else x).flatten(1)


class FlatDigits(occluded_nuisance.FreshDigits):
    """The batches of Fig. 4's readers, as rows of pixels."""

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "batch pixels"], Int[Tensor, " batch"]]]:
        return ((flattened(x), digit) for x, digit in super().__iter__())


class Reader(nn.Module):
    """A network with one hidden layer that reads the digit from z, drawn afresh in each pass: (logits, no KL)."""

    def __init__(self, frozen: Callable[[Tensor], Tensor], n_units: int, hidden: int = 256):
        super().__init__()
        self.frozen = frozen
        self.head = nn.Sequential(nn.BatchNorm1d(n_units), nn.Linear(n_units, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, x: Float[Tensor, "batch pixels"]) -> tuple[Float[Tensor, "batch 10"], list[Tensor]]:
        with torch.no_grad():
            z = self.frozen(x)
        return self.head(z), []


def of_nuisance(cell: Cell, context: Context[Config]) -> dict[str, float]:
    """Train a network on pictures under digits, and a reader of the digit on its z; or a reader on raw pictures."""
    settings, root, device, seed = context.settings, context.root, context.device, cell["seed"]
    pictures = occluded_nuisance.data(of_pictures(settings), root, seed)
    train, validation, test = (Split(flattened(split.x).to(device), split.y.to(device)) for split in pictures)
    measured: dict[str, float] = {}
    frozen: Callable[[Tensor], Tensor] = nn.Identity()
    n_units = test.x.shape[1]
    if cell["method"] != "raw picture":
        network = trained(settings, cell["method"], train, cell.get("beta", 0.0), seed, context.checkpoint(cell))
        network.requires_grad_(False)
        torch.manual_seed(derived_seed(seed, "reading"))
        measured = {
            "train_error": error(log_predictive(network, train.x, 0), train.y),
            "validation_error": error(log_predictive(network, validation.x, 12), validation.y),
            "error_twelve": error(log_predictive(network, test.x, 12), test.y),
            "nats": units_of(network, test.x)[1],
        }
        frozen, n_units = lambda x: units_of(network, x)[0], settings.latents
    reader, _ = vision.trained(
        lambda: Reader(frozen, n_units),
        FlatDigits(of_pictures(settings), root, seed, device),
        settings,
        beta=0.0,
        n_train=settings.n_reader,
        epochs=settings.reader_epochs,
        drops=(3 * settings.reader_epochs // 5, 9 * settings.reader_epochs // 10),
        lr=settings.reader_lr,
        seed=seed,
        device=device,
        checkpoint=context.checkpoint(cell, "reader"),
    )
    digit = pictures[2].digit.to(device)
    with torch.no_grad():
        log_p = reader(test.x)[0].log_softmax(1)
    told = occluded_nuisance.proven_information(digit, nn.functional.nll_loss(log_p, digit).item())
    return measured | {"nuisance_error": error(log_p, digit), "nuisance_information": told}


# Reading a record


def learnt(record: Record, part: str, method: str, beta: float | None = None) -> bool:
    """Whether every seed's network of a method, at one beta if it has one, has a training error of at most `LEARNED`."""
    which = {} if beta is None else {"beta": beta}
    errors = by_seed(record, "train_error", part=part, method=method, **which)
    return bool(errors) and max(errors) <= LEARNED


def chosen(record: Record, method: str, part: str = "digits") -> dict[int, float]:
    """For each seed, the beta of a method that the other seeds' held-out images choose."""
    return choice.chosen(record, "validation_error", part=part, method=method)


def at_chosen(record: Record, metric: str, method: str, part: str = "digits") -> list[float]:
    """By seed, a metric of a method at its chosen beta; none where a network there has not learnt."""
    if method in FREE:
        return by_seed(record, metric, part=part, method=method) if learnt(record, part, method) else []
    betas = chosen(record, method, part)
    if not all(learnt(record, part, method, beta) for beta in set(betas.values())):
        return []
    return [by_seed(record, metric, part=part, method=method, beta=beta, seed=seed)[0] for seed, beta in sorted(betas.items())]


def without_noise(record: Record) -> str:
    """Which of the two networks without noise has the smaller error on held-out images, averaged over the seeds."""
    held_out = {method: sum(by_seed(record, "validation_error", part="digits", method=method)) for method in ("none", "linear")}
    return min(held_out, key=lambda method: held_out[method])


def difference(record: Record, metric: str, left: str, right: str, scale: float = 1.0, part: str = "digits") -> list[float]:
    """By seed, a metric of one method minus that of another, each at its chosen beta; none where one has not learnt."""
    of_left, of_right = (at_chosen(record, metric, method, part) for method in (left, right))
    return paired_differences(of_left, of_right, scale) if of_left and of_right else []


def curve(record: Record, metric: str, method: str, seed: int, part: str = "digits") -> list[tuple[float, float]]:
    """(nats paid, metric) of a seed's networks of a method, by rising nats, at the betas at which all seeds' networks have learnt."""
    found = []
    for beta in record.config["betas"]:
        if learnt(record, part, method, beta):
            nats, value = (by_seed(record, name, part=part, method=method, beta=beta, seed=seed)[0] for name in ("nats", metric))
            found.append((nats, value))
    return sorted(found)


def common_nats(record: Record, methods: tuple[str, str], part: str = "digits") -> float | None:
    """The geometric middle of the nats that the networks of both methods span at every seed; None where they share none."""
    spans = [[nats for nats, _ in curve(record, "nats", method, seed, part)] for method in methods for seed in record.seeds]
    if min(map(len, spans)) < 2:
        return None
    low, high = max(map(min, spans)), min(map(max, spans))
    return math.sqrt(low * high) if 0 < low < high else None


def at_nats(record: Record, metric: str, method: str, nats: float, part: str = "digits") -> list[float]:
    """By seed, a metric where a method pays so many nats: between its networks, linear in the logarithm of the nats."""
    found = []
    for seed in record.seeds:
        paid, values = zip(*curve(record, metric, method, seed, part), strict=True)
        found.append(float(np.interp(math.log(nats), np.log(paid), values)))
    return found


def at_equal_nats(record: Record, metric: str, left: str, right: str, part: str = "digits") -> list[float]:
    """By seed, a metric of one method minus that of another where both pay `common_nats`; none where they share none."""
    nats = common_nats(record, (left, right), part)
    if nats is None:
        return []
    of_left, of_right = (at_nats(record, metric, method, nats, part) for method in (left, right))
    return paired_differences(of_left, of_right)


def regime(record: Record) -> str:
    """How many networks have learnt."""
    errors = [row["value"] for row in record.select(metric="train_error")]
    return f"{sum(each <= LEARNED for each in errors)} of {len(errors)} networks learnt to a training error of at most {LEARNED:.0%}"


OF_TWO = "Of the two networks without noise, ReLU units and linear ones, it is the one with the smaller held-out error."
CHOSEN = (
    "The beta of a method is the one with the smallest held-out error, averaged over the other seeds. The finding is void unless the networks "
    f"compared have a training error of at most {LEARNED:.0%}, noise off."
)

own_finding = partial(
    finding, unit="percentage points of test error", condition=CHOSEN, published="not in either paper", regime=regime
)
"""A finding about test errors at the chosen betas, unless said otherwise."""


@own_finding(
    where="Alemi et al. (2017), table 1", statement="The deep VIB has a lower error on MNIST than the network without noise.",
    condition=f"{OF_TWO} {CHOSEN}", published="1.13 against 1.38 %",
)  # fmt: skip
def vib_beats_none(record: Record) -> list[float]:
    """For each seed: the test error without noise minus that of the deep VIB, whose predictions are averaged over twelve
    draws. The claim holds if this is above 0."""
    return difference(record, "error_twelve", without_noise(record), "vib", 100.0)


@own_finding(
    where="Alemi et al. (2017), table 1", statement="The deep VIB has a lower error on MNIST than binary dropout.",
    published="1.13 against 1.34 %",
)  # fmt: skip
def vib_beats_binary(record: Record) -> list[float]:
    """For each seed: the test error of binary dropout at p = 0.5, noise off, minus that of the deep VIB, whose predictions
    are averaged over twelve draws. The claim holds if this is above 0."""
    left, right = at_chosen(record, "error_clean", "binary"), at_chosen(record, "error_twelve", "vib")
    return paired_differences(left, right, 100.0) if left and right else []


@own_finding(
    where="section 6", statement="Information Dropout (Softplus units) has a lower error on MNIST than the deep VIB.",
)  # fmt: skip
def dropout_beats_vib(record: Record) -> list[float]:
    """For each seed: the test error of the deep VIB minus that of Information Dropout, both averaged over twelve draws.
    The claim holds if this is above 0."""
    return difference(record, "error_twelve", "vib", "softplus", 100.0)


@own_finding(
    where="eq. (3)", statement="At equal cost in nats, the deep VIB has the lower cross-entropy.", unit="nats",
    condition=f"Networks count at the betas where all seeds have a training error of at most {LEARNED:.0%}; the finding is void if fewer than two of a method count.",
)  # fmt: skip
def vib_pays_less(record: Record) -> list[float]:
    """For each seed, where both layers pay the same nats: the test cross-entropy of Information Dropout (Softplus units)
    minus that of the deep VIB, both averaged over twelve draws. The nats are the geometric middle of those that the networks of
    both span, and each value lies between two networks, linear in the logarithm of the nats. The claim holds if this is above 0."""
    return at_equal_nats(record, "cross_entropy_twelve", "softplus", "vib")


@own_finding(
    where="Alemi et al. (2017), section 4", statement="In the deep VIB twelve draws have a lower error than one.",
    published="1.13 % with twelve draws",
)  # fmt: skip
def draws_help(record: Record) -> list[float]:
    """For each seed: the test error of the deep VIB with one draw of the noise minus that of predictions averaged over
    twelve. The claim holds if this is above 0."""
    one, twelve = (at_chosen(record, f"error_{name}", "vib") for name in ("one", "twelve"))
    return paired_differences(one, twelve, 100.0)


@own_finding(
    where="calibration", statement="The deep VIB is better calibrated than the network without noise.", unit="percentage points",
    condition=f"{OF_TWO} {CHOSEN}",
)  # fmt: skip
def vib_is_calibrated(record: Record) -> list[float]:
    """For each seed: the expected calibration error without noise minus that of the deep VIB, whose predictions are
    averaged over twelve draws. The claim holds if this is above 0."""
    return difference(record, "calibration_twelve", without_noise(record), "vib", 100.0)


@own_finding(
    where="Alemi et al. (2017), section 4.2", statement="The deep VIB resists fast gradient attacks better than the network without noise.", unit="percentage points of error under attack",
    condition=f"{OF_TWO} {CHOSEN}", published="more robust, and more so as beta grows",
)  # fmt: skip
def vib_resists(record: Record) -> list[float]:
    """For each seed, under attacks whose size is a tenth of the range of a pixel: the error without noise minus that of
    the deep VIB. Each attack follows the gradient of its own network's prediction, averaged over twelve draws. The claim holds
    if this is above 0."""
    return difference(record, f"attacked_{MIDDLE:g}_by_12", without_noise(record), "vib", 100.0)


@own_finding(
    where="Fig. 4", statement="In the deep VIB, too, less is left of the nuisance as beta grows.", unit="nats",
    condition=f"The larger beta is the largest one at which all seeds' networks have a training error of at most {LEARNED:.0%}. The finding is void unless the smallest is another one, or if "
    f"the reader's error on raw pictures is not below {READS:.0%} at every seed.",
    published="Fig. 4 shows Information Dropout",
)  # fmt: skip
def vib_forgets_the_digit(record: Record) -> list[float]:
    """For each seed: the nats about the digit on top that a reader proves in z at the smallest beta minus those at a
    larger beta. The claim holds if this is above 0."""
    return forgets(record, "vib")


@own_finding(
    where="Fig. 4", statement="At the chosen beta the deep VIB keeps less of the nuisance than Information Dropout (Softplus units).", unit="nats",
    condition=f"{CHOSEN} It is also void if the reader's error on raw pictures is not below {READS:.0%} at every seed.",
)  # fmt: skip
def vib_keeps_less(record: Record) -> list[float]:
    """For each seed: the nats about the digit on top that a reader proves in z of Information Dropout minus those in z of
    the deep VIB. The claim holds if this is above 0."""
    return difference(record, "nuisance_information", "softplus", "vib", part="nuisance") if readable(record) else []


def readable(record: Record) -> bool:
    """Whether the reader of every seed reads the digit in the raw picture: where one cannot, its failure on z says nothing."""
    errors = by_seed(record, "nuisance_error", method="raw picture")
    return bool(errors) and max(errors) < READS


def forgets(record: Record, method: str) -> list[float]:
    """By seed, the nats about the digit at the smallest beta minus those at the largest at which all networks have learnt."""
    betas = [beta for beta in sorted(record.config["betas"]) if learnt(record, "nuisance", method, beta)]
    if len(betas) < 2 or betas[0] != min(record.config["betas"]) or not readable(record):
        return []
    first, last = (by_seed(record, "nuisance_information", part="nuisance", method=method, beta=beta) for beta in (betas[0], betas[-1]))
    return paired_differences(first, last)


FINDINGS = (
    vib_beats_none, vib_beats_binary, dropout_beats_vib, vib_pays_less, draws_help, vib_is_calibrated, vib_resists, vib_forgets_the_digit,
    vib_keeps_less,
)  # fmt: skip
