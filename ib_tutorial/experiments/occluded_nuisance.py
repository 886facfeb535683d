"""Fig. 4: what a network that classifies the picture still tells about the digit painted over it.

A main network (All-CNN-32) learns the picture's class at several beta. It is frozen, and a second network, Table 2's last three
convolutions, learns the digit's class from the output of its last noise layer: noisy, with fresh noise in each batch, and once more
without noise. The same second network on the raw image (its pixels folded into the same 8x8 places, none lost) says how well the
digit can be read at all. The cross-entropy of a classifier bounds from below what its input tells about the digit:
I(z; n) >= H(n) - E[-log q(n|z)].
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from data_gen import occluded
from ib_tutorial.experiments.convolutional import (
    Split,
    by_seed,
    chosen_beta,
    images,
    kl_per_layer,
    rank_correlation,
    rows_of,
    standardised,
    subset,
    trained,
    work_of,
)
from ib_tutorial.experiments.enough import check_enough
from ib_tutorial.experiments.ledger import Finding, paired_differences
from ib_tutorial.experiments.record import Cell, Record, Row
from ib_tutorial.experiments.work import Work
from ib_tutorial.nn import NoisyNetwork, all_cnn_32, classifier_head, noise
from ib_tutorial.training import evaluate, fit, initialised

NAME = "occluded_nuisance"
SHOWS = "Fig. 4: the picture's class and the occluding digit's, from one representation, as beta grows"


@dataclass(frozen=True)
class Config:
    """The paper's settings where it states them (ReLU units; 200 epochs, lr 0.05, drops at 80, 120 and 160)."""

    pictures: str = "cifar10"
    digits: str = "mnist"
    n_train: int = 45_000
    n_validation: int = 5_000  # of the training images, to choose beta on
    n_test: int = 10_000
    width: float = 1.0
    betas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    n_seeds: int = 3
    epochs: int = 200
    drops: tuple[int, ...] = (80, 120, 160)
    lr: float = 0.05
    batch_size: int = 100
    weight_decay: float = 0.0
    max_alpha: float = 0.7
    nuisance_epochs: int = 60
    nuisance_drops: tuple[int, ...] = (40, 55)
    nuisance_lr: float = 0.05


PROFILES: dict[str, dict] = {
    "smoke": dict(
        pictures="shapes32", digits="mnist5k", n_train=64, n_validation=40, n_test=60, width=0.04, betas=(0.1, 10.0), n_seeds=2,
        epochs=1, drops=(), batch_size=32, nuisance_epochs=1, nuisance_drops=(),
    ),
    "quick": dict(
        pictures="shapes32", digits="mnist5k", n_train=600, n_validation=300, n_test=500, width=0.0833, betas=(0.03, 3.0),
        n_seeds=1, epochs=6, drops=(4, 5), batch_size=25, nuisance_epochs=4, nuisance_drops=(3,),
    ),
    "reduced": dict(
        n_train=3_000, n_validation=2_000, width=0.25, betas=(0.001, 0.01, 0.03, 0.1, 0.3, 1.0), epochs=40, drops=(20, 32), batch_size=50,
        nuisance_epochs=25, nuisance_drops=(15, 22),
    ),
    "paper": dict(),
}  # fmt: skip


class OccludedSplit(NamedTuple):
    x: Float[Tensor, "images 3 32 32"]
    y: Int[Tensor, " images"]
    digit: Int[Tensor, " images"]


@lru_cache(maxsize=2)
def data(settings: Config, root: str | None, seed: int = 0) -> tuple[OccludedSplit, OccludedSplit, OccludedSplit]:
    """Training, validation and test pictures with a digit over each: train digits over train pictures, test over test.

    Each seed draws its own training and validation pictures, and the digits over them; the test pictures are the same for all.
    """
    end = settings.n_train + settings.n_validation
    splits = []
    for split, n, own in (("train", end, seed), ("test", settings.n_test, 0)):
        pictures, digits = images(settings.pictures, split, root), images(settings.digits, split, root)
        check_enough(settings.pictures, **{split: (len(pictures.images), n)})
        chosen = subset(len(pictures.images), n, own) if split == "train" else slice(n)
        splits.append(
            occluded(pictures.images[chosen], pictures.labels[chosen], digits.images, digits.labels, seed=own)
        )
    train, test = splits
    pixels = standardised(train.images[: settings.n_train], train.images[settings.n_train :], test.images)
    labels = (train.labels[: settings.n_train], train.labels[settings.n_train :], test.labels)
    digits = (train.digit_labels[: settings.n_train], train.digit_labels[settings.n_train :], test.digit_labels)
    return tuple(OccludedSplit(*parts) for parts in zip(pixels, labels, digits, strict=True))


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    """Names and SHA-256 of the pictures and of the digits over them."""
    folder = None if root is None else str(root)
    pictures, digits = (images(name, "train", folder).source for name in (settings.pictures, settings.digits))
    return {"name": f"{pictures.name} under {digits.name}", "sha256": f"{pictures.sha256} {digits.sha256}"}


