"""Figs 2 and 7: where in a cluttered image All-CNN-96 lets information through, as beta grows.

The map of a noise layer is its KL, summed over channels, at each place. We know where the digit and the distractors are, so a map can be
scored. The score of a layer is the mean nats on distractors divided by the mean nats on the digit, both above the minimum of the image's
map (`map_scores.distractor_share`). It is judged against the best blind map, which knows places and no image: 0.55 for these sizes.
The area under the ROC curve (AUROC) of the digit's box is recorded too; in the third layer it saturates.

Each seed has digits of its own. Every epoch shows each of them once, at a new place and in new clutter. A network has learned if its
training error is at most 10 %; only the maps of networks that have learned count. The test images decide nothing but the test error.
A second sweep holds beta and varies the cap on alpha, since the paper says that noise left to grow generalises badly.

The profile `authors` has the settings of the authors' code at the size of `reduced`: batch norm without a scale, a last layer of 10 -> 10
units, cap 1, learning rate 0.01, batches of 128. Their beta is 0.5 on 50,000 images, so a nat weighs 1e-5, as at beta = 0.1 here. Their
batch norm is never told that training has ended, and reads test images in batches; ours has statistics of clean passes.

The smallest effect that a run can detect is the half-width of its interval: 2.48 times the standard deviation over three seeds. The first
record (5,000 images in fixed clutter, 12 epochs) has standard deviations of 0.016, 0.036 and 0.020 for the AUROC of layers 1, 2 and 3 at
beta = 0.1, and of 0.93 percentage points for the test error at one cap minus that at another. So three seeds detect 0.04, 0.09 and 0.05 of
AUROC, and 2.3 points of error. It has no distractor shares, and the weights of one seed only, so their spread is unknown. In that seed the
shares at the smallest and at the largest beta that count are 0.91 and 0.80, 0.39 and 0.24, 0.07 and 0.09, layer by layer.

One thread without bfloat16 takes 6.7 ms for an image with Information Dropout and 5.3 ms without, forward and backward, and 0.6 ms to draw it
(measured on two epochs). So a network of `reduced` takes 0.6 core-hours, the whole run 13, and `authors` 5.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from data_gen import Cluttered, cluttered
from ib_tutorial.experiments import vision
from ib_tutorial.experiments.comparisons import by_seed, paired_differences
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.map_scores import auroc, blind_share, distractor_share
from ib_tutorial.experiments.record import Cell, Record, Row, crossed, rows_of
from ib_tutorial.experiments.vision import check_enough, first_classes, images, kl_per_layer, shrunk, subset, trained
from ib_tutorial.nn import NoisyNetwork, all_cnn_96, batch_norm
from ib_tutorial.training import evaluate, reading

NAME = "information_maps"

LEARNED = 0.10
"""A network has learned if its training error, noise off, is at most this; the maps of others do not count."""

SHOWN_LAYERS = (1, 2, 3)
"""The layers of Figs 2 and 7: 48x48, 24x24 and 12x12."""


@dataclass(frozen=True)
class Config:
    """The paper's data (50,000 and 10,000 images of 96x96, 21 distractors); the authors' code for training (80 epochs, lr 0.01,
    drops at 30 and 60, batches of 128)."""

    digits: str = "mnist"
    n_train: int = 50_000
    n_validation: int = 5_000
    n_test: int = 10_000
    classes: int = 10  # digits below this number are used, to train, to test and to cut distractors from
    shrink: int = 1  # digits, distractors and canvas are this many times smaller than the paper's
    n_distractors: int = 21
    width: float = 1.0
    betas: tuple[float, ...] = (0.01, 0.1, 0.5, 2.5)  # beta / N: 2e-7, 2e-6, the authors' 1e-5, 5e-5
    caps: tuple[float, ...] = (0.35, 1.0)  # besides 0.7, at cap_beta
    cap_beta: float = 0.5
    n_seeds: int = 3
    epochs: int = 80
    drops: tuple[int, ...] = (30, 60)
    lr: float = 0.01
    batch_size: int = 128
    weight_decay: float = 0.0
    max_alpha: float = 0.7
    variant: Literal["paper", "code"] = "paper"
    n_maps: int = 1_000  # test images whose maps are scored
    kept: int = 1  # seeds whose networks are kept for the book
    without_noise: bool = True  # train such a network for each seed too, to compare errors with

    @property
    def size(self) -> int:
        """Side of the canvas, in pixels."""
        return 96 // self.shrink


REDUCED = dict(
    n_train=10_000, n_validation=1_000, n_test=2_000, width=0.25, betas=(0.002, 0.02, 0.1, 0.5), cap_beta=0.1, epochs=30, drops=(18, 26),
    lr=0.05, batch_size=50,
)  # fmt: skip

PROFILES: dict[str, dict] = {
    "smoke": dict(
        digits="mnist5k", n_train=48, n_validation=16, n_test=32, shrink=2, width=0.1, betas=(0.1, 10.0), caps=(1.0,), cap_beta=0.1,
        n_seeds=2, epochs=1, drops=(), batch_size=16, n_maps=32,
    ),
    "quick": dict(  # two digits, which a network learns within seconds: to learn ten takes ten times as many images
        digits="mnist5k", n_train=700, n_validation=80, n_test=150, classes=2, shrink=2, width=0.25, betas=(0.003,), caps=(), n_seeds=1,
        epochs=5, drops=(4,), lr=0.05, batch_size=20, n_maps=150, without_noise=False,
    ),
    "reduced": REDUCED,
    "paper": dict(),
    "authors": REDUCED | dict(betas=(0.02, 0.1), caps=(), lr=0.01, batch_size=128, max_alpha=1.0, variant="code"),
}  # fmt: skip


class Digits(NamedTuple):
    images: UInt8[Tensor, "n height width 1"]
    labels: Int64[Tensor, " n"]


@lru_cache(maxsize=2)
def digits(settings: Config, root: Path | str | None, seed: int) -> tuple[Digits, Digits, Digits]:
    """Digits to train on, digits of the same split that are held out, both drawn by the seed, and test digits, the same for all seeds.

    Raises:
        ValueError: a split has fewer images than the settings need.
    """
    train, test = (first_classes(images(settings.digits, split, root), settings.classes) for split in ("train", "test"))
    needed = settings.n_train + settings.n_validation
    check_enough(settings.digits, train=(len(train.images), needed), test=(len(test.images), settings.n_test))
    drawn, held_out = subset(len(train.images), needed, seed).split([settings.n_train, settings.n_validation])
    parts = ((train, drawn), (train, held_out), (test, slice(settings.n_test)))
    first, second, third = (Digits(shrunk(split.images[part], settings.shrink), split.labels[part]) for split, part in parts)
    return first, second, third


class FreshClutter:
    """Training images in batches. Each epoch shows every digit once, at a new place and in new clutter drawn from (seed, epoch, index)."""

    def __init__(self, of: Digits, settings: Config, seed: int):
        self.of, self.settings, self.seed = of, settings, seed
        self.epoch = 0
        pixels = self.drawn(min(len(of.images), 1_000)).images.float()
        self.mean, self.std = pixels.mean(), pixels.std()

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def drawn(self, n: int, start: int = 0) -> Cluttered:
        """Images start ... start + n - 1 of the epoch."""
        return clutter(self.of, self.settings, n, self.seed, start, self.epoch)

    def standardised(self, pixels: UInt8[Tensor, "n height width 1"]) -> Float[Tensor, "n 1 height width"]:
        """Images with the mean and the standard deviation of the training pixels removed."""
        return ((pixels.float() - self.mean) / self.std).permute(0, 3, 1, 2)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n, size = len(self.of.images), self.settings.batch_size
        for start in range(0, n, size):
            made = self.drawn(min(size, n - start), start)
            yield self.standardised(made.images), made.labels


def clutter(of: Digits, settings: Config, n: int, seed: int, start: int = 0, epoch: int = 0) -> Cluttered:
    """Cluttered images of these digits; the distractors are pieces of the same digits."""
    return cluttered(
        *of, n=n, size=settings.size, n_distractors=settings.n_distractors, distractor=8 // settings.shrink, seed=seed,
        start=start, epoch=epoch,
    )  # fmt: skip


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    return vision.source(settings.digits, root)


def stages(settings: Config) -> list[list[Cell]]:
    """The sweep of beta at the paper's cap, then that of the cap at one beta, and networks without noise to compare errors with."""
    seeds = range(settings.n_seeds)
    cap = settings.max_alpha
    swept = crossed(method=["information"], seed=seeds, beta=settings.betas, cap=[cap])
    capped = crossed(method=["information"], seed=seeds, beta=[settings.cap_beta], cap=settings.caps)
    return [swept, capped + crossed(method=["none"], seed=seeds if settings.without_noise else ())]


def run_cell(cell: Cell, context: Context[Config]) -> tuple[list[Row], dict[str, Tensor]]:
    """Train one network; measure its errors, the nats per layer, and the scores of its maps. Returns rows, and weights to keep."""
    settings, device = context.settings, context.device
    beta, seed = cell.get("beta", 0.0), cell["seed"]
    of_training, held_out, of_test = digits(settings, context.root, seed)
    fresh = FreshClutter(of_training, settings, seed)
    fresh.set_epoch(settings.epochs - 1)  # for a run that resumes after its last epoch
    network, history = trained(
        partial(build, settings, cell),
        fresh,
        settings,
        beta=beta,
        n_train=settings.n_train,
        seed=seed,
        device=device,
        checkpoint=context.checkpoint(cell),
    )

    def errors(made: Cluttered, **how):
        return evaluate(network, fresh.standardised(made.images).to(device), made.labels.to(device), batch_size=250, **how)

    test = clutter(of_test, settings, settings.n_test, seed=0)
    on_test = errors(test)
    measured = {
        "effective_beta": beta / settings.n_train,
        "train_error": errors(fresh.drawn(min(settings.n_train, settings.n_test))).error,
        "validation_error": errors(clutter(held_out, settings, settings.n_validation, seed)).error,
        "test_error": on_test.error,
        "test_error_noisy": errors(test, noisy=True).error,
        "test_cross_entropy": on_test.cross_entropy,
        "train_kl": history[-1].kl,
    }
    if cell["method"] == "none":
        return rows_of(measured), {}
    x, *known = (each[: settings.n_maps] for each in (test.images, test.box, test.distractors))
    ready = fresh.standardised(x).to(device)
    for layer, (nats, _) in enumerate(kl_per_layer(network, ready, batch_size=250), start=1):
        measured[f"kl_{layer}"] = nats
    for layer, found in enumerate(information_maps(network, ready), start=1):
        if layer in SHOWN_LAYERS:  # on a coarser map a box can hold no place, and the score is not defined
            measured[f"auroc_{layer}"] = auroc(found.cpu(), known[0], settings.size).mean().item()
            measured[f"distractor_share_{layer}"] = distractor_share(found.cpu(), x, *known)
    return rows_of(measured), kept_weights(network, settings, cell)