def stages(settings: Config) -> list[list[Cell]]:
    """The ceiling (digit and picture from the raw image), and one main network per beta and seed, with its two readers."""
    seeds = range(settings.n_seeds)
    ceiling = [dict(method="raw image", seed=seed) for seed in seeds]
    swept = [dict(method="information", seed=seed, beta=beta) for seed in seeds for beta in settings.betas]
    return [ceiling + [dict(method="none", seed=seed) for seed in seeds] + swept]


def work(settings: Config) -> Work:
    """What all cells of the grid compute: the main networks, then the readers of the digit, two of each main network."""

    def main(method: str) -> NoisyNetwork:
        return all_cnn_32(method, width=settings.width)

    def reader(method: str) -> Reader:
        frozen, n_in = (RawImage(), 48) if method == "raw image" else (main(method), round(192 * settings.width))
        return Reader(frozen, n_in, round(192 * settings.width), noisy=True)

    (cells,) = stages(settings)
    methods = [(cell["method"],) for cell in cells]
    networks = [which for which in methods if which != ("raw image",)]
    shape = (3, 32, 32)
    return work_of(settings, main, networks, shape) + work_of(
        settings, reader, methods + networks, shape, settings.nuisance_epochs
    )


def run_cell(settings: Config, root: Path | str | None, earlier: Record, device: torch.device, cell: Cell) -> list[Row]:
    """Train a main network and the readers of its representation; or a reader of the raw image."""
    splits = data(settings, None if root is None else str(root), cell["seed"])
    train, validation, test = (OccludedSplit(*(part.to(device) for part in split)) for split in splits)
    seed = cell["seed"]
    if cell["method"] == "raw image":
        read = nuisance_reading(
            settings, RawImage(), train, test, seed, noisy=False, checkpoint=earlier.checkpoint(cell)
        )
        return rows_of({f"nuisance_{name}": value for name, value in read.items()})

    beta = cell.get("beta", 0.0)
    network, kl = trained(
        lambda: all_cnn_32(cell["method"], width=settings.width, max_alpha=settings.max_alpha),
        Split(train.x, train.y),
        settings,
        beta=beta,
        seed=seed,
        checkpoint=earlier.checkpoint(cell),
    )
    on_test = evaluate(network, test.x, test.y)
    measured = {
        "effective_beta": beta / settings.n_train,
        "train_error": evaluate(network, train.x, train.y).error,
        "validation_error": evaluate(network, validation.x, validation.y).error,
        "test_error": on_test.error,
        "test_error_noisy": evaluate(network, test.x, test.y, noisy=True).error,
        "test_cross_entropy": on_test.cross_entropy,
        "train_kl": kl,
    }
    for layer, (nats, _) in enumerate(kl_per_layer(network, test.x), start=1):
        measured[f"kl_{layer}"] = nats
    for name, noisy in (("noisy", True), ("clean", False)):
        read = nuisance_reading(settings, network, train, test, seed, noisy, earlier.checkpoint(cell, name))
        measured |= {f"nuisance_{metric}_{name}": value for metric, value in read.items()}
    return rows_of(measured)