def build(settings: Config, cell: Cell) -> NoisyNetwork:
    return all_cnn_96(
        cell["method"], width=settings.width, max_alpha=cell.get("cap", settings.max_alpha), variant=settings.variant
    )


def kept_weights(network: NoisyNetwork, settings: Config, cell: Cell) -> dict[str, Tensor]:
    """The weights of a network that the book shows maps of, in half precision; none where it shows none."""
    if cell["seed"] >= settings.kept or cell["cap"] != settings.max_alpha:
        return {}
    return {
        f"{cell['beta']:g}/{name}": value.half()
        for name, value in (network.state_dict() | batch_norm.kept(network)).items()
        if value.is_floating_point()
    }


@torch.no_grad()
def information_maps(
    network: NoisyNetwork, x: Float[Tensor, "images 1 height width"], batch_size: int = 250
) -> list[Float[Tensor, "images rows columns"]]:
    """Per noise layer, nats at each place: the KL summed over channels, noise off in the layers below, so that a map is repeatable."""
    with reading(network):
        batches = [[kl.sum(1) for kl in network(batch)[1]] for batch in x.split(batch_size)]
    return [torch.cat(layer) for layer in zip(*batches, strict=True)]


def counting_betas(record: Record) -> list[float]:
    """The betas whose networks have all learned; one that has not been run does not count."""
    cap = record.config["max_alpha"]
    errors = {beta: by_seed(record, "train_error", beta=beta, cap=cap) for beta in sorted(record.config["betas"])}
    return [beta for beta, values in errors.items() if values and max(values) <= LEARNED]