class RawImage(nn.Module):
    """In the place of a main network: the image itself, brought to the 8x8 places of the last noise layer, nothing lost."""

    def representation(self, x: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, Tensor]:
        places = nn.functional.pixel_unshuffle(x, x.shape[-1] // 8)
        return places, places


class Reader(nn.Module):
    """Table 2's last three convolutions on a frozen network's last noisy units: (logits of the nuisance, no KL)."""

    def __init__(self, frozen: nn.Module, n_in: int, width: int, noisy: bool):
        super().__init__()
        self.frozen = [frozen]  # in a list, so that its parameters are not this module's
        self.noisy = noisy
        self.head = nn.Sequential(*classifier_head(n_in, width, 10))

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch 10"], list[Tensor]]:
        frozen = self.frozen[0].eval()
        with noise(frozen, on=self.noisy):
            _, z = frozen.representation(x)
        return self.head(z), []


def nuisance_reading(
    settings: Config,
    network: nn.Module,
    train: OccludedSplit,
    test: OccludedSplit,
    seed: int,
    noisy: bool,
    checkpoint: Path | None,
) -> dict[str, float]:
    """Error, cross-entropy and the bound on I(z; n) of a reader of the digit that is trained to convergence.

    The bound is H(n) of the test digits' classes minus the reader's cross-entropy: in nats, and below I(z; n) up to the error of
    estimating both on the test set. A reader that has overfitted gives a weaker bound, never a false one.
    """
    _, z = network.representation(test.x[:1])
    width = round(192 * settings.width)
    reader = initialised(lambda: Reader(network, z.shape[1], width, noisy), seed).to(train.x.device)
    history = fit(
        reader,
        train.x,
        train.digit,
        epochs=settings.nuisance_epochs,
        drops=settings.nuisance_drops,
        lr=settings.nuisance_lr,
        batch_size=settings.batch_size,
        seed=seed,
        checkpoint=checkpoint,
        progress=False,
    )
    result = evaluate(reader, test.x, test.digit)
    shares = torch.bincount(test.digit, minlength=10).double() / len(test.digit)
    entropy = -(shares * shares.clamp(min=1e-300).log()).sum().item()
    return {
        "error": result.error,
        "cross_entropy": result.cross_entropy,
        "information": max(0.0, entropy - result.cross_entropy),
        "train_cross_entropy": history[-1].cross_entropy,
    }


def smallest_minus_chosen(record: Record, metric: str) -> list[float]:
    """By seed, `metric` at the smallest beta minus at the beta chosen on held-out images, in percentage points."""
    smallest, chosen = min(record.config["betas"]), chosen_beta(record)
    return paired_differences(by_seed(record, metric, beta=smallest), by_seed(record, metric, beta=chosen), 100.0)


FINDINGS = (
    Finding(
        name="occluded_nuisance.nuisance_gets_harder",
        experiment=NAME,
        where="Fig. 4",
        statement="As beta grows, the nuisance is classified worse from the noisy representation.",
        test="By seed, Spearman's rank correlation between beta and the digit's error, read from the noisy representation, is above 0.",
        unit="rank correlation",
        values=lambda record: rank_correlation(record, "nuisance_error_noisy"),
        comment="The error rises towards guessing and stops well short of it: at the cap the noise grows no more, and units that "
        "are zero are passed on as they are (chapter 10).",
    ),
    Finding(
        name="occluded_nuisance.fewer_nats",
        experiment=NAME,
        where="Fig. 4",
        statement="As beta grows, the noisy representation tells fewer nats about the nuisance.",
        test="By seed, minus Spearman's rank correlation between beta and the lower bound on I(z; n), read from the noisy "
        "representation, is above 0.",
        unit="rank correlation",
        values=lambda record: [-r for r in rank_correlation(record, "nuisance_information_noisy")],
        comment="A reader that overfits proves less than there is, and ours overfits most at small beta: the fall is larger than "
        "it looks. It is a lower bound all the same, and proves no invariance.",
    ),
    Finding(
        name="occluded_nuisance.clean_units_too",
        experiment=NAME,
        where="Fig. 4",
        statement="The units themselves become invariant: without noise, too, the nuisance is classified worse as beta grows.",
        test="By seed, Spearman's rank correlation between beta and the digit's error, read from the representation without noise, "
        "is above 0.",
        unit="rank correlation",
        values=lambda record: rank_correlation(record, "nuisance_error_clean"),
        comment="It rises less than with the noise on, and hardly at all over the larger betas. Part of the invariance that Fig. "
        "4 shows is the noise's, and not the units'.",
    ),
    Finding(
        name="occluded_nuisance.main_task_improves",
        experiment=NAME,
        where="Fig. 4",
        statement="As beta grows, the main task first gets better (noise off, D).",
        test="By seed, test error at the smallest beta minus that at the beta with the least validation error (mean over seeds) is "
        "above 0.",
        unit="percentage points of test error",
        values=lambda record: smallest_minus_chosen(record, "test_error"),
        comment="At the smallest beta, as without noise, the network fits its training images all but perfectly; the gain is that "
        "of a network which no longer can.",
    ),
    Finding(
        name="occluded_nuisance.main_task_improves_noisy",
        experiment=NAME,
        where="Fig. 4",
        statement="As beta grows, the main task first gets better (noise on, N).",
        test="The same, for the test error of the noisy representation.",
        unit="percentage points of test error",
        values=lambda record: smallest_minus_chosen(record, "test_error_noisy"),
        comment="With one draw of the noise at test time the picture is read about as badly as without regularisation: what is "
        "gained by training with noise is spent on reading through it.",
    ),
)