def shares(record: Record, layer: int, beta: float) -> list[float]:
    """By seed, nats on distractors over nats on the digit in one layer, at the cap of the sweep."""
    return by_seed(record, f"distractor_share_{layer}", beta=beta, cap=record.config["max_alpha"])


def blind(record: Record, layer: int) -> float:
    """The share of the best blind map of a layer."""
    times = record.config.get("shrink", 1)  # records of format 1 have the paper's size
    pieces = record.config.get("n_distractors", 21)
    return blind_share(96 // times // 2**layer, 96 // times, 28 // times, pieces, 8 // times)


CONDITION = f"A beta counts if all of its networks have a training error of at most {LEARNED:.0%}."
SHARE = "The share of a map is its mean on the distractors divided by its mean on the digit, both in nats above the minimum of the map."
map_finding = partial(finding, where="Figs 2, 7", unit="share", since=2)


def localises(record: Record, layer: int) -> list[float]:
    """For each seed, at the largest beta that counts: the share of the best map that does not see the image minus the
    share of the map of layer {layer}. The claim holds if this is above 0."""
    betas = counting_betas(record)
    return [blind(record, layer) - share for share in shares(record, layer, betas[-1])] if betas else []


def drops_distractors(record: Record, layer: int) -> list[float]:
    """For each seed: the share of layer {layer} at the smallest beta that counts minus its share at the largest. The
    claim holds if this is above 0."""
    betas = counting_betas(record)
    return paired_differences(shares(record, layer, betas[0]), shares(record, layer, betas[-1])) if len(betas) > 1 else []


@finding(
    where="section 8",
    statement="Letting the variance of the noise grow excessively leads to poor generalisation.",
    unit="percentage points of test error",
    comment="In the first record the larger caps were 1.4 and 2. Their training error was as high as their test error, so those "
    "networks had not learned. At half the usual cap the error was lower.",
)
def large_cap_hurts(record: Record) -> list[float]:
    """For each seed, at one beta and with the noise off: the test error at the largest cap minus that at a cap of 0.7.
    The claim holds if this is above 0. The finding is void if a network of either cap has a training error above
    {LEARNED:.0%}."""
    caps, beta = record.config["caps"], record.config["cap_beta"]
    if not caps:
        return []
    pair = max(caps), record.config["max_alpha"]
    train, test = ([by_seed(record, metric, beta=beta, cap=cap) for cap in pair] for metric in ("train_error", "test_error"))
    return paired_differences(test[0], test[1], 100.0) if max(map(max, train)) <= LEARNED else []


FINDINGS = (
    *(
        map_finding(
            statement=f"The map of noise layer {layer} alone tells where the digit is.",
            given=dict(layer=layer),
            condition=f"{SHARE} {CONDITION} If no beta counts, the finding is void.",
        )(localises)
        for layer in SHOWN_LAYERS
    ),
    *(
        map_finding(
            statement=f"A small beta lets distractors through noise layer {layer}; a larger one drops them.",
            given=dict(layer=layer),
            condition=f"{SHARE} {CONDITION} With fewer than two such betas the finding is void.",
        )(drops_distractors)
        for layer in SHOWN_LAYERS
    ),
    large_cap_hurts,
)
